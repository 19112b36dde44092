package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TokenService;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the one who watches sees on the management port. */
class HealthTest {

    private static JsonObject check(Reply reply, String name) {
        return new JsonObject(reply.text()).getJsonArray("checks").stream().map(JsonObject.class::cast)
                .filter(check -> name.equals(check.getString("name"))).findFirst().orElseThrow();
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 500 && !condition.getAsBoolean(); i++) {
            Thread.sleep(20);
        }
        assertTrue(condition.getAsBoolean());
    }

    @Test
    void aRegistryThatIsDownIsShownAndReadyEndsWithTheLast() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot"); TestRegistry cold = TestRegistry.start("cold").under("/base");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(),
                        "MIRROR_HEALTH_INTERVAL", "50ms")) {
            await(() -> mirror.management("/observe/health/ready").status() == 200);
            await(() -> mirror.management("/observe/health/ready").text().contains("answered 200"));
            JsonObject up = check(mirror.management("/observe/health?data=true"), "registry-hot");
            assertEquals("GET " + hot.url() + "/v2/", up.getJsonObject("data").getString("registry.asked"));
            assertEquals("answered 200", up.getJsonObject("data").getString("registry.status"));
            assertTrue(up.getJsonObject("data").getInteger("registry.secondsAgo") >= 0);

            hot.stop();
            await(() -> mirror.management("/observe/health/ready").text().contains("down: " + hot.host() + " connection refused"));
            Reply ready = mirror.management("/observe/health/ready");
            assertEquals(200, ready.status());
            assertEquals("UP", new JsonObject(ready.text()).getString("status"));
            assertEquals("DOWN", check(ready, "registry-hot").getString("status"));
            assertEquals("UP", check(ready, "registry-cold").getString("status"));
            assertEquals("up: images can come from cold", check(ready, "registries").getString("message"));
            assertEquals(503, mirror.management("/observe/health").status());
            assertEquals("{\"status\":\"healthy\"}", mirror.get("/health").text());

            cold.stop();
            await(() -> mirror.management("/observe/health/ready").status() == 503);
            assertEquals(200, mirror.management("/observe/health/live").status());
            assertEquals("no registry can serve images", check(mirror.management("/observe/health/ready"), "registries").getString("message"));

            cold.restart();
            await(() -> mirror.management("/observe/health/ready").status() == 200);
        }
    }

    @Test
    void aRegistryThatNobodyIsSentToKeepsNobodyReady() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot"); TestRegistry served = TestRegistry.start("served"); TestRegistry idle = TestRegistry.start("idle");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "SERVED_URL", served.url(), "SERVED_SERVES", "docker.io", "IDLE_URL", idle.url(),
                        "MIRROR_PLAN", "hot", "MIRROR_HEALTH_INTERVAL", "50ms")) {
            await(() -> check(mirror.management("/observe/health"), "registry-served").getString("message").startsWith("up: "));
            hot.stop();
            await(() -> check(mirror.management("/observe/health"), "registry-hot").getString("message").startsWith("down: "));
            assertEquals(200, mirror.management("/observe/health/ready").status());

            served.stop();
            await(() -> mirror.management("/observe/health/ready").status() == 503);
            await(() -> check(mirror.management("/observe/health"), "registry-idle").getString("message").startsWith("up: "));
            assertEquals(503, mirror.management("/observe/health/ready").status());

            served.restart();
            await(() -> mirror.management("/observe/health/ready").status() == 200);
        }
    }

    @Test
    void aMirrorThatCallsNoRegistryIsReady() throws Exception {
        try (TestMirror mirror = TestMirror.start("HOT_URL", "oci:images", "MIRROR_SERVER_WORKERS", "1")) {
            await(() -> check(mirror.management("/observe/health"), "registry-hot").getString("message").startsWith("up: the folder of images "));
            assertEquals(200, mirror.management("/observe/health/ready").status());
            assertEquals(200, mirror.get("/v2/library/hello/tags/list").status());
        }
    }

    @Test
    void healthAsksNoRegistryByItself() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot"); TestMirror mirror = TestMirror.start("HOT_URL", hot.url())) {
            hot.awaitCalls(1);
            for (int i = 0; i < 5; i++) {
                mirror.management("/observe/health");
                mirror.get("/health");
            }
            assertEquals(1, hot.calls("GET", Kind.PING).size());
        }
    }

    @Test
    void theFolderTellsHowManyNamesItHas() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot"); TestMirror mirror = TestMirror.start("HOT_URL", hot.url())) {
            await(() -> mirror.management("/observe/health").text().contains("registry-cold"));
            await(() -> check(mirror.management("/observe/health"), "registry-cold").getString("message").contains(" has 1 name, "));
        }
    }

    private static JsonObject hotCheck(TestMirror mirror) {
        return check(mirror.management("/observe/health/ready?data=true"), "registry-hot");
    }

    private static long linesWith(LogLines log, String text) {
        return log.lines().stream().filter(line -> line.contains(text)).count();
    }

    private static final String SETTINGS = " mirror.registry.hot.username and mirror.registry.hot.password or mirror.registry.hot.password-file";

    /** Each refuses without a pull: by Basic, and by a token service. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRefusedAccountIsDownWithItsSettingsUntilItIsAccepted(boolean bearer) throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot"); TokenService tokens = TokenService.start();
                LogLines log = LogLines.of("io.mirrorregistry.registry"); LogLines probes = LogLines.of("io.mirrorregistry.health");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "HOT_USERNAME", "reader", "HOT_PASSWORD", "right",
                        "MIRROR_HEALTH_INTERVAL", "50ms", "MIRROR_LOGGING_LEVEL", "info")) {
            await(() -> "UP".equals(hotCheck(mirror).getString("status")));
            require(hot, tokens, bearer, "other");
            await(() -> "DOWN".equals(hotCheck(mirror).getString("status")));
            JsonObject down = hotCheck(mirror);
            assertTrue(down.getString("message").endsWith("; it does not accept our account: check" + SETTINGS), down.encodePrettily());
            assertEquals("refused", down.getJsonObject("data").getString("registry.account"));
            assertTrue(mirror.management("/observe/metrics").text().contains("mirror_registry_account_refused{registry=\"hot\"} 1.0\n"));
            hot.awaitCalls(hot.calls().size() + 5);
            assertEquals(1, linesWith(log, "does not accept our account reader"), log.lines().toString());
            assertEquals(0, linesWith(probes, "hot is down"), probes.lines().toString());
            // Cold, which is a folder, serves.
            assertEquals(200, mirror.management("/observe/health/ready").status());

            require(hot, tokens, bearer, "right");
            await(() -> "UP".equals(hotCheck(mirror).getString("status")));
            assertTrue(mirror.management("/observe/metrics").text().contains("mirror_registry_account_refused{registry=\"hot\"} 0.0\n"));
            assertEquals(1, linesWith(log, "Registry hot lets us in again"), log.lines().toString());
            assertEquals(1, linesWith(log, "does not accept our account reader"), log.lines().toString());
        }
    }

    private static void require(TestRegistry hot, TokenService tokens, boolean bearer, String password) {
        tokens.requireAccount("reader", password);
        if (bearer) {
            tokens.revokeAll();
            hot.requireBearer(tokens);
        } else {
            hot.requireBasic("reader", password);
        }
    }

    /** Probes come once an hour here. */
    @Test
    void aPullShowsThatAnAccountIsRefused() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot"); TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "HOT_USERNAME", "reader", "HOT_PASSWORD", "right", "MIRROR_HEALTH_INTERVAL", "1h")) {
            await(() -> "UP".equals(hotCheck(mirror).getString("status")));
            hot.requireBasic("reader", "other");
            Image image = hot.image("library/app", "1.0");
            assertEquals(503, mirror.get(image.path()).status());
            assertEquals("DOWN", hotCheck(mirror).getString("status"));
            hot.requireBasic("reader", "right");
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals("UP", hotCheck(mirror).getString("status"));
        }
    }

    /** The token of the probes is valid for long; after a pull that gets none they ask for another. */
    @Test
    void aPullThatGetsNoTokenHasTheNextProbeAskForOne() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot"); TokenService tokens = TokenService.start().requireAccount("reader", "right")) {
            hot.requireBearer(tokens);
            try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "HOT_USERNAME", "reader", "HOT_PASSWORD", "right", "MIRROR_HEALTH_INTERVAL", "50ms")) {
                await(() -> "UP".equals(hotCheck(mirror).getString("status")));
                tokens.requireAccount("reader", "other");
                assertEquals(503, mirror.get(hot.image("library/app", "1.0").path()).status());
                await(() -> "refused".equals(hotCheck(mirror).getJsonObject("data").getString("registry.account")));
                tokens.requireAccount("reader", "right");
                await(() -> "UP".equals(hotCheck(mirror).getString("status")));
            }
        }
    }

    @Test
    void anAccountThatATokenServiceRefusedIsUpOnceTheRegistryWantsNone() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot"); TokenService tokens = TokenService.start().requireAccount("reader", "other")) {
            hot.requireBearer(tokens);
            try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "HOT_USERNAME", "reader", "HOT_PASSWORD", "right", "MIRROR_HEALTH_INTERVAL", "50ms")) {
                await(() -> "refused".equals(hotCheck(mirror).getJsonObject("data").getString("registry.account")));
                hot.requireNothing();
                await(() -> "UP".equals(hotCheck(mirror).getString("status")));
                assertEquals(200, mirror.get(hot.image("library/app", "1.0").path()).status());
            }
        }
    }

    /** A probe alone may be challenged by a registry that serves anybody. */
    @Test
    void aMissingAccountIsDownOncePullsAreRefused() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot").requireBasic("a", "b");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_HEALTH_INTERVAL", "50ms")) {
            Image image = hot.image("library/app", "1.0");
            await(() -> "UP".equals(hotCheck(mirror).getString("status")));
            assertEquals(503, mirror.get(image.path()).status());
            JsonObject down = hotCheck(mirror);
            assertEquals("DOWN", down.getString("status"));
            assertTrue(down.getString("message").endsWith("; it wants an account and none is set: set" + SETTINGS), down.encodePrettily());
            assertEquals("missing", down.getJsonObject("data").getString("registry.account"));
            hot.requireNothing();
            await(() -> "UP".equals(hotCheck(mirror).getString("status")));
            assertEquals(200, mirror.get(image.path()).status());
        }
    }

    @Test
    void aTokenServiceThatRefusesWhoeverHasNoAccountWantsOne() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot"); TokenService tokens = TokenService.start().requireAccount("a", "b")) {
            hot.requireBearer(tokens);
            try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_HEALTH_INTERVAL", "50ms")) {
                await(() -> "DOWN".equals(hotCheck(mirror).getString("status")));
                assertEquals("fine", hotCheck(mirror).getJsonObject("data").getString("registry.account"));
                Image image = hot.image("library/app", "1.0");
                assertEquals(503, mirror.get(image.path()).status());
                assertEquals("missing", hotCheck(mirror).getJsonObject("data").getString("registry.account"));
                tokens.requireAccount(null, null);
                await(() -> "UP".equals(hotCheck(mirror).getString("status")));
                assertEquals(200, mirror.get(image.path()).status());

                tokens.refuse("library/secret");
                assertEquals(503, mirror.get("/v2/library/secret/manifests/1.0").status());
                hot.awaitCalls(hot.calls().size() + 5);
                assertEquals("UP", hotCheck(mirror).getString("status"));
            }
        }
    }

    /** A service may refuse a repository that the account must not read, and accept the account all the same. */
    @Test
    void aTokenThatIsRefusedForOneRepositoryRefusesNoAccount() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot"); TokenService tokens = TokenService.start().requireAccount("reader", "right");
                LogLines log = LogLines.of("io.mirrorregistry.registry")) {
            hot.requireBearer(tokens);
            try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "HOT_USERNAME", "reader", "HOT_PASSWORD", "right",
                    "MIRROR_HEALTH_INTERVAL", "50ms", "MIRROR_LOGGING_LEVEL", "info")) {
                await(() -> "UP".equals(hotCheck(mirror).getString("status")));
                tokens.refuse("library/secret");
                assertEquals(503, mirror.get("/v2/library/secret/manifests/1.0").status());
                hot.awaitCalls(hot.calls().size() + 5);
                assertEquals("UP", hotCheck(mirror).getString("status"));
                assertEquals(0, linesWith(log, "does not accept our account"), log.lines().toString());
                assertEquals(200, mirror.get(hot.image("library/app", "1.0").path()).status());
            }
        }
    }

    @Test
    void aBreakerThatIsOpenIsDownAndOneThatIsHalfOpenIsTried() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_HEALTH_INTERVAL", "50ms", "MIRROR_BREAKER_CALLS", "4",
                        "MIRROR_BREAKER_MINIMUM_CALLS", "2", "MIRROR_BREAKER_PROBE_INTERVAL", "1s")) {
            await(() -> "UP".equals(hotCheck(mirror).getString("status")));
            hot.fault(Fault.status(500).on(Kind.MANIFEST));
            for (int i = 0; i < 2; i++) {
                mirror.get("/v2/library/app" + i + "/manifests/1.0");
            }
            await(() -> hotCheck(mirror).getString("message").contains(" answered 200, 0 s ago; it failed too often (since 2"));
            JsonObject open = hotCheck(mirror);
            assertEquals("DOWN", open.getString("status"));
            assertTrue(open.getString("message").endsWith("Z) and is not asked for images"), open.encodePrettily());
            await(() -> "HALF_OPEN".equals(hotCheck(mirror).getJsonObject("data").getString("registry.breaker")));
            JsonObject tried = hotCheck(mirror);
            assertEquals("UP", tried.getString("status"));
            assertTrue(tried.getString("message").endsWith("Z) and is being tried again"), tried.encodePrettily());
        }
    }

    @Test
    void answersHeadAndShowsAsMuchAsIsAskedFor() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot"); TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_HEALTH_INTERVAL", "50ms")) {
            await(() -> mirror.management("/observe/health/ready").status() == 200);
            for (String path : List.of("/observe/health", "/observe/health/live", "/observe/health/ready")) {
                Reply head = mirror.managementHead(path);
                assertEquals(200, head.status(), path);
                assertEquals(mirror.management(path).header("Content-Type"), head.header("Content-Type"));
                assertEquals("{\"status\":\"UP\"}", mirror.management(path + "?exposureLevel=oneline").text());
                assertEquals("{\"status\":\"UP\",\"checks\":[]}", mirror.management(path + "?exposureLevel=default").text());
            }
        }
    }

    @Test
    void aRegistryThatWantsATokenIsUp() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot").requireBasic("a", "b");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url())) {
            await(() -> check(mirror.management("/observe/health"), "registry-hot").getString("message").startsWith("up: "));
        }
    }

    private static String hot(TestMirror mirror) {
        return check(mirror.management("/observe/health"), "registry-hot").getString("message");
    }

    @ParameterizedTest
    @ValueSource(ints = {200, 401, 403, 404})
    void aWebPageInPlaceOfARegistryIsDown(int status) throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_HEALTH_INTERVAL", "50ms")) {
            await(() -> hot(mirror).startsWith("up: "));
            hot.fault(Fault.html(status, "text/html; charset=utf-8"));
            await(() -> hot(mirror).startsWith("down: " + hot.host() + " answered " + status));
            hot.heal();
            await(() -> hot(mirror).startsWith("up: "));
        }
    }

    @Test
    void aBare404InPlaceOfARegistryIsDown() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_HEALTH_INTERVAL", "50ms")) {
            await(() -> hot(mirror).startsWith("up: "));
            hot.fault(Fault.defaultBackend());
            await(() -> hot(mirror).startsWith("down: " + hot.host() + " answered 404"));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 404, 405, 429, 501})
    void aRegistryWithoutAVersionIsUpWhileItServesImages(int status) throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_HEALTH_INTERVAL", "50ms", "MIRROR_BREAKER_CALLS", "4",
                        "MIRROR_BREAKER_MINIMUM_CALLS", "2", "MIRROR_BREAKER_PROBE_INTERVAL", "1h")) {
            Image image = hot.image("library/app", "1.0");
            hot.fault(Fault.status(status).on(Kind.PING));
            await(() -> hot(mirror).startsWith("down: " + hot.host() + " answered " + status));
            assertEquals(200, mirror.get(image.path()).status());
            // At once, and after probes between which nobody asked for anything.
            assertTrue(hot(mirror).startsWith("up: " + hot.host() + " answered " + status + ", but serves images"), hot(mirror));
            hot.awaitCalls(hot.calls().size() + 5);
            assertTrue(hot(mirror).startsWith("up: "), hot(mirror));

            hot.fault(Fault.status(500).on(Kind.MANIFEST));
            await(() -> mirror.get(image.path()).status() == 503 && hot(mirror).startsWith("down: "));
        }
    }

    /**
     * Before the first pull nothing else can show that it serves, and without readiness no pull would come. It is up until a probe after which
     * nothing was pulled.
     */
    @ParameterizedTest
    @ValueSource(ints = {403, 404})
    void aMirrorOfAStaticFileServerIsReadyBeforeTheFirstPull(int status) throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot").staticFiles()) {
            Image image = hot.image("library/app", "1.0");
            hot.fault(Fault.html(status, "text/html").on(Kind.PING));
            try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_PLAN", "hot", "MIRROR_HEALTH_INTERVAL", "1s")) {
                await(() -> hot(mirror).startsWith("down: " + hot.host() + " answered " + status));
                assertEquals(200, mirror.management("/observe/health/ready").status());
                assertEquals(200, mirror.get(image.path()).status());
                await(() -> hot(mirror).startsWith("up: "));
                assertEquals(200, mirror.management("/observe/health/ready").status());
            }
        }
    }

    @Test
    void aMirrorThatReachesAWebPageOnlyIsReadyUntilPullsFail() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot")) {
            hot.fault(Fault.html(403, "text/html"));
            try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_PLAN", "hot", "MIRROR_BREAKER_CALLS", "4",
                    "MIRROR_BREAKER_MINIMUM_CALLS", "2", "MIRROR_BREAKER_PROBE_INTERVAL", "1h")) {
                await(() -> mirror.management("/observe/health/ready").status() == 200);
                for (int i = 0; i < 2; i++) {
                    assertEquals(503, mirror.get("/v2/library/app/manifests/1.0").status());
                }
                assertEquals(503, mirror.management("/observe/health/ready").status());
            }
        }
    }

    /** Nor is it unknown whether a registry serves that was up and is away since. */
    @Test
    void aWebPageInPlaceOfTheLastRegistryEndsReady() throws Exception {
        try (TestRegistry hot = TestRegistry.start("hot");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_PLAN", "hot", "MIRROR_HEALTH_INTERVAL", "50ms")) {
            await(() -> hot(mirror).startsWith("up: "));
            hot.fault(Fault.html(403, "text/html"));
            await(() -> mirror.management("/observe/health/ready").status() == 503);
        }
    }

    @Test
    void aProbeSurvivesEveryFailure() throws Exception {
        AtomicInteger failures = new AtomicInteger();
        try (TestRegistry hot = TestRegistry.start("hot");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_HEALTH_INTERVAL", "50ms", "MIRROR_LOGGING_LEVEL", "warn");
                LogHook hook = LogHook.on("io.mirrorregistry.health.RegistryProbes", message -> {
                    failures.incrementAndGet();
                    throw new NoClassDefFoundError("for this test");
                })) {
            await(() -> mirror.management("/observe/health").text().contains("up: " + hot.host()));
            hot.stop();
            await(() -> failures.get() > 0);
            hot.restart();
            await(() -> mirror.management("/observe/health").text().contains("up: " + hot.host() + " answered 200, 0 s ago"));
        }
    }

    /** The line of a pull is logged on the event loop of the clients' port, and held there. */
    @Test
    void theMirrorIsNotAliveWhileTheEventLoopOfClientsIsBlocked() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        try (TestRegistry hot = TestRegistry.start("hot");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_LOGGING_LEVEL", "info")) {
            assertEquals("UP", check(mirror.management("/observe/health/live"), "event-loop").getString("status"));
            try (LogHook hook = LogHook.on("access", message -> {
                try {
                    held.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            })) {
                assertEquals(200, mirror.get("/health").status());
                assertEquals(200, mirror.management("/observe/health/live").status());
                for (int i = 0; i < 1000 && mirror.management("/observe/health/live").status() == 200; i++) {
                    Thread.sleep(50);
                }
                JsonObject blocked = check(mirror.management("/observe/health/live"), "event-loop");
                assertTrue(blocked.getString("message").matches("the event loop of the clients' port has been blocked for \\d+ s"), blocked.toString());
            } finally {
                held.countDown();
            }
            await(() -> mirror.management("/observe/health/live").status() == 200);
            assertEquals(200, mirror.get("/health").status());
        }
    }
}
