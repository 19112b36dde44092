package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import at.favre.lib.crypto.bcrypt.BCrypt;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who may pull: challenges, tokens, passwords and refusals, as clients see them. */
class AccessTest {

    private static final String SECRET = "a secret of the tests";
    private static final String RULES = """
            users: users.htpasswd
            groups:
              admins: [alice]
            rules:
              - {who: anyone, repositories: "public/**", may: [pull]}
              - {who: "group:admins", repositories: "**", may: [pull]}
              - {who: users, repositories: "{user}/**", may: [pull]}
              - {who: anyone, from: 192.0.2.0/24, repositories: "office/**", may: [pull]}
            """;

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private TestMirror mirror;

    @TempDir
    private Path folder;

    @BeforeEach
    void write() throws IOException {
        write("access.yaml", RULES);
        write("users.htpasswd", "alice:" + hash("alice's password") + "\nbob:" + hash("bob's password") + "\n");
    }

    private static String hash(String password) {
        return BCrypt.with(BCrypt.Version.VERSION_2Y).hashToString(4, password.toCharArray());
    }

    private void write(String name, String text) throws IOException {
        Files.writeString(folder.resolve(name), text);
    }

    private void start(String... more) {
        String[] settings = {"HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_ACCESS_FILE", folder.resolve("access.yaml").toString(), "MIRROR_SECRET", SECRET,
            "MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_TAG_TTL", "1h", "MIRROR_CACHE_BLOB_TTL", "1h", "MIRROR_CACHE_MISS_TTL", "1h"};
        List<String> all = new ArrayList<>(List.of(settings));
        all.addAll(List.of(more));
        mirror = TestMirror.start(all.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        if (mirror != null) {
            mirror.close();
        }
        List.of(hot, cold).forEach(TestServer::close);
    }

    private static String basic(String user, String password) {
        return "Basic " + Base64.getEncoder().encodeToString((user + ":" + password).getBytes(StandardCharsets.UTF_8));
    }

    private String token(String query, String... headers) {
        TestMirror.Reply reply = mirror.get("/token" + query, headers);
        assertEquals(200, reply.status(), reply::text);
        return "Bearer " + new JsonObject(reply.text()).getString("token");
    }

    private static String scope(String repository) {
        return "?service=mirror-registry&scope=repository:" + repository + ":pull";
    }

    private int status(Image image, String... headers) {
        return mirror.get(image.path(), headers).status();
    }

    private void await(BooleanSupplier reached) throws InterruptedException {
        for (int i = 0; i < 1000 && !reached.getAsBoolean(); i++) {
            Thread.sleep(20);
        }
        assertTrue(reached.getAsBoolean());
    }

    @Test
    void theStartOfARegistryAlwaysAsksForALogin() {
        start();
        for (String path : List.of("/v2/", "/v2")) {
            TestMirror.Reply reply = mirror.get(path);
            assertEquals(401, reply.status());
            assertEquals("Bearer realm=\"" + mirror.url() + "/token\",service=\"mirror-registry\"", reply.header("WWW-Authenticate"));
            assertTrue(reply.text().contains("\"UNAUTHORIZED\""), reply::text);
            assertEquals("registry/2.0", reply.header("Docker-Distribution-Api-Version"));
        }
        assertEquals(401, mirror.head("/v2/").status());
        assertEquals(401, mirror.get("/v2/", "Authorization", token("")).status());
        assertEquals(200, mirror.get("/v2/", "Authorization", basic("alice", "alice's password")).status());
        assertEquals(200, mirror.get("/v2/", "Authorization", token("", "Authorization", basic("bob", "bob's password"))).status());
        assertEquals(401, mirror.get("/v2/", "Authorization", basic("alice", "bob's password")).status());
    }

    @Test
    void everybodyPullsWhatAnyoneMay() {
        start();
        Image open = hot.image("public/app", "1.0");
        assertEquals(200, status(open));
        assertEquals(200, status(open, "Authorization", token(scope("public/app"))));
        assertEquals(307, mirror.get(open.path(open.config())).status());
        assertEquals(200, mirror.get("/v2/public/app/tags/list").status());
    }

    @ParameterizedTest
    @ValueSource(strings = {"manifest", "digest", "blob", "tags", "referrers"})
    void whatNobodyMayHaveWithoutALoginIsRefusedBeforeAllElse(String what) {
        start();
        Image image = hot.image("alice/app", "1.0");
        String path = switch (what) {
            case "manifest" -> image.path();
            case "digest" -> image.pathByDigest();
            case "blob" -> image.path(image.config());
            case "tags" -> "/v2/alice/app/tags/list";
            default -> "/v2/alice/app/referrers/" + image.digest();
        };
        String alice = token(scope("alice/app"), "Authorization", basic("alice", "alice's password"));
        assertTrue(mirror.get(path, "Authorization", alice).status() < 400);
        hot.forget();
        for (String method : List.of("GET", "HEAD")) {
            TestMirror.Reply reply = mirror.send(method, path);
            assertEquals(401, reply.status());
            assertEquals("Bearer realm=\"" + mirror.url() + "/token\",service=\"mirror-registry\",scope=\"repository:alice/app:pull\"", reply.header("WWW-Authenticate"));
            assertNull(reply.header("Docker-Content-Digest"));
            assertNull(reply.header("Location"));
            assertEquals(403, mirror.send(method, path, "Authorization", basic("bob", "bob's password")).status());
        }
        assertEquals(List.of(), hot.calls());
    }

    @Test
    void aTokenIsGoodForWhatItWasMadeForOnly() {
        start();
        Image image = hot.image("team/app", "1.0");
        Image other = hot.image("team/other", "1.0");
        String alice = token(scope("team/app"), "Authorization", basic("alice", "alice's password"));
        assertEquals(200, status(image, "Authorization", alice));
        TestMirror.Reply reply = mirror.get(other.path(), "Authorization", alice);
        assertEquals(401, reply.status());
        assertTrue(reply.header("WWW-Authenticate").endsWith("scope=\"repository:team/other:pull\",error=\"insufficient_scope\""), reply.header("WWW-Authenticate"));
        String bob = token(scope("team/app"), "Authorization", basic("bob", "bob's password"));
        TestMirror.Reply denied = mirror.get(image.path(), "Authorization", bob);
        assertEquals(403, denied.status());
        assertTrue(denied.text().contains("\"DENIED\""), denied::text);
        assertNull(denied.header("WWW-Authenticate"));
        // A token of the mirror proves nothing to its token service: it would never end.
        assertEquals(401, mirror.get("/token" + scope("team/other"), "Authorization", alice).status());
    }

    @Test
    void theTokenServiceSaysWhatIsLeft() {
        start();
        TestMirror.Reply reply = mirror.get("/token?service=mirror-registry&scope=repository:bob/app:pull,push&scope=repository:team/app:pull%20repository:public/a:pull"
                + "&scope=registry:catalog:*&account=bob&client_id=docker&offline_token=true", "Authorization", basic("bob", "bob's password"));
        JsonObject body = new JsonObject(reply.text());
        assertEquals(body.getString("token"), body.getString("access_token"));
        assertEquals(300, body.getInteger("expires_in"));
        assertTrue(body.getString("issued_at").matches("20..-..-..T..:..:..Z"));
        assertEquals("no-store", reply.header("Cache-Control"));
        JsonObject claims = new JsonObject(new String(Base64.getUrlDecoder().decode(body.getString("token").split("\\.")[1]), StandardCharsets.UTF_8));
        assertEquals("bob", claims.getString("sub"));
        assertEquals("[{\"actions\":[\"pull\"],\"name\":\"bob/app\",\"type\":\"repository\"},{\"actions\":[\"pull\"],\"name\":\"public/a\",\"type\":\"repository\"}]",
                sorted(claims));
    }

    private static String sorted(JsonObject claims) {
        return claims.getJsonArray("access").stream().map(JsonObject.class::cast)
                .map(scope -> "{\"actions\":" + scope.getJsonArray("actions").encode() + ",\"name\":\"" + scope.getString("name") + "\",\"type\":\"" + scope.getString("type") + "\"}")
                .sorted().toList().toString().replace(", ", ",");
    }

    @Test
    void aFormGetsATokenToo() throws Exception {
        start();
        Image image = hot.image("bob/app", "1.0");
        HttpResponse<String> reply = post("grant_type=password&service=mirror-registry&client_id=containerd&scope=repository%3Abob%2Fapp%3Apull+repository%3Apublic%2Fa%3Apull"
                + "&username=bob&password=bob%27s+password", "application/x-www-form-urlencoded");
        assertEquals(200, reply.statusCode(), reply.body());
        assertEquals(200, status(image, "Authorization", "Bearer " + new JsonObject(reply.body()).getString("access_token")));
        assertEquals(401, post("grant_type=password&username=bob&password=no", "application/x-www-form-urlencoded").statusCode());
        assertEquals(400, post("grant_type=refresh_token&refresh_token=x", "application/x-www-form-urlencoded; charset=utf-8").statusCode());
        assertEquals(415, post("{}", "application/json").statusCode());
        assertEquals(400, post("grant_type=%zz", "application/x-www-form-urlencoded").statusCode());
        assertEquals(413, post("x".repeat(40_000), "application/x-www-form-urlencoded").statusCode());
        assertEquals(405, mirror.send("DELETE", "/token").status());
    }

    private HttpResponse<String> post(String body, String type) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(mirror.url() + "/token")).timeout(Duration.ofSeconds(20)).header("Content-Type", type)
                .POST(HttpRequest.BodyPublishers.ofString(body)).build();
        return clients.send(request, HttpResponse.BodyHandlers.ofString());
    }

    @ParameterizedTest
    @CsvSource({"alice,wrong,401,401", "alice,'',401,401", "nobody,x,200,401", "'',x,200,401", "'','',200,200"})
    void theTokenServiceRefusesAWrongPasswordAndTreatsAnUnknownUserAsNobody(String user, String password, int status, int login) {
        start();
        TestMirror.Reply reply = mirror.get("/token" + scope("public/app"), "Authorization", basic(user, password));
        assertEquals(status, reply.status(), reply::text);
        // Without a scope, a client logs in, and learns that the name is mistyped.
        assertEquals(login, mirror.get("/token?service=mirror-registry&account=x&client_id=docker&offline_token=true", "Authorization", basic(user, password)).status());
        if (status == 200) {
            assertEquals(401, mirror.get("/v2/", "Authorization", "Bearer " + new JsonObject(reply.text()).getString("token")).status());
        }
    }

    @Test
    void anUnknownUserIsRefusedIfTheFileSaysSo() throws Exception {
        write("access.yaml", "unknown-credentials: refuse\n" + RULES);
        start();
        assertEquals(401, mirror.get("/token" + scope("public/app"), "Authorization", basic("nobody", "x")).status());
        assertEquals(401, status(hot.image("public/app", "1.0"), "Authorization", basic("nobody", "x")));
        // As for a user that is known.
        for (String user : List.of("somebody", "alice")) {
            for (int status : new int[] {401, 401, 401, 429}) {
                assertEquals(status, mirror.get("/v2/", "Authorization", basic(user, "x")).status(), user);
            }
        }
    }

    @Test
    void aChangedFileDecidesAndAWrongOneDoesNot() throws Exception {
        start();
        Image image = hot.image("team/app", "1.0");
        String bob = basic("bob", "bob's password");
        assertEquals(403, status(image, "Authorization", bob));
        write("access.yaml", RULES.replace("admins: [alice]", "admins: [alice, bob]"));
        await(() -> status(image, "Authorization", bob) == 200);
        String token = token(scope("team/app"), "Authorization", bob);
        write("access.yaml", RULES + "  - {who: somebody, repositories: x, may: [pull]}\n");
        await(() -> mirror.management("/observe/health?data=true").text().contains("access.yaml:9:11: who is anyone, users, user:NAME or group:NAME"));
        assertEquals(200, status(image, "Authorization", bob));
        write("users.htpasswd", "alice:" + hash("alice's password") + "\n");
        write("access.yaml", RULES);
        // Bob is gone, and with him his token.
        await(() -> status(image, "Authorization", token) == 401);
        assertFalse(mirror.management("/observe/health?data=true").text().contains("access.problem"));
    }

    /** Neither is a failure of a registry, and a client's first question is no pull. */
    @Test
    void refusalsAreNoFailedPulls() {
        start();
        for (int status : new int[] {401, 401, 401, 429}) {
            assertEquals(status, mirror.get("/v2/alice/app/manifests/1", "Authorization", basic("alice", "wrong")).status());
        }
        assertEquals(401, mirror.get("/v2/").status());
        assertEquals(200, mirror.get("/v2/", "Authorization", basic("bob", "bob's password")).status());
        String metrics = mirror.management("/observe/metrics").text();
        assertTrue(metrics.contains("mirror_pulls_total{kind=\"manifest\",outcome=\"refused\",registry=\"none\"} 4.0"), metrics);
        assertFalse(metrics.contains("outcome=\"throttled\""));
        JsonObject pulls = new JsonObject(mirror.management("/status.json").text()).getJsonObject("pulls");
        assertEquals(4, pulls.getInteger("total"));
    }

    /** A token that ended with a process is no wrong login: clients get another one by themselves. */
    @Test
    void aTokenOfAnotherSecretIsNoRefusedLogin() throws Exception {
        start();
        String token = token(scope("public/app"));
        mirror.close();
        try (LogLines log = LogLines.of("audit")) {
            start("MIRROR_SECRET", "another secret of the tests", "MIRROR_LOGGING_LEVEL", "info");
            assertEquals(401, mirror.get("/v2/public/app/manifests/1", "Authorization", token).status());
            assertEquals(401, mirror.get("/token", "Authorization", token).status());
            assertEquals(400, mirror.get("/token?service=other", "Authorization", basic("alice", "wrong")).status());
            assertEquals(List.of(), log.lines());
            assertTrue(mirror.management("/observe/metrics").text().contains("mirror_logins_total{result=\"refused\"} 0.0"));
            write("users.htpasswd", "alice:" + hash("x") + "\ncarol:" + hash("x") + "\n");
            await(() -> log.lines().contains("The access files have changed and decide: users alice, -bob, +carol"));
        }
    }

    @Test
    void replicasWithTheSameSecretTakeEachOthersTokensAndOthersDoNot() {
        start();
        Image image = hot.image("bob/app", "1.0");
        String token = token(scope("bob/app"), "Authorization", basic("bob", "bob's password"));
        mirror.close();
        start();
        assertEquals(200, status(image, "Authorization", token));
        mirror.close();
        start("MIRROR_SECRET", "another secret of the tests");
        TestMirror.Reply reply = mirror.get(image.path(), "Authorization", token);
        assertEquals(401, reply.status());
        assertTrue(reply.header("WWW-Authenticate").endsWith("error=\"invalid_token\""), reply.header("WWW-Authenticate"));
    }

    @Test
    void aRuleIsAboutTheNamespaceOfAnImage() throws Exception {
        write("access.yaml", """
                rules:
                  - {who: anyone, repositories: "docker.io/closed/**", may: []}
                  - {who: anyone, repositories: "docker.io/**", may: [pull]}
                  - {who: anyone, repositories: "closed/**", may: []}
                  - {who: anyone, repositories: "**", may: [pull]}
                """);
        start("HOT_SERVES", "docker.io");
        Image closed = hot.image("closed/app", "1.0");
        Image open = hot.image("open/app", "1.0");
        assertEquals(200, mirror.get(open.path() + "?ns=docker.io").status());
        assertEquals(401, mirror.get(closed.path() + "?ns=docker.io").status());
        assertEquals(401, mirror.get(closed.path().replace("/v2/", "/v2/docker.io/")).status());
        // Nobody serves this namespace, so that the name is one of the plan's.
        assertEquals(401, mirror.get(closed.path() + "?ns=example.com").status());
        assertTrue(mirror.get(closed.path() + "?ns=docker.io").header("WWW-Authenticate").contains("scope=\"repository:docker.io/closed/app:pull\""));
    }

    /** Docker Hub's images of one part have two names for clients, and one there. */
    @Test
    void anImageOfOnePartIsTheOneInTheLibrary() throws Exception {
        write("access.yaml", """
                rules:
                  - {who: anyone, repositories: "docker.io/library/closed", may: []}
                  - {who: anyone, repositories: "docker.io/library/**", may: [pull]}
                """);
        start("HOT_SERVES", "docker.io", "HOT_LIBRARY", "true", "MIRROR_PLAN", "cold");
        hot.image("library/closed", "1.0");
        hot.image("library/open", "1.0");
        for (String name : List.of("docker.io/%s/manifests/1.0", "docker.io/library/%s/manifests/1.0", "%s/manifests/1.0?ns=docker.io", "library/%s/manifests/1.0?ns=docker.io")) {
            assertEquals(200, mirror.get("/v2/" + String.format(name, "open")).status(), name);
            assertEquals(401, mirror.get("/v2/" + String.format(name, "closed")).status(), name);
        }
        for (String name : List.of("docker.io/open", "docker.io/library/open")) {
            assertEquals(200, mirror.get("/v2/" + name + "/manifests/1.0", "Authorization", token(scope(name))).status());
        }
        assertFalse(claims(token(scope("docker.io/closed"))).contains("closed"));
        assertTrue(claims(token(scope("docker.io/open"))).contains("docker.io/open"));
    }

    private static String claims(String token) {
        return new String(Base64.getUrlDecoder().decode(token.split("\\.")[1]), StandardCharsets.UTF_8);
    }

    @Test
    void whereOnlySomeRegistriesHaveALibraryBothNamesHaveToBeAllowed() throws Exception {
        write("access.yaml", """
                rules:
                  - {who: anyone, repositories: "library/closed", may: []}
                  - {who: anyone, repositories: "other", may: []}
                  - {who: anyone, repositories: "**", may: [pull]}
                """);
        start("COLD_LIBRARY", "true");
        for (String name : List.of("closed", "other", "open")) {
            cold.image("library/" + name, "1.0");
        }
        assertEquals(401, mirror.get("/v2/closed/manifests/1.0").status());
        assertEquals(401, mirror.get("/v2/other/manifests/1.0").status());
        assertEquals(200, mirror.get("/v2/open/manifests/1.0").status());
    }

    @Test
    void theAccessLineNamesTheUser() throws Exception {
        try (LogLines log = LogLines.of("access")) {
            start("MIRROR_LOGGING_LEVEL", "info");
            Image image = hot.image("bob/app", "1.0");
            assertEquals(200, status(image, "Authorization", basic("bob", "bob's password")));
            await(() -> log.count("user", "bob") == 1);
        }
    }

    @Test
    void aPasswordWithoutAUserIsNotLogged() throws Exception {
        try (LogLines log = LogLines.of("audit")) {
            start("MIRROR_LOGGING_LEVEL", "info");
            String text = "a password without a user";
            assertEquals(401, mirror.get("/v2/", "Authorization", "Basic " + Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8))).status());
            await(() -> log.count("user", "") == 1);
            assertEquals(0, log.count("user", text));
        }
    }
}
