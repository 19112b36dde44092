package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TokenService;
import io.vertx.core.json.JsonObject;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A registry that is away or slow for longer: what it costs, and whom. */
class OutageTest {

    private static final String[] BREAKER = {"MIRROR_BREAKER_CALLS", "6", "MIRROR_BREAKER_MINIMUM_CALLS", "3",
        "MIRROR_BREAKER_PROBE_INTERVAL", "50ms", "MIRROR_BREAKER_TRIAL_CALLS", "1"};

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private TestMirror mirror;

    private void start(String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url()));
        settings.addAll(List.of(more));
        mirror = TestMirror.start(settings.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        // First the registries: a mirror waits for the calls that run.
        hot.close();
        cold.close();
        mirror.close();
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 1500 && !condition.getAsBoolean(); i++) {
            Thread.sleep(20);
        }
        assertTrue(condition.getAsBoolean());
    }

    @Test
    void onlyTheFirstPullsWaitForARegistryThatHangsUntilAProbeFindsItUp() throws Exception {
        start(BREAKER);
        Image image = cold.image("library/app", "1.0");
        hot.fault(Fault.silence());
        for (int i = 0; i < 3; i++) {
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        }
        assertEquals(3, hot.calls("GET", Kind.MANIFEST).size());
        for (int i = 0; i < 20; i++) {
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        }
        assertEquals(3, hot.calls("GET", Kind.MANIFEST).size());
        assertTrue(mirror.management("/observe/health").text().contains("not asked for images"));
        assertEquals(503, mirror.get("/v2/library/none/manifests/1").status());

        Image hots = hot.image("library/app", "1.0");
        hot.heal();
        await(() -> java.util.Arrays.equals(hots.manifest(), mirror.get(image.path()).body()));
        await(() -> !mirror.management("/observe/health").text().contains("not asked for images"));
    }

    /** Probes do not tell: the registry has no {@code /v2/}, in whatever words. */
    @ParameterizedTest
    @ValueSource(ints = {400, 404, 405, 429, 501, 200, -404})
    void aRegistryOfWhichProbesDoNotTellIsTriedAllTheSame(int version) throws Exception {
        start(BREAKER);
        Image image = hot.image("library/app", "1.0");
        hot.fault((version == 200 ? Fault.html() : version < 0 ? Fault.defaultBackend() : Fault.status(version)).on(Kind.PING),
                Fault.status(500).on(Kind.MANIFEST));
        for (int i = 0; i < 10; i++) {
            assertEquals(503, mirror.get(image.path()).status());
        }
        assertTrue(hot.calls("GET", Kind.MANIFEST).size() < 10);
        hot.heal();
        hot.fault((version == 200 ? Fault.html() : version < 0 ? Fault.defaultBackend() : Fault.status(version)).on(Kind.PING));
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (mirror.get(image.path()).status() != 200) {
            assertTrue(System.nanoTime() < end, "not asked again in 20 s");
            Thread.sleep(20);
        }
    }

    /** The token service wants a scope, which {@code /v2/} has not got. */
    @Test
    void soIsARegistryThatGivesTokensForRepositoriesOnly() throws Exception {
        try (TokenService tokens = TokenService.start()) {
            hot.requireBearer(tokens);
            tokens.fault(Fault.status(400).where(call -> call.parameter("scope") == null));
            start(BREAKER);
            Image image = hot.image("library/app", "1.0");
            hot.fault(Fault.status(500).on(Kind.MANIFEST));
            for (int i = 0; i < 10; i++) {
                assertEquals(503, mirror.get(image.path()).status());
            }
            hot.heal();
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (mirror.get(image.path()).status() != 200) {
                assertTrue(System.nanoTime() < end, "not asked again in 20 s");
                Thread.sleep(20);
            }
        }
    }

    /** Such a trial costs clients' calls, and is not begun with each probe. */
    @Test
    void aRegistryOfWhichProbesDoNotTellIsTriedRarely() throws Exception {
        start(BREAKER);
        Image image = cold.image("library/app", "1.0");
        hot.fault(Fault.status(404).on(Kind.PING), Fault.status(500).on(Kind.MANIFEST));
        int probed = hot.calls("GET", Kind.PING).size();
        await(() -> {
            assertEquals(200, mirror.get(image.path()).status());
            return hot.calls("GET", Kind.PING).size() >= probed + 20;
        });
        assertTrue(hot.calls("GET", Kind.MANIFEST).size() <= 5, hot.calls("GET", Kind.MANIFEST).size() + " calls");
    }

    @Test
    void eachChangeOfTheBreakerIsLoggedOnceAndShownInHealth() throws Exception {
        try (LogLines log = LogLines.of("io.mirrorregistry")) {
            start(BREAKER[0], BREAKER[1], BREAKER[2], BREAKER[3], "MIRROR_BREAKER_PROBE_INTERVAL", "20ms", "MIRROR_BREAKER_TRIAL_CALLS", "1",
                    "MIRROR_LOGGING_LEVEL", "info");
            Image image = cold.image("library/app", "1.0");
            hot.fault(Fault.status(500));
            HttpClient clients = HttpClient.newHttpClient();
            List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
            // Of different tags, since those who want the same share one call.
            for (int i = 0; i < 50; i++) {
                String path = cold.image("library/app", "t" + i).path();
                pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + path, Duration.ofSeconds(30)),
                        HttpResponse.BodyHandlers.ofByteArray()));
            }
            for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
                assertEquals(200, pull.get(30, TimeUnit.SECONDS).statusCode());
            }
            assertEquals("OPEN", breakerInHealth());
            List<String> begin = story(log);
            assertEquals(Set.of("Registry hot is in trouble: GET TAG answered 500; asking cold", "Registry hot is down: " + hot.host() + " answered 500",
                    "Registry hot fails too often and is not asked until a probe finds it up"), Set.copyOf(begin));
            assertEquals(3, begin.size(), begin.toString());
            // Probes that find it down change nothing.
            hot.awaitCalls(hot.calls().size() + 5);
            assertEquals(begin, story(log));

            hot.heal();
            Image hots = hot.image("library/app", "1.0");
            await(() -> java.util.Arrays.equals(hots.manifest(), mirror.get(image.path()).body()));
            for (int i = 0; i < 20; i++) {
                assertEquals(200, mirror.get(image.path()).status());
            }
            List<String> end = story(log).subList(begin.size(), story(log).size());
            assertEquals("Registry hot is up: " + hot.host() + " answered 200", end.get(0));
            assertTrue(end.get(1).matches("Registry hot responds again: \\d+ calls failed in .*, \\d+ were not made"), end.toString());
            assertEquals(2, end.size(), end.toString());
            assertEquals("CLOSED", breakerInHealth());
        }
    }

    private static List<String> story(LogLines log) {
        return log.lines().stream().filter(line -> line.startsWith("Registry hot "))
                .map(line -> line.replaceAll("/v2/library/app/manifests/t\\d+", "TAG")).toList();
    }

    private String breakerInHealth() {
        return new JsonObject(mirror.management("/observe/health?data=true").text()).getJsonArray("checks").stream().map(JsonObject.class::cast)
                .filter(check -> "registry-hot".equals(check.getString("name"))).findFirst().orElseThrow()
                .getJsonObject("data").getString("registry.breaker");
    }

    /** Returns how many requests wait for a worker, or for their turn at a registry. */
    private int waiting() {
        return mirror.metric("mirror_requests_waiting");
    }

    @Test
    void twoSilentRegistriesLeaveWorkersForTheThird() throws Exception {
        try (TestRegistry warm = TestRegistry.start("warm")) {
            start("WARM_URL", warm.url(), "HOT_SERVES", "hot.example", "COLD_SERVES", "cold.example", "WARM_SERVES", "warm.example",
                    "HOT_RESPONSE_TIMEOUT", "30s", "COLD_RESPONSE_TIMEOUT", "30s", "MIRROR_SERVER_WORKERS", "20");
            Image image = warm.image("library/app", "1.0");
            List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
            HttpClient clients = HttpClient.newHttpClient();
            for (TestRegistry silent : List.of(hot, cold)) {
                silent.fault(Fault.silence());
                for (int i = 0; i < 15; i++) {
                    String path = "/v2/library/app" + i + "/manifests/1.0?ns=" + (silent == hot ? "hot" : "cold") + ".example";
                    pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + path, Duration.ofSeconds(30)), HttpResponse.BodyHandlers.ofByteArray()));
                }
            }
            // Each pull has a worker that waits for the registry, or waits for its turn without one.
            await(() -> hot.calls("GET", Kind.MANIFEST).size() + cold.calls("GET", Kind.MANIFEST).size() + waiting() == 30);
            assertArrayEquals(image.manifest(), mirror.get(image.path() + "?ns=warm.example").body());
            assertEquals(6, hot.calls("GET", Kind.MANIFEST).size());
            assertEquals(6, cold.calls("GET", Kind.MANIFEST).size());
        }
    }

    @Test
    void streamsOfASlowRegistryLeaveWorkersForTheOther() throws Exception {
        start("HOT_RESPONSE_TIMEOUT", "30s", "HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy", "MIRROR_SERVER_WORKERS", "20", "MIRROR_SERVER_CALLS_PER_REGISTRY", "10");
        Image image = hot.image("library/slow", "1.0");
        Image colds = cold.image("library/app", "1.0");
        String layer = image.path(image.layers().get(0));
        hot.fault(Fault.drip(Duration.ofSeconds(1)).on(Kind.BLOB).method("GET"));
        List<Wire> slow = new ArrayList<>();
        CompletableFuture<Integer> waiting = null;
        try {
            for (int i = 0; i < 30; i++) {
                slow.add(new Wire(mirror.port()).send("GET " + layer + " HTTP/1.1\r\nHost: mirror\r\n\r\n"));
            }
            await(() -> mirror.management("/observe/metrics").text().contains("\nmirror_streams_running 10.0\n"));
            for (int i = 0; i < 5; i++) {
                assertArrayEquals(colds.manifest(), mirror.get(colds.path()).body());
                assertEquals(200, mirror.get(colds.path(colds.layers().get(0))).status());
            }
            await(() -> waiting() == 20);
            waiting = CompletableFuture.supplyAsync(() -> mirror.get(layer).status());
            await(() -> waiting() == 21);
            hot.heal();
        } finally {
            for (Wire wire : slow) {
                wire.close();
            }
        }
        // The places of the streams that are over go to whoever waits; those of clients that have left while they waited are nobody's.
        assertEquals(200, waiting.get(60, TimeUnit.SECONDS));
        await(() -> waiting() == 0);
    }

    @Test
    void whatARegistryHasNotGotNeverKeepsItFromBeingAsked() {
        start(BREAKER);
        for (int status : new int[] {404, 401, 403}) {
            hot.missing(status);
            for (int i = 0; i < 10; i++) {
                assertEquals(404, mirror.get("/v2/library/none/manifests/1").status());
            }
        }
        Image image = hot.image("library/app", "1.0");
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
    }

    @Test
    void aRegistryThatSeldomFailsIsAlwaysAsked() {
        start("MIRROR_BREAKER_CALLS", "100", "MIRROR_BREAKER_MINIMUM_CALLS", "5", "MIRROR_BREAKER_PROBE_INTERVAL", "1h");
        AtomicInteger number = new AtomicInteger();
        hot.fault(Fault.instead((call, answer) -> number.incrementAndGet() % 20 == 0 ? Answer.of(500) : answer).on(Kind.MANIFEST));
        for (int i = 0; i < 200; i++) {
            int status = mirror.get("/v2/library/none/manifests/" + i).status();
            assertEquals(number.get() % 20 == 0 ? 503 : 404, status);
        }
        assertEquals(200, hot.calls("GET", Kind.MANIFEST).size());
        assertEquals("CLOSED", breakerInHealth());
    }

    @Test
    void afterAnOutageARegistryThatHasNothingIsAskedAsUsual() throws Exception {
        start(BREAKER[0], BREAKER[1], BREAKER[2], BREAKER[3], BREAKER[4], BREAKER[5], "MIRROR_BREAKER_TRIAL_CALLS", "3");
        hot.fault(Fault.status(500));
        for (int i = 0; i < 3; i++) {
            assertEquals(503, mirror.get("/v2/library/none/manifests/" + i).status());
        }
        assertEquals("OPEN", breakerInHealth());
        hot.heal();
        await(() -> breakerInHealth().equals("HALF_OPEN"));
        for (int i = 0; i < 60; i++) {
            assertEquals(404, mirror.get("/v2/library/none/manifests/" + i).status());
        }
        assertEquals("CLOSED", breakerInHealth());
        HttpClient clients = HttpClient.newHttpClient();
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + "/v2/library/none/manifests/" + i, Duration.ofSeconds(30)),
                    HttpResponse.BodyHandlers.ofByteArray()));
        }
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(404, pull.get(30, TimeUnit.SECONDS).statusCode());
        }
    }

    @Test
    void neither429NorATokenServiceThatRefusesOneRepositoryKeepsARegistryFromBeingAsked() {
        try (TokenService tokens = TokenService.start()) {
            start(BREAKER);
            hot.requireBearer(tokens);
            tokens.fault(Fault.status(403).where(call -> String.valueOf(call.parameter("scope")).contains("secret")));
            Image image = hot.image("library/app", "1.0");
            for (int i = 0; i < 10; i++) {
                assertEquals(503, mirror.get("/v2/library/secret/manifests/1").status());
            }
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            hot.fault(Fault.status(429, Duration.ofSeconds(7)).on(Kind.MANIFEST));
            for (int i = 0; i < 10; i++) {
                assertEquals("7", mirror.get("/v2/library/app/manifests/none").header("Retry-After"));
            }
        }
    }

    @Test
    void aRegistryThatDripsIsGivenUpInTime() {
        start();
        Image image = cold.image("library/app", "1.0");
        hot.put(image);
        for (Fault fault : List.of(Fault.drip(Duration.ofMillis(100)), Fault.dripFromTheStart(Duration.ofMillis(100)))) {
            hot.heal();
            hot.fault(fault.on(Kind.MANIFEST));
            long start = System.nanoTime();
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            // 500 ms to connect, 700 ms for the head, 700 ms for the body; the whole would take a minute.
            assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(10));
            assertEquals(1, cold.calls("GET", Kind.MANIFEST).size());
            cold.forget();
        }
    }

    /** Each answer comes in time by itself; all together they would take many times as long as one may. */
    @ParameterizedTest
    @ValueSource(strings = {"redirects", "token", "pages"})
    void aPullHasOneBudgetForAllThatARegistryMakesOfIt(String what) throws Exception {
        try (TokenService tokens = TokenService.start()) {
            start("HOT_CONNECT_TIMEOUT", "200ms", "HOT_RESPONSE_TIMEOUT", "800ms");
            Image image = cold.image("library/app", "1.0");
            hot.put(image);
            Duration late = Duration.ofMillis(600);
            AtomicInteger page = new AtomicInteger();
            switch (what) {
                case "redirects" -> hot.fault(Fault.instead((call, answer) -> Answer.of(307).with("Location", "/v2/elsewhere/" + page.incrementAndGet())),
                        Fault.delay(late));
                case "token" -> {
                    hot.requireBearer(tokens).fault(Fault.delay(late).on(Kind.MANIFEST));
                    tokens.fault(Fault.delay(late));
                }
                default -> hot.fault(Fault.spoil(answer -> answer.with("Link", "</v2/x?last=" + page.incrementAndGet() + ">; rel=\"next\"")),
                        Fault.delay(late).on(Kind.TAGS));
            }
            String path = what.equals("pages") ? "/v2/library/app/tags/list" : image.path();
            long start = System.nanoTime();
            Reply reply = mirror.get(path);
            long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
            assertEquals(200, reply.status());
            // To connect and to answer, twice for a list; and what a busy machine adds.
            assertTrue(millis < (what.equals("pages") ? 3600 : 2200), millis + " ms");
            assertTrue(cold.calls().stream().anyMatch(call -> call.kind() != Kind.PING), "cold was not asked");
        }
    }

    @Test
    void nobodyIsAskedForAClientThatLeftBeforeItsTurn() throws Exception {
        try (LogLines access = LogLines.of("access")) {
            start("HOT_RESPONSE_TIMEOUT", "30s", "MIRROR_SERVER_WORKERS", "1", "MIRROR_SERVER_QUEUE_TIME", "30s", "MIRROR_LOGGING_LEVEL", "info");
            CountDownLatch held = new CountDownLatch(1);
            Image first = hot.image("library/app", "first");
            Image left = hot.image("library/app", "left");
            hot.fault(Fault.heldUntil(held).path(first.path()));
            HttpClient clients = HttpClient.newHttpClient();
            CompletableFuture<HttpResponse<byte[]>> pull = clients.sendAsync(TestClient.request("GET", mirror.url() + first.path(),
                    Duration.ofSeconds(60)), HttpResponse.BodyHandlers.ofByteArray());
            await(() -> hot.calls("GET", first.path()).size() == 1);
            try (Wire leaving = new Wire(mirror.port())) {
                leaving.send("GET " + left.path() + " HTTP/1.1\r\nHost: mirror\r\n\r\n");
                // Time to be read; that it was, and that it left, the access log proves below.
                Thread.sleep(200);
            }
            await(() -> access.lines().stream().anyMatch(line -> line.startsWith("GET " + left.path() + " 499 none ")));
            held.countDown();
            assertEquals(200, pull.get(60, TimeUnit.SECONDS).statusCode());
            Image last = hot.image("library/app", "last");
            assertArrayEquals(last.manifest(), mirror.get(last.path()).body());
            assertEquals(List.of(), hot.calls("GET", left.path()));
        }
    }

    @Test
    void fiveHundredPullsThatWaitForHotDelayNeitherHealthNorWhatColdServes() throws Exception {
        start("HOT_RESPONSE_TIMEOUT", "30s", "MIRROR_SERVER_WORKERS", "40", "MIRROR_SERVER_CALLS_PER_REGISTRY", "20");
        CountDownLatch held = new CountDownLatch(1);
        Image image = cold.image("library/app", "1.0");
        hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        // Of different tags, since those who want the same wait together, without a worker.
        List<Image> images = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            images.add(cold.image("library/app", "t" + i));
            pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + images.get(i).path(), Duration.ofSeconds(60)),
                    HttpResponse.BodyHandlers.ofByteArray()));
        }
        await(() -> hot.calls("GET", Kind.MANIFEST).size() == 20);
        await(() -> pulls.stream().filter(CompletableFuture::isDone).count() >= 480);
        assertEquals("{\"status\":\"healthy\"}", mirror.get("/health").text());
        assertEquals(200, mirror.get("/v2/").status());
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        held.countDown();
        // Hot was asked by as many as it may be; cold has served all others, who waited for their turn where it had too much to do.
        for (int i = 0; i < 500; i++) {
            HttpResponse<byte[]> reply = pulls.get(i).get(60, TimeUnit.SECONDS);
            assertEquals(200, reply.statusCode());
            assertArrayEquals(images.get(i).manifest(), reply.body());
        }
        assertEquals(20, hot.calls("GET", Kind.MANIFEST).size());
    }

    @Test
    void whatFindsNoWorkerInTimeIsToldSo() throws Exception {
        start("HOT_RESPONSE_TIMEOUT", "30s", "COLD_RESPONSE_TIMEOUT", "30s", "MIRROR_SERVER_WORKERS", "4",
                "MIRROR_SERVER_CALLS_PER_REGISTRY", "4", "MIRROR_SERVER_QUEUE_TIME", "500ms");
        CountDownLatch held = new CountDownLatch(1);
        hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        Image image = hot.image("library/app", "1.0");
        HttpClient clients = HttpClient.newHttpClient();
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + hot.image("library/app", "t" + i).path(), Duration.ofSeconds(60)),
                    HttpResponse.BodyHandlers.ofByteArray()));
        }
        await(() -> hot.calls("GET", Kind.MANIFEST).size() == 4);
        Reply refused = mirror.get(image.path());
        assertEquals(503, refused.status());
        assertEquals("1", refused.header("Retry-After"));
        assertTrue(refused.text().contains("UNAVAILABLE"), refused.text());
        assertEquals(200, mirror.get("/v2/").status());
        held.countDown();
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(200, pull.get(60, TimeUnit.SECONDS).statusCode());
        }
        await(() -> mirror.get(image.path()).status() == 200);
    }
}
