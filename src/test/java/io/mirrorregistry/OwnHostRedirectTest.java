package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Answer;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A registry that redirects blobs to another path of its own host.
 *
 * @see <a href="https://github.com/containers/image/issues/641">containers/image#641</a>
 */
class OwnHostRedirectTest {

    private final TokenService tokens = TokenService.start();
    private final TestStorage storage = TestStorage.start();
    private final TestRegistry hot = TestRegistry.start("hot");
    private final Image image = hot.image("library/app", "1");
    private final String path = image.path(image.layers().get(0));
    private final byte[] bytes = image.layers().get(0).bytes();
    private final TestMirror auto = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", hot.url(), "HOT_USERNAME", "me", "HOT_PASSWORD", "secret",
            "MIRROR_PLAN", "hot");
    private final TestMirror proxy = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", hot.url(), "HOT_USERNAME", "me", "HOT_PASSWORD", "secret",
            "HOT_BLOBS", "proxy", "MIRROR_PLAN", "hot");
    private final TestMirror redirect = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", hot.url(), "HOT_USERNAME", "me", "HOT_PASSWORD", "secret",
            "HOT_BLOBS", "redirect", "MIRROR_PLAN", "hot");

    @AfterEach
    void stop() {
        List.of(auto, proxy, redirect).forEach(TestMirror::close);
        List.of(hot, tokens, storage).forEach(TestServer::close);
    }

    private void requires(String access) {
        if (access.equals("bearer")) {
            hot.requireBearer(tokens);
        } else if (access.equals("basic")) {
            hot.requireBasic("me", "secret");
        }
    }

    private void assertStreams(TestMirror mirror) {
        Reply reply = mirror.get(path);
        assertEquals(200, reply.status());
        assertArrayEquals(bytes, reply.body());
        Reply part = mirror.get(path, "Range", "bytes=5-14");
        assertEquals(206, part.status());
        assertArrayEquals(Arrays.copyOfRange(bytes, 5, 15), part.body());
        assertHead(mirror);
    }

    private void assertHead(TestMirror mirror) {
        Reply head = mirror.head(path);
        assertEquals(200, head.status());
        assertEquals(String.valueOf(bytes.length), head.header("Content-Length"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"bearer", "basic"})
    void whereAuthorizationIsWantedTheBytesAreStreamed(String access) {
        requires(access);
        hot.fault(Fault.redirectToNode());
        assertStreams(auto);
        assertStreams(proxy);
        assertEquals(hot.url() + path + "?node=2", redirect.get(path).header("Location"));
        assertHead(redirect);
    }

    @Test
    void theClientIsSentWhereAnybodyMayRead() {
        hot.fault(Fault.redirectToNode());
        Reply reply = auto.get(path);
        assertEquals(hot.url() + path + "?node=2", reply.header("Location"));
        assertArrayEquals(bytes, new TestClient().get(reply.header("Location")).body());
        assertHead(auto);
    }

    /** Any other path of that host, whatever it says to those who show nothing. */
    @ParameterizedTest
    @ValueSource(ints = {401, 403, 404, 400})
    void anyPathOfThatHostIsStreamedIfItIsClosed(int status) {
        hot.requireBearer(tokens);
        hot.fault(Fault.instead((call, answer) -> answer.status() == 200 ? Answer.of(302).with("Location", "/files/layer?x=1") : answer).on(Kind.BLOB),
                Fault.instead((call, answer) -> String.valueOf(call.header("Authorization")).startsWith("Bearer test-token")
                        ? Answer.of(200, "application/octet-stream", image.layers().get(0)) : Answer.of(status)).path("/files/layer"));
        Reply reply = auto.get(path);
        assertEquals(200, reply.status());
        assertArrayEquals(bytes, reply.body());
        assertArrayEquals(bytes, proxy.get(path).body());
        assertHead(auto);
    }

    /** A signed address is refused beside an Authorization, so none goes there. */
    @Test
    void aStorageOnThatHostIsWhereTheClientIsSent() {
        hot.requireBearer(tokens).redirectBlobsTo(storage, 307, "{path}");
        Reply reply = auto.get(path);
        assertEquals(307, reply.status());
        assertArrayEquals(bytes, new TestClient().get(reply.header("Location")).body());
        assertHead(auto);
        assertArrayEquals(bytes, proxy.get(path).body());
    }

    @Test
    void noCallIsAddedForAStorageElsewhere() {
        hot.requireBearer(tokens).redirectBlobsTo(storage);
        assertNotNull(auto.get(path).header("Location"));
        assertEquals(List.of(), storage.calls());
    }

    @Test
    void troubleOfThatPathIsTrouble() {
        hot.requireBearer(tokens);
        hot.fault(Fault.redirectToNode(), Fault.status(404).where(call -> "node=2".equals(call.query())).times(1), Fault.status(500).where(call -> "node=2".equals(call.query())));
        assertEquals(503, auto.get(path).status());
        assertEquals(503, auto.head(path).status());
    }
}
