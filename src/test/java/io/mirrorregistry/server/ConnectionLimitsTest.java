package io.mirrorregistry.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.TestCertificate;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.PemKeyCertOptions;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Connections at their bounds, over real sockets, with a server that answers only when the test says so. */
class ConnectionLimitsTest {

    private static final String HEAD = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    /** More than the buffers of the network take. */
    private static final int LARGE = 16 * 1024 * 1024;
    private static final Duration LONG = Duration.ofMinutes(5);

    private final Vertx vertx = Vertx.vertx();
    private final List<Socket> sockets = new ArrayList<>();
    private final Queue<HttpServerRequest> held = new ConcurrentLinkedQueue<>();
    private volatile String file;
    private ConnectionLimits limits;
    private int port;

    @AfterEach
    void stop() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
        limits.close();
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }

    /** Answers /held only when the test takes it out of the queue; anything else at once. */
    private void start(HttpServerOptions options, ConnectionLimits.Bounds bounds) throws IOException {
        AcceptedConnections.enable();
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        limits = ConnectionLimits.begin(vertx.getOrCreateContext(), port, bounds, options);
        HttpServer server = vertx.createHttpServer(options.setPort(port).setHttp2ClearTextEnabled(false))
                .connectionHandler(connection -> limits.speaksHttp(ClientConnection.of(connection)))
                .requestHandler(request -> {
                    if (request.path().equals("/held")) {
                        held.add(request);
                    } else if (request.path().equals("/file")) {
                        request.response().sendFile(file);
                    } else if (request.path().equals("/large")) {
                        request.response().end(Buffer.buffer(new byte[LARGE]));
                    } else {
                        request.response().end("ok");
                    }
                });
        server.listen().toCompletionStage().toCompletableFuture().join();
    }

    private static ConnectionLimits.Bounds bounds(int connections, Duration idle, Duration arriving, Duration busy, long headBytes) {
        return new ConnectionLimits.Bounds(connections, idle, arriving, busy, 100, 10, headBytes, 1_000_000);
    }

    private Socket connect(String sent) throws IOException {
        Socket socket = new Socket("127.0.0.1", port);
        socket.setSoTimeout(10_000);
        sockets.add(socket);
        socket.getOutputStream().write(sent.getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    private static String read(Socket socket) throws IOException {
        InputStream in = socket.getInputStream();
        byte[] bytes = new byte[4096];
        int count = in.read(bytes);
        return count < 0 ? "" : new String(bytes, 0, count, StandardCharsets.US_ASCII);
    }

    private static boolean ends(Socket socket) {
        try {
            return socket.getInputStream().read() < 0;
        } catch (java.net.SocketTimeoutException e) {
            return false;
        } catch (IOException e) {
            return true;
        }
    }

    private static void await(BooleanSupplier condition, String what) throws InterruptedException {
        for (int i = 0; i < 1000 && !condition.getAsBoolean(); i++) {
            TimeUnit.MILLISECONDS.sleep(10);
        }
        assertTrue(condition.getAsBoolean(), what);
    }

    @Test
    void closesTheConnectionThatHasBeenIdleLongestForANewOne() throws Exception {
        start(new HttpServerOptions(), bounds(3, LONG, LONG, null, 1_000_000));
        Socket busy = connect("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
        await(() -> held.size() == 1, "the request did not come");
        Socket oldest = connect(HEAD);
        assertTrue(read(oldest).startsWith("HTTP/1.1 200"));
        Socket idle = connect("");
        await(() -> limits.connections() == 3, "connections: " + limits.connections());
        for (int i = 0; i < 20; i++) {
            assertTrue(read(connect(HEAD)).startsWith("HTTP/1.1 200"));
        }
        assertTrue(ends(oldest) && ends(idle), "an idle connection goes on");
        assertTrue(limits.connections() <= 3, "connections: " + limits.connections());
        held.remove().response().end("kept");
        assertTrue(read(busy).endsWith("kept"));
    }

    @Test
    void closesTheOldestHeadWhereNoConnectionIsIdleAndRefusesNewOnesWhereAllAreBusy() throws Exception {
        start(new HttpServerOptions(), bounds(2, LONG, LONG, null, 1_000_000));
        Socket arriving = connect("GET /");
        await(() -> limits.connections() == 1, "not there");
        connect("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
        await(() -> held.size() == 1, "the request did not come");
        connect("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
        await(() -> held.size() == 2, "the request did not come");
        assertTrue(ends(arriving));
        assertTrue(ends(connect("")), "one more than may be there");
    }

    @Test
    void countsConnectionsFromTheAcceptOnWhereTheyDoNotBeginTls() throws Exception {
        TestCertificate certificate = TestCertificate.make();
        start(new HttpServerOptions().setSsl(true).setKeyCertOptions(new PemKeyCertOptions()
                .addCertValue(Buffer.buffer(certificate.pem())).addKeyValue(Buffer.buffer(certificate.keyPem())))
                .setSslHandshakeTimeout(300), bounds(3, LONG, LONG, null, 1_000_000));
        Socket first = connect("");
        for (int i = 0; i < 5; i++) {
            connect("");
        }
        assertTrue(ends(first));
        await(() -> limits.connections() <= 3, "connections: " + limits.connections());
    }

    @Test
    void closesTheOldestHeadsOnceAllTakeMoreMemoryThanTheyMay() throws Exception {
        start(new HttpServerOptions().setMaxHeaderSize(100_000), bounds(100, LONG, LONG, null, 60_000));
        String part = "GET / HTTP/1.1\r\nHost: x\r\nX: " + "a".repeat(8_000) + "\r\n";
        Socket oldest = connect(part);
        await(() -> limits.heads().used() > 16_000, "no memory is charged: " + limits.heads().used());
        List<Socket> later = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            later.add(connect(part));
        }
        assertTrue(ends(oldest));
        Socket newest = later.get(9);
        newest.getOutputStream().write("\r\n".getBytes(StandardCharsets.US_ASCII));
        assertTrue(read(newest).startsWith("HTTP/1.1 200"));
        for (Socket socket : later) {
            socket.close();
        }
        await(() -> limits.connections() == 0, "connections: " + limits.connections());
        assertEquals(0, limits.heads().used());
    }

    @Test
    void refusesLongHeadsWhileOthersHaveTheMemoryAndServesShortOnes() throws Exception {
        start(new HttpServerOptions().setMaxHeaderSize(100_000), bounds(100, LONG, LONG, null, 60_000));
        String rest = " HTTP/1.1\r\nHost: x\r\nX: " + "a".repeat(8_000) + "\r\n\r\n";
        for (int i = 0; i < 3; i++) {
            connect("GET /held" + rest);
        }
        await(() -> held.size() == 3, "held: " + held.size());
        assertTrue(read(connect("GET /" + rest)).startsWith("HTTP/1.1 503"));
        assertTrue(read(connect(HEAD)).startsWith("HTTP/1.1 200"));
        while (!held.isEmpty()) {
            held.remove().response().end();
        }
        await(() -> limits.heads().used() == 0, "memory is left: " + limits.heads().used());
        assertTrue(read(connect("GET /" + rest)).startsWith("HTTP/1.1 200"));
    }

    @Test
    void givesABegunHeadItsTimeAndAnIdleConnectionMore() throws Exception {
        start(new HttpServerOptions(), bounds(100, LONG, Duration.ofMillis(400), null, 1_000_000));
        Socket idle = connect("");
        Socket kept = connect(HEAD);
        assertTrue(read(kept).startsWith("HTTP/1.1 200"));
        Socket partial = connect("GET / HTTP/1.1\r\nHost: x\r\nX: ");
        Socket emptyLines = connect("\r\n");
        kept.getOutputStream().write("G".getBytes(StandardCharsets.US_ASCII));
        Socket restOfBody = connect("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123");
        assertTrue(read(restOfBody).startsWith("HTTP/1.1 200"));
        assertTrue(ends(partial) && ends(emptyLines) && ends(kept) && ends(restOfBody));
        idle.getOutputStream().write(HEAD.getBytes(StandardCharsets.US_ASCII));
        assertTrue(read(idle).startsWith("HTTP/1.1 200"));
    }

    @Test
    void closesIdleConnectionsAfterTheirTimeAndBusyOnesWhereThereIsABound() throws Exception {
        start(new HttpServerOptions(), bounds(100, Duration.ofMillis(400), Duration.ofMillis(400), Duration.ofMillis(400), 1_000_000));
        Socket idle = connect("");
        Socket busy = connect("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
        assertTrue(ends(idle) && ends(busy));
        await(() -> limits.connections() == 0, "connections: " + limits.connections());
    }

    @Test
    void letsABusyConnectionTakeItsTimeWhereThereIsNoBound() throws Exception {
        start(new HttpServerOptions(), bounds(100, Duration.ofMillis(200), Duration.ofMillis(200), null, 1_000_000));
        Socket busy = connect("GET /held HTTP/1.1\r\nHost: x\r\n\r\nGET / HT");
        assertTrue(ends(connect("")), "an idle one goes on");
        assertTrue(ends(connect("")), "an idle one goes on");
        held.remove().response().end("late");
        assertTrue(read(busy).endsWith("late"));
        assertTrue(ends(busy), "the begun head goes on");
    }

    @Test
    void closesAConnectionWithManyHeadsBehindOneThatIsNotAnswered() throws Exception {
        start(new HttpServerOptions(), new ConnectionLimits.Bounds(100, LONG, LONG, null, 100, 90, 100_000, 1_000_000));
        Socket honest = connect("GET / HTTP/1.1\r\nHost: x\r\nX: ");
        Socket hostile = connect("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
        await(() -> held.size() == 1, "not there");
        String whole = "GET / HTTP/1.1\r\nHost: x\r\n" + "a:\r\n".repeat(99) + "\r\n";
        try {
            for (int i = 0; i < 80; i++) {
                hostile.getOutputStream().write(whole.getBytes(StandardCharsets.US_ASCII));
            }
        } catch (IOException e) {
            // closed
        }
        assertTrue(ends(hostile));
        honest.getOutputStream().write("y\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        assertTrue(read(honest).startsWith("HTTP/1.1 200"));
        await(() -> limits.heads().used() == 0, "left: " + limits.heads().used());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"})
    void givesTheMemoryOfAHeadBackOnceThoughItsClientLeavesInTheMiddleOfAnother(String complete) throws Exception {
        start(new HttpServerOptions(), bounds(100, LONG, LONG, null, 1_000_000));
        for (int i = 0; i < 3; i++) {
            Socket leaving = connect("GET /held HTTP/1.1\r\nHost: x\r\n\r\n" + complete + "GET / HTTP/1.1\r\nHost: x\r\nX: ");
            await(() -> held.size() == 1, "not there");
            held.remove();
            leaving.close();
            await(() -> limits.connections() == 0, "connections: " + limits.connections());
        }
        await(() -> limits.heads().used() == 0, "left: " + limits.heads().used());
    }

    @Test
    void givesTheMemoryOfHeadsBackOnceThoughTheirConnectionIsClosedInTheMiddleOfAnother() throws Exception {
        start(new HttpServerOptions(), bounds(100, LONG, LONG, null, 1_000_000));
        Socket hostile = connect("GET /held HTTP/1.1\r\nHost: x\r\n\r\n" + HEAD.repeat(10) + "GET / HTTP/1.1\r\nHost: x\r\nX: ");

        assertTrue(ends(hostile));

        await(() -> limits.connections() == 0, "connections: " + limits.connections());
        await(() -> limits.heads().used() == 0, "left: " + limits.heads().used());
    }

    @Test
    void givesTheMemoryOfAHeadBackWithItsResponseThoughMorePipelinedRequestsFollow() throws Exception {
        start(new HttpServerOptions(), new ConnectionLimits.Bounds(100, LONG, LONG, null, 100, 90, 30_000, 1_000_000));
        String request = "GET / HTTP/1.1\r\nHost: x\r\n" + "a: b\r\n".repeat(10) + "\r\n";
        Socket socket = connect(request + request);
        int answers = 0;
        StringBuilder all = new StringBuilder();
        while (answers < 60) {
            String more = read(socket);
            assertFalse(more.isEmpty(), "ended after " + answers);
            all.append(more);
            int now = all.toString().split("HTTP/1.1 200", -1).length - 1;
            for (; answers < now; answers++) {
                socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            }
            assertTrue(limits.heads().used() < 15_000, "memory of heads: " + limits.heads().used());
        }
    }

    @Test
    void closesABusyConnectionWhoseClientTakesNothingForANewOne() throws Exception {
        start(new HttpServerOptions(), new ConnectionLimits.Bounds(1, LONG, LONG, null, 100, 10, 1_000_000, 100_000_000));
        Socket stalled = connectWithSmallBuffer(null, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
        await(() -> limits.unsent() > 0, "nothing waits");
        assertTrue(ends(connect("")), "a busy connection was closed at once");
        String answer = "";
        for (int i = 0; i < 100 && answer.isEmpty(); i++) {
            TimeUnit.MILLISECONDS.sleep(200);
            try {
                answer = read(connect(HEAD));
            } catch (IOException e) {
                // refused: the other one is still there
            }
        }
        assertTrue(answer.startsWith("HTTP/1.1 200"), "the stalled connection stays");
        assertTrue(total(stalled) < LARGE, "the whole came");
    }

    @Test
    void answersPipelinedRequestsOneAfterTheOtherAsTheClientTakesThem() throws Exception {
        start(new HttpServerOptions(), new ConnectionLimits.Bounds(10, LONG, LONG, null, 100, 10, 1_000_000, 100_000_000));
        Socket slow = connect("GET /large HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10));
        await(() -> limits.unsent() > 0, "nothing waits for the client");
        assertTrue(limits.unsent() <= LARGE, "responses that wait: " + limits.unsent() / LARGE);
        long read = 0;
        byte[] bytes = new byte[1 << 16];
        while (read < 10L * LARGE) {
            int count = slow.getInputStream().read(bytes);
            assertTrue(count > 0, "ended after " + read);
            read += count;
            assertTrue(limits.unsent() <= LARGE, "responses that wait: " + limits.unsent() / LARGE);
        }
        await(() -> limits.unsent() == 0, "left: " + limits.unsent());
        assertEquals(0, limits.heads().used());
    }

    @Test
    void closesTheConnectionsThatTakeNothingForLongestOnceTooMuchWaitsForClients() throws Exception {
        start(new HttpServerOptions(), new ConnectionLimits.Bounds(100, LONG, LONG, null, 100, 10, 1_000_000, 3 * LARGE));
        List<Socket> slow = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            slow.add(connect("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
            int there = i + 1;
            await(() -> limits.unsent() >= Math.min(there, 2) * (LARGE / 2L), "unsent: " + limits.unsent());
        }
        assertTrue(limits.unsent() <= 3 * LARGE, "unsent: " + limits.unsent());
        await(() -> limits.connections() <= 3, "connections: " + limits.connections());
        assertTrue(read(connect(HEAD)).startsWith("HTTP/1.1 200"));
        for (Socket socket : slow) {
            socket.close();
        }
        await(() -> limits.unsent() == 0, "left: " + limits.unsent());
    }

    /** Over TLS a file is one write from its beginning to its end; what the network takes of it is progress all the same. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void closesAConnectionWhoseClientTakesNothingAndLetsAFileTakeItsTime(boolean tls) throws Exception {
        Path large = Files.createTempFile("large", ".bin");
        try {
            Files.write(large, new byte[LARGE]);
            file = large.toString();
            TestCertificate certificate = tls ? TestCertificate.make() : null;
            start(tls ? new HttpServerOptions().setSsl(true).setKeyCertOptions(new PemKeyCertOptions()
                    .addCertValue(Buffer.buffer(certificate.pem())).addKeyValue(Buffer.buffer(certificate.keyPem()))) : new HttpServerOptions(),
                    new ConnectionLimits.Bounds(10, Duration.ofSeconds(2), LONG, null, 100, 10, 1_000_000, 100_000_000));
            Socket slow = connectWithSmallBuffer(certificate, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
            Socket stalledFile = connectWithSmallBuffer(certificate, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
            Socket stalled = connectWithSmallBuffer(certificate, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
            for (int i = 0; i < 90; i++) {
                assertEquals(100_000, slow.getInputStream().readNBytes(100_000).length);
                TimeUnit.MILLISECONDS.sleep(50);
            }
            // Over TLS the server waits some seconds for its goodbye to be taken.
            await(() -> limits.connections() <= 1, "connections: " + limits.connections());
            assertEquals(100_000, slow.getInputStream().readNBytes(100_000).length);
            for (Socket socket : List.of(stalledFile, stalled)) {
                assertTrue(total(socket) < LARGE, "the whole came");
            }
        } finally {
            Files.delete(large);
        }
    }

    private Socket connectWithSmallBuffer(TestCertificate certificate, String sent) throws IOException {
        Socket socket = new Socket();
        socket.setReceiveBufferSize(64 * 1024);
        socket.setSoTimeout(10_000);
        socket.connect(new InetSocketAddress("127.0.0.1", port));
        if (certificate != null) {
            socket = certificate.context().getSocketFactory().createSocket(socket, "127.0.0.1", port, true);
        }
        sockets.add(socket);
        socket.getOutputStream().write(sent.getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    private static long total(Socket socket) {
        long total = 0;
        byte[] bytes = new byte[1 << 16];
        try {
            for (int count = socket.getInputStream().read(bytes); count >= 0; count = socket.getInputStream().read(bytes)) {
                total += count;
            }
        } catch (IOException e) {
            // reset
        }
        return total;
    }

    @Test
    void countsHeaderLinesHoweverTheyArriveAndFoldedOnesToo() throws Exception {
        start(new HttpServerOptions().setMaxHeaderSize(100_000), bounds(100, LONG, LONG, null, 1_000_000));
        String start = "GET / HTTP/1.1\r\nHost: x\r\n";
        assertTrue(read(connect(start + "a:\r\n".repeat(99) + "\r\n")).startsWith("HTTP/1.1 200"));
        assertFalse(read(connect(start + "a:\r\n".repeat(100) + "\r\n")).startsWith("HTTP/1.1 200"));
        assertFalse(read(connect(start + "a:\r\n".repeat(2600))).startsWith("HTTP/1.1 200"));
        assertFalse(read(connect(start + "a: b\r\n" + " c\r\n".repeat(200))).startsWith("HTTP/1.1 200"));
        Socket inPieces = connect(start);
        for (int i = 0; i < 99; i++) {
            inPieces.getOutputStream().write("a: b\r\n".getBytes(StandardCharsets.US_ASCII));
            inPieces.getOutputStream().flush();
        }
        inPieces.getOutputStream().write("\r\n".getBytes(StandardCharsets.US_ASCII));
        assertTrue(read(inPieces).startsWith("HTTP/1.1 200"));
        // Many short requests in one packet are no long head.
        Socket pipelined = connect((start + "a: b\r\n".repeat(60) + "\r\n").repeat(5));
        StringBuilder all = new StringBuilder();
        while (all.toString().split("HTTP/1.1 200", -1).length < 6) {
            String more = read(pipelined);
            assertFalse(more.isEmpty(), "ended after " + all);
            all.append(more);
        }
    }
}
