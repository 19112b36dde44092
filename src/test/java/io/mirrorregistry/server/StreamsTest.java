package io.mirrorregistry.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.work.Place;
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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class StreamsTest {

    /** More than the network's buffers take. */
    private static final int LARGE = 32 * 1024 * 1024;
    private static final Duration WAIT = Duration.ofMinutes(1);

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
        Streams streams = new Streams(1, 2, WAIT);
        connect();
        Pull pull = pull();
        Streams.Running hot = streams.begin("hot", streams.tryTake("hot"), pull);
        assertNull(streams.tryTake("hot"));
        assertFalse(streams.makeRoom("hot"));
        Streams.Running cold = streams.begin("cold", streams.tryTake("cold"), pull);
        assertNull(streams.tryTake("third"));
        assertFalse(streams.makeRoom("third"));
        hot.close();
        assertNull(streams.tryTake("cold"));
        Streams.Running third = streams.begin("third", streams.tryTake("third"), pull);
        third.close();
        cold.close();
        assertFalse(pull.abandoned());
    }

    @Test
    void whoWaitsNeedsAPlaceOfTheRegistryAndOneOfAll() throws Exception {
        Streams streams = new Streams(2, 2, WAIT);
        Place hot = streams.tryTake("hot");
        Place cold = streams.tryTake("cold");
        CompletableFuture<Place> second = streams.take("hot", 2, WAIT.toNanos());
        CompletableFuture<Place> third = streams.take("hot", 3, WAIT.toNanos());
        CompletableFuture<Place> left = streams.take("cold", 1, WAIT.toNanos());
        CompletableFuture<Place> late = streams.take("third", 1, 1);
        assertInstanceOf(TimeoutException.class, assertThrows(ExecutionException.class, () -> late.get(20, TimeUnit.SECONDS)).getCause());
        assertEquals(3, streams.waiting());
        left.cancel(false);
        assertEquals(2, streams.waiting());
        cold.close();
        Place of = second.get(20, TimeUnit.SECONDS);
        assertFalse(third.isDone());
        hot.close();
        third.get(20, TimeUnit.SECONDS).close();
        of.close();
        assertEquals(0, streams.waiting());
        for (Place place : List.of(streams.tryTake("hot"), streams.tryTake("hot"))) {
            place.close();
        }
        assertNotNull(streams.tryTake("cold"));
    }

    /** The slow client takes nothing of much; the fast one has taken more than 100 kB a second. */
    @Test
    void endsTheStreamWhoseClientTakesLeastForANewOne() throws Exception {
        Streams streams = new Streams(2, 2, WAIT, 1);
        Socket slowClient = connect();
        Pull slow = pull();
        Streams.Running slowStream = streams.begin("hot", streams.tryTake("hot"), slow);
        slowStream.waits();
        slow.response().putHeader("Content-Length", String.valueOf(LARGE));
        vertx.runOnContext(now -> slow.response().write(Buffer.buffer(new byte[LARGE])));
        Socket fastClient = connect();
        Pull fast = pull();
        Streams.Running fastStream = streams.begin("hot", streams.tryTake("hot"), fast);
        fast.response().putHeader("Content-Length", String.valueOf(2L * LARGE));
        vertx.runOnContext(now -> fast.response().write(Buffer.buffer(new byte[LARGE])));
        fastClient.getInputStream().readNBytes(LARGE);
        ClientConnection fastConnection = ClientConnection.of(fast.connection());
        for (int i = 0; i < 1000 && fastConnection.taken() < LARGE; i++) {
            TimeUnit.MILLISECONDS.sleep(5);
        }
        assertTrue(fastConnection.taken() >= LARGE, "taken " + fastConnection.taken());
        slow.whenAbandoned(slowStream::close);
        assertNull(streams.tryTake("hot"));
        assertTrue(streams.makeRoom("hot"));
        Place next = streams.take("hot", 1, WAIT.toNanos()).get(20, TimeUnit.SECONDS);
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
        Streams streams = new Streams(1, 1, WAIT, 1);
        connect();
        Pull pull = pull();
        try (Streams.Running stream = streams.begin("hot", streams.tryTake("hot"), pull)) {
            stream.waits();
            stream.goesOn();
            TimeUnit.MILLISECONDS.sleep(50);
            assertNull(streams.tryTake("hot"));
            assertFalse(streams.makeRoom("hot"));
            assertFalse(pull.abandoned());
        }
    }

    @Test
    void endsNoStreamThatHasJustBegun() throws Exception {
        Streams streams = new Streams(1, 1, WAIT);
        connect();
        Pull first = pull();
        try (Streams.Running stream = streams.begin("hot", streams.tryTake("hot"), first)) {
            assertNotNull(stream);
            assertNull(streams.tryTake("hot"));
            assertFalse(streams.makeRoom("hot"));
            assertFalse(first.abandoned());
        }
        assertEquals(1, limits.connections());
    }

    @Test
    void aStreamThatMovesToAnotherRegistryGivesItsPlaceBack() throws Exception {
        Streams streams = new Streams(1, 3, WAIT);
        connect();
        Pull pull = pull();
        Streams.Running stream = streams.begin("hot", streams.tryTake("hot"), pull);
        stream.leaveRegistry();
        try (Streams.Running other = streams.begin("hot", streams.tryTake("hot"), pull)) {
            assertNotNull(other);
            assertFalse(stream.enterRegistry("hot"));
            assertTrue(stream.enterRegistry("cold"));
            assertNull(streams.tryTake("cold"));
            stream.close();
            stream.close();
            streams.begin("cold", streams.tryTake("cold"), pull).close();
        }
        assertTrue(stream.enterRegistry("hot"));
        streams.begin("hot", streams.tryTake("hot"), pull).close();
    }
}
