package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.Manner;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import io.vertx.core.json.JsonObject;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** More is asked of a registry than it may be asked at a time: who waits for a turn, without a worker, and what comes of it. */
class TurnTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final CountDownLatch held = new CountDownLatch(1);
    private TestMirror mirror;

    private void start(String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "20s",
                "COLD_RESPONSE_TIMEOUT", "20s", "MIRROR_SERVER_WORKERS", "4", "MIRROR_SERVER_CALLS_PER_REGISTRY", "1"));
        settings.addAll(List.of(more));
        mirror = TestMirror.start(settings.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        held.countDown();
        // First the registries: a mirror waits for the calls that run.
        hot.close();
        cold.close();
        if (mirror != null) {
            mirror.close();
        }
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < end, "not within a minute");
            Thread.sleep(10);
        }
    }

    private CompletableFuture<HttpResponse<byte[]>> ask(String method, String path) {
        return clients.sendAsync(TestClient.request(method, mirror.url() + path, Duration.ofSeconds(60)), HttpResponse.BodyHandlers.ofByteArray());
    }

    private CompletableFuture<HttpResponse<byte[]>> get(String path) {
        return ask("GET", path);
    }

    private static HttpResponse<byte[]> result(CompletableFuture<HttpResponse<byte[]>> asked) throws Exception {
        return asked.get(60, TimeUnit.SECONDS);
    }

    private int waiting() {
        return mirror.metric("mirror_requests_waiting");
    }

    private void awaitWaiting(int wanted) throws InterruptedException {
        await(() -> waiting() == wanted);
    }

    /** Has one call take the only place at a registry, until {@link #held} opens. */
    private CompletableFuture<HttpResponse<byte[]>> occupy(TestRegistry registry) throws InterruptedException {
        Image image = registry.image("library/first", "1.0");
        registry.fault(Fault.heldUntil(held).where(call -> "library/first".equals(call.name())));
        CompletableFuture<HttpResponse<byte[]>> first = get(image.path());
        await(() -> registry.calls().stream().anyMatch(call -> "library/first".equals(call.name())));
        return first;
    }

    /** Every place is given back: as many calls as ever are under way at a time, and nothing waits. */
    private void noPlaceIsLost(int places) throws Exception {
        awaitWaiting(0);
        mirror.awaitNoneLeased("hot", "cold");
        hot.heal();
        cold.heal();
        hot.forget();
        CountDownLatch all = new CountDownLatch(1);
        hot.fault(Fault.heldUntil(all).on(Kind.MANIFEST));
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < places; i++) {
            pulls.add(get(hot.image("library/last", "t" + i).path()));
        }
        await(() -> hot.calls("GET", Kind.MANIFEST).size() == places);
        all.countDown();
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(200, result(pull).statusCode());
        }
    }

    // All are served

    /** Cold, which has none of them, is asked meanwhile. */
    @Test
    void fiveHundredPullsOfDifferentImagesAreAllServed() throws Exception {
        start("MIRROR_SERVER_WORKERS", "40", "MIRROR_SERVER_CALLS_PER_REGISTRY", "20");
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        hot.fault(Fault.instead((call, answer) -> answer.with(Manner.after(() -> {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            held.await();
            Thread.sleep(50);
            return running.decrementAndGet();
        }, answer.manner()))).on(Kind.MANIFEST));
        List<Image> images = IntStream.range(0, 500).mapToObj(i -> hot.image("library/app" + i, "1.0")).toList();
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = images.stream().map(image -> get(image.path())).toList();
        awaitWaiting(480);
        for (int i = 0; i < 20; i++) {
            assertEquals(200, mirror.get("/health").status());
            assertEquals(200, mirror.get("/v2/").status());
        }
        held.countDown();
        for (int i = 0; i < 500; i++) {
            HttpResponse<byte[]> reply = result(pulls.get(i));
            assertEquals(200, reply.statusCode());
            assertArrayEquals(images.get(i).manifest(), reply.body());
        }
        assertEquals(500, hot.calls("GET", Kind.MANIFEST).size(), "each is asked for once");
        assertTrue(most.get() <= 20, most + " calls at a time");
        noPlaceIsLost(20);
    }

    /** A call for a blob is one that looks for it and one that gets it; and a token may be wanted first. */
    @ParameterizedTest
    @ValueSource(strings = {"blob", "blob's HEAD", "tags", "referrers", "digest"})
    void whateverIsAskedForWaitsForItsTurn(String what) throws Exception {
        try (TokenService tokens = TokenService.start(); TestStorage storage = TestStorage.start()) {
            hot.requireBearer(tokens);
            hot.redirectBlobsTo(storage);
            start();
            CompletableFuture<HttpResponse<byte[]>> first = occupy(hot);
            List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                Image image = hot.image("library/app" + i, "1.0");
                pulls.add(switch (what) {
                    case "blob" -> get(image.path(image.config()));
                    case "blob's HEAD" -> ask("HEAD", image.path(image.config()));
                    case "tags" -> get("/v2/library/app" + i + "/tags/list");
                    case "referrers" -> get("/v2/library/app" + i + "/referrers/" + image.digest());
                    default -> get(image.pathByDigest());
                });
            }
            awaitWaiting(12);
            assertEquals(200, mirror.get("/health").status());
            held.countDown();
            assertEquals(200, result(first).statusCode());
            for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
                assertEquals(what.equals("blob") ? 307 : 200, result(pull).statusCode());
                assertNull(result(pull).headers().firstValue("Warning").orElse(null));
            }
            hot.requireNothing();
            noPlaceIsLost(1);
        }
    }

    // The order

    @Test
    void whoCameFirstIsServedFirst() throws Exception {
        start("MIRROR_PLAN", "hot");
        occupy(hot);
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            pulls.add(get(hot.image("library/app", "t" + i).path()));
            awaitWaiting(i + 1);
        }
        hot.forget();
        held.countDown();
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(200, result(pull).statusCode());
        }
        assertEquals(IntStream.range(0, 6).mapToObj(i -> "t" + i).toList(), hot.calls("GET", Kind.MANIFEST).stream().map(call -> call.reference()).toList());
    }

    /** Otherwise all would end late: each would look for its blob before the first gets one. */
    @Test
    void aRequestThatHasBegunGoesOnBeforeLaterOnes() throws Exception {
        try (TestStorage storage = TestStorage.start()) {
            hot.redirectBlobsTo(storage);
            hot.fault(Fault.delay(Duration.ofMillis(100)).on(Kind.BLOB));
            start("MIRROR_PLAN", "hot");
            occupy(hot);
            List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                Image image = hot.image("library/app" + i, "1.0");
                pulls.add(get(image.path(image.config())));
                awaitWaiting(i + 1);
            }
            hot.forget();
            held.countDown();
            for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
                assertEquals(307, result(pull).statusCode());
            }
            // The place that the first HEAD gives back goes to the next request; the GET after it is next.
            List<String> calls = hot.calls().stream().filter(call -> call.kind() == Kind.BLOB).map(call -> call.method() + " " + call.name()).toList();
            for (int i = 0; i < 4; i++) {
                assertTrue(calls.indexOf("GET library/app" + i) < calls.indexOf("HEAD library/app" + (i + 2)), calls.toString());
            }
        }
    }

    // Other registries

    @Test
    void anotherRegistryIsAskedAtOnce() throws Exception {
        start();
        occupy(hot);
        Image colds = cold.image("library/app", "1.0");
        assertArrayEquals(colds.manifest(), mirror.get(colds.path()).body());
        assertEquals(307, mirror.get(colds.path(colds.config())).status());
        assertEquals(200, mirror.head(colds.path()).status());
        assertTrue(hot.calls().stream().noneMatch(call -> "library/app".equals(call.name())));
        assertTrue(mirror.management("/observe/metrics").text().contains("mirror_fallbacks_total{reason=\"not-asked\",registry=\"hot\"} 3.0"));
    }

    @Test
    void aRegistryThatWasPassedOverIsAskedOnceNoOtherIsLeft() throws Exception {
        start();
        occupy(hot);
        Image hots = hot.image("library/app", "1.0");
        CompletableFuture<HttpResponse<byte[]>> manifest = get(hots.path());
        CompletableFuture<HttpResponse<byte[]>> blob = get(hots.path(hots.config()));
        CompletableFuture<HttpResponse<byte[]>> missing = get("/v2/library/none/manifests/1.0");
        awaitWaiting(3);
        assertEquals(1, cold.calls("GET", hots.path()).size());
        held.countDown();
        assertArrayEquals(hots.manifest(), result(manifest).body());
        assertEquals(307, result(blob).statusCode());
        // Both say so: nothing of it was trouble.
        assertEquals(404, result(missing).statusCode());
        assertEquals(1, cold.calls("GET", "/v2/library/none/manifests/1.0").size());
        noPlaceIsLost(1);
    }

    @Test
    void ifBothHaveTooMuchToDoBothAreWaitedFor() throws Exception {
        start();
        CompletableFuture<HttpResponse<byte[]>> first = occupy(hot);
        cold.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        CompletableFuture<HttpResponse<byte[]>> second = get(cold.image("library/second", "1.0").path());
        await(() -> cold.calls("GET", Kind.MANIFEST).size() == 1);
        Image hots = hot.image("library/app", "1.0");
        Image colds = cold.image("library/other", "1.0");
        CompletableFuture<HttpResponse<byte[]>> third = get(hots.path());
        CompletableFuture<HttpResponse<byte[]>> fourth = get(colds.path());
        awaitWaiting(2);
        held.countDown();
        assertArrayEquals(hots.manifest(), result(third).body());
        assertArrayEquals(colds.manifest(), result(fourth).body());
        assertEquals(200, result(first).statusCode());
        assertEquals(200, result(second).statusCode());
        noPlaceIsLost(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"tags", "referrers"})
    void aListIsThatOfAllRegistries(String what) throws Exception {
        start();
        occupy(hot);
        Image subject = hot.image("library/app", "1.0");
        hot.referrer("library/app", subject, "application/vnd.hot");
        cold.put(subject);
        cold.image("library/app", "2.0");
        cold.referrer("library/app", subject, "application/vnd.cold");
        CompletableFuture<HttpResponse<byte[]>> list = get(what.equals("tags") ? "/v2/library/app/tags/list" : "/v2/library/app/referrers/" + subject.digest());
        awaitWaiting(1);
        held.countDown();
        HttpResponse<byte[]> reply = result(list);
        assertEquals(200, reply.statusCode());
        assertNull(reply.headers().firstValue("Warning").orElse(null));
        JsonObject json = new JsonObject(new String(reply.body()));
        if (what.equals("tags")) {
            assertEquals(List.of("1.0", "2.0"), json.getJsonArray("tags").getList());
        } else {
            assertEquals(2, json.getJsonArray("manifests").size());
        }
    }

    /** What cold has is better than nothing, once the time is over. */
    @Test
    void aListWithoutTheTurnOfOneRegistryHasAWarning() throws Exception {
        start("MIRROR_SERVER_ANSWER_TIME", "1500ms");
        occupy(hot);
        cold.image("library/app", "2.0");
        TestMirror.Reply reply = mirror.get("/v2/library/app/tags/list");
        assertEquals(200, reply.status());
        assertEquals(List.of("2.0"), new JsonObject(reply.text()).getJsonArray("tags").getList());
        assertTrue(reply.header("Warning").startsWith("299 - \"hot could not be asked"), reply.header("Warning"));
    }

    // In vain

    @Test
    void whoseTurnDoesNotComeInTimeIsToldSo() throws Exception {
        try (LogLines log = LogLines.of("io.mirrorregistry")) {
            start("MIRROR_SERVER_ANSWER_TIME", "1500ms", "MIRROR_LOGGING_LEVEL", "warn");
            occupy(hot);
            TestMirror.Reply reply = mirror.get("/v2/library/app/manifests/1.0");
            assertEquals(503, reply.status());
            assertEquals("5", reply.header("Retry-After"));
            JsonObject error = new JsonObject(reply.text()).getJsonArray("errors").getJsonObject(0);
            assertEquals("UNAVAILABLE", error.getString("code"));
            assertEquals("More requests wait for a registry than it can answer in time, and no other has this; try again.", error.getString("message"));
            assertEquals("hot", error.getString("detail"));
            assertTrue(hot.calls().stream().noneMatch(call -> "library/app".equals(call.name())));
            assertTrue(log.lines().toString().contains("GET /v2/library/app/manifests/1.0 was not asked: too many calls are under way"), log.lines().toString());
            assertEquals(0, waiting());
        }
    }

    @Test
    void theQueueTimeIsABoundWhereItIsSet() throws Exception {
        start("MIRROR_SERVER_QUEUE_TIME", "300ms", "MIRROR_PLAN", "hot");
        CompletableFuture<HttpResponse<byte[]>> first = occupy(hot);
        assertEquals(503, mirror.get("/v2/library/app/manifests/1.0").status());
        assertFalse(first.isDone());
    }

    /** Otherwise, while more is asked than can be answered, only requests that have hardly any time left would be worked on, all of them in vain. */
    @Test
    void noCallBeginsThatCannotEndInTime() throws Exception {
        // The first probe counts too in the time that the registry takes.
        hot.fault(Fault.delay(Duration.ofMillis(1500)));
        start("MIRROR_SERVER_ANSWER_TIME", "3500ms", "MIRROR_PLAN", "hot");
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            pulls.add(get(hot.image("library/app", "t" + i).path()));
        }
        int served = 0;
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            int status = result(pull).statusCode();
            assertTrue(status == 200 || status == 503, "status " + status);
            served += status == 200 ? 1 : 0;
        }
        assertTrue(served >= 1);
        assertEquals(served, hot.calls("GET", Kind.MANIFEST).size());
    }

    @Test
    void whenTheBreakerOpensNobodyWaitsForARegistryThatHangs() throws Exception {
        start("MIRROR_BREAKER_CALLS", "2", "MIRROR_BREAKER_MINIMUM_CALLS", "2", "MIRROR_BREAKER_PROBE_INTERVAL", "1h", "MIRROR_PLAN", "hot",
                "MIRROR_SERVER_CALLS_PER_REGISTRY", "2");
        CountDownLatch hangs = new CountDownLatch(1);
        hot.fault(Fault.status(500).on(Kind.MANIFEST), Fault.heldUntil(hangs).on(Kind.MANIFEST));
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            pulls.add(get("/v2/library/app/manifests/t" + i));
        }
        awaitWaiting(198);
        hangs.countDown();
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(503, result(pull).statusCode());
        }
        // Some of those that waited have got the place of a call that failed before.
        assertTrue(hot.calls("GET", Kind.MANIFEST).size() < 200, hot.calls("GET", Kind.MANIFEST).size() + " calls");
        assertEquals(0, waiting());
    }

    // Clients that leave

    @ParameterizedTest
    @ValueSource(strings = {"at the registry", "for a worker", "for another client"})
    void whoLeavesGivesItsPlaceUp(String where) throws Exception {
        try (LogLines log = LogLines.of("io.mirrorregistry")) {
            if (where.equals("for a worker")) {
                start("MIRROR_SERVER_WORKERS", "1", "MIRROR_LOGGING_LEVEL", "warn");
            } else {
                start("MIRROR_LOGGING_LEVEL", "warn");
            }
            CompletableFuture<HttpResponse<byte[]>> first = occupy(hot);
            List<Wire> leaving = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                String path = where.equals("for another client") ? "/v2/library/first/manifests/1.0" : hot.image("library/left", "t" + i).path();
                leaving.add(new Wire(mirror.port()).send("GET " + path + " HTTP/1.1\r\nHost: mirror\r\n\r\n"));
            }
            if (where.equals("for another client")) {
                await(() -> mirror.management("/observe/metrics").text().contains("mirror_cache_lookups_total{kind=\"manifest\",result=\"joined\"} 5.0"));
            } else {
                awaitWaiting(5);
            }
            for (Wire wire : leaving) {
                wire.close();
            }
            awaitWaiting(0);
            held.countDown();
            assertEquals(200, result(first).statusCode());
            Image last = hot.image("library/app", "last");
            assertArrayEquals(last.manifest(), mirror.get(last.path()).body());
            assertTrue(hot.calls().stream().noneMatch(call -> "library/left".equals(call.name())));
            assertTrue(log.lines().stream().noneMatch(line -> line.contains("failed")), log.lines().toString());
            noPlaceIsLost(1);
        }
    }

    /** The one who waited for all of them has gone: one of the others waits on, in the place of its own arrival. */
    @Test
    void whoWantsTheSameIsServedAllTheSame() throws Exception {
        start();
        occupy(hot);
        Image image = hot.image("library/app", "1.0");
        List<CompletableFuture<HttpResponse<byte[]>>> others = new ArrayList<>();
        try (Wire leaving = new Wire(mirror.port())) {
            leaving.send("GET " + image.path() + " HTTP/1.1\r\nHost: mirror\r\n\r\n");
            awaitWaiting(1);
            for (int i = 0; i < 5; i++) {
                others.add(get(image.path()));
            }
            await(() -> mirror.management("/observe/metrics").text().contains("mirror_cache_lookups_total{kind=\"manifest\",result=\"joined\"} 5.0"));
        }
        await(() -> mirror.management("/observe/metrics").text().contains("mirror_cache_lookups_total{kind=\"manifest\",result=\"joined\"} 9.0"));
        awaitWaiting(1);
        held.countDown();
        for (CompletableFuture<HttpResponse<byte[]>> other : others) {
            assertArrayEquals(image.manifest(), result(other).body());
        }
        assertEquals(1, hot.calls("GET", image.path()).size());
    }

    // Places

    @Test
    void everyPlaceIsGivenBack() throws Exception {
        start("MIRROR_SERVER_CALLS_PER_REGISTRY", "3", "HOT_RESPONSE_TIMEOUT", "300ms", "COLD_RESPONSE_TIMEOUT", "300ms", "HOT_BLOBS", "proxy");
        Image image = hot.image("library/app", "1.0");
        List<String> paths = List.of(image.path(), image.pathByDigest(), image.path(image.config()), "/v2/library/app/tags/list",
                "/v2/library/app/referrers/" + image.digest(), "/v2/library/none/manifests/1");
        for (Fault fault : List.of(Fault.status(500), Fault.close(), Fault.cut(10), Fault.status(404), Fault.status(403), Fault.status(416), Fault.status(429),
                Fault.status(307), Fault.silence(), Fault.otherBytes(), Fault.html(), Fault.drip(Duration.ofSeconds(1)))) {
            hot.fault(fault.where(call -> call.kind() != Kind.PING));
            List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
            for (String path : paths) {
                pulls.add(get(path));
                pulls.add(ask("HEAD", path));
            }
            for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
                // A stream that is cut is no response.
                pull.handle((reply, failure) -> reply).get(60, TimeUnit.SECONDS);
            }
            hot.heal();
        }
        noPlaceIsLost(3);
    }

    // Streams

    private String layer(String name) {
        return "/v2/" + name + "/blobs/" + hot.blob(name, Body.ofSize(300_000, name.hashCode()));
    }

    /** A registry that wants an account serves the bytes through the mirror; with the storage, it has redirected first. */
    @ParameterizedTest
    @ValueSource(strings = {"proxy", "account", "storage that refuses clients"})
    void aStreamWaitsForItsTurn(String how) throws Exception {
        try (TokenService tokens = TokenService.start(); TestRegistry behind = TestRegistry.start("behind")) {
            if (how.equals("proxy")) {
                start("HOT_BLOBS", "proxy");
            } else {
                hot.requireBearer(tokens);
                start();
            }
            if (how.startsWith("storage")) {
                // Another registry, which wants a token that clients have not got.
                behind.requireBearer(tokens);
            }
            List<String> paths = IntStream.range(0, 6).mapToObj(i -> layer("library/app" + i)).collect(Collectors.toCollection(ArrayList::new));
            if (how.startsWith("storage")) {
                for (int i = 0; i < 6; i++) {
                    behind.blob("library/app" + i, Body.ofSize(300_000, ("library/app" + i).hashCode()));
                }
                hot.fault(Fault.instead((call, answer) -> answer.status() == 200 ? Answer.of(307).with("Location", behind.url() + call.path()) : answer)
                        .on(Kind.BLOB));
            }
            TestRegistry serving = how.startsWith("storage") ? behind : hot;
            serving.fault(Fault.spoil(answer -> answer.with(Manner.heldAfter(200_000, held))).on(Kind.BLOB).method("GET").where(call -> call.path().contains("/app0/")));
            CompletableFuture<HttpResponse<byte[]>> first = get(paths.get(0));
            await(() -> mirror.metric("mirror_streams_running") == 1);
            List<CompletableFuture<HttpResponse<byte[]>>> others = new ArrayList<>();
            for (int i = 1; i < 6; i++) {
                others.add(get(paths.get(i)));
            }
            awaitWaiting(5);
            // Nothing of theirs is open meanwhile.
            await(() -> mirror.leased("hot") == 1);
            Image image = hot.image("library/manifest", "1.0");
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            held.countDown();
            assertEquals(300_000, result(first).body().length);
            for (CompletableFuture<HttpResponse<byte[]>> other : others) {
                assertEquals(200, result(other).statusCode());
                assertEquals(300_000, result(other).body().length);
            }
            await(() -> mirror.metric("mirror_streams_running") == 0);
            hot.requireNothing();
            noPlaceIsLost(1);
        }
    }

    @Test
    void aStreamThatClientsLeaveOrThatHasNoTimeLeftTakesNoPlace() throws Exception {
        start("HOT_BLOBS", "proxy", "MIRROR_SERVER_ANSWER_TIME", "2s");
        hot.fault(Fault.spoil(answer -> answer.with(Manner.heldAfter(200_000, held))).on(Kind.BLOB).method("GET").where(call -> call.path().contains("/app0/")));
        CompletableFuture<HttpResponse<byte[]>> first = get(layer("library/app0"));
        await(() -> mirror.metric("mirror_streams_running") == 1);
        String path = layer("library/app1");
        try (Wire leaving = new Wire(mirror.port())) {
            leaving.send("GET " + path + " HTTP/1.1\r\nHost: mirror\r\n\r\n");
            awaitWaiting(1);
        }
        awaitWaiting(0);
        assertEquals(503, mirror.get(path).status());
        held.countDown();
        assertEquals(300_000, result(first).body().length);
        await(() -> mirror.metric("mirror_streams_running") == 0);
        assertEquals(200, mirror.get(path).status());
        noPlaceIsLost(1);
    }

    // The end

    @Test
    void theMirrorStopsInTimeWhileRequestsWait() throws Exception {
        start("MIRROR_SERVER_SHUTDOWN_TIMEOUT", "2s", "HOT_PATIENCE", "20s");
        occupy(hot);
        for (int i = 0; i < 5; i++) {
            get(hot.image("library/app", "t" + i).path());
        }
        awaitWaiting(5);
        long start = System.nanoTime();
        mirror.close();
        mirror = null;
        assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(10));
        assertTrue(hot.calls().stream().noneMatch(call -> "library/app".equals(call.name())));
    }

    @Test
    void whatWaitsWhenTheMirrorStopsIsServedIfItsTurnComes() throws Exception {
        start("MIRROR_SERVER_SHUTDOWN_TIMEOUT", "30s");
        CompletableFuture<HttpResponse<byte[]>> first = occupy(hot);
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            pulls.add(get(hot.image("library/app", "t" + i).path()));
        }
        awaitWaiting(5);
        CompletableFuture<Void> closed = CompletableFuture.runAsync(mirror::close);
        Thread.sleep(300);
        held.countDown();
        assertEquals(200, result(first).statusCode());
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(200, result(pull).statusCode());
        }
        closed.get(60, TimeUnit.SECONDS);
        mirror = null;
    }
}
