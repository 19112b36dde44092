package io.mirrorregistry;

import static io.mirrorregistry.PagePatches.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestPlugin;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.io.File;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples of docs/strategies.md as they stand there. */
class StrategiesPageTest {

    private static final PagePatches PAGE = new PagePatches(Path.of("docs/strategies.md"), "none");

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private Path routes;
    private TestMirror mirror;

    @BeforeEach
    void copyRoutes() throws IOException {
        routes = TestRoutes.copyTo(directory);
    }

    @AfterEach
    void stop() {
        if (mirror != null) {
            mirror.close();
        }
        hot.close();
        cold.close();
    }

    private void launch(String... settings) {
        List<String> all = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms"));
        all.addAll(List.of(settings));
        mirror = TestMirror.startIn(directory, all.toArray(String[]::new));
    }

    private String served(String repository, String tag) {
        Map<String, TestRegistry> registries = Map.of("hot", hot, "cold", cold);
        byte[] body = mirror.get("/v2/" + repository + "/manifests/" + tag).body();
        return registries.entrySet().stream().filter(entry -> Arrays.equals(body, entry.getValue().image(repository, tag).manifest()))
                .map(Map.Entry::getKey).findFirst().orElse("none");
    }

    private void everywhere(String repository, String... tags) {
        for (String tag : tags) {
            Image hotImage = hot.image(repository, tag);
            assertTrue(!Arrays.equals(hotImage.manifest(), cold.image(repository, tag).manifest()));
        }
    }

    private List<String> faults() {
        return new JsonObject(mirror.management("/status.json").text()).getJsonObject("routes").getJsonArray("refused").stream().map(String::valueOf).toList();
    }

    /** Runs commands of the page in the test's directory, where target/ is as after a build. */
    private void run(String commands) throws Exception {
        if (Files.notExists(directory.resolve("target"))) {
            Files.createDirectories(directory.resolve("target/lib"));
            Map<String, byte[]> classes = new TreeMap<>();
            Path main = Path.of("target/classes");
            try (Stream<Path> files = Files.walk(main)) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    classes.put(main.relativize(file).toString(), Files.readAllBytes(file));
                }
            }
            TestPlugin.write(directory.resolve("target/mirror-registry.jar"), classes);
        }
        ProcessBuilder shell = new ProcessBuilder("sh", "-e", "-c", commands).directory(directory.toFile()).redirectErrorStream(true);
        shell.environment().merge("PATH", System.getProperty("java.home") + "/bin", (old, java) -> java + File.pathSeparator + old);
        Process process = shell.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
    }

    /** Returns the variable of a setting. */
    private static String variable(String name) {
        return name.toUpperCase(Locale.ROOT).replace('.', '_').replace('-', '_');
    }

    private static String[] properties(String text) throws IOException {
        Properties properties = new Properties();
        properties.load(new StringReader(text));
        return properties.stringPropertyNames().stream().flatMap(name -> Stream.of(variable(name), properties.getProperty(name))).toArray(String[]::new);
    }

    @Test
    void theSettingsOfWeightedWork() throws Exception {
        everywhere("library/app", "1.0");
        launch(properties(PAGE.block("## Choose a strategy", "properties")));
        assertTrue(List.of("hot", "cold").contains(served("library/app", "1.0")));
    }

    @Test
    void theSettingsOfTheTableWork() throws Exception {
        Matcher setting = Pattern.compile("\\| `(mirror\\.strategy\\.\\S+?)=([^`]+)` \\|").matcher(PAGE.text());
        int count = 0;
        for (; setting.find(); count++) {
            assertEquals(List.of(), Check.run(directory, Map.of(variable(setting.group(1)), setting.group(2), "MIRROR_REGISTRY_COLD_URL", cold.url(),
                    "MIRROR_REGISTRY_HOT_BJ_URL", hot.url(), "MIRROR_REGISTRY_HOT_SH_URL", hot.url())).faults());
        }
        assertEquals(2, count);
    }

    @Test
    void theLineOfASettingThatCannotWorkIsTrue() throws Exception {
        assertEquals(List.of(PAGE.block("A setting that cannot work stops", "").strip()),
                Check.run(directory, Map.of("MIRROR_STRATEGY_WEIGHTED_SHARES", "hot=90, warm=10", "MIRROR_REGISTRY_COLD_URL", cold.url())).faults());
    }

    @Test
    void oneStrategyForOnePrefixOnly() throws Exception {
        List<String> diff = PAGE.block("## Use a strategy for one prefix only", "diff").lines().skip(2).toList();
        String before = diff.stream().filter(line -> !line.startsWith("+")).map(line -> line.substring(1) + "\n").collect(Collectors.joining());
        String after = diff.stream().filter(line -> !line.startsWith("-")).map(line -> line.substring(1) + "\n").collect(Collectors.joining());
        Path plan = routes.resolve("plan.camel.yaml");
        String text = Files.readString(plan);
        assertTrue(text.contains(before), () -> plan + " has no\n" + before);
        everywhere("build/app", "1.0");
        everywhere("library/app", "1.0");
        launch("MIRROR_PLAN", "hot, cold");
        assertEquals("hot", served("build/app", "1.0"));
        // The page's fastest cannot be told from ordered here; a route of that name can.
        Files.writeString(routes.resolve("fastest.camel.yaml"), """
                - route:
                    id: my-fastest
                    from:
                      uri: direct:strategy-fastest
                      steps:
                        - bean:
                            ref: plan
                            method: ask('cold')
                """);
        Files.writeString(plan, text.replace(before, after));
        await(() -> served("build/app", "1.0").equals("cold"));
        assertEquals("hot", served("library/app", "1.0"));
    }

    @Test
    void aStrategyInYaml() throws Exception {
        everywhere("library/app", "1.0", "latest");
        everywhere("nightly/app", "1.0", "latest");
        Files.writeString(routes.resolve("nightly-builds.camel.yaml"), PAGE.block("## Write a strategy in YAML", "yaml"));
        launch("MIRROR_STRATEGY", "nightly-builds");
        for (String tag : List.of("1.0", "latest")) {
            assertEquals("cold", served("nightly/app", tag));
            assertEquals("hot", served("library/app", tag));
        }
        // The blobs of an image come from the registry of its manifest.
        hot.forget();
        mirror.get(cold.image("nightly/app", "1.0").path(cold.image("nightly/app", "1.0").layers().get(0)));
        assertEquals(List.of(), hot.calls());
    }

    @Test
    void aStrategyInJava() throws Exception {
        everywhere("library/app", "1.0");
        Files.writeString(directory.resolve("NightStrategy.java"), PAGE.block("## Write a strategy in Java", "java"));
        run(PAGE.block("Compile it against", "sh"));
        List<String> settings = new ArrayList<>(List.of(properties(PAGE.block("Put the jar into the folder", "properties"))));
        LocalTime now = LocalTime.now();
        settings.addAll(List.of("MIRROR_STRATEGY_NIGHT_FROM", now.minusHours(1).toString(), "MIRROR_STRATEGY_NIGHT_TO", now.plusHours(1).toString()));
        launch(settings.toArray(String[]::new));
        assertEquals("cold", served("library/app", "1.0"));
        mirror.close();
        settings.addAll(List.of("MIRROR_STRATEGY_NIGHT_FROM", now.plusHours(1).toString(), "MIRROR_STRATEGY_NIGHT_TO", now.minusHours(1).toString()));
        launch(settings.toArray(String[]::new));
        assertEquals("hot", served("library/app", "1.0"));
        assertEquals(List.of(), faults());

        String line = PAGE.block("A jar that cannot be used stops the start", "").strip();
        assertEquals(List.of(line), Check.run(directory, Map.of("MIRROR_STRATEGY", "night", "MIRROR_STRATEGY_NIGHT_ORDER", "cold warm",
                "MIRROR_REGISTRY_COLD_URL", cold.url())).faults());
    }
}
