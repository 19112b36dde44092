package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which registry's manifest a client gets, over real HTTP. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ManifestTest {

    private static final String ABSENT = "/v2/library/absent/manifests/1.0";

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold").under("/prefix");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url());

    @BeforeEach
    void healthy() {
        hot.heal();
        cold.heal();
        hot.missing(404).forget();
        cold.missing(404).forget();
    }

    @AfterAll
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
    }

    @Test
    void passesHotsManifestByteForByte() {
        Image image = hot.image("library/app", "1.0");
        cold.image("library/app", "1.0");
        for (String path : List.of(image.path(), image.pathByDigest())) {
            Reply reply = mirror.get(path);
            assertEquals(200, reply.status());
            assertArrayEquals(image.manifest(), reply.body());
            assertEquals(image.mediaType(), reply.header("Content-Type"));
            assertEquals(image.digest().value(), reply.header("Docker-Content-Digest"));
            assertEquals("registry/2.0", reply.header("Docker-Distribution-Api-Version"));
        }
        assertEquals(List.of(), cold.calls("GET", Kind.MANIFEST));
    }

    @Test
    void takesColdsWhereHotHasNone() {
        Image image = cold.image("library/cold-only", "1.0");
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        assertArrayEquals(image.manifest(), mirror.get(image.pathByDigest()).body());
    }

    @Test
    void answersHeadWithExactlyTheHeadersOfGet() {
        Image image = cold.image("library/head", "1.0");
        for (String path : List.of(image.path(), image.pathByDigest(), ABSENT, "/v2/BAD/manifests/x", "/v2/library/head/tags/list",
                "/v2/", "/health", "/nothing")) {
            Reply get = mirror.get(path);
            Reply head = mirror.head(path);
            assertEquals(get.status(), head.status(), path);
            assertEquals(0, head.body().length);
            assertEquals(headers(get), headers(head), path);
        }
    }

    private static Map<String, List<String>> headers(Reply reply) {
        Map<String, List<String>> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        headers.putAll(reply.response().headers().map());
        // Each request has one of its own.
        assertNotNull(headers.remove("X-Request-ID"));
        return headers;
    }

    @ParameterizedTest
    @ValueSource(strings = {"Docker-Content-Digest", "Content-Length", "Content-Type"})
    void completesAHeadThatTellsTooLittle(String lacking) {
        Image image = hot.image("library/terse", "1.0");
        hot.fault(Fault.without(lacking).method("HEAD").on(Kind.MANIFEST));
        Reply head = mirror.head(image.path());
        assertEquals(200, head.status());
        assertEquals(image.digest().value(), head.header("Docker-Content-Digest"));
        assertEquals(String.valueOf(image.manifest().length), head.header("Content-Length"));
        assertEquals(image.mediaType(), head.header("Content-Type"));
    }

    static Stream<Fault> hugeHeads() {
        return Stream.of(Fault.endlessHead(), Fault.endlessLine(), Fault.header("X", "x".repeat(20_000)),
                Fault.spoil(answer -> IntStream.range(0, 250).boxed().reduce(answer, (told, i) -> told.with("X-" + i, "y"), (one, other) -> other)));
    }

    @ParameterizedTest
    @MethodSource("hugeHeads")
    void stopsReadingAHeadThatIsTooLarge(Fault fault) {
        Image image = hot.image("library/headstrong", "1.0");
        hot.fault(fault.on(Kind.MANIFEST));
        for (String method : List.of("GET", "HEAD")) {
            cold.put(image);
            assertArrayEquals(method.equals("GET") ? image.manifest() : new byte[0], mirror.send(method, image.path()).body());
            cold.remove("library/headstrong", "1.0");
            assertEquals(503, mirror.send(method, image.path()).status());
        }
        // What the system's buffers take is sent, though nobody reads it.
        assertTrue(hot.bytesSent() < 40_000_000, hot.bytesSent() + " bytes were sent");
        hot.awaitConnections(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {405, 501})
    void asksARegistryThatKnowsNoHeadWithGet(int status) {
        Image image = hot.image("library/headless", "1.0");
        hot.fault(Fault.status(status).method("HEAD").on(Kind.MANIFEST));
        assertEquals(headers(mirror.get(image.path())), headers(mirror.head(image.path())));
        assertEquals(headers(mirror.get(image.pathByDigest())), headers(mirror.head(image.pathByDigest())));
        assertEquals(404, mirror.head("/v2/library/headless/manifests/none").status());
        hot.fault(Fault.status(status).method("GET").on(Kind.MANIFEST));
        assertEquals(503, mirror.head(image.path()).status());
    }

    static Stream<Arguments> troubles() {
        return Stream.of(
                Arguments.of("408", Fault.status(408)), Arguments.of("429", Fault.status(429)), Arguments.of("500", Fault.status(500)),
                Arguments.of("502", Fault.status(502)), Arguments.of("503", Fault.status(503, Duration.ofSeconds(3))),
                Arguments.of("silence", Fault.silence()), Arguments.of("close", Fault.close()), Arguments.of("reset", Fault.reset()),
                Arguments.of("redirect loop", Fault.redirectLoop()), Arguments.of("redirect to nowhere", Fault.redirectToNowhere()),
                Arguments.of("html", Fault.html().method("GET")), Arguments.of("cut", Fault.cut(10).method("GET")),
                Arguments.of("other bytes", Fault.otherBytes().method("GET")),
                Arguments.of("wrong digest", Fault.wrongDigest()), Arguments.of("no HTTP", Fault.raw("hello\r\n\r\n")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("troubles")
    void takesColdsWhereHotIsInTroubleAndNeverCallsItMissing(String name, Fault fault) {
        Image image = cold.image("library/troubled", "1.0");
        hot.put(image);
        hot.fault(fault.on(Kind.MANIFEST));
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());

        cold.remove("library/troubled", "1.0");
        Reply nobody = mirror.get(image.path());
        assertTrue(nobody.status() == 503 || nobody.status() == 429 && name.equals("429"), nobody.text());
        assertTrue(nobody.text().contains(name.equals("429") ? "TOOMANYREQUESTS" : "UNAVAILABLE"), nobody.text());
        if (nobody.status() == 503) {
            assertNotNull(nobody.header("Retry-After"));
        }
    }

    @Test
    void takesColdsWhereHotRefusesConnections() {
        Image image = cold.image("library/refused", "1.0");
        hot.stop();
        try {
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            assertEquals(503, mirror.get(ABSENT).status());
        } finally {
            hot.restart();
        }
    }

    @Test
    void stopsReadingAManifestOverFourMebibytes() {
        Image large = Image.ofManifestSize("library/large", "1.0", 4 * 1024 * 1024 + 1);
        Image largest = Image.ofManifestSize("library/largest", "1.0", 4 * 1024 * 1024);
        hot.put(large);
        hot.put(largest);
        assertEquals(503, mirror.get(large.path()).status());
        assertArrayEquals(largest.manifest(), mirror.get(largest.path()).body());

        hot.fault(Fault.endless().on(Kind.MANIFEST));
        assertEquals(503, mirror.get(largest.path()).status());
    }

    @ParameterizedTest
    @ValueSource(ints = {404, 401, 403})
    void saysUnknownOnlyWhereBothSayTheyHaveItNot(int status) {
        hot.missing(status);
        cold.missing(status);
        Reply reply = mirror.get(ABSENT);
        assertEquals(404, reply.status());
        assertTrue(reply.text().contains("\"MANIFEST_UNKNOWN\""), reply.text());
        assertEquals("application/json", reply.header("Content-Type"));
        assertNull(reply.header("WWW-Authenticate"));
    }

    @Test
    void handsOnTheRegistrysRetryAfterWith429WhereTheOtherHasItNot() {
        hot.fault(Fault.status(429, Duration.ofSeconds(77)).on(Kind.MANIFEST));
        Reply reply = mirror.get(ABSENT);
        assertEquals(429, reply.status());
        assertEquals("77", reply.header("Retry-After"));
        cold.fault(Fault.status(500).on(Kind.MANIFEST));
        assertEquals(503, mirror.get(ABSENT).status());
    }

    @Test
    void asksForTheFourTypesWhereTheClientHasNoWish() {
        Image image = hot.image("library/accept", "1.0");
        mirror.get(image.path());
        assertEquals(List.of(MediaTypes.ANY_MANIFEST), hot.calls("GET", Kind.MANIFEST).get(0).headers("Accept"));
        hot.forget();
        mirror.get(image.path(), "Accept", "*/*");
        assertTrue(hot.calls("GET", Kind.MANIFEST).get(0).header("Accept").startsWith(MediaTypes.ANY_MANIFEST));
        hot.forget();
        mirror.get(image.path(), "Accept", MediaTypes.OCI_MANIFEST, "Accept", MediaTypes.OCI_INDEX + ";q=0.5");
        assertEquals(List.of(MediaTypes.OCI_MANIFEST + ", " + MediaTypes.OCI_INDEX + ";q=0.5"),
                hot.calls("GET", Kind.MANIFEST).get(0).headers("Accept"));
    }

    @Test
    void tellsRegistriesNothingElseOfTheClient() {
        cold.image("library/private", "1.0");
        mirror.get("/v2/library/private/manifests/1.0?ns=docker.io&x=y", "Authorization", "Basic c2VjcmV0", "Cookie", "a=b",
                "X-Forwarded-For", "10.1.1.1", "CamelHttpUri", "http://127.0.0.1:1/", "User-Agent", "spy/1", "Range", "bytes=0-1");
        List<Call> calls = Stream.concat(hot.calls("GET", Kind.MANIFEST).stream(), cold.calls("GET", Kind.MANIFEST).stream()).toList();
        assertEquals(2, calls.size());
        for (Call call : calls) {
            assertEquals("", call.query() == null ? "" : call.query());
            Set<String> names = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
            call.headers().forEach(header -> names.add(header.getKey()));
            names.removeAll(Set.of("Accept", "Accept-Encoding", "User-Agent", "Host", "Connection", "X-Request-ID", "Via"));
            assertEquals(Set.of(), names);
            assertTrue(call.header("User-Agent").startsWith("mirror-registry/"), call.header("User-Agent"));
            assertEquals("identity", call.header("Accept-Encoding"));
        }
    }

    @Test
    void tellsClientsNothingElseOfTheRegistry() {
        Image image = hot.image("library/chatty", "1.0");
        hot.fault(Fault.header("CamelHttpResponseCode", "500"), Fault.header("Set-Cookie", "a=b"), Fault.header("X-Powered-By", "x"),
                Fault.header("WWW-Authenticate", "Basic"), Fault.header("MirrorAuthorized", "true"));
        Reply reply = mirror.get(image.path());
        assertEquals(200, reply.status());
        Set<String> names = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
        names.addAll(reply.response().headers().map().keySet());
        assertEquals(new TreeSet<>(Set.of("content-length", "content-type", "docker-content-digest",
                "docker-distribution-api-version", "etag", "x-request-id")), new TreeSet<>(names.stream().map(String::toLowerCase).toList()));
    }

    @Test
    void followsARegistryThatRedirectsManifests() {
        try (TestRegistry elsewhere = TestRegistry.start("elsewhere")) {
            Image image = elsewhere.image("library/moved", "1.0");
            hot.fault(Fault.redirect(307, elsewhere.url() + image.path()).on(Kind.MANIFEST));
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            assertTrue(elsewhere.calls().stream().allMatch(call -> call.header("Authorization") == null));
            assertEquals(List.of(), cold.calls("GET", Kind.MANIFEST));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"text/\u0001x", "a/b\u00e9"})
    void anUnusableContentTypeIsTheRegistrysTrouble(String type) {
        Image image = cold.image("library/typed", "1.0");
        hot.put(image);
        hot.fault(Fault.header("Content-Type", type).on(Kind.MANIFEST));
        assertEquals(image.mediaType(), mirror.get(image.path()).header("Content-Type"));
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 405, 410, 451})
    void anyOtherErrorIsNeverToldAsMissing(int status) {
        hot.fault(Fault.status(status).on(Kind.MANIFEST));
        assertEquals(503, mirror.get(ABSENT).status());
    }
}
