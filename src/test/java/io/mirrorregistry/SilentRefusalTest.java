package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TokenService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Registries that refuse a call without a challenge: to a token that has ended, or to whoever presents nothing. */
class SilentRefusalTest {

    private TestRegistry hot;
    private TestRegistry cold;
    private TokenService tokens;
    private Image image;
    private List<String> paths;

    @BeforeEach
    void start() {
        hot = TestRegistry.start("hot");
        cold = TestRegistry.start("cold");
        tokens = TokenService.start();
        image = hot.image("library/app", "1.0");
        hot.referrer("library/app", image, "application/signature");
        paths = List.of(image.path(), image.pathByDigest(), image.path(image.layers().get(0)), "/v2/library/app/tags/list",
                "/v2/library/app/referrers/" + image.digest());
    }

    @AfterEach
    void stop() {
        hot.close();
        cold.close();
        tokens.close();
    }

    private TestMirror anonymous(String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "5s"));
        settings.addAll(List.of(more));
        return TestMirror.start(settings.toArray(String[]::new));
    }

    private TestMirror withAccount(String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_USERNAME", "reader", "HOT_PASSWORD", "hunter2"));
        settings.addAll(List.of(more));
        return anonymous(settings.toArray(String[]::new));
    }

    private int issued() {
        return (int) tokens.calls().stream().filter(call -> call.parameter("scope") != null).count();
    }

    // A kept token

    @ParameterizedTest
    @ValueSource(ints = {400, 401, 403, 404, 500})
    void dropsAKeptTokenThatIsRefusedWithoutAChallengeAndAsksOnceMore(int status) {
        hot.requireBearer(tokens).refusesTokensWith(status);
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            for (String path : paths) {
                for (String method : List.of("GET", "HEAD")) {
                    tokens.revokeAll();
                    tokens.forget();
                    TestMirror.Reply reply = mirror.send(method, path);
                    assertEquals(200, reply.status(), method + " " + path);
                    assertEquals(null, reply.header("Warning"), method + " " + path);
                    assertEquals(1, issued(), method + " " + path);
                }
            }
            assertTrue(mirror.get(paths.get(4)).text().contains("application/signature"));
        }
    }

    @Test
    void renewsATokenToWhichTheRegistryAnswersWithAChallengeForBasic() {
        hot.requireBearer(tokens).refusesTokensWithChallenge("Basic realm=\"harbor\"");
        try (TestMirror mirror = anonymous()) {
            for (String path : paths) {
                assertEquals(200, mirror.get(path).status());
                tokens.revokeAll();
            }
        }
    }

    /** The HEAD must not take the challenge for Basic: the GET after it renews the token. */
    @Test
    void renewsATokenToWhichAHeadIsAnsweredWithAChallengeForBasicAlthoughThereIsAnAccount() {
        tokens.requireAccount("reader", "hunter2");
        hot.requireBearer(tokens).refusesTokensWithChallenge("Basic realm=\"harbor\"");
        try (TestMirror mirror = withAccount("MIRROR_CACHE_BLOB_TTL", "0", "MIRROR_CACHE_TAG_TTL", "0")) {
            for (String path : paths) {
                for (String method : List.of("HEAD", "GET", "GET")) {
                    assertEquals(200, mirror.send(method, path).status(), method + " " + path);
                    tokens.revokeAll();
                }
            }
        }
    }

    @Test
    void oneTokenForABlobWhereTheRegistryIsKnownToChallengeAtVersionOnly() {
        tokens.requireAccount("reader", "hunter2");
        hot.requireBearer(tokens).challengesAtVersionOnly(404);
        hot.image("library/first", "1.0");
        try (TestMirror mirror = withAccount()) {
            assertEquals(200, mirror.get("/v2/library/first/manifests/1.0").status());
            hot.missing(401);
            tokens.forget();
            assertEquals(404, mirror.get("/v2/library/app/blobs/sha256:" + "0".repeat(64)).status());
            assertEquals(1, issued());
        }
    }

    @ParameterizedTest
    @CsvSource({"400, 503", "401, 404", "403, 404", "404, 404", "500, 503"})
    void fetchesOneTokenAtMostInSomeSecondsWhereTheRefusalIsMeant(int status, int told) {
        hot.requireBearer(tokens).refusesTokensWith(status);
        tokens.deny("library/app");
        try (TestMirror mirror = anonymous()) {
            for (int i = 0; i < 10; i++) {
                assertEquals(told, mirror.get(image.path()).status());
            }
            assertEquals(1, issued());
        }
    }

    @Test
    void fetchesOneTokenMoreForWhatIsMissing() {
        hot.requireBearer(tokens);
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            hot.forget();
            for (int i = 0; i < 10; i++) {
                assertEquals(404, mirror.get("/v2/library/app/manifests/none-" + i).status());
                assertEquals(200, mirror.get(image.path()).status());
            }
            assertEquals(2, issued());
            assertEquals(21, hot.calls("GET", Kind.MANIFEST).size());
        }
    }

    @Test
    void manyCallsWithARevokedTokenFetchOne() throws Exception {
        hot.requireBearer(tokens).refusesTokensWith(400);
        ExecutorService clients = Executors.newFixedThreadPool(20);
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            tokens.revokeAll();
            tokens.forget();
            hot.forget();
            CountDownLatch held = new CountDownLatch(1);
            tokens.fault(Fault.heldUntil(held));
            List<Future<TestMirror.Reply>> replies = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                String path = hot.image("library/app", "t" + i).path();
                replies.add(clients.submit(() -> mirror.get(path)));
            }
            hot.awaitCalls(20);
            held.countDown();
            for (Future<TestMirror.Reply> reply : replies) {
                assertEquals(200, reply.get().status());
            }
            assertEquals(1, issued());
        } finally {
            clients.shutdownNow();
        }
    }

    @Test
    void aTokenServiceThatIsAwayWhenATokenHasEndedIsTrouble() {
        hot.requireBearer(tokens).refusesTokensWith(403);
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            tokens.revokeAll();
            tokens.fault(Fault.status(503));
            assertEquals(503, mirror.get(image.path()).status());
        }
    }

    // A challenge at /v2/ only

    @ParameterizedTest
    @ValueSource(ints = {401, 403, 404})
    void answersTheChallengeOfTheApiVersionWithAToken(int status) {
        tokens.requireAccount("reader", "hunter2");
        hot.requireBearer(tokens).challengesAtVersionOnly(status);
        for (String path : paths) {
            for (String method : List.of("GET", "HEAD")) {
                try (TestMirror mirror = withAccount()) {
                    TestMirror.Reply reply = mirror.send(method, path);
                    assertEquals(200, reply.status(), method + " " + path);
                    assertEquals(null, reply.header("Warning"), method + " " + path);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {401, 403, 404})
    void answersTheChallengeOfTheApiVersionWithBasic(int status) {
        hot.requireBasic("reader", "hunter2").challengesAtVersionOnly(status);
        for (String path : paths) {
            try (TestMirror mirror = withAccount()) {
                assertEquals(200, mirror.get(path).status(), path);
            }
            try (TestMirror mirror = withAccount()) {
                assertEquals(200, mirror.head(path).status(), path);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void answersItWithAnAnonymousToken(boolean second) {
        hot.requireBearer(tokens).challengesAtVersionOnly(404);
        try (TestMirror mirror = anonymous("MIRROR_PLAN", second ? "cold,hot" : "hot,cold")) {
            for (String path : paths) {
                assertEquals(200, mirror.get(path).status(), path);
                assertEquals(200, mirror.head(path).status(), path);
            }
        }
    }

    @Test
    void presentsATokenAtOnceFromThenOn() {
        hot.requireBearer(tokens).challengesAtVersionOnly(404);
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            Image other = hot.image("library/other", "1.0");
            hot.forget();
            assertEquals(200, mirror.get(other.path()).status());
            assertEquals(200, mirror.get(other.pathByDigest()).status());
            assertEquals(2, hot.calls().size());
            tokens.forget();
            hot.forget();
            for (int i = 0; i < 3; i++) {
                assertEquals(404, mirror.get("/v2/library/none/manifests/1.0").status());
            }
            assertEquals(1, issued());
            assertEquals(3, hot.calls().size());
            // A revoked token is told apart from a missing image here too.
            tokens.revokeAll();
            assertEquals(200, mirror.get(other.path()).status());
            assertEquals(404, mirror.get("/v2/library/other/manifests/none").status());
        }
    }

    /** As GHCR states one at /v2/. */
    @Test
    void asksForTheRepositorysScopeWhateverTheApiVersionStates() {
        hot.requireBearer(tokens).challengesAtVersionOnly(404)
                .challenges("Bearer realm=\"{realm}\",service=\"{service}\",scope=\"repository:user/image:pull\"");
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            assertTrue(tokens.calls().stream().noneMatch(call -> call.parameters("scope").size() > 1));
        }
    }

    @Test
    void asksAPublicRegistryForItsApiVersionOnceInMinutes() throws Exception {
        ExecutorService clients = Executors.newFixedThreadPool(10);
        try (TestMirror mirror = anonymous()) {
            // The probe at the start.
            hot.awaitCalls(1);
            hot.forget();
            List<Future<TestMirror.Reply>> replies = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                String path = "/v2/library/none/manifests/" + i;
                replies.add(clients.submit(() -> mirror.get(path)));
            }
            for (Future<TestMirror.Reply> reply : replies) {
                assertEquals(404, reply.get().status());
            }
            assertEquals(1, hot.calls("GET", Kind.PING).size());
        } finally {
            clients.shutdownNow();
        }
    }

    @Test
    void believesWhatAnOpenRegistryHasNotGot() {
        try (TestMirror mirror = withAccount()) {
            assertEquals(404, mirror.get("/v2/library/app/manifests/none").status());
            assertEquals(404, mirror.get("/v2/library/none/manifests/none").status());
        }
        hot.fault(Fault.status(404).on(Kind.PING));
        try (TestMirror mirror = withAccount()) {
            assertEquals(404, mirror.get("/v2/library/app/manifests/none").status());
        }
    }

    @Test
    void aRegistryThatCannotTellWhetherItChallengesIsInTrouble() {
        for (Fault fault : List.of(Fault.status(500), Fault.close(), Fault.status(429))) {
            hot.heal();
            hot.fault(fault.on(Kind.PING));
            try (TestMirror mirror = withAccount()) {
                assertEquals(503, mirror.get("/v2/library/app/manifests/none").status());
                assertEquals(200, mirror.get(image.path()).status());
            }
            try (TestMirror mirror = anonymous()) {
                assertEquals(404, mirror.get("/v2/library/app/manifests/none").status());
            }
        }
    }

    /** With an account, both for the call that asks and for one that waits for its answer. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void aRegistryThatDoesNotTellInTimeWhetherItChallengesIsNoOutage(int calls) throws Exception {
        // So that the time of the call ends before that of the question.
        hot.fault(Fault.silence().on(Kind.PING), Fault.delay(Duration.ofSeconds(1)).where(call -> call.path().contains("/none-")));
        String[] settings = {"HOT_RESPONSE_TIMEOUT", "2s", "HOT_PATIENCE", "0", "MIRROR_BREAKER_CALLS", "1", "MIRROR_BREAKER_MINIMUM_CALLS", "1", "MIRROR_BREAKER_PROBE_INTERVAL", "1h"};
        ExecutorService clients = Executors.newFixedThreadPool(2);
        try (TestMirror mirror = calls > 1 ? withAccount(settings) : anonymous(settings)) {
            List<Future<TestMirror.Reply>> replies = new ArrayList<>();
            for (int i = 0; i < calls; i++) {
                String path = "/v2/library/app/manifests/none-" + i;
                replies.add(clients.submit(() -> mirror.get(path)));
            }
            for (Future<TestMirror.Reply> reply : replies) {
                assertEquals(503, reply.get().status());
            }
            assertEquals(200, mirror.get(image.path()).status());
            String metrics = mirror.management("/observe/metrics").text();
            assertTrue(metrics.contains("mirror_fallbacks_total{reason=\"refused\",registry=\"hot\"} " + calls), metrics);
        } finally {
            clients.shutdownNow();
        }
    }

    @Test
    void fetchesOneTokenWhereTheAnswerStays() {
        hot.requireBearer(tokens).challengesAtVersionOnly(404);
        tokens.deny("library/app").deny("library/none");
        try (TestMirror mirror = anonymous()) {
            for (int i = 0; i < 5; i++) {
                assertEquals(404, mirror.get(image.path()).status());
            }
            assertEquals(1, issued());
        }
    }
}
