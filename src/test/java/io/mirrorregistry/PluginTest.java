package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.PluginEvents;
import io.mirrorregistry.testing.TestPlugin;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Jars with strategies, put into the folder of plug-ins before a start and while the mirror runs, over real HTTP. */
class PluginTest {

    private static final String SERVICE = "META-INF/services/io.mirrorregistry.plan.Strategy";
    private static final String NAME = "public String name() { return \"%s\"; }\n";
    private static final String ORDER = "public List<String> order(PlanRequest request, Registries registries) { return registries.planned(); }\n";

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final Image image = hot.image("library/app", "1.0");
    private final Image coldImage = cold.image("library/app", "1.0");
    private Path routes;
    private Path plugins;
    private TestMirror mirror;

    @BeforeEach
    void folders() throws IOException {
        routes = TestRoutes.copyTo(directory);
        plugins = Files.createDirectory(directory.resolve("plugins"));
        PluginEvents.forget();
    }

    @AfterEach
    void stop() {
        if (mirror != null) {
            mirror.close();
        }
        hot.close();
        cold.close();
    }

    private TestMirror launch(String... settings) {
        List<String> all = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms"));
        all.addAll(List.of(settings));
        return TestMirror.startIn(directory, all.toArray(String[]::new));
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 1500 && !condition.getAsBoolean(); i++) {
            Thread.sleep(10);
        }
        assertTrue(condition.getAsBoolean());
    }

    /** Returns the registry whose image is served. */
    private String served() {
        byte[] body = mirror.get(image.path()).body();
        return Arrays.equals(body, image.manifest()) ? "hot" : Arrays.equals(body, coldImage.manifest()) ? "cold" : "none";
    }

    private JsonObject health() {
        return new JsonObject(mirror.management("/observe/health?data=true").text()).getJsonArray("checks").stream().map(JsonObject.class::cast)
                .filter(check -> check.getString("name").equals("route-files")).findFirst().orElseThrow();
    }

    private boolean refused() {
        return health().getString("status").equals("DOWN");
    }

    /** Returns the faults that the status page shows. */
    private List<String> faults() {
        return new JsonObject(mirror.management("/status.json").text()).getJsonObject("routes").getJsonArray("refused").stream().map(String::valueOf).toList();
    }

    private Path jar(String name) {
        return plugins.resolve(name + ".jar");
    }

    private void use(String strategy) throws IOException {
        Path plan = routes.resolve("plan.camel.yaml");
        Files.writeString(plan, Files.readString(Path.of("routes/plan.camel.yaml")).replace("{{mirror.strategy}}", strategy));
    }

    @Test
    void servesFromTheStartUntilItIsReplaced() throws Exception {
        TestPlugin.strategy("mine", "List.of(\"cold\", \"hot\")").writeTo(jar("a"));
        mirror = launch("MIRROR_STRATEGY", "mine");
        assertEquals("cold", served());
        // Over the old one, in place.
        TestPlugin.strategy("mine", "List.of(\"hot\")").writeTo(jar("a"));
        await(() -> served().equals("hot"));
        assertFalse(refused());
        // The chosen strategy is unknown now, which is no fault beside that of the jar.
        Files.writeString(jar("a"), "no jar");
        await(this::refused);
        assertEquals(List.of("plugins/a.jar: it is no jar, or not a whole one"), faults());
        assertEquals("hot", served());
    }

    @Test
    void aJarThatIsDroppedInServesAndGoesAgain() throws Exception {
        mirror = launch();
        assertEquals("hot", served());
        use("mine");
        await(this::refused);
        TestPlugin.strategy("mine", "List.of(\"cold\")").writeTo(directory.resolve("new"));
        Files.move(directory.resolve("new"), jar("a"));
        await(() -> !refused() && served().equals("cold"));

        Files.delete(jar("a"));
        await(this::refused);
        assertEquals("cold", served());
        assertTrue(health().getString("message").matches(".*plan.camel.yaml:\\d+:\\d+: no route begins with direct:strategy-mine"), health().toString());
        use("ordered");
        await(() -> !refused() && served().equals("hot"));
    }

    @Test
    void theFolderMayComeLater() throws Exception {
        Files.delete(plugins);
        mirror = launch();
        assertEquals("hot", served());
        Files.createDirectory(plugins);
        TestPlugin.strategy("mine", "List.of(\"cold\")").writeTo(jar("a"));
        use("mine");
        await(() -> served().equals("cold"));
    }

    @Test
    void aChosenStrategyThatIsRemovedIsAFaultOfTheSetting() throws Exception {
        TestPlugin.strategy("mine", "List.of(\"cold\")").writeTo(jar("a"));
        mirror = launch("MIRROR_STRATEGY", "mine");
        Files.delete(jar("a"));
        await(this::refused);
        assertEquals(List.of("mirror.strategy=mine cannot work: there is no strategy of that name; there are by-client, fastest, ordered, weighted"), faults());
        assertEquals("cold", served());
    }

    private record Broken(String fault, TestPlugin plugin) {
    }

    /** Returns jars that cannot be used, and the line for each; the jar's name is the key. */
    private static Map<String, Broken> broken() {
        return Map.ofEntries(
                Map.entry("no-service", new Broken("it has no file " + SERVICE, TestPlugin.strategy("x", "List.of()").withoutServices())),
                Map.entry("empty-service", new Broken("its file " + SERVICE + " names no class of the jar", new TestPlugin())),
                Map.entry("foreign-service", new Broken("its file " + SERVICE + " names no class of the jar", new TestPlugin().naming("io.mirrorregistry.plan.FastestStrategy"))),
                Map.entry("no-class", new Broken("Provider plug.None not found", new TestPlugin().naming("plug.None"))),
                Map.entry("no-strategy", new Broken("plug.X is no io.mirrorregistry.plan.Strategy", new TestPlugin().with("X", "", ""))),
                Map.entry("constructor", new Broken("Provider plug.X could not be instantiated: java.lang.IllegalStateException: not today",
                        new TestPlugin().with("X", "public X() { throw new IllegalStateException(\"not today\"); }" + NAME.formatted("x") + ORDER))),
                Map.entry("linkage", new Broken("Provider plug.X could not be instantiated: java.lang.NoClassDefFoundError: gone",
                        new TestPlugin().with("X", "public X() { throw new NoClassDefFoundError(\"gone\"); }" + NAME.formatted("x") + ORDER))),
                Map.entry("name-fails", new Broken("the name() of plug.X failed: java.lang.IllegalStateException: no name",
                        new TestPlugin().with("X", "public String name() { throw new IllegalStateException(\"no name\"); }" + ORDER))),
                Map.entry("name-null", new Broken("the name of plug.X is null; a name is a lower-case letter, then lower-case letters, digits and hyphens, at most 63 in all",
                        new TestPlugin().with("X", "public String name() { return null; }" + ORDER))),
                Map.entry("name-odd", new Broken("the name of plug.X is My_Own; a name is a lower-case letter, then lower-case letters, digits and hyphens, at most 63 in all",
                        new TestPlugin().with("X", NAME.formatted("My_Own") + ORDER))),
                Map.entry("name-fastest", new Broken("the strategy fastest of plug.X has the name of one of the mirror", new TestPlugin().with("X", NAME.formatted("fastest") + ORDER))),
                Map.entry("name-ordered", new Broken("the strategy ordered of plug.X has the name of one of the mirror", new TestPlugin().with("X", NAME.formatted("ordered") + ORDER))),
                Map.entry("name-twice", new Broken("the strategy x of plug.Y has the name of one of the same jar",
                        new TestPlugin().with("X", NAME.formatted("x") + ORDER).with("Y", NAME.formatted("x") + ORDER))),
                Map.entry("setting", new Broken("mirror.strategy.x.size=9 cannot work: 9 is too small", new TestPlugin().with("X", NAME.formatted("x") + ORDER
                        + "public void configure(Map<String, String> settings, List<String> registries) { throw new IllegalArgumentException(\"size: \" + settings.get(\"size\") + \" is too small\"); }"))),
                Map.entry("configure", new Broken("the configure() of the strategy x failed: java.lang.NullPointerException: nothing", new TestPlugin().with("X", NAME.formatted("x") + ORDER
                        + "public void configure(Map<String, String> settings, List<String> registries) { throw new NullPointerException(\"nothing\"); }"))),
                Map.entry("deep", new Broken("the name() of plug.X failed: java.lang.StackOverflowError", new TestPlugin().with("X", "public String name() { return name(); }" + ORDER))));
    }

    @Test
    void aBrokenJarChangesNothingAndIsShownUntilItIsMended() throws Exception {
        TestPlugin.strategy("mine", "List.of(\"cold\")").writeTo(jar("mine"));
        mirror = launch("MIRROR_STRATEGY", "mine", "MIRROR_STRATEGY_X_SIZE", "9");
        for (Map.Entry<String, Broken> one : broken().entrySet()) {
            Path jar = jar(one.getKey());
            one.getValue().plugin.writeTo(jar);
            String line = "plugins/" + one.getKey() + ".jar: " + one.getValue().fault;
            await(() -> faults().equals(List.of(line)));
            assertEquals("cold", served(), line);
            assertEquals("DOWN", health().getString("status"));
            Files.delete(jar);
            await(() -> !refused());
        }
        Files.writeString(jar("text"), "no jar");
        await(() -> faults().equals(List.of("plugins/text.jar: it is no jar, or not a whole one")));
        assertEquals("refused, the last good routes serve: text.jar: it is no jar, or not a whole one", health().getString("message"));
        assertEquals(503, mirror.management("/observe/health").status());
        assertEquals(200, mirror.management("/observe/health/ready").status());
        // An edit of routes waits for the jar.
        use("ordered");
        await(() -> faults().size() == 1);
        assertEquals("cold", served());
        TestPlugin.strategy("text", "List.of()").writeTo(jar("text"));
        await(() -> !refused() && served().equals("hot"));
    }

    @Test
    void theCheckTellsAllAndAStartRefuses() throws Exception {
        for (Map.Entry<String, Broken> one : broken().entrySet()) {
            if (!one.getKey().equals("setting")) {
                one.getValue().plugin.writeTo(jar(one.getKey()));
            }
        }
        TestPlugin.strategy("mine", "List.of()").writeTo(jar("zz-first"));
        TestPlugin.strategy("mine", "List.of()").writeTo(jar("zz-second"));
        Files.writeString(routes.resolve("tags.camel.yaml"), Files.readString(routes.resolve("tags.camel.yaml")).replace("ref: tags", "ref: gats"));
        List<String> faults = Check.run(directory, Map.of("MIRROR_REGISTRY_COLD_URL", cold.url(), "MIRROR_STRATEGY_WEIGHTED_SHARES", "x")).faults();
        for (Map.Entry<String, Broken> one : broken().entrySet()) {
            if (!List.of("setting", "name-twice", "configure").contains(one.getKey())) {
                assertTrue(faults.contains("plugins/" + one.getKey() + ".jar: " + one.getValue().fault), one.getKey() + " in " + faults);
            }
        }
        assertTrue(faults.contains("plugins/zz-second.jar: the strategy mine of plug.Mine has the name of one of plugins/zz-first.jar"), faults.toString());
        assertTrue(faults.stream().anyMatch(fault -> fault.startsWith("mirror.strategy.weighted.shares=x cannot work: ")), faults.toString());
        assertTrue(faults.stream().anyMatch(fault -> fault.startsWith("routes/tags.camel.yaml:")), faults.toString());

        try (Stream<Path> jars = Files.list(plugins)) {
            for (Path jar : jars.filter(file -> !file.endsWith("constructor.jar")).toList()) {
                Files.delete(jar);
            }
        }
        TestRoutes.copyTo(Files.createDirectory(directory.resolve("fresh")));
        Files.copy(directory.resolve("fresh/routes/tags.camel.yaml"), routes.resolve("tags.camel.yaml"), StandardCopyOption.REPLACE_EXISTING);
        String line = "plugins/constructor.jar: " + broken().get("constructor").fault;
        assertEquals(line, assertThrows(IllegalArgumentException.class, this::launch).getCause().getMessage());
        // Also where the routes are those that the program carries.
        Files.move(routes, directory.resolve("away"));
        assertEquals(List.of(line), Check.run(directory, Map.of("MIRROR_REGISTRY_COLD_URL", cold.url())).faults());
        assertEquals(line, assertThrows(IllegalArgumentException.class, this::launch).getCause().getMessage());
        Files.delete(jar("constructor"));
        TestPlugin.strategy("mine", "List.of(\"cold\")").writeTo(jar("mine"));
        mirror = launch("MIRROR_STRATEGY", "mine");
        assertEquals("cold", served());
    }

    @Test
    void aStrategyThatFailsIs503() throws Exception {
        TestPlugin.strategy("mine", "request.reference().equals(\"1.0\") ? null : request.reference().equals(\"2.0\") ? List.of(\"hut\") : registries.planned()").writeTo(jar("a"));
        mirror = launch("MIRROR_STRATEGY", "mine");
        assertEquals(503, mirror.get("/v2/library/app/manifests/1.0").status());
        assertEquals(503, mirror.get("/v2/library/app/manifests/2.0").status());
        assertEquals(200, mirror.get(image.pathByDigest()).status());
        assertEquals(List.of(), cold.calls("GET", Kind.MANIFEST));
    }

    /** A jar may throw anything. */
    @Test
    void aStrategyThatFailsWithAnErrorIs503AndLogsOneStackTrace() throws Exception {
        String body = NAME.formatted("mine") + """
                public List<String> order(PlanRequest request, Registries registries) {
                    switch (request.reference()) {
                        case "service": throw new java.util.ServiceConfigurationError("no codec");
                        case "error": throw new Error("not today");
                        case "deep": return order(request, registries);
                        default: return registries.planned();
                    }
                }
                """;
        new TestPlugin().with("Mine", body).writeTo(jar("a"));
        mirror = launch("MIRROR_STRATEGY", "mine");
        try (LogLines log = LogLines.of("io.mirrorregistry.pull")) {
            for (String tag : List.of("service", "error", "deep", "error")) {
                assertEquals(503, mirror.get("/v2/library/app/manifests/" + tag).status());
            }
            assertEquals(200, mirror.get(image.pathByDigest()).status());
            List<String> lines = log.lines().stream().filter(line -> line.contains("The strategy mine failed")).toList();
            // The second Error is no change.
            assertEquals(3, lines.size(), lines.toString());
            assertTrue(lines.get(1).endsWith("/manifests/error; nobody is asked: java.lang.Error: not today"), lines.get(1));
            assertEquals(1, log.stackTraces());
            // The next generation may fail for another reason.
            new TestPlugin().with("Mine", body + "public String toString() { return \"another\"; }").writeTo(jar("a"));
            await(() -> {
                mirror.get("/v2/library/app/manifests/error");
                return log.stackTraces() == 2;
            });
        }
    }

    @Test
    void aStrategyIsClosedAfterTheLastRequestOfItsGeneration() throws Exception {
        String body = NAME.formatted("mine") + ORDER + "public void close() { PluginEvents.add(\"closed %s\"); }\n"
                + "public void configure(Map<String, String> settings, List<String> registries) { PluginEvents.add(\"configured %1$s\"); }";
        new TestPlugin().with("Mine", "implements Strategy, AutoCloseable", body.replace("%s", "one").replace("%1$s", "one")).writeTo(jar("a"));
        CountDownLatch held = new CountDownLatch(1);
        mirror = launch("MIRROR_STRATEGY", "mine", "HOT_RESPONSE_TIMEOUT", "30s");
        // Checks close theirs; the last one serves.
        await(() -> PluginEvents.count("configured one") == PluginEvents.count("closed one") + 1);
        long closed = PluginEvents.count("closed one");
        hot.fault(Fault.heldUntil(held).path(image.path()).times(1));
        CompletableFuture<Integer> running = CompletableFuture.supplyAsync(() -> mirror.get(image.path()).status());
        await(() -> !hot.calls("GET", Kind.MANIFEST).isEmpty());
        new TestPlugin().with("Mine", "implements Strategy, AutoCloseable", body.replace("%s", "two").replace("%1$s", "two")).writeTo(jar("a"));
        await(() -> PluginEvents.count("configured two") == 2 && PluginEvents.count("closed two") == 1);
        assertEquals(200, mirror.get(image.pathByDigest()).status());
        assertEquals(closed, PluginEvents.count("closed one"));
        held.countDown();
        assertEquals(200, running.get(20, TimeUnit.SECONDS));
        await(() -> PluginEvents.count("closed one") == closed + 1);
        mirror.close();
        mirror = null;
        assertEquals(PluginEvents.count("configured two"), PluginEvents.count("closed two"));
    }

    @Test
    void earlierGenerationsLeaveNoClassLoaderInMemory() throws Exception {
        String body = NAME.formatted("mine") + "public Mine() { PluginEvents.loadedBy(this); }\n"
                + "public List<String> order(PlanRequest request, Registries registries) { return List.of(request.repository().isEmpty() ? \"hot\" : \"%s\"); }\n";
        new TestPlugin().with("Mine", body.formatted("hot")).writeTo(jar("a"));
        mirror = launch("MIRROR_STRATEGY", "mine");
        for (int i = 0; i < 3; i++) {
            assertEquals("hot", served());
            new TestPlugin().with("Mine", body.formatted("cold")).writeTo(jar("a"));
            await(() -> served().equals("cold"));
            new TestPlugin().with("Mine", body.formatted("hot")).writeTo(jar("a"));
            await(() -> served().equals("hot"));
        }
        assertTrue(PluginEvents.loaders() >= 13, () -> PluginEvents.loaders() + " were made");
        await(() -> {
            System.gc();
            return PluginEvents.loadersInMemory() == 1;
        });
        assertEquals("hot", served());
    }
}
