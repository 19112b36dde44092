package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sixty clients want the same at the same time, and what they want is only learned late, or not at all: one call for all. */
class SharedFlightTest {

    private static final int CLIENTS = 60;

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestStorage storage = TestStorage.start();
    private final HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final CountDownLatch held = new CountDownLatch(1);
    private TestMirror mirror;

    private void start(Path directory, String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "30s",
                "MIRROR_SERVER_WORKERS", "8"));
        settings.addAll(List.of(more));
        mirror = TestMirror.startIn(directory, settings.toArray(String[]::new));
    }

    private void start(String... more) {
        start(Path.of(""), more);
    }

    @AfterEach
    void stop() {
        held.countDown();
        List.of(hot, cold, storage).forEach(TestServer::close);
        mirror.close();
    }

    /** Returns how many clients have joined another's errand. */
    private int joined() {
        return mirror.management("/observe/metrics").text().lines()
                .filter(line -> line.startsWith("mirror_cache_lookups_total{") && line.contains("\"joined\""))
                .mapToInt(line -> (int) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1))).sum();
    }

    private void awaitJoined(int wanted) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        for (int joined = joined(); joined < wanted; joined = joined()) {
            assertTrue(System.nanoTime() < end, joined + " of " + wanted + " joined");
            Thread.sleep(5);
        }
    }

    private CompletableFuture<HttpResponse<byte[]>> ask(String method, String path) {
        return clients.sendAsync(TestClient.request(method, mirror.url() + path, Duration.ofSeconds(60)), HttpResponse.BodyHandlers.ofByteArray());
    }

    /** Has them all join before the answer that is held. */
    private List<HttpResponse<byte[]>> crowd(String method, String path) throws Exception {
        int before = joined();
        List<CompletableFuture<HttpResponse<byte[]>>> asked = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            asked.add(ask(method, path));
        }
        awaitJoined(before + CLIENTS - 1);
        held.countDown();
        List<HttpResponse<byte[]>> replies = new ArrayList<>();
        for (CompletableFuture<HttpResponse<byte[]>> one : asked) {
            replies.add(one.get(30, TimeUnit.SECONDS));
        }
        return replies;
    }

    private static void tellTheLength(List<HttpResponse<byte[]>> replies, Image image) {
        for (HttpResponse<byte[]> reply : replies) {
            assertEquals(200, reply.statusCode());
            assertEquals(String.valueOf(image.config().length()), reply.headers().firstValue("Content-Length").orElse(null));
            assertEquals(image.config().digest().value(), reply.headers().firstValue("Docker-Content-Digest").orElse(null));
        }
    }

    // HEAD of a blob

    @ParameterizedTest
    @ValueSource(strings = {"0", "1h"})
    void sharesTheLengthThatTheStorageTells(String blobTtl) throws Exception {
        start("MIRROR_CACHE_BLOB_TTL", blobTtl);
        Image image = hot.image("library/app", "1.0");
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.heldUntil(held));
        String path = image.path(image.config());
        tellTheLength(crowd("HEAD", path), image);
        assertEquals(1, hot.calls("HEAD", path).size());
        assertEquals(1, storage.calls().size());
    }

    @Test
    void sharesTheLengthThatOnlyAGetTells() throws Exception {
        start();
        Image image = hot.image("library/app", "1.0");
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.heldUntil(held), Fault.status(403).method("HEAD"));
        String path = image.path(image.config());
        tellTheLength(crowd("HEAD", path), image);
        assertEquals(1, hot.calls("HEAD", path).size());
        assertEquals(1, hot.calls("GET", path).size());
        assertEquals(2, storage.calls().size());
    }

    @Test
    void sharesTheLengthThatARegistrysHeadDoesNotTell() throws Exception {
        start();
        Image image = hot.image("library/app", "1.0");
        hot.fault(Fault.heldUntil(held).on(Kind.BLOB).method("GET"), Fault.without("Content-Length").method("HEAD"));
        String path = image.path(image.config());
        tellTheLength(crowd("HEAD", path), image);
        assertEquals(1, hot.calls("HEAD", path).size());
        assertEquals(1, hot.calls("GET", path).size());
    }

    @Test
    void sharesColdsLengthWhereHotsStorageIsInTrouble() throws Exception {
        start();
        Image image = cold.image("library/app", "1.0");
        hot.put(image);
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.status(500), Fault.heldUntil(held));
        String path = image.path(image.config());
        tellTheLength(crowd("HEAD", path), image);
        assertEquals(1, hot.calls("HEAD", path).size());
        assertEquals(1, cold.calls("HEAD", path).size());
    }

    @Test
    void sharesThatTheStorageDoesNotTellTheLength() throws Exception {
        start();
        Image image = hot.image("library/app", "1.0");
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.status(500), Fault.heldUntil(held));
        String path = image.path(image.config());
        crowd("HEAD", path).forEach(reply -> assertEquals(503, reply.statusCode()));
        assertEquals(1, hot.calls("HEAD", path).size());
        assertEquals(1, cold.calls("HEAD", path).size());
    }

    @Test
    void remembersTheLengthWithTheBlob() {
        start("MIRROR_CACHE_BLOB_TTL", "1h");
        Image image = hot.image("library/app", "1.0");
        hot.redirectBlobsTo(storage);
        String path = image.path(image.config());
        assertEquals(307, mirror.get(path).status());
        assertEquals(200, mirror.head(path).status());
        hot.forget();
        storage.forget();
        for (int i = 0; i < 3; i++) {
            assertEquals(String.valueOf(image.config().length()), mirror.head(path).header("Content-Length"));
        }
        assertEquals(List.of(), hot.calls());
        assertEquals(List.of(), storage.calls());
        assertEquals(307, mirror.get(path).status());
        assertEquals(1, hot.calls().size());
    }

    @Test
    void theLengthDoesNotProlongWhatIsKnownOfTheBlob() throws Exception {
        start("MIRROR_CACHE_BLOB_TTL", "2s");
        Image image = hot.image("library/app", "1.0");
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.delay(Duration.ofMillis(1200)));
        String path = image.path(image.config());
        assertEquals(200, mirror.head(path).status());
        // The storage's answer is the one that tells of the blob.
        long answered = System.nanoTime();
        storage.heal();
        hot.forget();
        assertEquals(307, mirror.get(path).status());
        TimeUnit.NANOSECONDS.sleep(answered + TimeUnit.MILLISECONDS.toNanos(2400) - System.nanoTime());
        assertEquals(200, mirror.head(path).status());
        assertEquals(1, hot.calls("HEAD", path).size());
    }

    // HEAD of a manifest, and answers that are stale

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void sharesTheHeadOfAManifest(boolean byDigest) throws Exception {
        start();
        Image image = hot.image("library/app", "1.0");
        String path = byDigest ? image.pathByDigest() : image.path();
        hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        for (HttpResponse<byte[]> reply : crowd("HEAD", path)) {
            assertEquals(200, reply.statusCode());
            assertEquals(image.digest().value(), reply.headers().firstValue("Docker-Content-Digest").orElse(null));
        }
        assertEquals(1, hot.calls("HEAD", path).size());
    }

    @ParameterizedTest
    @ValueSource(strings = {"GET", "HEAD"})
    void sharesWhatATagMeantLast(String method) throws Exception {
        start("MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_TAG_TTL", "1ms");
        Image image = hot.image("library/app", "1.0");
        assertEquals(200, mirror.get(image.path()).status());
        hot.forget();
        cold.forget();
        hot.fault(Fault.status(500), Fault.heldUntil(held));
        cold.fault(Fault.status(500));
        for (HttpResponse<byte[]> reply : crowd(method, image.path())) {
            assertEquals(200, reply.statusCode());
            assertNotNull(reply.headers().firstValue("Warning").orElse(null));
            assertArrayEquals(method.equals("GET") ? image.manifest() : new byte[0], reply.body());
        }
        assertEquals(1, hot.calls("HEAD", image.path()).size());
        assertEquals(1, cold.calls("HEAD", image.path()).size());
    }

    /** The client that asked first reads nothing of its answer, which is larger than the network's buffers. */
    @Test
    void aClientThatDoesNotReadItsAnswerHoldsNobodyUp(@TempDir Path directory) throws Exception {
        Path errors = TestRoutes.copyTo(directory).resolve("errors.camel.yaml");
        String missingStep = "                      - bean:\n                          ref: answer\n                          method: missing\n";
        String text = Files.readString(errors);
        assertTrue(text.contains(missingStep));
        Files.writeString(errors, text.replace(missingStep, missingStep
                + "                      - bean:\n                          beanType: io.mirrorregistry.LargeAnswer\n                          method: set\n"));
        start(directory);
        String missing = "/v2/library/none/manifests/1.0";
        hot.fault(Fault.heldUntil(held).path(missing));
        try (Socket first = new Socket()) {
            first.setReceiveBufferSize(4096);
            first.connect(new InetSocketAddress("127.0.0.1", mirror.port()));
            first.getOutputStream().write(("GET " + missing + " HTTP/1.1\r\nHost: x\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (hot.calls("GET", missing).isEmpty()) {
                assertTrue(System.nanoTime() < end, "not asked");
                TimeUnit.MILLISECONDS.sleep(1);
            }
            CompletableFuture<HttpResponse<byte[]>> second = ask("GET", missing);
            awaitJoined(1);
            held.countDown();
            assertEquals(404, second.get(10, TimeUnit.SECONDS).statusCode());
        }
    }
}
