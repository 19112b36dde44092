package io.mirrorregistry;

import static io.mirrorregistry.PagePatches.await;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import at.favre.lib.crypto.bcrypt.BCrypt;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.PushRegistry;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.StringReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The examples of docs/push.md as they stand there, and what the page says of settings and errors. */
class PushPageTest {

    private static final PagePatches PAGE = new PagePatches(Path.of("docs/push.md"), "push-.*");
    /** What differs from one refusal to the next. */
    private static final Pattern VALUES = Pattern.compile("\\bbob\\b|\\bpush\\b|docker\\.io|\\b1\\.0\\b|\\b4194304\\b|GET, HEAD, PUT");

    private static final String TYPE = "application/vnd.oci.image.manifest.v1+json";
    private static final String PASSWORD = "a password";

    @TempDir
    private Path directory;
    /** Takes pushes. */
    private final PushRegistry hot = PushRegistry.start().withoutChecks();
    private final PushRegistry cold = PushRegistry.start().withoutChecks();
    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
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

    private void write(String name, String text) throws IOException {
        Files.writeString(directory.resolve(name), text);
    }

    @Test
    void thePageShowsEachPatchAsItStands() throws Exception {
        PAGE.requireShown(3);
    }

    @ParameterizedTest
    @MethodSource("patches")
    void eachEditAddsAtMostTenLinesToThePushRoute(Path patch) throws Exception {
        PagePatches.requireShort(patch, "routes/push.camel.yaml");
        assertEquals(0, Files.readAllLines(patch).stream().filter(line -> line.startsWith("-") && !line.startsWith("---")).count());
    }

    @ParameterizedTest
    @MethodSource("patches")
    void eachEditIsSound(Path patch) throws Exception {
        prepare();
        assertEquals(List.of(), Check.run(directory, settings()).faults());
        PagePatches.apply(directory, patch.getFileName().toString());
        assertEquals(List.of(), Check.run(directory, settings()).faults());
    }

    /** Makes a folder with the routes of this repository, and users who may do everything. */
    private void prepare() throws IOException {
        TestRoutes.copyTo(directory);
        write("access.yaml", "users: users.htpasswd\nrules: [{who: users, repositories: \"**\", may: [pull, push, delete]}]\n");
        String hash = BCrypt.with(BCrypt.Version.VERSION_2Y).hashToString(4, PASSWORD.toCharArray());
        write("users.htpasswd", "alice:" + hash + "\nci:" + hash + "\n");
    }

    private Map<String, String> settings() {
        return Map.of("MIRROR_REGISTRY_HOT_URL", hot.url(), "MIRROR_REGISTRY_COLD_URL", cold.url(), "MIRROR_PUSH_REGISTRY", "hot", "MIRROR_PUSH_DELETE", "true",
                "MIRROR_ACCESS_FILE", "access.yaml", "MIRROR_SECRET", "a secret of the tests", "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms");
    }

    private void launch() throws IOException {
        prepare();
        mirror = TestMirror.startIn(directory, settings().entrySet().stream().flatMap(setting -> Stream.of(setting.getKey(), setting.getValue())).toArray(String[]::new));
    }

    private HttpResponse<String> send(String user, String method, String path, byte[] body) {
        HttpRequest request = HttpRequest.newBuilder(URI.create(mirror.url() + path)).method(method, HttpRequest.BodyPublishers.ofByteArray(body))
                .header("Authorization", "Basic " + Base64.getEncoder().encodeToString((user + ":" + PASSWORD).getBytes(StandardCharsets.UTF_8)))
                .header("Content-Type", TYPE).build();
        try {
            return http.send(request, HttpResponse.BodyHandlers.ofString());
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(method + " " + path, e);
        }
    }

    private HttpResponse<String> put(String user, String name, byte[] manifest) {
        return send(user, "PUT", "/v2/" + name.replaceFirst(":", "/manifests/"), manifest);
    }

    private HttpResponse<String> get(String name) {
        return send("alice", "GET", "/v2/" + name.replaceFirst(":", "/manifests/"), new byte[0]);
    }

    /** Returns a manifest that differs from those with another number. */
    private static byte[] manifest(int number) {
        return new JsonObject().put("schemaVersion", 2).put("mediaType", TYPE).put("layers", new JsonArray()).put("annotations", new JsonObject().put("number", "" + number))
                .toBuffer().getBytes();
    }

    private static String digest(byte[] manifest) {
        return Digest.ofSha256(manifest).value();
    }

    private static void assertDenied(String message, String detail, HttpResponse<String> response) {
        assertEquals(403, response.statusCode(), response::body);
        JsonObject error = new JsonObject(response.body()).getJsonArray("errors").getJsonObject(0);
        assertEquals(List.of("DENIED", message, detail), List.of(error.getString("code"), error.getString("message"), error.getString("detail")));
    }

    @Test
    void sendsOnePrefixToAnotherRegistry() throws Exception {
        launch();
        byte[] layer = PushRegistry.bytes(1000, 1);
        PagePatches.apply(directory, "push-prefix.patch");
        PagePatches.apply(directory, "prefix-to-one-registry.patch");
        await(() -> put("alice", "team-a/app:1", manifest(1)).statusCode() == 201 && cold.manifest("app", "1") != null);
        // The edit of the plan file takes effect later; hot has not got this one.
        assertEquals(201, put("alice", "team-a/app:3", manifest(3)).statusCode());
        await(() -> get("team-a/app:3").statusCode() == 200);
        hot.forget();
        cold.forget();
        HttpResponse<String> begun = send("alice", "POST", "/v2/team-a/app/blobs/uploads/", new byte[0]);
        String upload = begun.headers().firstValue("Location").orElseThrow();
        assertEquals(201, send("alice", "PUT", upload + "?digest=" + digest(layer), layer).statusCode());
        assertArrayEquals(layer, cold.blob("app", digest(layer)));
        assertEquals(201, put("alice", "team-a/app:2", manifest(2)).statusCode());
        assertArrayEquals(manifest(2), cold.manifest("app", "2"));
        assertEquals(new String(manifest(2), StandardCharsets.UTF_8), get("team-a/app:2").body());
        assertEquals(List.of(), hot.asked());

        assertEquals(201, put("alice", "team-b/app:1", manifest(1)).statusCode());
        assertArrayEquals(manifest(1), hot.manifest("team-b/app", "1"));
    }

    @Test
    void keepsTags() throws Exception {
        launch();
        assertEquals(201, put("alice", "team/app:1.0", manifest(1)).statusCode());
        PagePatches.apply(directory, "push-kept-tags.patch");
        await(() -> send("alice", "DELETE", "/v2/team/app/manifests/9.9", new byte[0]).statusCode() == 403);
        assertDenied("The tag 1.0 may not be overwritten.", digest(manifest(1)), put("alice", "team/app:1.0", manifest(2)));
        assertDenied("The tag 1.0 may not be overwritten.", digest(manifest(1)), put("alice", "team/app:" + digest(manifest(2)) + "?tag=1.0", manifest(2)));
        assertArrayEquals(manifest(1), hot.manifest("team/app", "1.0"));
        assertEquals(201, put("alice", "team/app:1.0", manifest(1)).statusCode());
        for (String tag : List.of("v2", "1.2.3")) {
            assertEquals(201, put("alice", "team/app:" + tag, manifest(1)).statusCode());
            assertEquals(403, put("alice", "team/app:" + tag, manifest(2)).statusCode());
        }
        for (String tag : List.of("latest", "1.0-rc")) {
            assertEquals(201, put("alice", "team/app:" + tag, manifest(1)).statusCode());
            assertEquals(201, put("alice", "team/app:" + tag, manifest(2)).statusCode());
            assertArrayEquals(manifest(2), hot.manifest("team/app", tag));
        }
        assertDenied("The tag 1.0 may not be deleted.", "1.0", send("alice", "DELETE", "/v2/team/app/manifests/1.0", new byte[0]));
        // The page says so.
        assertEquals(202, send("alice", "DELETE", "/v2/team/app/manifests/" + digest(manifest(1)), new byte[0]).statusCode());
    }

    @Test
    void refusesAPush() throws Exception {
        launch();
        assertEquals(201, put("alice", "team/app:latest", manifest(1)).statusCode());
        PagePatches.apply(directory, "push-refused.patch");
        await(() -> put("alice", "team/app:latest", manifest(1)).statusCode() == 403);
        hot.forget();
        assertDenied("This mirror does not take this push.", "team/app", put("alice", "team/app:latest", manifest(2)));
        assertEquals(403, put("alice", "team/app:" + digest(manifest(2)) + "?tag=1&tag=latest", manifest(2)).statusCode());
        assertEquals(403, send("alice", "DELETE", "/v2/team/app/manifests/latest", new byte[0]).statusCode());
        assertEquals(List.of(), hot.asked());
        assertEquals(201, put("alice", "team/app:latest-2", manifest(2)).statusCode());
        assertEquals(201, put("ci", "team/app:latest", manifest(2)).statusCode());
        assertArrayEquals(manifest(2), hot.manifest("team/app", "latest"));
    }

    /** All files of the first push as the page has them; only the secret and the user are made by commands. */
    @Test
    void theFirstPushWorks() throws Exception {
        prepare();
        write("application.properties", PAGE.block("2. Write `application.properties`:", "properties"));
        write("access.yaml", PAGE.block("3. Write `access.yaml`.", "yaml"));
        write("mirror.secret", "0123456789abcdef0123456789abcdef\n");
        Check.Findings found = Check.run(directory, Map.of());
        assertEquals(List.of(), found.faults());
        assertEquals(List.of(), found.warnings());
        mirror = TestMirror.startIn(directory, "OWN_URL", hot.url(), "HOT_URL", cold.url());
        assertEquals(201, put("alice", "team/app:1", manifest(1)).statusCode());
        assertEquals(201, put("alice", "alice/app:1", manifest(1)).statusCode());
        assertDenied("alice may not push in this repository.", "other/app", put("alice", "other/app:1", manifest(1)));
        assertArrayEquals(manifest(1), hot.manifest("team/app", "1"));
        assertEquals(new String(manifest(1), StandardCharsets.UTF_8), get("team/app:1").body());
        assertEquals(List.of(), cold.calls().stream().filter(call -> !call.target().equals("/v2/")).toList());
    }

    @Test
    void theThreeSettingsAreThoseOfTheFirstPush() throws Exception {
        Properties first = properties(PAGE.block("Three settings change that:", "properties"));
        Properties all = properties(PAGE.block("2. Write `application.properties`:", "properties"));
        assertEquals(3, first.size());
        assertTrue(all.entrySet().containsAll(first.entrySet()), all.toString());
    }

    private static Properties properties(String text) throws IOException {
        Properties properties = new Properties();
        properties.load(new StringReader(text));
        return properties;
    }

    @Test
    void theDefaultsOfTheLimitsAreTrue() throws Exception {
        Properties defaults = properties(Files.readString(Path.of("application.properties")));
        Matcher row = Pattern.compile("(?m)^\\| `(mirror\\.push\\.\\S+)` \\| `(\\S+)` \\|").matcher(page());
        int rows = 0;
        for (; row.find(); rows++) {
            assertEquals(defaults.getProperty(row.group(1)), row.group(2), row.group(1));
        }
        assertEquals(4, rows);
    }

    /**
     * The mirror's sentences in the table of refusals are true. AnswerStep has sentences for pulls and for pushes, so those have to come in responses; the
     * others have to be in another source.
     */
    @Test
    void theSentencesOfTheRefusalsAreTrue() throws Exception {
        StringBuilder sources = new StringBuilder(responsesToPushes());
        try (Stream<Path> files = Files.walk(Path.of("src/main/java"))) {
            for (Path file : files.filter(path -> path.toString().endsWith(".java") && !path.endsWith("AnswerStep.java")).toList()) {
                sources.append(Files.readString(file));
            }
        }
        String text = sources.toString().replaceAll("\"\\s*\\+\\s*\"", "");
        List<String> sentences = page().lines().filter(line -> line.matches("\\| [45][0-9]{2} .*")).map(line -> line.split("\\|")[2])
                .flatMap(cell -> Pattern.compile("`([A-Z][^`]* [^`]*|bob [^`]*)`").matcher(cell).results().map(found -> found.group(1)))
                .filter(sentence -> !sentence.startsWith("413 ")).toList();
        assertTrue(sentences.size() > 12, sentences.toString());
        for (String sentence : sentences) {
            for (String part : VALUES.split(sentence)) {
                assertTrue(text.contains(part.strip()), () -> "nothing says: " + sentence);
            }
        }
    }

    /** Returns the responses to pushes that a route refuses, that the registry's trouble fails, and that the registry or a proxy before it refuses. */
    private String responsesToPushes() throws Exception {
        launch();
        List<HttpResponse<String>> responses = new ArrayList<>();
        hot.next("PUT", 429, Map.of("Retry-After", "7"), "");
        responses.add(put("alice", "team/app:1", manifest(1)));
        assertEquals("7", responses.get(0).headers().firstValue("Retry-After").orElseThrow());
        hot.next("PUT", 413, Map.of("Content-Type", "text/html"), "<html>413 Request Entity Too Large</html>");
        responses.add(put("alice", "team/app:1", manifest(1)));
        PagePatches.apply(directory, "push-refused.patch");
        await(() -> put("alice", "team/app:latest", manifest(1)).statusCode() == 403);
        responses.add(put("alice", "team/app:latest", manifest(1)));
        hot.close();
        responses.add(put("alice", "team/app:1", manifest(1)));
        String page = page();
        StringBuilder text = new StringBuilder();
        for (HttpResponse<String> response : responses) {
            JsonObject error = new JsonObject(response.body()).getJsonArray("errors").getJsonObject(0);
            String row = "| " + response.statusCode() + " `" + error.getString("code") + "` | `" + error.getString("message") + "` |";
            assertTrue(page.contains(row), () -> "docs/push.md has no row " + row);
            text.append(response.body());
        }
        return text.toString();
    }
}
