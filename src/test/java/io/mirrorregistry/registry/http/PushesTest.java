package io.mirrorregistry.registry.http;

import static io.mirrorregistry.registry.http.Pushing.APP;
import static io.mirrorregistry.registry.http.Pushing.LONG;
import static io.mirrorregistry.registry.http.Pushing.UPLOADS;
import static io.mirrorregistry.registry.http.Pushing.begin;
import static io.mirrorregistry.registry.http.Pushing.call;
import static io.mirrorregistry.registry.http.Pushing.goOn;
import static io.mirrorregistry.registry.http.Pushing.patch;
import static io.mirrorregistry.registry.http.Pushing.random;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.PushRequest.Method;
import io.mirrorregistry.registry.PushCall;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.RegistryTroubleException.Kind;
import io.mirrorregistry.registry.http.Pushing.Body;
import io.mirrorregistry.registry.http.RawRegistry.Request;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a registry's responses to pushes mean, and how requests are sent. */
@Timeout(60)
class PushesTest {

    private static final String BLOB = "/v2/team/app/blobs/sha256:" + "0".repeat(64);
    private static final String MANIFEST = "/v2/team/app/manifests/1.0";
    private static final String JSON = "Content-Type: application/json";

    private final List<AutoCloseable> toClose = new ArrayList<>();
    private RawRegistry registry;

    @AfterEach
    void stop() throws Exception {
        for (AutoCloseable closeable : toClose) {
            closeable.close();
        }
        registry.verify();
    }

    private <T extends AutoCloseable> T open(T closeable) {
        toClose.add(closeable);
        return closeable;
    }

    private RegistryClient client(Pushing pushing) {
        RegistryClient client = pushing.client();
        toClose.add(client::shutDown);
        return client;
    }

    private RegistryClient serve(RawRegistry.Script script) {
        registry = open(RawRegistry.start(request -> {
            request.readBody();
            script.serve(request);
        }));
        return client(Pushing.to(registry.url()));
    }

    /** Serves the version, and everything else by a script. */
    private RegistryClient serveKnown(RawRegistry.Script script) {
        return serve(request -> {
            if (request.target().equals("/v2/")) {
                request.respond(200, "{}", "Docker-Distribution-Api-Version: registry/2.0");
            } else {
                script.serve(request);
            }
        });
    }

    private List<Request> asked(String method) {
        return registry.requests().stream().filter(request -> request.method().equals(method) && !request.target().equals("/v2/")).toList();
    }

    private static RegistryTroubleException trouble(RegistryClient client, PushCall call) {
        return assertThrows(RegistryTroubleException.class, () -> client.push(call));
    }

    private static String errors(String code, String message) {
        return "{\"errors\":[{\"code\":\"" + code + "\",\"message\":\"" + message + "\",\"detail\":{\"a\":[1]}}]}";
    }

    // Successes

    @Test
    void aSuccessComesWithItsHeaders() throws Exception {
        RegistryClient client = serve(request -> request.respond(202, "", "Location: " + UPLOADS + "1?_state=x", "Range: 0-0", "Docker-Upload-UUID: u",
                "OCI-Chunk-Min-Length: 5", "OCI-Tag: a", "OCI-Tag: b", "WWW-Authenticate: Basic realm=\"x\"", "Set-Cookie: a=b", "X-Odd: \u00e4"));
        PushResponse response = client.push(begin());
        assertEquals(202, response.status());
        assertEquals(UPLOADS + "1?_state=x", response.location());
        assertEquals(Map.of("range", "0-0", "oci-chunk-min-length", "5", "oci-tag", "a, b", "content-length", "0"),
                response.headers());
        assertEquals(List.of(), response.errors());
        assertFalse(response.authorized());
        assertEquals("0", asked("POST").get(0).header("Content-Length"));
    }

    @Test
    void aRequestCarriesWhatPullsCarry() throws Exception {
        RegistryClient client = serve(request -> request.respond(201, "", "Location: http://elsewhere.example/v2/x"));
        PushCall call = new PushCall(Method.PUT, APP, null, MANIFEST + "?tag=a&tag=b", false, Map.of("Content-Type", "application/x"),
                Body.repeatable(random(10)), LONG, false, "id-1", "1.1 mirror-registry-" + "0".repeat(32));
        PushResponse response = client.push(call);
        assertEquals(201, response.status());
        assertNull(response.location(), "nothing goes on there");
        Request request = asked("PUT").get(0);
        assertEquals(MANIFEST + "?tag=a&tag=b", request.target());
        assertEquals("application/x", request.header("Content-Type"));
        assertEquals("identity", request.header("Accept-Encoding"));
        assertEquals("id-1", request.header("X-Request-ID"));
        assertEquals("test", request.header("User-Agent"));
        assertEquals("yes", request.header("X-Configured"));
        assertTrue(request.header("Via").matches("1\\.1 mirror-registry-0{32}, 1\\.1 mirror-registry-[0-9a-f]{32}"), request.header("Via"));
        assertEquals("127.0.0.1:" + registry.port(), request.header("Host"));
        assertArrayEquals(random(10), request.body());
    }

    @Test
    void callsAreCountedByWhatTheyAreAbout() throws Exception {
        registry = open(RawRegistry.start(request -> {
            request.readBody();
            request.respond(request.method().equals("POST") ? 202 : 200, "", "Location: /x");
        }));
        Pushing pushing = Pushing.to(registry.url());
        RegistryClient client = client(pushing);
        client.push(begin());
        client.push(goOn(Method.PATCH, "/artifacts-uploads/1", Body.of(random(10)), false));
        client.push(call(Method.PUT, MANIFEST, Body.repeatable(random(10))));
        client.push(call(Method.HEAD, BLOB, null));
        for (Map.Entry<String, Integer> expected : Map.of("upload", 2, "manifest", 1, "blob", 1).entrySet()) {
            assertEquals((long) expected.getValue(), pushing.meters().find("mirror.registry.calls").tag("kind", expected.getKey()).timers().stream()
                    .mapToLong(timer -> timer.count()).sum(), expected.getKey());
        }
        assertTrue(Double.isNaN(client.millisToFirstByte()));
    }

    // Kept connections

    @Test
    void aKeptConnectionThatTheRegistryHasClosedIsNoTrouble() throws Exception {
        RegistryClient client = serve(request -> {
            request.respond(200, "");
            request.end();
        });
        for (int i = 0; i < 5; i++) {
            assertEquals(200, client.push(call(Method.HEAD, BLOB, null)).status());
        }
        assertEquals(5, asked("HEAD").size());
    }

    @Test
    void whatMayBeSentTwiceKeepsItsConnectionAndACommitDoesNot() throws Exception {
        RegistryClient client = serve(request -> request.respond(request.method().equals("POST") ? 202 : 200, "", "Location: /x"));
        client.push(call(Method.HEAD, BLOB, null));
        client.push(begin());
        client.push(call(Method.HEAD, BLOB, null));
        assertEquals(1, registry.connections());
        client.push(goOn(Method.PUT, UPLOADS + "1?digest=x", null, false));
        client.push(goOn(Method.DELETE, UPLOADS + "1", null, false));
        client.push(call(Method.PUT, MANIFEST, Body.repeatable(random(10))));
        assertEquals(4, registry.connections());
        assertEquals("0", asked("PUT").get(0).header("Content-Length"));
    }

    @Test
    void aLongErrorBodyIsNotReadToItsEnd() throws Exception {
        RegistryClient client = serveKnown(request -> request.respond(400, errors("TAG_INVALID", "x") + " ".repeat(10_000_000), JSON));
        assertEquals("TAG_INVALID", client.push(call(Method.PUT, MANIFEST, Body.repeatable(random(10)))).errors().get(0).code());
        assertEquals(400, client.push(begin()).status());
    }

    // Refusals

    @ParameterizedTest
    @CsvSource({"400, DIGEST_INVALID", "404, BLOB_UPLOAD_UNKNOWN", "405, UNSUPPORTED", "409, TAG_EXISTS", "412, PRECONDITION", "413, SIZE_INVALID",
        "416, RANGE_INVALID"})
    void aRefusalIsAboutTheRequest(int status, String code) throws Exception {
        RegistryClient client = serveKnown(request -> request.respond(status, errors(code, "because"), JSON, "Range: 0-7", "Location: /elsewhere"));
        for (PushCall call : List.of(goOn(Method.PUT, UPLOADS + "1?digest=x", null, false), patch(Body.of(random(1000)), false),
                call(Method.PUT, MANIFEST, Body.repeatable(random(10))))) {
            PushResponse response = client.push(call);
            assertEquals(status, response.status());
            assertFalse(response.isSuccess());
            assertEquals(List.of(new PushResponse.Problem(code, "because")), response.errors());
            assertEquals("0-7", response.header("range"));
            assertNull(response.location());
        }
    }

    @ParameterizedTest
    @CsvSource({"408, OUTAGE", "429, THROTTLED", "500, OUTAGE", "502, OUTAGE", "503, OUTAGE", "507, OUTAGE", "301, REFUSED", "307, REFUSED", "407, OUTAGE",
        "508, REFUSED"})
    void theseAreTrouble(int status, Kind kind) {
        RegistryClient client = serveKnown(request -> request.respond(status, errors("X", "secret"), JSON, "Retry-After: 7", "Location: /v2/"));
        for (PushCall call : List.of(begin(), patch(Body.of(random(1000)), false), call(Method.PUT, MANIFEST, Body.repeatable(random(10))))) {
            RegistryTroubleException trouble = trouble(client, call);
            assertEquals(kind, trouble.kind());
            assertEquals(status, trouble.status());
            assertEquals("7", trouble.retryAfter());
            assertTrue(trouble.getMessage().startsWith(call + " answered " + status), trouble.getMessage());
            assertFalse(trouble.getMessage().contains("secret"), trouble.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {200, 202, 400, 401, 403, 404, 502})
    void aWebPageIsNoRegistrys(int status) {
        RegistryClient client = serveKnown(request -> request.respond(status, "<html>", "Content-Type: text/html; charset=utf-8", "Location: /x"));
        RegistryTroubleException trouble = trouble(client, begin());
        assertEquals(Kind.OUTAGE, trouble.kind());
        assertTrue(trouble.getMessage().contains("with a web page"), trouble.getMessage());
    }

    /** Quay's successes have the media type of its web framework. */
    @Test
    void aSuccessOfQuayIsNoWebPage() throws Exception {
        String html = "Content-Type: text/html; charset=utf-8";
        RegistryClient client = serveKnown(request -> {
            switch (request.method()) {
                case "POST" -> request.respond(202, "", html, "Docker-Upload-Uuid: 1", "Range: bytes=0--1", "Location: /v2/team/app/blobs/uploads/1");
                case "PATCH" -> request.respond(202, "", html, "Docker-Upload-Uuid: 1", "Range: bytes=0-999", "Location: /v2/team/app/blobs/uploads/1");
                case "PUT" -> request.respond(201, "OK", html, "Docker-Content-Digest: sha256:" + "0".repeat(64), "Location: /v2/team/app/blobs/1");
                default -> request.respond(202, "", html);
            }
        });
        assertEquals(202, client.push(begin()).status());
        assertEquals(202, client.push(patch(Body.of(random(1000)), false)).status());
        assertEquals(201, client.push(call(Method.PUT, MANIFEST, null)).status());
        assertEquals(202, client.push(call(Method.DELETE, BLOB, null)).status());
    }

    /** As nginx refuses it, with its client_max_body_size. */
    @Test
    void aProxysPageThatSaysTooLongIsBelieved() throws Exception {
        RegistryClient client = serveKnown(request -> request.respond(413, "<html>", "Content-Type: text/html"));
        PushResponse response = client.push(patch(Body.of(random(1000)), false));
        assertEquals(413, response.status());
        assertEquals(List.of(), response.errors());
    }

    @Test
    void a404ThatNoRegistryHasSentIsTrouble() throws Exception {
        boolean[] registryAway = new boolean[1];
        RegistryClient client = serve(request -> {
            if (registryAway[0]) {
                request.respond(404, "default backend - 404", "Content-Type: text/plain");
            } else {
                request.respond(404, errors("BLOB_UPLOAD_UNKNOWN", ""), JSON);
            }
        });
        assertEquals(404, client.push(patch(Body.of(random(10)), false)).status());
        registryAway[0] = true;
        assertEquals(Kind.OUTAGE, trouble(client, patch(Body.of(random(10)), false)).kind());
    }

    @ParameterizedTest
    @ValueSource(strings = {"HTTP/1.1 2x2 OK\r\n\r\n", "nonsense\r\n\r\n", "HTTP/1.1 202 Accepted\r\nContent-Length: +5\r\n\r\nhello", "HTTP/1.1 000 None\r\n\r\n",
        ""})
    void aBrokenResponseIsTrouble(String response) {
        RegistryClient client = serveKnown(request -> request.raw(response).end());
        for (PushCall call : List.of(begin(), patch(Body.of(random(1000)), false))) {
            assertEquals(Kind.OUTAGE, trouble(client, call).kind());
        }
    }

    @Test
    void aRegistryThatIsAwayIsTrouble() throws Exception {
        RegistryClient client = serve(request -> { });
        registry.close();
        for (PushCall call : List.of(begin(), patch(Body.of(random(1000)), false))) {
            RegistryTroubleException trouble = trouble(client, call);
            assertEquals(Kind.OUTAGE, trouble.kind());
            assertTrue(trouble.getMessage().endsWith("connection refused"), trouble.getMessage());
        }
    }

    // Locations

    @Test
    void goesOnWhereARelativeLocationLeads() throws Exception {
        RegistryClient client = serve(request -> request.respond(202, "", "Location: ../uploads/2?a=%20b"));
        String location = client.push(goOn(Method.PATCH, UPLOADS + "1?x=/", Body.of(random(10)), false)).location();
        assertEquals(UPLOADS + "2?a=%20b", location);
        client.push(goOn(Method.PATCH, location, Body.of(random(10)), false));
        assertEquals(location, asked("PATCH").get(1).target());
    }

    @ParameterizedTest
    @ValueSource(strings = {"Location: http://evil.example.com/steal?token=secret", "Location: ", "X-None: a", "Location: /a\r\nLocation: /b",
        "Location: ftp://x/y"})
    void anUploadThatLeadsElsewhereIsTrouble(String line) {
        RegistryClient client = serve(request -> request.respond(202, "", line));
        RegistryTroubleException trouble = trouble(client, begin());
        assertFalse(trouble.getMessage().contains("secret") || trouble.getMessage().contains("steal"), trouble.getMessage());
    }

    /** As if settings had changed since the upload began. */
    @Test
    void aLocationIsCheckedAgainWhenItIsUsed() {
        RegistryClient client = serve(request -> request.respond(202, ""));
        trouble(client, goOn(Method.PATCH, "https://evil.example.com/upload", Body.of(random(10)), true));
        assertEquals(List.of(), registry.requests());
    }

    @Test
    void aCancelledUploadNeedsNoLocation() throws Exception {
        RegistryClient client = serve(request -> request.respond(204, "", "Location: http://evil.example.com/", "Range: 0-9"));
        assertNull(client.push(goOn(Method.DELETE, UPLOADS + "1", null, false)).location());
        trouble(client, goOn(Method.GET, UPLOADS + "1", null, false));
    }

    // HEAD

    @Test
    void aBlobThatIsRedirectedToStorageIsThere() throws Exception {
        RawRegistry storage = open(RawRegistry.start(request -> request.respond(200, "", "Content-Length: 17")));
        RegistryClient client = serve(request -> request.respond(307, "", "Location: " + storage.url() + "/signed?x=y"));
        PushResponse response = client.push(call(Method.HEAD, BLOB, null));
        assertEquals(200, response.status());
        assertEquals("17", response.header("content-length"));
        assertNull(response.location());
        assertNotEquals(0, storage.requests().size());
        assertTrue(storage.requests().stream().allMatch(request -> request.header("X-Configured") == null));
    }

    @Test
    void aBlobThatIsNotThereIsAskedForOnce() throws Exception {
        RegistryClient client = serveKnown(request -> request.respond(404, "", JSON));
        assertEquals(404, client.push(call(Method.HEAD, BLOB, null)).status());
        assertEquals(1, asked("HEAD").size());
        assertEquals(0, asked("GET").size());
    }

    @Test
    void nothingIsMadeBeforeTheFirstPush() throws Exception {
        RegistryClient client = serve(request -> request.respond(202, "", "Location: /x"));
        long before = evictors();
        assertEquals(202, client.push(begin()).status());
        assertEquals(before + 1, evictors());
    }

    private static long evictors() {
        return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().contains("connection-evictor")).count();
    }
}
