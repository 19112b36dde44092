package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Edits of routes while the mirror runs, over real HTTP. */
class ReloadTest {

    private static final String FINISH = """
                    - bean:
                        description: The headers that every answer has; HEAD keeps those of GET. A manifest that the client has already (If-None-Match) becomes 304
            """.indent(0);

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final Image image = hot.image("library/app", "1.0");
    private Path routes;
    private TestMirror mirror;

    private void start(String... settings) throws IOException {
        routes = TestRoutes.copyTo(directory);
        mirror = launch(settings);
    }

    private TestMirror launch(String... settings) {
        List<String> all = new ArrayList<>(List.of("MIRROR_LOGGING_LEVEL", "error", "HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms"));
        all.addAll(List.of(settings));
        return TestMirror.startIn(directory, all.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        if (mirror != null) {
            mirror.close();
        }
        hot.close();
        cold.close();
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 1000 && !condition.getAsBoolean(); i++) {
            Thread.sleep(10);
        }
        assertTrue(condition.getAsBoolean());
    }

    private String original(String name) throws IOException {
        return Files.readString(Path.of("routes", name + ".camel.yaml"));
    }

    private void write(String name, String text) throws IOException {
        Files.writeString(routes.resolve(name + ".camel.yaml"), text);
    }

    /** The front door, with a header of that value added to what goes out. */
    private String frontDoorThatSays(String value) throws IOException {
        String text = original("front-door");
        assertTrue(text.contains(FINISH));
        return text.replace(FINISH, """
                    - setHeader:
                        name: X-Edit
                        expression:
                          constant:
                            expression: "%s"
            """.indent(0).formatted(value) + FINISH);
    }

    private String edit() {
        return mirror.get(image.path()).header("X-Edit");
    }

    private JsonObject health() {
        return new JsonObject(mirror.management("/observe/health?data=true").text()).getJsonArray("checks").stream().map(JsonObject.class::cast)
                .filter(check -> check.getString("name").equals("route-files")).findFirst().orElseThrow();
    }

    private boolean refused() {
        return health().getString("status").equals("DOWN");
    }

    @Test
    void aSavedFileServesWithoutARestart() throws Exception {
        start();
        assertNull(edit());
        write("front-door", frontDoorThatSays("one"));
        await(() -> "one".equals(edit()));
        write("front-door", frontDoorThatSays("two"));
        await(() -> "two".equals(edit()));
        write("front-door", original("front-door"));
        await(() -> edit() == null);
        assertEquals("UP", health().getString("status"));
    }

    @Test
    void noticesAnEditorsRenameOver() throws Exception {
        start();
        Path written = Files.writeString(routes.resolve(".front-door.camel.yaml.swp"), frontDoorThatSays("renamed"));
        Files.setLastModifiedTime(written, Files.getLastModifiedTime(routes.resolve("front-door.camel.yaml")));
        Files.move(written, routes.resolve("front-door.camel.yaml"), StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        await(() -> "renamed".equals(edit()));
    }

    @Test
    void noticesWhenKubernetesChangesAConfigMapOver() throws Exception {
        Path volume = Files.createDirectories(directory.resolve("routes"));
        Path first = TestRoutes.copyTo(volume.resolve("..2026_01"));
        Path second = TestRoutes.copyTo(volume.resolve("..2026_02"));
        Path data = Files.createSymbolicLink(volume.resolve("..data"), Path.of("..2026_01/routes"));
        try (Stream<Path> files = Files.list(first)) {
            for (Path file : files.toList()) {
                Files.createSymbolicLink(volume.resolve(file.getFileName()), Path.of("..data").resolve(file.getFileName()));
            }
        }
        mirror = launch();
        assertNull(edit());
        Files.writeString(second.resolve("front-door.camel.yaml"), frontDoorThatSays("mounted"));
        Path link = Files.createSymbolicLink(volume.resolve("..data_tmp"), Path.of("..2026_02/routes"));
        Files.move(link, data, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        await(() -> "mounted".equals(edit()));
    }

    @Test
    void aBrokenEditChangesNothingAndIsShownUntilItIsMended() throws Exception {
        start();
        write("front-door", frontDoorThatSays("good"));
        await(() -> "good".equals(edit()));
        write("front-door", frontDoorThatSays("bad").replace("direct:tags", "direct:gats"));
        await(this::refused);
        assertEquals("good", edit());
        assertEquals(200, mirror.get("/v2/library/app/tags/list").status());
        assertTrue(health().getString("message").matches(".*front-door.camel.yaml:\\d+:\\d+: no route begins with direct:gats"), health().toString());
        assertEquals(503, mirror.management("/observe/health").status());
        assertEquals(200, mirror.management("/observe/health/ready").status());
        assertEquals(200, mirror.management("/observe/health/live").status());
        assertEquals(200, mirror.get("/health").status());

        write("tags", "- route: [");
        await(() -> health().getString("message").contains("tags.camel.yaml:1:11"));
        write("tags", original("tags"));
        await(() -> health().getString("message").contains("direct:gats"));
        write("front-door", frontDoorThatSays("better"));
        await(() -> !refused());
        assertEquals("better", edit());
        assertEquals(200, mirror.management("/observe/health").status());
    }

    @Test
    void routesThatFailFromTheStartAreShownUntilAnEditMendsThem() throws Exception {
        routes = TestRoutes.copyTo(directory);
        String failing = original("plan").replace("      steps:\n", "      steps:\n        - setVariable:\n            name: spoilt\n            expression:\n              simple:\n                expression: ${random(a)}\n");
        write("plan", failing);
        try (LogLines log = LogLines.of("io.mirrorregistry.reload")) {
            mirror = launch();
            await(this::refused);
            String fault = "routes/plan.camel.yaml:15:29: the step setVariable ${random(a)} fails: For input string: \"a\"";
            assertTrue(health().getString("message").startsWith("the routes serve, and fail: plan.camel.yaml:15:29: the step setVariable"), health().toString());
            JsonObject shown = new JsonObject(mirror.management("/status.json").text()).getJsonObject("routes");
            assertTrue(shown.getJsonArray("failing").getString(0).startsWith(fault), shown.encodePrettily());
            assertEquals(0, shown.getJsonArray("refused").size());
            assertTrue(mirror.management("/observe/metrics").text().contains("\nmirror_route_faults 1.0\n"));
            assertEquals(1, log.lines().stream().filter(line -> line.contains("The routes serve, and fail: " + fault)).count(), log.lines().toString());
            assertEquals(500, mirror.get(image.path()).status());

            // An edit that is refused, and taken back.
            write("tags", "- route: [");
            await(() -> health().getString("message").contains("tags.camel.yaml:1:11"));
            write("tags", original("tags"));
            await(() -> health().getString("message").startsWith("the routes serve, and fail: plan.camel.yaml"));

            write("plan", original("plan"));
            await(() -> !refused());
            assertEquals(200, mirror.get(image.path()).status());
            assertTrue(mirror.management("/observe/metrics").text().contains("\nmirror_route_faults 0.0\n"));
        }
    }

    @Test
    void aRemovedFileIsRefusedWhileOthersNeedIt() throws Exception {
        start();
        Files.delete(routes.resolve("tags.camel.yaml"));
        await(this::refused);
        assertEquals(200, mirror.get("/v2/library/app/tags/list").status());
        write("ask", original("ask").replace("direct:tags-at", "direct:referrers-at"));
        write("front-door", original("front-door").replace("- to:\n                      uri: direct:tags", "- bean:\n                      ref: answer\n                      method: denied"));
        await(() -> !refused());
        assertEquals(403, mirror.get("/v2/library/app/tags/list").status());
        assertEquals(200, mirror.get(image.path()).status());
    }

    @Test
    void aFolderThatIsGoneIsShownAndItsRoutesServe() throws Exception {
        start();
        Path away = Files.move(routes, directory.resolve("away"));
        await(this::refused);
        assertEquals(200, mirror.get(image.path()).status());
        Files.move(away, routes);
        await(() -> !refused());
        write("front-door", frontDoorThatSays("back"));
        await(() -> !refused() && "back".equals(edit()));
    }

    @Test
    void withoutAFrontDoorTheLastOneGoesOnServing() throws Exception {
        start();
        for (String name : List.of("front-door", "health")) {
            Files.delete(routes.resolve(name + ".camel.yaml"));
        }
        await(this::refused);
        assertEquals("refused, the last good routes serve: no route takes what clients pull: the front door is missing", health().getString("message"));
        assertEquals(200, mirror.get(image.path()).status());
        assertEquals(200, mirror.get("/v2/library/app/tags/list").status());
    }

    @Test
    void newFilesServeAndGoAgain() throws Exception {
        start();
        write("ping", """
                - route:
                    id: ping
                    from:
                      uri: platform-http:/ping
                      parameters:
                        useBodyHandler: false
                        headerFilterStrategy: "#client-headers"
                      steps:
                        - setBody:
                            expression:
                              constant:
                                expression: pong
                """);
        await(() -> mirror.get("/ping").text().equals("pong"));
        Files.delete(routes.resolve("ping.camel.yaml"));
        await(() -> mirror.get("/ping").status() == 404);
        assertEquals(200, mirror.get(image.path()).status());
    }

    @Test
    void whatIsCommonToAllRoutesChangesInAllOfThem() throws Exception {
        start();
        write("errors", original("errors").replace("method: missing", "method: unavailable"));
        await(() -> mirror.get("/v2/library/none/manifests/1.0").status() == 503);
        write("errors", original("errors"));
        await(() -> mirror.get("/v2/library/none/manifests/1.0").status() == 404);
    }

    /** Camel's own default is to wait half a minute for a route that is not there; a setting says otherwise. */
    @Test
    @Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void settingsOfCamelsComponentsHoldAfterAnEdit() throws Exception {
        start();
        write("front-door", frontDoorThatSays("edited").replace("uri: direct:manifest", "uri: direct:manifest-at"));
        await(this::refused);
        // No rehearsal asks for this repository.
        write("front-door", frontDoorThatSays("edited").replace("- to:\n                      uri: direct:manifest\n", """
                - choice: {when: [{expression: {simple: {expression: "${variable.repository} regex 'library/[r]are'"}}, steps:
                    [{toD: {uri: 'direct:manifest-${variable.asked}'}}]}], otherwise: {steps: [{to: {uri: 'direct:manifest'}}]}}
                """.indent(18).stripLeading()));
        await(() -> !refused() && "edited".equals(mirror.get("/v2/").header("X-Edit")));
        long began = System.nanoTime();
        assertEquals(500, mirror.get("/v2/library/rare/manifests/1.0").status());
        assertEquals(200, mirror.get(image.path()).status());
        assertTrue(TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - began) < 5);
    }

    /** One file with a template in the place of the two that differ in nothing but the registry's name. */
    @Test
    void registriesAreCalledByRoutesFromATemplate() throws Exception {
        routes = TestRoutes.copyTo(directory);
        cold.put(image);
        Image atCold = cold.image("library/cold", "1.0");
        StringBuilder made = new StringBuilder();
        for (String name : List.of("hot", "cold")) {
            made.append("- templatedRoute:\n    routeTemplateRef: registry-http\n    routeId: ").append(name)
                    .append("\n    parameters:\n      - name: name\n        value: ").append(name).append('\n');
        }
        write("a-registries", made.toString());
        mirror = launch();
        for (String edit : List.of("one", "two")) {
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(200, mirror.get(atCold.path()).status());
            assertEquals(404, mirror.get("/v2/library/none/manifests/1.0").status());
            write("front-door", frontDoorThatSays(edit));
            await(() -> edit.equals(mirror.get("/v2/").header("X-Edit")));
        }
        write("registry", original("registry").replace("method: receive", "method: recieve"));
        await(() -> health().getString("message").contains("registry.camel.yaml:"));
        assertTrue(health().getString("message").contains("recieve"), health().toString());
    }

    @Test
    void failuresHaveShortNamesInRoutes() throws Exception {
        routes = TestRoutes.copyTo(directory);
        cold.put(image);
        mirror = launch();
        for (String edit : List.of("one", "two")) {
            write("front-door", frontDoorThatSays(edit));
            await(() -> edit.equals(edit()));
            assertEquals(404, mirror.get("/v2/library/none/manifests/1.0").status());
            assertEquals(405, mirror.send("PUT", "/v2/").status());
            hot.fault(Fault.status(500).on(Kind.MANIFEST).times(1));
            assertEquals(200, mirror.get(image.path()).status());
        }
        write("tags", original("tags").replace("NotHere", "Truble"));
        await(() -> health().getString("message").endsWith("there is no class Truble"));
    }

    @Test
    void aRequestEndsInTheRoutesInWhichItBegan() throws Exception {
        Digest blob = hot.blob("library/app", Body.ofSize(30_000_000, 1));
        start("HOT_BLOBS", "proxy", "HOT_RESPONSE_TIMEOUT", "20s");
        CountDownLatch held = new CountDownLatch(1);
        HttpClient http = HttpClient.newHttpClient();
        HttpResponse<InputStream> stream = http.send(TestClient.request("GET", mirror.url() + "/v2/library/app/blobs/" + blob,
                Duration.ofSeconds(30)), HttpResponse.BodyHandlers.ofInputStream());
        hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        CompletableFuture<HttpResponse<byte[]>> manifest = http.sendAsync(TestClient.request("GET", mirror.url() + image.path(),
                Duration.ofSeconds(30)), HttpResponse.BodyHandlers.ofByteArray());
        await(() -> !hot.calls("GET", Kind.MANIFEST).isEmpty());
        // Names that the old routes use are gone from the new ones, and what follows the held call is another step.
        for (String name : List.of("front-door", "push", "manifest", "blob", "ask")) {
            write(name, original(name).replace("direct:manifest", "direct:renamed").replace("direct:blob-at", "direct:layer-at")
                    .replace("        - bean:\n            description: The headers that", "        - setHeader:\n            name: X-Edit\n"
                            + "            expression: {constant: {expression: new}}\n        - bean:\n            description: The headers that"));
        }
        await(() -> "new".equals(mirror.get("/v2/").header("X-Edit")));
        Thread.sleep(200);
        held.countDown();
        HttpResponse<byte[]> old = manifest.get(30, TimeUnit.SECONDS);
        assertEquals(200, old.statusCode());
        assertFalse(old.headers().firstValue("X-Edit").isPresent());
        assertEquals(30_000_000, stream.body().readAllBytes().length);
        assertEquals("new", edit());
    }

    @Test
    void whatARegistrysBreakerKnowsIsKept() throws Exception {
        start("MIRROR_BREAKER_CALLS", "4", "MIRROR_BREAKER_MINIMUM_CALLS", "4", "MIRROR_BREAKER_PROBE_INTERVAL", "1h");
        cold.put(image);
        hot.fault(Fault.status(500).on(Kind.MANIFEST));
        for (int i = 0; i < 5; i++) {
            mirror.get(image.path());
        }
        int asked = hot.calls("GET", Kind.MANIFEST).size();
        write("registry", original("registry") + "# edited\n");
        write("front-door", frontDoorThatSays("edited"));
        await(() -> "edited".equals(edit()));
        assertEquals(asked, hot.calls("GET", Kind.MANIFEST).size());
    }

    /** In the outage in which somebody edits, the calls of the old routes hang on, and as many of the new ones would join them. */
    @Test
    void callsOfTheOldRoutesCountForTheBoundOfTheNewOnes() throws Exception {
        // A registry that is given up and asked once more would have twice as many calls.
        start("MIRROR_SERVER_CALLS_PER_REGISTRY", "3", "HOT_RESPONSE_TIMEOUT", "20s", "HOT_PATIENCE", "20s");
        CountDownLatch held = new CountDownLatch(1);
        hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        HttpClient http = HttpClient.newHttpClient();
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            pulls.add(http.sendAsync(TestClient.request("GET", mirror.url() + hot.image("library/app", "t" + i).path(), Duration.ofSeconds(30)),
                    HttpResponse.BodyHandlers.ofByteArray()));
        }
        await(() -> hot.calls("GET", Kind.MANIFEST).size() == 3);
        for (String edit : List.of("one", "two")) {
            write("front-door", frontDoorThatSays(edit));
            write("registry", original("registry") + "# " + edit + "\n");
            await(() -> edit.equals(mirror.get("/v2/").header("X-Edit")));
            // Cold has not got them, so they wait for their turn at hot, whichever routes they began with.
            for (int i = 0; i < 3; i++) {
                pulls.add(http.sendAsync(TestClient.request("GET", mirror.url() + hot.image("library/app", edit + i).path(), Duration.ofSeconds(30)),
                        HttpResponse.BodyHandlers.ofByteArray()));
            }
            int expected = pulls.size() - 3;
            await(() -> mirror.metric("mirror_requests_waiting") == expected);
        }
        assertEquals(3, hot.calls("GET", Kind.MANIFEST).size());
        held.countDown();
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(200, pull.get(30, TimeUnit.SECONDS).statusCode());
        }
        // Each call gives its place back, however it ends.
        hot.heal();
        for (Fault fault : List.of(Fault.status(500), Fault.close(), Fault.cut(10), Fault.status(404), Fault.status(307))) {
            hot.fault(fault.on(Kind.MANIFEST).times(2), fault.on(Kind.BLOB).times(2));
            for (int i = 0; i < 2; i++) {
                mirror.get(image.path());
                mirror.head(image.path(image.config()));
            }
            hot.heal();
        }
        for (int i = 0; i < 9; i++) {
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(307, mirror.get(image.path(image.config())).status());
        }
    }

    @Test
    void aSettingTurnsItOff() throws Exception {
        start("MIRROR_ROUTES_RELOAD", "false");
        write("front-door", frontDoorThatSays("one"));
        Thread.sleep(500);
        assertNull(edit());
        assertFalse(mirror.management("/observe/health").text().contains("route-files"));
    }

    @Test
    void noRequestFailsDuringAHundredGoodAndAHundredBrokenEdits() throws Exception {
        Digest blob = hot.blob("library/app", Body.ofSize(100_000, 1));
        start("HOT_BLOBS", "proxy", "HOT_RESPONSE_TIMEOUT", "20s");
        AtomicBoolean over = new AtomicBoolean();
        AtomicInteger sent = new AtomicInteger();
        ConcurrentLinkedQueue<String> failed = new ConcurrentLinkedQueue<>();
        List<String> paths = List.of(image.path(), "/v2/library/app/blobs/" + blob, "/v2/library/app/tags/list", "/v2/", image.pathByDigest());
        List<Thread> clients = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            Thread client = new Thread(() -> {
                while (!over.get()) {
                    // Some requests are under way at any time, and the edits get their share of a small machine.
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(2));
                    String path = paths.get(sent.incrementAndGet() % paths.size());
                    try {
                        TestMirror.Reply reply = mirror.get(path);
                        if (reply.status() != 200) {
                            failed.add(path + " " + reply.status() + " " + reply.text());
                        }
                    } catch (UncheckedIOException e) {
                        failed.add(path + " " + e);
                    }
                }
            });
            client.start();
            clients.add(client);
        }
        try {
            String last = null;
            List<String> edited = List.of("plan", "manifest", "blob", "ask", "registry", "errors");
            for (int i = 0; i < 100; i++) {
                String good = "edit-" + i;
                String name = edited.get(i % edited.size());
                write("front-door", frontDoorThatSays(good));
                write(name, original(name) + "\n# " + good + "\n");
                await(() -> good.equals(mirror.get("/v2/").header("X-Edit")) && !refused());
                write("front-door", frontDoorThatSays("broken-" + i).replace(i % 2 == 0 ? "ref: answer" : "direct:tags", i % 2 == 0 ? "ref: anser" : "direct:gats"));
                await(this::refused);
                assertEquals(good, mirror.get("/v2/").header("X-Edit"));
                last = good;
            }
            assertEquals("edit-99", last);
        } finally {
            over.set(true);
            for (Thread client : clients) {
                client.join();
            }
        }
        System.out.println("100 good and 100 broken edits: requests sent " + sent + ", failed " + failed.size());
        assertEquals(List.of(), List.copyOf(failed));
    }

    @ParameterizedTest
    @EnumSource(OddFile.class)
    @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void aFileThatIsNotToBeReadIsRefusedAndLaterEditsServe(OddFile odd) throws Exception {
        start();
        Path file = routes.resolve("zextra.camel.yaml");
        odd.create(file);
        await(this::refused);
        assertTrue(health().getString("message").contains("zextra.camel.yaml:"), health().toString());
        assertTrue(health().getString("message").contains(odd.fault()), health().toString());
        assertEquals(200, mirror.get(image.path()).status());
        write("front-door", frontDoorThatSays("later"));
        Files.delete(file);
        await(() -> !refused() && "later".equals(edit()));
        odd.create(file);
        await(this::refused);
        long began = System.nanoTime();
        mirror.close();
        mirror = null;
        assertTrue(TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - began) < 15);
    }

    @Test
    void aFileThatChangesAllTheTimeIsToldAndLaterEditsServe() throws Exception {
        start();
        AtomicBoolean over = new AtomicBoolean();
        Thread writer = new Thread(() -> {
            for (int i = 0; !over.get(); i++) {
                try {
                    write("zextra", "#".repeat(1 + i % 1000) + "\n");
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        });
        writer.start();
        try {
            await(() -> health().getString("message").endsWith("these files change all the time: zextra.camel.yaml"));
        } finally {
            over.set(true);
            writer.join();
        }
        Files.delete(routes.resolve("zextra.camel.yaml"));
        write("front-door", frontDoorThatSays("later"));
        await(() -> !refused() && "later".equals(edit()));
    }

    @Test
    void theWatchSurvivesEveryFailure() throws Exception {
        start();
        AtomicInteger failures = new AtomicInteger();
        try (LogHook hook = LogHook.on("io.mirrorregistry.reload.RouteWatcher", message -> {
            failures.incrementAndGet();
            throw new AssertionError("for this test");
        })) {
            write("front-door", "- route: [");
            await(() -> failures.get() > 0);
        }
        write("front-door", frontDoorThatSays("later"));
        await(() -> !refused() && "later".equals(edit()));
    }

    static Stream<Arguments> editsThatFailRequests() {
        return Stream.of(
                Arguments.of("uri: direct:plan", "uri: direct:plan\n        - log: {message: '${exchangeProperties}'}", "22:26: the step log ${exchangeProperties} fails: "),
                Arguments.of("${variable.asked} == 'manifest'", "${variable.asked} == 'manifest' && ${variable.repository} regex '^library/(a|b'", "27:33: the step choice "),
                Arguments.of("${variable.asked} == 'manifest'", "${variable.aksed} == 'manifest'", "27:33: no step sets the variable aksed; did you mean asked?"),
                Arguments.of("${variable.asked} == 'manifest'", "${variable.asked} == 'manfest'", "61:29: GET /v2/library/app/manifests/1.0 while each registry has it is answered 200 with {}, "),
                Arguments.of("uri: direct:plan", "uri: direct:plan\n        - delay: {expression: {constant: {expression: 60000}}}", "22:55: GET /v2/ has not ended within 5 s"),
                Arguments.of("uri: direct:plan", "uri: direct:plan\n        - throwException: {exceptionType: java.io.IOException, message: no}", "22:11: the step throwException fails: no "));
    }

    /** Nobody but the operator notices: no request fails, no registry is called, and nothing is counted or logged but the refusal. */
    @ParameterizedTest(name = "{1}")
    @MethodSource("editsThatFailRequests")
    void anEditThatWouldFailRequestsIsRefused(String sound, String edited, String fault) throws Exception {
        start("MIRROR_LOGGING_LEVEL", "info");
        assertEquals(200, mirror.get(image.path()).status());
        // A pull is counted a little later than its answer.
        await(() -> counts().contains("mirror_pulls_total{kind=\"manifest\""));
        hot.forget();
        cold.forget();
        String counted = counts();
        try (LogLines lines = LogLines.of("io.mirrorregistry"); LogLines camel = LogLines.of("org.apache.camel")) {
            assertTrue(original("front-door").contains(sound));
            write("front-door", original("front-door").replaceFirst(Pattern.quote(sound), Matcher.quoteReplacement(edited)));
            await(this::refused);
            // Lines of the threads that rehearse are not written.
            List<String> refusals = lines.linesWithout("rehearsal").stream().filter(line -> !line.startsWith("GET ")).toList();
            assertEquals(1, refusals.size(), refusals.toString());
            assertTrue(refusals.get(0).startsWith("Routes refused, the last good ones go on serving: routes/front-door.camel.yaml:" + fault), refusals.get(0));
            assertEquals(List.of(), camel.linesWithout("rehearsal").stream().filter(line -> line.startsWith("Timeout occurred")).toList());
        }
        assertEquals(counted, counts());
        assertEquals(0, hot.calls("GET", Kind.MANIFEST).size() + hot.calls("HEAD", Kind.BLOB).size() + cold.calls("GET", Kind.MANIFEST).size());
        assertEquals(200, mirror.get(image.path()).status());
        write("front-door", frontDoorThatSays("mended"));
        await(() -> !refused() && "mended".equals(edit()));
    }

    /** A rehearsal has registries that fail; of these neither the log of registries nor the bounds on its lines learn. */
    @Test
    void aRehearsalIsNoTroubleOfTheRegistries() throws Exception {
        start("MIRROR_LOGGING_LEVEL", "info");
        write("front-door", frontDoorThatSays("later"));
        await(() -> "later".equals(edit()));
        try (LogLines lines = LogLines.of("io.mirrorregistry")) {
            Image other = hot.image("library/other", "1.0");
            assertEquals(200, mirror.get(other.path()).status());
            assertTrue(lines.lines().stream().noneMatch(line -> line.contains("responds again")), lines.lines().toString());
            hot.fault(Fault.status(500));
            assertEquals(503, mirror.get("/v2/library/none/manifests/1").status());
            assertTrue(lines.lines().stream().anyMatch(line -> line.startsWith("Registry hot is in trouble: ")), lines.lines().toString());
        }
    }

    private String counts() {
        return mirror.management("/observe/metrics").text().lines().filter(line -> line.matches("mirror_(registry_calls|cache|fallbacks|pulls|streams).*"))
                .collect(Collectors.joining("\n"));
    }

    @Test
    void anEditOfAFileThatIsNotInUseIsCheckedAndSaysSo() throws Exception {
        start("MIRROR_LOGGING_LEVEL", "info", "COLD_URL", "", "MIRROR_IMAGES_DIRECTORY", Path.of("images").toAbsolutePath().toString());
        String own = """
                - route:
                    id: registry-cold
                    precondition: "'{{mirror.registry.cold.url}}' != ''"
                    from:
                      uri: direct:registry-cold
                      steps:
                        - bean: {ref: cold, method: prepare}
                        - to: {uri: "{{mirror.registry.cold.url}}", parameters: {httpClient: "#cold.client"}}
                        - bean: {ref: cold, method: receive}
                """;
        try (LogLines lines = LogLines.of("io.mirrorregistry.reload.RouteWatcher")) {
            write("cold", own);
            await(() -> lines.lines().contains("Routes changed: cold.camel.yaml; not in use: mirror.registry.cold.url is empty"));
            write("cold", own.replace("{ref: cold, method: receive}", "{ref: clod, method: receive}"));
            await(this::refused);
            assertEquals("Routes refused, the last good ones go on serving: routes/cold.camel.yaml:9:23: No bean could be found in the registry for: clod",
                    lines.lines().get(lines.lines().size() - 1));
        }
        assertEquals(200, mirror.get(image.path()).status());
    }
}
