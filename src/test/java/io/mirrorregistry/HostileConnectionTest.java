package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What clients do to a connection: refused or answered rightly, at no cost that lasts. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HostileConnectionTest {

    private static final String END = "\r\n\r\n";
    private static final String SMUGGLED = "GET /v2/library/smuggled/manifests/1 HTTP/1.1\r\nHost: x" + END;
    private static final String LONG_MEGABYTE = "a".repeat(1_000_000);

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url());
    private final TestMirror hasty = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(),
            "MIRROR_SERVER_IDLE_TIMEOUT", "1s");
    private final TestMirror patient = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(),
            "MIRROR_SERVER_MAX_REQUEST_LINE", "1048576", "MIRROR_SERVER_MAX_HEADERS", "1048576");
    private final Image image = hot.image("library/app", "1");

    @BeforeAll
    void smuggledImage() {
        hot.image("library/smuggled", "1");
    }

    @AfterEach
    void forget() {
        hot.forget();
        cold.forget();
    }

    @AfterAll
    void stop() {
        List.of(mirror, hasty, patient).forEach(TestMirror::close);
        hot.close();
        cold.close();
    }

    private static String get(String target, String... headers) {
        return "GET " + target + " HTTP/1.1\r\nHost: mirror\r\n" + Stream.of(headers).map(header -> header + "\r\n")
                .collect(Collectors.joining()) + "\r\n";
    }

    private void assertNobodyAsked() {
        assertEquals(List.of(), Stream.of(hot, cold).flatMap(registry -> registry.calls().stream())
                .filter(call -> call.kind() != Kind.PING).toList());
    }

    /** Every answer that refuses has an error body and tells nothing of the inside. */
    private static void assertRefused(int status, Wire.Answer answer) {
        assertEquals(status, answer.status(), answer.toString());
        assertTrue(new JsonObject(answer.body()).getJsonArray("errors").getJsonObject(0).containsKey("code"), answer.body());
        assertFalse(answer.toString().contains("Exception") || answer.toString().contains("\tat ")
                || answer.toString().contains("io.netty"), answer.toString());
    }

    private void await(BooleanSupplier condition, String what) throws InterruptedException {
        for (int i = 0; i < 500 && !condition.getAsBoolean(); i++) {
            TimeUnit.MILLISECONDS.sleep(20);
        }
        assertTrue(condition.getAsBoolean(), what);
    }

    // What is refused

    static Stream<Arguments> malformed() {
        String rest = " HTTP/1.1\r\nHost: mirror\r\n";
        return Stream.of(
                Arguments.of("a header of 100 KB", 431, get("/v2/", "X: " + "a".repeat(100_000))),
                Arguments.of("headers of 100 KB together", 431, get("/v2/", IntStream.range(0, 1000)
                        .mapToObj(i -> "X-" + i + ": " + "a".repeat(100)).toArray(String[]::new))),
                Arguments.of("101 header lines", 431, get("/v2/", IntStream.range(0, 100).mapToObj(i -> "a:").toArray(String[]::new))),
                Arguments.of("2,600 empty header lines without an end", 431, "GET /v2/ HTTP/1.1\r\nHost: mirror\r\n" + "a:\r\n".repeat(2_600)),
                Arguments.of("a header name of 100 KB", 431, get("/v2/", "X".repeat(100_000) + ": a")),
                Arguments.of("a URL of 1 MB", 414, get("/v2/" + LONG_MEGABYTE)),
                Arguments.of("a query of 1 MB", 414, get("/v2/?" + LONG_MEGABYTE)),
                Arguments.of("10,000 query parameters", 414, get("/v2/library/app/tags/list?" + IntStream.range(0, 10_000)
                        .mapToObj(i -> "p" + i + "=1").collect(Collectors.joining("&")))),
                Arguments.of("a method of 1 MB", 414, LONG_MEGABYTE + " /v2/" + rest + "\r\n"),
                Arguments.of("two Hosts", 400, get("/v2/library/app/manifests/1", "Host: other")),
                Arguments.of("no Host", 400, "GET /v2/library/app/manifests/1 HTTP/1.1" + END),
                Arguments.of("a Host that is none", 400, "GET /v2/library/app/manifests/1 HTTP/1.1\r\nHost: a b/c" + END),
                Arguments.of("two different Content-Lengths", 400, get("/v2/library/app/manifests/1", "Content-Length: 0",
                        "Content-Length: " + SMUGGLED.length()) + SMUGGLED),
                Arguments.of("a list of Content-Lengths", 400, get("/v2/library/app/manifests/1",
                        "Content-Length: 0, " + SMUGGLED.length()) + SMUGGLED),
                Arguments.of("a negative Content-Length", 400, get("/v2/library/app/manifests/1", "Content-Length: -1")),
                Arguments.of("a signed Content-Length", 400, get("/v2/library/app/manifests/1", "Content-Length: +1") + "x"),
                Arguments.of("a hexadecimal Content-Length", 400, get("/v2/library/app/manifests/1", "Content-Length: 0x1")
                        + "x"),
                Arguments.of("a Content-Length beyond numbers", 400, get("/v2/library/app/manifests/1",
                        "Content-Length: 99999999999999999999")),
                Arguments.of("Content-Length and Transfer-Encoding", 400, get("/v2/library/app/manifests/1",
                        "Content-Length: " + (5 + SMUGGLED.length()), "Transfer-Encoding: chunked") + "0" + END + SMUGGLED),
                Arguments.of("Transfer-Encoding and Content-Length", 400, get("/v2/library/app/manifests/1",
                        "Transfer-Encoding: chunked", "Content-Length: 4") + "5c\r\n" + SMUGGLED + "0" + END),
                Arguments.of("an unknown Transfer-Encoding", 411, get("/v2/library/app/manifests/1",
                        "Transfer-Encoding: xchunked",
                        "Content-Length: 5") + "0" + END),
                Arguments.of("chunked not at the end", 400, get("/v2/library/app/manifests/1",
                        "Transfer-Encoding: chunked, identity")
                        + "0" + END),
                Arguments.of("chunked twice", 411, get("/v2/library/app/manifests/1", "Transfer-Encoding: chunked",
                        "Transfer-Encoding: chunked") + "0" + END),
                Arguments.of("an unknown Transfer-Encoding alone", 411, get("/v2/library/app/manifests/1",
                        "Transfer-Encoding: gzip")),
                Arguments.of("a space before a colon", 400, get("/v2/library/app/manifests/1", "Transfer-Encoding : chunked")
                        + "0" + END),
                Arguments.of("a vertical tab in Transfer-Encoding", 400, get("/v2/library/app/manifests/1",
                        "Transfer-Encoding:\u000bchunked") + "0" + END),
                Arguments.of("Transfer-Encoding in a folded line", 411, get("/v2/library/app/manifests/1",
                        "Transfer-Encoding:", " chunked")
                        + "0" + END),
                Arguments.of("a body in chunks", 411, get("/v2/library/app/manifests/1", "transfer-encoding: Chunked")
                        + Integer.toHexString(SMUGGLED.length()) + ";x=y\r\n" + SMUGGLED + "\r\n0\r\nX: trailer" + END),
                Arguments.of("a body in chunks that are none", 411, get("/v2/library/app/manifests/1",
                        "Transfer-Encoding: chunked")
                        + "zz\r\n" + END),
                Arguments.of("a body in chunks without end", 411,
                        "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
                        + END + "ffffffff\r\n" + SMUGGLED),
                Arguments.of("a header without colon", 400, get("/v2/library/app/manifests/1", "X")),
                Arguments.of("a header without name", 400, get("/v2/library/app/manifests/1", ": x")),
                Arguments.of("NUL in a header", 400, get("/v2/library/app/manifests/1", "X: a\u0000b")),
                Arguments.of("NUL in a header's name", 400, get("/v2/library/app/manifests/1", "X\u0000Y: a")),
                Arguments.of("CR in a header", 400, get("/v2/library/app/manifests/1", "X: a\rSet-Cookie: b")),
                Arguments.of("a request line of two words", 400, "GET /v2/\r\nHost: x" + END),
                Arguments.of("a request line of four words", 400, "GET /v2/ /v2/ HTTP/1.1\r\nHost: x" + END),
                Arguments.of("no HTTP", 400, "hello" + END),
                Arguments.of("TLS", 400, "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003" + "a".repeat(40)
                        + END));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("malformed")
    void refusesWhatIsMalformedOrTooLongAndEndsTheConnection(String name, int status, String request) throws IOException {
        try (Wire wire = new Wire(mirror.port())) {
            assertRefused(status, wire.send(request).answer());
            assertTrue(wire.finish().ends(), "the connection goes on");
        }
        assertNobodyAsked();
    }

    @ParameterizedTest
    @ValueSource(strings = {"GET /v2/library/app/manifests/1 HTTP/9.9\r\nHost: x\r\n\r\n",
        "GET /v2/library/app/manifests/1 HTTP/3\r\nHost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u0000\u0000\u0000\u0004\u0000\u0000\u0000\u0000\u0000"})
    void servesNoOtherVersionsOfHttp(String request) throws IOException {
        try (Wire wire = new Wire(mirror.port())) {
            Wire.Answer answer = wire.send(request).answer();
            assertTrue(answer.status() == 400 || answer.status() == 501 || answer.status() == 505, answer.toString());
            assertTrue(wire.finish().ends(), "the connection goes on");
        }
        assertNobodyAsked();
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v2/../v2/a/manifests/1", "/v2/%2e%2e/%2e%2e/etc/passwd", "/v2/..%2f..%2fetc%2fpasswd",
        "/v2/%252e%252e/manifests/1",
        "/v2/a/manifests/..", "/v2/a/manifests/%2e%2e", "/v2/a/manifests/%2e%2e%2f%2e%2e", "/v2/a/blobs/sha256:..%2f",
        "/v2//a/manifests/1",
        "/v2/a//manifests/1", "/v2/a/manifests//1", "/v2/./a/manifests/1", "/v2/a/manifests/1/", "/v2/a\\..\\b/manifests/1",
        "/v2/a/manifests/1%00", "/v2/a/manifests/1%0d%0aX-Injected:%20y", "/v2/a%0a/tags/list", "/v2/a/manifests/1;x=y",
        "/v2/a/manifests/{{mirror.registry.hot.url}}", "/v2/a/manifests/${body}", "/v2/a/manifests/#{1+1}",
        "/v2/{{sys:user.home}}/tags/list",
        "/v2/${bean:mirror}/tags/list", "/v2/a/manifests/%24%7Bbody%7D", "/v2/%c0%ae%c0%ae/manifests/1",
        "/v2/a/manifests/\u00e4",
        "/v2/a%ff/manifests/1", "/v2/a?/../../manifests/1", "/v2/a%3f/manifests/1", "/v2/a%23/manifests/1",
        "/v2/a@b/manifests/1",
        "http://127.0.0.1:1/v2/A/manifests/1", "http://user:pass@127.0.0.1:1/v2/A/manifests/1",
        "//127.0.0.1:1/v2/a/manifests/1",
        "http:///v2/A/manifests/1", "file:///etc/passwd", "ftp://127.0.0.1/v2/A/tags/list", "*", "/v2", "127.0.0.1:1"})
    void asksNobodyForPathsThatAreTricks(String target) throws IOException {
        try (Wire wire = new Wire(mirror.port())) {
            Wire.Answer answer = wire.send(get(target, "Connection: close")).answer();
            if (!target.equals("/v2")) {
                assertTrue(answer.status() >= 400 && answer.status() < 500, answer.toString());
                assertRefused(answer.status(), answer);
            }
            assertEquals(null, answer.header("X-Injected"));
        }
        assertNobodyAsked();
    }

    @ParameterizedTest
    @ValueSource(strings = {"CONNECT 127.0.0.1:1", "OPTIONS *", "TRACE /v2/", "get /v2/", "GET\u0000 /v2/", "G\u00e4T /v2/",
        "QUERY /v2/library/app/tags/list"})
    void servesNoOtherMethods(String start) throws IOException {
        try (Wire wire = new Wire(mirror.port())) {
            Wire.Answer answer = wire.send(start + " HTTP/1.1\r\nHost: x" + END).answer();
            assertTrue(answer.status() >= 400 && answer.status() < 500, answer.toString());
            assertRefused(answer.status(), answer);
        }
        assertNobodyAsked();
    }

    @ParameterizedTest
    @ValueSource(strings = {"CamelHttpUri", "camelhttpuri", "CAMELHTTPURI", "cAmElHtTpUrI", "CamelHttpPath", "CamelHttpQuery",
        "CamelHttpMethod",
        "CamelRestHttpUri", "CamelHttpHost", "CamelHttpPort", "CamelHttpRawQuery", "CamelHttpResponseCode",
        "CamelBeanMethodName", "camelbeanmethodname",
        "CamelFileName", "CamelToEndpoint", "CamelSlipEndpoint", "org.apache.camel.component.bean.method", "breadcrumbId",
        "MirrorAuthorized",
        "mirror.call", "Long-Running-Action", "X-HTTP-Method-Override", "X-Original-URL", "X-Forwarded-Host", "Forwarded"})
    void takesNoHeaderOrParameterForItsOwn(String name) throws IOException {
        String value = "http://127.0.0.1:1/{{mirror.registry.hot.url}}/${body}";
        for (String method : List.of("GET", "HEAD")) {
            try (Wire wire = new Wire(mirror.port())) {
                Wire.Answer answer = wire.send(method + " " + image.path() + "?" + name
                        + "=/v2/other HTTP/1.1\r\nHost: mirror\r\n"
                        + name + ": " + value + "\r\n" + name + ": again" + END).answer(method.equals("HEAD"));
                assertEquals(200, answer.status(), answer.toString());
                assertEquals(image.digest().value(), answer.header("Docker-Content-Digest"));
                assertEquals(null, answer.header(name));
            }
            assertEquals(1, hot.calls(method, image.path()).size());
            assertEquals(null, hot.calls(method, image.path()).get(0).header(name));
            assertEquals(null, hot.calls(method, image.path()).get(0).query());
            forget();
        }
    }

    // Where limits are set higher

    @Test
    void readsOnlyTheQueryParametersThatItKnows() throws IOException {
        String many = IntStream.range(0, 10_000).mapToObj(i -> "p" + i + "=1").collect(Collectors.joining("&"));
        try (Wire wire = new Wire(patient.port())) {
            Wire.Answer answer = wire.send(get("/v2/library/app/tags/list?" + many, "X: " + "a".repeat(100_000))).answer();
            assertEquals(200, answer.status(), answer.toString());
            assertEquals(200, wire.send(get("/v2/library/app/tags/list?n=1&" + "n=2&".repeat(10_000))).answer().status());
        }
        assertTrue(hot.calls().stream().allMatch(call -> (call.query() == null || call.query().equals("n=1000")) && call.header("X") == null));
    }

    @Test
    void refusesANameOfOneMegabyteWhereTheLineMayBeLonger() throws IOException {
        try (Wire wire = new Wire(patient.port())) {
            Wire.Answer answer = wire.send(get("/v2/" + LONG_MEGABYTE + "/tags/list")).answer();
            assertRefused(400, answer);
            assertTrue(answer.body().length() < 2000, "the answer is as long as the request");
        }
        assertNobodyAsked();
    }

    // What is answered rightly

    @Test
    void answersPipelinedRequestsInOrder() throws IOException {
        try (Wire wire = new Wire(mirror.port())) {
            wire.send(get(image.path()) + get("/v2/library/none/manifests/1") + get("/v2/") + get("/v2/UPPER/manifests/1")
                    + get("/health")
                    + get(image.pathByDigest()));
            assertEquals(new String(image.manifest()), wire.answer().body());
            assertRefused(404, wire.answer());
            assertEquals("{}", wire.answer().body());
            assertRefused(400, wire.answer());
            assertEquals("{\"status\":\"healthy\"}", wire.answer().body());
            assertEquals(new String(image.manifest()), wire.answer().body());
        }
    }

    static Stream<Arguments> bodies() {
        return Stream.of(
                Arguments.of("with its length", get("/v2/library/app/manifests/1", "Content-Length: 5") + "hello"),
                Arguments.of("that looks like a request", get("/v2/library/app/manifests/1", "Content-Length: "
                        + SMUGGLED.length())
                        + SMUGGLED),
                Arguments.of("of 100 KB", get("/v2/library/app/manifests/1", "Content-Length: 100000") + "a".repeat(100_000)),
                Arguments.of("of 2 MB", get("/v2/library/app/manifests/1", "Content-Length: 2000000") + "a".repeat(2_000_000)),
                Arguments.of("with the same length twice", get("/v2/library/app/manifests/1", "Content-Length: 5",
                        "Content-Length: 5")
                        + "hello"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("bodies")
    void dropsABodyAfterGetAndServesWhatFollows(String name, String request) throws IOException {
        try (Wire wire = new Wire(mirror.port())) {
            Wire.Answer answer = wire.send(request + get("/health")).answer();
            if (name.contains("twice") && answer.status() == 400) {
                return;
            }
            assertEquals(new String(image.manifest()), answer.body());
            assertEquals("{\"status\":\"healthy\"}", wire.answer().body());
        }
        assertEquals(List.of(), hot.calls("GET", "/v2/library/smuggled/manifests/1"));
        assertTrue(hot.calls().stream().allMatch(call -> call.header("Content-Length") == null));
    }

    @Test
    void dropsTheBodyOfWhatItRefusesAndServesWhatFollows() throws IOException {
        try (Wire wire = new Wire(mirror.port())) {
            wire.send("PUT /v2/library/app/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
                    + "a".repeat(200_000)
                    + get("/health"));
            assertRefused(405, wire.answer());
            assertEquals("{\"status\":\"healthy\"}", wire.answer().body());
        }
        assertNobodyAsked();
    }

    @Test
    void endsAConnectionOfHttp10UnlessAskedToKeepIt() throws IOException {
        try (Wire wire = new Wire(mirror.port())) {
            assertEquals(new String(image.manifest()), wire.send("GET " + image.path() + " HTTP/1.0" + END).answer().body());
            assertTrue(wire.ends());
        }
        try (Wire wire = new Wire(mirror.port())) {
            for (int i = 0; i < 2; i++) {
                Wire.Answer answer = wire.send("GET " + image.path() + " HTTP/1.0\r\nConnection: keep-alive" + END).answer();
                assertEquals(new String(image.manifest()), answer.body());
                assertEquals("keep-alive", answer.header("Connection").toLowerCase(Locale.ROOT));
            }
            assertEquals(200, wire.send("HEAD " + image.path() + " HTTP/1.0" + END).answer(true).status());
            assertTrue(wire.ends());
        }
    }

    @Test
    void staysWithHttp11WhereAnUpgradeIsOffered() throws IOException {
        try (Wire wire = new Wire(mirror.port())) {
            for (String upgrade : List.of("h2c", "websocket", "TLS/1.3")) {
                Wire.Answer answer = wire.send(get(image.path(), "Connection: Upgrade, HTTP2-Settings", "Upgrade: " + upgrade,
                        "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")).answer();
                assertEquals("HTTP/1.1", answer.version());
                assertEquals(new String(image.manifest()), answer.body());
            }
        }
    }

    @Test
    void answersWhoExpectsToBeToldToContinue() throws IOException {
        try (Wire wire = new Wire(mirror.port())) {
            Wire.Answer answer = wire.send(get(image.path(), "Expect: 100-continue", "Content-Length: 5")).answer();
            if (answer.status() == 100) {
                answer = wire.send("hello").answer();
            }
            assertEquals(new String(image.manifest()), answer.body());
        }
        try (Wire wire = new Wire(mirror.port())) {
            Wire.Answer answer = wire.send("PUT /v2/library/app/manifests/1 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                    + "Content-Length: 1000000000" + END).answer();
            assertRefused(405, answer.status() == 100 ? wire.answer() : answer);
        }
    }

    @Test
    void hasTheSameLimitsOnTheManagementPort() throws Exception {
        try (Wire lines = new Wire(mirror.managementPort()); Wire h2 = new Wire(mirror.managementPort()); Wire idle = new Wire(hasty.managementPort());
                Wire begun = new Wire(hasty.managementPort())) {
            assertRefused(431, lines.send(get("/observe/health", IntStream.range(0, 100).mapToObj(i -> "a:").toArray(String[]::new))).answer());
            assertTrue(lines.ends(), "the connection goes on");
            assertEquals(501, h2.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").answer().status());
            begun.send("GET /observe/he");
            assertTrue(idle.ends() && begun.ends(), "a connection stays");
        }
        assertEquals(200, mirror.management("/observe/health").status());
    }

    // Time

    @ParameterizedTest
    @ValueSource(strings = {"GET /v2/library/app/manifests/1 HTTP/1.1\r\nHost: x\r\nX: ", "GET /v2/",
        "POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
        "PUT /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"})
    void endsAConnectionOnWhichARequestDrips(String start) throws Exception {
        try (Wire wire = new Wire(hasty.port())) {
            long begin = System.nanoTime();
            wire.send(start).drip("a".repeat(60), Duration.ofMillis(100));
            long milliseconds = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
            assertTrue(milliseconds < 4500, "held for " + milliseconds + " ms");
        }
        assertNobodyAsked();
    }

    @Test
    void letsAStreamThatWasPipelinedTakeItsTime() throws Exception {
        Image large = hot.image("library/pipelined", "1");
        String layer = large.path(large.layers().get(0));
        try (TestMirror streaming = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_BLOBS", "proxy",
                "MIRROR_SERVER_IDLE_TIMEOUT", "1s"); Wire wire = new Wire(streaming.port())) {
            hot.fault(Fault.drip(Duration.ofMillis(4)).where(call -> call.method().equals("GET") && call.path().equals(layer)));
            wire.send(get("/health") + get(layer) + get("/health"));
            assertEquals("{\"status\":\"healthy\"}", wire.answer().body());
            long begin = System.nanoTime();
            assertEquals(200, wire.answer().status());
            assertTrue(System.nanoTime() - begin > TimeUnit.MILLISECONDS.toNanos(2000), "it was no slow stream");
            assertEquals("{\"status\":\"healthy\"}", wire.answer().body());
        } finally {
            hot.heal();
        }
    }

    @Test
    void servesAHundredPipelinedRequestsAlsoOfWhoExpectsToContinue() throws Exception {
        try (Wire wire = new Wire(mirror.port())) {
            for (int round = 0; round < 3; round++) {
                wire.send(get("/health", "Expect: 100-continue", "Content-Length: 1") + "x");
                Wire.Answer first = wire.answer();
                assertEquals(200, (first.status() == 100 ? wire.answer() : first).status());
                wire.send(get("/health").repeat(100));
                for (int i = 0; i < 100; i++) {
                    assertEquals("{\"status\":\"healthy\"}", wire.answer().body());
                }
            }
        }
    }

    @Test
    void endsAConnectionOnWhichMoreRequestsWaitThanTheSettingSays() throws Exception {
        hot.fault(Fault.delay(Duration.ofMillis(300)).on(Kind.TAGS));
        try (TestMirror strict = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_SERVER_MAX_PIPELINED", "2");
                Wire two = new Wire(strict.port()); Wire three = new Wire(strict.port())) {
            String slow = get("/v2/" + image.name() + "/tags/list");
            two.send(slow + slow);
            assertEquals(200, two.answer().status());
            assertEquals(200, two.answer().status());
            three.send(slow + slow + slow);
            assertTrue(three.ends(), "it goes on");
        } finally {
            hot.heal();
        }
    }

    @Test
    void endsAConnectionWhoseClientSendsRequestsAndTakesNoAnswers() throws Exception {
        long before = heap();
        List<Wire> wires = new ArrayList<>();
        String many = get(image.path()).repeat(2_000);
        Thread[] senders = new Thread[8];
        for (int i = 0; i < senders.length; i++) {
            Wire wire = new Wire(hasty.port());
            wires.add(wire);
            senders[i] = new Thread(() -> {
                for (int round = 0; round < 100; round++) {
                    wire.send(many);
                }
            });
            senders[i].setDaemon(true);
            senders[i].start();
        }
        // There are more than may wait.
        await(() -> connections(hasty.port()) <= 1, "connections are left open: " + connections(hasty.port()));
        for (Thread sender : senders) {
            sender.join();
        }
        forget();
        long more = heap() - before;
        assertTrue(more < 20_000_000, "the heap has grown by " + more);
        assertEquals(200, hasty.get(image.path()).status());
        for (Wire wire : wires) {
            wire.close();
        }
    }

    @Test
    void endsConnectionsThatStayIdleWhetherNewOrKept() throws Exception {
        List<Wire> wires = new ArrayList<>();
        try {
            for (int i = 0; i < 300; i++) {
                wires.add(new Wire(hasty.port()));
            }
            wires.get(0).send(get("/health")).answer();
            wires.get(1).send("GET");
            assertEquals(200, hasty.get(image.path()).status());
            for (Wire wire : wires) {
                assertTrue(wire.ends());
            }
        } finally {
            for (Wire wire : wires) {
                wire.close();
            }
        }
    }

    // What is left

    @Test
    void keepsNoConnectionsThreadsOrMemoryAfterAWave() throws Exception {
        for (int i = 0; i < 6; i++) {
            wave();
        }
        settle();
        long threads = threads();
        long heap = heap();
        for (int i = 0; i < 12; i++) {
            wave();
        }
        settle();
        assertTrue(threads() <= threads + 20, threads + " threads became " + threads());
        long more = heap() - heap;
        assertTrue(more < 20_000_000, "the heap has grown by " + more);
    }

    private void wave() throws IOException {
        List<Wire> wires = new ArrayList<>();
        for (Object[] one : malformed().map(Arguments::get).toList()) {
            wires.add(new Wire(mirror.port()).send((String) one[2]));
        }
        for (Object[] one : bodies().map(Arguments::get).toList()) {
            wires.add(new Wire(mirror.port()).send((String) one[1]));
        }
        for (int i = 0; i < 50; i++) {
            wires.add(new Wire(mirror.port()));
            wires.add(new Wire(mirror.port()).send("GET /v2/library/app/"));
        }
        for (Wire wire : wires) {
            wire.close();
        }
        assertEquals(200, mirror.get(image.path()).status());
    }

    private void settle() throws InterruptedException {
        // The client of these tests keeps one connection.
        await(() -> connections(mirror.port()) <= 2, "connections are left open: " + connections(mirror.port()));
    }

    /** Counts threads, without workers, of which there may be as many as settings say,
            and without those of the test's registries. */
    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream().map(Thread::getName)
                .filter(name -> !name.startsWith("vert.x-worker") && !name.startsWith("TestRegistry")).count();
    }

    private static long heap() {
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    /** Counts the connections that this process has accepted on a port and not closed yet. */
    private static long connections(int port) {
        String local = String.format(":%04X", port);
        try (Stream<String> tcp = Files.lines(Path.of("/proc/self/net/tcp"));
                Stream<String> tcp6 = Files.lines(Path.of("/proc/self/net/tcp6"))) {
            // ESTABLISHED and CLOSE_WAIT
            return Stream.concat(tcp, tcp6).map(line -> line.trim().split("\\s+"))
                    .filter(words -> words[1].endsWith(local) && (words[3].equals("01") || words[3].equals("08"))).count();
        } catch (IOException e) {
            return 0;
        }
    }
}
