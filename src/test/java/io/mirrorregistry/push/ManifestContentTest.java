package io.mirrorregistry.push;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.ProtocolException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestContentTest {

    private static final Digest A = new Digest("sha256:" + "a".repeat(64));
    private static final Digest B = new Digest("sha512:" + "b".repeat(128));
    private static final String TYPE = "application/vnd.oci.image.manifest.v1+json";

    private static ManifestContent read(String text) throws ProtocolException {
        return ManifestContent.read(text.getBytes(StandardCharsets.UTF_8));
    }

    private static Map<Digest, Long> blobs(String text) throws ProtocolException {
        return read(text).blobs();
    }

    private static String blob(Digest digest, String size) {
        return "{\"mediaType\":\"x\",\"size\":" + size + ",\"digest\":\"" + digest + "\",\"annotations\":{\"size\":\"7\",\"digest\":\"" + digest + "\"}}";
    }

    private static void refuses(byte[] bytes) {
        assertEquals(ErrorCode.MANIFEST_INVALID, assertThrows(ProtocolException.class, () -> ManifestContent.read(bytes)).code());
    }

    @Test
    void readsConfigLayersAndMediaType() throws Exception {
        ManifestContent content = read("{\"schemaVersion\":2,\"mediaType\":\"" + TYPE + "\",\"config\":" + blob(A, "2") + ",\"layers\":[" + blob(B, "3000000000") + "],\"subject\":"
                + blob(new Digest("sha256:" + "c".repeat(64)), "5") + "}");
        assertEquals(TYPE, content.mediaType());
        assertEquals(Map.of(A, 2L, B, 3_000_000_000L), content.blobs());
        assertEquals(List.of(A, B), List.copyOf(content.blobs().keySet()));
    }

    @Test
    void readsTheBlobsOfAnArtifact() throws Exception {
        assertEquals(Map.of(A, 2L), blobs("{\"blobs\":[" + blob(A, "2") + "]}"));
        assertNull(read("{\"blobs\":[]}").mediaType());
    }

    /** The manifests of an index are no blobs. */
    @Test
    void anIndexHasNoBlobs() throws Exception {
        assertEquals(Map.of(), blobs("{\"schemaVersion\":2,\"manifests\":[" + blob(A, "2") + "]}"));
    }

    @Test
    void leavesOutLayersThatAreElsewhere() throws Exception {
        assertEquals(Map.of(B, 1L), blobs("{\"layers\":[{\"urls\":[\"https://example.com/x\"],\"digest\":\"" + A + "\",\"size\":9}," + blob(B, "1") + "]}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1", "1.5", "1e3", "null", "\"5\"", "{}", "[]", "true", "99999999999999999999999", "18446744073709551617"})
    void leavesOutWhatHasNoSize(String size) throws Exception {
        assertEquals(Map.of(B, 1L), blobs("{\"layers\":[" + blob(A, size) + "," + blob(B, "1") + "]}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "sha256:", "sha256:xyz", "md5:abc", "sha256:../../x", "{{mirror.secret}}"})
    void leavesOutWhatIsNoDigest(String digest) throws Exception {
        assertEquals(Map.of(B, 1L), blobs("{\"layers\":[{\"digest\":\"" + digest + "\",\"size\":9}," + blob(B, "1") + "]}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"null", "5", "\"x\"", "{}", "[]", "[5,null,\"x\",[[]],[{}],{}]"})
    void leavesOutWhatIsNoDescriptor(String layers) throws Exception {
        assertEquals(Map.of(A, 1L), blobs("{\"layers\":" + layers + ",\"config\":" + blob(A, "1") + "}"));
        assertEquals(Map.of(A, 1L), blobs("{\"config\":" + layers + ",\"layers\":[" + blob(A, "1") + "]}"));
    }

    /** What stands there last is what most parsers take. */
    @Test
    void takesTheLastOfDuplicateKeys() throws Exception {
        assertEquals("b", read("{\"mediaType\":\"a\",\"mediaType\":\"b\"}").mediaType());
        assertEquals(Map.of(A, 2L), blobs("{\"config\":{\"size\":1,\"digest\":\"x\",\"digest\":\"" + A + "\",\"size\":2}}"));
        assertEquals(Map.of(A, 2L), blobs("{\"layers\":[" + blob(A, "1") + "," + blob(A, "2") + "]}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "null", "5", "\"x\"", "[]", "[{}]", "{", "{\"a\"", "{\"a\":", "{\"a\":}", "{}}", "{}{}", "{} x", "{'a':1}", "{a:1}", "{\"a\":1,}", "{\"layers\":[",
        "{\"layers\":[{", "{\"config\":{\"digest\":", "<html>", "{\"a\":01}", "{\"a\":NaN}", "{\"mediaType\":\"a\nb\"}", "// x\n{}"})
    void refusesWhatIsNoJsonObject(String text) {
        refuses(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void refusesBytesThatAreNoText() {
        refuses(new byte[] {'{', '"', (byte) 0xff, (byte) 0xfe, '"', ':', '1', '}'});
        refuses(new byte[1000]);
        byte[] random = new byte[4 * 1024 * 1024];
        new Random(17).nextBytes(random);
        refuses(random);
        random[0] = '{';
        refuses(random);
    }

    /** No stack grows with the nesting. */
    @Test
    @Timeout(value = 20, unit = TimeUnit.SECONDS)
    void refusesWhatIsNestedTooDeeply() {
        for (String open : List.of("[", "{\"layers\":[", "{\"config\":{\"x\":", "{\"a\":")) {
            refuses(("{\"a\":" + open.repeat(2_000_000 / open.length())).getBytes(StandardCharsets.UTF_8));
        }
        refuses(("{\"a\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}").getBytes(StandardCharsets.UTF_8));
    }

    @Test
    @Timeout(value = 20, unit = TimeUnit.SECONDS)
    void longNumbersTakeNoTime() throws Exception {
        for (String number : List.of("9".repeat(1_000_000), "1e" + "9".repeat(1_000_000), "0." + "9".repeat(1_000_000))) {
            for (String text : List.of("{\"a\":" + number + "}", "{\"config\":" + blob(A, number) + "}")) {
                try {
                    assertEquals(Map.of(), blobs(text));
                } catch (ProtocolException e) {
                    assertEquals(ErrorCode.MANIFEST_INVALID, e.code());
                }
            }
        }
    }

    @Test
    void countsAThousandLayersAtMost() throws Exception {
        StringBuilder layers = new StringBuilder();
        for (int i = 0; i < 5000; i++) {
            layers.append(i == 0 ? "" : ",").append(blob(new Digest("sha256:" + String.format("%064x", i)), "1"));
        }
        assertEquals(1000, blobs("{\"layers\":[" + layers + "]}").size());
    }
}
