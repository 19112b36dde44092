package io.mirrorregistry;

import static io.mirrorregistry.PagePatches.await;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import at.favre.lib.crypto.bcrypt.BCrypt;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.PushRegistry;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.warm.list.WarmFile;
import io.mirrorregistry.warm.queue.State;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The examples of docs/warming.md as they stand there, and what the page says of states, metrics and requests. */
class WarmingPageTest {

    private static final PagePatches PAGE = new PagePatches(Path.of("docs/warming.md"), "warm-.*\\.patch");
    private static final String PASSWORD = "a password";

    @TempDir
    private Path directory;
    private final PushRegistry hot = PushRegistry.start();
    private final TestRegistry cold = TestRegistry.start("cold");
    private TestMirror mirror;

    @AfterEach
    void stop() {
        if (mirror != null) {
            mirror.close();
        }
        hot.close();
        cold.close();
    }

    static List<Path> patches() throws IOException {
        return PAGE.patches();
    }

    private static String page() {
        return PAGE.text();
    }

    private Map<String, String> settings() {
        return Map.of("MIRROR_REGISTRY_HOT_URL", hot.url(), "MIRROR_REGISTRY_COLD_URL", cold.url(), "MIRROR_WARM_TO", "hot", "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms");
    }

    private void launch(String... more) throws IOException {
        TestRoutes.copyTo(directory);
        Map<String, String> all = new HashMap<>(settings());
        for (int i = 0; i < more.length; i += 2) {
            all.put(more[i], more[i + 1]);
        }
        mirror = TestMirror.startIn(directory, all.entrySet().stream().flatMap(setting -> Stream.of(setting.getKey(), setting.getValue())).toArray(String[]::new));
    }

    private void applyWhileItRuns(String patch) throws Exception {
        PagePatches.apply(directory, patch);
        await(() -> mirror.management("/observe/metrics").text().contains("mirror_route_changes_total{result=\"changed\"} 1.0"));
        assertEquals(List.of(), Check.run(directory, settings()).faults());
    }

    private static String[] login(String user) {
        return new String[] {"Authorization", "Basic " + Base64.getEncoder().encodeToString((user + ":" + PASSWORD).getBytes(StandardCharsets.UTF_8))};
    }

    private void pull(Image image, String... headers) {
        assertEquals(200, mirror.get(image.path(), headers).status());
    }

    private void awaitCopy(Image image) throws InterruptedException {
        await(() -> hot.manifest(image.name(), image.tag()) != null);
        assertArrayEquals(image.manifest(), hot.manifest(image.name(), image.tag()));
    }

    private long count(String state) {
        return new JsonObject(mirror.management("/warm").text()).getJsonObject("counts").getLong(state);
    }

    /** Returns how many images were queued. What was handed over earlier was queued earlier. */
    private long queued() {
        return Arrays.stream(State.values()).mapToLong(state -> count(state.label())).sum();
    }

    @Test
    void thePageShowsEachPatchAsItStands() throws Exception {
        PAGE.requireShown(2);
    }

    @ParameterizedTest
    @MethodSource("patches")
    void eachPatchAddsAtMostTenLines(Path patch) throws Exception {
        PagePatches.requireShort(patch, "routes/warm.camel.yaml");
    }

    @ParameterizedTest
    @MethodSource("patches")
    void thePatchedRoutePassesTheCheck(Path patch) throws Exception {
        TestRoutes.copyTo(directory);
        assertEquals(List.of(), Check.run(directory, settings()).faults());
        PagePatches.apply(directory, patch.getFileName().toString());
        assertEquals(List.of(), Check.run(directory, settings()).faults());
    }

    @Test
    void leavesOutLatestAndScratch() throws Exception {
        Image before = cold.image("team/before", "latest");
        launch();
        pull(before);
        awaitCopy(before);
        applyWhileItRuns("warm-no-latest.patch");

        pull(cold.image("team/app", "latest"));
        pull(cold.image("scratch/app", "1"));
        // As containerd pulls: the page says that the image is copied without the tag.
        Image resolved = cold.image("team/resolved", "latest");
        assertEquals(200, mirror.head(resolved.path()).status());
        assertEquals(200, mirror.get(resolved.pathByDigest()).status());
        Image copied = cold.image("team/app", "latest-2");
        pull(copied);

        awaitCopy(copied);
        await(() -> count("done") == 3);
        assertEquals(3, queued());
        assertArrayEquals(resolved.manifest(), hot.manifest("team/resolved", resolved.digest().value()));
        assertNull(hot.manifest("team/resolved", "latest"));
        assertNull(hot.manifest("team/app", "latest"));
        assertNull(hot.manifest("scratch/app", "1"));
    }

    @Test
    void copiesOnlyImagesThatDeployPulls() throws Exception {
        Files.writeString(directory.resolve("access.yaml"), "users: users.htpasswd\nrules: [{who: users, repositories: \"**\", may: [pull]}]\n");
        String hash = BCrypt.with(BCrypt.Version.VERSION_2Y).hashToString(4, PASSWORD.toCharArray());
        Files.writeString(directory.resolve("users.htpasswd"), "alice:" + hash + "\ndeploy:" + hash + "\n");
        launch("MIRROR_ACCESS_FILE", "access.yaml", "MIRROR_SECRET", "a secret of the tests");
        Image before = cold.image("team/before", "1");
        pull(before, login("alice"));
        awaitCopy(before);
        applyWhileItRuns("warm-users.patch");

        pull(cold.image("team/tried", "1"), login("alice"));
        Image deployed = cold.image("team/app", "1");
        pull(deployed, login("deploy"));

        awaitCopy(deployed);
        assertEquals(2, queued());
        assertNull(hot.manifest("team/tried", "1"));
    }

    @Test
    void theThreeSettingsCopyAPulledImage() throws Exception {
        String three = PAGE.block("# Warming", "properties");
        assertEquals(3, three.lines().count());
        TestRoutes.copyTo(directory);
        Files.writeString(directory.resolve("application.properties"), three);
        Files.writeString(directory.resolve("hot.password"), "sesame\n");
        hot.requireBasic("Basic " + Base64.getEncoder().encodeToString("mirror:sesame".getBytes(StandardCharsets.UTF_8)));
        Check.Findings found = Check.run(directory, Map.of("MIRROR_REGISTRY_HOT_URL", hot.url(), "MIRROR_REGISTRY_COLD_URL", cold.url()));
        assertEquals(List.of(), found.faults());
        assertEquals(List.of(), found.warnings());
        mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url());

        Image image = cold.image("team/app", "1");
        pull(image);

        awaitCopy(image);
        assertTrue(Files.exists(directory.resolve("data/mirror.mv.db")), "the database is where the page says");
    }

    /** What the page says of the namespaces of a destination. */
    @ParameterizedTest
    @CsvSource({"'near, hub', true", "near, false"})
    void theExampleOfNamesStarts(String plan, boolean works) throws Exception {
        String example = PAGE.block("### Names at the destination", "properties");
        assertTrue(example.contains("mirror.plan=near, hub\n"), example);
        TestRoutes.copyTo(directory);
        Files.writeString(directory.resolve("application.properties"), example);
        Files.writeString(directory.resolve("near.password"), "sesame\n");
        Check.Findings found = Check.run(directory, Map.of("MIRROR_PLAN", plan));
        assertEquals(works, found.faults().isEmpty(), found.faults().toString());
        assertTrue(works || found.faults().get(0).startsWith("mirror.warm.to=near cannot work: pulls ask it for images"), found.faults().toString());
        assertEquals(List.of(), found.warnings());
    }

    @Test
    void thePageHasTheMembersOfTheOverview() throws Exception {
        launch();
        String table = page().substring(page().indexOf("shows the queue:\n"), page().indexOf("\n### Reasons of failures\n"));
        JsonObject overview = new JsonObject(mirror.management("/warm").text());
        overview.fieldNames().stream().filter(member -> !member.equals("time")).forEach(member -> assertTrue(table.contains("`" + member + "`"), member));
    }

    @Test
    void refusesAHostNameThatNoRegistryServes() throws Exception {
        launch();
        String asked = run("curl -s -X POST -H 'Content-Type: application/json' -d '{\"image\":\"docker.io/library/nginx\"}' localhost:9000/warm");
        assertTrue(asked.contains("No registry serves docker.io, so that pulls of it would get other images"), asked);
        cold.image("team/app", "1");
        assertTrue(run("curl -s -X POST -H 'Content-Type: application/json' -d '{\"image\":\"localhost:5000/team/app:1\"}' localhost:9000/warm")
                .contains("\"image\":\"team/app:1\""));
    }

    @Test
    void theListsHaveNoFaults() throws Exception {
        List<String> faults = new ArrayList<>();
        List<String> warnings = new ArrayList<>();
        for (String text : List.of(PAGE.block("### Images that lists name", "yaml"), Files.readString(PagePatches.EXAMPLES.resolve("warm.yaml")))) {
            WarmFile.check(Files.writeString(directory.resolve("warm.yaml"), text), faults, warnings);
        }
        assertEquals(List.of(), faults);
        assertEquals(List.of(), warnings);
    }

    /** The request of the page is accepted by the management port. */
    @Test
    void theRequestForAnImageIsAccepted() throws Exception {
        Image image = cold.image("team/app", "1");
        launch();
        Matcher request = Pattern.compile("curl -X POST -H '([^:]+): ([^']+)' -d '([^']+)' localhost:9000(/\\S+)").matcher(page());
        assertTrue(request.find());
        HttpResponse<String> asked = HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + mirror.managementPort() + request.group(4)))
                .header(request.group(1), request.group(2)).POST(HttpRequest.BodyPublishers.ofString(request.group(3))).build(), HttpResponse.BodyHandlers.ofString());
        assertEquals(202, asked.statusCode(), asked.body());
        assertEquals(1, new JsonObject(asked.body()).getLong("id"));
        awaitCopy(image);
        assertEquals(200, mirror.management("/warm/1").status());
    }

    @Test
    void theItemHasTheMembersOfTheProgram() throws Exception {
        launch();
        pull(cold.image("team/app", "1"));
        await(() -> count("done") == 1);
        JsonObject item = new JsonObject(mirror.management("/warm/1").text());
        assertEquals(item.fieldNames(), new JsonObject(PAGE.block("### An item", "json")).fieldNames());
        String members = page().substring(page().indexOf("\n### An item\n"), page().indexOf("\n### Reasons of failures\n"));
        for (String member : item.fieldNames()) {
            assertTrue(members.contains("\"" + member + "\""), member);
        }
        assertEquals(List.of("away", "denied", "digest", "internal", "moved", "not-found", "protocol", "refused", "throttled", "trouble", "undefined", "unsupported"),
                firstCells("### Reasons of failures"));
    }

    /** Runs a command of the page against the mirror of the test. */
    private String run(String command) throws Exception {
        Process shell = new ProcessBuilder("sh", "-e", "-c", command.replace("localhost:9000", "127.0.0.1:" + mirror.managementPort())).redirectErrorStream(true).start();
        String output = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, shell.waitFor(), output);
        return output;
    }

    @Test
    void theLoopsQueueFailedItemsAgainAndCancelWaitingOnes() throws Exception {
        assumeTrue(Stream.of("jq", "curl").allMatch(tool -> Stream.of("/usr/bin", "/bin", "/usr/local/bin").anyMatch(folder -> Files.exists(Path.of(folder, tool)))));
        launch();
        run("curl -s -X POST -H 'Content-Type: application/json' -d '{\"image\":\"team/app:1\",\"platforms\":[\"linux/amd64\"]}' localhost:9000/warm");
        await(() -> count("failed") == 1);
        Image image = cold.image("team/app", "1");
        String queued = run(PAGE.block("To queue the failed and partial items again", "sh"));
        assertTrue(queued.matches("1 [a-z]+\n"), queued);
        awaitCopy(image);
        await(() -> count("done") == 1);
        assertEquals("", run(PAGE.block("To queue the failed and partial items again", "sh")));

        cold.close();
        run("for tag in a b; do curl -s -X POST -H 'Content-Type: application/json' -d '{\"image\":\"team/other:'$tag'\"}' localhost:9000/warm; done");
        await(() -> count("waiting") == 2);
        assertEquals("2 cancelled\n3 cancelled\n", run(PAGE.block("To cancel all waiting items", "sh")).lines().sorted().map(line -> line + "\n").collect(Collectors.joining()));
        assertEquals(2, count("cancelled"));
    }

    @Test
    void theTableOfAlertsHasThoseOfTheRules() throws Exception {
        String rules = Files.readString(Path.of("deploy/prometheus/mirror-registry.rules.yml"));
        List<String> alerts = Pattern.compile("- alert: (\\S+)\\n(?:(?!- alert).)*?mirror_warm_", Pattern.DOTALL).matcher(rules).results().map(found -> found.group(1)).sorted().toList();
        assertEquals(alerts, firstCells("### At an alert"));
        assertEquals(alerts.size(), rules.split("docs/warming\\.md", -1).length - 1, "each of them names the page");
    }

    @Test
    void theTablesHaveAllStatesAndMetrics() throws Exception {
        launch();
        pull(cold.image("team/app", "1"));
        await(() -> hot.manifest("team/app", "1") != null);
        assertEquals(Arrays.stream(State.values()).map(State::label).sorted().toList(), firstCells("## States of an item"));
        String metrics = mirror.management("/observe/metrics").text();
        List<String> told = firstCells("## Watching").stream().filter(cell -> cell.startsWith("mirror_")).map(cell -> cell.replaceFirst("\\{.*", "")).toList();
        assertEquals(6, told.size());
        for (String metric : told) {
            // A failure counts from the first one on.
            assertTrue(metrics.contains("\n" + metric) || metric.equals("mirror_warm_failures_total"), metric);
        }
    }

    /** Returns the first cells of the first table after a heading, in order, without backticks. */
    private static List<String> firstCells(String heading) {
        int begin = page().indexOf("\n" + heading + "\n");
        assertTrue(begin >= 0, heading);
        return page().substring(begin).lines().dropWhile(line -> !line.startsWith("|")).takeWhile(line -> line.startsWith("|")).skip(2)
                .map(line -> line.split("\\|")[1].strip().replace("`", "")).sorted().toList();
    }

    /** Sentences that the page quotes from logs and responses are those of the program. */
    @Test
    void theProgramHasTheQuotedSentences() throws Exception {
        StringBuilder sources = new StringBuilder();
        try (Stream<Path> files = Files.walk(Path.of("src/main/java"))) {
            for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
                sources.append(Files.readString(file));
            }
        }
        String text = sources.toString().replaceAll("\"\\s*\\+\\s*\"", "");
        List<String> sentences = Pattern.compile("(?m)^\\| `([A-Z][^`]*)`[^|]*\\|")
                .matcher(page().substring(page().indexOf("\n## If it does not work\n"))).results().map(found -> found.group(1)).toList();
        assertTrue(sentences.size() >= 12, sentences.toString());
        for (String sentence : sentences) {
            for (String part : sentence.split("team/app|docker\\.io|\\bhot\\b|\\bcold\\b|/opt\\S*|sha256:|[0-9]+|(?<=to the) | (?=in )| (?=the blob)")) {
                assertTrue(text.contains(part.strip()), () -> "nothing says: " + sentence);
            }
        }
    }

    @Test
    void quotesTheSentenceOfARefusedUpload() throws Exception {
        Image image = cold.image("team/app", "1");
        launch();
        hot.next("POST", 403, Map.of(), "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no push\"}]}");
        pull(image);
        // A registry that refuses once may do so for another reason: the second attempt succeeds.
        await(() -> mirror.management("/warm").text().contains("Registry hot responded 403 to the POST of an upload in team/app: DENIED no push"));
        assertTrue(page().contains("| `Registry hot responded 403 to the POST of an upload in team/app` |"));
        awaitCopy(image);
    }

    @Test
    void theDefaultsAreThoseOfTheSettings() throws Exception {
        Map<String, String> defaults = new HashMap<>();
        Files.readAllLines(Path.of("application.properties")).stream().filter(line -> line.startsWith("mirror.")).forEach(line -> defaults.put(line.split("=", 2)[0], line.split("=", 2)[1]));
        List<MatchResult> told = Pattern.compile("\\*\\*`(mirror\\.(?:warm|store)\\.[a-z]+)=([^`]*)`\\*\\*, the default").matcher(page()).results().toList();
        assertTrue(told.size() >= 3, told.toString());
        for (MatchResult setting : told) {
            assertEquals(defaults.get(setting.group(1)), setting.group(2), setting.group(1));
        }
    }
}
