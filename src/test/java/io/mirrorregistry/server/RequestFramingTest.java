package io.mirrorregistry.server;

import static io.mirrorregistry.server.BodyServer.answer;
import static io.mirrorregistry.server.BodyServer.ends;
import static io.mirrorregistry.server.BodyServer.endsWith;
import static io.mirrorregistry.server.BodyServer.head;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.registry.PushBodyException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Where a request ends, if clients may push: either everybody reads it in one way, or it is refused and its connection ends, so that no part of a body
 * is ever taken for a request.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9112#section-11.2">RFC 9112, Request Smuggling</a>
 */
class RequestFramingTest {

    private static final String END = "\r\n\r\n";
    private static final String SMUGGLED = "DELETE /v2/app/smuggled HTTP/1.1\r\nHost: x" + END;
    private static final String CHUNKS = Integer.toHexString(SMUGGLED.length()) + "\r\n" + SMUGGLED + "\r\n0" + END;

    private final Queue<String> taken = new ConcurrentLinkedQueue<>();
    private BodyServer server;

    @BeforeEach
    void start() throws IOException {
        server = new BodyServer((request, body) -> {
            taken.add(request.method() + " " + request.path());
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            if (body != null) {
                body.writeTo(bytes);
            }
            return bytes.toString();
        });
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
    }

    private void assertRefused(int status, String request) throws IOException {
        Socket client = server.connect(request);
        assertEquals(status, answer(client).status(), request);
        assertTrue(ends(client), "the connection goes on after " + request);
        assertTrue(taken.isEmpty(), taken.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"POST", "PATCH", "PUT"})
    void chunksAreTaken(String method) throws Exception {
        for (String coding : new String[] {"chunked", "Chunked", "CHUNKED", " \tchunked \t"}) {
            Socket client = server.connect(head(method, "transfer-encoding:" + coding) + "\r\n" + CHUNKS);
            assertEquals(SMUGGLED, answer(client).body());
        }
        assertEquals(4, taken.size(), taken.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post"})
    void chunksOfOtherMethodsAreRefused(String method) throws Exception {
        assertRefused(411, head(method, "Transfer-Encoding: chunked") + "\r\n" + CHUNKS);
    }

    @Test
    void chunksElsewhereAreRefused() throws Exception {
        for (String path : new String[] {"/token", "/", "/health", "/v2", "/v2x/", "//v2/app"}) {
            assertRefused(411, "POST " + path + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked" + END + CHUNKS);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gzip", "identity", "xchunked", "chunkedx", "chunked, chunked", "gzip, chunked", "identity, chunked", "chunked;q=1",
        "\"chunked\"", "", ",chunked", "chunked,", "chunked\r\nTransfer-Encoding: chunked", "chunked\r\ntransfer-encoding: identity",
        "\r\n chunked", "chunked\r\n ", "chun\r\n ked", "gzip\r\nTransfer-Encoding: chunked"})
    void otherCodingsAreRefused(String coding) throws Exception {
        Socket client = server.connect(head("PATCH", "Transfer-Encoding: " + coding) + "\r\n" + CHUNKS);
        int status = answer(client).status();
        assertTrue(status == 411 || status == 400, coding + ": " + status);
        assertTrue(ends(client), "the connection goes on");
        assertTrue(taken.isEmpty(), taken.toString());
    }

    @Test
    void chunksWithALengthAreRefused() throws Exception {
        assertRefused(400, head("PUT", "Transfer-Encoding: chunked", "Content-Length: 5") + "\r\n" + CHUNKS);
        assertRefused(400, head("PUT", "Content-Length: " + CHUNKS.length(), "Transfer-Encoding: chunked") + "\r\n" + CHUNKS);
        assertRefused(411, head("PUT", "Content-Length: 5", "Transfer-Encoding: xchunked") + "\r\n" + CHUNKS);
    }

    @Test
    void chunksInHttp10AreRefused() throws Exception {
        for (String version : new String[] {"HTTP/1.0", "HTTP/1.2", "HTTP/0.9"}) {
            assertRefused(400, "PUT /v2/app/manifests/1 " + version + "\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked" + END + CHUNKS);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", "Transfer-Encoding:\u000bchunked",
        "Transfer-Encoding: chunked\u0000", "X: a\rTransfer-Encoding: chunked", "Transfer-Encoding", "Content-Length : 5", "Content-Length: +5",
        "Content-Length: -5", "Content-Length: 5, 5", "Content-Length: 0x5", "Content-Length: 5 5", "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 9223372036854775808",
        "Content-Length: 5_0", "Content-Length:", "Content-Length:\r\n 5", "Content-Length: 5\r\n 0", "Content-Length: 5\u000c"})
    void lengthsAndCodingsThatOthersMayReadOtherwiseAreRefused(String header) throws Exception {
        assertRefused(400, head("PUT", header) + "\r\n" + CHUNKS);
    }

    /** A line that is folded belongs to the header before it, which is Host. */
    @Test
    void aFoldedLineIsNoHeader() throws Exception {
        Socket client = server.connect(head("PUT", " Transfer-Encoding: chunked") + "\r\n" + CHUNKS);
        assertEquals(400, answer(client).status());
        assertEquals(400, answer(client).status());
        assertTrue(ends(client), "the connection goes on");
        assertTrue(taken.isEmpty(), taken.toString());
    }

    @Test
    void linesThatEndInALineFeedOnlyAreRefused() throws Exception {
        assertRefused(400, head("PUT", "X: y\nTransfer-Encoding: chunked") + "\r\n" + CHUNKS);
        assertRefused(400, "PUT /v2/app/manifests/1 HTTP/1.1\nHost: x\nContent-Length: 5\n\nhello");
    }

    /** The length that is stated twice is one length; the parser makes it one. */
    @Test
    void theSameLengthTwiceIsRefusedOrOneLength() throws Exception {
        Socket client = server.connect(head("PUT", "Content-Length: 5", "Content-Length: 5") + "\r\nhello" + SMUGGLED);
        int status = answer(client).status();
        assertTrue(status == 400 || status == 200, "status " + status);
        assertTrue(status == 200 || taken.isEmpty() && ends(client), taken.toString());
    }

    /** What follows a chunk that cannot be read may be anything. */
    @ParameterizedTest
    @ValueSource(strings = {"g\r\n", "5\r\nhello", "5\r\nhello\n", "5\nhello\r\n", "0\nX\r\n", "7fffffffff\r\n", ";\r\n"})
    void nothingBehindABrokenChunkIsARequest(String chunk) throws Exception {
        Socket client = server.connect(head("PUT", "Transfer-Encoding: chunked") + "\r\n" + chunk + "XX\r\n0" + END + SMUGGLED + SMUGGLED);
        assertEquals(400, answer(client).status());
        assertTrue(endsWith(client), "the connection goes on");
        assertEquals(1, taken.size(), taken.toString());
        PushBodyException failure = server.failure();
        assertTrue(failure.getMessage().contains("malformed"), failure.getMessage());
    }

    @Test
    void theRestOfARefusedBodyIsNoRequest() throws Exception {
        server.close();
        server = new BodyServer((request, body) -> {
            taken.add(request.method().name());
            throw new BodyServer.Refusal(403);
        });
        String body = SMUGGLED.repeat(10_000);
        Socket large = server.connect(head("PUT", "Content-Length: " + body.length()) + "\r\n");
        BodyServer.send(large, body + SMUGGLED);
        assertEquals(403, answer(large).status());
        assertTrue(ends(large), "the connection goes on");
        assertEquals(1, taken.size());
        Socket chunked = server.connect(head("PATCH", "Transfer-Encoding: chunked") + "\r\n");
        BodyServer.send(chunked, Integer.toHexString(body.length()) + "\r\n" + body + "\r\n0" + END + SMUGGLED);
        assertEquals(403, answer(chunked).status());
        assertTrue(ends(chunked), "the connection goes on");
        assertEquals(2, taken.size());
    }
}
