package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestCertificate;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestTls;
import io.mirrorregistry.testing.TokenService;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Token services that answer otherwise than the specification says, but docker and containerd get tokens from them. */
class TokenServiceTest {

    private static final String ACCOUNT = "Basic " + Base64.getEncoder().encodeToString("reader:hunter2".getBytes());

    private TestRegistry hot;
    private TestRegistry cold;
    private TokenService tokens;
    private Image image;

    @BeforeEach
    void start() {
        hot = TestRegistry.start("hot");
        cold = TestRegistry.start("cold");
        tokens = TokenService.start();
        image = hot.image("library/app", "1.0");
        hot.requireBearer(tokens);
    }

    @AfterEach
    void stop() {
        hot.close();
        cold.close();
        tokens.close();
    }

    private TestMirror anonymous() {
        return TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "5s");
    }

    private TestMirror withAccount(String... more) {
        String[] settings = {"HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "reader", "HOT_PASSWORD", "hunter2",
            "HOT_RESPONSE_TIMEOUT", "5s"};
        return TestMirror.start(Stream.of(settings, more).flatMap(Stream::of).toArray(String[]::new));
    }

    @ParameterizedTest
    @CsvSource({"301, {url}/tokens{query}", "302, /tokens{query}", "303, tokens{query}", "307, {url}/tokens{query}", "308, /tokens{query}", "301, /tokens"})
    void followsARedirectOfTheRealm(int status, String location) {
        tokens.redirectsRealm(status, location);
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(200, mirror.get(image.path(image.layers().get(0))).status());
            assertEquals(1, tokens.calls("GET", "/tokens").stream().filter(call -> call.parameter("scope") != null).count());
        }
        tokens.forget();
        tokens.requireAccount("reader", "hunter2");
        try (TestMirror mirror = withAccount()) {
            assertEquals(200, mirror.get(image.path()).status());
            assertTrue(tokens.calls().stream().allMatch(call -> ACCOUNT.equals(call.header("Authorization"))));
        }
    }

    @Test
    void takesItsAccountToNoStrangerByARedirect() {
        try (TokenService stranger = TokenService.start()) {
            stranger.calledAs("localhost");
            tokens.redirectsRealm(307, stranger.realm() + "{query}");
            // Its tokens are no good, but it has been asked.
            try (TestMirror mirror = withAccount()) {
                assertEquals(404, mirror.get(image.path()).status());
                assertTrue(stranger.calls().stream().anyMatch(call -> "repository:library/app:pull".equals(call.parameter("scope"))));
                assertTrue(stranger.calls().stream().allMatch(call -> call.header("Authorization") == null));
                assertTrue(tokens.calls().stream().allMatch(call -> ACCOUNT.equals(call.header("Authorization"))));
                stranger.forget();
            }
            try (TestMirror mirror = withAccount("HOT_TOKEN_HOSTS", "localhost")) {
                assertEquals(404, mirror.get(image.path()).status());
                assertEquals(ACCOUNT, stranger.calls().get(0).header("Authorization"));
            }
        }
    }

    @Test
    void takesItsAccountNotBackFromAStranger() {
        try (TokenService stranger = TokenService.start()) {
            stranger.calledAs("localhost");
            stranger.fault(Fault.redirect(307, tokens.url() + "/back"));
            tokens.redirectsRealm(307, stranger.realm() + "{query}");
            try (TestMirror mirror = withAccount()) {
                assertEquals(503, mirror.get(image.path()).status());
                assertNull(tokens.calls("GET", "/back").get(0).header("Authorization"));
            }
        }
    }

    /** Harbor behind a proxy that ends TLS: the realm is http, and redirects to https on the same host. */
    @Test
    void takesItsAccountFromHttpToHttpsOnTheSameHost(@TempDir Path directory) throws Exception {
        try (TestRegistry secure = TestRegistry.startTls("hot"); TokenService there = TokenService.startTls()) {
            Image theirs = secure.image("library/app", "1.0");
            there.requireAccount("reader", "hunter2");
            secure.requireBearer(there).challenges("Bearer realm=\"" + tokens.realm() + "\",service=\"test-registry\",scope=\"{scope}\"");
            tokens.redirectsRealm(301, there.realm() + "{query}");
            try (LogLines log = LogLines.of("io.mirrorregistry.registry");
                    TestMirror mirror = TestMirror.start("HOT_URL", secure.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "reader",
                            "HOT_PASSWORD", "hunter2", "HOT_RESPONSE_TIMEOUT", "5s", "HOT_CA_CERTIFICATE", TestCertificate.write(directory, "ca.pem", TestTls.certificate().authorityPem()), "MIRROR_LOGGING_LEVEL", "warn")) {
                assertEquals(200, mirror.get(theirs.path()).status());
                assertNull(tokens.calls().get(0).header("Authorization"));
                assertEquals(ACCOUNT, there.calls().get(0).header("Authorization"));
                assertEquals(List.of(), log.lines());
                there.fault(Fault.redirect(301, tokens.url() + "/tokens"));
                tokens.forget();
                mirror.get("/v2/library/other/manifests/1.0");
                assertFalse(tokens.calls("GET", "/tokens").isEmpty());
                assertTrue(tokens.calls().stream().allMatch(call -> call.header("Authorization") == null));
                assertTrue(log.lines().stream().anyMatch(line -> line.contains("because its address is http while the registry is https")), log.lines().toString());
            }
        }
    }

    @Test
    void takesItsAccountNotFromHttpsToHttp(@TempDir Path directory) {
        try (TokenService secure = TokenService.startTls()) {
            hot.challenges("Bearer realm=\"" + secure.realm() + "\",service=\"test-registry\",scope=\"{scope}\"");
            secure.redirectsRealm(302, tokens.realm() + "{query}");
            try (TestMirror mirror = withAccount("HOT_CA_CERTIFICATE", TestCertificate.write(directory, "ca.pem", TestTls.certificate().authorityPem()))) {
                assertEquals(200, mirror.get(image.path()).status());
                assertTrue(secure.calls().stream().allMatch(call -> ACCOUNT.equals(call.header("Authorization"))));
                assertTrue(tokens.calls().stream().allMatch(call -> call.header("Authorization") == null));
            }
        }
    }

    @Test
    void endsARedirectLoop() {
        tokens.fault(Fault.redirectLoop());
        try (TestMirror mirror = anonymous()) {
            assertEquals(503, mirror.get(image.path()).status());
            assertEquals(6, tokens.calls().stream().filter(call -> call.parameter("scope") != null).count());
        }
    }

    @Test
    void callsNoAddressOfTheMirrorByARedirect() {
        try (TestMirror mirror = anonymous()) {
            tokens.redirectsRealm(307, mirror.url() + "/v2/");
            assertEquals(503, mirror.get(image.path()).status());
        }
    }

    private void shape(String json) {
        tokens.fault(Fault.spoil(answer -> answer.status() != 200 ? answer : answer.with(Body.of(
                json.replace("{t}", text(answer).replaceAll(".*\"token\":\"([^\"]*)\".*", "$1"))))));
    }

    private static String text(Answer answer) {
        return new String(answer.body().pattern(), StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "{\"token\":\"{t}\",\"access_token\":\"{t}\"}",
        "{\"token\":\"\",\"access_token\":\"{t}\"}",
        "{\"token\":null,\"access_token\":\"{t}\"}",
        "{\"token\":{},\"access_token\":\"{t}\"}",
        "{\"Token\":\"{t}\"}",
        "{\"ACCESS_TOKEN\":\"{t}\",\"token_type\":\"bearer\"}",
        "\n {\"token\":\"{t}\",\"expires_in\":\"300\"}\n",
        "{\"token\":\"{t}\",\"expires_in\":30}",
        "{\"token\":\"{t}\",\"expires_in\":-1,\"issued_at\":\"yesterday\"}",
        "{\"token\":\"{t}\",\"expires_in\":0,\"issued_at\":5}",
        "{\"token\":\"{t}\",\"expires_in\":300.5,\"issued_at\":\"1970-01-01T00:00:00Z\"}",
        "{\"token\":\"{t}\",\"expires_in\":99999999999999,\"issued_at\":\"2999-01-01T00:00:00Z\"}",
        "{\"token\":\"{t}\",\"refresh_token\":\"r\",\"scope\":\"\"}"})
    void takesAndKeepsTokensOfEveryShape(String json) {
        shape(json);
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(200, mirror.head(image.path()).status());
            assertEquals(1, tokens.calls().stream().filter(call -> call.parameter("scope") != null).count());
        }
    }

    @ParameterizedTest
    @CsvSource({"200, text/plain", "201, application/json", "202, text/html; charset=x", "203, application/json", "206, nonsense"})
    void takesTokensWithOddStatusesAndTypes(int status, String type) {
        tokens.fault(Fault.spoil(answer -> new Answer(status, answer.headers(), answer.body(), answer.manner()).with("Content-Type", type)));
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {204, 205, 300, 304, 305})
    void takesNoTokenFromAnAnswerWithoutOne(int status) {
        tokens.fault(Fault.instead((call, answer) -> Answer.of(status)));
        try (TestMirror mirror = anonymous()) {
            assertEquals(503, mirror.get(image.path()).status());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 401, 404, 405, 501})
    void asksWithPostWhereGetBringsNoToken(int status) {
        tokens.requireAccount("reader", "hunter2").postOnly();
        tokens.fault(Fault.status(status).method("GET"));
        try (TestMirror mirror = withAccount()) {
            assertEquals(200, mirror.get(image.path()).status());
            Call asked = tokens.calls("POST", "/token").stream().filter(call -> call.field("scope") != null).findFirst().orElseThrow();
            assertEquals("repository:library/app:pull", asked.field("scope"));
            assertEquals("test-registry", asked.field("service"));
            assertNull(asked.query());
        }
        tokens.forget();
        tokens.redirectsRealm(308, "/tokens");
        try (TestMirror mirror = withAccount()) {
            assertEquals(200, mirror.get(image.path()).status());
        }
        tokens.forget();
        try (TestMirror mirror = anonymous()) {
            assertEquals(503, mirror.get(image.path()).status());
            assertTrue(tokens.calls().stream().allMatch(call -> call.method().equals("GET")));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {302, 307})
    void takesThePasswordOfAPostToNoStranger(int status) {
        try (TokenService stranger = TokenService.start()) {
            stranger.calledAs("localhost");
            tokens.fault(Fault.status(404).method("GET"), Fault.redirect(status, stranger.realm()).method("POST"));
            try (TestMirror mirror = withAccount()) {
                assertEquals(503, mirror.get(image.path()).status());
                assertEquals(List.of(), stranger.calls());
            }
            // Nor is a service asked so that is one itself.
            tokens.heal();
            tokens.calledAs("localhost");
            tokens.forget();
            tokens.fault(Fault.status(404));
            try (TestMirror mirror = withAccount()) {
                assertEquals(503, mirror.get(image.path()).status());
                assertTrue(tokens.calls().stream().allMatch(call -> call.method().equals("GET")));
            }
        }
    }

    @Test
    void sendsAPasswordThatIsRefusedOnceWhereGetHasWorked() {
        tokens.requireAccount("reader", "hunter2");
        try (TestMirror mirror = withAccount()) {
            assertEquals(200, mirror.get(image.path()).status());
            tokens.requireAccount("reader", "other").forget();
            assertEquals(503, mirror.get("/v2/library/other/manifests/1.0").status());
            assertEquals(1, tokens.calls().stream().filter(call -> call.parameter("scope") != null || call.method().equals("POST")).count());
        }
    }

    private long sent(String method) {
        return tokens.calls().stream().filter(call -> call.method().equals(method)).count();
    }

    @ParameterizedTest
    @CsvSource({"401, 401", "400, 401", "401, 400", "400, 400"})
    void sendsAPasswordThatGetAndPostHaveRefusedByGetOnly(int get, int post, @TempDir Path directory) throws Exception {
        Path file = Files.writeString(directory.resolve("password"), "wrong");
        tokens.requireAccount("reader", "hunter2").postOnly();
        tokens.fault(Fault.status(get).method("GET"), Fault.instead((call, answer) -> answer.status() < 400 ? answer : Answer.of(post)).method("POST"));
        try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "reader", "HOT_PASSWORD_FILE", file.toString(),
                "HOT_RESPONSE_TIMEOUT", "5s")) {
            assertEquals(503, mirror.get(image.path()).status());
            tokens.forget();
            for (int i = 0; i < 5; i++) {
                assertEquals(503, mirror.get("/v2/library/other-" + i + "/manifests/1.0").status());
            }
            assertEquals(5, sent("GET"));
            assertEquals(0, sent("POST"));
            Files.writeString(directory.resolve("new"), "hunter2");
            Files.move(directory.resolve("new"), file, StandardCopyOption.ATOMIC_MOVE);
            assertEquals(200, mirror.get(image.path()).status());
        }
    }

    /** GET of what a service does not know shows it no password. */
    @Test
    void triesPostAgainWhereTheServiceDoesNotKnowGet() {
        tokens.requireAccount("reader", "other").postOnly();
        try (TestMirror mirror = withAccount()) {
            assertEquals(503, mirror.get(image.path()).status());
            tokens.requireAccount("reader", "hunter2");
            assertEquals(200, mirror.get(image.path()).status());
        }
    }

    /** The service refuses the scope that the registry states, rather than the account. */
    @Test
    void triesPostAgainWithItsOwnScopeAlone() {
        hot.challenges("Bearer realm=\"{realm}\",service=\"{service}\",scope=\"repository:user/image:pull registry:catalog:*\"");
        tokens.requireAccount("reader", "hunter2").postOnly();
        tokens.fault(Fault.status(401).method("GET"),
                Fault.status(400).where(call -> call.method().equals("POST") && call.field("scope") != null && call.field("scope").contains(" ")));
        try (TestMirror mirror = withAccount()) {
            assertEquals(200, mirror.get(image.path()).status());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "Bearer realm=\"/service/token\",service=\"test-registry\",scope=\"{scope}\"",
        "Bearer realm=\"/service/token?tenant=1\",scope=\"{scope}\""})
    void takesARealmWithoutAHostForTheRegistrysOwn(String challenge) {
        hot.challenges(challenge);
        // The registry's own port hands on to the token service.
        hot.fault(Fault.instead((call, answer) -> Answer.of(302).with("Location", tokens.realm() + "?" + call.query())).path("/service/token"));
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
        }
    }

    @Test
    void asksForTheScopeThatTheRegistryStatesFirst() {
        hot.wantsScope("repository:proxied/library/app:pull");
        tokens.firstScopeOnly();
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(200, mirror.get(image.pathByDigest()).status());
            assertEquals(List.of("repository:proxied/library/app:pull", "repository:library/app:pull"),
                    tokens.calls().stream().filter(call -> call.parameter("scope") != null).findFirst().orElseThrow().parameters("scope"));
        }
    }

    @Test
    void asksForItsOwnScopeWhereTheStatedOneIsRefused() {
        hot.challenges("Bearer realm=\"{realm}\",service=\"{service}\",scope=\"repository:user/image:pull  registry:catalog:*\"");
        tokens.fault(Fault.status(403).where(call -> call.parameters("scope").size() > 1));
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
        }
    }

    @Test
    void asksForBothScopesOfOneChallenge() {
        hot.challenges("Bearer realm=\"{realm}\",service=\"{service}\",scope=\"{scope} repository:base/layers:pull\"");
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(List.of("repository:library/app:pull", "repository:base/layers:pull"),
                    tokens.calls().stream().map(call -> call.parameters("scope")).filter(scopes -> scopes.size() > 1).findFirst().orElseThrow());
        }
    }

    @Test
    void answersTheChallengeForBasicWhereTheTokenServiceIsBroken() {
        tokens.fault(Fault.status(500));
        hot.requireBasic("reader", "hunter2").challenges("Bearer realm=\"" + tokens.realm() + "\",service=\"x\", Basic realm=\"y\"");
        try (TestMirror mirror = withAccount()) {
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(404, mirror.get("/v2/library/app/manifests/none").status());
            hot.forget();
            assertEquals(200, mirror.get(image.path(image.layers().get(0))).status());
            assertTrue(hot.calls().stream().allMatch(call -> ACCOUNT.equals(call.header("Authorization"))));
        }
        // Where Basic is refused too, the broken token service is what counts.
        hot.requireBasic("reader", "other");
        try (TestMirror mirror = withAccount()) {
            assertEquals(503, mirror.get(image.path()).status());
        }
        try (TestMirror mirror = anonymous()) {
            assertEquals(503, mirror.get(image.path()).status());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Bearer, Basic realm=\"y\"", "Bearer realm=\"\", Basic realm=\"y\"", "Bearer service=\"x\",realm=\"https://\",Basic"})
    void answersTheChallengeForBasicWhereTheOtherNamesNoService(String challenge) {
        hot.requireBasic("reader", "hunter2").challenges(challenge);
        try (TestMirror mirror = withAccount()) {
            assertEquals(200, mirror.get(image.path()).status());
        }
        hot.challenges("Bearer service=\"x\"");
        try (TestMirror mirror = withAccount()) {
            assertEquals(503, mirror.get(image.path()).status());
        }
    }

    @Test
    void usesTheChallengeThatNamesAService() {
        hot.challenges("Bearer", "Bearer realm=\"{realm}\",service=\"{service}\"");
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(2, hot.calls("GET", Kind.MANIFEST).size());
        }
    }
}
