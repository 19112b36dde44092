package io.mirrorregistry.registry.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.TestRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.hc.client5.http.DnsResolver;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RegistryClientTest {

    private static final Call VERSION = Call.get(new ApiPath(ApiPath.Kind.API_VERSION, null, null), null);

    private static RegistrySettings settings(TestRegistry registry, Duration timeout) {
        URI url = URI.create(registry.url());
        return new RegistrySettings("hot", url, Account.NONE, Map.of("User-Agent", "test"), BlobsMode.AUTO, url, timeout, timeout, Duration.ZERO, List.of(), List.of(),
                null, List.of(), "", false, null);
    }

    @Test
    void aDeadlineThatEndsAtAnyMomentIsTrouble() throws IOException {
        int troubles = 0;
        try (TestRegistry registry = TestRegistry.start()) {
            RegistryClient hot = new RegistryClient(settings(registry, Duration.ofMillis(1)), 10, new Metrics(new SimpleMeterRegistry()), new MirrorIdentity());
            for (int i = 0; i < 1000; i++) {
                registry.dropConnections();
                try (ClassicHttpResponse response = hot.ask(VERSION)) {
                    assertTrue(response.getCode() == 200);
                } catch (RegistryTroubleException e) {
                    troubles++;
                }
            }
            hot.shutDown();
        }
        assertTrue(troubles > 0, "the deadline never ended");
    }

    /** A name as in networks of docker, straight and without a proxy. */
    @Test
    void connectsToAHostWithAnUnderscore() throws IOException {
        try (TestRegistry registry = TestRegistry.start()) {
            registry.calledAs("My_registry");
            List<String> asked = new ArrayList<>();
            DnsResolver names = new DnsResolver() {
                @Override
                public InetAddress[] resolve(String host) {
                    asked.add(host);
                    return new InetAddress[] {InetAddress.getLoopbackAddress()};
                }

                @Override
                public String resolveCanonicalHostname(String host) {
                    return host;
                }
            };
            RegistryClient hot = new RegistryClient(settings(registry, Duration.ofSeconds(5)), 10, new Metrics(new SimpleMeterRegistry()), new MirrorIdentity(), names);
            assertEquals(200, ask(hot));
            registry.fault(Fault.redirect(307, "http://my_registry:" + registry.port() + "/v2/").times(1));
            assertEquals(200, ask(hot));
            // To another name that leads to this machine as well.
            registry.fault(Fault.redirect(307, "http://other_name:" + registry.port() + "/v2/").times(1));
            assertEquals(200, ask(hot));
            assertEquals(Set.of("my_registry", "other_name"), asked.stream().map(host -> host.toLowerCase(Locale.ROOT)).collect(Collectors.toSet()));
            hot.shutDown();
        }
    }

    private static RegistryClient client(TestRegistry registry) {
        return new RegistryClient(settings(registry, Duration.ofSeconds(5)), 10, new Metrics(new SimpleMeterRegistry()), new MirrorIdentity());
    }

    private static int ask(RegistryClient client) throws IOException {
        try (ClassicHttpResponse response = client.ask(VERSION)) {
            return response.getCode();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {408, 429, 500, 502, 503})
    void anErrorThatArrivesFastIsNotFast(int status) throws IOException {
        try (TestRegistry registry = TestRegistry.start()) {
            RegistryClient hot = client(registry);
            registry.fault(Fault.status(status));
            assertEquals(status, ask(hot));
            assertTrue(Double.isNaN(hot.millisToFirstByte()), "an error alone is no measurement");
            registry.heal();
            registry.fault(Fault.delay(Duration.ofMillis(200)));
            ask(hot);
            double before = hot.millisToFirstByte();
            registry.heal();
            registry.fault(Fault.status(status));
            ask(hot);
            assertEquals(before, hot.millisToFirstByte());
            registry.heal();
            registry.fault(Fault.status(status), Fault.delay(Duration.ofMillis(600)));
            assertEquals(status, ask(hot));
            assertTrue(hot.millisToFirstByte() > before, "a slow error is slow");
            hot.shutDown();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {200, 401, 403, 404})
    void everyOtherResponseIsMeasured(int status) throws IOException {
        try (TestRegistry registry = TestRegistry.start()) {
            RegistryClient hot = client(registry);
            registry.fault(Fault.delay(Duration.ofMillis(200)));
            ask(hot);
            double before = hot.millisToFirstByte();
            registry.heal();
            registry.fault(Fault.instead((call, answer) -> Answer.of(status)));
            assertEquals(status, ask(hot));
            assertTrue(hot.millisToFirstByte() < before);
            hot.shutDown();
        }
    }
}
