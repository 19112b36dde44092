package io.mirrorregistry.registry.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.http.AddressGuard;
import io.mirrorregistry.registry.http.HttpClients;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.TokenService;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.hc.client5.http.SystemDefaultDnsResolver;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class AuthorizerTest {

    private static final int FOUR_MEGABYTES = 4 * 1024 * 1024;

    private final TokenService service = TokenService.start();
    private final URI url = URI.create(service.url());
    private final RegistrySettings settings = new RegistrySettings("hot", url, Account.NONE, Map.of("User-Agent", "test"), BlobsMode.AUTO, url,
            Duration.ofSeconds(10), Duration.ofSeconds(10), Duration.ZERO, List.of(), List.of(), null, List.of(), "", false, null);
    private final MirrorIdentity self = new MirrorIdentity();
    private final AddressGuard guard = new AddressGuard(url, self, SystemDefaultDnsResolver.INSTANCE);
    private final CloseableHttpClient http = HttpClients.create(settings, HttpClients.pool(settings, 10, guard), guard, self);
    private final Authorizer authorizer = new Authorizer("hot", Account.NONE,
            new io.mirrorregistry.registry.auth.TokenService(settings, http, new Metrics(new SimpleMeterRegistry()), new AccountStatus("hot", Account.NONE)));

    @AfterEach
    void stop() throws Exception {
        http.close();
        service.close();
    }

    private static CallTime time() {
        return new CallTime(Duration.ofSeconds(10), null);
    }

    private String ask(String repository) throws Exception {
        List<Challenge> challenges = Challenge.parse(List.of("Bearer realm=\"" + service.realm() + "\""));
        return authorizer.answer(challenges, scope(repository), null, time());
    }

    private static TokenScope scope(String repository) {
        return TokenScope.pull(new RepositoryName(repository));
    }

    private void answerWith(String json) {
        service.heal();
        service.fault(Fault.instead((call, answer) -> answer.with(Body.of(json))));
    }

    @Test
    void tokensOfManyRepositoriesTakeAtMostFourMegabytes() throws Exception {
        int length = 4800;
        answerWith("{\"token\":\"" + "x".repeat(length) + "\"}");
        int asked = 2000;
        for (int i = 0; i < asked; i++) {
            assertNotNull(ask("library/app-" + i));
        }
        long kept = 0;
        for (int i = 0; i < asked; i++) {
            kept += authorizer.known(scope("library/app-" + i)) == null ? 0 : 1;
        }
        assertTrue(kept > 100, kept + " tokens are kept");
        assertTrue(kept * length < FOUR_MEGABYTES, kept + " tokens are kept");
    }

    @Test
    void aTokenServicesAnswerHasAtMostSixteenKilobytes() throws Exception {
        String token = "{\"token\":\"t\"}";
        answerWith(token + " ".repeat(16 * 1024 - token.length()));
        assertEquals("Bearer t", ask("library/short"));
        answerWith(token + " ".repeat(16 * 1024 + 1 - token.length()));
        assertThrows(RegistryTroubleException.class, () -> ask("library/long"));
        assertNull(authorizer.known(scope("library/long")));
    }

    @Test
    void presentsANewPasswordAndWarnsAgainWhenItIsRefused() throws Exception {
        AtomicReference<Credentials> now = new AtomicReference<>(new Credentials("reader", "one"));
        AccountStatus status = new AccountStatus("hot", now::get);
        Authorizer changing = new Authorizer("hot", now::get,
                new io.mirrorregistry.registry.auth.TokenService(settings, http, new Metrics(new SimpleMeterRegistry()), status));
        TokenScope repository = scope("library/app");
        List<Challenge> challenges = Challenge.parse(List.of("Basic realm=\"test\""));
        Logger logger = (Logger) LoggerFactory.getLogger(AccountStatus.class);
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        Level level = logger.getLevel();
        logger.setLevel(Level.WARN);
        log.start();
        logger.addAppender(log);
        try {
            String first = changing.answer(challenges, repository, null, time());
            assertEquals(new Credentials("reader", "one").basic(), first);
            assertEquals(first, changing.known(repository));
            assertNull(changing.answer(challenges, repository, first, time()));
            status.refused();
            status.refused();
            assertEquals(1, log.list.size(), log.list.toString());
            now.set(new Credentials("reader", "two"));
            String second = new Credentials("reader", "two").basic();
            assertEquals(second, changing.known(repository));
            assertEquals(second, changing.answer(challenges, repository, first, time()));
            status.refused();
            status.refused();
            assertEquals(2, log.list.size(), log.list.toString());
        } finally {
            logger.detachAppender(log);
            logger.setLevel(level);
        }
    }
}
