package io.mirrorregistry.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.TestCertificate;
import io.mirrorregistry.testing.TestTls;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.PemKeyCertOptions;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** When a response is whole and when it is cut, over real sockets, with a server that writes what the test says. */
class ResponseEndTest {

    /** More than the buffers of the network take. */
    private static final int LARGE = 16 * 1024 * 1024;
    private static final int SMALL = 322;

    @TempDir
    private Path folder;
    private final Vertx vertx = Vertx.vertx();
    private final BlockingQueue<End> ends = new LinkedBlockingQueue<>();
    private ConnectionLimits limits;
    private int port;

    private record End(boolean whole, long bytes) {
    }

    @AfterEach
    void stop() {
        limits.close();
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }

    private void start(Handler<HttpServerRequest> answer) throws IOException {
        start(new HttpServerOptions(), Duration.ofMinutes(5), answer);
    }

    private void start(HttpServerOptions options, Duration idle, Handler<HttpServerRequest> answer) throws IOException {
        AcceptedConnections.enable();
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        limits = ConnectionLimits.begin(vertx.getOrCreateContext(), port,
                new ConnectionLimits.Bounds(10, idle, Duration.ofMinutes(5), null, 100, 10, 1_000_000, 100_000_000), options);
        HttpServer server = vertx.createHttpServer(options.setPort(port).setHttp2ClearTextEnabled(false))
                .connectionHandler(connection -> limits.speaksHttp(ClientConnection.of(connection)))
                .requestHandler(request -> {
                    ClientConnection.of(request.connection()).whenEnded((whole, bytes) -> ends.add(new End(whole, bytes)));
                    answer.handle(request);
                });
        server.listen().toCompletionStage().toCompletableFuture().join();
    }

    private Socket connect(String requests) throws IOException {
        Socket socket = new Socket();
        // A client that reads nothing takes next to nothing.
        socket.setReceiveBufferSize(4096);
        socket.connect(new InetSocketAddress("127.0.0.1", port));
        return send(socket, requests);
    }

    private static Socket send(Socket socket, String requests) throws IOException {
        socket.setSoTimeout(10_000);
        socket.getOutputStream().write(requests.getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    private static String get(String path) {
        return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
    }

    /** Reads a head, and so many bytes of the body. */
    private static void read(Socket socket, int bytes) throws IOException {
        StringBuilder head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) {
            int b = socket.getInputStream().read();
            assertTrue(b >= 0, head.toString());
            head.append((char) b);
        }
        assertEquals(bytes, socket.getInputStream().readNBytes(bytes).length);
    }

    private End next() throws InterruptedException {
        End end = ends.poll(10, TimeUnit.SECONDS);
        assertTrue(end != null, "no end was noted");
        return end;
    }

    /** Writes some bytes and never ends the response. */
    private static void write(HttpServerRequest request, int length, int written) {
        request.response().putHeader("Content-Length", String.valueOf(length)).write(Buffer.buffer(new byte[written]));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aResponseWhoseLastByteIsTakenIsWholeAlthoughTheServerHasNotEndedIt(boolean tls) throws Exception {
        TestCertificate certificate = TestTls.certificate();
        HttpServerOptions options = !tls ? new HttpServerOptions() : new HttpServerOptions().setSsl(true).setKeyCertOptions(new PemKeyCertOptions()
                .setCertValue(Buffer.buffer(certificate.pem())).setKeyValue(Buffer.buffer(certificate.keyPem())));
        start(options, Duration.ofMinutes(5), request -> write(request, SMALL, SMALL));
        try (Socket client = tls ? send(TestTls.context().getSocketFactory().createSocket("127.0.0.1", port), get("/")) : connect(get("/"))) {
            read(client, SMALL);
            assertEquals(new End(true, SMALL), next());
        }
        limits.close();
        assertNull(ends.poll(200, TimeUnit.MILLISECONDS), "the close of the connection is another end");
    }

    @Test
    void aResponseThatLacksOneByteIsCut() throws Exception {
        start(request -> write(request, SMALL, SMALL - 1));
        try (Socket client = connect(get("/"))) {
            read(client, SMALL - 1);
        }
        assertEquals(new End(false, SMALL - 1), next());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void bytesThatAreOnlyQueuedWhenTheClientLeavesAreCut(boolean chunked) throws Exception {
        start(request -> request.response().setChunked(chunked).end(Buffer.buffer(new byte[LARGE])));
        try (Socket client = connect(get("/"))) {
            read(client, 1000);
        }
        assertFalse(next().whole());
    }

    @Test
    void bytesThatAreOnlyQueuedWhenTheServerClosesAreCut() throws Exception {
        start(new HttpServerOptions(), Duration.ofMillis(300), request -> request.response().end(Buffer.buffer(new byte[LARGE])));
        try (Socket client = connect(get("/"))) {
            assertFalse(next().whole());
        }
    }

    @Test
    void aResponseOfUnknownLengthIsWholeOnlyWithItsEnd() throws Exception {
        start(request -> {
            request.response().setChunked(true).write(Buffer.buffer("some"));
            if (request.path().equals("/ended")) {
                request.response().end();
            }
        });
        try (Socket client = connect(get("/ended"))) {
            assertEquals(new End(true, 4), next());
        }
        try (Socket client = connect(get("/open"))) {
            read(client, 4);
        }
        assertEquals(new End(false, 4), next());
    }

    @Test
    void aFileIsWholeWithItsLastByte() throws Exception {
        Path file = Files.write(folder.resolve("file"), new byte[LARGE]);
        start(request -> request.response().sendFile(file.toString(), 0, request.path().equals("/small") ? SMALL : request.path().equals("/none") ? 0 : LARGE));
        try (Socket client = connect(get("/small"))) {
            read(client, SMALL);
        }
        assertEquals(new End(true, SMALL), next());
        try (Socket client = connect(get("/none"))) {
            read(client, 0);
        }
        assertEquals(new End(true, 0), next());
        try (Socket client = connect(get("/large"))) {
            read(client, 1000);
        }
        End cut = next();
        assertFalse(cut.whole());
        assertTrue(cut.bytes() >= 1000 && cut.bytes() < LARGE, cut.toString());
    }

    @ParameterizedTest
    @CsvSource({"200, GET", "200, HEAD", "304, GET", "404, GET"})
    void aResponseWithoutABodyIsWhole(int status, String method) throws Exception {
        start(request -> {
            request.response().setStatusCode(status);
            if (status != 404) {
                request.response().putHeader("Content-Length", status == 200 && method.equals("GET") ? "0" : "1000");
            }
            request.response().end();
        });
        try (Socket client = connect(method + " / HTTP/1.1\r\nHost: x\r\n\r\n")) {
            read(client, 0);
            assertEquals(new End(true, 0), next());
        }
    }

    @Test
    void aResponseThatEndsBeforeItsLengthIsCutAndItsConnectionClosed() throws Exception {
        start(request -> {
            write(request, SMALL, SMALL - 1);
            request.response().end();
        });
        try (Socket client = connect(get("/") + get("/"))) {
            read(client, SMALL - 1);
            assertEquals(-1, client.getInputStream().read());
        }
        assertEquals(new End(false, SMALL - 1), next());
    }

    @Test
    void anInterimResponseIsNoEnd() throws Exception {
        start(request -> {
            request.response().writeContinue();
            vertx.setTimer(50, later -> request.response().end("ok"));
        });
        try (Socket client = connect("GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n")) {
            read(client, 0);
            read(client, 2);
            assertEquals(new End(true, 2), next());
        }
        assertNull(ends.poll(100, TimeUnit.MILLISECONDS));
    }

    @Test
    void eachOfSeveralPipelinedRequestsHasItsOwnEnd() throws Exception {
        start(request -> {
            if (request.path().equals("/open")) {
                write(request, SMALL, 5);
            } else {
                request.response().end("ok");
            }
        });
        try (Socket client = connect(get("/") + get("/") + get("/open"))) {
            assertEquals(new End(true, 2), next());
            assertEquals(new End(true, 2), next());
            read(client, 2);
            read(client, 2);
            read(client, 5);
        }
        assertEquals(new End(false, 5), next());
    }

    @Test
    void aRequestWithoutAResponseIsCut() throws Exception {
        start(request -> { });
        connect(get("/")).close();
        assertEquals(new End(false, 0), next());
    }
}
