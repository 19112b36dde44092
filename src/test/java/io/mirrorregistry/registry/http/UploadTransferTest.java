package io.mirrorregistry.registry.http;

import static io.mirrorregistry.registry.http.Pushing.LONG;
import static io.mirrorregistry.registry.http.Pushing.UPLOADS;
import static io.mirrorregistry.registry.http.Pushing.answeredWithin;
import static io.mirrorregistry.registry.http.Pushing.goOn;
import static io.mirrorregistry.registry.http.Pushing.patch;
import static io.mirrorregistry.registry.http.Pushing.random;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.ProxySettings;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.PushRequest.Method;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushCall;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.RegistryTroubleException.Kind;
import io.mirrorregistry.registry.http.Pushing.Body;
import io.mirrorregistry.registry.http.RawRegistry.Request;
import io.mirrorregistry.testing.TestProxy;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bodies on their way to a registry that takes them, stops, responds too early, or goes away. */
@Timeout(60)
class UploadTransferTest {

    private static final Duration SHORT = Duration.ofMillis(400);
    private static final int LARGE = 30_000_000;
    private static final String DENIED = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\"}]}";

    private final List<AutoCloseable> toClose = new ArrayList<>();
    /** Held by registries that read no more. */
    private final CountDownLatch over = new CountDownLatch(1);
    private RawRegistry registry;

    @AfterEach
    void stop() throws Exception {
        over.countDown();
        for (AutoCloseable closeable : toClose) {
            closeable.close();
        }
        registry.verify();
        registry.close();
    }

    private RegistryClient client(Pushing pushing) {
        RegistryClient client = pushing.client();
        toClose.add(client::shutDown);
        return client;
    }

    private RegistryClient serve(boolean tls, RawRegistry.Script script) {
        return serve(tls, LONG, script);
    }

    private RegistryClient serve(boolean tls, Duration responseTimeout, RawRegistry.Script script) {
        registry = RawRegistry.start(tls, script);
        return client(Pushing.to(registry.url()).responseTimeout(responseTimeout));
    }

    private static void accept(Request request) throws IOException {
        int length = request.readBody().length;
        request.respond(202, "", "Location: " + UPLOADS + "2", "Range: 0-" + (length - 1));
    }

    /** Reads nothing, and keeps the connection. */
    private void hold(Request request) throws InterruptedException {
        over.await();
        request.end();
    }

    private static RegistryTroubleException trouble(RegistryClient client, PushCall call) {
        return assertThrows(RegistryTroubleException.class, () -> client.push(call));
    }

    // Whole bodies

    @ParameterizedTest
    @CsvSource({"1, 1, false, false", "1, 1, true, false", "70000, 1000, true, false", "200000, 65536, false, false", "3000000, 65536, true, false",
        "3000000, 8192, true, true", "3000000, 65536, false, true", "3000000, 3000000, true, true"})
    void aBodyArrivesAsItIs(int length, int piece, boolean chunked, boolean tls) throws Exception {
        RegistryClient client = serve(tls, UploadTransferTest::accept);
        byte[] bytes = random(length);
        Body body = Body.of(bytes, chunked).pieces(piece);
        PushResponse response = client.push(patch(body, false));
        assertEquals(202, response.status());
        assertEquals(UPLOADS + "2", response.location());
        assertEquals("0-" + (length - 1), response.header("range"));
        Request request = request("PATCH");
        assertArrayEquals(bytes, request.body());
        assertEquals(chunked ? null : String.valueOf(length), request.header("Content-Length"));
        assertEquals(chunked ? "chunked" : null, request.header("Transfer-Encoding"));
        assertNull(request.header("Expect"));
        assertEquals("application/octet-stream", request.header("Content-Type"));
        assertEquals(length, body.written());
    }

    private Request request(String method) {
        List<Request> found = registry.requests().stream().filter(request -> request.method().equals(method)).toList();
        assertEquals(1, found.size(), registry.requests().toString());
        return found.get(0);
    }

    @Test
    void eachBodyHasAConnectionOfItsOwn() throws Exception {
        RegistryClient client = serve(false, UploadTransferTest::accept);
        for (int i = 0; i < 3; i++) {
            client.push(patch(Body.of(random(1000)), false));
        }
        List<Request> patches = registry.requests().stream().filter(request -> request.method().equals("PATCH")).toList();
        assertEquals(3, patches.stream().map(Request::connection).distinct().count());
    }

    @Test
    void aSlowSourceIsNoStallOfTheRegistry() throws Exception {
        RegistryClient client = serve(false, SHORT, UploadTransferTest::accept);
        Body body = Body.of(random(3000)).pieces(1000).before(written -> pause(SHORT.multipliedBy(2)));
        assertEquals(202, client.push(patch(body, false)).status());
    }

    private static void pause(Duration time) {
        try {
            TimeUnit.NANOSECONDS.sleep(time.toNanos());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** As registries do that take no blob with the first request. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anUploadBeginsBeforeTheBodyOfItsRequestIsRead(boolean tls) throws Exception {
        RegistryClient client = serve(tls, request -> {
            if (request.method().equals("POST")) {
                request.readBytes(1000);
                request.respond(202, "", "Location: " + UPLOADS + "2", "Connection: close").end();
            } else {
                accept(request);
            }
        });
        PushResponse response = client.push(Pushing.call(Method.POST, UPLOADS + "?digest=x", Body.of(new byte[LARGE])));
        assertEquals(202, response.status());
        assertEquals(UPLOADS + "2", response.location());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void interimResponsesAreNoResponse(boolean tls) throws Exception {
        RegistryClient client = serve(tls, request -> {
            if (request.method().equals("PATCH")) {
                request.readBytes(1000);
                request.raw("HTTP/1.1 102 Processing\r\n\r\n");
                request.readBytes(LARGE - 1000);
                request.raw("HTTP/1.1 102 Processing\r\n\r\n").respond(202, "", "Location: /2");
            } else {
                accept(request);
            }
        });
        assertEquals(202, client.push(patch(Body.of(new byte[LARGE]), false)).status());
    }

    @Test
    void byWayOfAProxy() throws Exception {
        registry = RawRegistry.start(true, UploadTransferTest::accept);
        TestProxy proxy = TestProxy.start();
        toClose.add(proxy);
        ProxySettings through = new ProxySettings("http", "127.0.0.1", Integer.parseInt(proxy.host().split(":")[1]), null);
        RegistryClient client = client(Pushing.to(registry.url()).proxy(through));
        byte[] bytes = random(500_000);
        assertEquals(202, client.push(patch(Body.chunked(bytes), false)).status());
        assertArrayEquals(bytes, request("PATCH").body());
        assertTrue(proxy.count("CONNECT") > 0);
    }

    // The source

    @ParameterizedTest
    @CsvSource({"false, false", "true, false", "false, true", "true, true"})
    void aBodyThatBreaksOffAtItsSourceIsBrokenForTheRegistry(boolean chunked, boolean tls) throws Exception {
        CompletableFuture<Boolean> whole = new CompletableFuture<>();
        RegistryClient client = serve(tls, request -> {
            if (request.method().equals("PATCH")) {
                try {
                    request.readBody();
                    whole.complete(true);
                } catch (IOException e) {
                    whole.complete(false);
                }
                request.end();
            } else {
                accept(request);
            }
        });
        PushBodyException failure = new PushBodyException("The client has left.", true);
        Body body = Body.of(random(300_000), chunked).before(written -> {
            if (written > 100_000) {
                awaitRequest("PATCH");
                throw failure;
            }
        });
        assertSame(failure, assertThrows(PushBodyException.class, () -> client.push(patch(body, false))));
        assertFalse(whole.get(10, TimeUnit.SECONDS));
    }

    /** Before the first byte as well. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aSourceThatNeverBeginsLeavesNoEmptyBody(boolean chunked) throws Exception {
        CompletableFuture<Boolean> whole = new CompletableFuture<>();
        RegistryClient client = serve(false, request -> {
            try {
                request.readBody();
                whole.complete(request.method().equals("PATCH"));
            } catch (IOException e) {
                whole.complete(false);
            }
            request.end();
        });
        Body body = Body.of(random(10), chunked).before(written -> {
            awaitRequest("PATCH");
            throw new PushBodyException("The client sends nothing.", false);
        });
        assertFalse(assertThrows(PushBodyException.class, () -> client.push(patch(body, false))).isGone());
        assertFalse(whole.get(10, TimeUnit.SECONDS));
    }

    @ParameterizedTest
    @CsvSource({"1000, 999", "1000, 1001", "200000, 100", "100, 200000"})
    void aBodyOfAnotherLengthThanItSaysIsNotWhole(int length, int said) throws Exception {
        CompletableFuture<Boolean> whole = new CompletableFuture<>();
        RegistryClient client = serve(false, request -> {
            if (request.method().equals("PATCH")) {
                try {
                    request.readBody();
                    request.awaitEnd();
                    whole.complete(true);
                } catch (IOException e) {
                    whole.complete(false);
                }
                request.end();
            } else {
                accept(request);
            }
        });
        assertThrows(PushBodyException.class, () -> client.push(patch(Body.claiming(random(length), said).before(written -> awaitRequest("PATCH")), false)));
        assertFalse(whole.get(10, TimeUnit.SECONDS));
    }

    // Early responses

    /** @param ending how the registry leaves the rest: it holds the connection, closes it, or resets it */
    @ParameterizedTest
    @CsvSource({"false, false, hold", "true, false, hold", "false, true, hold", "true, true, hold", "false, false, close", "true, false, close",
        "false, true, close", "true, true, close", "false, false, reset", "true, false, reset", "false, true, reset"})
    void aResponseBeforeTheBodyIsThroughIsWorthMoreThanABrokenPipe(boolean chunked, boolean tls, String ending) throws Exception {
        // Of TLS it is only noticed at the end of that time if the write hangs already.
        RegistryClient client = serve(tls, Duration.ofSeconds(2), request -> {
            if (!request.method().equals("PATCH")) {
                accept(request);
                return;
            }
            request.readBytes(50_000);
            request.respond(413, "{\"errors\":[{\"code\":\"SIZE_INVALID\",\"message\":\"too long\"}]}", "Content-Type: application/json", "Connection: close");
            switch (ending) {
                case "hold" -> hold(request);
                case "reset" -> request.reset();
                default -> request.end();
            }
        });
        PushResponse response = client.push(patch(Body.of(new byte[LARGE], chunked), false));
        assertEquals(413, response.status());
        // A reset may overtake the rest of a response.
        assertTrue(response.errors().equals(List.of(new PushResponse.Problem("SIZE_INVALID", "too long"))) || ending.equals("reset"), response.toString());
    }

    /** The mirror hangs in a write when the response comes. */
    @ParameterizedTest
    @CsvSource({"false, false", "true, false", "false, true", "true, true"})
    void aResponseIsNoticedWhileTheRegistryTakesNoByte(boolean chunked, boolean tls) throws Exception {
        Body body = Body.of(new byte[LARGE], chunked);
        RegistryClient client = serve(tls, Duration.ofSeconds(2), request -> {
            if (!request.method().equals("PATCH")) {
                accept(request);
                return;
            }
            request.readBytes(50_000);
            for (long before = -1; before != body.written(); pause(Duration.ofMillis(100))) {
                before = body.written();
            }
            request.respond(403, DENIED, "Content-Type: application/json");
            hold(request);
        });
        PushResponse response = client.push(patch(body, true));
        assertEquals(403, response.status());
        assertEquals("DENIED", response.errors().get(0).code());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void noRegistryHasStoredWhatItHasNotRead(boolean chunked) throws Exception {
        CompletableFuture<Boolean> whole = new CompletableFuture<>();
        RegistryClient client = serve(false, request -> {
            if (!request.method().equals("PUT")) {
                accept(request);
                return;
            }
            request.respond(201, "");
            try {
                request.readBody();
                whole.complete(true);
            } catch (IOException e) {
                whole.complete(false);
            }
            request.end();
        });
        Body body = Body.of(new byte[LARGE], chunked).before(written -> {
            if (written > 0) {
                awaitRequest("PUT");
                pause(Duration.ofMillis(20));
            }
        });
        RegistryTroubleException trouble = trouble(client, goOn(Method.PUT, UPLOADS + "1?digest=x", body, false));
        assertTrue(trouble.getMessage().contains("201 before the body was sent"), trouble.getMessage());
        assertFalse(whole.get(10, TimeUnit.SECONDS), "the registry took the beginning of the body for all of it");
    }

    private void awaitRequest(String method) {
        while (registry.requests().stream().noneMatch(request -> request.method().equals(method))) {
            pause(Duration.ofMillis(5));
        }
    }

    // Time

    @ParameterizedTest
    @CsvSource({"false, false", "true, false", "false, true", "true, true"})
    void aRegistryThatTakesNoByteIsTrouble(boolean chunked, boolean tls) throws Exception {
        RegistryClient client = serve(tls, SHORT, request -> {
            if (request.method().equals("PATCH")) {
                request.readBytes(50_000);
                hold(request);
            } else {
                accept(request);
            }
        });
        long start = System.nanoTime();
        RegistryTroubleException trouble = trouble(client, patch(Body.of(new byte[LARGE], chunked), false));
        assertEquals(Kind.OUTAGE, trouble.kind());
        assertEquals("PATCH an upload to team/app: took no byte for 0.4 s", trouble.getMessage());
        assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(5));
    }

    @ParameterizedTest
    @ValueSource(strings = {"PATCH", "PUT"})
    void aRegistryThatDoesNotRespondIsTrouble(String method) throws Exception {
        RegistryClient client = serve(false, request -> {
            if (request.method().equals(method)) {
                request.readBody();
                hold(request);
            } else {
                accept(request);
            }
        });
        PushCall call = method.equals("PATCH") ? patch(Body.of(random(100_000)), false) : goOn(Method.PUT, UPLOADS + "1?digest=x", null, false);
        RegistryTroubleException trouble = trouble(client, answeredWithin(SHORT, call));
        assertEquals(Kind.OUTAGE, trouble.kind());
        assertTrue(trouble.getMessage().matches(method + " an upload to team/app: timed out after 0\\.[4-9] s"), trouble.getMessage());
    }

    /** Registries hash gigabytes before they respond. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aCommitMayTakeLongerThanOtherResponses(boolean withBody) throws Exception {
        RegistryClient client = serve(false, SHORT, request -> {
            request.readBody();
            if (request.method().equals("PUT")) {
                pause(SHORT.multipliedBy(3));
            }
            request.respond(201, "");
        });
        PushCall call = goOn(Method.PUT, UPLOADS + "1?digest=x", withBody ? Body.of(random(1000)) : null, false);
        assertEquals(201, client.push(call).status());
        RegistryTroubleException trouble = trouble(client, answeredWithin(SHORT, call));
        assertTrue(trouble.getMessage().contains("timed out"), trouble.getMessage());
    }

    @Test
    void theBodyOfAResponseMayNotDripForEver() throws Exception {
        RegistryClient client = serve(false, SHORT, request -> {
            request.readBody();
            if (request.method().equals("PATCH")) {
                request.raw("HTTP/1.1 400 Bad\r\nContent-Length: 1000\r\nContent-Type: application/json\r\n\r\n{\"errors\":[{\"code\":\"DIGEST_INVALID\"},");
                while (over.getCount() > 0) {
                    request.raw(" ");
                    over.await(50, TimeUnit.MILLISECONDS);
                }
            } else {
                request.respond(200, "");
            }
        });
        long start = System.nanoTime();
        PushResponse response = client.push(patch(Body.of(random(1000)), false));
        assertEquals(400, response.status());
        assertEquals(List.of(new PushResponse.Problem("DIGEST_INVALID", "")), response.errors());
        assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(10), "it was read to its end");
    }

    @Test
    void aRegistryThatGoesAwayInTheMiddleIsTrouble() throws Exception {
        RegistryClient client = serve(false, request -> {
            if (request.method().equals("PATCH")) {
                request.readBytes(100_000);
                request.reset();
            } else {
                accept(request);
            }
        });
        assertEquals(Kind.OUTAGE, trouble(client, patch(Body.of(new byte[LARGE]), false)).kind());
        assertEquals(1, registry.requests().stream().filter(request -> request.method().equals("PATCH")).count());
    }

    // Concurrency

    @Test
    void uploadsTakeNoConnectionFromPulls() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        RegistryClient client = serve(false, request -> {
            if (request.method().equals("PATCH")) {
                held.await();
                accept(request);
            } else {
                request.readBody();
                request.respond(200, "");
            }
        });
        List<CompletableFuture<PushResponse>> uploads = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            uploads.add(CompletableFuture.supplyAsync(() -> {
                try {
                    return client.push(patch(Body.of(random(100_000)), false));
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            }, work -> new Thread(work).start()));
        }
        while (registry.requests().stream().filter(request -> request.method().equals("PATCH")).count() < 20) {
            pause(Duration.ofMillis(5));
        }
        // More than the ten connections that pulls have.
        client.ask(Call.get(new ApiPath(ApiPath.Kind.API_VERSION, null, null), null)).close();
        held.countDown();
        for (CompletableFuture<PushResponse> upload : uploads) {
            assertEquals(202, upload.get(20, TimeUnit.SECONDS).status());
        }
    }
}
