package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Blackhole;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.Manner;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** mirror.registry.NAME.patience: a registry that hangs or is slow costs no pull more than that while another registry has the image. */
class SlowRegistryTest {

    /** Hot may take longer than a request has: without its patience each of these pulls ends with 503. */
    private static final String[] HANGS = {"HOT_CONNECT_TIMEOUT", "60s", "HOT_RESPONSE_TIMEOUT", "60s", "HOT_PATIENCE", "300ms"};
    private static final String[] BREAKER = {"MIRROR_BREAKER_CALLS", "4", "MIRROR_BREAKER_MINIMUM_CALLS", "2", "MIRROR_BREAKER_PROBE_INTERVAL", "1h"};

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TokenService tokens = TokenService.start();
    private final TestStorage storage = TestStorage.start();
    private final CountDownLatch held = new CountDownLatch(1);
    private final List<AutoCloseable> others = new ArrayList<>();
    private TestMirror mirror;

    @TempDir
    private Path directory;

    private void start(String... more) {
        startIn(Path.of(""), hot.url(), more);
    }

    private void startIn(Path folder, String url, String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", url, "COLD_URL", cold.url(), "COLD_CONNECT_TIMEOUT", "20s",
                "COLD_RESPONSE_TIMEOUT", "20s", "COLD_PATIENCE", "10s"));
        settings.addAll(List.of(more));
        mirror = TestMirror.startIn(folder, settings.toArray(String[]::new));
    }

    /** Waits until a probe has found hot quick; a fault comes after that. */
    private void awaitQuick() throws InterruptedException {
        await(() -> Boolean.TRUE.equals(status("hot").getBoolean("up")) && status("hot").getString("slow") == null);
    }

    private void startQuick(String... more) throws InterruptedException {
        start(more);
        awaitQuick();
    }

    private static String[] join(String[] first, String... second) {
        List<String> all = new ArrayList<>(List.of(first));
        all.addAll(List.of(second));
        return all.toArray(String[]::new);
    }

    @AfterEach
    void stop() throws Exception {
        held.countDown();
        List.of(hot, cold, tokens, storage).forEach(TestServer::close);
        for (AutoCloseable other : others) {
            other.close();
        }
        mirror.close();
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        await(condition, () -> "");
    }

    private static void await(BooleanSupplier condition, Supplier<Object> state) throws InterruptedException {
        for (int i = 0; i < 1000 && !condition.getAsBoolean(); i++) {
            Thread.sleep(20);
        }
        assertTrue(condition.getAsBoolean(), () -> state.get().toString());
    }

    private JsonObject health(String registry) {
        return new JsonObject(mirror.management("/observe/health?data=true").text()).getJsonArray("checks").stream().map(JsonObject.class::cast)
                .filter(check -> ("registry-" + registry).equals(check.getString("name"))).findFirst().orElseThrow();
    }

    private String state(String registry) {
        return health(registry).getJsonObject("data").getString("registry.state");
    }

    private String breaker(String registry) {
        return health(registry).getJsonObject("data").getString("registry.breaker");
    }

    private JsonObject status(String registry) {
        return new JsonObject(mirror.management("/status.json").text()).getJsonArray("registries").stream().map(JsonObject.class::cast)
                .filter(one -> registry.equals(one.getString("name"))).findFirst().orElseThrow();
    }

    private boolean hasMetric(String line) {
        return mirror.management("/observe/metrics").text().contains("\n" + line + "\n");
    }

    /** Returns how often clients' requests, rather than repeated calls, asked the registry for something of this kind. */
    private static long asked(TestRegistry registry, String method, Kind kind) {
        return registry.calls(method, kind).stream().filter(call -> call.header("X-Request-ID") != null).count();
    }

    private static long asked(TestRegistry registry, Kind kind) {
        return asked(registry, "GET", kind) + asked(registry, "HEAD", kind);
    }

    private String path(Image image, String what) {
        return switch (what) {
            case "tag" -> image.path();
            case "digest" -> image.pathByDigest();
            default -> image.path(image.layers().get(0));
        };
    }

    /** Starts a mirror, and has hot hang in one place. */
    private void startAndHang(String how, String... settings) throws Exception {
        switch (how) {
            case "connect" -> {
                Blackhole hole = Blackhole.open();
                others.add(hole);
                startIn(Path.of(""), hole.url(), settings);
            }
            case "tls" -> {
                TestRegistry secure = TestRegistry.startTls("hot");
                secure.fault(Fault.silenceOnAccept());
                others.add(secure);
                startIn(Path.of(""), secure.url(), settings);
            }
            default -> {
                startQuick(settings);
                hang(how);
            }
        }
    }

    private void hang(String how) {
        Duration minute = Duration.ofMinutes(1);
        switch (how) {
            case "accept" -> {
                hot.fault(Fault.silenceOnAccept());
                hot.dropConnections();
            }
            case "silence" -> hot.fault(Fault.silence());
            case "head" -> hot.fault(Fault.dripFromTheStart(Duration.ofMillis(200)));
            case "body" -> hot.fault(Fault.pauseAfter(0, minute).on(Kind.MANIFEST));
            case "body-drips" -> hot.fault(Fault.drip(Duration.ofMillis(500)).on(Kind.MANIFEST));
            case "chunked-body" -> hot.fault(Fault.without("Content-Length"), Fault.pauseAfter(3, minute).on(Kind.MANIFEST));
            case "token" -> {
                hot.requireBearer(tokens);
                tokens.fault(Fault.silence());
            }
            case "token-body" -> {
                hot.requireBearer(tokens);
                tokens.fault(Fault.drip(Duration.ofMillis(300)));
            }
            case "account" -> {
                hot.requireBasic("me", "other");
                hot.fault(Fault.silence().on(Kind.PING));
            }
            case "challenge" -> {
                hot.requireBearer(tokens);
                hot.challengesAtVersionOnly(401);
                hot.fault(Fault.silence().on(Kind.PING));
            }
            case "redirect" -> {
                hot.fault(Fault.redirect(307, storage.url() + "/elsewhere"));
                storage.fault(Fault.silence());
            }
            default -> {
                hot.redirectBlobsTo(storage);
                storage.fault(Fault.silence());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"connect,GET,tag", "connect,HEAD,blob", "tls,GET,tag", "tls,GET,blob", "accept,GET,tag", "silence,GET,tag", "silence,HEAD,tag",
        "silence,GET,digest", "silence,HEAD,digest", "silence,GET,blob", "silence,HEAD,blob", "head,GET,tag", "head,HEAD,digest", "head,GET,blob",
        "head,HEAD,blob", "body,GET,tag", "body,GET,digest", "body-drips,GET,tag", "chunked-body,GET,tag", "token,GET,tag", "token,HEAD,digest", "token,GET,blob",
        "token-body,GET,tag", "token-body,HEAD,blob", "account,GET,tag", "account,GET,blob", "challenge,GET,tag", "redirect,GET,tag", "redirect,HEAD,tag",
        "storage,HEAD,blob"})
    void aRegistryThatHangsIsGivenUpForTheNext(String how, String method, String what) throws Exception {
        Image image = cold.image("library/app", "1.0");
        hot.put(image);
        startAndHang(how, join(HANGS, "HOT_USERNAME", "me", "HOT_PASSWORD", "secret"));
        Reply reply = mirror.send(method, path(image, what));
        assertEquals(what.equals("blob") && method.equals("GET") ? 307 : 200, reply.status(), reply::text);
        assertEquals(1, asked(cold, what.equals("blob") ? Kind.BLOB : Kind.MANIFEST));
        // It is counted with the line of the access log, which comes after the response.
        await(() -> hasMetric("mirror_fallbacks_total{reason=\"slow\",registry=\"hot\"} 1.0"));
        assertEquals("CLOSED", breaker("hot"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"silence", "head", "token", "storage"})
    void soIsOneWhoseBlobsAreStreamed(String how) throws Exception {
        Image image = cold.image("library/app", "1.0");
        hot.put(image);
        startAndHang(how, join(HANGS, "HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy"));
        assertEquals(200, mirror.get(path(image, "blob")).status());
        await(() -> hasMetric("mirror_fallbacks_total{reason=\"slow\",registry=\"hot\"} 1.0"));
    }

    /** The first call of a pull may be quick, and the second hang. */
    @Test
    void soIsOneThatHangsWhereABlobIs() throws Exception {
        Image image = cold.image("library/app", "1.0");
        hot.put(image);
        hot.redirectBlobsTo(storage);
        hot.fault(Fault.silence().on(Kind.BLOB).method("GET"));
        startQuick(join(HANGS));
        Reply reply = mirror.get(path(image, "blob"));
        assertEquals(307, reply.status());
        assertTrue(reply.header("Location").startsWith(cold.url()), reply.header("Location"));
        assertEquals(1, asked(hot, "GET", Kind.BLOB));
    }

    /** One pull pays, and the next ones go to cold at once. */
    @Test
    void onlyTheFirstPullWaits() throws Exception {
        hot.fault(Fault.silence().on(Kind.MANIFEST));
        startQuick(HANGS);
        for (int i = 0; i < 10; i++) {
            Image image = cold.image("library/app" + i, "1.0");
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        }
        assertEquals(1, asked(hot, Kind.MANIFEST));
        assertEquals(10, asked(cold, Kind.MANIFEST));
    }

    /** All come before hot is known to be slow. */
    @Test
    void fiveHundredFirstPullsAtOnceAreServedByTheNext() throws Exception {
        startQuick(join(HANGS, "MIRROR_SERVER_QUEUE_TIME", "20s", "MIRROR_SERVER_CALLS_PER_REGISTRY", "200"));
        hot.fault(Fault.silence());
        List<Image> images = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            images.add(cold.image("library/app" + i, "1.0"));
        }
        HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (Image image : images) {
            pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + image.path(), Duration.ofSeconds(60)), HttpResponse.BodyHandlers.ofByteArray()));
        }
        for (int i = 0; i < 500; i++) {
            assertArrayEquals(images.get(i).manifest(), pulls.get(i).get(60, TimeUnit.SECONDS).body());
        }
        assertEquals("CLOSED", breaker("hot"));
        hot.close();
        mirror.awaitNoneLeased("hot");
    }

    @ParameterizedTest
    @CsvSource({"GET,tag", "HEAD,tag", "GET,digest", "GET,blob", "HEAD,blob"})
    void whatOnlyASlowRegistryHasIsAskedForAgainThereWithAllTheTime(String method, String what) throws Exception {
        Image image = hot.image("library/app", "1.0");
        Kind kind = what.equals("blob") ? Kind.BLOB : Kind.MANIFEST;
        hot.fault(Fault.heldUntil(held).on(kind));
        startQuick(HANGS);
        CompletableFuture<Reply> pull = CompletableFuture.supplyAsync(() -> mirror.send(method, path(image, what)));
        await(() -> asked(hot, kind) == 2);
        assertTrue(asked(cold, kind) > 0);
        held.countDown();
        Reply reply = pull.get(30, TimeUnit.SECONDS);
        assertEquals(what.equals("blob") && method.equals("GET") ? 307 : 200, reply.status(), reply::text);
        assertEquals("CLOSED", breaker("hot"));
    }

    /** Nothing may be called missing that a slow registry has not been heard on. */
    @ParameterizedTest
    @ValueSource(strings = {"tag", "digest", "blob"})
    void aSlowRegistryDecidesWhetherAnImageIsMissing(String what) throws Exception {
        Image image = Image.of("elsewhere", "library/app", "1.0", 1);
        Kind kind = what.equals("blob") ? Kind.BLOB : Kind.MANIFEST;
        hot.fault(Fault.heldUntil(held).on(kind));
        startQuick(HANGS);
        CompletableFuture<Reply> pull = CompletableFuture.supplyAsync(() -> mirror.get(path(image, what)));
        await(() -> asked(hot, kind) == 2);
        held.countDown();
        assertEquals(404, pull.get(30, TimeUnit.SECONDS).status());
    }

    @ParameterizedTest
    @ValueSource(strings = {"tag", "digest", "blob"})
    void aRegistryThatHangsMakesNothingMissing(String what) throws Exception {
        Image image = hot.image("library/app", "1.0");
        startQuick("HOT_PATIENCE", "100ms");
        hot.fault(Fault.silence());
        Reply reply = mirror.get(path(image, what));
        assertEquals(503, reply.status());
        assertEquals("5", reply.header("Retry-After"));
    }

    /** It refuses all that has no token, and does not say in time where tokens are. */
    @Test
    void norDoesARegistryWhoseChallengeHangs() throws Exception {
        Image image = hot.image("library/app", "1.0");
        // So that the time of the call ends before that of the question.
        startQuick("HOT_CONNECT_TIMEOUT", "200ms", "HOT_RESPONSE_TIMEOUT", "800ms", "HOT_PATIENCE", "700ms");
        hot.requireBearer(tokens).challengesAtVersionOnly(404);
        hot.fault(Fault.silence().on(Kind.PING), Fault.delay(Duration.ofMillis(300)).on(Kind.MANIFEST));
        assertEquals(503, mirror.get(image.path()).status());
        assertEquals(2, asked(hot, Kind.MANIFEST));
    }

    /** The request's own time may end the second call, and nothing is missing then either. */
    @Test
    void theTimeForTheAnswerBoundsTheSecondCall() throws Exception {
        Image image = hot.image("library/app", "1.0");
        hot.fault(Fault.silence().on(Kind.MANIFEST));
        startQuick(join(HANGS, "MIRROR_SERVER_ANSWER_TIME", "1500ms"));
        assertEquals(503, mirror.get(image.path()).status());
        assertEquals(2, asked(hot, Kind.MANIFEST));
    }

    @Test
    void aNextRegistryInTroubleLeadsBackToTheSlowOne() throws Exception {
        Image image = hot.image("library/app", "1.0");
        hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        cold.fault(Fault.status(500).on(Kind.MANIFEST));
        startQuick(HANGS);
        CompletableFuture<Reply> pull = CompletableFuture.supplyAsync(() -> mirror.get(image.path()));
        await(() -> asked(hot, Kind.MANIFEST) == 2);
        held.countDown();
        assertArrayEquals(image.manifest(), pull.get(30, TimeUnit.SECONDS).body());
    }

    @Test
    void ofThreeRegistriesEachIsAskedBeforeTheFirstIsAskedAgain() throws Exception {
        try (TestRegistry warm = TestRegistry.start("warm")) {
            Image image = hot.image("library/app", "1.0");
            hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
            warm.fault(Fault.silence().on(Kind.MANIFEST));
            startQuick(join(HANGS, "WARM_URL", warm.url(), "WARM_CONNECT_TIMEOUT", "60s", "WARM_RESPONSE_TIMEOUT", "60s", "WARM_PATIENCE", "300ms",
                    "MIRROR_PLAN", "hot, warm, cold"));
            CompletableFuture<Reply> pull = CompletableFuture.supplyAsync(() -> mirror.get(image.path()));
            await(() -> asked(hot, Kind.MANIFEST) == 2);
            assertEquals(List.of(1L, 1L), List.of(asked(warm, Kind.MANIFEST), asked(cold, Kind.MANIFEST)));
            held.countDown();
            assertArrayEquals(image.manifest(), pull.get(30, TimeUnit.SECONDS).body());
            assertEquals(1, asked(warm, Kind.MANIFEST));
        }
    }

    /** There is nobody to ask instead. */
    @ParameterizedTest
    @ValueSource(strings = {"alone", "other-not-asked", "off", "list"})
    void aRegistryIsGivenUpOnlyForAnotherThatCanBeAsked(String why) throws Exception {
        Image image = hot.image("library/app", "1.0");
        hot.fault(Fault.heldUntil(held).on(why.equals("list") ? Kind.TAGS : Kind.MANIFEST));
        cold.image("library/app", "2.0");
        startQuick(switch (why) {
            case "alone" -> join(HANGS, "MIRROR_PLAN", "hot");
            case "off" -> join(HANGS, "HOT_PATIENCE", "0");
            default -> join(HANGS, BREAKER);
        });
        if (why.equals("other-not-asked")) {
            cold.fault(Fault.status(500).on(Kind.BLOB));
            for (int i = 0; i < 3; i++) {
                mirror.get("/v2/library/app/blobs/" + image.digest());
            }
            assertEquals("OPEN", breaker("cold"));
        }
        CompletableFuture<Reply> pull = CompletableFuture.supplyAsync(() -> mirror.get(why.equals("list") ? "/v2/library/app/tags/list" : image.path()));
        await(() -> asked(hot, why.equals("list") ? Kind.TAGS : Kind.MANIFEST) == 1);
        // Three times the patience.
        Thread.sleep(900);
        held.countDown();
        Reply reply = pull.get(30, TimeUnit.SECONDS);
        assertEquals(200, reply.status(), reply::text);
        assertEquals(1, asked(hot, why.equals("list") ? Kind.TAGS : Kind.MANIFEST));
        if (why.equals("list")) {
            assertEquals(List.of("1.0", "2.0"), new JsonObject(reply.text()).getJsonArray("tags").getList());
            assertNull(reply.header("Warning"));
        }
    }

    /** It responds, and clients get what only it has, for as long as that lasts. */
    @Test
    void slowIsNotDead() throws Exception {
        hot.fault(Fault.delay(Duration.ofMillis(300)).where(call -> call.kind() != Kind.PING));
        startQuick(join(BREAKER, "HOT_RESPONSE_TIMEOUT", "20s", "HOT_PATIENCE", "100ms"));
        for (int i = 0; i < 10; i++) {
            Image image = hot.image("library/app" + i, "1.0");
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            assertEquals(307, mirror.get(path(image, "blob")).status());
        }
        assertEquals(11, asked(hot, "GET", Kind.MANIFEST), "the first pull asks twice");
        assertEquals("CLOSED", breaker("hot"));
        assertEquals("slow", state("hot"));
        assertEquals("UP", health("hot").getString("status"));
        assertEquals(200, mirror.management("/observe/health").status());
        assertTrue(health("hot").getJsonObject("data").getString("registry.slow").matches("it is slow \\(since .*Z\\) and is asked last: (GET|HEAD) /v2/library/.* was answered after 0.[3-9] s"),
                health("hot").encode());
        assertTrue(hasMetric("mirror_registry_slow{registry=\"hot\"} 1.0"));
        assertTrue(hasMetric("mirror_registry_slow{registry=\"cold\"} 0.0"));
        assertTrue(status("hot").getBoolean("up"));
        assertTrue(status("hot").getString("slow").startsWith("it is slow (since "), status("hot").encode());
        assertNull(status("hot").getString("problem"));
        assertNull(status("cold").getString("slow"));
    }

    /** No client waits for it any more, and it is found to hang all the same. */
    @ParameterizedTest
    @ValueSource(strings = {"silence", "body", "token", "storage"})
    void aRegistryThatHangsIsNotAskedAnyMore(String how) throws Exception {
        Image image = cold.image("library/app", "1.0");
        hot.put(image);
        try (LogLines log = LogLines.of("io.mirrorregistry")) {
            startAndHang(how, join(BREAKER, "HOT_PATIENCE", "100ms", "MIRROR_LOGGING_LEVEL", "info"));
            assertEquals(200, mirror.send(how.equals("storage") ? "HEAD" : "GET", path(image, how.equals("storage") ? "blob" : "tag")).status());
            await(() -> breaker("hot").equals("OPEN"), log::lines);
            assertEquals("down", state("hot"));
            List<String> lines = log.lines().stream().filter(line -> line.startsWith("Registry hot ")).toList();
            assertEquals(1, lines.stream().filter(line -> line.matches("Registry hot is slow: (GET|HEAD) /v2/\\S+ got no response within 0.1 s; it is asked last until it is quick")).count(), lines.toString());
            assertEquals(1, lines.stream().filter(line -> line.matches("Registry hot is in trouble: .*; it is asked last")).count(), lines.toString());
            assertTrue(lines.contains("Registry hot fails too often and is not asked until a probe finds it up"), lines.toString());
        }
    }

    /** After an outage nobody waits for, too: pulls that cold serves do not find out that hot is well. */
    @Test
    void aRegistryThatHungRecovers() throws Exception {
        startQuick("HOT_PATIENCE", "300ms", "MIRROR_BREAKER_CALLS", "4", "MIRROR_BREAKER_MINIMUM_CALLS", "2", "MIRROR_BREAKER_PROBE_INTERVAL", "50ms");
        Image image = cold.image("library/app", "1.0");
        hot.put(image);
        hot.fault(Fault.silence());
        assertEquals(200, mirror.get(image.path()).status());
        await(() -> breaker("hot").equals("OPEN"));
        hot.heal();
        await(() -> {
            long before = asked(hot, Kind.MANIFEST);
            return mirror.get(image.path()).status() == 200 && asked(hot, Kind.MANIFEST) > before && breaker("hot").equals("CLOSED") && state("hot").equals("up");
        });
    }

    /** What is repeated in the background shows it. */
    @Test
    void aRegistryThatIsQuickAgainIsAskedFirstAgain() throws Exception {
        try (LogLines log = LogLines.of("io.mirrorregistry")) {
            hot.fault(Fault.silence().on(Kind.MANIFEST));
            startQuick(join(HANGS, "HOT_RESPONSE_TIMEOUT", "1s", "HOT_CONNECT_TIMEOUT", "1s", "HOT_PATIENCE", "1s", "MIRROR_LOGGING_LEVEL", "info"));
            Image image = cold.image("library/app", "1.0");
            hot.put(image);
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals("slow", state("hot"));
            hot.heal();
            await(() -> state("hot").equals("up"), log::lines);
            assertTrue(hasMetric("mirror_registry_slow{registry=\"hot\"} 0.0"));
            assertNull(status("hot").getString("slow"));
            List<String> lines = log.lines().stream().filter(line -> line.startsWith("Registry hot is ")).toList();
            assertTrue(lines.get(0).startsWith("Registry hot is slow: GET " + image.path() + " got no response within 1 s"), lines.toString());
            assertTrue(lines.get(lines.size() - 1).matches("Registry hot is quick again: (GET|HEAD) " + image.path() + " was answered after 0.* s"), lines.toString());
            cold.forget();
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(0, asked(cold, Kind.MANIFEST));
        }
    }

    /** The health of a registry at {@code /v2/} says nothing of its images. */
    @Test
    void aQuickProbeDoesNotEndWhatSlowImagesBegan() throws Exception {
        hot.fault(Fault.silence().on(Kind.MANIFEST));
        startQuick(join(HANGS, "MIRROR_HEALTH_INTERVAL", "20ms"));
        Image first = cold.image("library/first", "1.0");
        assertEquals(200, mirror.get(first.path()).status());
        int probes = hot.calls("GET", Kind.PING).size();
        await(() -> hot.calls("GET", Kind.PING).size() > probes + 5);
        assertEquals("slow", state("hot"));
        Image second = cold.image("library/second", "1.0");
        assertEquals(200, mirror.get(second.path()).status());
        assertEquals(1, asked(hot, Kind.MANIFEST));
    }

    /** Probes find a registry slow before any client has to wait for it. */
    @Test
    void aSlowProbeMakesARegistrySlow() throws Exception {
        hot.fault(Fault.delay(Duration.ofMillis(400)));
        start("HOT_RESPONSE_TIMEOUT", "20s", "HOT_PATIENCE", "200ms", "MIRROR_HEALTH_INTERVAL", "50ms");
        await(() -> "slow".equals(state("hot")));
        Image image = cold.image("library/app", "1.0");
        assertEquals(200, mirror.get(image.path()).status());
        assertEquals(0, asked(hot, Kind.MANIFEST));
        hot.heal();
        await(() -> "up".equals(state("hot")));
    }

    /** What is in memory belongs to the plan, which stays the same. */
    @Test
    void memoryServesWhatItHadAlsoWhileARegistryIsSlow() throws Exception {
        Image image = hot.image("library/app", "1.0");
        startQuick(join(HANGS, "HOT_PATIENCE", "2s", "MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_TAG_TTL", "1h", "MIRROR_CACHE_MISS_TTL", "1h",
                "MIRROR_CACHE_BLOB_TTL", "1h"));
        String blob = path(image, "blob");
        List<String> paths = List.of(image.path(), image.pathByDigest(), blob);
        for (String path : paths) {
            assertTrue(mirror.get(path).status() < 400);
        }
        assertEquals(404, mirror.get("/v2/library/none/manifests/1").status());
        hot.fault(Fault.silence());
        Image colds = cold.image("library/other", "1.0");
        assertEquals(200, mirror.get(colds.path()).status());
        assertEquals("slow", state("hot"));
        hot.forget();
        cold.forget();
        for (String path : paths) {
            assertTrue(mirror.get(path).status() < 400);
            assertEquals(200, mirror.head(path).status());
        }
        assertEquals(404, mirror.get("/v2/library/none/manifests/1").status());
        // What cold has served meanwhile is in memory, too, and stays there.
        assertEquals(200, mirror.get(colds.path()).status());
        assertEquals(0, asked(hot, Kind.MANIFEST) + asked(cold, Kind.MANIFEST) + asked(hot, Kind.BLOB) + asked(cold, Kind.BLOB));
    }

    /** A call is needed for each location, and another registry may have the blob as well. */
    @Test
    void aKnownBlobOfASlowRegistryIsAskedForElsewhere() throws Exception {
        Image image = hot.image("library/app", "1.0");
        cold.put(image);
        hot.redirectBlobsTo(storage);
        startQuick(join(HANGS, "HOT_PATIENCE", "1s", "MIRROR_CACHE_BLOB_TTL", "1h"));
        List<String> blobs = List.of(image.path(image.config()), path(image, "blob"));
        for (String blob : blobs) {
            assertTrue(mirror.get(blob).header("Location").startsWith(storage.url()));
        }
        hot.fault(Fault.silence());
        for (String blob : blobs) {
            assertTrue(mirror.get(blob).header("Location").startsWith(cold.url()));
        }
        assertEquals(3, asked(hot, "GET", Kind.BLOB), "two that were served, and one that was given up");
    }

    /** Neither a request nor lookahead has the mirror remember who has a blob while a registry before that one has not been asked. */
    @ParameterizedTest
    @ValueSource(strings = {"GET", "HEAD", "lookahead"})
    void blobsThatColdServedMeanwhileAreAskedForAtHotAgain(String how) throws Exception {
        Image image = hot.image("library/app", "1.0");
        cold.put(image);
        startQuick(join(HANGS, "MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_BLOB_TTL", "1h", "MIRROR_LOOKAHEAD_CALLS", "3", "MIRROR_LOOKAHEAD_MIN_LATENCY", "0"));
        hot.fault(Fault.silence());
        assertEquals(200, mirror.get(cold.image("library/first", "1.0").path()).status());
        assertEquals("slow", state("hot"));
        if (how.equals("lookahead")) {
            assertEquals(200, mirror.get(image.path()).status());
        } else {
            for (Body blob : image.blobs()) {
                assertEquals(how.equals("GET") ? 307 : 200, mirror.send(how, image.path(blob)).status());
            }
        }
        hot.heal();
        awaitQuick();
        assertEquals(how.equals("lookahead") ? 0 : image.blobs().size(), asked(cold, Kind.BLOB));
        for (Body blob : image.blobs()) {
            assertEquals(hot.url() + image.path(blob), mirror.get(image.path(blob)).header("Location"));
        }
        cold.forget();
        hot.forget();
        for (Body blob : image.blobs()) {
            assertEquals(hot.url() + image.path(blob), mirror.get(image.path(blob)).header("Location"));
        }
        assertEquals(0, asked(hot, Kind.BLOB) + asked(cold, Kind.BLOB), "what hot has is remembered");
    }

    @Test
    void clientsThatWaitForTheSameAreServedTogether() throws Exception {
        Image image = cold.image("library/app", "1.0");
        startQuick(join(HANGS, "HOT_PATIENCE", "1s", "MIRROR_CACHE_SIZE", "32MB"));
        hot.fault(Fault.silence());
        HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + image.path(), Duration.ofSeconds(30)), HttpResponse.BodyHandlers.ofByteArray()));
        }
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertArrayEquals(image.manifest(), pull.get(30, TimeUnit.SECONDS).body());
        }
        assertEquals(1, asked(hot, Kind.MANIFEST));
        assertEquals(1, asked(cold, Kind.MANIFEST));
    }

    /** Tokens that take long make a registry slow and nothing else: many calls wait for one that was given up. */
    @Test
    void aSlowTokenServiceIsNoOutage() throws Exception {
        startQuick(join(join(HANGS, BREAKER), "HOT_PATIENCE", "1s"));
        hot.requireBearer(tokens);
        tokens.fault(Fault.heldUntil(held));
        Image image = cold.image("library/app", "1.0");
        hot.put(image);
        HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            String path = i % 2 == 0 ? image.path() : image.pathByDigest();
            pulls.add(clients.sendAsync(TestClient.request(i % 4 < 2 ? "GET" : "HEAD", mirror.url() + path, Duration.ofSeconds(30)), HttpResponse.BodyHandlers.ofByteArray()));
            // The later ones have too little of their patience left to fetch a token of their own.
            Thread.sleep(100);
        }
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(200, pull.get(30, TimeUnit.SECONDS).statusCode());
        }
        assertEquals("CLOSED", breaker("hot"));
        assertTrue(mirror.management("/observe/metrics").text().lines().noneMatch(line -> line.startsWith("mirror_fallbacks_total{reason=\"outage\"")));
    }

    /** The length of a blob that nobody states is found by reading all of it: the registry has responded long before. */
    @Test
    void aBlobThatIsCountedIsNotGivenUp() throws Exception {
        String blob = "/v2/library/app/blobs/" + hot.blob("library/app", Body.ofSize(400_000, 1));
        Manner pause = Manner.pauseAfter(200_000, Duration.ofMillis(2500));
        hot.fault(Fault.instead((call, answer) -> Answer.of(200, "application/octet-stream", Body.ofSize(400_000, 1)).without("Content-Length")).on(Kind.BLOB),
                Fault.instead((call, answer) -> answer.with((whole, asked, connection) -> {
                    pause.send(whole, asked, connection);
                    Manner.CLOSE.send(whole, asked, connection);
                })).on(Kind.BLOB).method("GET"));
        startQuick("HOT_RESPONSE_TIMEOUT", "20s", "HOT_PATIENCE", "2s");
        Reply reply = mirror.head(blob);
        assertEquals("400000", reply.header("Content-Length"));
        assertEquals(0, asked(cold, Kind.BLOB));
        assertEquals("up", state("hot"));
    }

    @Test
    void anOperatorMayHaveSlowRegistriesAskedInTheOrderOfThePlan() throws Exception {
        Path ask = TestRoutes.copyTo(directory).resolve("ask.camel.yaml");
        String text = Files.readString(ask);
        int step = text.indexOf("        - bean:\n");
        int end = text.indexOf("method: slowLast\n") + "method: slowLast\n".length();
        Files.writeString(ask, text.substring(0, step) + text.substring(end));
        hot.fault(Fault.silence().on(Kind.MANIFEST));
        startIn(directory, hot.url(), HANGS);
        awaitQuick();
        for (int i = 0; i < 3; i++) {
            Image image = cold.image("library/app" + i, "1.0");
            assertEquals(200, mirror.get(image.path()).status());
        }
        assertEquals(3, asked(hot, Kind.MANIFEST));
    }

    @Test
    void explainTellsThatARegistryIsSlow() throws Exception {
        Image image = hot.image("library/app", "1.0");
        cold.put(image);
        hot.fault(Fault.silence().on(Kind.MANIFEST).times(1));
        startQuick(join(HANGS, "HOT_CONNECT_TIMEOUT", "20s", "HOT_RESPONSE_TIMEOUT", "20s"));
        // It responds later than its patience from now on.
        assertEquals(200, mirror.get(image.path()).status());
        hot.fault(Fault.delay(Duration.ofMillis(500)).on(Kind.MANIFEST));
        JsonObject found = new JsonObject(mirror.management("/explain?image=library/app:1.0").text());
        assertTrue(found.getJsonArray("registries").getJsonObject(0).getBoolean("slow"), found.encode());
        assertEquals("200 from cold, since hot is slow and asked last", found.getJsonObject("client").getString("why"));
        String table = mirror.management("/explain?image=library/app:1.0&format=text").text();
        assertTrue(table.lines().anyMatch(line -> line.matches("hot +library/app +yes, last: it is slow +200 .*")), table);
    }
}
