package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** After a manifest, its registry is asked for the blobs before the client asks: once each, and never at anybody's expense. */
class LookaheadTest {

    private static final int LAYERS = 10;

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestStorage storage = TestStorage.start();
    private final TokenService tokens = TokenService.start();
    private final HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final CountDownLatch held = new CountDownLatch(1);
    private TestMirror mirror;

    @TempDir
    private Path directory;

    private void start(String... more) {
        startIn(Path.of(""), more);
    }

    private void startIn(Path place, String... more) {
        Map<String, String> settings = new HashMap<>(Map.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_TAG_TTL", "1h",
                "MIRROR_CACHE_MISS_TTL", "1h", "MIRROR_CACHE_BLOB_TTL", "1h", "MIRROR_LOOKAHEAD_CALLS", "3", "MIRROR_LOOKAHEAD_MIN_LATENCY", "0"));
        for (int i = 0; i < more.length; i += 2) {
            settings.put(more[i], more[i + 1]);
        }
        List<String> list = new ArrayList<>();
        settings.forEach((name, value) -> list.addAll(List.of(name, value)));
        mirror = TestMirror.startIn(place, list.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        held.countDown();
        if (mirror != null) {
            mirror.close();
        }
        List.of(hot, cold, storage, tokens).forEach(TestServer::close);
    }

    private static Image image(TestRegistry registry, String name, int layers) {
        return registry.put(Image.of("hot", name, "1.0", layers));
    }

    private String metrics() {
        return mirror.management("/observe/metrics").text();
    }

    /** Waits until so many workers work. Calls that nobody waits for begin while the request for the manifest has its worker still. */
    private void awaitRunning(int count) throws InterruptedException {
        await(() -> metrics().contains("mirror_requests_running " + count + ".0"), () -> metrics().lines().filter(line -> line.startsWith("mirror_requests")).toList().toString());
    }

    private static void await(Supplier<Boolean> reached, Supplier<String> what) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!reached.get()) {
            assertTrue(System.nanoTime() < end, what);
            TimeUnit.MILLISECONDS.sleep(2);
        }
    }

    private void serves(Image image) {
        assertEquals(200, mirror.get(image.path()).status());
    }

    private void sendsOn(Image image, TestRegistry registry) {
        for (Body blob : image.blobs()) {
            TestMirror.Reply reply = mirror.get(image.path(blob));
            assertEquals(307, reply.status(), reply::text);
            assertEquals(registry.url() + image.path(blob), reply.header("Location"));
        }
    }

    /** Has a client ask for the manifest, and waits until what it gave rise to is over. */
    private void pull(Image image) throws InterruptedException {
        serves(image);
        awaitRunning(0);
    }

    private static void askedOnce(TestRegistry registry, Image image) {
        for (Body blob : image.blobs()) {
            assertEquals(1, registry.calls("HEAD", image.path(blob)).size(), image.path(blob));
        }
        assertEquals(image.blobs().size(), registry.calls("HEAD", Kind.BLOB).size());
        assertEquals(0, registry.calls("GET", Kind.BLOB).size());
    }

    private static int blobCalls(TestRegistry registry) {
        return registry.calls("HEAD", Kind.BLOB).size() + registry.calls("GET", Kind.BLOB).size();
    }

    // What is asked

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void asksForEachBlobOnceBeforeTheClientDoes(boolean byDigest) throws Exception {
        start();
        Image image = image(hot, "library/app", LAYERS);
        if (byDigest) {
            hot.manifest("library/app", image.digest().value(), image.mediaType(), image.manifest());
            assertEquals(200, mirror.head(image.path()).status());
            awaitRunning(0);
            assertEquals(0, blobCalls(hot));
        }
        assertEquals(200, mirror.get(byDigest ? image.pathByDigest() : image.path()).status());
        awaitRunning(0);
        askedOnce(hot, image);
        sendsOn(image, hot);
        askedOnce(hot, image);
        assertEquals(0, blobCalls(cold));
    }

    @Test
    void asksForTheConfigFirstAndThenInTheOrderOfTheManifest() throws Exception {
        start("MIRROR_LOOKAHEAD_CALLS", "1");
        Image image = image(hot, "library/app", LAYERS);
        pull(image);
        assertEquals(image.blobs().stream().map(image::path).toList(), hot.calls("HEAD", Kind.BLOB).stream().map(Call::path).toList());
    }

    @Test
    void clientsThatAskAtTheSameTimeJoin() throws Exception {
        start();
        hot.fault(Fault.delay(Duration.ofMillis(20)).on(Kind.BLOB));
        for (int i = 0; i < 10; i++) {
            Image image = image(hot, "library/app-" + i, LAYERS);
            hot.forget();
            serves(image);
            List<CompletableFuture<HttpResponse<byte[]>>> asked = image.blobs().stream().map(blob -> clients.sendAsync(
                    TestClient.request("GET", mirror.url() + image.path(blob), Duration.ofSeconds(30)), HttpResponse.BodyHandlers.ofByteArray())).toList();
            for (CompletableFuture<HttpResponse<byte[]>> one : asked) {
                assertEquals(307, one.get(30, TimeUnit.SECONDS).statusCode());
            }
            awaitRunning(0);
            askedOnce(hot, image);
        }
        assertTrue(metrics().lines().anyMatch(line -> line.startsWith("mirror_cache_lookups_total{kind=\"blob\",result=\"joined\"}")), "nobody has joined");
    }

    @Test
    void asksForNoMoreThanFiftyBlobs() throws Exception {
        start();
        Image image = image(hot, "library/app", 120);
        pull(image);
        assertEquals(50, hot.calls("HEAD", Kind.BLOB).size());
        sendsOn(image, hot);
        askedOnce(hot, image);
    }

    @Test
    void asksTheRegistryThatServedTheManifestUnderItsNameThere() throws Exception {
        start("HOT_PREFIX", "proxy/");
        Image there = image(hot, "proxy/library/app", LAYERS);
        assertEquals(200, mirror.get("/v2/library/app/manifests/1.0").status());
        awaitRunning(0);
        askedOnce(hot, there);
        for (Body blob : there.blobs()) {
            assertEquals(hot.url() + there.path(blob), mirror.get("/v2/library/app/blobs/" + blob.digest()).header("Location"));
        }
        askedOnce(hot, there);
    }

    @Test
    void asksColdOnlyWhereTheManifestIsColds() throws Exception {
        start();
        Image image = image(cold, "library/app", LAYERS);
        pull(image);
        askedOnce(cold, image);
        sendsOn(image, cold);
        askedOnce(cold, image);
        assertEquals(0, blobCalls(hot));
    }

    @Test
    void aLocationThatIsSignedIsFetchedAnewForEachClient() throws Exception {
        start();
        hot.redirectBlobsTo(storage);
        Image image = image(hot, "library/app", 3);
        pull(image);
        for (int client = 1; client <= 2; client++) {
            for (Body blob : image.blobs()) {
                assertTrue(mirror.get(image.path(blob)).header("Location").startsWith(storage.url() + "/storage/"));
                assertEquals(1, hot.calls("HEAD", image.path(blob)).size());
                assertEquals(client, hot.calls("GET", image.path(blob)).size());
            }
        }
    }

    @Test
    void aBlobThatStreamsCostsNoMoreCallsThanWithout() throws Exception {
        start("HOT_BLOBS", "proxy");
        Image image = image(hot, "library/app", 3);
        pull(image);
        for (Body blob : image.blobs()) {
            assertEquals(200, mirror.get(image.path(blob)).status());
            assertEquals(1, hot.calls("HEAD", image.path(blob)).size());
            assertEquals(1, hot.calls("GET", image.path(blob)).size());
        }
    }

    @Test
    void oneTokenServesAll() throws Exception {
        hot.requireBearer(tokens);
        start();
        Image image = image(hot, "library/app", LAYERS);
        pull(image);
        askedOnce(hot, image);
        assertEquals(1, tokens.calls().stream().filter(call -> call.target().contains("repository")).count());
    }

    @Test
    void theRegistrySeesTheRequestIdOfTheManifest() throws Exception {
        start();
        Image image = image(hot, "library/app", LAYERS);
        assertEquals(200, mirror.get(image.path(), "X-Request-ID", "my-pull").status());
        awaitRunning(0);
        assertTrue(hot.calls("HEAD", Kind.BLOB).stream().allMatch(call -> "my-pull".equals(call.header("X-Request-ID"))));
        askedOnce(hot, image);
    }

    // When nothing is asked

    @ParameterizedTest
    @ValueSource(strings = {"MIRROR_LOOKAHEAD_CALLS=0", "MIRROR_LOOKAHEAD_MIN_LATENCY=1h", "MIRROR_CACHE_BLOB_TTL=0"})
    void asksNothingAheadWithASettingThatForbidsIt(String setting) throws Exception {
        start(setting.split("="));
        Image image = image(hot, "library/app", LAYERS);
        pull(image);
        assertEquals(0, blobCalls(hot));
    }

    @Test
    void asksNothingAheadAtARegistryThatIsNear() throws Exception {
        start("MIRROR_LOOKAHEAD_MIN_LATENCY", "300ms");
        pull(image(hot, "library/near", LAYERS));
        assertEquals(0, blobCalls(hot));
        hot.fault(Fault.delay(Duration.ofMillis(400)).on(Kind.MANIFEST));
        for (int i = 0; i < 10 && blobCalls(hot) == 0; i++) {
            pull(image(hot, "library/far-" + i, LAYERS));
        }
        assertTrue(blobCalls(hot) > 0);
    }

    @Test
    void asksNothingAheadForAHeadAnIndexAndWhatIsInMemory() throws Exception {
        start("MIRROR_CACHE_BLOB_TTL", "1ms");
        Image image = image(hot, "library/app", LAYERS);
        assertEquals(200, mirror.head(image.path()).status());
        awaitRunning(0);
        assertEquals(0, blobCalls(hot));
        pull(hot.index("library/index", "1.0", image));
        assertEquals(0, blobCalls(hot));
        pull(image);
        assertEquals(LAYERS + 1, blobCalls(hot));
        hot.forget();
        for (int i = 0; i < 3; i++) {
            pull(image);
            assertEquals(200, mirror.get(image.pathByDigest()).status());
        }
        awaitRunning(0);
        assertEquals(0, blobCalls(hot));
    }

    @Test
    void asksNothingAheadForATagThatMeansTheSameAsBefore() throws Exception {
        start("MIRROR_CACHE_BLOB_TTL", "1ms", "MIRROR_CACHE_TAG_TTL", "1ms");
        Image image = image(hot, "library/app", LAYERS);
        pull(image);
        hot.forget();
        TimeUnit.MILLISECONDS.sleep(5);
        pull(image);
        assertEquals(1, hot.calls("HEAD", Kind.MANIFEST).size());
        assertEquals(0, blobCalls(hot));
    }

    @Test
    void asksNothingAheadForAManifestThatIsAStopgap() throws Exception {
        start();
        hot.fault(Fault.status(500).on(Kind.MANIFEST));
        pull(image(cold, "library/app", LAYERS));
        assertEquals(0, blobCalls(hot));
        assertEquals(0, blobCalls(cold));
    }

    @ParameterizedTest
    @CsvSource({"4, 4", "200, 2"})
    void takesNoneOfTheLastPlaces(String workers, String calls) throws Exception {
        start("MIRROR_SERVER_WORKERS", workers, "MIRROR_SERVER_CALLS_PER_REGISTRY", calls, "HOT_RESPONSE_TIMEOUT", "30s", "MIRROR_LOOKAHEAD_CALLS", "1");
        Image other = image(hot, "library/other", LAYERS);
        hot.fault(Fault.heldUntil(held).path(other.path()));
        CompletableFuture<HttpResponse<byte[]>> waiting = clients.sendAsync(TestClient.request("GET", mirror.url() + other.path(), Duration.ofSeconds(30)),
                HttpResponse.BodyHandlers.ofByteArray());
        await(() -> !hot.calls("GET", other.path()).isEmpty(), () -> "not asked");
        serves(image(hot, "library/app", LAYERS));
        awaitRunning(1);
        assertEquals(0, blobCalls(hot));
        held.countDown();
        assertTrue(waiting.get(30, TimeUnit.SECONDS).statusCode() > 0);
        awaitRunning(0);
        hot.forget();
        // The call that was held made the average of the registry's times longer, for some calls perhaps too long for a look ahead.
        for (int i = 0; i < 40 && blobCalls(hot) == 0; i++) {
            pull(image(hot, "library/free-" + i, LAYERS));
        }
        assertTrue(blobCalls(hot) > 0);
    }

    // Trouble

    static Stream<Arguments> troubles() {
        return Stream.of(Arguments.of("503", Fault.status(503)), Arguments.of("500", Fault.status(500)), Arguments.of("429", Fault.status(429)),
                Arguments.of("close", Fault.close()), Arguments.of("reset", Fault.reset()), Arguments.of("silence", Fault.silence()), Arguments.of("page", Fault.html()),
                Arguments.of("401", Fault.status(401)), Arguments.of("redirect", Fault.redirectLoop()), Arguments.of("length", Fault.contentLength("x")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("troubles")
    void troubleAheadIsNotFelt(String name, Fault trouble) throws Exception {
        try (LogLines log = LogLines.of("io.mirrorregistry")) {
            start("MIRROR_BREAKER_CALLS", "10", "MIRROR_BREAKER_MINIMUM_CALLS", "1", "MIRROR_LOGGING_LEVEL", "warn");
            Image image = image(hot, "library/app", LAYERS);
            image(cold, "library/app", LAYERS);
            hot.fault(trouble.on(Kind.BLOB));
            log.clear();
            pull(image);
            // The first failure of each of the three ends it.
            assertTrue(hot.calls("HEAD", Kind.BLOB).stream().map(Call::path).distinct().count() <= 3, hot.calls().toString());
            assertTrue(blobCalls(hot) > 0);
            assertEquals(List.of(), log.linesWithout("rehearsal"));
            assertTrue(metrics().contains("mirror_breaker_state{registry=\"hot\",state=\"closed\"} 1.0"));
            mirror.awaitNoneLeased("hot");
            hot.heal();
            hot.forget();
            sendsOn(image, hot);
            askedOnce(hot, image);
        }
    }

    @Test
    void theFirstFailureEndsTheCallsOfAllWorkers() throws Exception {
        start("MIRROR_LOOKAHEAD_CALLS", "2");
        Image image = image(hot, "library/app", LAYERS);
        CountDownLatch failing = new CountDownLatch(1);
        hot.fault(Fault.status(500).path(image.path(image.config())), Fault.heldUntil(failing).path(image.path(image.config())),
                Fault.heldUntil(held).path(image.path(image.layers().get(0))));
        serves(image);
        awaitRunning(2);
        failing.countDown();
        awaitRunning(1);
        held.countDown();
        awaitRunning(0);
        assertEquals(Set.of(image.path(image.config()), image.path(image.layers().get(0))),
                hot.calls("HEAD", Kind.BLOB).stream().map(Call::path).collect(Collectors.toSet()));
    }

    @Test
    void theClientAsksColdWhereHotIsStillInTrouble() throws Exception {
        start();
        Image image = image(hot, "library/app", 2);
        image(cold, "library/app", 2);
        hot.fault(Fault.status(500).on(Kind.BLOB));
        pull(image);
        sendsOn(image, cold);
    }

    @Test
    void whatHotLacksIsNoMissForClients() throws Exception {
        start();
        Image image = image(hot, "library/app", 2);
        image(cold, "library/app", 2);
        hot.remove("library/app", image.config().digest().value());
        pull(image);
        assertEquals(cold.url() + image.path(image.config()), mirror.get(image.path(image.config())).header("Location"));
        Image late = image(hot, "library/late", 2);
        hot.remove("library/late", late.config().digest().value());
        pull(late);
        hot.blob("library/late", late.config());
        sendsOn(late, hot);
    }

    @Test
    void aCallThatHangsHoldsAClientForASecondOnly() throws Exception {
        start("HOT_RESPONSE_TIMEOUT", "60s", "MIRROR_LOOKAHEAD_CALLS", "1");
        Image image = image(hot, "library/app", 1);
        hot.fault(Fault.silence().path(image.path(image.config())).times(1));
        serves(image);
        await(() -> blobCalls(hot) > 0, () -> "not asked");
        assertEquals(307, mirror.get(image.path(image.config())).status());
        assertEquals(2, hot.calls("HEAD", image.path(image.config())).size());
    }

    // Around it

    @Test
    void theAccessLogHasTheClientsRequestsOnly() throws Exception {
        try (LogLines log = LogLines.of("access")) {
            start("MIRROR_LOGGING_LEVEL", "info");
            Image image = image(hot, "library/app", LAYERS);
            pull(image);
            askedOnce(hot, image);
            await(() -> !log.lines().isEmpty(), () -> "no line");
            assertEquals(1, log.lines().size(), log.lines().toString());
            assertTrue(metrics().lines().noneMatch(line -> line.startsWith("mirror_pulls_total{kind=\"blob\"") || line.startsWith("mirror_cache_lookups_total{kind=\"blob\"")));
        }
    }

    @Test
    void theStepCanBeTakenOutAndItsRouteIsChecked() throws Exception {
        Path route = TestRoutes.copyTo(directory).resolve("manifest.camel.yaml");
        String text = Files.readString(route);
        String step = "method: blobs('direct:blob-at-registry')";
        assertTrue(text.contains(step));
        Files.writeString(route, text.replace(step, "method: blobs('direct:nowhere')"));
        List<String> faults = Check.run(directory, Map.of("MIRROR_REGISTRY_COLD_URL", cold.url())).faults();
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).matches("routes/manifest.camel.yaml:\\d+:\\d+: no route begins with direct:nowhere"), faults.toString());
        Files.writeString(route, text.replaceFirst("(?s) {24}- bean:\\n {28}description: >-\\n[^-]*?ref: lookahead\\n.*?\\n", ""));
        startIn(directory);
        Image image = image(hot, "library/app", LAYERS);
        pull(image);
        assertEquals(0, blobCalls(hot));
        sendsOn(image, hot);
    }

    @Test
    void anEditOfTheRouteAppliesToCallsAhead() throws Exception {
        Path route = TestRoutes.copyTo(directory).resolve("blob.camel.yaml");
        String text = Files.readString(route);
        String call = "            ref: blob\n            method: prepareHead\n";
        assertTrue(text.contains(call));
        Files.writeString(route, text.replace(call, call + "        - filter:\n            simple: ${variable.repository} == 'library/secret' && ${variable.asked} == 'blob'\n"
                + "            steps:\n              - stop: {}\n"));
        startIn(directory);
        pull(image(hot, "library/secret", LAYERS));
        assertEquals(0, blobCalls(hot));
        Image image = image(hot, "library/app", LAYERS);
        pull(image);
        askedOnce(hot, image);
    }

    /** A generation whose calls ahead were counted in, and never out, would hold the end of the mirror for all of its time. */
    @Test
    void callsAheadThatHangHoldNeitherAnEditNorTheEndOfTheMirror() throws Exception {
        Path route = TestRoutes.copyTo(directory).resolve("blob.camel.yaml");
        startIn(directory, "HOT_RESPONSE_TIMEOUT", "60s", "MIRROR_SERVER_SHUTDOWN_TIMEOUT", "60s", "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms");
        hot.fault(Fault.silence().on(Kind.BLOB).times(3));
        serves(image(hot, "library/before", LAYERS));
        Files.writeString(route, "# edited\n" + Files.readString(route));
        await(() -> metrics().contains("mirror_route_changes_total{result=\"changed\"} 1.0"), () -> "not changed over");
        for (int i = 0; i < 5; i++) {
            // Until the average shows a registry again that is not too slow.
            pull(image(hot, "library/between-" + i, LAYERS));
        }
        hot.forget();
        hot.fault(Fault.silence().on(Kind.BLOB).times(3));
        serves(image(hot, "library/after", LAYERS));
        await(() -> blobCalls(hot) > 0, () -> "not asked");
        long began = System.nanoTime();
        mirror.close();
        mirror = null;
        assertTrue(System.nanoTime() - began < TimeUnit.SECONDS.toNanos(30), "the end has waited for calls that nobody waits for");
    }
}
