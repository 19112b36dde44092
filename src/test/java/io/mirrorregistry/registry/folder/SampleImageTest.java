package io.mirrorregistry.registry.folder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;

/** The folder {@code images} as it lies in the repository. */
class SampleImageTest {

    private static final RepositoryName HELLO = new RepositoryName("library/hello");

    private final ImageLayout layout = new ImageLayout(Path.of("images"));

    @Test
    void folderHoldsTheSampleAlone() throws Exception {
        assertEquals(Optional.empty(), layout.example(), "nothing has been read yet");
        assertEquals(List.of("latest"), layout.tags(HELLO));
        assertEquals(1, layout.size());
        assertEquals(Optional.empty(), layout.problem());
        assertEquals(Optional.of("library/hello:latest"), layout.example());
    }

    /** Fails also where git changed the bytes on their way to the disk. */
    @Test
    void everyBlobHasTheDigestItIsNamedAfter() throws Exception {
        try (Stream<Path> files = Files.list(Path.of("images/blobs/sha256"))) {
            for (Path file : files.toList()) {
                Digest digest = new Digest("sha256:" + file.getFileName());
                assertTrue(digest.matches(Files.readAllBytes(file)), file.toString());
                assertTrue(layout.blob(HELLO, digest).isPresent(), file + " belongs to nothing");
            }
        }
    }

    @Test
    void sampleGreetsOnBothPlatforms() throws Exception {
        StoredManifest index = layout.manifest(HELLO, new Tag("latest")).orElseThrow();
        assertEquals(MediaTypes.OCI_INDEX, index.mediaType());
        List<String> architectures = JsonFields.parse(index.content()).getJsonArray("manifests").stream()
                .map(JsonObject.class::cast).map(each -> architectureOfGreeting(LayoutBuilder.digest(each))).toList();
        assertEquals(List.of("amd64", "arm64"), architectures);
    }

    private String architectureOfGreeting(Digest digest) {
        try {
            JsonObject manifest = JsonFields.parse(layout.manifest(HELLO, digest).orElseThrow().content());
            byte[] layer = read(manifest.getJsonArray("layers").getJsonObject(0));
            byte[] tar = new GZIPInputStream(new ByteArrayInputStream(layer)).readAllBytes();
            JsonObject config = JsonFields.parse(read(manifest.getJsonObject("config")));
            assertEquals("sha256:" + Digest.ofSha256(tar).hex(),
                    config.getJsonObject("rootfs").getJsonArray("diff_ids").getString(0));
            assertTrue(new String(tar, StandardCharsets.ISO_8859_1).contains("Hello from Mirror Registry!\n"));
            return config.getString("architecture");
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private byte[] read(JsonObject descriptor) throws Exception {
        return Files.readAllBytes(layout.blob(HELLO, LayoutBuilder.digest(descriptor)).orElseThrow().file());
    }
}
