package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.Manner;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Parts of blobs: where a part is the whole blob its digest proves it, and no part is followed by bytes that are not its own. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PartTest {

    private final TestStorage storage = TestStorage.start();
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror proxy = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy");
    private final Image image = hot.image("library/app", "1.0");
    private final String layer = image.path(image.layers().get(0));

    @AfterEach
    void heal() {
        hot.heal();
        storage.heal();
        hot.serveBlobs();
    }

    @AfterAll
    void stop() {
        proxy.close();
        List.of(hot, cold, storage).forEach(TestServer::close);
    }

    private static byte[] bytes(Body body) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            body.writeTo(out);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return out.toByteArray();
    }

    /** Bytes beyond the length of an answer would be taken for the next answer on the same connection. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aPartIsNeverFollowedByMoreBytes(boolean redirects) throws Exception {
        String smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno";
        String sent = "0123456789" + smuggled + " ".repeat(200_000);
        TestServer server = redirects ? storage : hot;
        if (redirects) {
            hot.redirectBlobsTo(storage);
        }
        server.fault(Fault.instead((call, answer) -> call.header("Range") == null ? answer
                : Answer.of(206, "application/octet-stream", sent).with("Content-Range", "bytes 5-14/1001").with(Manner.CHUNKED)));
        try (Wire wire = new Wire(proxy.port())) {
            Wire.Answer answer = wire.send("GET " + layer + " HTTP/1.1\r\nHost: x\r\nRange: bytes=5-14\r\n\r\n").answer();
            assertEquals(503, answer.status());
        }
        proxy.awaitNoneLeased("hot");
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes=0-", "bytes=0-99999999", "bytes=-99999999"})
    void aPartThatIsTheWholeIsProved(String range) {
        Body large = Body.ofSize(2_000_000, 3);
        String path = "/v2/library/app/blobs/" + hot.blob("library/app", large);
        for (boolean redirects : new boolean[] {false, true}) {
            if (redirects) {
                hot.redirectBlobsTo(storage);
            }
            TestServer server = redirects ? storage : hot;
            Heard right = Heard.ask(proxy.url() + path, false, "Range", range);
            assertEquals(206, right.status());
            assertTrue(right.whole() && right.body().length == large.length());
            assertEquals("bytes 0-1999999/2000000", right.header("Content-Range"));
            for (Fault chunked : List.of(Fault.header("X-Z", "z"), Fault.chunked().method("GET"))) {
                server.fault(Fault.otherBytes().method("GET"), chunked);
                Heard wrong = Heard.ask(proxy.url() + path, false, "Range", range);
                assertFalse(wrong.whole() && wrong.status() < 300, wrong.toString());
                assertTrue(wrong.status() == 503 || wrong.body().length < large.length(), wrong.toString());
                server.heal();
            }
        }
        proxy.awaitNoneLeased("hot");
    }

    @Test
    void aSmallPartThatIsTheWholeIsTakenFromTheOtherRegistryWhereItIsWrong() {
        Image other = hot.image("library/small", "1.0");
        cold.put(other);
        String path = other.path(other.layers().get(0));
        hot.fault(Fault.otherBytes().on(Kind.BLOB).method("GET"));
        Heard heard = Heard.ask(proxy.url() + path, false, "Range", "bytes=0-");
        assertEquals(206, heard.status());
        assertArrayEquals(bytes(other.layers().get(0)), heard.body());
    }

    /** Said to be one byte short of the whole, which nothing would prove. */
    @Test
    void aPartOfABlobOfAnotherSizeIsTrouble() {
        hot.fault(Fault.spoil(answer -> answer.with(Body.ofSize(answer.body().length(), 666)).with("Content-Range", "bytes 0-1000/1002"))
                .on(Kind.BLOB).method("GET"));
        assertEquals(503, proxy.get(layer, "Range", "bytes=0-1000").status());
    }
}
