package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A host that redirects all that is asked for to a registry on another host, which may want a token.
 *
 * @see <a href="https://github.com/containerd/containerd/issues/5503">containerd/containerd#5503</a>
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class VanityHostTest {

    private final TokenService tokens = TokenService.start();
    private final TestStorage storage = TestStorage.start();
    private final TestRegistry vanity = TestRegistry.start("hot");
    private final TestRegistry real = TestRegistry.start("real");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror auto = start("auto");
    private final TestMirror proxy = start("proxy");
    private final TestMirror redirect = start("redirect");
    private String name;
    private int number;

    private TestMirror start(String blobs) {
        return TestMirror.start("HOT_URL", vanity.url(), "COLD_URL", cold.url(), "HOT_BLOBS", blobs, "HOT_USERNAME", "me", "HOT_PASSWORD", "secret",
                "HOT_TOKEN_HOSTS", "localhost,127.0.0.1", "HOT_HEADERS_X_KEY", "secret-key");
    }

    @BeforeEach
    void fresh() {
        name = "library/vanity-" + ++number;
        real.calledAs("localhost");
        real.requireBearer(tokens);
        vanity.fault(Fault.redirectTo(307, real));
    }

    @AfterEach
    void heal() {
        for (TestServer server : List.of(real, tokens, storage)) {
            for (Call call : server.calls()) {
                assertTrue(call.headers("Authorization").stream().noneMatch(value -> value.startsWith("Basic")), call.toString());
                assertNull(call.header("X-Key"), call.toString());
                assertNull(call.header("X-Request-ID"), call.toString());
            }
        }
        for (TestServer server : List.of(vanity, real, cold, tokens, storage)) {
            server.heal();
            server.forget();
        }
        real.serveBlobs().challenges("Bearer realm=\"{realm}\",service=\"{service}\",scope=\"{scope}\"");
        vanity.requireNothing();
    }

    @AfterAll
    void stop() {
        List.of(auto, proxy, redirect).forEach(TestMirror::close);
        List.of(vanity, real, cold, tokens, storage).forEach(TestServer::close);
    }

    private static String path(Image image) {
        return image.path(image.layers().get(0));
    }

    private void assertServes(Image image, TestMirror mirror) {
        for (String path : List.of(image.path(), image.pathByDigest())) {
            assertArrayEquals(image.manifest(), mirror.get(path).body(), path);
            assertEquals(image.digest().value(), mirror.head(path).header("Docker-Content-Digest"), path);
        }
        assertTrue(mirror.get("/v2/" + image.name() + "/tags/list").text().contains("\"1\""));
        Reply referrers = mirror.get("/v2/" + image.name() + "/referrers/" + image.digest());
        assertEquals(200, referrers.status());
        assertNull(referrers.header("Warning"));
        Reply blob = mirror.get(path(image));
        assertEquals(200, blob.status());
        assertArrayEquals(image.layers().get(0).bytes(), blob.body());
        Reply part = mirror.get(path(image), "Range", "bytes=5-14");
        assertEquals(206, part.status());
        assertArrayEquals(Arrays.copyOfRange(image.layers().get(0).bytes(), 5, 15), part.body());
        assertHead(image, mirror.head(path(image)));
    }

    private static void assertHead(Image image, Reply head) {
        assertEquals(200, head.status());
        assertEquals(String.valueOf(image.layers().get(0).bytes().length), head.header("Content-Length"));
        assertNull(head.header("Location"));
    }

    @ParameterizedTest
    @ValueSource(ints = {301, 302, 303, 307, 308})
    void aRegistryThatWantsATokenServesFromThere(int status) {
        vanity.heal();
        vanity.fault(Fault.redirectTo(status, real));
        Image image = real.image(name, "1");
        long before = tokens.issuedFor(name);
        assertServes(image, auto);
        assertEquals(1, tokens.issuedFor(name) - before, "tokens");
        assertServes(image, proxy);
    }

    @ParameterizedTest
    @ValueSource(strings = {"/service/token", "service/token"})
    void aRealmWithoutAHostIsOnTheHostThatNamesIt(String realm) {
        Image image = real.image(name, "1");
        real.challenges("Bearer realm=\"" + realm + "\",service=\"{service}\",scope=\"{scope}\"");
        real.fault(Fault.instead((call, answer) -> Answer.of(302).with("Location", tokens.realm() + "?" + call.query())).path("/service/token"));
        assertServes(image, auto);
        assertEquals(List.of(), vanity.calls("GET", "/service/token"));
    }

    @Test
    void aHostThatCannotBeCalledIsTrouble() {
        Image image = cold.image(name, "1");
        vanity.heal();
        vanity.fault(Fault.redirect(307, "http://[1:2]/v2/" + name + "/manifests/1"));
        assertArrayEquals(image.manifest(), auto.get(image.path()).body());
        assertEquals(503, auto.get("/v2/" + name + "/manifests/2").status());
    }

    @Test
    void theVanityHostMayWantAnAccountItself() {
        Image image = real.image(name, "1");
        vanity.heal();
        vanity.requireBasic("me", "secret");
        vanity.fault(Fault.redirectTo(307, real).where(call -> call.header("Authorization") != null));
        assertServes(image, auto);
    }

    @Test
    void anOpenRegistryIsWhereTheClientIsSent() {
        Image image = real.image(name, "1");
        real.requireNothing();
        assertEquals(real.url() + path(image), auto.get(path(image)).header("Location"));
        assertHead(image, auto.head(path(image)));
        assertEquals(0, tokens.calls().size());
        real.redirectBlobsTo(storage);
        assertEquals(real.url() + path(image), auto.get(path(image)).header("Location"));
    }

    @Test
    void theSettingRedirectSendsTheClientThereUnasked() {
        Image image = real.image(name, "1");
        assertEquals(real.url() + path(image), redirect.get(path(image)).header("Location"));
        assertEquals(List.of(), real.calls("GET", Kind.BLOB));
    }

    /** Only who has a token is told where the storage is, and anybody can go there. */
    @Test
    void theStorageOfThatRegistryIsWhereTheClientIsSent() {
        Image image = real.image(name, "1");
        for (String location : List.of("{url}", "{path}")) {
            real.redirectBlobsTo(storage, 307, location);
            Reply reply = auto.get(path(image));
            assertEquals(307, reply.status());
            assertArrayEquals(image.layers().get(0).bytes(), new TestClient().get(reply.header("Location")).body());
            assertHead(image, auto.head(path(image)));
            assertArrayEquals(image.layers().get(0).bytes(), proxy.get(path(image)).body());
        }
    }

    @Test
    void whatIsNotThereIsNotHere() {
        for (String path : List.of("/v2/" + name + "/manifests/1", "/v2/" + name + "/blobs/sha256:" + "0".repeat(64))) {
            for (TestMirror mirror : List.of(auto, proxy, redirect)) {
                assertEquals(404, mirror.get(path).status(), path);
                assertEquals(404, mirror.head(path).status(), path);
            }
        }
        Image image = cold.image(name, "1");
        for (TestMirror mirror : List.of(auto, proxy, redirect)) {
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            assertEquals(cold.url() + path(image), mirror.get(path(image)).header("Location"));
            assertHead(image, mirror.head(path(image)));
        }
    }

    @Test
    void troubleThereIsTrouble() {
        Image image = real.image(name, "1");
        for (Fault fault : List.of(Fault.status(500), Fault.silence(), Fault.close())) {
            real.heal();
            real.fault(fault);
            for (String path : List.of(image.path(), path(image))) {
                assertEquals(503, auto.get(path).status(), path);
                assertEquals(503, auto.head(path).status(), path);
                assertEquals(503, proxy.get(path).status(), path);
            }
        }
        real.heal();
        tokens.fault(Fault.status(500));
        assertEquals(503, auto.get(image.path()).status());
        assertEquals(503, auto.get(path(image)).status());
        cold.put(image);
        assertEquals(200, auto.head(path(image)).status());
        assertArrayEquals(image.manifest(), auto.get(image.path()).body());
        assertEquals(cold.url() + path(image), auto.get(path(image)).header("Location"));
    }

    /** A name that only clients know may be meant for them. */
    @Test
    void aHostThatTheMirrorCannotFindIsTheClients() {
        vanity.heal();
        Image image = vanity.image(name, "1");
        String location = "https://no-such-host.invalid" + path(image);
        vanity.fault(Fault.redirect(307, location).on(Kind.BLOB));
        assertEquals(location, auto.get(path(image)).header("Location"));
        assertEquals(503, proxy.get(path(image)).status());
    }

    @Test
    void theNameMayBeAnotherThere() {
        Image image = real.image("other/" + name, "1");
        vanity.heal();
        vanity.fault(Fault.instead((call, answer) -> Answer.of(307).with("Location", real.url() + call.target().replace("/v2/library/", "/v2/other/library/")))
                .where(call -> call.kind() != Kind.PING));
        for (String challenge : List.of("Bearer realm=\"{realm}\",service=\"{service}\"", "Bearer realm=\"{realm}\",service=\"{service}\",scope=\"{scope}\"")) {
            real.challenges(challenge);
            tokens.revokeAll();
            tokens.forget();
            assertArrayEquals(image.manifest(), auto.get("/v2/" + name + "/manifests/1").body());
            assertEquals(200, auto.get("/v2/" + name + "/blobs/" + image.layers().get(0).digest()).status());
            assertEquals(List.of("repository:other/" + name + ":pull"), tokens.calls().get(0).parameters("scope"));
        }
    }

    /** A registry that maps names itself asks for another scope than its paths tell. */
    @Test
    void theScopeIsTheOneThatTheChallengeStates() {
        Image image = real.image(name, "1");
        real.challenges("Bearer realm=\"{realm}\",service=\"{service}\",scope=\"repository:mapped:pull {scope}\"");
        assertArrayEquals(image.manifest(), auto.get(image.path()).body());
        assertEquals(List.of("repository:mapped:pull", "repository:" + name + ":pull"), tokens.calls().get(0).parameters("scope"));
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 401, 403, 404, 500})
    void aKeptTokenThatIsRefusedWithoutAChallengeIsRenewed(int status) {
        Image image = real.image(name, "1");
        real.refusesTokensWith(status);
        assertEquals(200, auto.get(image.path()).status());
        for (String path : List.of(path(image), image.pathByDigest(), "/v2/" + name + "/tags/list")) {
            tokens.revokeAll();
            tokens.forget();
            assertEquals(200, auto.get(path).status(), path);
            assertEquals(1, tokens.calls().size(), path);
        }
        real.refusesTokensWith(401);
    }

    /** What our account is accepted for at the vanity host says nothing of the registry behind it. */
    @ParameterizedTest
    @ValueSource(ints = {401, 403})
    void aRegistryThereThatWantsAnAccountIsTrouble(int status) {
        Image image = real.image(name, "1");
        real.requireBasic("somebody", "else").unauthorized(status);
        assertEquals(503, auto.get(image.path()).status());
        assertEquals(503, auto.get(path(image)).status());
        assertEquals(503, auto.head(path(image)).status());
        real.unauthorized(401);
    }

    @Test
    void noTokenServiceThereLeadsToTheMirror() {
        Image image = real.image(name, "1");
        real.challenges("Bearer realm=\"http://localhost:" + auto.managementPort() + "/observe/health\",service=\"x\"");
        assertEquals(503, auto.get(image.path()).status());
        assertEquals(503, auto.get(path(image)).status());
        assertNotEquals(200, auto.head(path(image)).status());
    }

    @Test
    void aLoopOfRegistriesIsTrouble() {
        Image image = real.image(name, "1");
        real.fault(Fault.redirectTo(307, vanity));
        assertEquals(503, auto.get(path(image)).status());
        cold.put(image);
        assertEquals(cold.url() + path(image), auto.get(path(image)).header("Location"));
    }
}
