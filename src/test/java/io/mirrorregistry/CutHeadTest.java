package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * A registry's connection that closes within the head of a response: the mirror must not use a truncated length, address or status.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9112#section-8">RFC 9112, Handling Incomplete Messages</a>
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CutHeadTest {

    private static final String MANIFEST = "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n";

    private final TestStorage storage = TestStorage.start();
    private final TestRegistry hot = TestRegistry.start("hot");
    // The circuit breaker stays closed, so that each 503 is caused by its own truncated head.
    private final TestMirror auto = start("auto");
    private final TestMirror proxy = start("proxy");

    private TestMirror start(String blobs) {
        return TestMirror.start("HOT_URL", hot.url(), "MIRROR_PLAN", "hot", "HOT_BLOBS", blobs, "MIRROR_BREAKER_CALLS", "2000",
                "MIRROR_BREAKER_MINIMUM_CALLS", "2000");
    }

    @AfterEach
    void heal() {
        hot.heal();
        storage.heal();
        hot.serveBlobs();
    }

    @AfterAll
    void stop() {
        List.of(auto, proxy).forEach(TestMirror::close);
        List.of(hot, storage).forEach(TestServer::close);
    }

    /** Truncates the head to each shorter length, from no byte to all but the last byte of the empty line. */
    private void assertTrouble(TestServer server, Kind kind, String head, TestMirror mirror, String method, String path) {
        for (int length = 0; length < head.length(); length++) {
            server.heal();
            server.fault(Fault.raw(head.substring(0, length)).on(kind));
            assertEquals(503, mirror.send(method, path).status(), method + " after " + head.substring(0, length));
        }
        server.heal();
    }

    @Test
    void itsLengthIsNotTold() {
        Image image = hot.image("library/length", "1.0");
        String blob = "HTTP/1.1 200 OK\r\nContent-Length: 50243\r\n\r\n";
        assertTrouble(hot, Kind.BLOB, blob, auto, "HEAD", image.path(image.layers().get(0)));
        String digest = "Docker-Content-Digest: " + image.digest() + "\r\n";
        assertTrouble(hot, Kind.MANIFEST, "HTTP/1.1 200 OK\r\n" + MANIFEST + digest + "Content-Length: 1234\r\n\r\n", auto, "HEAD", image.path());
        assertEquals(200, auto.head(image.path(image.layers().get(0))).status());
    }

    @Test
    void itsStatusIsNotTold() {
        Image image = hot.image("library/status", "1.0");
        String missing = "HTTP/1.1 404 Not Found\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Length: 0\r\n\r\n";
        for (String method : List.of("GET", "HEAD")) {
            assertTrouble(hot, Kind.MANIFEST, missing, auto, method, image.path());
            assertTrouble(hot, Kind.BLOB, missing, auto, method, image.path(image.layers().get(0)));
        }
        assertTrouble(hot, Kind.TAGS, missing, auto, "GET", "/v2/library/status/tags/list");
    }

    @Test
    void itsAddressIsNotTold() {
        Image image = hot.image("library/address", "1.0");
        String there = "HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:" + storage.port() + "/data?signature=1234\r\n\r\n";
        assertTrouble(hot, Kind.BLOB, there, auto, "GET", image.path(image.layers().get(0)));
    }

    @Test
    void theEndOfABodyIsNotMadeOfIt() {
        Image image = hot.image("library/body", "1.0");
        assertTrouble(hot, Kind.BLOB, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n", proxy, "GET", image.path(image.layers().get(0)));
        hot.redirectBlobsTo(storage);
        assertTrouble(storage, Kind.OTHER, "HTTP/1.1 200 OK\r\nContent-Length: 50243\r\n\r\n", proxy, "GET", image.path(image.layers().get(0)));
    }

    /** A chunk size {@code 0a} that is truncated to {@code 0} would mark the end of the body. */
    @Test
    void theSizeOfAChunkIsNotCut() {
        String head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        String list = "{\"name\":\"library/chunks\",\"tags\":[\"1\"]}";
        String begin = head + Integer.toHexString(list.length()) + "\r\n" + list + "\r\n0";
        hot.fault(Fault.raw(begin).on(Kind.TAGS));
        assertEquals(503, auto.get("/v2/library/chunks/tags/list").status());
        // The size 0 is complete; only the empty line after it is missing.
        hot.heal();
        hot.fault(Fault.raw(begin + "\r\n").on(Kind.TAGS));
        assertEquals(list, new String(auto.get("/v2/library/chunks/tags/list").body(), StandardCharsets.US_ASCII));
    }
}
