package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.Manner;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A registry's Content-Length is digits, which the mirror writes anew; anything else is the registry's trouble. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ContentLengthTest {

    private final TestStorage storage = TestStorage.start();
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror auto = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url());
    private final TestMirror proxy = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy");
    private final Image image = hot.image("library/app", "1.0");
    private final String layer = image.path(image.layers().get(0));
    private final String length = String.valueOf(image.layers().get(0).length());
    private final List<String> lists = List.of("/v2/library/app/tags/list", "/v2/library/app/referrers/" + image.digest());

    @AfterEach
    void heal() {
        hot.heal();
        storage.heal();
        hot.serveBlobs();
    }

    @AfterAll
    void stop() {
        List.of(auto, proxy).forEach(TestMirror::close);
        List.of(hot, cold, storage).forEach(TestServer::close);
    }

    private static Fault lengths(String template) {
        return Fault.spoil(answer -> answer.header("Content-Length") == null ? answer
                : answer.with("Content-Length", template.replace("n", answer.header("Content-Length"))));
    }

    /** @param template n stands for the true length */
    @ParameterizedTest
    @ValueSource(strings = {"+n", "-n", "-1", "0xn", "n, n", "n n", "00000000000000000000n", "", "n;", "n.0", "\u00b2n"})
    void anythingButDigitsIsTrouble(String template) {
        hot.fault(lengths(template));
        for (TestMirror mirror : List.of(auto, proxy)) {
            for (String path : List.of(image.path(), image.pathByDigest(), layer)) {
                assertEquals(503, mirror.get(path).status(), path);
                assertEquals(503, mirror.head(path).status(), path);
            }
            for (String path : lists) {
                // Cold is asked as well, and has nothing; what it says is told with a warning or not at all.
                assertFalse(mirror.get(path).text().contains("1.0"), path);
            }
            mirror.awaitNoneLeased("hot");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"+n", "-1", "00000000000000000000n", ""})
    void soIsItsStorages(String template) {
        hot.redirectBlobsTo(storage);
        storage.fault(lengths(template));
        assertEquals(503, proxy.get(layer).status());
        assertEquals(503, proxy.get(layer, "Range", "bytes=5-14").status());
        assertEquals(503, proxy.head(layer).status());
        assertEquals(503, auto.head(layer).status());
        assertEquals(307, auto.get(layer).status());
    }

    @Test
    void digitsAreWrittenAnew() throws Exception {
        hot.fault(lengths("000n"));
        for (TestMirror mirror : List.of(auto, proxy)) {
            try (Wire wire = new Wire(mirror.port())) {
                for (String path : List.of(layer, image.path())) {
                    String told = path.equals(layer) ? length : String.valueOf(image.manifest().length);
                    assertEquals(told, wire.send("HEAD " + path + " HTTP/1.1\r\nHost: x\r\n\r\n").answer(true).header("Content-Length"));
                    if (mirror == proxy) {
                        assertEquals(told, wire.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n").answer().header("Content-Length"));
                    }
                }
            }
        }
    }

    @Test
    void besideChunksItMeansNothing() {
        hot.fault(Fault.spoil(answer -> answer.with(Manner.CHUNKED_WITH_LENGTH)).on(Kind.BLOB).method("GET"));
        Heard heard = Heard.ask(proxy.url() + layer, false);
        assertTrue(heard.whole());
        assertEquals(null, heard.header("Content-Length"));
        hot.heal();
        hot.fault(Fault.spoil(answer -> answer.with("Transfer-Encoding", "chunked").with("Content-Length", "5")).on(Kind.BLOB).method("HEAD"));
        assertEquals(length, auto.head(layer).header("Content-Length"));
    }
}
