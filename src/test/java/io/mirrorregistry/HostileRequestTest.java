package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What clients may not send: refused with an error body, and no registry is asked. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HostileRequestTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url());

    @AfterAll
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
    }

    /** Sends bytes as they are and returns the whole answer. */
    private String raw(String request) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", mirror.port())) {
            socket.setSoTimeout(10_000);
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private String rawGet(String target) throws IOException {
        return raw("GET " + target + " HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n\r\n");
    }

    private void assertNobodyAsked() {
        assertTrue(Stream.of(hot, cold).flatMap(registry -> registry.calls().stream()).allMatch(call -> call.kind() == Kind.PING));
    }

    @ParameterizedTest
    @CsvSource({
        "/v2/UPPER/manifests/latest, 400, NAME_INVALID",
        "/v2/a/../../b/manifests/latest, 404, NOT_FOUND",
        "/v2/%2e%2e/manifests/latest, 404, NOT_FOUND",
        "/v2/a/../b/manifests/latest, 400, NAME_INVALID",
        "/v2/a%2fb/manifests/latest, 400, NAME_INVALID",
        "/v2/a%00/manifests/latest, 400, NAME_INVALID",
        "/v2/a%0d%0aX:y/manifests/latest, 400, NAME_INVALID",
        "/v2/{{mirror.registry.hot.url}}/manifests/latest, 400, NAME_INVALID",
        "/v2/${env:PATH}/manifests/latest, 400, NAME_INVALID",
        "/v2/a/manifests/{{x}}, 400, MANIFEST_INVALID",
        "/v2/a/manifests/%7B%7Bx%7D%7D, 400, MANIFEST_INVALID",
        "/v2/a/manifests/sha256:ABC, 400, DIGEST_INVALID",
        "/v2/a/blobs/sha256:zz, 400, DIGEST_INVALID",
        "/v2/a/referrers/latest, 400, DIGEST_INVALID",
        "/v2/_catalog, 404, NOT_FOUND",
        "/v2/a/b, 404, NOT_FOUND",
        "/v2x, 404, NOT_FOUND",
        "/V2/, 404, NOT_FOUND",
        "/, 404, NOT_FOUND",
        "http://127.0.0.1:1/v2/UPPER/manifests/x, 400, NAME_INVALID",
        "http://127.0.0.1:1/other, 404, NOT_FOUND",
        "/v2/a/tags/list?n=-1, 400, PAGINATION_NUMBER_INVALID",
        "/v2/a/tags/list?n={{x}}, 400, PAGINATION_NUMBER_INVALID"})
    void refusesWhatIsOutsideTheGrammar(String target, int status, String code) throws IOException {
        String answer = rawGet(target);
        assertTrue(answer.startsWith("HTTP/1.1 " + status), answer);
        assertTrue(answer.contains("\"code\":\"" + code + "\""), answer);
        assertFalse(answer.contains("Exception") || answer.contains("io.mirrorregistry") || answer.contains(hot.url()), answer);
        assertNobodyAsked();
    }

    @Test
    void refusesNamesOfMoreThan255Characters() throws IOException {
        assertTrue(rawGet("/v2/" + "a".repeat(256) + "/manifests/x").contains("NAME_INVALID"));
        assertTrue(rawGet("/v2/a/manifests/" + "x".repeat(129)).contains("MANIFEST_INVALID"));
        assertNobodyAsked();
    }

    @ParameterizedTest
    @ValueSource(strings = {"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"})
    void refusesOtherMethods(String method) throws IOException {
        for (String path : new String[] {"/v2/", "/v2/a/manifests/latest", "/v2/a/blobs/uploads/"}) {
            String answer = raw(method + " " + path + " HTTP/1.1\r\nHost: mirror\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
            assertTrue(answer.startsWith("HTTP/1.1 405"), answer);
            assertTrue(answer.toLowerCase().contains("allow: get, head"), answer);
            assertTrue(answer.contains("UNSUPPORTED"), answer);
        }
        assertNobodyAsked();
    }

    @Test
    void absoluteTargetsLeadNowhereElse() throws IOException {
        hot.image("library/target", "1");
        String answer = raw("GET http://127.0.0.1:1/v2/library/target/manifests/1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"
                + "CamelHttpUri: http://127.0.0.1:1\r\nCamelHttpPath: /v2/other\r\nConnection: close\r\n\r\n");
        assertTrue(answer.startsWith("HTTP/1.1 200"), answer);
        assertEquals(1, hot.calls("GET", "/v2/library/target/manifests/1").size());
        hot.forget();
    }

    @ParameterizedTest
    @ValueSource(strings = {"?%zz", "?n=%", "?a=1&b=%e"})
    void answersAMalformedQueryWithAnErrorBody(String query) throws IOException {
        String answer = rawGet("/v2/a/tags/list" + query);
        assertTrue(answer.startsWith("HTTP/1.1 400"), answer);
        assertTrue(answer.contains("\"errors\""), answer);
        assertNobodyAsked();
    }

    @Test
    void healthIsExactlyThis() {
        Reply reply = mirror.get("/health");
        assertEquals("{\"status\":\"healthy\"}", reply.text());
        assertEquals("application/json", reply.header("Content-Type"));
        assertEquals(404, mirror.get("/observe/health").status());
        assertEquals("{}", mirror.get("/v2").text());
    }
}
