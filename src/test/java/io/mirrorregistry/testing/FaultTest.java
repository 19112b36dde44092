package io.mirrorregistry.testing;

import static io.mirrorregistry.testing.TestRegistryTest.header;
import static io.mirrorregistry.testing.TestRegistryTest.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Digest;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.net.ssl.SSLException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Every fault, seen from a client. */
@Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FaultTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestClient client = new TestClient();
    private final Image image = hot.image("library/app", "1.0");
    private final String manifest = hot.url() + image.path();

    @AfterEach
    void close() {
        hot.close();
    }

    @Test
    void answersAStatusUntilHealed() {
        hot.fault(Fault.status(503));
        assertEquals(503, client.get(manifest).statusCode());
        hot.heal();
        assertEquals(200, client.get(manifest).statusCode());
    }

    @Test
    void befallsOnlyWhatItIsMeantFor() {
        hot.fault(Fault.status(500).on(Kind.BLOB).method("HEAD"), Fault.status(502).path("/v2/library/app/tags/list").times(2));
        String blob = hot.url() + image.path(image.config());
        String tags = hot.url() + "/v2/library/app/tags/list";

        assertEquals(200, client.get(manifest).statusCode());
        assertEquals(200, client.get(blob).statusCode());
        assertEquals(500, client.send("HEAD", blob).statusCode());
        assertEquals(502, client.get(tags).statusCode());
        assertEquals(502, client.get(tags).statusCode());
        assertEquals(200, client.get(tags).statusCode());
    }

    @Test
    void tellsRetryAfterInSecondsOrAsADate() {
        hot.fault(Fault.status(429, Duration.ofSeconds(7)).times(1));
        assertEquals("7", header(client.get(manifest), "retry-after"));
        hot.fault(Fault.status(429, Instant.parse("2030-01-02T03:04:05Z")));
        assertEquals("Wed, 2 Jan 2030 03:04:05 GMT", header(client.get(manifest), "retry-after"));
    }

    @Test
    void answersAPageForPeople() {
        hot.fault(Fault.html());
        assertEquals(200, client.get(manifest).statusCode());
        assertTrue(text(client.get(manifest)).startsWith("<!doctype html>"));
    }

    @Test
    void endsOrResetsTheConnection() {
        for (Fault fault : new Fault[] {Fault.close(), Fault.reset(), Fault.closeOnAccept()}) {
            hot.fault(fault);
            hot.dropConnections();
            assertThrows(UncheckedIOException.class, () -> client.get(manifest));
            hot.heal();
            assertEquals(200, client.get(manifest).statusCode());
        }
    }

    @Test
    void closesOnAcceptBeforeReading() throws IOException {
        hot.fault(Fault.closeOnAccept().times(1));
        try (Socket socket = new Socket("127.0.0.1", hot.port())) {
            assertEquals(-1, socket.getInputStream().read());
        }
        assertEquals(200, client.get(manifest).statusCode());
    }

    @Test
    void staysSilentUntilTheClientLeaves() throws IOException {
        for (Fault fault : new Fault[] {Fault.silence(), Fault.silenceOnAccept()}) {
            hot.fault(fault);
            try (Socket socket = ask(manifest)) {
                socket.setSoTimeout(100);
                assertThrows(SocketTimeoutException.class, () -> socket.getInputStream().read());
            }
            hot.awaitConnections(0);
            hot.heal();
        }
    }

    @Test
    void delaysAnswers() {
        hot.fault(Fault.delay(Duration.ofMillis(150)));
        long start = System.nanoTime();
        assertEquals(200, client.get(manifest).statusCode());
        assertTrue(System.nanoTime() - start >= 150_000_000);
    }

    @Test
    void holdsAnswersUntilTheLatchOpens() throws Exception {
        CountDownLatch latch = new CountDownLatch(1);
        hot.fault(Fault.heldUntil(latch));
        CompletableFuture<HttpResponse<byte[]>> response = CompletableFuture.supplyAsync(() -> client.get(manifest));
        hot.awaitCalls(1);
        assertFalse(response.isDone());
        latch.countDown();
        assertEquals(200, response.get(5, TimeUnit.SECONDS).statusCode());
    }

    @Test
    void dripsByteByByte() throws IOException {
        String tiny = hot.url() + "/v2/library/app/blobs/" + hot.blob("library/app", new byte[20]);
        hot.fault(Fault.drip(Duration.ofMillis(5)));
        long start = System.nanoTime();
        assertEquals(20, client.get(tiny).body().length);
        assertTrue(System.nanoTime() - start >= 100_000_000);

        hot.heal();
        hot.fault(Fault.dripFromTheStart(Duration.ofSeconds(5)));
        try (Socket socket = ask(tiny)) {
            socket.setSoTimeout(100);
            assertThrows(SocketTimeoutException.class, () -> socket.getInputStream().read());
        }
    }

    @Test
    void cutsTheBody() throws IOException {
        hot.fault(Fault.cut(10));
        assertThrows(UncheckedIOException.class, () -> client.get(manifest));
        String received = everythingAfter(ask(manifest));
        assertTrue(received.contains("Content-Length: " + image.manifest().length + "\r\n"));
        assertEquals(10, received.substring(received.indexOf("\r\n\r\n") + 4).length());
    }

    @Test
    void liesAboutTheLength() throws IOException {
        hot.fault(Fault.contentLength("1000000"));
        assertThrows(UncheckedIOException.class, () -> client.get(manifest));
        hot.heal();
        hot.fault(Fault.contentLength("3"));
        assertEquals(3, client.get(manifest).body().length);
        assertTrue(everythingAfter(ask(manifest)).endsWith(new String(image.manifest())));
    }

    @Test
    void sendsRightBytesInChunks() {
        hot.fault(Fault.chunked());
        HttpResponse<byte[]> response = client.get(manifest);
        assertEquals("chunked", header(response, "transfer-encoding"));
        assertNull(header(response, "content-length"));
        assertTrue(image.digest().matches(response.body()));
        assertEquals(200, client.get(manifest).statusCode());
        assertEquals(1, hot.accepted());
    }

    @Test
    void sendsChunksWithoutEndUntilTheClientLeaves() throws IOException {
        hot.fault(Fault.endless());
        try (Socket socket = ask(manifest)) {
            socket.getInputStream().skipNBytes(10_000_000);
        }
        hot.awaitConnections(0);
    }

    @Test
    void liesAboutContentAndDigest() {
        hot.fault(Fault.otherBytes().times(1));
        HttpResponse<byte[]> other = client.get(manifest);
        assertEquals(image.manifest().length, other.body().length);
        assertFalse(image.digest().matches(other.body()));
        assertEquals(image.digest().value(), header(other, "docker-content-digest"));

        hot.fault(Fault.wrongDigest().times(1));
        HttpResponse<byte[]> wrong = client.get(manifest);
        assertFalse(new Digest(header(wrong, "docker-content-digest")).matches(wrong.body()));
        assertTrue(image.digest().matches(wrong.body()));

        hot.fault(Fault.body("{}"));
        assertEquals("{}", text(client.get(manifest)));
    }

    @Test
    void leavesHeadersOut() {
        hot.fault(Fault.without("Docker-Content-Digest"), Fault.without("Content-Length"));
        HttpResponse<byte[]> head = client.send("HEAD", manifest);
        assertEquals(200, head.statusCode());
        assertNull(header(head, "docker-content-digest"));
        assertNull(header(head, "content-length"));
        assertTrue(image.digest().matches(client.get(manifest).body()));
    }

    @Test
    void spoilsSuccessesOnly() {
        hot.requireBasic("me", "secret");
        hot.fault(Fault.cut(0));
        assertEquals(401, client.get(manifest).statusCode());
    }

    @Test
    void redirectsInALoopOrToNowhere() {
        hot.fault(Fault.redirectLoop());
        assertEquals("/v2/library/app/manifests/1.0?n=1", header(client.get(manifest + "?n=1"), "location"));
        hot.heal();
        hot.fault(Fault.redirectToNowhere());
        String nowhere = header(client.get(manifest), "location");
        assertInstanceOf(ConnectException.class, assertThrows(UncheckedIOException.class, () -> client.get(nowhere)).getCause());
    }

    @Test
    void sendsAnyCharacters() throws IOException {
        hot.fault(Fault.raw("HTTP/1.1 200 OK\r\nX: \u0000\u00ff\r\n"));
        assertEquals("HTTP/1.1 200 OK\r\nX: \u0000\u00ff\r\n", everythingAfter(ask(manifest)));
    }

    @Test
    void refusesConnectionsBetweenStopAndRestart() {
        for (int i = 0; i < 3; i++) {
            assertEquals(200, client.get(manifest).statusCode());
            hot.stop();
            assertInstanceOf(ConnectException.class,
                    assertThrows(UncheckedIOException.class, () -> client.get(manifest)).getCause());
            hot.restart();
        }
        assertEquals(200, client.get(manifest).statusCode());
    }

    @Test
    void endsWaitingConnectionsAtOnceWhenClosed() {
        Consumer<Fault> closesAtOnce = fault -> {
            try (TestRegistry registry = TestRegistry.start()) {
                Image held = registry.image("library/app", "1.0");
                registry.fault(fault);
                CompletableFuture<Void> pull = CompletableFuture.runAsync(() ->
                        assertThrows(UncheckedIOException.class, () -> client.get(registry.url() + held.path())));
                registry.awaitCalls(1);
                assertTimeoutPreemptively(Duration.ofSeconds(1), registry::close);
                pull.join();
                registry.awaitConnections(0);
            }
        };
        closesAtOnce.accept(Fault.silence());
        closesAtOnce.accept(Fault.delay(Duration.ofHours(1)));
        closesAtOnce.accept(Fault.heldUntil(new CountDownLatch(1)));
        closesAtOnce.accept(Fault.drip(Duration.ofHours(1)));
    }

    @Test
    void carriesHundredsOfWaitingClients() throws IOException {
        hot.fault(Fault.silence());
        List<Socket> sockets = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            sockets.add(ask(manifest));
        }
        hot.awaitCalls(500);
        assertEquals(500, hot.connections());
        for (Socket socket : sockets) {
            socket.close();
        }
        hot.awaitConnections(0);
    }

    @Test
    void breaksTlsBeforeTheHandshake() {
        try (TestRegistry secure = TestRegistry.startTls("hot")) {
            secure.fault(Fault.closeOnAccept());
            assertThrows(UncheckedIOException.class, () -> client.get(secure.url() + "/v2/"));
            UncheckedIOException plain = assertThrows(UncheckedIOException.class,
                    () -> client.get(hot.url().replace("http:", "https:") + "/v2/"));
            assertInstanceOf(SSLException.class, plain.getCause());
        }
    }

    @Test
    void swallowsConnectionsInABlackhole() throws IOException {
        try (Blackhole hole = Blackhole.open(); Socket socket = new Socket()) {
            InetSocketAddress address = new InetSocketAddress("127.0.0.1", URI.create(hole.url()).getPort());
            assertThrows(SocketTimeoutException.class, () -> socket.connect(address, 200));
        }
    }

    private static Socket ask(String url) throws IOException {
        URI uri = URI.create(url);
        Socket socket = new Socket(uri.getHost(), uri.getPort());
        socket.getOutputStream().write(("GET " + uri.getPath() + " HTTP/1.1\r\nHost: x\r\n\r\n").getBytes());
        return socket;
    }

    private static String everythingAfter(Socket asked) throws IOException {
        try (asked; InputStream in = asked.getInputStream()) {
            return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }
}
