package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The strategies of the mirror, over real HTTP, with three registries. */
class StrategyTest {

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.start("same");
    private final TestRegistry cold = TestRegistry.start("same");
    private final TestRegistry far = TestRegistry.start("same");

    @AfterEach
    void stop() {
        Stream.of(hot, cold, far).forEach(TestRegistry::close);
    }

    private TestMirror start(String... settings) {
        List<String> all = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "FAR_URL", far.url(), "MIRROR_PLAN", "hot, cold, far"));
        all.addAll(List.of(settings));
        return TestMirror.start(all.toArray(String[]::new));
    }

    /** Puts the same image into all registries. */
    private Image everywhere(String repository) {
        cold.image(repository, "1.0");
        far.image(repository, "1.0");
        return hot.image(repository, "1.0");
    }

    private void forget() {
        Stream.of(hot, cold, far).forEach(TestRegistry::forget);
    }

    /** Returns the registries that were asked for a manifest or a blob since {@link #forget()}. */
    private String asked() {
        Set<String> asked = new TreeSet<>();
        Map.of("hot", hot, "cold", cold, "far", far).forEach((name, registry) -> {
            if (registry.calls("GET", Kind.MANIFEST).size() + registry.calls("HEAD", Kind.BLOB).size() + registry.calls("GET", Kind.BLOB).size() > 0) {
                asked.add(name);
            }
        });
        return String.join(" ", asked);
    }

    private String pull(TestMirror mirror, Image image, String... headers) {
        forget();
        assertEquals(200, mirror.get(image.path(), headers).status());
        assertEquals(307, mirror.get(image.path(image.layers().get(0)), headers).status());
        return asked();
    }

    private static void awaitProbes(TestMirror mirror) throws InterruptedException {
        for (int i = 0; i < 500; i++) {
            List<?> probed = new JsonObject(mirror.management("/status.json").text()).getJsonArray("registries").stream()
                    .filter(registry -> ((JsonObject) registry).getString("status") != null).toList();
            if (probed.size() == 3) {
                return;
            }
            Thread.sleep(20);
        }
        throw new AssertionError("not all registries were probed");
    }

    @Test
    void fastestAsksTheQuickestRegistryFirst() throws Exception {
        hot.fault(Fault.delay(Duration.ofMillis(300)));
        far.fault(Fault.delay(Duration.ofMillis(300)));
        Image image = everywhere("library/app");
        Image coldLacksIt = far.image("library/far", "1.0");
        hot.image("library/far", "1.0");
        try (TestMirror mirror = start("MIRROR_STRATEGY", "fastest")) {
            awaitProbes(mirror);
            assertEquals("cold", pull(mirror, image));
            // The others follow.
            forget();
            assertEquals(200, mirror.get(coldLacksIt.path()).status());
            assertTrue(asked().startsWith("cold "), asked());
            // The order is kept for some seconds, so that an image is not split.
            cold.fault(Fault.delay(Duration.ofMillis(600)).times(2));
            assertEquals("cold", pull(mirror, image));
            assertEquals("cold", pull(mirror, image));
        }
    }

    /** A half-open breaker closes only if pulls reach the registry, so its place in the order counts at once. */
    @Test
    void fastestTriesARegistryThatHasRecovered() throws Exception {
        cold.fault(Fault.delay(Duration.ofMillis(300)));
        far.fault(Fault.delay(Duration.ofMillis(300)));
        Image image = everywhere("library/app");
        try (TestMirror mirror = start("MIRROR_STRATEGY", "fastest", "MIRROR_BREAKER_CALLS", "2", "MIRROR_BREAKER_MINIMUM_CALLS", "2",
                "MIRROR_BREAKER_TRIAL_CALLS", "1", "MIRROR_BREAKER_PROBE_INTERVAL", "50ms")) {
            awaitProbes(mirror);
            assertEquals("hot", pull(mirror, image));
            hot.fault(Fault.status(500));
            pull(mirror, image);
            assertEquals("open", breakerOfHot(mirror));
            assertTrue(!pull(mirror, image).contains("hot"), "an open breaker is last in the order");
            hot.heal();
            for (int i = 0; i < 500 && breakerOfHot(mirror).equals("open"); i++) {
                Thread.sleep(20);
            }
            assertEquals("half-open", breakerOfHot(mirror));
            assertEquals("hot", pull(mirror, image));
            assertEquals("closed", breakerOfHot(mirror));
        }
    }

    private static String breakerOfHot(TestMirror mirror) {
        return new JsonObject(mirror.management("/status.json").text()).getJsonArray("registries").stream().map(JsonObject.class::cast)
                .filter(registry -> registry.getString("name").equals("hot")).findFirst().orElseThrow().getString("breaker");
    }

    @Test
    void fastestDoesNotTakeARefusedConnectionForFast() throws Exception {
        Image image = everywhere("library/app");
        cold.fault(Fault.delay(Duration.ofMillis(50)));
        far.fault(Fault.delay(Duration.ofMillis(300)));
        hot.close();
        try (TestMirror mirror = start("MIRROR_STRATEGY", "fastest", "MIRROR_PLAN", "far, hot, cold")) {
            awaitProbes(mirror);
            assertEquals("cold", pull(mirror, image));
            // Nobody was passed over on the way: hot has no measured time, so it keeps its place after the first.
            assertEquals(List.of(), new JsonObject(mirror.management("/status.json").text()).getJsonArray("fallbacks").getList());
        }
    }

    @Test
    void weightedSharesRepositoriesAndSplitsNone() {
        Set<String> first = new TreeSet<>();
        List<Image> images = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            images.add(everywhere("team/app-" + i));
        }
        try (TestMirror mirror = start("MIRROR_STRATEGY", "weighted", "MIRROR_STRATEGY_WEIGHTED_SHARES", "hot=50, far=50")) {
            for (Image image : images) {
                String asked = pull(mirror, image);
                first.add(asked);
                assertEquals(asked, pull(mirror, image));
            }
            assertEquals(Set.of("hot", "far"), first);
            Image coldOnly = cold.image("team/cold", "1.0");
            assertEquals(200, mirror.get(coldOnly.path()).status());
        }
    }

    @Test
    void byClientAsksAsTheClientsNetworkSays() {
        Image image = everywhere("library/app");
        Image hotOnly = hot.image("library/hot", "1.0");
        try (TestMirror mirror = start("MIRROR_STRATEGY", "by-client", "MIRROR_SERVER_TRUSTED_PROXIES", "127.0.0.1",
                "MIRROR_STRATEGY_BY_CLIENT_NETWORKS", "10.1.0.0/16: far hot; 10.2.0.0/16: cold; fd00::/8: far")) {
            assertEquals("far", pull(mirror, image, "X-Forwarded-For", "10.1.0.1"));
            assertEquals("cold", pull(mirror, image, "X-Forwarded-For", "10.2.0.1"));
            assertEquals("far", pull(mirror, image, "X-Forwarded-For", "fd00::7"));
            assertEquals("hot", pull(mirror, image, "X-Forwarded-For", "10.3.0.1"));
            assertEquals("hot", pull(mirror, image));
            assertEquals(200, mirror.get(hotOnly.path(), "X-Forwarded-For", "10.1.0.1").status());
            assertEquals(404, mirror.get(hotOnly.path(), "X-Forwarded-For", "10.2.0.1").status());
        }
    }

    @Test
    void aServedNamespaceLimitsEachStrategy() {
        far.image("org/app", "1.0");
        cold.image("org/app", "1.0");
        Image image = hot.image("org/app", "1.0");
        for (String[] strategy : new String[][] {{"MIRROR_STRATEGY", "fastest"}, {"MIRROR_STRATEGY", "weighted", "MIRROR_STRATEGY_WEIGHTED_SHARES", "hot=9, cold=1"},
            {"MIRROR_STRATEGY", "by-client", "MIRROR_STRATEGY_BY_CLIENT_NETWORKS", "0.0.0.0/0: hot cold"}}) {
            List<String> settings = new ArrayList<>(List.of("FAR_SERVES", "ghcr.io"));
            settings.addAll(List.of(strategy));
            try (TestMirror mirror = start(settings.toArray(String[]::new))) {
                forget();
                assertEquals(200, mirror.get(image.path() + "?ns=ghcr.io").status());
                assertEquals("far", asked(), strategy[1]);
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "weighted | MIRROR_STRATEGY_WEIGHTED_SHARES | hot=1, hut=2 | mirror.strategy.weighted.shares=hot=1, hut=2 cannot work: there is no registry hut, only hot, cold",
        "ordered | MIRROR_STRATEGY_WEIGHTED_SHARES | hot=0 | mirror.strategy.weighted.shares=hot=0 cannot work: at least one share has to be above 0",
        "weighted | MIRROR_STRATEGY_WEIGHTED_SHARES | '' | mirror.strategy.weighted.shares=(empty) cannot work: mirror.strategy=weighted needs it, such as hot=90, cold=10",
        "by-client | MIRROR_STRATEGY_BY_CLIENT_NETWORKS | '' | mirror.strategy.by-client.networks=(empty) cannot work: mirror.strategy=by-client needs it, such as 10.1.0.0/16: hot cold",
        "by-client | MIRROR_STRATEGY_BY_CLIENT_NETWORKS | 10.0.0.0: hut | mirror.strategy.by-client.networks=10.0.0.0: hut cannot work: there is no registry hut, only hot, cold",
        "quickest | MIRROR_STRATEGY_WEIGHTED_SHARES | '' | mirror.strategy=quickest cannot work: there is no strategy of that name; there are by-client, fastest, ordered, weighted"})
    void refusesSettingsThatCannotWork(String strategy, String variable, String value, String line) throws Exception {
        Map<String, String> environment = Map.of("MIRROR_REGISTRY_COLD_URL", cold.url(), "MIRROR_STRATEGY", strategy, variable, value,
                "MIRROR_SERVER_PORT", String.valueOf(TestMirror.freePort()), "MIRROR_MANAGEMENT_PORT", String.valueOf(TestMirror.freePort()));
        // With the routes that the program carries, with the same in a folder, and with others.
        for (String folder : List.of("carried", "same", "edited")) {
            Path here = Files.createDirectories(directory.resolve(folder));
            if (!folder.equals("carried")) {
                Path routes = TestRoutes.copyTo(here);
                if (folder.equals("edited")) {
                    Files.writeString(routes.resolve("tags.camel.yaml"), Files.readString(routes.resolve("tags.camel.yaml")) + "# edited\n");
                }
            }
            assertEquals(List.of(line), Check.run(here, environment).faults(), folder);
            String message = assertThrows(IllegalArgumentException.class, () -> TestMirror.startIn(here, environment.entrySet().stream()
                    .flatMap(setting -> Stream.of(setting.getKey(), setting.getValue())).toArray(String[]::new)).close()).getCause().getMessage();
            assertEquals(line, message, folder);
        }
    }

    @Test
    void aRouteOfAFileIsAStrategyToo() throws Exception {
        Path routes = TestRoutes.copyTo(directory);
        Files.writeString(routes.resolve("mine.camel.yaml"), """
                - route:
                    id: mine
                    from:
                      uri: direct:strategy-mine
                      steps:
                        - bean:
                            ref: plan
                            method: ask('far')
                """);
        Image image = everywhere("library/app");
        try (TestMirror mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url(), "FAR_URL", far.url(), "MIRROR_STRATEGY", "mine")) {
            assertEquals("far", pull(mirror, image));
        }
    }
}
