package io.mirrorregistry.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.config.SettingsReader;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.plan.Namespaces;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.BlobStep;
import io.mirrorregistry.pull.KeptManifest;
import io.mirrorregistry.pull.PlanStep;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.work.Bulkhead;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.spi.Synchronization;
import org.apache.camel.support.DefaultExchange;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What memory forgets after a push, so that whoever has pushed gets what is there now. */
class CacheForgetTest {

    private static final KeptManifest OLD = manifest("old");
    private static final KeptManifest NEW = manifest("new");
    private static final Plan.Target APP = new Plan.Target("cold", new RepositoryName("team/app"));
    private static final Digest BLOB = Digest.ofSha256(new byte[] {1});

    private final CamelContext camel = new DefaultCamelContext();
    private CacheStep cache;
    private Registry cold;
    private PlanStep plan;

    @BeforeEach
    void make() throws Exception {
        Settings settings = SettingsReader.read(Path.of(""), Map.of("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1"), "test");
        cold = new Registry(settings.registries().get("cold"), settings.breaker(), null, Runnable::run, new MirrorIdentity(), new Bulkhead(9, Duration.ofSeconds(1)));
        plan = new PlanStep(Map.of("cold", cold), new Namespaces(List.of("cold"), Map.of()));
        cache = new CacheStep(settings.cache(), Runnable::run, new Metrics(new SimpleMeterRegistry()));
    }

    private static KeptManifest manifest(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return new KeptManifest(Digest.ofSha256(bytes), "application/json", bytes.length, bytes, "cold");
    }

    /** One pull, as far as memory is concerned. */
    private final class Asker {

        private final Exchange exchange = new DefaultExchange(camel);
        private final Pull pull;
        private final CompletableFuture<Void> recalled;

        private Asker(String path) throws Exception {
            pull = new Pull(new ApiRequest(false, ApiPath.parse(path), null, null, ApiRequest.Page.ALL, null), null);
            pull.on(exchange);
            plan.begin(pull, null);
            plan.ordered(exchange);
            recalled = cache.recall(exchange).toCompletableFuture();
        }

        /** Returns whether nobody is to be asked. */
        private boolean isKnown() {
            assertTrue(recalled.isDone(), "it waits for another");
            return recalled.isCompletedExceptionally() || exchange.getVariable("known", Boolean.class);
        }

        private Asker gets(KeptManifest manifest) {
            manifest.answer(exchange);
            pull.servedBy("cold");
            cache.keep(exchange);
            return end();
        }

        private Asker getsBlob() {
            BlobStep.at(exchange, cold, new BlobStep.Found(false, true, 1));
            cache.keep(exchange);
            return end();
        }

        private Asker getsNothing() {
            pull.failed(new NotHereException("cold", "404"));
            cache.keepMissing(exchange);
            return end();
        }

        private Asker end() {
            List<Synchronization> actions = exchange.getExchangeExtension().handoverCompletions();
            if (actions != null) {
                actions.forEach(action -> action.onComplete(exchange));
            }
            return this;
        }

        private String digest() {
            return exchange.getMessage().getHeader("Docker-Content-Digest", String.class);
        }
    }

    private static String tag(String tag) {
        return "/v2/team/app/manifests/" + tag;
    }

    private static String digest(KeptManifest manifest) {
        return tag(manifest.digest().value());
    }

    private boolean isKnown(String path) throws Exception {
        Asker asker = new Asker(path);
        boolean known = asker.isKnown();
        asker.end();
        return known;
    }

    private void push(Reference... references) {
        cache.forget(APP, List.of(references), false);
    }

    @Test
    void aPushedTagIsAskedForAnew() throws Exception {
        new Asker(tag("1")).gets(OLD);
        new Asker(tag("2")).gets(OLD);
        assertTrue(isKnown(tag("1")));
        push(new Tag("1"), NEW.digest());
        assertFalse(isKnown(tag("1")));
        assertTrue(isKnown(tag("2")));
        // The bytes of a digest are always the same.
        assertTrue(isKnown(digest(OLD)));
        new Asker(tag("1")).gets(NEW);
        assertTrue(isKnown(tag("1")));
    }

    @Test
    void otherRepositoriesAndRegistriesStay() throws Exception {
        new Asker(tag("1")).gets(OLD);
        cache.forget(new Plan.Target("cold", new RepositoryName("team/other")), List.of(new Tag("1")), true);
        cache.forget(new Plan.Target("hot", APP.name()), List.of(new Tag("1")), true);
        assertTrue(isKnown(tag("1")));
    }

    @Test
    void aMissIsForgotten() throws Exception {
        for (String path : List.of(tag("1"), digest(NEW), "/v2/team/app/blobs/" + BLOB)) {
            new Asker(path).getsNothing();
            assertTrue(isKnown(path));
        }
        push(new Tag("1"), NEW.digest());
        assertFalse(isKnown(tag("1")));
        assertFalse(isKnown(digest(NEW)));
        assertTrue(isKnown("/v2/team/app/blobs/" + BLOB));
        push(BLOB);
        assertFalse(isKnown("/v2/team/app/blobs/" + BLOB));
    }

    @Test
    void aPushedBlobThatWasKnownStaysKnown() throws Exception {
        new Asker("/v2/team/app/blobs/" + BLOB).getsBlob();
        push(BLOB);
        assertTrue(isKnown("/v2/team/app/blobs/" + BLOB));
        cache.forget(APP, List.of(BLOB), true);
        assertFalse(isKnown("/v2/team/app/blobs/" + BLOB));
    }

    @Test
    void whatIsDeletedIsForgottenWithItsTags() throws Exception {
        new Asker(tag("1")).gets(OLD);
        new Asker(tag("2")).gets(NEW);
        cache.forget(APP, List.of(OLD.digest()), true);
        assertFalse(isKnown(tag("1")));
        assertFalse(isKnown(digest(OLD)));
        assertTrue(isKnown(tag("2")));
    }

    @Test
    void aDeletedTagIsForgottenAndItsManifestIsNot() throws Exception {
        new Asker(tag("1")).gets(OLD);
        cache.forget(APP, List.of(new Tag("1")), true);
        assertFalse(isKnown(tag("1")));
        assertTrue(isKnown(digest(OLD)));
    }

    /** Its answer may be older than the push. */
    @Test
    void aPullThatBeganBeforeThePushIsNotKept() throws Exception {
        Asker early = new Asker(tag("1"));
        Asker other = new Asker(tag("2"));
        push(new Tag("1"), NEW.digest());
        early.gets(OLD);
        other.gets(OLD);
        assertFalse(isKnown(tag("1")));
        assertTrue(isKnown(tag("2")));
    }

    @Test
    void nobodyJoinsAPullThatBeganBeforeThePush() throws Exception {
        Asker early = new Asker(tag("1"));
        push(new Tag("1"));
        Asker late = new Asker(tag("1"));
        assertFalse(late.isKnown());
        early.gets(OLD);
        // It ends its own flight only.
        Asker later = new Asker(tag("1"));
        assertFalse(later.recalled.isDone());
        late.gets(NEW);
        assertTrue(later.isKnown());
        assertEquals(NEW.digest().value(), later.digest());
    }

    @Test
    void whoHasJoinedBeforeThePushGetsWhatComesOfIt() throws Exception {
        Asker early = new Asker(tag("1"));
        Asker follower = new Asker(tag("1"));
        assertFalse(follower.recalled.isDone());
        push(new Tag("1"));
        early.gets(OLD);
        assertTrue(follower.isKnown());
        assertEquals(OLD.digest().value(), follower.digest());
    }

    @Test
    void aMissOfAPullThatBeganBeforeThePushIsNotKept() throws Exception {
        Asker early = new Asker(tag("1"));
        Asker blob = new Asker("/v2/team/app/blobs/" + BLOB);
        push(new Tag("1"));
        push(BLOB);
        early.getsNothing();
        blob.getsNothing();
        assertFalse(isKnown(tag("1")));
        assertFalse(isKnown("/v2/team/app/blobs/" + BLOB));
    }

    /** The bytes of a digest are kept without an end. */
    @Test
    void aPullThatBeganBeforeADeletionIsNotKept() throws Exception {
        Asker byTag = new Asker(tag("1"));
        Asker byDigest = new Asker(digest(OLD));
        Asker blob = new Asker("/v2/team/app/blobs/" + BLOB);
        cache.forget(APP, List.of(OLD.digest()), true);
        cache.forget(APP, List.of(BLOB), true);
        byTag.gets(OLD);
        byDigest.gets(OLD);
        blob.getsBlob();
        assertFalse(isKnown(tag("1")));
        assertFalse(isKnown(digest(OLD)));
        assertFalse(isKnown("/v2/team/app/blobs/" + BLOB));
    }
}
