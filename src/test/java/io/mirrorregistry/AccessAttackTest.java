package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import at.favre.lib.crypto.bcrypt.BCrypt;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestIssuer;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Credentials that prove nothing: none is served, none is logged, and none costs more than its place. */
class AccessAttackTest {

    private static final String PASSWORD = "the password of alice";

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestIssuer issuer = TestIssuer.start();
    private TestMirror mirror;
    private Image image;

    @TempDir
    private Path folder;

    @BeforeEach
    void start() throws IOException {
        Files.writeString(folder.resolve("access.yaml"), """
                users: users.htpasswd
                issuers:
                  - {issuer: "%s", audience: mirror.example.com, user: "ci:{sub}"}
                rules:
                  - {who: "user:ci:builder", repositories: "team/**", may: [pull]}
                  - {who: "user:alice", repositories: "team/**", may: [pull]}
                """.formatted(issuer.url()));
        Files.writeString(folder.resolve("users.htpasswd"), "alice:" + BCrypt.with(BCrypt.Version.VERSION_2Y).hashToString(4, PASSWORD.toCharArray()) + "\n");
        mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_ACCESS_FILE", folder.resolve("access.yaml").toString(), "MIRROR_CACHE_SIZE", "32MB",
                "MIRROR_CACHE_TAG_TTL", "1h", "MIRROR_LOGGING_LEVEL", "debug");
        image = hot.image("team/app", "1.0");
        // In memory from now on.
        assertEquals(200, mirror.get(image.path(), "Authorization", basic("alice", PASSWORD)).status());
    }

    @AfterEach
    void stop() {
        mirror.close();
        issuer.close();
        hot.close();
        cold.close();
    }

    private static String basic(String user, String password) {
        return "Basic " + Base64.getEncoder().encodeToString((user + ":" + password).getBytes(StandardCharsets.UTF_8));
    }

    private Map<String, Object> claims() {
        return new HashMap<>(Map.of("iss", issuer.url(), "aud", "mirror.example.com", "sub", "builder", "exp", Instant.now().plusSeconds(300).getEpochSecond()));
    }

    private String token(Consumer<Map<String, Object>> change) throws Exception {
        Map<String, Object> claims = claims();
        change.accept(claims);
        return issuer.sign(claims);
    }

    @Test
    void aTokenOfAnIssuerPullsAsBearerAndAsPassword() throws Exception {
        String token = token(claims -> { });
        assertEquals(200, mirror.get(image.path(), "Authorization", "Bearer " + token).status());
        assertEquals(200, mirror.get(image.path(), "Authorization", basic("anybody", token)).status());
        assertEquals(200, mirror.get("/v2/", "Authorization", "Bearer " + token).status());
        TestMirror.Reply own = mirror.get("/token?scope=repository:team/app:pull,push", "Authorization", basic("", token));
        assertEquals(200, own.status());
        assertEquals(200, mirror.get(image.path(), "Authorization", "Bearer " + new JsonObject(own.text()).getString("token")).status());
        String other = token(claims -> claims.put("sub", "other"));
        assertEquals(403, mirror.get(image.path(), "Authorization", "Bearer " + other).status());
    }

    @Test
    void aTokenOfTheMirrorEndsWithTheTokenThatItCameFrom() throws Exception {
        String token = token(claims -> claims.put("exp", Instant.now().plusSeconds(90).getEpochSecond()));
        int expires = new JsonObject(mirror.get("/token?scope=repository:team/app:pull", "Authorization", basic("x", token)).text()).getInteger("expires_in");
        assertTrue(expires >= 60 && expires <= 90, String.valueOf(expires));
    }

    @Test
    void tokensThatProveNothingAreRefused() throws Exception {
        List<String> tokens = new ArrayList<>(List.of(token(claims -> claims.put("aud", "other.example.com")), token(claims -> claims.put("iss", "https://other.example.com")),
                token(claims -> claims.put("exp", Instant.now().minusSeconds(120).getEpochSecond())), token(claims -> claims.remove("exp")),
                token(claims -> claims.put("nbf", Instant.now().plusSeconds(600).getEpochSecond())), token(claims -> claims.put("sub", List.of("builder"))),
                token(claims -> claims.put("iss", "mirror-registry"))));
        String right = token(claims -> { });
        String payload = right.split("\\.")[1];
        tokens.add(part("{\"alg\":\"none\"}") + "." + payload + ".");
        tokens.add(right.substring(0, right.length() - 4) + "AAAA");
        tokens.add(right + ".x");
        tokens.add("a.b.c");
        tokens.add("bnVsbA.e30.AAAA");
        tokens.add(part("{\"alg\":\"HS256\"}") + "." + part("null") + ".AAAA");
        tokens.add("x");
        tokens.add("x".repeat(12_000));
        for (String token : tokens) {
            TestMirror.Reply reply = mirror.get(image.path(), "Authorization", "Bearer " + token);
            assertEquals(401, reply.status(), token);
            assertTrue(reply.header("WWW-Authenticate").endsWith("error=\"invalid_token\""), token);
            assertFalse(reply.text().contains(token));
            // As a password it may look like one of a user that is not known.
            TestMirror.Reply password = mirror.get(image.path(), "Authorization", basic("alice", token));
            assertTrue(password.status() == 401 || password.status() == 429, password.status() + " " + token);
        }
    }

    private static String part(String json) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(json.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void anIssuerThatIsAwayIsNoRefusal() throws Exception {
        String token = token(claims -> { });
        issuer.close();
        for (String how : List.of("Bearer " + token, basic("x", token))) {
            TestMirror.Reply reply = mirror.get(image.path(), "Authorization", how);
            assertEquals(503, reply.status(), reply::text);
            assertTrue(Integer.parseInt(reply.header("Retry-After")) > 0);
        }
        assertTrue(mirror.management("/observe/health?data=true").text().contains("The keys of issuer " + issuer.url() + " cannot be fetched"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "Basic", "Basic ", "Basic !!!", "Basic YWxpY2U", "Basic =", "Bearer", "Bearer ", "Bearer .", "Bearer ..", "Digest username=alice", "alice", "Basic:YTph"})
    void headersThatAreNoCredentialsAreRefused(String header) throws Exception {
        assertEquals(401, mirror.get(image.path(), "Authorization", header).status());
        assertEquals(401, mirror.get("/v2/", "Authorization", header).status());
        int token = mirror.get("/token", "Authorization", header).status();
        assertTrue(token == 401, String.valueOf(token));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 71, 72, 73, 255, 5_000})
    void wrongPasswordsOfEachLengthAreRefused(int length) {
        for (String user : List.of("alice", "a".repeat(300), "a\nb", "\u0000", "alice\u0000", "\u001b[31mred", "\u2028", "\u202e", " alice")) {
            TestMirror.Reply reply = mirror.get("/v2/", "Authorization", basic(user, "p".repeat(length)));
            assertTrue(reply.status() == 401 || reply.status() == 429, user + " " + reply.status());
        }
    }

    @Test
    void tooManyScopesAreRefused() {
        String basic = basic("alice", PASSWORD);
        for (int count : new int[] {100, 101}) {
            String scopes = IntStream.range(0, count).mapToObj(i -> "scope=repository:team/" + i + ":pull").collect(Collectors.joining("&"));
            assertEquals(count == 100 ? 200 : 400, mirror.get("/token?" + scopes, "Authorization", basic).status());
        }
        String longNames = IntStream.range(0, 15).mapToObj(i -> "scope=repository:team/" + "a".repeat(220) + i + ":pull").collect(Collectors.joining("&"));
        TestMirror.Reply reply = mirror.get("/token?" + longNames, "Authorization", basic);
        assertEquals(200, reply.status());
        assertEquals(404, mirror.get("/v2/team/" + "a".repeat(220) + "3/manifests/1", "Authorization", "Bearer " + new JsonObject(reply.text()).getString("token")).status());
        assertEquals(400, mirror.get("/token?service=other", "Authorization", basic).status());
    }

    @Test
    void aTokenThatNoRequestCouldHaveIsRefused() throws Exception {
        String scopes = IntStream.range(0, 100).mapToObj(i -> "repository:team/" + "a".repeat(200) + i + ":pull").collect(Collectors.joining(" "));
        String form = "grant_type=password&username=alice&password=" + URLEncoder.encode(PASSWORD, StandardCharsets.UTF_8) + "&scope=" + URLEncoder.encode(scopes, StandardCharsets.UTF_8);
        HttpResponse<String> reply = HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create(mirror.url() + "/token")).timeout(Duration.ofSeconds(20))
                .header("Content-Type", "application/x-www-form-urlencoded").POST(HttpRequest.BodyPublishers.ofString(form)).build(), HttpResponse.BodyHandlers.ofString());
        assertEquals(400, reply.statusCode(), reply.body());
        assertTrue(reply.body().contains("ask for fewer scopes at a time"), reply.body());
    }

    /** A form that does not arrive would keep its place. */
    @Test
    void aFormThatDoesNotArriveEnds() throws Exception {
        try (Socket socket = new Socket("127.0.0.1", mirror.port())) {
            socket.setSoTimeout(30_000);
            socket.getOutputStream().write("POST /token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant".getBytes(StandardCharsets.US_ASCII));
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertTrue(answer.startsWith("HTTP/1.1 408 "), answer);
            assertTrue(answer.contains("The form did not arrive in time."), answer);
        }
    }

    @Test
    void theLogHasNoSecretAndNoControlCharacter() throws Exception {
        try (LogLines log = LogLines.of("ROOT")) {
            String token = token(claims -> { });
            String wrong = token(claims -> claims.put("aud", "other.example.com"));
            mirror.get(image.path(), "Authorization", "Bearer " + token);
            mirror.get(image.path(), "Authorization", "Bearer " + wrong);
            mirror.get("/token?scope=repository:team/app:pull", "Authorization", basic("x", wrong));
            mirror.get("/v2/", "Authorization", basic("alice", "not the password"));
            mirror.get("/v2/", "Authorization", basic("a\r\nb\u001b[31m", "not the password"));
            mirror.get("/token", "Authorization", basic("alice", PASSWORD));
            List<String> lines = log.lines();
            assertTrue(lines.stream().anyMatch(line -> line.startsWith("login refused: ")), lines.toString());
            assertTrue(log.count("user", "a??b?[31m") > 0);
            for (String secret : List.of("not the password", PASSWORD, token.split("\\.")[1], token.split("\\.")[2], wrong.split("\\.")[2], Base64.getEncoder().encodeToString(PASSWORD.getBytes(StandardCharsets.UTF_8)).substring(0, 20))) {
                assertTrue(lines.stream().noneMatch(line -> line.contains(secret)), secret);
            }
        }
    }

    /** Each is checked, or told to come back; meanwhile others are served. */
    @Test
    void aThousandBadUsersLeavePullsAlone() throws Exception {
        HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        List<CompletableFuture<HttpResponse<Void>>> logins = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            logins.add(clients.sendAsync(HttpRequest.newBuilder(URI.create(mirror.url() + "/v2/")).timeout(Duration.ofSeconds(60)).header("Authorization", basic("user" + i, "x")).build(),
                    HttpResponse.BodyHandlers.discarding()));
        }
        assertEquals(200, mirror.get("/health").status());
        assertEquals(200, mirror.get(image.path(), "Authorization", basic("alice", PASSWORD)).status());
        for (CompletableFuture<HttpResponse<Void>> login : logins) {
            int status = login.get(60, TimeUnit.SECONDS).statusCode();
            assertTrue(status == 401 || status == 503, String.valueOf(status));
        }
        assertEquals(200, mirror.get("/v2/", "Authorization", basic("alice", PASSWORD)).status());
    }
}
