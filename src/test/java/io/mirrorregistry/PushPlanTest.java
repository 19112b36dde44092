package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import at.favre.lib.crypto.bcrypt.BCrypt;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.PushRegistry;
import java.io.IOException;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where pushes and mounts go if the plan of pulls, or the namespaces, say something else. */
class PushPlanTest {

    private static final String TYPE = "application/vnd.oci.image.manifest.v1+json";
    private static final byte[] MANIFEST = ("{\"schemaVersion\":2,\"mediaType\":\"" + TYPE + "\",\"layers\":[]}").getBytes(StandardCharsets.UTF_8);
    private static final byte[] LAYER = PushRegistry.bytes(1000, 1);

    @TempDir
    private Path directory;
    private Path routes;
    private final PushRegistry hot = PushRegistry.start();
    private final PushRegistry cold = PushRegistry.start();
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

    private void start(String rules, String patch, String... more) throws Exception {
        routes = TestRoutes.copyTo(directory);
        if (patch != null) {
            Process process = new ProcessBuilder("patch", "-p1", "--fuzz=0").directory(directory.toFile())
                    .redirectInput(Path.of("docs/examples", patch).toAbsolutePath().toFile()).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertEquals(0, process.waitFor(), output);
        }
        launch(rules, more);
    }

    private void launch(String rules, String... more) throws IOException {
        Files.writeString(directory.resolve("access.yaml"), "users: users.htpasswd\nrules: [" + rules + "]\n");
        Files.writeString(directory.resolve("users.htpasswd"), "alice:" + BCrypt.with(BCrypt.Version.VERSION_2Y).hashToString(4, "password".toCharArray()) + "\n");
        List<String> all = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_ACCESS_FILE", directory.resolve("access.yaml").toString(),
                "MIRROR_SECRET", "a secret of the tests"));
        all.addAll(List.of(more));
        mirror = TestMirror.startIn(directory, all.toArray(String[]::new));
    }

    private static String rule(String repositories, String may) {
        return "{who: \"user:alice\", repositories: \"" + repositories + "\", may: [" + may + "]}";
    }

    private HttpResponse<String> send(String method, String path, byte[] body) throws Exception {
        return http.send(HttpRequest.newBuilder(URI.create(mirror.url() + path)).method(method, HttpRequest.BodyPublishers.ofByteArray(body)).header("Content-Type", TYPE)
                .header("Authorization", "Basic " + Base64.getEncoder().encodeToString("alice:password".getBytes(StandardCharsets.UTF_8))).build(),
                HttpResponse.BodyHandlers.ofString());
    }

    private void assertStatus(int status, String method, String path, byte[] body) throws Exception {
        HttpResponse<String> response = send(method, path, body);
        assertEquals(status, response.statusCode(), () -> method + " " + path + ": " + response.headers().map() + " " + response.body());
    }

    /** Whoever may push to team-a/app may not push to app. */
    @Test
    void aNameThatThePlanFileChangesIsNotThatOfAPush() throws Exception {
        start(rule("team-a/**", "pull, push"), "prefix-to-one-registry.patch", "MIRROR_PUSH_REGISTRY", "hot");
        assertStatus(201, "PUT", "/v2/team-a/app/manifests/1", MANIFEST);
        assertArrayEquals(MANIFEST, hot.manifest("team-a/app", "1"));
        assertNull(hot.manifest("app", "1"));
        assertStatus(202, "POST", "/v2/team-a/app/blobs/uploads/", new byte[0]);
        assertEquals(List.of("PUT /v2/team-a/app/manifests/1", "POST /v2/team-a/app/blobs/uploads/"), hot.asked());
        assertEquals(List.of(), cold.asked());
    }

    /** The plan file names registries of pulls; only the route push-target decides about pushes. */
    @Test
    void aPlanForPullsDoesNotRefuseAPush() throws Exception {
        start(rule("**", "pull, push"), "latest-from-cold.patch", "HOT_SERVES", "docker.io", "MIRROR_PUSH_REGISTRY", "hot");
        assertStatus(201, "PUT", "/v2/docker.io/team/app/manifests/latest", MANIFEST);
        assertArrayEquals(MANIFEST, hot.manifest("team/app", "latest"));
    }

    private static String mount(String repository, String from, String more) {
        return "/v2/" + repository + "/blobs/uploads/?mount=" + Digest.ofSha256(LAYER) + "&from=" + from + more;
    }

    /** The rules know cold's repositories by other names than those of plain ones. */
    @Test
    void aBlobIsNotMountedFromARepositoryThatRulesKnowByAnotherName() throws Exception {
        start(rule("team/**", "pull") + ", " + rule("docker.io/team/app", "push"), null, "MIRROR_PLAN", "hot", "COLD_SERVES", "docker.io", "MIRROR_PUSH_REGISTRY",
                "cold");
        cold.addBlob("team/secret", LAYER);
        assertStatus(202, "POST", mount("docker.io/team/app", "team/secret", ""), new byte[0]);
        assertEquals(List.of("POST /v2/team/app/blobs/uploads/"), cold.calls().stream().map(Object::toString).toList());
    }

    @Test
    void theNameThatIsCheckedIsTheOneThatIsMountedFrom() throws Exception {
        start(rule("docker.io/team/**", "pull, push") + ", " + rule("docker.io/quay.io/open", "pull") + ", " + rule("quay.io/**", "pull") + ", " + rule("team/**", "pull"), null,
                "HOT_SERVES", "quay.io", "COLD_SERVES", "docker.io", "MIRROR_PUSH_REGISTRY", "cold");
        for (String name : List.of("team/base", "other/base", "quay.io/x", "quay.io/open")) {
            cold.addBlob(name, LAYER);
        }
        assertStatus(201, "POST", mount("docker.io/team/a", "docker.io/team/base", ""), new byte[0]);
        assertStatus(201, "POST", mount("team/b", "team/base", "&ns=docker.io"), new byte[0]);
        assertStatus(201, "POST", mount("team/c", "quay.io/open", "&ns=docker.io"), new byte[0]);
        // The user may pull these under other names only.
        cold.forget();
        assertStatus(202, "POST", mount("team/e", "quay.io/x", "&ns=docker.io"), new byte[0]);
        assertStatus(202, "POST", mount("docker.io/team/f", "docker.io/other/base", ""), new byte[0]);
        assertStatus(202, "POST", mount("docker.io/team/g", "quay.io/x", ""), new byte[0]);
        assertEquals(List.of(), cold.calls().stream().filter(call -> call.target().contains("from=")).toList());
    }

    /** docker asks so before it pulls, too. */
    @Test
    void aQuestionAboutAnImageThatNobodyCanPushIsAPull() throws Exception {
        start(rule("**", "pull, push"), "prefix-to-one-registry.patch", "HOT_SERVES", "docker.io", "MIRROR_PUSH_REGISTRY", "cold", "MIRROR_PLAN", "cold");
        String digest = hot.addBlob("team/app", LAYER);
        hot.addBlob("app", LAYER);
        for (String path : List.of("/v2/docker.io/team/app/blobs/", "/v2/docker.io/team-a/app/blobs/")) {
            assertStatus(200, "HEAD", path + digest, new byte[0]);
            assertStatus(404, "HEAD", path + Digest.ofSha256(MANIFEST), new byte[0]);
        }
        assertStatus(403, "POST", "/v2/docker.io/team/app/blobs/uploads/", new byte[0]);
        assertEquals(List.of(), cold.asked());
        // Elsewhere the target's word counts.
        assertStatus(404, "HEAD", "/v2/team/app/blobs/" + digest, new byte[0]);
        assertEquals(List.of("HEAD /v2/team/app/blobs/" + digest), cold.asked());
    }

    /** A manifest is in memory by then. */
    @Test
    void aManifestGoesToAnotherRegistryIfTheRouteSaysSo() throws Exception {
        routes = TestRoutes.copyTo(directory);
        String send = "        - bean:\n            ref: push\n            method: send\n";
        Path file = routes.resolve("push.camel.yaml");
        Files.writeString(file, Files.readString(file).replace(send, "        - doTry:\n            steps:\n" + send.indent(6)
                + "            doCatch:\n              - exception: [Trouble]\n                steps:\n"
                + "                  - bean: {ref: plan, method: \"ask('hot')\"}\n                  - bean: {ref: push, method: send}\n"));
        launch(rule("**", "pull, push"), "MIRROR_PUSH_REGISTRY", "cold");
        cold.next("PUT", 500, Map.of(), "");
        assertStatus(201, "PUT", "/v2/team/app/manifests/1", MANIFEST);
        assertNull(cold.manifest("team/app", "1"));
        assertArrayEquals(MANIFEST, hot.manifest("team/app", "1"));
    }

    @Test
    void refusedPushesAreNoPulls() throws Exception {
        start(rule("**", "pull, push"), null, "MIRROR_PUSH_REGISTRY", "cold");
        assertStatus(404, "PATCH", "/v2/team/app/blobs/uploads/x", LAYER);
        assertStatus(405, "DELETE", "/v2/team/app/manifests/1", new byte[0]);
        assertStatus(405, "BREW", "/v2/team/app/manifests/1", new byte[0]);
        assertStatus(400, "PUT", "/v2/team/app/blobs/uploads/x", LAYER);
        counts("mirror_pushes_total{asked=\"upload\",method=\"patch\",registry=\"none\",result=\"refused\"}", 1);
        counts("mirror_pushes_total{asked=\"upload\",method=\"put\",registry=\"none\",result=\"refused\"}", 1);
        counts("mirror_pushes_total{asked=\"manifest\",method=\"delete\",registry=\"none\",result=\"refused\"}", 1);
        counts("mirror_pushes_total{asked=\"manifest\",method=\"other\",registry=\"none\",result=\"refused\"}", 1);
        counts("mirror_pulls_total", 0);
    }

    @Test
    void loginsThatContinueAnUploadAreCounted() throws Exception {
        start(rule("**", "pull, push"), null, "MIRROR_PUSH_REGISTRY", "cold");
        String location = send("POST", "/v2/team/app/blobs/uploads/", new byte[0]).headers().firstValue("Location").orElseThrow();
        counts("mirror_logins_total{result=\"accepted\"}", 1);
        assertStatus(202, "PATCH", location, LAYER);
        counts("mirror_logins_total{result=\"accepted\"}", 2);
    }

    /** Counts are there when the response is over, which is a little later than its last byte. */
    private void counts(String series, long expected) throws Exception {
        long found = -1;
        for (int i = 0; i < 100 && found != expected; i++) {
            Thread.sleep(20);
            found = (long) mirror.management("/observe/metrics").text().lines().filter(line -> line.startsWith(series))
                    .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ')))).sum();
        }
        assertEquals(expected, found, series);
    }

    /** The repositories of such a target are those of docker.io, for which a user may have other rights. */
    @Test
    void aNameWithoutAHostNameIsNotPushedToTheRegistryOfAHostName() throws Exception {
        start(rule("**", "pull, push"), null, "COLD_SERVES", "docker.io", "MIRROR_PUSH_REGISTRY", "cold", "MIRROR_PLAN", "hot");
        assertStatus(403, "PUT", "/v2/team/app/manifests/1", MANIFEST);
        assertStatus(403, "POST", "/v2/team/app/blobs/uploads/", new byte[0]);
        assertStatus(404, "HEAD", "/v2/team/app/blobs/" + Digest.ofSha256(LAYER), new byte[0]);
        assertEquals(List.of(), cold.asked());
        assertStatus(201, "PUT", "/v2/docker.io/team/app/manifests/1", MANIFEST);
    }
}
