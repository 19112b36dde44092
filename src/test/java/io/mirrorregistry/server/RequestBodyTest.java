package io.mirrorregistry.server;

import static io.mirrorregistry.server.BodyServer.answer;
import static io.mirrorregistry.server.BodyServer.ends;
import static io.mirrorregistry.server.BodyServer.endsWith;
import static io.mirrorregistry.server.BodyServer.head;
import static io.mirrorregistry.server.BodyServer.send;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.server.BodyServer.Answer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bodies as clients send them, over real sockets: each is taken to its end byte for byte, or fails with the right reason, in little memory. */
class RequestBodyTest {

    private static final String END = "\r\n\r\n";
    private static final String NEXT = "POST /v2/app/blobs/uploads/ HTTP/1.1\r\nHost: mirror\r\nContent-Length: 2" + END + "ok";
    private static final BodyPace.Times SHORT = new BodyPace.Times(Duration.ofMillis(400), Duration.ofSeconds(60), 64 * 1024);

    private final CountDownLatch gate = new CountDownLatch(1);
    private final BlockingQueue<RequestBody> bodies = new LinkedBlockingQueue<>();
    private BodyServer server;

    @AfterEach
    void stop() throws IOException {
        gate.countDown();
        server.close();
    }

    private static void await(BooleanSupplier condition, String what) throws InterruptedException {
        for (int i = 0; i < 1000 && !condition.getAsBoolean(); i++) {
            TimeUnit.MILLISECONDS.sleep(20);
        }
        assertTrue(condition.getAsBoolean(), what);
    }

    /** Answers with the number of bytes and their digest. */
    private static String digest(RequestBody body) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        body.writeTo(new OutputStream() {
            @Override
            public void write(int b) {
                digest.update((byte) b);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) {
                digest.update(bytes, offset, length);
            }
        });
        return body.written() + " " + HexFormat.of().formatHex(digest.digest());
    }

    private static String digest(byte[] bytes) throws Exception {
        return bytes.length + " " + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    private static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new Random(length).nextBytes(bytes);
        return bytes;
    }

    private void digesting() throws IOException {
        server = new BodyServer((request, body) -> digest(body));
    }

    /** Takes nothing until the test opens the gate. */
    private void waiting(BodyPace.Times times) throws IOException {
        server = new BodyServer(times, (request, body) -> {
            bodies.add(body);
            gate.await();
            return digest(body);
        });
    }

    private RequestBody held() throws InterruptedException {
        RequestBody body = bodies.poll(20, TimeUnit.SECONDS);
        assertTrue(body != null, "no body is held");
        return body;
    }

    private static void writeChunked(Socket socket, byte[] bytes, int chunk) throws IOException {
        for (int at = 0; at < bytes.length; at += chunk) {
            int length = Math.min(chunk, bytes.length - at);
            byte[] line = (Integer.toHexString(length) + "\r\n").getBytes();
            byte[] whole = new byte[line.length + length + 2];
            System.arraycopy(line, 0, whole, 0, line.length);
            System.arraycopy(bytes, at, whole, line.length, length);
            whole[whole.length - 2] = '\r';
            whole[whole.length - 1] = '\n';
            socket.getOutputStream().write(whole);
        }
        send(socket, "0" + END);
    }

    // Whole bodies

    @ParameterizedTest
    @CsvSource({"1, false", "16384, false", "65536, false", "131072, false", "131073, false", "5000000, false", "5000000, true"})
    void aBodyWithItsLengthIsTakenToItsEnd(int length, boolean tls) throws Exception {
        server = new BodyServer(BodyPace.Times.USUAL, BodyServer.bounds(BodyServer.LONG, BodyServer.LONG), tls, (request, body) -> digest(body));
        byte[] bytes = random(length);
        Socket client = server.connect(head("PUT", "Content-Length: " + length) + "\r\n");
        client.getOutputStream().write(bytes);
        Answer answer = answer(client);
        assertEquals(digest(bytes), answer.body());
        assertFalse(answer.closes(), answer.head());
        send(client, NEXT);
        assertEquals(digest("ok".getBytes()), answer(client).body());
    }

    @ParameterizedTest
    @CsvSource({"1, 1, false", "3000, 1, false", "300000, 7, false", "300000, 16384, false", "5000000, 1000000, false", "5000000, 32768, true"})
    void aBodyInChunksIsTakenToItsEnd(int length, int chunk, boolean tls) throws Exception {
        server = new BodyServer(BodyPace.Times.USUAL, BodyServer.bounds(BodyServer.LONG, BodyServer.LONG), tls,
                (request, body) -> body.length() + " " + digest(body));
        byte[] bytes = random(length);
        Socket client = server.connect(head("PATCH", "Transfer-Encoding: chunked") + "\r\n");
        writeChunked(client, bytes, chunk);
        Answer answer = answer(client);
        assertEquals("-1 " + digest(bytes), answer.body());
        assertFalse(answer.closes(), answer.head());
        send(client, NEXT);
        assertEquals("2 " + digest("ok".getBytes()), answer(client).body());
    }

    @Test
    void aRequestWithoutABodyHasNone() throws Exception {
        server = new BodyServer((request, body) -> body.length() + " " + digest(body));
        for (String request : List.of(head("POST"), head("POST", "Content-Length: 0"))) {
            Socket client = server.connect(request + "\r\n" + request + "\r\n");
            assertTrue(answer(client).body().startsWith("0 0 "));
            assertTrue(answer(client).body().startsWith("0 0 "));
        }
    }

    @Test
    void aBodyMayComeByteForByte() throws Exception {
        digesting();
        byte[] bytes = random(2000);
        Socket client = server.connect();
        for (char c : (head("PUT", "Content-Length: 2000") + "\r\n").toCharArray()) {
            send(client, String.valueOf(c));
        }
        for (byte b : bytes) {
            client.getOutputStream().write(b);
        }
        assertEquals(digest(bytes), answer(client).body());
    }

    @Test
    void severalBodiesComeOnOneConnection() throws Exception {
        digesting();
        Socket client = server.connect();
        for (int i = 0; i < 20; i++) {
            byte[] bytes = random(1 + i * 40_000);
            if (i % 2 == 0) {
                send(client, head("PATCH", "Content-Length: " + bytes.length) + "\r\n");
                client.getOutputStream().write(bytes);
            } else {
                send(client, head("PATCH", "Transfer-Encoding: chunked") + "\r\n");
                writeChunked(client, bytes, 20_000);
            }
            assertEquals(digest(bytes), answer(client).body());
        }
        assertEquals(1, server.limits.connections());
    }

    @Test
    void requestsThatWerePipelinedBehindABodyAreTheNext() throws Exception {
        waiting(BodyPace.Times.USUAL);
        byte[] bytes = random(1000);
        String body = new String(bytes, StandardCharsets.ISO_8859_1);
        Socket client = server.connect(head("PUT", "Content-Length: 1000") + "\r\n" + body + NEXT
                + head("PATCH", "Transfer-Encoding: chunked") + "\r\n3\r\nabc\r\n0" + END + NEXT);
        held();
        gate.countDown();
        assertEquals(digest(bytes), answer(client).body());
        assertEquals(digest("ok".getBytes()), answer(client).body());
        assertEquals(digest("abc".getBytes()), answer(client).body());
        assertEquals(digest("ok".getBytes()), answer(client).body());
    }

    @Test
    void aPipelinedBodyThatHasArrivedAlreadyIsNotLost() throws Exception {
        waiting(BodyPace.Times.USUAL);
        byte[] second = random(60_000);
        Socket client = server.connect(NEXT + head("PUT", "Content-Length: 300000") + "\r\n");
        client.getOutputStream().write(second);
        RequestBody first = held();
        await(() -> first.toString().contains("ended"), first.toString());
        gate.countDown();
        assertEquals(digest("ok".getBytes()), answer(client).body());
        byte[] all = Arrays.copyOf(second, 300_000);
        client.getOutputStream().write(all, second.length, all.length - second.length);
        assertEquals(digest(all), answer(client).body());
    }

    @Test
    void whatIsLongerThanItSaidIsNoRequest() throws Exception {
        digesting();
        Socket client = server.connect(head("PUT", "Content-Length: 5") + "\r\nhello, world" + END);
        assertEquals(digest("hello".getBytes()), answer(client).body());
        assertEquals(400, answer(client).status());
        assertTrue(ends(client), "the connection goes on");
    }

    @Test
    void aBodyIsTakenOnce() throws Exception {
        server = new BodyServer((request, body) -> {
            digest(body);
            return assertThrows(IllegalStateException.class, () -> digest(body)).getMessage();
        });
        Socket client = server.connect(NEXT);
        assertEquals("the body was taken before", answer(client).body());
    }

    // Into memory

    @Test
    void aBodyIsReadIntoMemoryUpToABound() throws Exception {
        server = new BodyServer((request, body) -> {
            try {
                return digest(body.readAll(1000, Duration.ofMinutes(1), more -> true));
            } catch (ProtocolException e) {
                return e.code() + " after " + body.written();
            }
        });
        byte[] most = random(1000);
        Socket client = server.connect(head("PUT", "Content-Length: 1000") + "\r\n");
        client.getOutputStream().write(most);
        assertEquals(digest(most), answer(client).body());
        send(client, head("PUT", "Transfer-Encoding: chunked") + "\r\n");
        writeChunked(client, most, 300);
        assertEquals(digest(most), answer(client).body());
        send(client, head("PUT") + "\r\n");
        assertEquals(digest(new byte[0]), answer(client).body());

        send(client, head("PUT", "Content-Length: 1001", "Expect: 100-continue") + "\r\n");
        assertEquals(ErrorCode.SIZE_INVALID + " after 0", answer(client).body());
        Socket chunked = server.connect(head("PUT", "Transfer-Encoding: chunked") + "\r\n");
        writeChunked(chunked, random(100_000), 500);
        assertTrue(answer(chunked).body().startsWith(ErrorCode.SIZE_INVALID + " after "));
    }

    // To be told to continue

    @Test
    void aClientIsToldToContinueWhenItsBytesAreWanted() throws Exception {
        waiting(BodyPace.Times.USUAL);
        Socket client = server.connect(head("PUT", "Content-Length: 5", "Expect: 100-Continue") + "\r\n");
        held();
        client.setSoTimeout(300);
        assertThrows(SocketTimeoutException.class, () -> client.getInputStream().read());
        client.setSoTimeout(20_000);
        gate.countDown();
        assertEquals(100, answer(client).status());
        send(client, "hello");
        Answer answer = answer(client);
        assertEquals(digest("hello".getBytes()), answer.body());
        assertFalse(answer.closes(), answer.head());
        send(client, NEXT);
        assertEquals(digest("ok".getBytes()), answer(client).body());
    }

    @Test
    void aClientThatDoesNotWaitToBeToldIsNotTold() throws Exception {
        waiting(BodyPace.Times.USUAL);
        Socket client = server.connect(head("PUT", "Content-Length: 5", "Expect: 100-continue") + "\r\nhello");
        RequestBody body = held();
        await(() -> body.toString().contains("5 put"), body.toString());
        gate.countDown();
        assertEquals(digest("hello".getBytes()), answer(client).body());
        Socket old = server.connect("PUT /v2/app/manifests/1 HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5" + END);
        held();
        send(old, "hello");
        assertEquals(digest("hello".getBytes()), answer(old).body());
    }

    /** Nobody can say whether such a client sends its body, so that the next request begins nowhere. */
    @Test
    void aClientThatIsRefusedBeforeItWasToldIsLeft() throws Exception {
        server = new BodyServer((request, body) -> {
            throw new BodyServer.Refusal(403);
        });
        Socket client = server.connect(head("PUT", "Content-Length: 5", "Expect: 100-continue") + "\r\n");
        Answer answer = answer(client);
        assertEquals(403, answer.status());
        assertTrue(answer.closes(), answer.head());
        assertTrue(endsWith(client), "the connection goes on");
    }

    @Test
    void aClientThatNeverSendsWhatItWasToldToHasStopped() throws Exception {
        server = new BodyServer(SHORT, (request, body) -> digest(body));
        Socket client = server.connect(head("PUT", "Content-Length: 5", "Expect: 100-continue") + "\r\n");
        assertEquals(100, answer(client).status());
        Answer answer = answer(client);
        assertEquals(400, answer.status());
        assertEquals("The body stopped: after 0 bytes nothing arrived for 400 ms.", answer.body());
        assertTrue(answer.closes(), answer.head());
    }

    @ParameterizedTest
    @ValueSource(strings = {"Expect: something", "Expect: 100-continue, something", "Expect: 100-continue\r\nExpect: 200-ok", "Expect:"})
    void noOtherExpectationIsKnown(String expect) throws Exception {
        digesting();
        Socket client = server.connect(head("PUT", "Content-Length: 5", expect) + "\r\n");
        Answer answer = answer(client);
        assertEquals(417, answer.status(), answer.head());
    }

    // What stops

    @Test
    void aBodyThatStopsFails() throws Exception {
        server = new BodyServer(SHORT, (request, body) -> digest(body));
        Socket client = server.connect(head("PUT", "Content-Length: 500") + "\r\nhello");
        Answer answer = answer(client);
        assertEquals(400, answer.status());
        assertEquals("The body stopped: after 5 bytes nothing arrived for 400 ms.", answer.body());
        assertTrue(answer.closes(), answer.head());
        assertFalse(server.failure().isGone());
        assertTrue(ends(client), "the connection goes on");
    }

    @Test
    void aBodyThatDripsFails() throws Exception {
        server = new BodyServer(new BodyPace.Times(Duration.ofSeconds(20), Duration.ofMillis(500), 1000),
                (request, body) -> digest(body));
        Socket client = server.connect(head("PUT", "Content-Length: 500000") + "\r\n");
        long begin = System.nanoTime();
        Thread dripping = new Thread(() -> {
            try {
                for (int i = 0; i < 2000; i++) {
                    client.getOutputStream().write('x');
                    TimeUnit.MILLISECONDS.sleep(5);
                }
            } catch (IOException | InterruptedException e) {
                // left
            }
        });
        dripping.start();
        Answer answer = answer(client);
        assertEquals(400, answer.status());
        assertTrue(answer.body().startsWith("The body stopped: after 0 bytes fewer than 1000 arrived in 500 ms."), answer.body());
        assertTrue(System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(8), "late");
        client.close();
        dripping.join();
    }

    @Test
    void aSlowReaderIsNoFaultOfTheClient() throws Exception {
        AtomicLong slept = new AtomicLong();
        server = new BodyServer(new BodyPace.Times(Duration.ofMillis(1500), Duration.ofMillis(1500), 64 * 1024), (request, body) -> {
            TimeUnit.MILLISECONDS.sleep(1800);
            body.writeTo(new OutputStream() {
                @Override
                public void write(int b) {
                    throw new UnsupportedOperationException();
                }

                @Override
                public void write(byte[] bytes, int offset, int length) {
                    if (slept.getAndIncrement() < 2) {
                        try {
                            TimeUnit.MILLISECONDS.sleep(1800);
                        } catch (InterruptedException e) {
                            Thread.currentThread().interrupt();
                        }
                    }
                }
            });
            return "ok";
        });
        Socket client = server.connect(head("PUT", "Content-Length: 20000000") + "\r\n");
        client.getOutputStream().write(new byte[20_000_000]);
        assertEquals("ok", answer(client).body());
    }

    @ParameterizedTest
    @ValueSource(strings = {"Content-Length: 500", "Transfer-Encoding: chunked"})
    void aClientThatLeavesIsGone(String framing) throws Exception {
        digesting();
        Socket client = server.connect(head("PUT", framing) + "\r\n5\r\nhello\r\n");
        await(() -> server.limits.connections() == 1, "not there");
        client.close();
        PushBodyException failure = server.failure();
        assertTrue(failure.isGone(), failure.getMessage());
        assertTrue(failure.getMessage().startsWith("The client has left after "), failure.getMessage());
    }

    @Test
    void aClientThatLeavesBeforeItsBytesAreWantedIsGone() throws Exception {
        waiting(BodyPace.Times.USUAL);
        Socket client = server.connect(head("PUT", "Content-Length: 500") + "\r\nhello");
        held();
        client.close();
        await(() -> server.limits.connections() == 0, "the connection stays");
        gate.countDown();
        assertTrue(server.failure().isGone());
    }

    @ParameterizedTest
    @ValueSource(strings = {"zz\r\n", "-1\r\n", "0x5\r\nhello\r\n", "5\nhello\r\n", "5\r\nhelloX\r\n", "5\r\nhello\n", "ffffffffff\r\n", "\r\n",
        "5;\u0000a=b\r\n", "0\r\nno trailer\r\n\r\n"})
    void chunksThatAreNoneFail(String chunks) throws Exception {
        digesting();
        Socket client = server.connect(head("PATCH", "Transfer-Encoding: chunked") + "\r\n3\r\nabc\r\n" + chunks + NEXT);
        Answer answer = answer(client);
        assertEquals(400, answer.status());
        assertEquals("The body is malformed: its chunks cannot be told apart.", answer.body());
        assertTrue(answer.closes(), answer.head());
        assertTrue(endsWith(client), "the connection goes on");
        assertFalse(server.failure().isGone());
    }

    /** The response is the worker's, which is not as fast as the event loop. */
    @Test
    void theResponseToAMalformedBodyComesAlthoughMuchFollows() throws Exception {
        server = new BodyServer((request, body) -> {
            try {
                return digest(body);
            } finally {
                TimeUnit.MILLISECONDS.sleep(500);
            }
        });
        Socket client = server.connect(head("PATCH", "Transfer-Encoding: chunked") + "\r\n3\r\nabc\r\nzz\r\n");
        for (int i = 0; i < 100; i++) {
            client.getOutputStream().write(new byte[1000]);
            TimeUnit.MILLISECONDS.sleep(2);
        }
        Answer answer = answer(client);
        assertEquals(400, answer.status());
        assertTrue(answer.closes(), answer.head());
    }

    // What is refused early

    @Test
    void aClientReadsTheRefusalOfABodyThatIsStillOnItsWay() throws Exception {
        server = new BodyServer((request, body) -> {
            throw new BodyServer.Refusal(403);
        });
        Socket client = server.connect(head("PUT", "Content-Length: 10000000") + "\r\n");
        // All of it, before anything is read.
        client.getOutputStream().write(new byte[10_000_000]);
        Answer answer = answer(client);
        assertEquals(403, answer.status());
        assertTrue(answer.closes(), answer.head());
        assertTrue(ends(client), "the connection goes on");
    }

    @Test
    void aClientThatSendsForEverIsLeftSoon() throws Exception {
        server = new BodyServer((request, body) -> {
            throw new BodyServer.Refusal(403);
        });
        Socket client = server.connect(head("PATCH", "Transfer-Encoding: chunked") + "\r\n");
        long begin = System.nanoTime();
        byte[] chunk = ("10000\r\n" + "x".repeat(0x10000) + "\r\n").getBytes();
        long sent = 0;
        try {
            for (; sent < 10_000_000_000L; sent += chunk.length) {
                client.getOutputStream().write(chunk);
            }
        } catch (IOException e) {
            // left
        }
        assertTrue(System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(15), "it was left late");
        assertTrue(sent < 100_000_000, "it has sent " + sent);
        await(() -> server.limits.connections() == 0, "the connection stays");
    }

    @Test
    void theRestOfASmallBodyIsDroppedAndTheConnectionGoesOn() throws Exception {
        server = new BodyServer((request, body) -> {
            if (request.path().endsWith("secret")) {
                throw new BodyServer.Refusal(403);
            }
            return digest(body);
        });
        Socket client = server.connect(head("PUT", "Content-Length: 60000") + "\r\n");
        Answer answer = answer(client);
        assertEquals(403, answer.status());
        assertFalse(answer.closes(), answer.head());
        client.getOutputStream().write(new byte[60_000]);
        send(client, NEXT);
        assertEquals(digest("ok".getBytes()), answer(client).body());
    }

    @Test
    void aBodyThatNobodyWantedAndThatHasArrivedDoesNotEndTheConnection() throws Exception {
        server = new BodyServer((request, body) -> {
            bodies.add(body);
            gate.await();
            return "ok";
        });
        Socket client = server.connect(head("PATCH", "Transfer-Encoding: chunked") + "\r\n3\r\nabc\r\n0" + END);
        RequestBody body = held();
        await(() -> body.toString().contains("ended"), body.toString());
        gate.countDown();
        assertFalse(answer(client).closes());
        send(client, NEXT);
        assertEquals("ok", answer(client).body());
    }

    @Test
    void whoeverStillWaitsForABodyWhenItsRequestIsAnsweredStopsWaiting() throws Exception {
        server = new BodyServer((request, body) -> {
            new Thread(() -> {
                bodies.add(body);
                request.response().setStatusCode(503).end();
            }).start();
            return digest(body);
        });
        Socket client = server.connect(head("PUT", "Content-Length: 500") + "\r\n");
        assertEquals(503, answer(client).status());
        assertEquals("The request was answered before its body had ended.", server.failure().getMessage());
    }

    // Memory

    @Test
    void aClientCannotSendMoreThanIsTaken() throws Exception {
        waiting(BodyPace.Times.USUAL);
        int length = 50_000_000;
        Socket client = server.connect(head("PUT", "Content-Length: " + length) + "\r\n");
        AtomicLong sent = new AtomicLong();
        byte[] bytes = random(100_000);
        Thread sender = new Thread(() -> {
            try {
                for (int i = 0; i < length / bytes.length; i++) {
                    client.getOutputStream().write(bytes);
                    sent.addAndGet(bytes.length);
                }
            } catch (IOException e) {
                // the test says so below
            }
        });
        sender.start();
        RequestBody body = held();
        long before = -1;
        while (before != sent.get()) {
            before = sent.get();
            TimeUnit.MILLISECONDS.sleep(300);
        }
        assertTrue(before < length / 2, "sent " + before);
        assertTrue(kept(body) <= 32 * 1024, body.toString());
        gate.countDown();
        assertTrue(answer(client).body().startsWith(length + " "));
        sender.join();
        assertEquals(length, sent.get());
    }

    private static int kept(RequestBody body) {
        return Integer.parseInt(body.toString().replaceFirst(".* ([0-9]+) kept.*", "$1"));
    }

    /** Netty reads all that a client has sent once it has closed its side, whether it is wanted or not. */
    @Test
    void aClientThatSendsMoreThanIsTakenAndLeavesFillsNoMemory() throws Exception {
        waiting(BodyPace.Times.USUAL);
        Socket client = server.connect(head("PUT", "Content-Length: 50000000") + "\r\n");
        RequestBody body = held();
        // As much as the network keeps for a reader who does not read.
        client.getOutputStream().write(new byte[190_000]);
        client.shutdownOutput();
        await(() -> server.limits.connections() == 0, "the connection stays");
        assertEquals(0, kept(body), body.toString());
        gate.countDown();
        assertTrue(server.failure().isGone());
    }

    @Test
    void manyBodiesThatNobodyTakesOrOnlySlowlyTakeLittleMemory() throws Exception {
        waiting(BodyPace.Times.USUAL);
        long before = heap();
        String chunks = "1\r\nx\r\n".repeat(200_000);
        List<Thread> senders = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            Socket client = server.connect(head("PATCH", "Transfer-Encoding: chunked") + "\r\n");
            Thread sender = new Thread(() -> {
                try {
                    send(client, chunks);
                } catch (IOException e) {
                    // closed at the end
                }
            });
            sender.setDaemon(true);
            sender.start();
            senders.add(sender);
        }
        List<RequestBody> all = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            all.add(held());
        }
        TimeUnit.MILLISECONDS.sleep(500);
        // Without the copy that the senders keep.
        long more = heap() - before - 64L * chunks.length();
        assertTrue(more < 10_000_000, "the heap has grown by " + more);
        assertTrue(all.stream().mapToInt(RequestBodyTest::kept).max().orElse(0) <= 32 * 1024, all.toString());
        server.close();
        for (Thread sender : senders) {
            sender.join();
        }
    }

    private static long heap() {
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    @ParameterizedTest
    @ValueSource(strings = {"3;" + "x", "0\r\n" + "X: y\r\n"})
    void linesAroundChunksAreFew(String start) throws Exception {
        digesting();
        Socket client = server.connect(head("PATCH", "Transfer-Encoding: chunked") + "\r\n");
        String more = start.startsWith("0") ? "a:\r\n" : "x";
        try {
            send(client, start);
            for (int i = 0; i < 100; i++) {
                send(client, more.repeat(200));
                TimeUnit.MILLISECONDS.sleep(5);
            }
        } catch (IOException e) {
            // closed
        }
        PushBodyException failure = server.failure();
        assertTrue(failure.isGone() || failure.getMessage().contains("malformed"), failure.getMessage());
        await(() -> server.limits.connections() == 0, "the connection stays");
    }

    @Test
    void trailersAreRead() throws Exception {
        digesting();
        Socket client = server.connect(head("PATCH", "Transfer-Encoding: chunked") + "\r\n3;a=b\r\nabc\r\n0\r\nDigest: x\r\nContent-Length: 7" + END + NEXT);
        assertEquals(digest("abc".getBytes()), answer(client).body());
        assertEquals(digest("ok".getBytes()), answer(client).body());
    }

    // Time

    @Test
    void anUploadIsBusyForAsLongAsItTakes() throws Exception {
        Duration shortest = Duration.ofSeconds(1);
        server = new BodyServer(BodyPace.Times.USUAL, BodyServer.bounds(shortest, shortest), false, (request, body) -> {
            String digest = digest(body);
            TimeUnit.MILLISECONDS.sleep(2000);
            return digest;
        });
        Socket client = server.connect(head("PUT", "Content-Length: 150000") + "\r\n");
        for (int i = 0; i < 15; i++) {
            client.getOutputStream().write(new byte[10_000]);
            TimeUnit.MILLISECONDS.sleep(150);
        }
        assertTrue(answer(client).body().startsWith("150000 "));
    }

    @Test
    void theRestOfARefusedBodyMayNotDrip() throws Exception {
        server = new BodyServer(BodyPace.Times.USUAL, BodyServer.bounds(BodyServer.LONG, Duration.ofMillis(400)), false, (request, body) -> {
            throw new BodyServer.Refusal(403);
        });
        Socket client = server.connect(head("PUT", "Content-Length: 60000") + "\r\nxx");
        assertEquals(403, answer(client).status());
        client.getOutputStream().write('x');
        assertTrue(ends(client), "it goes on");
    }

    @Test
    void aConnectionThatIsLeftMakesRoomForAnother() throws Exception {
        server = new BodyServer(BodyPace.Times.USUAL, new ConnectionLimits.Bounds(1, BodyServer.LONG, BodyServer.LONG, null, 100, 10, 1_000_000, 1_000_000),
                false, (request, body) -> {
                    if (body.length() > 1000) {
                        throw new BodyServer.Refusal(403);
                    }
                    return digest(body);
                });
        Socket left = server.connect(head("PUT", "Content-Length: 1000000") + "\r\n");
        assertEquals(403, answer(left).status());
        Answer other = answer(server.connect(NEXT));
        for (int i = 0; i < 50 && other.status() == 0; i++) {
            // The server has not noted yet that the client has its response.
            TimeUnit.MILLISECONDS.sleep(10);
            other = answer(server.connect(NEXT));
        }
        assertEquals(digest("ok".getBytes()), other.body());
        assertTrue(ends(left), "it stays");
    }

    // What is no push

    @Test
    void bodiesOfOtherRequestsAreDropped() throws Exception {
        server = new BodyServer((request, body) -> {
            TimeUnit.MILLISECONDS.sleep(200);
            return String.valueOf(body);
        });
        Socket client = server.connect();
        for (String method : List.of("GET", "DELETE", "OPTIONS")) {
            send(client, head(method, "Content-Length: 200000") + "\r\n" + "x".repeat(200_000));
            assertEquals("null", answer(client).body());
        }
        send(client, "POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 5" + END + "hello" + NEXT);
        assertEquals(404, answer(client).status());
        assertTrue(answer(client).body().startsWith("a body of 2 bytes"));
    }

    @Test
    void noBodyIsHeldWhereNobodyMayPush() throws Exception {
        server = new BodyServer(null, (request, body) -> {
            assertNull(body);
            return "dropped";
        });
        Socket client = server.connect(head("PUT", "Content-Length: 200000", "Expect: something") + "\r\n" + "x".repeat(200_000) + head("PUT") + "\r\n");
        assertEquals("dropped", answer(client).body());
        assertEquals("dropped", answer(client).body());
        send(client, head("PATCH", "Transfer-Encoding: chunked") + "\r\n");
        assertEquals(411, answer(client).status());
    }
}
