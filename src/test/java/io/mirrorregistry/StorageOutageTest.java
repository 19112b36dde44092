package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.Manner;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Storages of blobs that fail, and what that does to other pulls. */
class StorageOutageTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestStorage storage = TestStorage.start();
    private TestMirror mirror;

    private void start(String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url()));
        settings.addAll(List.of(more));
        mirror = TestMirror.start(settings.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        List.of(hot, cold, storage).forEach(TestServer::close);
        mirror.close();
    }

    private String blob(TestRegistry registry, String content) {
        return "/v2/library/app/blobs/" + registry.blob("library/app", content.getBytes(StandardCharsets.US_ASCII));
    }

    /** The digest proves a blob, whatever type its storage gives it. */
    @ParameterizedTest
    @ValueSource(strings = {"auto", "proxy"})
    void aLayerThatItsStorageTakesForAWebPageIsServed(String blobs) {
        start("HOT_BLOBS", blobs);
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.header("Content-Type", "text/html"));
        String path = blob(hot, "a page");
        assertEquals(200, mirror.head(path).status());
        assertEquals(blobs.equals("proxy") ? 200 : 307, mirror.get(path).status());
    }

    @Test
    void theOneByteThatTellsALengthHasADeadline() {
        start("HOT_RESPONSE_TIMEOUT", "20s", "MIRROR_SERVER_ANSWER_TIME", "1s");
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.instead((call, answer) -> call.method().equals("HEAD") ? Answer.of(403, "text/plain", "")
                : Answer.of(206).with("Content-Length", "1").with("Content-Range", "bytes 0-0/7")));
        long start = System.nanoTime();
        mirror.head(blob(hot, "content"));
        assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(10));
    }

    /** @param blobs of proxy a GET is asked as well */
    @ParameterizedTest
    @ValueSource(strings = {"auto", "redirect", "proxy"})
    void aStorageThatHangsHoldsAsManyWorkersAsOneRegistryMay(String blobs) throws Exception {
        start("HOT_RESPONSE_TIMEOUT", "20s", "HOT_BLOBS", blobs, "MIRROR_SERVER_WORKERS", "12", "MIRROR_SERVER_CALLS_PER_REGISTRY", "4");
        Image colds = cold.image("library/app", "1.0");
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.silence());
        HttpClient client = HttpClient.newHttpClient();
        List<CompletableFuture<HttpResponse<Void>>> pulls = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            String method = blobs.equals("proxy") && i % 2 == 1 ? "GET" : "HEAD";
            pulls.add(client.sendAsync(TestClient.request(method, mirror.url() + blob(hot, "blob " + i), Duration.ofSeconds(60)), HttpResponse.BodyHandlers.discarding()));
        }
        // The others wait for their turn, without a worker.
        await(() -> storage.calls().size() + mirror.metric("mirror_requests_waiting") >= 30, pulls);
        long start = System.nanoTime();
        assertArrayEquals(colds.manifest(), mirror.get(colds.path()).body());
        assertEquals(200, mirror.head(colds.path(colds.layers().get(0))).status());
        assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(5), "other pulls wait");
        assertEquals(4, storage.calls().size());
        for (CompletableFuture<HttpResponse<Void>> pull : pulls) {
            assertTrue(!pull.isDone() || pull.get().statusCode() == 503, "an outage was called " + (pull.isDone() ? pull.get().statusCode() : 0));
        }
        // All of them get an answer once the calls that hang have ended.
        storage.stop();
        for (CompletableFuture<HttpResponse<Void>> pull : pulls) {
            assertEquals(503, pull.get(60, TimeUnit.SECONDS).statusCode());
        }
    }

    private void await(java.util.function.BooleanSupplier reached, List<?> pulls) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(15);
        while (!reached.getAsBoolean()) {
            assertTrue(System.nanoTime() < end, storage.calls().size() + " calls at the storage, of " + pulls.size() + " pulls");
            Thread.sleep(5);
        }
    }

    @Test
    void theBreakerSeesAStorageThatFails() {
        start("MIRROR_BREAKER_CALLS", "5", "MIRROR_BREAKER_MINIMUM_CALLS", "5", "MIRROR_BREAKER_PROBE_INTERVAL", "1h");
        String path = blob(hot, "a blob");
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.status(500));
        for (int i = 0; i < 8; i++) {
            assertEquals(503, mirror.head(path).status());
        }
        assertTrue(hot.calls("HEAD", Kind.BLOB).size() < 8, "a registry whose storage fails is asked on and on");
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 401, 403, 404, 405, 429, 500, 503})
    void aStorageThatRefusesIsTrouble(int status) {
        start("HOT_BLOBS", "proxy", "MIRROR_LOGGING_LEVEL", "warn");
        String path = blob(hot, "a blob");
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.status(status));
        try (LogLines log = LogLines.of("io.mirrorregistry.pull")) {
            assertEquals(status == 429 ? 429 : 503, mirror.get(path).status());
            assertEquals(status == 429 ? 429 : 503, mirror.head(path).status());
            for (String line : log.lines()) {
                assertTrue(line.contains("127.0.0.1, where it redirects, answered " + status), line);
            }
            assertEquals(1, log.lines().size(), "the second failure is no change");
        }
    }

    /** A manifest that a registry keeps in a storage is there, too, while the storage refuses it. */
    @Test
    void aStorageThatRefusesAManifestIsTrouble() {
        start();
        hot.fault(Fault.redirect(307, storage.url() + "/storage/manifest").on(Kind.MANIFEST));
        storage.fault(Fault.status(403));
        assertEquals(503, mirror.get("/v2/library/app/manifests/1").status());
        assertEquals(503, mirror.head("/v2/library/app/manifests/1").status());
    }

    // The length

    @Test
    void theLengthTakesTwoCallsWhereTheStorageTellsIt() {
        start();
        String path = blob(hot, "a blob");
        hot.redirectBlobsTo(storage);
        assertEquals("6", mirror.head(path).header("Content-Length"));
        assertEquals(1, hot.calls("HEAD", Kind.BLOB).size());
        assertEquals(List.of("HEAD"), storage.calls().stream().map(call -> call.method()).toList());
    }

    /** HEAD without a length, and GET in chunks, parts or not: what is stated nowhere is counted. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aLengthThatNobodyStatesIsFound(boolean refusesHead) {
        start();
        Digest large = hot.blob("library/app", Body.ofSize(3_000_000, 1));
        hot.fault(refusesHead ? Fault.status(404).method("HEAD") : Fault.without("Content-Length").method("HEAD"));
        hot.fault(Fault.chunked().method("GET"));
        // A part states the length of the whole.
        Reply head = mirror.head("/v2/library/app/blobs/" + large);
        assertEquals("3000000", head.header("Content-Length"));
        assertTrue(hot.bytesSent() < 2_900_000 || refusesHead, hot.bytesSent() + " bytes");
        hot.fault(Fault.instead((call, answer) -> call.header("Range") == null ? answer
                : Answer.of(200, "application/octet-stream", Body.ofSize(3_000_000, 1)).with(Manner.CHUNKED)).method("GET"));
        assertEquals("3000000", mirror.head("/v2/library/app/blobs/" + large).header("Content-Length"));
    }

    @Test
    void whatIsCountedHasToBeTheBlob() {
        start();
        String path = blob(hot, "a blob");
        hot.fault(Fault.without("Content-Length").method("HEAD"), Fault.instead((call, answer) ->
                Answer.of(200, "application/octet-stream", Body.of("something else")).with(Manner.CHUNKED)).method("GET").on(Kind.BLOB));
        assertEquals(503, mirror.head(path).status());
        hot.heal();
        hot.fault(Fault.without("Content-Length").method("HEAD"), Fault.instead((call, answer) ->
                Answer.of(200, "application/octet-stream", Body.of("")).with(Manner.ENDLESS)).method("GET").on(Kind.BLOB));
        assertEquals(503, mirror.head(path).status());
    }

    @Test
    void anEmptyBlobHasALength() {
        start();
        Digest empty = hot.blob("library/app", new byte[0]);
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.status(403).method("HEAD"));
        assertEquals("0", mirror.head("/v2/library/app/blobs/" + empty).header("Content-Length"));
    }

    // A registry that is known to have a blob

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatARememberedRegistryFailsWithIsLoggedAndCountedAndItIsNotAskedAgain(boolean hots) {
        start("MIRROR_CACHE_BLOB_TTL", "1h", "HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy", "MIRROR_LOGGING_LEVEL", "warn");
        TestRegistry remembered = hots ? hot : cold;
        TestRegistry other = hots ? cold : hot;
        String path = blob(remembered, "a blob");
        assertEquals(200, mirror.get(path).status());
        blob(other, "a blob");
        hot.forget();
        cold.forget();
        remembered.fault(Fault.status(500));
        String name = hots ? "hot" : "cold";
        String series = "mirror_fallbacks_total{reason=\"outage\",registry=\"" + name + "\"} 1.0";
        try (LogLines log = LogLines.of("io.mirrorregistry.pull")) {
            assertEquals("a blob", mirror.get(path).text());
            assertEquals(1, log.lines().stream().filter(line -> line.startsWith("Registry " + name + " is in trouble")).count(), log.lines().toString());
        }
        assertEquals(1, remembered.calls().size());
        assertTrue(mirror.management("/observe/metrics").text().contains(series), series);
        assertEquals("a blob", mirror.get(path).text());
    }
}
