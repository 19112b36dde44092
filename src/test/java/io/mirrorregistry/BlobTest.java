package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.Manner;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How a client gets at blobs, in all modes, over real HTTP. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BlobTest {

    private static final String ABSENT = "/v2/library/absent/blobs/sha256:" + "0".repeat(64);

    private final TokenService tokens = TokenService.start();
    private final TestStorage storage = TestStorage.start();
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror auto = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(),
            "HOT_PUBLIC_URL", "https://hot.example.com/public");
    private final TestMirror proxy = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(),
            "HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy");
    private final TestMirror redirect = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(),
            "HOT_BLOBS", "redirect", "COLD_BLOBS", "redirect", "HOT_PUBLIC_URL", "https://hot.example.com");
    private String name;
    private int number;

    @BeforeEach
    void fresh() {
        // Tokens are remembered by repository, so each test has one of its own.
        name = "library/blob-" + ++number;
    }

    @AfterEach
    void heal() {
        hot.heal();
        cold.heal();
        storage.heal();
        hot.requireNothing().forget();
        cold.requireNothing().forget();
        storage.forget();
        hot.serveBlobs();
        cold.serveBlobs();
    }

    @AfterAll
    void stop() {
        List.of(auto, proxy, redirect).forEach(TestMirror::close);
        List.of(hot, cold, tokens, storage).forEach(TestServer::close);
    }

    private static String path(Image image) {
        return image.path(image.layers().get(0));
    }

    // auto

    @Test
    void autoSendsTheClientToARegistryThatServesAnyone() {
        Image image = hot.image(name, "1");
        Reply reply = auto.get(path(image));
        assertEquals(307, reply.status());
        assertEquals("https://hot.example.com/public" + path(image), reply.header("Location"));
        assertEquals(0, reply.body().length);
        assertEquals("0", reply.header("Content-Length"));
        assertEquals(List.of(), hot.calls("GET", Kind.BLOB));
    }

    @Test
    void autoSendsTheClientToColdByItsUrlWhereThatIsPublic() {
        Image image = cold.image(name, "1");
        assertEquals(cold.url() + path(image), auto.get(path(image)).header("Location"));
    }

    @Test
    void anImagesLayersMayComeFromBothRegistries() {
        Image image = cold.image(name, "1");
        Digest first = hot.blob(name, image.layers().get(0).bytes());
        assertTrue(auto.get("/v2/" + name + "/blobs/" + first).header("Location").startsWith("https://hot."));
        String config = image.path(image.config());
        assertEquals(cold.url() + config, auto.get(config).header("Location"));
    }

    @ParameterizedTest
    @CsvSource({"307, {url}", "302, {url}", "303, {url}", "308, {url}", "301, {url}", "307, {path}"})
    void autoHandsOnTheLocationThatIsSignedForGetAndKeepsItNowhere(int status, String location) {
        Image image = hot.image(name, "1");
        hot.redirectBlobsTo(storage, status, location);
        Reply reply = auto.get(path(image));
        assertEquals(307, reply.status());
        assertEquals("no-store", reply.header("Cache-Control"));
        // What is on the registry's own host is where clients can reach that.
        String reachable = reply.header("Location").replace("https://hot.example.com/public", hot.url());
        assertEquals(location.equals("{path}"), !reachable.equals(reply.header("Location")));
        assertArrayEquals(image.layers().get(0).bytes(), new TestClient().get(reachable).body());
    }

    @Test
    void autoHandsOnTheLocationThatOnlyAuthorizedCallersAreTold() {
        Image image = hot.image(name, "1");
        hot.requireBearer(tokens).redirectBlobsTo(storage);
        assertArrayEquals(image.layers().get(0).bytes(), new TestClient().get(auto.get(path(image)).header("Location")).body());
    }

    @Test
    void autoStreamsWhereEvenAnAnonymousTokenWasWanted() {
        Image image = hot.image(name, "1");
        hot.requireBearer(tokens);
        Reply reply = auto.get(path(image));
        assertEquals(200, reply.status());
        assertArrayEquals(image.layers().get(0).bytes(), reply.body());
        assertEquals(path(image).substring(path(image).lastIndexOf('/') + 1), reply.header("Docker-Content-Digest"));
        assertEquals("application/octet-stream", reply.header("Content-Type"));
        assertEquals(String.valueOf(image.layers().get(0).bytes().length), reply.header("Content-Length"));
    }

    @Test
    void autoHandsOnTheLocationOfARegistryThatAnswersHeadItself() {
        Image image = hot.image(name, "1");
        hot.requireBearer(tokens).redirectBlobsTo(storage).answerBlobHeads();
        assertArrayEquals(image.layers().get(0).bytes(), new TestClient().get(auto.get(path(image)).header("Location")).body());
    }

    // redirect, proxy

    @Test
    void redirectSendsTheClientOnEvenWhereAuthorizationIsWanted() {
        Image image = hot.image(name, "1");
        hot.requireBearer(tokens);
        assertEquals("https://hot.example.com" + path(image), redirect.get(path(image)).header("Location"));
        hot.redirectBlobsTo(storage);
        assertArrayEquals(image.layers().get(0).bytes(), new TestClient().get(redirect.get(path(image)).header("Location")).body());
    }

    @Test
    void proxyStreamsFromTheRegistryAndFromItsStorage() {
        Image image = hot.image(name, "1");
        assertArrayEquals(image.layers().get(0).bytes(), proxy.get(path(image)).body());
        hot.requireBearer(tokens).redirectBlobsTo(storage);
        assertArrayEquals(image.layers().get(0).bytes(), proxy.get(path(image)).body());
        try (TestStorage moved = TestStorage.start().redirectAgain()) {
            hot.redirectBlobsTo(moved);
            assertArrayEquals(image.layers().get(0).bytes(), proxy.get(path(image)).body());
        }
        assertTrue(storage.calls().stream().allMatch(call -> call.header("Authorization") == null));
    }

    @Test
    void takesColdsWhereHotsStorageIsInTrouble() {
        Image image = cold.image(name, "1");
        hot.put(image);
        hot.redirectBlobsTo(storage);
        for (Fault fault : List.of(Fault.status(403), Fault.status(500), Fault.close(), Fault.silence(), Fault.cut(0))) {
            storage.heal();
            storage.fault(fault);
            assertArrayEquals(image.layers().get(0).bytes(), proxy.get(path(image)).body());
        }
    }

    @Test
    void emptyAndChunkedBlobsAreStreamedToo() {
        Digest empty = hot.blob(name, new byte[0]);
        assertEquals(0, proxy.get("/v2/" + name + "/blobs/" + empty).body().length);
        Image image = hot.image(name, "1");
        hot.fault(Fault.chunked().on(Kind.BLOB).method("GET"));
        assertArrayEquals(image.layers().get(0).bytes(), proxy.get(path(image)).body());
    }

    // Range

    @Test
    void honoursRangeWhenItStreams() {
        Image image = cold.image(name, "1");
        Reply part = proxy.get(path(image), "Range", "bytes=5-14");
        assertEquals(206, part.status());
        assertArrayEquals(Arrays.copyOfRange(image.layers().get(0).bytes(), 5, 15), part.body());
        assertEquals("bytes 5-14/" + image.layers().get(0).bytes().length, part.header("Content-Range"));
        cold.redirectBlobsTo(storage);
        assertArrayEquals(part.body(), proxy.get(path(image), "Range", "bytes=5-14").body());

        Reply outside = proxy.get(path(image), "Range", "bytes=" + image.layers().get(0).bytes().length + "-");
        assertEquals(416, outside.status());
        assertEquals("bytes */" + image.layers().get(0).bytes().length, outside.header("Content-Range"));
        assertTrue(outside.text().contains("RANGE_INVALID"));
    }

    @Test
    void givesTheWholeToIfRange() {
        Image image = cold.image(name, "1");
        assertEquals(200, proxy.get(path(image), "Range", "bytes=5-14", "If-Range", "\"x\"").status());
    }

    // HEAD

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void answersHeadItselfInEveryMode(boolean authorized) {
        Image image = hot.image(name, "1");
        if (authorized) {
            hot.requireBearer(tokens);
        }
        for (boolean redirecting : new boolean[] {false, true}) {
            if (redirecting) {
                hot.redirectBlobsTo(storage);
            }
            for (TestMirror mirror : List.of(auto, proxy, redirect)) {
                assertHead(image, mirror.head(path(image)));
            }
        }
    }

    private static void assertHead(Image image, Reply head) {
        assertEquals(200, head.status());
        assertEquals(String.valueOf(image.layers().get(0).bytes().length), head.header("Content-Length"));
        assertEquals(path(image).substring(path(image).lastIndexOf('/') + 1), head.header("Docker-Content-Digest"));
        assertNull(head.header("Location"));
    }

    @Test
    void learnsTheLengthByGetWhereTheLocationIsGoodForGetOnly() {
        Image image = hot.image(name, "1");
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.status(403).method("HEAD"));
        assertHead(image, auto.head(path(image)));
        Call last = storage.calls().get(storage.calls().size() - 1);
        assertEquals("bytes=0-0", last.header("Range"));
        assertNull(last.header("Authorization"));
    }

    @Test
    void learnsTheLengthByGetWhereHeadDoesNotTellIt() {
        Image image = hot.image(name, "1");
        hot.fault(Fault.without("Content-Length").method("HEAD"));
        assertHead(image, auto.head(path(image)));
    }

    @ParameterizedTest
    @ValueSource(ints = {405, 501})
    void asksARegistryThatKnowsNoHeadWithGetAndDoesNotReadTheBlob(int status) {
        Digest large = hot.blob(name, Body.ofSize(100_000_000, 7));
        Image image = hot.image(name, "1");
        hot.fault(Fault.status(status).method("HEAD").on(Kind.BLOB));
        assertHead(image, auto.head(path(image)));
        assertEquals(404, auto.head("/v2/" + name + "/blobs/sha256:" + "1".repeat(64)).status());
        assertEquals(307, auto.get("/v2/" + name + "/blobs/" + large).status());
        Reply head = auto.head("/v2/" + name + "/blobs/" + large);
        assertEquals("100000000", head.header("Content-Length"));
        assertTrue(hot.bytesSent() < 50_000_000, hot.bytesSent() + " bytes");
        hot.redirectBlobsTo(storage);
        assertHead(image, auto.head(path(image)));
        assertTrue(String.valueOf(auto.get(path(image)).header("Location")).startsWith(storage.url()));
        hot.serveBlobs().requireBearer(tokens);
        assertArrayEquals(image.layers().get(0).bytes(), auto.get(path(image)).body());
    }

    // Nobody has it

    @Test
    void tellsUnknownFromUnavailable() {
        assertEquals(404, auto.get(ABSENT).status());
        assertEquals(404, auto.head(ABSENT).status());
        assertTrue(auto.get(ABSENT).text().contains("BLOB_UNKNOWN"));
        for (Fault fault : List.of(Fault.status(500), Fault.silence(), Fault.close(), Fault.redirectToNowhere())) {
            hot.heal();
            hot.fault(fault.on(Kind.BLOB));
            Reply reply = proxy.get(ABSENT);
            assertEquals(503, reply.status());
            assertEquals("5", reply.header("Retry-After"));
        }
        hot.heal();
        hot.fault(Fault.status(429, Duration.ofSeconds(9)).on(Kind.BLOB));
        assertEquals(429, auto.get(ABSENT).status());
    }

    // Streams

    @Test
    void cutsTheClientWhereTheRegistryCuts() {
        Digest large = cold.blob(name, Body.ofSize(3_000_000, 1));
        // It is asked once more for what is missing.
        cold.fault(Fault.cut(1_000_000).method("GET"));
        assertThrows(UncheckedIOException.class, () -> proxy.get("/v2/" + name + "/blobs/" + large));
        cold.heal();
        cold.fault(Fault.cutChunks(1_000_000).method("GET"));
        assertThrows(UncheckedIOException.class, () -> proxy.get("/v2/" + name + "/blobs/" + large));
    }

    @Test
    void stopsReadingWhenTheClientIsGone() throws Exception {
        Digest large = cold.blob(name, Body.ofSize(500_000_000, 1));
        long before = cold.bytesSent();
        try (Socket client = new Socket()) {
            client.setReceiveBufferSize(16 * 1024);
            client.connect(new InetSocketAddress("127.0.0.1", proxy.port()));
            client.getOutputStream().write(("GET /v2/" + name + "/blobs/" + large + " HTTP/1.1\r\nHost: x\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
            client.getInputStream().readNBytes(100_000);
        }
        long sent = settled(before);
        assertTrue(sent < 100_000_000, sent + " bytes were read for nobody");
    }

    @Test
    void stopsWaitingForASlowRegistryWhenTheClientIsGone() throws Exception {
        Digest large = cold.blob(name, Body.ofSize(1_000_000, 1));
        cold.fault(Fault.drip(Duration.ofMillis(50)).method("GET").on(Kind.BLOB));
        int idle = cold.connections();
        try (Socket client = new Socket("127.0.0.1", proxy.port())) {
            client.getOutputStream().write(("GET /v2/" + name + "/blobs/" + large + " HTTP/1.1\r\nHost: x\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
            client.getInputStream().readNBytes(200);
        }
        long before = cold.bytesSent();
        cold.awaitConnections(Math.max(0, idle - 1));
        assertTrue(cold.bytesSent() - before < 1000, "it went on reading");
    }

    /** @param pause of the registry, in milliseconds, before each byte; 0 for one that sends as fast as it can */
    @ParameterizedTest
    @ValueSource(ints = {0, 50, 60_000})
    void stopsReadingWithinASecondAfterTheClientHasGone(int pause) throws Exception {
        Digest large = cold.blob(name, Body.ofSize(500_000_000, 1));
        if (pause > 0) {
            cold.fault(Fault.spoil(answer -> answer.with(Manner.stall(1_000_000, Duration.ofMillis(pause)))).method("GET").on(Kind.BLOB));
        }
        try (TestMirror patient = TestMirror.start("COLD_URL", cold.url(), "HOT_URL", hot.url(), "COLD_BLOBS", "proxy", "COLD_RESPONSE_TIMEOUT", "60s")) {
            cold.awaitCalls(1);
            cold.dropConnections();
            cold.awaitConnections(0);
            try (Socket client = new Socket()) {
                client.setReceiveBufferSize(16 * 1024);
                client.connect(new InetSocketAddress("127.0.0.1", patient.port()));
                client.getOutputStream().write(("GET /v2/" + name + "/blobs/" + large + " HTTP/1.1\r\nHost: x\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
                client.getInputStream().readNBytes(pause == 0 ? 100_000 : 600_000);
                Thread.sleep(300);
            }
            long left = System.nanoTime();
            long before = cold.bytesSent();
            // The connection that the blob came on ends; one of a probe or a HEAD may stay.
            while (cold.connections() > 1 || cold.bytesSent() > before + 4_000_000) {
                assertTrue(System.nanoTime() - left < 1_000_000_000L, "it goes on reading after a second, with " + cold.connections() + " connections");
                Thread.sleep(5);
            }
        }
    }

    @Test
    void closesWhatItCannotUse() {
        try (TestMirror small = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_BLOBS", "proxy",
                "MIRROR_SERVER_WORKERS", "3")) {
            Image image = hot.image(name, "1");
            hot.redirectBlobsTo(storage);
            storage.fault(Fault.instead((call, answer) -> Answer.of(203, "text/plain", "x".repeat(200_000))));
            for (int i = 0; i < 8; i++) {
                assertEquals(503, small.get(path(image)).status());
            }
            storage.heal();
            assertEquals(200, small.get(path(image)).status());
        }
    }

    @Test
    void passesOnOnlyWhatWasAskedFor() {
        Image image = hot.image(name, "1");
        for (int status : new int[] {201, 203, 206}) {
            hot.heal();
            hot.fault(Fault.instead((call, answer) -> Answer.of(status, "text/plain", "x")).on(Kind.BLOB).method("GET"));
            assertEquals(503, proxy.get(path(image)).status());
        }
        hot.heal();
        assertEquals(200, proxy.get(path(image), "Range", "bytes=0-1,5-6").status());
        hot.fault(Fault.header("Content-Range", "bytes \u000b"));
        assertEquals(503, proxy.get(path(image), "Range", "bytes=0-1").status());
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes 0-9/1001", "bytes 5-15/1001", "bytes 5-14", "bytes 14-5/1001", "bytes */1001", "bytes 5-14/9", "items 5-14/1001"})
    void takesNoOtherPartThanTheOneAskedFor(String contentRange) {
        Image image = hot.image(name, "1");
        hot.fault(Fault.header("Content-Range", contentRange).on(Kind.BLOB).method("GET"));
        assertEquals(503, proxy.get(path(image), "Range", "bytes=5-14").status());
        cold.put(image);
        Reply part = proxy.get(path(image), "Range", "bytes=5-14");
        assertArrayEquals(Arrays.copyOfRange(image.layers().get(0).bytes(), 5, 15), part.body());
        assertEquals("bytes 5-14/" + image.layers().get(0).bytes().length, part.header("Content-Range"));
    }

    @Test
    void aPartThatIsTooShortIsCut() {
        Image image = hot.image(name, "1");
        hot.fault(Fault.spoil(answer -> answer.with(Body.of("12345")).with(Manner.CHUNKED)).on(Kind.BLOB).method("GET"));
        Heard heard = Heard.ask(proxy.url() + path(image), false, "Range", "bytes=5-14");
        assertTrue(heard.status() == 503 || !heard.whole(), heard.toString());
    }

    @Test
    void readsNoFasterThanItsClient() throws Exception {
        Digest large = cold.blob(name, Body.ofSize(400_000_000, 1));
        long before = cold.bytesSent();
        HttpResponse<InputStream> reply = HttpClient.newHttpClient().send(
                TestClient.request("GET", proxy.url() + "/v2/" + name + "/blobs/" + large, Duration.ofSeconds(30)),
                HttpResponse.BodyHandlers.ofInputStream());
        try (InputStream body = reply.body()) {
            body.readNBytes(1000);
            long sent = settled(before);
            assertTrue(sent < 100_000_000, sent + " bytes were read ahead");
        }
    }

    private long settled(long before) throws InterruptedException, IOException {
        long last = -1;
        long now = cold.bytesSent() - before;
        while (now != last) {
            Thread.sleep(200);
            last = now;
            now = cold.bytesSent() - before;
        }
        return now;
    }
}
