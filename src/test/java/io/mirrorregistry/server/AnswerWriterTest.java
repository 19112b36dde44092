package io.mirrorregistry.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.work.MemoryBudget;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.ext.web.Router;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.support.DefaultExchange;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How messages go out, over a socket. */
class AnswerWriterTest {

    /** More than the network's buffers take. */
    private static final int LARGE = 32 * 1024 * 1024;

    private final Vertx vertx = Vertx.vertx();
    private final DefaultCamelContext camel = new DefaultCamelContext();
    private volatile Consumer<Message> route;
    private volatile CompletableFuture<Void> written = new CompletableFuture<>();
    private final MemoryBudget memory = new MemoryBudget(2L * LARGE);
    private volatile long longestMillis = TimeUnit.MINUTES.toMillis(5);
    private ConnectionLimits limits;
    private HttpServer server;
    private Socket socket;
    private InputStream in;

    @BeforeEach
    void start() throws IOException {
        camel.start();
        Router router = Router.router(vertx);
        router.route().handler(request -> {
            Exchange exchange = new DefaultExchange(camel);
            Pull pull = new Pull(request.request(), request.response(), "test", true, memory.share());
            pull.on(exchange);
            route.accept(exchange.getMessage());
            AnswerWriter.write(request, exchange, new ClientHeaders(), longestMillis).onComplete(done -> {
                pull.close();
                if (done.succeeded()) {
                    written.complete(null);
                } else {
                    written.completeExceptionally(done.cause());
                }
            });
        });
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        AcceptedConnections.enable();
        HttpServerOptions options = new HttpServerOptions().setPort(port).setHttp2ClearTextEnabled(false);
        limits = ConnectionLimits.begin(vertx.getOrCreateContext(), port, new ConnectionLimits.Bounds(100, Duration.ofMinutes(5), Duration.ofMinutes(5), null, 100, 100,
                1_000_000, 1_000_000_000), options);
        server = vertx.createHttpServer(options).connectionHandler(connection -> limits.speaksHttp(ClientConnection.of(connection)))
                .requestHandler(router);
        server.listen().toCompletionStage().toCompletableFuture().join();
        socket = new Socket("127.0.0.1", port);
        socket.setSoTimeout(20_000);
        in = new BufferedInputStream(socket.getInputStream());
    }

    @AfterEach
    void stop() throws IOException {
        socket.close();
        limits.close();
        vertx.close().toCompletionStage().toCompletableFuture().join();
        camel.stop();
    }

    private Map<String, String> ask(String method, Consumer<Message> answer) throws IOException {
        route = answer;
        socket.getOutputStream().write((method + " / HTTP/1.1\r\nHost: mirror\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        Map<String, String> head = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        head.put("status", line());
        for (String line = line(); !line.isEmpty(); line = line()) {
            head.merge(line.substring(0, line.indexOf(':')), line.substring(line.indexOf(':') + 1).strip(), (one, other) -> one + " | " + other);
        }
        return head;
    }

    private String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            assertTrue(c >= 0, "the connection has ended");
            line.append((char) c);
        }
        return line.toString().strip();
    }

    private byte[] body(Map<String, String> head) throws IOException {
        return in.readNBytes(Integer.parseInt(head.get("Content-Length")));
    }

    private static byte[] large() {
        byte[] bytes = new byte[LARGE];
        new Random(7).nextBytes(bytes);
        return bytes;
    }

    @Test
    void writesWhatARouteHasSetWhateverItIs() throws Exception {
        byte[] text = "gr\u00fc\u00dfe".getBytes(StandardCharsets.UTF_8);
        List<Object> bodies = List.of("gr\u00fc\u00dfe", text, ByteBuffer.wrap(text), ByteBuffer.wrap(text).asReadOnlyBuffer());
        for (Object body : bodies) {
            Map<String, String> head = ask("GET", message -> {
                message.setHeader(Exchange.HTTP_RESPONSE_CODE, 418);
                message.setHeader(Exchange.CONTENT_TYPE, "text/plain");
                message.setHeader("X-Several", List.of("a", "b"));
                message.setHeader("X-Number", 5);
                message.setHeader(Exchange.CONTENT_LENGTH, 999);
                message.setHeader("CamelInner", "secret");
                message.setBody(body);
            });
            assertTrue(head.get("status").startsWith("HTTP/1.1 418"), head.toString());
            assertEquals("text/plain", head.get("Content-Type"));
            assertEquals("a | b", head.get("X-Several"));
            assertEquals("5", head.get("X-Number"));
            assertFalse(head.containsKey("CamelInner"), head.toString());
            assertArrayEquals(text, body(head), body.getClass().getName());
        }
    }

    @Test
    void answersWithoutABodyWhereOnlyAStatusIsSet() throws Exception {
        Map<String, String> head = ask("GET", message -> message.setHeader(Exchange.HTTP_RESPONSE_CODE, 200));
        assertTrue(head.get("status").startsWith("HTTP/1.1 200"), head.toString());
        assertEquals("0", head.get("Content-Length"));
    }

    @Test
    void refusesAMessageThatIsNoAnswer() throws Exception {
        for (String method : List.of("HEAD", "GET")) {
            Map<String, String> head = ask(method, message -> message.setHeader("X-Any", "x"));
            assertTrue(head.get("status").startsWith("HTTP/1.1 500"), head.toString());
        }
    }

    @Test
    void givesHeadTheLengthWithoutTheBytes() throws Exception {
        for (int i = 0; i < 2; i++) {
            Map<String, String> head = ask("HEAD", message -> {
                message.setHeader(Exchange.CONTENT_LENGTH, 12_345L);
                message.setBody(null);
            });
            assertEquals("12345", head.get("Content-Length"));
        }
        ask("HEAD", message -> message.setBody("a body that a route has set all the same"));
        Map<String, String> next = ask("GET", message -> message.setBody("next"));
        assertEquals("next", new String(body(next), StandardCharsets.UTF_8));
    }

    @Test
    void aLargeBodyComesWholeToASlowClientAndIsNotWrittenFasterThanTaken() throws Exception {
        byte[] bytes = large();
        for (Object body : List.of(bytes, ByteBuffer.wrap(bytes).asReadOnlyBuffer(), new String(bytes, StandardCharsets.ISO_8859_1))) {
            written = new CompletableFuture<>();
            Map<String, String> head = ask("GET", message -> message.setBody(body));
            byte[] expected = body instanceof String text ? text.getBytes(StandardCharsets.UTF_8) : bytes;
            assertEquals(String.valueOf(expected.length), head.get("Content-Length"));
            Thread.sleep(300);
            assertFalse(written.isDone(), "all is written, and nothing taken");
            byte[] taken = new byte[expected.length];
            for (int at = 0; at < taken.length; at += 4 * 1024 * 1024) {
                Thread.sleep(20);
                in.readNBytes(taken, at, Math.min(4 * 1024 * 1024, taken.length - at));
            }
            assertArrayEquals(expected, taken);
            written.get(20, TimeUnit.SECONDS);
        }
        assertEquals("next", new String(body(ask("GET", message -> message.setBody("next"))), StandardCharsets.UTF_8));
    }

    @Test
    void aClientThatLeavesEndsTheWriting() throws Exception {
        byte[] bytes = large();
        ask("GET", message -> message.setBody(bytes));
        socket.close();
        assertThrows(ExecutionException.class, () -> written.get(20, TimeUnit.SECONDS));
    }

    @Test
    void closesTheConnectionOfAClientThatTakesALargeAnswerTooSlowly() throws Exception {
        // Besides what 100 kB a second would take.
        longestMillis = 500 - LARGE / 100;
        route = message -> message.setBody(ByteBuffer.wrap(large()));
        written = new CompletableFuture<>();
        try (Socket slow = new Socket("127.0.0.1", server.actualPort())) {
            slow.getOutputStream().write("GET / HTTP/1.1\r\nHost: mirror\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThrows(ExecutionException.class, () -> written.get(20, TimeUnit.SECONDS));
        }
    }

    @Test
    void respondsThatOthersHaveTheMemoryAndServesThoseThatShareABody() throws Exception {
        byte[] shared = large();
        route = message -> message.setBody(ByteBuffer.wrap(shared));
        try (Socket one = new Socket("127.0.0.1", server.actualPort()); Socket other = new Socket("127.0.0.1", server.actualPort())) {
            for (Socket slow : List.of(one, other)) {
                slow.setSoTimeout(20_000);
                slow.getOutputStream().write("GET / HTTP/1.1\r\nHost: mirror\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                assertEquals("HTTP/1.1 200 OK", new String(slow.getInputStream().readNBytes(15), StandardCharsets.US_ASCII));
            }
            Map<String, String> refused = ask("GET", message -> message.setBody(ByteBuffer.wrap(large())));
            assertEquals("HTTP/1.1 503 Service Unavailable", refused.get("status"));
            assertEquals("5", refused.get("Retry-After"));
            body(refused);
            Map<String, String> small = ask("GET", message -> message.setBody(ByteBuffer.wrap(new byte[60_000])));
            assertEquals("HTTP/1.1 200 OK", small.get("status"));
            body(small);
        }
        for (int i = 0; i < 100 && memory.freeBytes() < 2L * LARGE; i++) {
            TimeUnit.MILLISECONDS.sleep(50);
        }
        assertEquals(2L * LARGE, memory.freeBytes());
    }
}
