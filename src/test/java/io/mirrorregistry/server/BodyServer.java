package io.mirrorregistry.server;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.Networks;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.testing.TestTls;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The clients' port with all that stands before the routes, and a test instead of them, which has a thread for each request. */
final class BodyServer implements AutoCloseable {

    static final Duration LONG = Duration.ofMinutes(5);

    private final Vertx vertx = Vertx.vertx(new VertxOptions().setPreferNativeTransport(true));
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final BlockingQueue<PushBodyException> failures = new LinkedBlockingQueue<>();
    private final List<Socket> sockets = new ArrayList<>();
    private final boolean tls;
    final ConnectionLimits limits;
    final int port;

    /** What becomes of a request; runs on a thread of its own. */
    interface Taker {

        /**
         * Takes the body and says what the client gets.
         *
         * @param body null if it is not held
         * @return the body of a response with status 200
         */
        String take(HttpServerRequest request, RequestBody body) throws Exception;
    }

    /** An exception with the status that the client gets. */
    static final class Refusal extends Exception {

        private final int status;

        Refusal(int status) {
            super("refused with " + status);
            this.status = status;
        }
    }

    /** What a client gets. */
    record Answer(int status, String head, String body) {

        boolean closes() {
            return head.toLowerCase(Locale.ROOT).contains("\r\nconnection: close");
        }
    }

    BodyServer(Taker taker) throws IOException {
        this(BodyPace.Times.USUAL, taker);
    }

    BodyServer(BodyPace.Times times, Taker taker) throws IOException {
        this(times, bounds(LONG, LONG), false, taker);
    }

    BodyServer(BodyPace.Times times, ConnectionLimits.Bounds bounds, boolean tls, Taker taker) throws IOException {
        AcceptedConnections.enable();
        this.tls = tls;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        HttpServerOptions options = new HttpServerOptions().setPort(port).setHttp2ClearTextEnabled(false).setMaxChunkSize(BodyBuffer.MOST)
                .setReceiveBufferSize(4 * BodyBuffer.MOST).setMaxHeaderSize(1_000_000).setMaxInitialLineLength(1_000_000);
        if (tls) {
            options.setSsl(true).setKeyCertOptions(new PemKeyCertOptions().addCertValue(Buffer.buffer(TestTls.certificate().pem()))
                    .addKeyValue(Buffer.buffer(TestTls.certificate().keyPem())));
        }
        limits = ConnectionLimits.begin(vertx.getOrCreateContext(), port, bounds, options);
        Router router = Router.router(vertx);
        Metrics metrics = new Metrics(new SimpleMeterRegistry());
        new EdgeHandlers(new AccessLog(new ClientAddress(Networks.NONE), metrics), () -> true, null, times).around(router);
        router.route("/v2/*").order(1).handler(context -> take(context, taker));
        vertx.createHttpServer(options).connectionHandler(connection -> limits.speaksHttp(ClientConnection.of(connection)))
                .invalidRequestHandler(BoundedServer::refuse).requestHandler(router).listen().toCompletionStage().toCompletableFuture().join();
    }

    static ConnectionLimits.Bounds bounds(Duration idle, Duration arriving) {
        return new ConnectionLimits.Bounds(1000, idle, arriving, null, 100, 10, 10_000_000, 100_000_000);
    }

    private void take(RoutingContext context, Taker taker) {
        Context own = Vertx.currentContext();
        threads.execute(() -> {
            int status = 200;
            String text;
            try {
                text = taker.take(context.request(), RequestBody.of(context.request()));
            } catch (PushBodyException e) {
                failures.add(e);
                status = 400;
                text = e.getMessage();
            } catch (Refusal e) {
                status = e.status;
                text = e.getMessage();
            } catch (Exception e) {
                status = 500;
                text = e.toString();
            }
            int code = status;
            String answer = text;
            own.runOnContext(now -> {
                if (!context.response().closed()) {
                    context.response().setStatusCode(code).end(answer);
                }
            });
        });
    }

    /** Returns why the next body that failed did so. */
    PushBodyException failure() throws InterruptedException {
        PushBodyException failure = failures.poll(20, TimeUnit.SECONDS);
        if (failure == null) {
            throw new AssertionError("no body has failed");
        }
        return failure;
    }

    Socket connect() throws IOException {
        Socket socket = tls ? TestTls.context().getSocketFactory().createSocket("127.0.0.1", port) : new Socket();
        if (!tls) {
            socket.connect(new InetSocketAddress("127.0.0.1", port));
        }
        socket.setSoTimeout(20_000);
        socket.setTcpNoDelay(true);
        sockets.add(socket);
        return socket;
    }

    /** Connects and sends characters as bytes. */
    Socket connect(String sent) throws IOException {
        Socket socket = connect();
        send(socket, sent);
        return socket;
    }

    static void send(Socket socket, String sent) throws IOException {
        socket.getOutputStream().write(sent.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Reads one response; status 0 where the connection ends. */
    static Answer answer(Socket socket) throws IOException {
        InputStream in = socket.getInputStream();
        StringBuilder head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) {
            int b;
            try {
                b = in.read();
            } catch (SocketTimeoutException e) {
                throw e;
            } catch (IOException e) {
                b = -1;
            }
            if (b < 0) {
                return new Answer(0, head.toString(), "");
            }
            head.append((char) b);
        }
        int status = Integer.parseInt(head.substring(9, 12));
        String lower = head.toString().toLowerCase(Locale.ROOT);
        int length = lower.indexOf("content-length: ");
        int bytes = length < 0 ? 0 : Integer.parseInt(lower.substring(length + 16, lower.indexOf('\r', length)));
        return new Answer(status, head.toString(), new String(in.readNBytes(bytes), StandardCharsets.ISO_8859_1));
    }

    /** Returns whether the server ends the connection without a further byte. */
    static boolean ends(Socket socket) {
        try {
            return socket.getInputStream().read() < 0;
        } catch (SocketTimeoutException e) {
            return false;
        } catch (IOException e) {
            return true;
        }
    }

    /** Closes the client's side, as a client does that has read its last response, and returns whether the server ends the connection then. */
    static boolean endsWith(Socket socket) throws IOException {
        try {
            socket.shutdownOutput();
        } catch (IOException e) {
            // ended already
        }
        return ends(socket);
    }

    /** Returns a head without the empty line at its end. */
    static String head(String method, String... headers) {
        StringBuilder head = new StringBuilder(method + " /v2/app/blobs/uploads/secret HTTP/1.1\r\nHost: mirror\r\n");
        for (String header : headers) {
            head.append(header).append("\r\n");
        }
        return head.toString();
    }

    @Override
    public void close() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
        limits.close();
        vertx.close().toCompletionStage().toCompletableFuture().join();
        threads.shutdownNow();
    }
}
