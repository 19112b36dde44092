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
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every way out of a request closes the responses of registries, so that no connection of their pools is lost. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OpenBodiesTest {

    private static final Body LARGE = Body.ofSize(3_000_000, 5);

    private final TestStorage storage = TestStorage.start();
    private final TestRegistry hot = TestRegistry.start("hot").requireBasic("robot", "secret");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror auto = start();
    private final TestMirror proxy = start("HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy");
    private String path;

    private String[] settings(String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "robot",
                "HOT_PASSWORD", "secret", "HOT_RESPONSE_TIMEOUT", "10s", "COLD_RESPONSE_TIMEOUT", "10s"));
        settings.addAll(List.of(more));
        return settings.toArray(String[]::new);
    }

    private TestMirror start(String... more) {
        return TestMirror.start(settings(more));
    }

    @AfterEach
    void heal() {
        hot.heal();
        cold.heal();
        storage.heal();
        hot.forget();
        hot.serveBlobs();
    }

    @AfterAll
    void stop() {
        List.of(auto, proxy).forEach(TestMirror::close);
        List.of(hot, cold, storage).forEach(TestServer::close);
    }

    private void put(String name, TestRegistry... registries) {
        for (TestRegistry registry : registries) {
            Digest digest = registry.blob("library/" + name, LARGE);
            path = "/v2/library/" + name + "/blobs/" + digest;
        }
    }

    private static byte[] bytes() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            LARGE.writeTo(out);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return out.toByteArray();
    }

    /** Has the registry answer a GET of a blob with another status and the same body. */
    private static Fault as(int status, String... header) {
        return Fault.instead((call, answer) -> {
            Answer other = new Answer(status, answer.headers(), LARGE, Manner.WHOLE).with("Content-Length", String.valueOf(LARGE.length()));
            return header.length == 0 ? other : other.with(header[0], header[1]);
        }).method("GET");
    }

    private void noneIsLeasedBy(TestMirror mirror) {
        mirror.awaitNoneLeased("hot", "cold");
    }

    // As it was attacked

    @ParameterizedTest
    @ValueSource(strings = {"bytes=-0", "bytes=0000000000000000001-", "bytes=5-2", "bytes=-", "bytes=+1-5", "bytes=1-2-3", "bytes=-0000000000000000001"})
    void aRangeThatTheMirrorDoesNotUnderstandIsAsIfItWereNotThere(String range) {
        put("ranges", hot);
        // A registry may well understand it, and answer as Go's file server does.
        hot.fault(Fault.instead((call, answer) -> call.header("Range") == null ? answer
                : new Answer(206, answer.headers(), LARGE.part(1, LARGE.length()), Manner.WHOLE).with("Content-Length", String.valueOf(LARGE.length() - 1))
                        .with("Content-Range", "bytes 1-" + (LARGE.length() - 1) + "/" + LARGE.length())).on(Kind.BLOB).method("GET"));
        Reply whole = auto.get(path, "Range", range);
        assertEquals(200, whole.status());
        assertArrayEquals(bytes(), whole.body());
        assertTrue(hot.calls("GET", Kind.BLOB).stream().allMatch(call -> call.header("Range") == null));
        noneIsLeasedBy(auto);
    }

    @Test
    void aRangeIsHandedOnInOneForm() {
        put("form", hot);
        assertEquals(10, auto.get(path, "Range", "BYTES=005-14").body().length);
        assertEquals("bytes=5-14", hot.calls("GET", Kind.BLOB).get(hot.calls("GET", Kind.BLOB).size() - 1).header("Range"));
        hot.redirectBlobsTo(storage);
        assertEquals(7, proxy.get(path, "Range", "Bytes=-07").body().length);
        assertEquals("bytes=-7", storage.calls().get(storage.calls().size() - 1).header("Range"));
    }

    @Test
    void aHundredAndThirtyPartsOtherThanAskedForTakeNoConnectionAway() {
        put("attack", hot);
        hot.fault(as(206, "Content-Range", "bytes 1-1000/1001").on(Kind.BLOB));
        for (int i = 0; i < 130; i++) {
            assertEquals(503, auto.get(path, "Range", "bytes=0-9").status());
            assertEquals(503, auto.get(path, "Range", "bytes=-5").status());
        }
        hot.heal();
        assertArrayEquals(bytes(), auto.get(path).body());
        noneIsLeasedBy(auto);
    }

    // Ways out of a stream

    @ParameterizedTest
    @ValueSource(ints = {201, 202, 203, 204, 205, 206, 207, 226, 299})
    void anAnswerThatIsNoBlobIsClosed(int status) {
        put("status", hot, cold);
        for (TestMirror mirror : List.of(auto, proxy)) {
            for (String range : List.of("bytes=5-14", "bytes=0-", "lines=1")) {
                hot.serveBlobs().heal();
                hot.fault(as(status).on(Kind.BLOB));
                // Cold has it: auto sends the client there, proxy streams it.
                assertTrue(mirror.get(path, "Range", range).status() < 400);
                noneIsLeasedBy(mirror);
                hot.heal();
                hot.redirectBlobsTo(storage);
                storage.fault(as(status));
                assertTrue(mirror.get(path, "Range", range).status() < 400);
                noneIsLeasedBy(mirror);
                storage.heal();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Content-Type: application/x-java-serialized-object", "Content-Type: text/html", "Content-Encoding: gzip",
        "Content-Range: bytes 0-9/10", "Transfer-Encoding: gzip", "Content-Length: +3000000", "Content-Length: 7"})
    void anAnswerUnderAnOddHeaderIsClosed(String header) {
        put("header", hot);
        String[] parts = header.split(": ");
        for (TestMirror mirror : List.of(auto, proxy)) {
            hot.fault(Fault.header(parts[0], parts[1]).method("GET").on(Kind.BLOB));
            Heard.ask(mirror.url() + path, false);
            Heard.ask(mirror.url() + path, false, "Range", "bytes=5-14");
            noneIsLeasedBy(mirror);
            hot.heal();
        }
    }

    /** The connection is kept: what is closed once more may be another call's by then. */
    @Test
    void aBodyThatIsReadToItsEndLeavesItsConnectionToOthers() throws Exception {
        put("kept", hot);
        ExecutorService clients = Executors.newFixedThreadPool(8);
        try {
            assertArrayEquals(bytes(), proxy.get(path).body());
            hot.forget();
            List<Future<?>> pulls = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                pulls.add(clients.submit(() -> assertArrayEquals(bytes(), proxy.get(path).body())));
            }
            for (Future<?> pull : pulls) {
                pull.get();
            }
            assertTrue(hot.accepted() <= 8, hot.accepted() + " connections");
        } finally {
            clients.shutdownNow();
        }
        noneIsLeasedBy(proxy);
    }

    @Test
    void aStreamBeyondTheLimitIsClosed() throws Exception {
        put("many", hot);
        hot.fault(Fault.spoil(answer -> answer.with(Manner.stall(1_000_000, Duration.ofSeconds(60)))).on(Kind.BLOB).method("GET").times(1));
        try (TestMirror one = start("MIRROR_SERVER_CALLS_PER_REGISTRY", "1", "MIRROR_SERVER_QUEUE_TIME", "50ms", "HOT_RESPONSE_TIMEOUT", "60s"); Socket client = new Socket("127.0.0.1", one.port())) {
            client.getOutputStream().write(("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            client.getInputStream().readNBytes(100_000);
            for (int i = 0; i < 5; i++) {
                assertEquals(503, one.get(path).status());
            }
            assertEquals(1, one.leased("hot"));
            client.close();
            noneIsLeasedBy(one);
        }
    }

    @Test
    void aClientThatLeavesBeforeTheFirstByteLeavesNothingOpen() throws Exception {
        put("early", hot, cold);
        hot.fault(Fault.spoil(answer -> answer.with(Manner.stall(0, Duration.ofSeconds(60)))).on(Kind.BLOB).method("GET"));
        try (TestMirror patient = start("HOT_RESPONSE_TIMEOUT", "60s", "COLD_BLOBS", "proxy")) {
            hot.forget();
            cold.forget();
            for (int i = 0; i < 10; i++) {
                try (Socket client = new Socket()) {
                    client.connect(new InetSocketAddress("127.0.0.1", patient.port()));
                    client.getOutputStream().write(("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
                    int wanted = i + 1;
                    while (hot.calls("GET", path).stream().filter(call -> call.header("Authorization") != null).count() < wanted) {
                        Thread.sleep(2);
                    }
                }
            }
            noneIsLeasedBy(patient);
            assertEquals(0, cold.calls("GET", path).size(), "the other registry was asked for nobody");
        }
    }

    // Ways out of everything else

    @Test
    void theAnswersToEverythingElseAreClosed() {
        Image image = hot.image("library/other", "1.0");
        cold.put(image);
        String layer = image.path(image.layers().get(0));
        List<String> paths = List.of(image.path(), image.pathByDigest(), layer, "/v2/library/other/tags/list",
                "/v2/library/other/referrers/" + image.digest());
        for (int status : new int[] {201, 203, 205, 206, 226}) {
            hot.fault(as(status));
            for (String asked : paths) {
                for (TestMirror mirror : List.of(auto, proxy)) {
                    mirror.get(asked);
                    mirror.head(asked);
                    noneIsLeasedBy(mirror);
                }
            }
            hot.heal();
        }
        for (int status : new int[] {405, 501}) {
            hot.fault(Fault.status(status).method("HEAD"), Fault.spoil(answer -> answer.with(LARGE)).method("GET"));
            for (String asked : paths) {
                auto.head(asked);
                noneIsLeasedBy(auto);
            }
            hot.heal();
        }
    }

    @Test
    void aLengthThatIsLearnedByGetReadsNoBody() {
        put("length", hot);
        for (boolean redirects : new boolean[] {false, true}) {
            if (redirects) {
                hot.redirectBlobsTo(storage);
                storage.fault(Fault.status(403).method("HEAD"), as(200));
            } else {
                hot.fault(Fault.without("Content-Length").method("HEAD"), as(200).on(Kind.BLOB));
            }
            assertEquals(String.valueOf(LARGE.length()), auto.head(path).header("Content-Length"));
            noneIsLeasedBy(auto);
        }
    }

    // What operators write

    private static void edit(Path file, String pattern, String replacement) throws IOException {
        String text = Files.readString(file);
        String edited = text.replaceAll(pattern, replacement);
        assertTrue(!text.equals(edited), "nothing was edited");
        Files.writeString(file, edited);
    }

    private void leavesNothingOpen(Path directory) {
        try (TestMirror mirror = TestMirror.startIn(directory, settings("COLD_BLOBS", "proxy"))) {
            for (int i = 0; i < 3; i++) {
                mirror.get(path);
                mirror.get(path, "Range", "bytes=5-14");
                noneIsLeasedBy(mirror);
            }
        }
    }

    @Test
    void aRouteThatDoesNotReadTheBlobLeavesNothingOpen(@TempDir Path directory) throws Exception {
        put("unread", hot, cold);
        edit(TestRoutes.copyTo(directory).resolve("blob.camel.yaml"), "bean:\\s+ref: stream\\s+method: write",
                "setBody: {expression: {constant: {expression: nothing}}}");
        leavesNothingOpen(directory);
    }

    @Test
    void aStepThatThrowsBeforeTheStreamLeavesNothingOpen(@TempDir Path directory) throws Exception {
        put("throws", hot, cold);
        edit(TestRoutes.copyTo(directory).resolve("blob.camel.yaml"), "bean:\\s+ref: stream\\s+method: write",
                "throwException: {exceptionType: java.lang.IllegalStateException, message: mistake}");
        leavesNothingOpen(directory);
    }

    @Test
    void aStepThatThrowsInsideTheCircuitBreakerLeavesNothingOpen(@TempDir Path directory) throws Exception {
        put("breaker", hot, cold);
        edit(TestRoutes.copyTo(directory).resolve("registry.camel.yaml"), "(?m)^( +)(onFallback:)",
                "$1  - choice: {when: [{expression: {simple: {expression: '\\${body} != null'}}, steps: "
                        + "[{throwException: {exceptionType: java.io.IOException, message: mistake}}]}]}\n$1$2");
        leavesNothingOpen(directory);
    }
}
