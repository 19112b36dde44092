package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TokenService;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The body of a manifest decides its type, whatever the registry says, over real HTTP. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ManifestTypeTest {

    private static final String ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json";
    private static final String SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    private static final String UNSIGNED = "application/vnd.docker.distribution.manifest.v1+json";
    private static final String INDEX_BODY = "{\"schemaVersion\":2,\"manifests\":[]}";
    private static final String SCHEMA_1 = """
            {
               "schemaVersion": 1,
               "name": "library/old",
               "tag": "1.0",
               "architecture": "amd64",
               "fsLayers": [{"blobSum": "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"}],
               "history": [{"v1Compatibility": "{}"}]
            }""";

    private final TokenService tokens = TokenService.start();
    private final TestRegistry hot = TestRegistry.start("hot").requireBearer(tokens);
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "5s", "COLD_RESPONSE_TIMEOUT", "5s");
    private final TestMirror keeping = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "5s", "COLD_RESPONSE_TIMEOUT", "5s", "MIRROR_CACHE_SIZE", "16MB",
            "MIRROR_CACHE_TAG_TTL", "0");

    @BeforeEach
    void healthy() {
        hot.heal();
        cold.heal();
    }

    @AfterAll
    void stop() {
        mirror.close();
        keeping.close();
        hot.close();
        cold.close();
        tokens.close();
    }

    private void assertType(String type, TestRegistry registry, byte[] bytes, Digest digest, Fault... faults) {
        registry.heal();
        registry.manifest("library/typed", "1.0", type, bytes);
        registry.manifest("library/typed", digest.value(), type, bytes);
        registry.fault(faults);
        for (TestMirror either : List.of(mirror, keeping, keeping)) {
            for (String path : List.of("/v2/library/typed/manifests/1.0", "/v2/library/typed/manifests/" + digest)) {
                for (String method : List.of("HEAD", "GET", "HEAD")) {
                    Reply reply = either.send(method, path);
                    assertEquals(200, reply.status(), method + " " + path + " " + reply.text());
                    assertEquals(List.of(type), reply.response().headers().allValues("Content-Type"), method + " " + path);
                    assertEquals(digest.value(), reply.header("Docker-Content-Digest"), method + " " + path);
                    assertEquals(String.valueOf(bytes.length), reply.header("Content-Length"));
                    assertArrayEquals(method.equals("GET") ? bytes : new byte[0], reply.body());
                    assertNull(reply.header("Warning"));
                }
            }
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{\"schemaVersion\":2,\"manifests\":[]} | " + MediaTypes.OCI_INDEX,
        "{\"schemaVersion\":2,\"config\":{},\"layers\":[]} | " + MediaTypes.OCI_MANIFEST,
        "{\"schemaVersion\":2,\"layers\":[{\"manifests\":[]}]} | " + MediaTypes.OCI_MANIFEST,
        "{\"schemaVersion\":2,\"mediaType\":\"application/json\",\"manifests\":[]} | " + MediaTypes.OCI_INDEX,
        "{\"schemaVersion\":2,\"mediaType\":\"" + MediaTypes.DOCKER_LIST + "\",\"manifests\":[]} | " + MediaTypes.DOCKER_LIST,
        "{\"mediaType\":\"" + MediaTypes.DOCKER_MANIFEST + "\",\"schemaVersion\":2,\"config\":{}} | " + MediaTypes.DOCKER_MANIFEST,
        "{\"mediaType\":\"" + ARTIFACT + "\",\"blobs\":[]} | " + ARTIFACT,
        "{\"schemaVersion\":1,\"name\":\"a\",\"fsLayers\":[]} | " + UNSIGNED})
    void isWhatTheBodySaysWhereTheRegistrySaysNothingUseful(String body, String type) {
        Digest digest = Digest.ofSha256(bytes(body));
        for (TestRegistry registry : List.of(hot, cold)) {
            assertType(type, registry, bytes(body), digest, Fault.without("Content-Type").on(Kind.MANIFEST));
            for (String useless : List.of("application/json", "application/json; charset=utf-8", "application/octet-stream", "text/plain; charset=utf-8",
                    "application/vnd.oci.image.config.v1+json", "x", "")) {
                assertType(type, registry, bytes(body), digest, Fault.header("Content-Type", useless).on(Kind.MANIFEST));
            }
            assertType(type, registry, bytes(body), digest, Fault.header("Content-Type", type + "; charset=utf-8").on(Kind.MANIFEST));
            registry.remove("library/typed", "1.0");
            registry.remove("library/typed", digest.value());
        }
    }

    @Test
    void aTypeWithParametersIsEnoughForAHead() {
        cold.manifest("library/parameters", "1.0", MediaTypes.OCI_INDEX, bytes(INDEX_BODY));
        cold.fault(Fault.header("Content-Type", "Application/vnd.oci.image.index.v1+JSON ; charset=utf-8").on(Kind.MANIFEST));
        cold.forget();
        assertEquals(MediaTypes.OCI_INDEX, mirror.head("/v2/library/parameters/manifests/1.0").header("Content-Type"));
        assertEquals(0, cold.calls("GET", Kind.MANIFEST).size());
    }

    @Test
    void isWhatTheBodySaysAgainstTheRegistry() {
        for (String reference : List.of("1.0", Digest.ofSha256(bytes(INDEX_BODY)).value())) {
            cold.manifest("library/other", reference, MediaTypes.OCI_MANIFEST, bytes(INDEX_BODY));
            assertEquals(MediaTypes.OCI_INDEX, mirror.get("/v2/library/other/manifests/" + reference).header("Content-Type"));
        }
    }

    @Test
    void staysWhatItIsWhereOnlyMemoryCanTell() {
        cold.manifest("library/stale", "1.0", "application/json", bytes(INDEX_BODY));
        assertEquals(MediaTypes.OCI_INDEX, keeping.get("/v2/library/stale/manifests/1.0").header("Content-Type"));
        cold.fault(Fault.status(500));
        for (String method : List.of("GET", "HEAD")) {
            Reply stale = keeping.send(method, "/v2/library/stale/manifests/1.0");
            assertEquals(MediaTypes.OCI_INDEX, stale.header("Content-Type"));
            assertEquals(200, stale.status());
        }
    }

    /** Signs as docker did: the payload is the text up to formatLength, and formatTail. */
    private static byte[] signed(String payload) {
        int length = payload.lastIndexOf("\n}");
        return signed(payload, length, payload.substring(length), "");
    }

    private static byte[] signed(String payload, int length, String tail, String more) {
        String format = "{\"formatLength\":" + bytes(payload.substring(0, length)).length + ",\"formatTail\":\"" + base64(tail) + "\",\"time\":\"2015-01-01T00:00:00Z\"}";
        return bytes(payload.substring(0, length) + more + ",\n   \"signatures\": [\n      {\n         \"header\": {\"alg\": \"ES256\"},\n         \"signature\": \"eA\",\n"
                + "         \"protected\": \"" + base64(format) + "\"\n      }\n   ]\n}");
    }

    private static String base64(String text) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes(text));
    }

    @Test
    void aSignedManifestOfSchema1HasTheDigestOfItsPayload() {
        Digest digest = Digest.ofSha256(bytes(SCHEMA_1));
        for (TestRegistry registry : List.of(hot, cold)) {
            for (Fault fault : List.of(Fault.header("Docker-Content-Digest", digest.value()), Fault.without("Docker-Content-Digest"))) {
                assertType(SIGNED, registry, signed(SCHEMA_1), digest, fault.on(Kind.MANIFEST));
            }
            registry.remove("library/typed", "1.0");
            registry.remove("library/typed", digest.value());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"another digest", "more than the payload and its signatures", "schema 2", "schema 2 in the part that was cut off", "length beyond the end", "no signatures"})
    void nothingElseMayHaveAnotherDigestThanThatOfItsBytes(String kind) {
        String payload = kind.equals("schema 2") ? SCHEMA_1.replace("\"schemaVersion\": 1", "\"schemaVersion\": 2") : SCHEMA_1;
        int end = payload.lastIndexOf("\n}");
        String tail = ",\n   \"schemaVersion\": 2,\n   \"config\": {},\n   \"layers\": []\n}";
        if (kind.startsWith("schema 2 in")) {
            payload = payload.substring(0, end) + tail;
        }
        byte[] body = switch (kind) {
            case "another digest" -> signed(payload.replace("amd64", "arm64"));
            case "more than the payload and its signatures" -> signed(payload, end, "\n}", ",\"fsLayers\":[]");
            case "schema 2 in the part that was cut off" -> signed(payload, end, tail, "");
            case "length beyond the end" -> bytes(new String(signed(payload), StandardCharsets.UTF_8).replaceFirst("\"protected\": \"[^\"]*\"",
                    "\"protected\": \"" + base64("{\"formatLength\":99999,\"formatTail\":\"Cn0\"}") + "\""));
            case "no signatures" -> bytes(payload.substring(0, end) + ",\n   \"signatures\": []\n}");
            default -> signed(payload);
        };
        Digest digest = Digest.ofSha256(bytes(payload));
        cold.manifest("library/false", digest.value(), SIGNED, body);
        cold.manifest("library/false", "1.0", SIGNED, body);
        assertEquals(503, mirror.get("/v2/library/false/manifests/" + digest).status());
        cold.fault(Fault.header("Docker-Content-Digest", digest.value()).on(Kind.MANIFEST));
        assertEquals(503, mirror.get("/v2/library/false/manifests/1.0").status());
    }
}
