package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.mirrorregistry.protocol.Digest;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What manifests list. */
class ImageManifestTest {

    private static final Digest ONE = Digest.ofSha256(new byte[] {1});
    private static final Digest TWO = Digest.ofSha256(new byte[] {2});
    private static final String CONFIG = "{\"digest\":\"" + ONE + "\",\"size\":5}";
    private static final String SOUND = "{\"schemaVersion\":2,\"config\":" + CONFIG + ",\"layers\":[{\"urls\":[],\"size\":7,\"digest\":\"" + TWO + "\"}],"
            + "\"manifests\":[{\"digest\":\"" + TWO + "\",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"},\"annotations\":{\"a\":\"b\"}}]}";

    private static ImageManifest read(String json) throws CopyFailedException {
        return ImageManifest.read(json.getBytes(StandardCharsets.UTF_8));
    }

    private static void readOrRefuse(byte[] bytes) {
        try {
            ImageManifest.read(bytes);
        } catch (CopyFailedException e) {
            assertEquals(CopyFailedException.Reason.UNSUPPORTED, e.reason());
        }
    }

    @Property
    void nothingElseThanARefusalComesOfAnyBytes(@ForAll byte[] bytes) {
        readOrRefuse(bytes);
    }

    @Property
    void nothingElseThanARefusalComesOfADamagedManifest(@ForAll("damage") String damage, @ForAll int at, @ForAll byte length) {
        int from = Math.floorMod(at, SOUND.length());
        readOrRefuse((SOUND.substring(0, from) + damage + SOUND.substring(Math.min(SOUND.length(), from + Math.floorMod(length, 8)))).getBytes(StandardCharsets.UTF_8));
    }

    @Provide
    Arbitrary<String> damage() {
        return Arbitraries.oneOf(Arbitraries.of("", "{", "}", "[", "]", ",", ":", "\"", "null", "1e999", "-1", "true", "{\"a\":[{}]}", "[[]]", "\"digest\":", "\"size\":"),
                Arbitraries.integers().between(1, 12).flatMap(depth -> Arbitraries.of("[".repeat(depth * 100), "{\"a\":".repeat(depth * 100))), Arbitraries.strings().ofMaxLength(5));
    }

    @Test
    void readsBlobsAndChildren() throws CopyFailedException {
        ImageManifest manifest = read(SOUND);

        assertEquals(Map.of(ONE, 5L, TWO, 7L), manifest.blobs());
        assertEquals(List.of(new ImageManifest.Child(TWO, "linux/arm/v7", null)), manifest.children());
    }

    /** A platform of an odd form must not hide the layers that follow. */
    @ParameterizedTest
    @ValueSource(strings = {"{\"os\":{\"a\":1}}", "{\"os\":[1,[2]],\"architecture\":{}}", "{\"variant\":{\"b\":{}}}", "{\"x\":{\"os\":\"y\"}}", "null", "[]"})
    void readsWhatFollowsAnOddPlatform(String platform) throws CopyFailedException {
        ImageManifest manifest = read("{\"config\":{\"platform\":" + platform + ",\"digest\":\"" + ONE + "\",\"size\":5},\"layers\":[{\"digest\":\"" + TWO + "\",\"size\":7}]}");

        assertEquals(Map.of(ONE, 5L, TWO, 7L), manifest.blobs());
    }

    @Test
    void leavesOutLayersThatMayNotBeDistributed() throws CopyFailedException {
        String urls = "\"digest\":\"" + TWO + "\",\"size\":7,\"urls\":[\"a\",{\"b\":[]}]";

        assertEquals(Map.of(ONE, 5L), read("{\"config\":" + CONFIG + ",\"layers\":[{\"mediaType\":\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\"," + urls + "}]}").blobs());
        // Any layer may have URLs as well.
        assertEquals(Map.of(ONE, 5L, TWO, 7L), read("{\"config\":" + CONFIG + ",\"layers\":[{" + urls + "}]}").blobs());
    }

    @Test
    void knowsWhatAnAttestationIsAbout() throws CopyFailedException {
        ImageManifest manifest = read("{\"manifests\":[{\"digest\":\"" + TWO + "\",\"annotations\":{\"x\":{\"y\":1},\"vnd.docker.reference.digest\":\"" + ONE + "\",\"z\":\"w\"}}]}");

        assertEquals(List.of(new ImageManifest.Child(TWO, null, ONE.value())), manifest.children());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "null", "[]", "\"a\"", "{", "{\"layers\":[{}]}", "{\"layers\":[1]}", "{\"layers\":[null]}", "{\"manifests\":[{\"digest\":\"sha256:1\"}]}",
        "{\"schemaVersion\":1,\"fsLayers\":[]}"})
    void refuses(String json) {
        assertEquals(CopyFailedException.Reason.UNSUPPORTED, assertThrows(CopyFailedException.class, () -> read(json)).reason());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ",\"size\":-1", ",\"size\":\"5\"", ",\"size\":null", ",\"size\":1.5", ",\"size\":99999999999999999999"})
    void refusesABlobWithoutASize(String size) {
        assertThrows(CopyFailedException.class, () -> read("{\"config\":{\"digest\":\"" + ONE + "\"" + size + "}}"));
    }
}
