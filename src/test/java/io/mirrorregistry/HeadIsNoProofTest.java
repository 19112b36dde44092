package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Registries that refuse a HEAD of what they give to a GET.
 *
 * @see <a href="https://github.com/aws/containers-roadmap/issues/2671">aws/containers-roadmap#2671</a>
 * @see <a href="https://github.com/goharbor/harbor/issues/22609">goharbor/harbor#22609</a>
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HeadIsNoProofTest {

    private final TokenService tokens = TokenService.start();
    private final TestStorage storage = TestStorage.start();
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror auto = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url());
    private final TestMirror proxy = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy");
    private final TestMirror withAccount = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "me", "HOT_PASSWORD", "secret");
    private final TestMirror keeping = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_CACHE_SIZE", "1MB",
            "MIRROR_CACHE_TAG_TTL", "1ms");
    private String name;
    private int number;

    @BeforeEach
    void fresh() {
        name = "library/head-" + ++number;
    }

    @AfterEach
    void heal() {
        for (TestRegistry registry : List.of(hot, cold)) {
            registry.heal();
            registry.requireNothing().serveBlobs().missing(404).forget();
        }
        storage.heal();
        tokens.forget();
    }

    @AfterAll
    void stop() {
        List.of(auto, proxy, withAccount, keeping).forEach(TestMirror::close);
        List.of(hot, cold, tokens, storage).forEach(TestServer::close);
    }

    private static String path(Image image) {
        return image.path(image.layers().get(0));
    }

    private static void assertHead(Image image, Reply head) {
        assertEquals(200, head.status());
        assertEquals(String.valueOf(image.layers().get(0).bytes().length), head.header("Content-Length"));
        assertNull(head.header("Location"));
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 401, 403, 404, 405, 406, 410, 501})
    void aRefusedHeadOfABlobIsNotBelieved(int status) {
        Image image = hot.image(name, "1");
        hot.fault(Fault.status(status).method("HEAD").on(Kind.BLOB));
        assertEquals(hot.url() + path(image), auto.get(path(image)).header("Location"));
        assertHead(image, auto.head(path(image)));
        assertArrayEquals(image.layers().get(0).bytes(), proxy.get(path(image)).body());
        hot.redirectBlobsTo(storage);
        assertArrayEquals(image.layers().get(0).bytes(), new TestClient().get(auto.get(path(image)).header("Location")).body());
        assertHead(image, auto.head(path(image)));
        assertArrayEquals(image.layers().get(0).bytes(), proxy.get(path(image)).body());
        hot.serveBlobs().requireBasic("me", "secret");
        assertArrayEquals(image.layers().get(0).bytes(), withAccount.get(path(image)).body());
        assertHead(image, withAccount.head(path(image)));
    }

    @Test
    void theGetThatAsksAgainIsTheRealOne() {
        Image image = hot.image(name, "1");
        hot.fault(Fault.status(404).method("HEAD").on(Kind.BLOB));
        auto.get(path(image));
        assertNull(hot.calls("GET", path(image)).get(0).header("Range"));
    }

    @Test
    void nobodyReadsTheBlobForIt() {
        Digest large = hot.blob(name, Body.ofSize(100_000_000, 7));
        hot.fault(Fault.status(404).method("HEAD").on(Kind.BLOB));
        assertEquals(307, auto.get("/v2/" + name + "/blobs/" + large).status());
        assertEquals("100000000", auto.head("/v2/" + name + "/blobs/" + large).header("Content-Length"));
        assertTrue(hot.bytesSent() < 50_000_000, hot.bytesSent() + " bytes");
    }

    @Test
    void oneTokenIsEnoughWhereHeadIsRefusedWithAGoodOne() {
        Image image = hot.image(name, "1");
        hot.requireBearer(tokens).redirectBlobsTo(storage);
        hot.fault(Fault.status(401).method("HEAD").on(Kind.BLOB).where(call -> call.header("Authorization") != null));
        long before = tokens.issuedFor(name);
        assertArrayEquals(image.layers().get(0).bytes(), new TestClient().get(auto.get(path(image)).header("Location")).body());
        assertEquals(1, tokens.issuedFor(name) - before);
        assertHead(image, auto.head(path(image)));
        assertTrue(tokens.issuedFor(name) - before <= 2, tokens.issuedFor(name) - before + " tokens");
        hot.serveBlobs();
        before = tokens.issuedFor(name);
        assertArrayEquals(image.layers().get(0).bytes(), auto.get(path(image)).body());
        assertTrue(tokens.issuedFor(name) - before <= 1, tokens.issuedFor(name) - before + " tokens");
    }

    /** The challenge of a registry that has not got it comes with a good token as well. */
    @Test
    void oneTokenIsEnoughToFindNothing() {
        hot.image(name, "1");
        hot.requireBearer(tokens).missing(401);
        long before = tokens.issuedFor(name);
        assertEquals(404, auto.get("/v2/" + name + "/blobs/sha256:" + "0".repeat(64)).status());
        assertEquals(1, tokens.issuedFor(name) - before);
    }

    @Test
    void whatNobodyHasIsMissing() {
        for (int status : new int[] {404, 401, 403}) {
            hot.missing(status);
            for (String path : List.of("/v2/" + name + "/blobs/sha256:" + "0".repeat(64), "/v2/" + name + "/manifests/1")) {
                assertEquals(404, auto.get(path).status(), path);
                assertEquals(404, auto.head(path).status(), path);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {408, 429, 500, 503})
    void troubleIsBelievedAtOnce(int status) {
        Image image = hot.image(name, "1");
        hot.fault(Fault.status(status).method("HEAD"));
        assertEquals(status == 429 ? 429 : 503, auto.head(path(image)).status());
        assertEquals(status == 429 ? 429 : 503, auto.head(image.path()).status());
        assertEquals(List.of(), hot.calls("GET", path(image)));
        assertEquals(List.of(), hot.calls("GET", image.path()));
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 401, 403, 404, 405, 501})
    void aRefusedHeadOfAManifestIsNotBelieved(int status) {
        Image image = hot.image(name, "1");
        hot.fault(Fault.status(status).method("HEAD").on(Kind.MANIFEST));
        for (String path : List.of(image.path(), image.pathByDigest())) {
            Reply head = auto.head(path);
            assertEquals(200, head.status());
            assertEquals(image.digest().value(), head.header("Docker-Content-Digest"));
            assertEquals(String.valueOf(image.manifest().length), head.header("Content-Length"));
        }
    }

    /** The mirror's own HEAD, that finds out whether a tag still means what is kept. */
    @ParameterizedTest
    @ValueSource(ints = {401, 404})
    void aTagIsConfirmedThoughHeadIsRefused(int status) {
        Image image = hot.image(name, "1");
        assertArrayEquals(image.manifest(), keeping.get(image.path()).body());
        hot.fault(Fault.status(status).method("HEAD").on(Kind.MANIFEST));
        assertArrayEquals(image.manifest(), keeping.get(image.path()).body());
        Image next = hot.image(name, "1");
        assertArrayEquals(next.manifest(), keeping.get(image.path()).body());
    }

    @Test
    void theNextRegistryIsAskedLikeThisToo() {
        Image image = cold.image(name, "1");
        cold.fault(Fault.status(404).method("HEAD"));
        assertEquals(cold.url() + path(image), auto.get(path(image)).header("Location"));
        assertHead(image, auto.head(path(image)));
        assertEquals(200, auto.head(image.path()).status());
    }
}
