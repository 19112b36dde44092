package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How the mirror authorizes itself at registries, over real HTTP. */
class AuthorizationTest {

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
    }

    @AfterEach
    void stop() {
        hot.close();
        cold.close();
        tokens.close();
    }

    private TestMirror anonymous() {
        return TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url());
    }

    private TestMirror withAccount() {
        return TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(),
                "HOT_USERNAME", "reader", "HOT_PASSWORD", "hunter2", "HOT_HEADERS_X_KEY", "key");
    }

    @Test
    void sendsBasicAtOnceAfterTheFirstChallenge() {
        hot.requireBasic("reader", "hunter2");
        try (TestMirror mirror = withAccount()) {
            assertEquals(200, mirror.get(image.path()).status());
            hot.forget();
            assertEquals(200, mirror.get(image.pathByDigest()).status());
            assertEquals(List.of(ACCOUNT), hot.calls("GET", Kind.MANIFEST).stream().map(call -> call.header("Authorization")).toList());
        }
        try (TestMirror mirror = anonymous()) {
            assertEquals(503, mirror.get(image.path()).status());
        }
    }

    @Test
    void asksForATokenByRealmServiceAndScopeAndKeepsIt() {
        hot.requireBearer(tokens);
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(200, mirror.head(image.path()).status());
            assertEquals(1, manifestTokens().size());
            Call asked = manifestTokens().get(0);
            assertEquals("repository:library/app:pull", asked.parameter("scope"));
            assertEquals("test-registry", asked.parameter("service"));
            assertNull(asked.header("Authorization"));
        }
    }

    private List<Call> manifestTokens() {
        return tokens.calls().stream().filter(call -> call.parameter("scope") != null).toList();
    }

    @Test
    void presentsItsAccountToTheTokenServiceOnTheSameHost() {
        tokens.requireAccount("reader", "hunter2");
        hot.requireBearer(tokens);
        try (TestMirror mirror = withAccount()) {
            assertEquals(200, mirror.get(image.path()).status());
            assertNull(tokens.calls().get(0).header("X-Key"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "BEARER Scope=\"{scope}\" , SERVICE={service}, realm={realm}",
        "Basic realm=\"other\", Bearer realm=\"{realm}\",service=\"{service}\",scope=\"{scope}\"",
        "Negotiate, Bearer realm=\"{realm}\""})
    void understandsChallengesOfAnyShape(String challenge) {
        hot.requireBearer(tokens).challenges(challenge);
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
        }
    }

    @Test
    void takesAccessTokenAndLivesWithoutExpiresIn() {
        tokens.field("access_token").expiresIn(null).at("/auth?tenant=1");
        hot.requireBearer(tokens);
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(1, manifestTokens().size());
            assertEquals("1", manifestTokens().get(0).parameter("tenant"));
        }
    }

    @Test
    void dropsATokenThatIsRejectedAndTriesOnceMore() {
        hot.requireBearer(tokens);
        try (TestMirror mirror = anonymous()) {
            assertEquals(200, mirror.get(image.path()).status());
            tokens.revokeAll();
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(2, manifestTokens().size());
        }
    }

    @Test
    void takesAFreshTokenThatIsRejectedForNotHere() {
        tokens.deny("library/app");
        hot.requireBearer(tokens);
        try (TestMirror mirror = anonymous()) {
            assertEquals(404, mirror.get(image.path()).status());
            assertEquals(2, hot.calls("GET", Kind.MANIFEST).size());
            cold.put(image);
            assertEquals(200, mirror.get(image.path()).status());
        }
    }

    @Test
    void manyPullsWaitForOneToken() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        tokens.fault(Fault.heldUntil(held).where(call -> call.parameter("scope") != null));
        hot.requireBearer(tokens);
        ExecutorService clients = Executors.newFixedThreadPool(20);
        try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "20s")) {
            List<Future<Reply>> replies = new ArrayList<>();
            // Of different tags, so that each of them asks.
            for (int i = 0; i < 20; i++) {
                String path = hot.image("library/app", "t" + i).path();
                replies.add(clients.submit(() -> mirror.get(path)));
            }
            hot.awaitCalls(20);
            held.countDown();
            for (Future<Reply> reply : replies) {
                assertEquals(200, reply.get().status());
            }
            assertEquals(1, manifestTokens().size());
        } finally {
            clients.shutdownNow();
        }
    }

    @Test
    void aTokenServiceInTroubleIsTrouble() {
        hot.requireBearer(tokens);
        Image absent = Image.of("none", "library/none", "1.0", 1);
        try (TestMirror mirror = anonymous()) {
            for (Fault fault : List.of(Fault.status(500), Fault.status(401), Fault.status(403), Fault.html(), Fault.silence(),
                    Fault.close(), Fault.body("{}"), Fault.endless())) {
                tokens.heal();
                tokens.fault(fault);
                assertEquals(503, mirror.get(absent.path()).status(), fault.toString());
                cold.put(absent);
                assertEquals(200, mirror.get(absent.path()).status());
                cold.remove("library/none", "1.0");
            }
            tokens.heal();
            tokens.fault(Fault.status(429, Duration.ofSeconds(44)));
            Reply throttled = mirror.get(absent.path());
            assertEquals(429, throttled.status());
            assertEquals("44", throttled.header("Retry-After"));
        }
    }

    @Test
    void showsItsAccountToNoStranger() {
        // Hosts without a registrable domain in common, both of which lead here.
        tokens.calledAs("localhost");
        hot.requireBearer(tokens);
        try (TestMirror mirror = withAccount()) {
            assertEquals(200, mirror.get(image.path()).status());
            assertTrue(tokens.calls().stream().allMatch(call -> call.header("Authorization") == null));
        }
        tokens.forget();
        try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "reader",
                "HOT_PASSWORD", "hunter2", "HOT_TOKEN_HOSTS", "localhost")) {
            assertEquals(200, mirror.get(image.path()).status());
            assertTrue(tokens.calls().stream().allMatch(call -> ACCOUNT.equals(call.header("Authorization"))));
        }
    }

    @Test
    void showsItsAccountAndHeadersToNoRedirectTarget() {
        hot.requireBasic("reader", "hunter2");
        try (TestStorage storage = TestStorage.start();
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "reader",
                        "HOT_PASSWORD", "hunter2", "HOT_HEADERS_X_KEY", "key", "HOT_BLOBS", "proxy")) {
            hot.redirectBlobsTo(storage);
            assertEquals(200, mirror.get(image.path(image.layers().get(0))).status());
            cold.put(image);
            hot.fault(Fault.redirect(302, cold.url() + image.path()).on(Kind.MANIFEST));
            assertEquals(200, mirror.get(image.path()).status());
            for (Call call : storage.calls()) {
                assertNull(call.header("Authorization"));
                assertNull(call.header("X-Key"));
            }
            for (Call call : cold.calls()) {
                assertNull(call.header("Authorization"));
                assertNull(call.header("X-Key"));
            }
            assertTrue(hot.calls().stream().allMatch(call -> "key".equals(call.header("X-Key"))));
        }
    }

    @Test
    void warnsOfAnAccountThatIsRefusedOnceAndWithoutItsPassword() {
        hot.requireBasic("reader", "other");
        try (LogLines log = LogLines.of("io.mirrorregistry.registry");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "reader",
                        "HOT_PASSWORD", "hunter2", "MIRROR_LOGGING_LEVEL", "warn")) {
            for (int i = 0; i < 5; i++) {
                assertEquals(503, mirror.get(image.path()).status());
            }
            assertEquals(1, log.lines().size(), log.lines().toString());
            assertTrue(log.lines().get(0).contains("mirror.registry.hot.password"), log.lines().get(0));
            assertFalse(log.lines().get(0).contains("hunter2") || log.lines().get(0).contains(ACCOUNT.substring(6)), log.lines().get(0));
        }
    }

    @Test
    void warnsOfNoAccountThatIsTaken() {
        hot.requireBasic("reader", "hunter2");
        try (LogLines log = LogLines.of("io.mirrorregistry.registry");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "reader",
                        "HOT_PASSWORD", "hunter2", "MIRROR_LOGGING_LEVEL", "warn")) {
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(404, mirror.get("/v2/library/none/manifests/1").status());
            assertEquals(List.of(), log.lines());
        }
    }

    @Test
    void tellsNoSecretInAnswers() {
        hot.requireBasic("reader", "other").missing(401);
        try (TestMirror mirror = withAccount()) {
            for (Reply reply : List.of(mirror.get(image.path()), mirror.get("/v2/"), mirror.management("/observe/health?data=true"))) {
                String all = reply.text() + reply.response().headers().map();
                assertFalse(all.contains("hunter2") || all.contains(ACCOUNT.substring(6)) || all.contains("key"), all);
            }
        }
    }

    private static void mount(Path directory, String version, String password) throws IOException {
        Files.createDirectories(directory.resolve(version));
        Files.writeString(directory.resolve(version).resolve("password"), password);
        Files.createSymbolicLink(directory.resolve("..data_tmp"), Path.of(version));
        Files.move(directory.resolve("..data_tmp"), directory.resolve("..data"), StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    private void awaitPull(TestMirror mirror) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (mirror.get(image.path()).status() != 200) {
            assertTrue(System.nanoTime() < end, "the new password is not presented");
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
    }

    /** As Kubernetes swaps a Secret that is mounted. */
    @Test
    void presentsANewPasswordFromItsFileWithoutARestart(@TempDir Path directory) throws Exception {
        mount(directory, "..1", "hunter1\n");
        Files.createSymbolicLink(directory.resolve("password"), Path.of("..data/password"));
        hot.requireBasic("reader", "hunter1");
        try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "reader",
                "HOT_PASSWORD_FILE", directory.resolve("password").toString())) {
            assertEquals(200, mirror.get(image.path()).status());
            hot.requireBasic("reader", "hunter2");
            assertEquals(503, mirror.get(image.path()).status());
            mount(directory, "..2", "hunter2\n");
            awaitPull(mirror);
            tokens.requireAccount("reader", "hunter3");
            hot.requireBearer(tokens);
            mount(directory, "..3", "hunter3\n");
            awaitPull(mirror);
        }
    }
}
