package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TokenService;
import io.vertx.core.json.JsonObject;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A mirror that copies: what people ask for, its database, its routes, its tokens and its end. */
@Timeout(90)
class WarmMirrorTest {

    private final WarmSetup setup = new WarmSetup();

    @AfterEach
    void stop() {
        setup.close();
    }

    // What people ask for

    @ParameterizedTest
    @ValueSource(strings = {"Team/App:1", "team/app:", "team//app", "team/app@sha256:1", "../x", "team/app:1 2", "-", "team/app:\u00e9"})
    void refusesNamesOutsideTheGrammar(String image) {
        setup.start();

        HttpResponse<String> response = setup.asks(image);

        assertEquals(400, response.statusCode());
        assertTrue(new JsonObject(response.body()).getString("error").endsWith("."), response.body());
        assertEquals(List.of(), setup.items());
    }

    @ParameterizedTest
    @ValueSource(strings = {"linux", "Linux/amd64", "linux/x86_64", "linux/amd64/v1/v2", "", "linux/"})
    void refusesWhatIsNoPlatform(String platform) {
        setup.start();

        assertEquals(400, setup.asks("team/app:1", platform).statusCode());
        assertEquals(List.of(), setup.items());
    }

    @Test
    void failsAtImagesThatNoSourceHas() {
        Image hotOnly = Image.of("hot", "team/hot", "1", 1);
        setup.hot.withoutChecks().addManifest("team/hot", "1", hotOnly.mediaType(), hotOnly.manifest());
        setup.start();

        for (String image : List.of("team/none:1", "team/hot:1")) {
            JsonObject item = setup.awaitState(setup.ask(image), "failed");
            assertEquals("not-found", item.getString("reason"));
            assertEquals("No source has " + image + ": cold.", item.getString("message"));
        }
    }

    @Test
    void manyAsksAtOnceAreOneItem() throws InterruptedException {
        setup.cold.image("team/app", "1");
        setup.start();

        List<Integer> statuses = Stream.generate(() -> "team/app:1").limit(200).parallel().map(image -> setup.asks(image).statusCode()).toList();

        // The mirror may respond 503 to some of them.
        assertTrue(statuses.contains(202));
        assertTrue(statuses.stream().allMatch(status -> status == 202 || status == 503), statuses::toString);
        setup.awaitState("team/app:1", "done");
        assertEquals(1, setup.items().size());
    }

    // The database

    private JsonObject store() {
        JsonObject health = new JsonObject(setup.mirror().management("/observe/health?data=true").text());
        return health.getJsonArray("checks").stream().map(JsonObject.class::cast).filter(check -> check.getString("name").equals("warm-store")).findFirst().orElseThrow();
    }

    private void assertPullsWork(String sentence) {
        for (int i = 0; i < 100; i++) {
            setup.pull(setup.cold.image("team/app-" + i, "1"));
        }
        assertEquals("DOWN", store().getString("status"));
        assertTrue(store().encode().contains(sentence), () -> store().encode());
        assertEquals(200, setup.mirror().management("/observe/health/ready").status());
        HttpResponse<String> response = setup.asks("team/app-1:1");
        assertEquals(503, response.statusCode());
        assertTrue(response.body().contains(sentence), response::body);
        JsonObject overview = setup.overview();
        assertTrue(overview.getString("problem").contains(sentence), overview::encode);
        assertNull(overview.getJsonObject("counts"));
        assertTrue(setup.mirror().management("/observe/metrics").text().contains("mirror_warm_store_up 0"));
        assertEquals(404, setup.mirror().get("/v2/team/none/manifests/1").status());
    }

    @Test
    void pullsWorkWhileTheDatabaseIsAway() {
        setup.start("MIRROR_STORE_URL", "jdbc:postgresql://127.0.0.1:1/mirror", "MIRROR_STORE_USERNAME", "mirror", "MIRROR_STORE_PASSWORD", "secret");

        assertPullsWork("PostgreSQL");

        long began = System.nanoTime();
        setup.stop();
        assertTrue(System.nanoTime() - began < TimeUnit.SECONDS.toNanos(10));
    }

    @Test
    void pullsWorkWithADamagedFile() throws IOException {
        byte[] bytes = new byte[100_000];
        Arrays.fill(bytes, (byte) 7);
        Path file = Files.write(setup.folder.resolve("queue.mv.db"), bytes);
        setup.start();

        assertPullsWork("The database file " + file + " is damaged");

        Files.delete(file);
        // The images that pulls have queued meanwhile waited in memory.
        WarmSetup.await("the copies", () -> setup.hot.manifest("team/app-99", "1") != null && setup.hot.manifest("team/app-0", "1") != null, 60);
        assertEquals("UP", store().getString("status"));
    }

    // Routes

    private Path routes(Path directory, String file, String before, String after) throws IOException {
        Path route = TestRoutes.copyTo(directory).resolve(file);
        String text = Files.readString(route);
        assertTrue(text.contains(before), text);
        Files.writeString(route, text.replace(before, after));
        return directory;
    }

    @Test
    void aChoiceInTheRouteDecidesWhatIsCopied(@TempDir Path directory) throws IOException {
        String step = Files.readString(Path.of("routes/warm.camel.yaml")).replaceFirst("(?s).*      steps:\n", "");
        String indented = step.lines().map(line -> "            " + line).collect(Collectors.joining("\n"));
        routes(directory, "warm.camel.yaml", step, """
                        - choice:
                            when:
                              - expression:
                                  simple:
                                    expression: ${variable.reference} != 'latest'
                                steps:
                """ + indented + "\n");
        Image latest = setup.cold.image("team/app", "latest");
        Image other = setup.cold.image("team/app", "1");
        setup.startIn(directory);

        setup.pull(latest);
        setup.pull(other);

        setup.assertCopied(other);
        setup.awaitAllEnded();
        assertEquals(List.of("team/app:1"), setup.items().stream().map(item -> item.getString("image")).toList());
    }

    @Test
    void withoutTheStepPullsAreAsBefore(@TempDir Path directory) throws IOException {
        routes(directory, "manifest.camel.yaml", """
                                        - to:
                                            description: Copies the image to another registry, in the background, after this pull
                                            uri: direct:warm
                """, "");
        Image image = setup.cold.image("team/app", "1");
        setup.startIn(directory);

        setup.pull(image);
        setup.awaitState(setup.ask("team/app:1"), "done");

        assertEquals(List.of("asked"), setup.items().stream().map(item -> item.getString("origin")).toList());
    }

    @Test
    void theCopyHasTheNameOfAPlanThatRenames(@TempDir Path directory) throws IOException {
        routes(directory, "plan.camel.yaml", "            uri: \"direct:strategy-{{mirror.strategy}}\"\n", """
                            uri: "direct:strategy-{{mirror.strategy}}"
                        - choice:
                            when:
                              - expression:
                                  simple:
                                    expression: ${variable.repository} startsWith 'team-a/'
                                steps:
                                  - bean: {ref: plan, method: "withoutPrefix('team-a/')"}
                """);
        Image image = setup.cold.image("app", "1");
        setup.startIn(directory);

        assertEquals(200, setup.mirror().get("/v2/team-a/app/manifests/1").status());

        setup.awaitState("team-a/app:1", "done");
        setup.assertCopied(image);
    }

    // Tokens

    @Test
    void asksForTheRightToPushAtHotOnlyAndForPullAtCold() {
        try (TokenService near = TokenService.start(); TokenService far = TokenService.start()) {
            near.requireAccount("mirror", "secret");
            far.requireAccount("reader", "other");
            setup.hot.requireBearer(near);
            setup.cold.requireBearer(far);
            Image image = setup.cold.image("team/app", "1");
            setup.start("HOT_USERNAME", "mirror", "HOT_PASSWORD", "secret", "COLD_USERNAME", "reader", "COLD_PASSWORD", "other");
            setup.pull(image);

            setup.awaitState("team/app:1", "done");

            setup.assertCopied(image);
            assertEquals(List.of("repository:team/app:pull"), scopes(far));
            assertEquals(List.of("repository:team/app:pull", "repository:team/app:pull,push"), scopes(near));
        }
    }

    private static List<String> scopes(TokenService tokens) {
        return tokens.calls().stream().flatMap(call -> call.parameters("scope").stream()).distinct().sorted().toList();
    }

    @Test
    void getsANewTokenIfHotChallengesInTheMiddle() {
        try (TokenService near = TokenService.start()) {
            near.requireAccount("mirror", "secret");
            setup.hot.requireBearer(near);
            Image image = setup.cold.image("team/app", "1");
            CountDownLatch latch = new CountDownLatch(1);
            String layer = image.path(image.layers().get(0));
            setup.cold.fault(Fault.heldUntil(latch).path(layer).times(1));
            setup.start("HOT_USERNAME", "mirror", "HOT_PASSWORD", "secret", "COLD_RESPONSE_TIMEOUT", "20s");
            long id = setup.ask("team/app:1");
            WarmSetup.await("the copy waits", () -> !setup.cold.calls("GET", layer).isEmpty());

            near.revokeAll();
            latch.countDown();

            JsonObject item = setup.awaitState(id, "done");
            assertEquals(0, item.getInteger("attempts"));
            assertEquals(item.getLong("bytesTotal"), item.getLong("bytesDone"));
            setup.assertCopied(image);
        }
    }

    @Test
    void pausesWhileHotDoesNotAcceptTheAccount() {
        try (TokenService near = TokenService.start()) {
            near.requireAccount("mirror", "secret");
            setup.hot.requireBearer(near);
            setup.cold.image("team/app", "1");
            setup.start("HOT_USERNAME", "mirror", "HOT_PASSWORD", "wrong");

            long id = setup.ask("team/app:1");

            assertEquals(0, setup.awaitReason(id, "away").getInteger("attempts"));
        }
    }

    // The end

    private static List<String> threads() {
        return Thread.getAllStackTraces().keySet().stream().filter(Thread::isAlive).map(Thread::getName).filter(name -> name.startsWith("warm-") || name.contains("MVStore"))
                .sorted().toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"a source that sends nothing", "a source that stops", "a hot that does not answer"})
    void stopsWithinSecondsAndContinuesAfterTheNextStart(String how) {
        Image image = setup.cold.image("team/app", "1");
        String layer = image.path(image.layers().get(0));
        CountDownLatch latch = new CountDownLatch(1);
        switch (how) {
            case "a source that sends nothing" -> setup.cold.fault(Fault.heldUntil(latch).path(layer).times(1));
            case "a source that stops" -> setup.cold.fault(Fault.heldAfter(10, latch).path(layer).times(1));
            default -> setup.hot.hold("PUT", latch);
        }
        setup.start("COLD_RESPONSE_TIMEOUT", "60s", "HOT_RESPONSE_TIMEOUT", "60s");
        setup.ask("team/app:1");
        WarmSetup.await("the copy waits", () -> how.startsWith("a hot") ? setup.hot.isHeld() : !setup.cold.calls("GET", layer).isEmpty());

        long began = System.nanoTime();
        setup.stop();

        assertTrue(System.nanoTime() - began < TimeUnit.SECONDS.toNanos(8), () -> "it took " + (System.nanoTime() - began) / 1_000_000 + " ms");
        WarmSetup.await("the end of all threads", WarmMirrorTest::threads, List::isEmpty);
        latch.countDown();
        setup.start();
        assertEquals(0, setup.awaitState("team/app:1", "done").getInteger("attempts"));
        setup.assertCopied(image);
    }

    @Test
    void nothingIsLeftOfAMirrorThatWasNeverStarted() throws Exception {
        Mirror mirror = new Mirror(Path.of(""), Map.of("MIRROR_SERVER_PORT", String.valueOf(TestMirror.freePort()), "MIRROR_MANAGEMENT_PORT", String.valueOf(TestMirror.freePort()),
                "MIRROR_REGISTRY_HOT_URL", setup.hot.url(), "MIRROR_REGISTRY_COLD_URL", setup.cold.url(), "MIRROR_WARM_TO", "hot", "MIRROR_STORE_URL",
                "jdbc:h2:file:" + setup.folder.resolve("queue")));

        mirror.close();

        assertFalse(Files.exists(setup.folder.resolve("queue.mv.db")));
        WarmSetup.await("the end of all threads", WarmMirrorTest::threads, List::isEmpty);
    }

    @Test
    void theCheckMakesNoFile(@TempDir Path directory) throws Exception {
        TestRoutes.copyTo(directory);
        Files.writeString(directory.resolve("warm.yaml"), "images:\n  - {name: team/app, tags: [\"1\"]}\n");

        Check.Findings findings = Check.run(directory, Map.of("MIRROR_REGISTRY_HOT_URL", setup.hot.url(), "MIRROR_REGISTRY_COLD_URL", setup.cold.url(), "MIRROR_WARM_TO", "hot",
                "MIRROR_WARM_FILE", "warm.yaml"));

        assertEquals(List.of(), findings.faults());
        try (Stream<Path> files = Files.list(directory)) {
            assertEquals(List.of("routes", "warm.yaml"), files.map(file -> file.getFileName().toString()).sorted().toList());
        }
    }

    @Test
    void nothingOfItIsLoadedWhileItIsOff(@TempDir Path directory) throws Exception {
        Image image = setup.cold.image("team/app", "1");
        int port = TestMirror.freePort();
        ProcessBuilder builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1", "-Xlog:class+load:file=classes",
                "-cp", Stream.of(System.getProperty("java.class.path").split(File.pathSeparator)).filter(entry -> !entry.contains("test-classes"))
                        .map(entry -> Path.of(entry).toAbsolutePath().toString()).collect(Collectors.joining(File.pathSeparator)), "io.mirrorregistry.MirrorRegistry");
        builder.environment().keySet().removeIf(name -> name.startsWith("MIRROR_"));
        builder.environment().putAll(Map.of("MIRROR_SERVER_PORT", String.valueOf(port), "MIRROR_MANAGEMENT_PORT", String.valueOf(TestMirror.freePort()), "MIRROR_REGISTRY_HOT_URL",
                setup.hot.url(), "MIRROR_REGISTRY_COLD_URL", setup.cold.url()));
        Process process = builder.directory(directory.toFile()).redirectErrorStream(true).redirectOutput(directory.resolve("out").toFile()).start();
        try {
            TestClient client = new TestClient();
            WarmSetup.await("a pull", () -> {
                try {
                    return client.get("http://127.0.0.1:" + port + image.path()).statusCode() == 200;
                } catch (UncheckedIOException e) {
                    return false;
                }
            }, 60);
        } finally {
            process.destroy();
            process.waitFor();
        }

        List<String> loaded = Files.readAllLines(directory.resolve("classes"));
        assertTrue(loaded.stream().anyMatch(line -> line.contains("io.mirrorregistry.warm.WarmStep ")));
        assertEquals(List.of(), loaded.stream().filter(line -> line.matches(".*(org\\.h2\\.|com\\.zaxxer|org\\.postgresql|warm\\.queue\\.JdbcStore|warm\\.queue\\.Database|warm\\.Copier"
                + "|warm\\.Warming) ?.*")).toList());
        assertFalse(Files.exists(directory.resolve("data")));
    }
}
