package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.LongFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A blob whose registry breaks off while it is streamed: the rest comes from another registry, in the same response. */
class BlobResumeTest {

    private static final int SIZE = 3_000_000;
    private static final int BREAK = 1_363_148;
    private static final String NAME = "library/app";

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestRegistry spare = TestRegistry.start("spare");
    private final TestStorage storage = TestStorage.start();
    private final Body large = Body.ofSize(SIZE, 1);
    private final byte[] bytes = large.bytes();
    private final String blob = path(hot.blob(NAME, large));
    private final LogLines log = LogLines.of("io.mirrorregistry");
    private final LogLines access = LogLines.of("access");
    private TestMirror mirror;

    private static String path(Digest digest) {
        return "/v2/" + NAME + "/blobs/" + digest;
    }

    /** Starts a mirror in the test's own directory. */
    private void start(String... more) {
        String[] settings = {"HOT_URL", hot.url(), "COLD_URL", cold.url(), "SPARE_URL", spare.url(), "MIRROR_PLAN", "hot, cold, spare", "HOT_BLOBS", "proxy",
            "COLD_BLOBS", "proxy", "SPARE_BLOBS", "proxy", "SPARE_RESPONSE_TIMEOUT", "700ms", "MIRROR_LOGGING_LEVEL", "info"};
        String[] all = Arrays.copyOf(settings, settings.length + more.length);
        System.arraycopy(more, 0, all, settings.length, more.length);
        mirror = TestMirror.startIn(directory, all);
    }

    @AfterEach
    void stop() {
        if (mirror != null) {
            mirror.close();
        }
        List.of(hot, cold, spare, storage).forEach(TestServer::close);
        log.close();
        access.close();
    }

    /** How a response ends too early. */
    enum Break {
        CLOSED(Fault::cut),
        RESET(Fault::resetAfter),
        CHUNKS_CUT(Fault::cutChunks),
        STALLED(bytes -> Fault.pauseAfter((int) bytes, Duration.ofSeconds(20)));

        private final LongFunction<Fault> fault;

        Break(LongFunction<Fault> fault) {
            this.fault = fault;
        }

        private Fault after(long bytes) {
            return fault.apply(bytes).on(Kind.BLOB).method("GET");
        }
    }

    /** Returns the Range of each GET of a blob; "null" for none. */
    private static List<String> ranges(TestServer server) {
        return server.calls().stream().filter(call -> call.method().equals("GET") && call.kind() != Kind.PING).map(call -> String.valueOf(call.header("Range"))).toList();
    }

    private Pulled pull(String... headers) {
        return Pulled.get(mirror.url() + blob, headers);
    }

    private void assertWhole(Pulled pulled) {
        assertTrue(pulled.whole() && pulled.status() == 200, pulled.toString());
        assertArrayEquals(bytes, pulled.body());
        assertTrue(pulled.header("Content-Length") == null || pulled.header("Content-Length").equals(String.valueOf(SIZE)));
    }

    private void assertCut(Pulled pulled) {
        assertFalse(pulled.whole(), pulled.toString());
        assertTrue(pulled.body().length < SIZE, pulled.toString());
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 2000 && !condition.getAsBoolean(); i++) {
            TimeUnit.MILLISECONDS.sleep(10);
        }
        assertTrue(condition.getAsBoolean());
    }

    private void awaitLine(String line) throws InterruptedException {
        for (int i = 0; i < 2000 && !log.lines().contains(line); i++) {
            TimeUnit.MILLISECONDS.sleep(10);
        }
        assertTrue(log.lines().contains(line), log.lines().toString());
    }

    private double metric(String series) {
        return mirror.management("/observe/metrics").text().lines().filter(line -> line.startsWith(series + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(series.length() + 1))).findFirst().orElse(0);
    }

    // The next registry

    @ParameterizedTest
    @EnumSource(Break.class)
    void theRestComesFromTheNextRegistry(Break how) throws Exception {
        start();
        cold.blob(NAME, large);
        hot.fault(how.after(BREAK));
        assertWhole(pull());
        assertEquals(List.of("null"), ranges(hot));
        assertEquals(1, ranges(cold).size());
        long reached = Long.parseLong(ranges(cold).get(0).replaceAll("[^0-9]", ""));
        // A reset may overtake bytes.
        assertTrue(reached == BREAK || how == Break.RESET && reached < BREAK, ranges(cold).toString());
        assertEquals(List.of(), ranges(spare));
        mirror.awaitNoneLeased("hot", "cold");
        String reason = how == Break.STALLED ? "stalled" : "broke-off";
        assertEquals(1, metric("mirror_streams_resumed_total{by=\"cold\",reason=\"" + reason + "\",registry=\"hot\"}"));
        assertEquals(1, metric("mirror_fallbacks_total{reason=\"outage\",registry=\"hot\"}"));
        assertEquals(reached, metric("mirror_streamed_bytes_total{registry=\"hot\"}"));
        assertEquals(SIZE - reached, metric("mirror_streamed_bytes_total{registry=\"cold\"}"));
        await(() -> access.count("registry", "hot,cold") == 1);
        assertEquals(1, access.count("cut", false));
        String words = how == Break.STALLED ? "stalled" : "broke off";
        String size = how == Break.CHUNKS_CUT ? "" : " of " + SIZE;
        assertEquals(List.of("Registry hot is in trouble: GET " + blob + " " + words + " after " + reached + size + " bytes; asking cold",
                "Registry cold sends the rest of GET " + blob + " after " + reached + " bytes, since hot " + words),
                log.lines().stream().filter(line -> line.contains(blob)).toList());
    }

    /** Around the sizes of the mirror's buffers, and at both ends. */
    @ParameterizedTest
    @EnumSource(value = Break.class, names = {"CLOSED", "RESET", "CHUNKS_CUT"})
    void itMayBreakAnywhere(Break how) {
        start();
        cold.blob(NAME, large);
        for (int position : new int[] {0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 196_607, 196_608, 196_609, SIZE - 65_537, SIZE - 65_536, SIZE - 65_535,
            SIZE - 1}) {
            hot.heal();
            hot.fault(how.after(position));
            assertWhole(pull());
        }
        mirror.awaitNoneLeased("hot", "cold");
    }

    @ParameterizedTest
    @EnumSource(value = Break.class, names = {"CLOSED", "RESET", "CHUNKS_CUT"})
    void blobsOfAnySize(Break how) {
        start();
        for (int size : new int[] {2, 1000, 65_535, 65_536, 65_537, 131_072, 131_073, 200_000}) {
            Body body = Body.ofSize(size, size);
            String small = path(hot.blob(NAME, body));
            cold.blob(NAME, body);
            for (int position : new int[] {0, 1, size / 2, size - 1}) {
                hot.heal();
                hot.fault(how.after(position));
                Pulled pulled = Pulled.get(mirror.url() + small);
                assertTrue(pulled.whole(), size + " bytes, break after " + position + ": " + pulled);
                assertArrayEquals(body.bytes(), pulled.body());
            }
        }
    }

    /** All bytes are there, and their digest proves them: nothing is missing. */
    @Test
    void aMissingLastChunkAfterAllBytesIsNoBreak() {
        start();
        cold.blob(NAME, large);
        hot.fault(Break.CHUNKS_CUT.after(SIZE));
        assertWhole(pull());
        assertEquals(List.of(), ranges(cold));
    }

    /** Without a length, the end of the connection is the end of the body. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aBodyWithoutLengthThatEndsTooEarlyIsABreak(boolean headHasLength) {
        start();
        cold.blob(NAME, large);
        Fault noLength = Fault.without("Content-Length").on(Kind.BLOB);
        hot.fault(headHasLength ? noLength.method("GET") : noLength, Break.CLOSED.after(BREAK));
        assertWhole(pull());
        assertEquals("bytes=" + BREAK + "-", ranges(cold).get(0));
    }

    @Test
    void aBlobNamedBySha512() throws Exception {
        start();
        Digest digest = new Digest("sha512:" + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-512").digest(bytes)));
        hot.blob(NAME, digest, large);
        cold.blob(NAME, digest, large);
        // Registries state the digest under which they store it.
        cold.fault(Fault.header("Docker-Content-Digest", large.digest().value()).on(Kind.BLOB));
        hot.fault(Break.CLOSED.after(BREAK));
        Pulled pulled = Pulled.get(mirror.url() + path(digest));
        assertTrue(pulled.whole());
        assertArrayEquals(bytes, pulled.body());
    }

    @Test
    void severalBreaksInOneBlob() throws Exception {
        start();
        cold.blob(NAME, large);
        spare.blob(NAME, large);
        hot.fault(Break.CLOSED.after(500_000));
        cold.fault(Break.CLOSED.after(500_000));
        spare.fault(Break.CHUNKS_CUT.after(1_600_000));
        assertWhole(pull());
        assertEquals(List.of("null", "bytes=2600000-"), ranges(hot));
        assertEquals(List.of("bytes=500000-"), ranges(cold));
        assertEquals(List.of("bytes=1000000-"), ranges(spare));
        await(() -> access.count("registry", "hot,cold,spare") == 1);
        assertEquals(1, metric("mirror_streams_resumed_total{by=\"hot\",reason=\"broke-off\",registry=\"spare\"}"));
    }

    // Who is asked

    @Test
    void whereNobodyElseHasItTheSameRegistryIsAskedOnceMore() throws Exception {
        start();
        hot.fault(Break.CLOSED.after(BREAK).times(1));
        assertWhole(pull());
        assertEquals(List.of("null", "bytes=" + BREAK + "-"), ranges(hot));
        assertEquals(1, metric("mirror_streams_resumed_total{by=\"hot\",reason=\"broke-off\",registry=\"hot\"}"));
        await(() -> access.count("registry", "hot") == 1);
    }

    @ParameterizedTest
    @EnumSource(value = Break.class, names = "RESET", mode = EnumSource.Mode.EXCLUDE)
    void afterTheSecondBreakOfTheSameRegistryTheResponseIsCut(Break how) {
        start();
        hot.fault(how.after(700_000));
        assertCut(pull());
        assertEquals(List.of("null", "bytes=700000-"), ranges(hot));
        mirror.awaitNoneLeased("hot", "cold", "spare");
        String words = how == Break.STALLED ? "stalled" : "broke off";
        String size = how == Break.CHUNKS_CUT ? "" : " of " + SIZE;
        assertEquals(1, log.lines().stream().filter(("Registry hot " + words + " after 1400000" + size + " bytes: GET " + blob + "; the client's response is cut")::equals).count(),
                log.lines().toString());
    }

    @Test
    void eachRegistryIsAskedOnceAndTheFirstOnceMore() {
        start();
        cold.blob(NAME, large);
        spare.blob(NAME, large);
        for (TestRegistry registry : List.of(hot, cold, spare)) {
            registry.fault(Break.CLOSED.after(200_000));
        }
        assertCut(pull());
        assertEquals(List.of("null", "bytes=600000-"), ranges(hot));
        assertEquals(List.of("bytes=200000-"), ranges(cold));
        assertEquals(List.of("bytes=400000-"), ranges(spare));
    }

    /** A registry that has already said that it lacks the blob, or is in trouble, is not asked again. */
    @Test
    void aRegistryThatHasFailedForTheRequestIsNotAskedAgain() {
        start("MIRROR_PLAN", "cold, hot, spare");
        spare.blob(NAME, large);
        hot.fault(Break.CLOSED.after(BREAK));
        assertWhole(pull());
        assertEquals(1, cold.calls("HEAD", Kind.BLOB).size());
        assertEquals(List.of("bytes=" + BREAK + "-"), ranges(spare));
    }

    /** The first pull finds out that hot has it; for the second one, the registry before it in the plan is asked, too. */
    @Test
    void aBlobThatIsKnownToBeAtARegistry() {
        start("MIRROR_PLAN", "cold, hot", "MIRROR_CACHE_BLOB_TTL", "1h");
        assertWhole(pull());
        cold.blob(NAME, large);
        cold.forget();
        hot.fault(Break.CLOSED.after(BREAK));
        assertWhole(pull());
        assertEquals(List.of("bytes=" + BREAK + "-"), ranges(cold));
    }

    @Test
    void theNameThatTheBlobHasThere() {
        start("COLD_PREFIX", "mirrored/");
        cold.blob("mirrored/" + NAME, large);
        hot.fault(Break.CLOSED.after(BREAK));
        assertWhole(pull());
    }

    /** Nobody else's blob is the client's, where registries serve the namespace. */
    @Test
    void theNamespaceHoldsForTheRestAsWell() {
        start("HOT_SERVES", "docker.io", "SPARE_SERVES", "docker.io");
        cold.blob(NAME, large);
        spare.blob(NAME, large);
        hot.fault(Break.CLOSED.after(BREAK));
        Pulled pulled = Pulled.get(mirror.url() + blob + "?ns=docker.io");
        assertWhole(pulled);
        assertTrue(cold.calls().stream().allMatch(call -> call.kind() == Kind.PING));
        assertEquals(1, ranges(spare).size());
    }

    @Test
    void aRegistryThatWantsAToken() {
        try (TokenService tokens = TokenService.start()) {
            cold.requireBearer(tokens);
            start();
            cold.blob(NAME, large);
            hot.fault(Break.CLOSED.after(BREAK));
            assertWhole(pull());
        }
    }

    @Test
    void aRegistryThatRedirectsToItsStorage() {
        start();
        cold.redirectBlobsTo(storage);
        cold.blob(NAME, large);
        hot.fault(Break.CLOSED.after(BREAK));
        assertWhole(pull());
        assertEquals(List.of("bytes=" + BREAK + "-"), ranges(storage));
    }

    /** The mirror streams for a registry that wants an account, although the client could follow the redirect. */
    @ParameterizedTest
    @EnumSource(Break.class)
    void aStorageThatBreaksOff(Break how) {
        start();
        hot.redirectBlobsTo(storage);
        storage.fault(how.fault.apply(BREAK).method("GET"));
        cold.blob(NAME, large);
        assertWhole(pull());
        assertEquals(List.of("bytes=" + BREAK + "-"), ranges(cold));
        mirror.awaitNoneLeased("hot", "cold");
    }

    @Test
    void aStorageThatBreaksOffIsAskedOnceMore() {
        start();
        hot.redirectBlobsTo(storage);
        storage.fault(Fault.cut(BREAK).method("GET").times(1));
        assertWhole(pull());
        assertEquals(List.of("null", "bytes=" + BREAK + "-"), ranges(storage));
    }

    @Test
    void aFolderOfImages() throws Exception {
        String digest = large.digest().value();
        String manifest = """
                {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
                 "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":2},
                 "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}]}"""
                .formatted(file("{}".getBytes(StandardCharsets.UTF_8)), file(bytes), SIZE);
        Path folder = directory.resolve("folder");
        Files.writeString(folder.resolve("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
        Files.writeString(folder.resolve("index.json"), """
                {"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d,
                 "annotations":{"org.opencontainers.image.ref.name":"%s:1"}}]}""".formatted(file(manifest.getBytes(StandardCharsets.UTF_8)), manifest.length(), NAME));
        start("COLD_URL", "oci:" + folder);
        hot.fault(Break.CLOSED.after(BREAK));
        assertWhole(pull());
        Pulled part = pull("Range", "bytes=100-2000000");
        assertTrue(part.whole() && part.status() == 206, part.toString());
        assertArrayEquals(Arrays.copyOfRange(bytes, 100, 2_000_001), part.body());
        assertTrue(blob.endsWith(digest));
        assertEquals(2, metric("mirror_streams_resumed_total{by=\"cold\",reason=\"broke-off\",registry=\"hot\"}"));
    }

    private String file(byte[] content) throws Exception {
        Digest digest = Digest.ofSha256(content);
        Files.write(Files.createDirectories(directory.resolve("folder/blobs/sha256")).resolve(digest.hex()), content);
        return digest.value();
    }

    // Responses that are not what is missing

    private void coldAnswersTheRestWith(Fault fault) {
        cold.blob(NAME, large);
        cold.fault(fault.on(Kind.BLOB).method("GET"));
        spare.blob(NAME, large);
        hot.fault(Break.CLOSED.after(BREAK));
        assertWhole(pull());
        assertEquals(1, ranges(cold).size());
        assertEquals(List.of("bytes=" + BREAK + "-"), ranges(spare));
        assertEquals(1, metric("mirror_streams_resumed_total{by=\"spare\",reason=\"broke-off\",registry=\"hot\"}"));
        mirror.awaitNoneLeased("hot", "cold", "spare");
    }

    static Stream<Fault> uselessAnswers() {
        String rest = "bytes " + BREAK + "-" + (SIZE - 1) + "/";
        return Stream.of(Fault.status(404), Fault.status(403), Fault.status(416), Fault.status(429), Fault.status(500), Fault.html(), Fault.close(), Fault.reset(),
                Fault.silence(), Fault.redirectToNowhere(),
                Fault.instead((call, answer) -> Answer.of(204)),
                Fault.without("Content-Range"),
                Fault.header("Content-Range", "bytes 0-" + (SIZE - 1) + "/" + SIZE),
                Fault.header("Content-Range", "bytes " + (BREAK - 1) + "-" + (SIZE - 1) + "/" + SIZE),
                Fault.header("Content-Range", "bytes " + BREAK + "-" + (SIZE - 2) + "/" + SIZE),
                Fault.header("Content-Range", rest + (SIZE + 1)),
                Fault.header("Content-Range", "bytes " + BREAK + "-" + SIZE + "/" + (SIZE + 1)),
                Fault.header("Content-Range", "items " + BREAK + "-" + (SIZE - 1) + "/" + SIZE),
                Fault.header("Content-Range", "bytes */" + SIZE),
                Fault.wrongDigest(),
                Fault.instead((call, answer) -> Answer.of(200, "application/octet-stream", Body.ofSize(SIZE - 1, 1))),
                Fault.instead((call, answer) -> Answer.of(200, "application/octet-stream", Body.ofSize(SIZE + 1, 1))));
    }

    @ParameterizedTest
    @MethodSource("uselessAnswers")
    void theNextRegistryIsAskedWhereOneDoesNotHaveTheMissingPart(Fault fault) {
        start();
        coldAnswersTheRestWith(fault);
    }

    @Test
    void aCircuitBreakerThatIsOpen() throws Exception {
        start("MIRROR_BREAKER_CALLS", "4", "MIRROR_BREAKER_MINIMUM_CALLS", "2", "MIRROR_BREAKER_PROBE_INTERVAL", "1h");
        cold.fault(Fault.status(500));
        for (int i = 0; i < 4; i++) {
            mirror.get("/v2/library/none" + i + "/manifests/1");
        }
        await(() -> metric("mirror_breaker_state{registry=\"cold\",state=\"open\"}") == 1);
        cold.heal();
        cold.forget();
        spare.forget();
        cold.blob(NAME, large);
        spare.blob(NAME, large);
        hot.fault(Break.CLOSED.after(BREAK));
        assertWhole(pull());
        assertEquals(List.of(), ranges(cold));
        assertEquals(1, ranges(spare).size());
    }

    // Registries that ignore a Range

    @Test
    void ofAWholeBlobTheBytesBeforeTheBreakAreDropped() {
        start();
        cold.blob(NAME, large);
        cold.ignoreRange();
        hot.fault(Break.CLOSED.after(BREAK));
        assertWhole(pull());
        assertEquals(1, metric("mirror_streams_resumed_total{by=\"cold\",reason=\"broke-off\",registry=\"hot\"}"));
        Pulled part = pull("Range", "bytes=100000-2899999");
        assertTrue(part.whole() && part.status() == 206, part.toString());
        assertArrayEquals(Arrays.copyOfRange(bytes, 100_000, 2_900_000), part.body());
        mirror.awaitNoneLeased("hot", "cold");
    }

    @ParameterizedTest
    @EnumSource(Break.class)
    void aWholeBlobThatBreaksOffBeforeTheMissingByte(Break how) {
        start();
        cold.blob(NAME, large);
        cold.ignoreRange();
        cold.fault(how.after(BREAK - 1));
        spare.blob(NAME, large);
        hot.fault(Break.CLOSED.after(BREAK));
        assertWhole(pull());
        assertEquals(1, ranges(spare).size());
    }

    /** One byte a time keeps the connection alive, but the client waits. */
    @Test
    void aWholeBlobThatIsTooSlowToTheMissingByte() {
        start("MIRROR_SERVER_ANSWER_TIME", "2s");
        cold.blob(NAME, large);
        cold.ignoreRange();
        cold.fault(Fault.drip(Duration.ofMillis(20)).on(Kind.BLOB).method("GET"));
        spare.blob(NAME, large);
        hot.fault(Break.CLOSED.after(BREAK));
        assertWhole(pull());
        assertEquals(1, metric("mirror_streams_resumed_total{by=\"spare\",reason=\"broke-off\",registry=\"hot\"}"));
    }

    // Wrong bytes

    @Test
    void wrongBytesAreCutAndNobodyIsAskedForMore() {
        start();
        cold.blob(NAME, large);
        hot.fault(Fault.otherBytes().on(Kind.BLOB).method("GET"));
        assertCut(pull());
        assertEquals(List.of("null"), ranges(hot));
        assertEquals(List.of(), ranges(cold));
        assertTrue(log.lines().contains("Registry hot sent other bytes: GET " + blob + "; the client's response is cut"), log.lines().toString());
    }

    @Test
    void wrongBytesBeforeTheBreakAreCut() {
        start();
        cold.blob(NAME, large);
        hot.fault(Fault.otherBytes().on(Kind.BLOB).method("GET"), Break.CLOSED.after(BREAK));
        assertCut(pull());
    }

    @Test
    void wrongBytesAfterTheBreakAreCut() {
        start();
        cold.blob(NAME, large);
        cold.fault(Fault.otherBytes().on(Kind.BLOB).method("GET"));
        hot.fault(Break.CLOSED.after(BREAK));
        assertCut(pull());
        assertTrue(log.lines().contains("Registry cold sent other bytes: GET " + blob + "; the client's response is cut"), log.lines().toString());
    }

    @Test
    void aBlobOfUnknownLengthWithWrongBytesIsCut() {
        start();
        cold.blob(NAME, large);
        hot.fault(Fault.otherBytes().on(Kind.BLOB).method("GET"), Fault.chunked().on(Kind.BLOB));
        assertCut(pull());
    }

    // Parts

    @ParameterizedTest
    @CsvSource({"bytes=100000-2899999, 100000, 2900000, bytes=200000-2899999", "bytes=100000-, 100000, 3000000, bytes=200000-2999999",
        "bytes=-2000000, 1000000, 3000000, bytes=1100000-2999999", "bytes=0-, 0, 3000000, bytes=100000-", "bytes=0-2999998, 0, 2999999, bytes=100000-2999998"})
    void aPart(String range, int from, int to, String rest) {
        start();
        cold.blob(NAME, large);
        for (Break how : Break.values()) {
            hot.heal();
            cold.forget();
            hot.fault(how.after(100_000));
            Pulled pulled = pull("Range", range);
            assertTrue(pulled.whole() && pulled.status() == 206, how + ": " + pulled);
            assertArrayEquals(Arrays.copyOfRange(bytes, from, to), pulled.body());
            assertEquals("bytes " + from + "-" + (to - 1) + "/" + SIZE, pulled.header("Content-Range"));
            assertTrue(ranges(cold).equals(List.of(rest)) || how == Break.RESET, ranges(cold).toString());
        }
    }

    @ParameterizedTest
    @EnumSource(value = Break.class, names = {"CLOSED", "RESET", "CHUNKS_CUT"})
    void aPartMayBreakAnywhere(Break how) {
        start();
        cold.blob(NAME, large);
        for (int position : new int[] {1, 65_535, 65_536, 65_537, 131_072, 131_073, 299_999}) {
            hot.heal();
            hot.fault(how.after(position));
            Pulled pulled = pull("Range", "bytes=70000-369999");
            assertTrue(pulled.whole(), "after " + position + ": " + pulled);
            assertArrayEquals(Arrays.copyOfRange(bytes, 70_000, 370_000), pulled.body());
        }
    }

    /** Nothing proves the bytes of a part, so that nothing may contradict that they are of the same blob. */
    @ParameterizedTest
    @CsvSource({"'', '', true", "one, one, true", "one, two, false", "one, '', true", "'', two, true", "W/one, W/two, true"})
    void aPartOfABlobWithAnotherEtagIsNotUsed(String etag, String other, boolean used) {
        start("MIRROR_PLAN", "hot, cold");
        cold.blob(NAME, large);
        for (TestRegistry registry : List.of(hot, cold)) {
            String value = registry == hot ? etag : other;
            registry.fault(Fault.without("Docker-Content-Digest").on(Kind.BLOB));
            if (!value.isEmpty()) {
                registry.fault(Fault.header("ETag", value.replaceAll("(one|two)", "\"$1\"")).on(Kind.BLOB));
            }
        }
        hot.fault(Break.CLOSED.after(100_000).times(1));
        Pulled pulled = pull("Range", "bytes=70000-369999");
        assertTrue(pulled.whole(), pulled.toString());
        assertArrayEquals(Arrays.copyOfRange(bytes, 70_000, 370_000), pulled.body());
        assertEquals(used ? 1 : 2, ranges(hot).size());
        assertEquals(1, ranges(cold).size());
    }

    /** The ETags of two registries differ for the same blob; the digest that both state does not. */
    @Test
    void aPartWithTheSameDigestIsUsedWhateverItsEtag() {
        start("MIRROR_PLAN", "hot, cold");
        cold.blob(NAME, large);
        hot.fault(Fault.header("ETag", "\"one\"").on(Kind.BLOB), Break.CLOSED.after(100_000));
        cold.fault(Fault.header("ETag", "\"two\"").on(Kind.BLOB));
        assertTrue(pull("Range", "bytes=70000-369999").whole());
        assertEquals(1, ranges(cold).size());
    }

    @Test
    void theEtagOfARegistryNeverGoesOut() {
        start();
        hot.fault(Fault.header("ETag", "\"one\""));
        assertEquals(null, pull().header("ETag"));
        assertEquals(null, mirror.head(blob).header("ETag"));
    }

    // Clients

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aClientThatLeavesWhileTheRestIsAskedFor(boolean fails) throws Exception {
        start("COLD_RESPONSE_TIMEOUT", "20s");
        cold.blob(NAME, large);
        spare.blob(NAME, large);
        CountDownLatch held = new CountDownLatch(1);
        if (fails) {
            cold.fault(Fault.status(500).on(Kind.BLOB).method("GET"));
        }
        cold.fault(Fault.heldUntil(held).on(Kind.BLOB).method("GET"));
        hot.fault(Break.CLOSED.after(300_000));
        try (Socket client = client()) {
            client.getInputStream().readNBytes(100_000);
            await(() -> ranges(cold).size() == 1);
        }
        await(() -> access.count("cut", true) == 1);
        held.countDown();
        mirror.awaitNoneLeased("hot", "cold", "spare");
        await(() -> metric("mirror_streams_running") == 0);
        assertEquals(List.of(), ranges(spare));
        assertEquals(1, ranges(hot).size());
        assertTrue(log.lines().stream().noneMatch(line -> line.contains("cold is in trouble") && !fails || line.contains("is cut") || line.contains("cannot be sent")), log.lines().toString());
    }

    private Socket client() throws Exception {
        Socket client = new Socket();
        client.setReceiveBufferSize(64 * 1024);
        client.connect(new InetSocketAddress("127.0.0.1", mirror.port()));
        client.getOutputStream().write(("GET " + blob + " HTTP/1.1\r\nHost: x\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        return client;
    }

    /** The mirror does not read while the client does not, however long that takes. */
    @Test
    void aSlowClientIsNoStallOfTheRegistry() throws Exception {
        Body huge = Body.ofSize(40_000_000, 7);
        String path = path(hot.blob(NAME, huge));
        start("HOT_RESPONSE_TIMEOUT", "500ms");
        try (Wire wire = new Wire(mirror.port())) {
            wire.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
            assertEquals(40_000_000, wire.slowly(40_000_000, 20_000_000, Duration.ofMillis(1500)));
        }
        assertEquals(List.of("null"), ranges(hot));
    }

    /** While the client takes nothing, the registry gives up: the rest comes from the next one, once the client goes on. */
    @Test
    void aRegistryThatGivesUpOnASlowClient() throws Exception {
        Body huge = Body.ofSize(40_000_000, 7);
        String path = path(hot.blob(NAME, huge));
        cold.blob(NAME, huge);
        start();
        try (Socket client = new Socket()) {
            client.setReceiveBufferSize(64 * 1024);
            client.connect(new InetSocketAddress("127.0.0.1", mirror.port()));
            client.getOutputStream().write(("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            InputStream in = client.getInputStream();
            byte[] first = in.readNBytes(1_000_000);
            hot.dropConnections();
            byte[] all = in.readAllBytes();
            assertTrue(first.length + all.length > 40_000_000);
            byte[] expected = huge.bytes();
            assertArrayEquals(Arrays.copyOfRange(expected, 39_000_000, 40_000_000), Arrays.copyOfRange(all, all.length - 1_000_000, all.length));
        }
        assertEquals(1, ranges(cold).size());
    }

    // Bounds

    @Test
    void theFirstRegistrysPlaceIsGivenBackAndTheSecondsIsTaken() throws Exception {
        start("MIRROR_SERVER_CALLS_PER_REGISTRY", "2", "COLD_RESPONSE_TIMEOUT", "20s");
        cold.blob(NAME, large);
        hot.fault(Break.CLOSED.after(BREAK));
        for (int i = 0; i < 10; i++) {
            assertWhole(pull());
        }
        await(() -> metric("mirror_streams_running") == 0);
        // Two streams that have gone over to cold leave both places at hot free.
        CountDownLatch held = new CountDownLatch(1);
        cold.fault(Fault.heldAfter(200_000, held).on(Kind.BLOB).method("GET").times(2));
        List<CompletableFuture<Pulled>> slow = Stream.generate(() -> CompletableFuture.supplyAsync(this::pull)).limit(2).toList();
        await(() -> ranges(cold).size() == 12);
        hot.heal();
        for (int i = 0; i < 3; i++) {
            assertWhole(pull());
        }
        held.countDown();
        for (CompletableFuture<Pulled> one : slow) {
            assertWhole(one.get(30, TimeUnit.SECONDS));
        }
        await(() -> metric("mirror_streams_running") == 0);
    }

    @Test
    void whereTooManyStreamsOfTheNextRegistryRunTheOneAfterItIsAsked() throws Exception {
        start("MIRROR_SERVER_CALLS_PER_REGISTRY", "1", "COLD_RESPONSE_TIMEOUT", "20s");
        Body other = Body.ofSize(SIZE, 9);
        String ofCold = path(cold.blob(NAME, other));
        cold.blob(NAME, large);
        spare.blob(NAME, large);
        CountDownLatch held = new CountDownLatch(1);
        cold.fault(Fault.heldAfter(200_000, held).path(ofCold).method("GET"));
        CompletableFuture<Pulled> running = CompletableFuture.supplyAsync(() -> Pulled.get(mirror.url() + ofCold));
        await(() -> metric("mirror_streams_running") == 1);
        hot.fault(Break.CLOSED.after(BREAK).path(blob));
        assertWhole(pull());
        assertEquals(1, metric("mirror_streams_resumed_total{by=\"spare\",reason=\"broke-off\",registry=\"hot\"}"));
        held.countDown();
        assertTrue(running.get(30, TimeUnit.SECONDS).whole());
    }

    /** The time for an answer counts to the head; the rest has as much again, however long the stream has run. */
    @Test
    void aStreamThatBreaksOffAfterTheTimeForAnAnswer() throws Exception {
        start("MIRROR_SERVER_ANSWER_TIME", "1s", "HOT_RESPONSE_TIMEOUT", "20s");
        cold.blob(NAME, large);
        hot.fault(Fault.heldAfter(BREAK, new CountDownLatch(1)).on(Kind.BLOB).method("GET"));
        CompletableFuture<Pulled> pulled = CompletableFuture.supplyAsync(this::pull);
        await(() -> hot.bytesSent() > BREAK);
        TimeUnit.MILLISECONDS.sleep(1200);
        hot.dropConnections();
        assertWhole(pulled.get(30, TimeUnit.SECONDS));
        assertEquals(List.of("bytes=" + BREAK + "-"), ranges(cold));
    }

    // Routes

    private static final String BEAN = "(?m)^( *)- bean:\n(?:\\1    .*\n)*?\\1    method: %s\n";
    private static final String CALL = "toD:\\s+uri: direct:registry-\\$\\{variable.registry}";
    private static final String MISTAKE = "throwException: {exceptionType: java.lang.IllegalArgumentException, message: mistake}";

    private void edit(String name, String pattern, String replacement) throws Exception {
        Path file = directory.resolve("routes/" + name + ".camel.yaml");
        String text = Files.readString(file);
        String edited = text.replaceAll(pattern, replacement);
        assertFalse(text.equals(edited), "nothing was edited");
        Files.writeString(file, edited);
    }

    @Test
    void withoutTheStepTheResponseIsCut() throws Exception {
        TestRoutes.copyTo(directory);
        start("MIRROR_ROUTES_RELOAD_INTERVAL", "10ms");
        cold.blob(NAME, large);
        hot.fault(Break.CLOSED.after(BREAK));
        assertWhole(pull());
        cold.forget();
        edit("blob", String.format(BEAN, "resumeBy.*"), "");
        awaitLine("Routes changed over: blob.camel.yaml");
        assertCut(pull());
        assertEquals(List.of(), ranges(cold));
        assertTrue(log.lines().contains("Registry hot broke off after " + BREAK + " of " + SIZE + " bytes: GET " + blob + "; the client's response is cut"), log.lines().toString());
    }

    @Test
    void whereARouteDoesNotContinueTheStreamTheResponseIsCut() throws Exception {
        TestRoutes.copyTo(directory);
        edit("blob-rest", String.format(BEAN, "resume"), "");
        start();
        cold.blob(NAME, large);
        hot.fault(Break.CLOSED.after(BREAK));
        assertCut(pull());
        mirror.awaitNoneLeased("hot", "cold");
    }

    @Test
    void aRouteThatFailsIsLoggedAndTheResponseIsCut() throws Exception {
        TestRoutes.copyTo(directory);
        edit("blob-rest", CALL, MISTAKE);
        start("MIRROR_ROUTES_RELOAD", "false");
        cold.blob(NAME, large);
        hot.fault(Break.CLOSED.after(BREAK));
        assertCut(pull());
        mirror.awaitNoneLeased("hot", "cold");
        await(() -> metric("mirror_streams_running") == 0);
        assertEquals(1, log.lines().stream().filter("A route made an answer that cannot be sent"::equals).count(), log.lines().toString());
    }

    /** The rest is fetched by the route of the time when the client's request began. */
    @Test
    void anEditDoesNotConcernAStreamThatIsOnItsWay() throws Exception {
        TestRoutes.copyTo(directory);
        start("MIRROR_ROUTES_RELOAD_INTERVAL", "10ms", "HOT_RESPONSE_TIMEOUT", "20s");
        cold.blob(NAME, large);
        hot.fault(Fault.heldAfter(BREAK, new CountDownLatch(1)).on(Kind.BLOB).method("GET"));
        CompletableFuture<Pulled> pulled = CompletableFuture.supplyAsync(this::pull);
        await(() -> hot.bytesSent() > BREAK);
        edit("blob-rest", String.format(BEAN, "resume"), "");
        awaitLine("Routes changed over: blob-rest.camel.yaml");
        hot.dropConnections();
        assertWhole(pulled.get(30, TimeUnit.SECONDS));
        CompletableFuture<Pulled> later = CompletableFuture.supplyAsync(this::pull);
        await(() -> hot.bytesSent() > 2 * BREAK);
        hot.dropConnections();
        assertCut(later.get(30, TimeUnit.SECONDS));
    }

    // The end of the mirror

    /** Returns whether the mirror takes no more requests. */
    private boolean isEnding() {
        try {
            return mirror.get("/v2/").status() == 503;
        } catch (UncheckedIOException e) {
            return true;
        }
    }

    private Thread endMirror() throws InterruptedException {
        Thread end = new Thread(mirror::close);
        end.start();
        await(this::isEnding);
        return end;
    }

    @Test
    void theMirrorEndsAfterTheRest() throws Exception {
        start("COLD_RESPONSE_TIMEOUT", "20s", "MIRROR_SERVER_SHUTDOWN_TIMEOUT", "20s");
        cold.blob(NAME, large);
        CountDownLatch held = new CountDownLatch(1);
        cold.fault(Fault.heldUntil(held).on(Kind.BLOB).method("GET"));
        hot.fault(Break.CLOSED.after(BREAK));
        CompletableFuture<Pulled> pulled = CompletableFuture.supplyAsync(this::pull);
        await(() -> ranges(cold).size() == 1);
        Thread end = endMirror();
        held.countDown();
        assertWhole(pulled.get(30, TimeUnit.SECONDS));
        end.join();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aBreakWhileTheMirrorEnds(boolean edited) throws Exception {
        TestRoutes.copyTo(directory);
        start("HOT_RESPONSE_TIMEOUT", "20s", "MIRROR_SERVER_SHUTDOWN_TIMEOUT", "20s", "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms");
        if (edited) {
            edit("blob-rest", "which cuts the", "and cuts the");
            awaitLine("Routes changed over: blob-rest.camel.yaml");
        }
        cold.blob(NAME, large);
        hot.fault(Fault.heldAfter(BREAK, new CountDownLatch(1)).on(Kind.BLOB).method("GET"));
        CompletableFuture<Pulled> pulled = CompletableFuture.supplyAsync(this::pull);
        await(() -> hot.bytesSent() > BREAK);
        Thread end = endMirror();
        hot.dropConnections();
        assertWhole(pulled.get(30, TimeUnit.SECONDS));
        end.join();
    }
}
