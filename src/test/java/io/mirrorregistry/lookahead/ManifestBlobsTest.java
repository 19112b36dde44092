package io.mirrorregistry.lookahead;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Image;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestBlobsTest {

    private static final int MOST = 50;

    private static Digest digest(int number) {
        return Digest.ofSha256(new byte[] {(byte) number});
    }

    private static String descriptor(int number) {
        return "{\"digest\":\"" + digest(number) + "\",\"size\":1}";
    }

    private static List<Digest> read(String json) {
        return ManifestBlobs.read(json.getBytes(StandardCharsets.UTF_8), MOST);
    }

    @Test
    void readsTheConfigThenTheLayers() {
        Image image = Image.of("salt", "library/app", "1.0", 10);
        assertEquals(image.blobs().stream().map(Body::digest).toList(), ManifestBlobs.read(image.manifest(), MOST));
        assertEquals(List.of(digest(0), digest(1), digest(2)),
                read("{\"layers\":[" + descriptor(1) + "," + descriptor(2) + "],\"x\":{\"layers\":[" + descriptor(9) + "]},\"config\":" + descriptor(0) + "}"));
    }

    @Test
    void readsEachOnce() {
        assertEquals(List.of(digest(0), digest(1)), read("{\"config\":" + descriptor(0) + ",\"layers\":[" + descriptor(1) + "," + descriptor(1) + "," + descriptor(0) + "]}"));
    }

    @Test
    void readsNoMoreThanItMay() {
        String layers = IntStream.range(1, 200).mapToObj(ManifestBlobsTest::descriptor).collect(Collectors.joining(","));
        List<Digest> read = read("{\"layers\":[" + layers + "],\"config\":" + descriptor(0) + "}");
        assertEquals(IntStream.range(0, MOST).mapToObj(ManifestBlobsTest::digest).toList(), read);
        assertTimeout(Duration.ofSeconds(20), () -> read("{\"layers\":[" + "{\"urls\":[[".repeat(400_000)));
    }

    @Test
    void leavesOutLayersThatClientsGetFromElsewhere() {
        String foreign = descriptor(1).replace("}", ",\"urls\":[\"https://example.com/a\",{\"x\":[1]},\"https://example.com/b\"],\"annotations\":{\"urls\":[1]}}");
        String own = descriptor(2).replace("}", ",\"urls\":[]}");
        assertEquals(List.of(digest(0), digest(2)), read("{\"config\":" + descriptor(0) + ",\"layers\":[" + foreign + "," + own + "]}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "null", "7", "{}", "{\"layers\":[", "{\"layers\":{}}", "{\"config\":[]}", "{\"config\":7,\"layers\":[7,\"x\",[],null]}",
        "{\"config\":{\"digest\":\"sha256:short\"},\"layers\":[{\"digest\":7},{\"digest\":[\"x\"]},{}]}", "<html>"})
    void findsNoneInWhatListsNone(String json) {
        assertEquals(List.of(), read(json));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"manifests\":[D],\"config\":D,\"layers\":[D]}", "{\"config\":D,\"layers\":[D],\"manifests\":[D]}",
        "{\"schemaVersion\":1,\"fsLayers\":[{\"blobSum\":\"x\"}],\"signatures\":[]}", "{\"config\":D,\"layers\":[D"})
    void findsNoneInAnIndexInSchema1AndInWhatIsCut(String json) {
        assertEquals(List.of(), read(json.replace("D", descriptor(1))));
    }
}
