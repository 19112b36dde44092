package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import io.vertx.core.json.JsonObject;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** mirror.server.answer-time: no head of a response takes longer, whatever registries do that may take much longer each. */
class AnswerTimeTest {

    private static final long MILLIS = 1000;
    /** What a busy machine adds. */
    private static final long SLACK = 1000;

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TokenService tokens = TokenService.start();
    private final TestStorage storage = TestStorage.start();
    private final TestRegistry elsewhere = TestRegistry.start("elsewhere");
    private final HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final Image image = hot.image("library/app", "1.0");
    private final List<TestRegistry> both = List.of(hot, cold);
    private TestMirror mirror;

    private void start(String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_CONNECT_TIMEOUT", "20s", "COLD_CONNECT_TIMEOUT", "20s",
                "HOT_RESPONSE_TIMEOUT", "20s", "COLD_RESPONSE_TIMEOUT", "20s", "MIRROR_SERVER_ANSWER_TIME", MILLIS + "ms"));
        settings.addAll(List.of(more));
        mirror = TestMirror.start(settings.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        List.of(hot, cold, tokens, storage, elsewhere).forEach(TestServer::close);
        mirror.close();
    }

    private String path(String what) {
        return switch (what) {
            case "tag" -> image.path();
            case "digest" -> image.pathByDigest();
            case "blob" -> image.path(image.layers().get(0));
            case "tags" -> "/v2/library/app/tags/list";
            default -> "/v2/library/app/referrers/" + image.digest();
        };
    }

    private Reply inTime(String method, String path) {
        long start = System.nanoTime();
        Reply reply = mirror.send(method, path);
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
        assertTrue(millis < MILLIS + SLACK, method + " " + path + " took " + millis + " ms");
        return reply;
    }

    private void isUnavailable(Reply reply) {
        assertEquals(503, reply.status(), reply::text);
        assertNotNull(reply.header("Retry-After"));
    }

    /** Has both registries do what would take a minute each. */
    private void hang(String how) {
        cold.put(image);
        for (TestRegistry registry : both) {
            switch (how) {
                case "silence" -> registry.fault(Fault.silence());
                case "token" -> registry.requireBearer(tokens);
                case "token-body" -> registry.requireBearer(tokens);
                case "redirect" -> registry.fault(Fault.redirect(307, storage.url() + "/elsewhere"));
                case "storage" -> registry.redirectBlobsTo(storage);
                case "registry-elsewhere" -> registry.fault(Fault.redirectTo(307, elsewhere));
                case "own-host" -> {
                    registry.requireBasic("me", "secret");
                    registry.fault(Fault.silence().where(call -> "2".equals(call.parameter("node"))), Fault.redirectToNode());
                }
                case "account" -> {
                    registry.requireBasic("me", "other");
                    registry.fault(Fault.silence().on(Kind.PING));
                }
                case "no-length" -> registry.fault(Fault.instead((call, answer) -> Answer.of(200, "application/octet-stream",
                        Body.ofSize(400_000, 1)).without("Content-Length")).on(Kind.BLOB), Fault.pauseAfter(200_000, Duration.ofMinutes(1)).method("GET"));
                case "silent-body" -> registry.fault(Fault.pauseAfter(0, Duration.ofMinutes(1)).method("GET"));
                case "dribbling-head" -> registry.fault(Fault.dripFromTheStart(Duration.ofMillis(200)));
                default -> registry.fault(Fault.drip(Duration.ofMillis(200)));
            }
        }
        elsewhere.requireBearer(tokens);
        tokens.fault(how.equals("token-body") ? Fault.drip(Duration.ofMillis(200)) : Fault.silence());
        storage.fault(Fault.silence());
    }

    @ParameterizedTest
    @Execution(ExecutionMode.CONCURRENT)
    @CsvSource({"silence,GET,tag", "silence,HEAD,tag", "silence,GET,digest", "silence,HEAD,digest", "silence,GET,blob", "silence,HEAD,blob",
        "silence,GET,tags", "silence,HEAD,tags", "silence,GET,referrers", "token,GET,tag", "token,HEAD,digest", "token,GET,blob", "token,HEAD,blob",
        "token,GET,tags", "token,GET,referrers", "token-body,GET,tag", "redirect,GET,tag", "redirect,HEAD,tag", "redirect,GET,tags", "redirect,GET,referrers",
        "storage,HEAD,blob", "registry-elsewhere,GET,tag", "registry-elsewhere,HEAD,digest", "registry-elsewhere,GET,blob", "registry-elsewhere,GET,tags",
        "own-host,GET,blob", "own-host,HEAD,blob", "account,GET,tag", "account,HEAD,blob", "account,GET,tags", "no-length,HEAD,blob", "dribbling-head,GET,tag", "dribbling-head,HEAD,digest", "dribbling-head,GET,blob", "dribbling-head,HEAD,blob",
        "dribbling-head,GET,tags", "dribbling-head,GET,referrers", "dribbling-body,GET,tag", "dribbling-body,GET,digest", "dribbling-body,GET,tags",
        "dribbling-body,GET,referrers"})
    void bothRegistriesHang(String how, String method, String what) {
        start("HOT_USERNAME", "me", "HOT_PASSWORD", "secret", "COLD_USERNAME", "me", "COLD_PASSWORD", "secret");
        hang(how);
        isUnavailable(inTime(method, path(what)));
    }

    @ParameterizedTest
    @Execution(ExecutionMode.CONCURRENT)
    @CsvSource({"silence", "token", "storage", "dribbling-head", "silent-body"})
    void bothRegistriesHangWhereBlobsAreStreamed(String how) {
        start("HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy");
        hang(how);
        isUnavailable(inTime("GET", path("blob")));
    }

    /** The time ends with the head: the body of a blob may take as long as its client reads. */
    @Test
    void aStreamThatHasBegunGoesOn() {
        start("HOT_BLOBS", "proxy");
        String path = "/v2/library/app/blobs/" + hot.blob("library/app", Body.ofSize(400_000, 1));
        hot.fault(Fault.pauseAfter(200_000, Duration.ofMillis(MILLIS + 500)).on(Kind.BLOB).method("GET"));
        Reply reply = mirror.get(path);
        assertEquals(200, reply.status());
        assertEquals(400_000, reply.body().length);
    }

    @Test
    void hotLeavesColdWhatItHasNotTaken() {
        start("HOT_CONNECT_TIMEOUT", "300ms", "HOT_RESPONSE_TIMEOUT", "300ms");
        cold.put(image);
        hot.fault(Fault.silence());
        assertEquals(200, inTime("GET", image.path()).status());
    }

    @Test
    void aRegistryIsNotAskedWhenNothingIsLeft() {
        start();
        cold.put(image);
        hot.fault(Fault.silence());
        isUnavailable(inTime("GET", image.path()));
        assertEquals(List.of(), cold.calls("GET", Kind.MANIFEST));
        assertTrue(mirror.management("/observe/metrics").text().contains("mirror_fallbacks_total{reason=\"outage\",registry=\"hot\"} 1.0"));
    }

    private String breaker(String registry) {
        return new JsonObject(mirror.management("/observe/health?data=true").text()).getJsonArray("checks").stream().map(JsonObject.class::cast)
                .filter(check -> ("registry-" + registry).equals(check.getString("name"))).findFirst().orElseThrow()
                .getJsonObject("data").getString("registry.breaker");
    }

    /** Hot hangs for as long as it may, and leaves cold too little for an answer that cold gives a little later each time. */
    @Test
    void aCallThatHadNoFairTimeDoesNotCountForTheBreaker() {
        start("HOT_CONNECT_TIMEOUT", "100ms", "HOT_RESPONSE_TIMEOUT", "1300ms", "MIRROR_BREAKER_CALLS", "2", "MIRROR_BREAKER_MINIMUM_CALLS", "2",
                "MIRROR_BREAKER_PROBE_INTERVAL", "1h", "MIRROR_SERVER_ANSWER_TIME", "1500ms");
        cold.put(image);
        hot.fault(Fault.silence().on(Kind.MANIFEST));
        cold.fault(Fault.delay(Duration.ofMillis(700)).on(Kind.MANIFEST));
        for (int i = 0; i < 2; i++) {
            isUnavailable(inTime("GET", image.path()));
        }
        assertEquals("OPEN", breaker("hot"));
        assertEquals("CLOSED", breaker("cold"));
        assertEquals(200, inTime("GET", image.path()).status());
    }

    /** Its own timeouts end later than the time for an answer: otherwise every pull would wait for it, for ever. */
    @Test
    void aRegistryThatTakesTheWholeTimeCountsForTheBreaker() {
        start("MIRROR_BREAKER_CALLS", "2", "MIRROR_BREAKER_MINIMUM_CALLS", "2", "MIRROR_BREAKER_PROBE_INTERVAL", "1h");
        cold.put(image);
        hot.fault(Fault.silence().on(Kind.MANIFEST));
        for (int i = 0; i < 2; i++) {
            isUnavailable(inTime("GET", image.path()));
        }
        assertEquals("OPEN", breaker("hot"));
        assertEquals(200, inTime("GET", image.path()).status());
    }

    @Test
    void whatWasGatheredOfAListIsAnsweredWithAWarning() {
        start();
        AtomicInteger page = new AtomicInteger();
        hot.fault(Fault.spoil(answer -> answer.with("Link", "</v2/library/app/tags/list?last=" + page.incrementAndGet() + ">; rel=\"next\"")).on(Kind.TAGS),
                Fault.silence().where(call -> call.kind() == Kind.TAGS && page.get() == 3));
        Reply reply = inTime("GET", path("tags"));
        assertEquals(200, reply.status());
        assertEquals(List.of("1.0"), new JsonObject(reply.text()).getJsonArray("tags").getList());
        assertTrue(reply.header("Warning").startsWith("299 - \"hot"), reply.header("Warning"));
    }

    @Test
    void queueingCounts() throws Exception {
        start("MIRROR_SERVER_WORKERS", "1", "MIRROR_SERVER_QUEUE_TIME", "20s");
        hot.fault(Fault.silence().on(Kind.MANIFEST));
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        long start = System.nanoTime();
        for (int i = 0; i < 3; i++) {
            pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + "/v2/library/app" + i + "/manifests/1.0", Duration.ofSeconds(30)),
                    HttpResponse.BodyHandlers.ofByteArray()));
        }
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(503, pull.get(30, TimeUnit.SECONDS).statusCode());
        }
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
        assertTrue(millis < MILLIS + SLACK, millis + " ms");
    }

    @Test
    void whoeverFollowsAnotherIsAnsweredInItsOwnTime() throws Exception {
        start();
        hot.fault(Fault.silence().on(Kind.MANIFEST));
        List<CompletableFuture<Long>> pulls = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            long start = System.nanoTime();
            pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + image.path(), Duration.ofSeconds(30)), HttpResponse.BodyHandlers.ofByteArray())
                    .thenApply(reply -> {
                        assertEquals(503, reply.statusCode());
                        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
                    }));
            Thread.sleep(100);
        }
        for (CompletableFuture<Long> pull : pulls) {
            long millis = pull.get(30, TimeUnit.SECONDS);
            assertTrue(millis < MILLIS + SLACK, millis + " ms");
        }
        // The first of them asks, and one of those that had time enough when its time was over.
        assertTrue(hot.calls("GET", Kind.MANIFEST).size() <= 2, hot.calls("GET", Kind.MANIFEST).size() + " calls");
    }

    /** The first client's time is over when hot answers again; those that came later need not share its failure. */
    @Test
    void whoeverHasTimeLeftAsksForItself() throws Exception {
        start();
        hot.fault(Fault.silence().on(Kind.MANIFEST).times(1));
        CompletableFuture<HttpResponse<byte[]>> first = clients.sendAsync(TestClient.request("GET", mirror.url() + image.path(), Duration.ofSeconds(30)),
                HttpResponse.BodyHandlers.ofByteArray());
        hot.awaitCalls(1);
        Thread.sleep(MILLIS * 2 / 3);
        assertArrayEquals(image.manifest(), inTime("GET", image.path()).body());
        assertEquals(503, first.get(30, TimeUnit.SECONDS).statusCode());
    }

    @Test
    void aTagThatWasKnownIsAnsweredWhenTheTimeIsOver() throws Exception {
        start("MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_TAG_TTL", "0");
        assertEquals(200, mirror.get(image.path()).status());
        hot.fault(Fault.silence());
        cold.fault(Fault.silence());
        Reply reply = inTime("GET", image.path());
        assertEquals(200, reply.status());
        assertNotNull(reply.header("Warning"));
    }

    /** A call that has little time left fetches the token; one that has more must not share its failure. */
    @Test
    void whoeverWaitsForATokenAndHasTimeLeftFetchesIt() throws Exception {
        start();
        hot.requireBearer(tokens);
        hot.fault(Fault.delay(Duration.ofMillis(MILLIS * 2 / 3)).where(call -> call.method().equals("HEAD") && call.header("Authorization") == null));
        tokens.fault(Fault.silence().where(AnswerTimeTest::isForApp).times(1));
        CompletableFuture<HttpResponse<byte[]>> first = clients.sendAsync(TestClient.request("HEAD", mirror.url() + image.path(), Duration.ofSeconds(30)),
                HttpResponse.BodyHandlers.ofByteArray());
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (tokens.calls().stream().noneMatch(AnswerTimeTest::isForApp)) {
            assertTrue(System.nanoTime() < end, "no token is fetched");
            Thread.sleep(1);
        }
        Reply second = inTime("GET", image.path());
        assertEquals(200, second.status(), second::text);
        assertEquals(503, first.get(30, TimeUnit.SECONDS).statusCode());
        assertEquals(2, tokens.calls().stream().filter(AnswerTimeTest::isForApp).count());
    }

    /** A call that has little time left asks for the account in vain; that is not believed of one that has more. */
    @Test
    void whoeverHasTimeLeftAsksForTheAccountAgain() {
        start("HOT_USERNAME", "me", "HOT_PASSWORD", "secret", "MIRROR_PLAN", "hot", "MIRROR_BREAKER_PROBE_INTERVAL", "1h", "MIRROR_HEALTH_INTERVAL", "1h");
        hot.awaitCalls(1);
        hot.requireBasic("me", "secret").missing(403);
        assertEquals(200, mirror.get(image.path()).status());
        Fault late = Fault.delay(Duration.ofMillis(MILLIS * 3 / 4)).on(Kind.MANIFEST);
        hot.fault(late.times(1), Fault.silence().on(Kind.PING).times(1));
        isUnavailable(inTime("GET", "/v2/library/none/manifests/1"));
        assertEquals(404, inTime("GET", "/v2/library/none/manifests/1").status());
    }

    /** The same of the question whether the registry challenges at /v2/ only. */
    @Test
    void whoeverHasTimeLeftAsksForTheChallengeAgain() {
        start("MIRROR_PLAN", "hot", "MIRROR_BREAKER_PROBE_INTERVAL", "1h", "MIRROR_HEALTH_INTERVAL", "1h");
        hot.awaitCalls(1);
        hot.requireBearer(tokens).challengesAtVersionOnly(404);
        Fault late = Fault.delay(Duration.ofMillis(MILLIS * 3 / 4)).on(Kind.MANIFEST);
        hot.fault(late.times(1), Fault.silence().on(Kind.PING).times(1));
        isUnavailable(inTime("GET", image.path()));
        assertEquals(200, inTime("GET", image.path()).status());
    }

    /** Probes fetch tokens as well, without a scope. */
    private static boolean isForApp(Call call) {
        return String.valueOf(call.parameter("scope")).contains("library/app");
    }

    @Test
    void nothingOfItLeavesTheMirror() {
        start();
        hot.requireBearer(tokens);
        hot.redirectBlobsTo(storage);
        for (String what : List.of("tag", "digest", "blob", "tags", "referrers")) {
            Reply reply = mirror.get(path(what));
            mirror.head(path(what));
            assertTrue(reply.response().headers().map().keySet().stream().noneMatch(name -> name.toLowerCase().startsWith("mirror")));
        }
        for (TestServer server : List.of(hot, cold, tokens, storage)) {
            assertTrue(server.calls().stream().allMatch(call -> call.headers("MirrorAnswerTime").isEmpty()));
        }
    }
}
