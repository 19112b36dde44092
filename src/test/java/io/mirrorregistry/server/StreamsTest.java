package io.mirrorregistry.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.pull.Pull;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class StreamsTest {

    /** More than the network's buffers take. */
    private static final int LARGE = 32 * 1024 * 1024;

    private final Vertx vertx = Vertx.vertx();
    private final List<Socket> sockets = new ArrayList<>();
    private final BlockingQueue<HttpServerRequest> requests = new LinkedBlockingQueue<>();
    private ConnectionLimits limits;
    private int port;

    @BeforeEach
    void start() throws IOException {
        AcceptedConnections.enable();
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        HttpServerOptions options = new HttpServerOptions().setPort(port).setHttp2ClearTextEnabled(false);
        limits = ConnectionLimits.begin(vertx.getOrCreateContext(), port, new ConnectionLimits.Bounds(100, Duration.ofMinutes(5), Duration.ofMinutes(5), null, 100, 100,
                1_000_000, 1_000_000_000), options);
        vertx.createHttpServer(options).connectionHandler(connection -> limits.speaksHttp(ClientConnection.of(connection)))
                .requestHandler(requests::add).listen().toCompletionStage().toCompletableFuture().join();
    }

    @AfterEach
    void stop() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
        limits.close();
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }

    private Socket connect() throws IOException {
        Socket socket = new Socket("127.0.0.1", port);
        socket.setSoTimeout(20_000);
        socket.getOutputStream().write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        sockets.add(socket);
        return socket;
    }

    private Pull pull() throws InterruptedException {
        HttpServerRequest request = requests.poll(20, TimeUnit.SECONDS);
        assertNotNull(request);
        return new Pull(request, request.response(), "test", true, null);
    }

    @Test
    void refusesOneTooManyOfARegistryAndInAll() throws Exception {
        Streams streams = new Streams(1, 2);
        connect();
        Pull pull = pull();
        Streams.Running hot = streams.begin("hot", pull);
        assertNotNull(hot);
        assertNull(streams.begin("hot", pull));
        Streams.Running cold = streams.begin("cold", pull);
        assertNotNull(cold);
        assertNull(streams.begin("third", pull));
        hot.close();
        assertNull(streams.begin("cold", pull));
        Streams.Running third = streams.begin("third", pull);
        assertNotNull(third);
        third.close();
        cold.close();
        assertFalse(pull.abandoned());
    }

    /** The slow client takes nothing of much; the fast one has taken more than 100 kB a second. */
    @Test
    void endsTheStreamWhoseClientTakesLeastForANewOne() throws Exception {
        Streams streams = new Streams(2, 2, 1);
        Socket slowClient = connect();
        Pull slow = pull();
        Streams.Running slowStream = streams.begin("hot", slow);
        slowStream.waits();
        slow.response().putHeader("Content-Length", String.valueOf(LARGE));
        vertx.runOnContext(now -> slow.response().write(Buffer.buffer(new byte[LARGE])));
        Socket fastClient = connect();
        Pull fast = pull();
        Streams.Running fastStream = streams.begin("hot", fast);
        assertNotNull(fastStream);
        fast.response().putHeader("Content-Length", String.valueOf(2L * LARGE));
        vertx.runOnContext(now -> fast.response().write(Buffer.buffer(new byte[LARGE])));
        fastClient.getInputStream().readNBytes(LARGE);
        ClientConnection fastConnection = ClientConnection.of(fast.connection());
        for (int i = 0; i < 1000 && fastConnection.taken() < LARGE; i++) {
            TimeUnit.MILLISECONDS.sleep(5);
        }
        assertTrue(fastConnection.taken() >= LARGE, "taken " + fastConnection.taken());
        slow.whenAbandoned(slowStream::close);
        connect();
        Streams.Running next = streams.begin("hot", pull());
        assertNotNull(next);
        assertTrue(slow.abandoned());
        assertFalse(fast.abandoned());
        int read = 0;
        try {
            read = slowClient.getInputStream().readAllBytes().length;
        } catch (IOException e) {
            // reset
        }
        assertTrue(read < LARGE, "the slow stream ended whole");
        next.close();
        fastStream.close();
    }

    /** The registry is slow: the stream has hardly waited for its client. */
    @Test
    void endsNoStreamWhoseClientTakesAllThatThereIs() throws Exception {
        Streams streams = new Streams(1, 1, 1);
        connect();
        Pull pull = pull();
        try (Streams.Running stream = streams.begin("hot", pull)) {
            stream.waits();
            stream.goesOn();
            TimeUnit.MILLISECONDS.sleep(50);
            assertNull(streams.begin("hot", pull));
            assertFalse(pull.abandoned());
        }
    }

    @Test
    void endsNoStreamThatHasJustBegun() throws Exception {
        Streams streams = new Streams(1, 1);
        connect();
        Pull first = pull();
        try (Streams.Running stream = streams.begin("hot", first)) {
            assertNotNull(stream);
            assertNull(streams.begin("hot", first));
            assertFalse(first.abandoned());
        }
        assertEquals(1, limits.connections());
    }

    @Test
    void aStreamThatMovesToAnotherRegistryGivesItsPlaceBack() throws Exception {
        Streams streams = new Streams(1, 3);
        connect();
        Pull pull = pull();
        Streams.Running stream = streams.begin("hot", pull);
        stream.leaveRegistry();
        try (Streams.Running other = streams.begin("hot", pull)) {
            assertNotNull(other);
            assertFalse(stream.enterRegistry("hot"));
            assertTrue(stream.enterRegistry("cold"));
            assertNull(streams.begin("cold", pull));
            stream.close();
            stream.close();
            streams.begin("cold", pull).close();
        }
        assertTrue(stream.enterRegistry("hot"));
        streams.begin("hot", pull).close();
    }
}
