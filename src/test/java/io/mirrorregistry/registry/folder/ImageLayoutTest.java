package io.mirrorregistry.registry.folder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.registry.StoredBlob;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageLayoutTest {

    private static final RepositoryName HELLO = new RepositoryName("library/hello");
    private static final RepositoryName OTHER = new RepositoryName("team/other");
    private static final Tag LATEST = new Tag("latest");

    @TempDir
    Path directory;

    private LayoutBuilder builder;
    private ImageLayout layout;

    @BeforeEach
    void setUp() {
        builder = new LayoutBuilder(directory);
        layout = new ImageLayout(directory);
    }

    @Test
    void servesManifestByTagAndByDigest() throws Exception {
        JsonObject image = builder.image("layer");
        builder.name("library/hello:latest", image).write();

        StoredManifest byTag = layout.manifest(HELLO, LATEST).orElseThrow();
        assertEquals(LayoutBuilder.digest(image), byTag.digest());
        assertEquals(MediaTypes.OCI_MANIFEST, byTag.mediaType());
        assertArrayEquals(Files.readAllBytes(builder.file(image)), byTag.content());
        assertEquals(Optional.of(byTag), layout.manifest(HELLO, byTag.digest()));
        assertEquals(Optional.empty(), layout.problem());
        assertEquals(1, layout.size());
    }

    @Test
    void servesConfigLayersAndManifestsAsBlobs() throws Exception {
        JsonObject manifest = builder.imageManifest("layer");
        JsonObject image = builder.manifest(manifest);
        builder.name("library/hello:latest", image).write();

        JsonObject layer = manifest.getJsonArray("layers").getJsonObject(0);
        assertEquals(new StoredBlob(LayoutBuilder.digest(layer), builder.file(layer), 5),
                layout.blob(HELLO, LayoutBuilder.digest(layer)).orElseThrow());
        assertTrue(layout.blob(HELLO, LayoutBuilder.digest(manifest.getJsonObject("config"))).isPresent());
        assertTrue(layout.blob(HELLO, LayoutBuilder.digest(image)).isPresent());
    }

    @Test
    void servesEverythingThatNestedIndexesLeadTo() throws Exception {
        JsonObject amd64 = builder.image("amd64");
        JsonObject manifest = builder.imageManifest("arm64");
        JsonObject arm64 = builder.manifest(manifest);
        JsonObject inner = builder.index(arm64);
        JsonObject outer = builder.index(amd64, inner);
        builder.name("library/hello:latest", outer).write();

        assertEquals(MediaTypes.OCI_INDEX, layout.manifest(HELLO, LATEST).orElseThrow().mediaType());
        for (JsonObject part : List.of(amd64, arm64, inner, outer)) {
            assertTrue(layout.manifest(HELLO, LayoutBuilder.digest(part)).isPresent());
            assertTrue(layout.blob(HELLO, LayoutBuilder.digest(part)).isPresent());
        }
        assertTrue(layout.blob(HELLO, LayoutBuilder.digest(manifest.getJsonObject("config"))).isPresent());
    }

    @Test
    void servesContentWithSha512Digests() throws Exception {
        JsonObject manifest = new JsonObject().put("schemaVersion", 2).put("mediaType", MediaTypes.OCI_MANIFEST)
                .put("config", builder.blob("sha512", LayoutBuilder.CONFIG, LayoutBuilder.bytes("{}")))
                .put("layers", new JsonArray());
        JsonObject image = builder.blob("sha512", MediaTypes.OCI_MANIFEST, LayoutBuilder.bytes(manifest.encode()));
        builder.name("library/hello:latest", image).write();

        assertEquals("sha512", layout.manifest(HELLO, LATEST).orElseThrow().digest().algorithm());
        assertTrue(layout.blob(HELLO, LayoutBuilder.digest(manifest.getJsonObject("config"))).isPresent());
    }

    @Test
    void servesManifestWithoutMediaTypeOfItsOwn() throws Exception {
        JsonObject manifest = builder.imageManifest("as umoci writes it");
        manifest.remove("mediaType");
        builder.name("library/hello:latest", builder.blob(MediaTypes.OCI_MANIFEST, LayoutBuilder.bytes(manifest.encode())))
                .write();

        assertEquals(MediaTypes.OCI_MANIFEST, layout.manifest(HELLO, LATEST).orElseThrow().mediaType());
    }

    @Test
    void servesDockerManifestsAndLists() throws Exception {
        JsonObject image = builder.manifest(builder.imageManifest("docker").put("mediaType", MediaTypes.DOCKER_MANIFEST));
        JsonObject list = builder.manifest(new JsonObject().put("mediaType", MediaTypes.DOCKER_LIST)
                .put("manifests", new JsonArray().add(image)));
        builder.name("library/hello:latest", list).write();

        assertEquals(MediaTypes.DOCKER_LIST, layout.manifest(HELLO, LATEST).orElseThrow().mediaType());
        assertEquals(MediaTypes.DOCKER_MANIFEST,
                layout.manifest(HELLO, LayoutBuilder.digest(image)).orElseThrow().mediaType());
    }

    @Test
    void keepsRepositoriesApart() throws Exception {
        JsonObject image = builder.image("hello");
        JsonObject other = builder.image("other");
        builder.name("library/hello:latest", image).name("team/other:1", other).write();

        assertEquals(Optional.empty(), layout.manifest(HELLO, LayoutBuilder.digest(other)));
        assertEquals(Optional.empty(), layout.blob(HELLO, LayoutBuilder.digest(other)));
        assertEquals(Optional.empty(), layout.manifest(OTHER, LATEST));
        assertTrue(layout.hasRepository(OTHER));
        assertFalse(layout.hasRepository(new RepositoryName("team")));
    }

    @Test
    void servesContentThatRepositoriesShareInEach() throws Exception {
        JsonObject image = builder.image("hello");
        builder.name("library/hello:latest", image).name("team/other:1", image).write();

        assertTrue(layout.manifest(HELLO, LayoutBuilder.digest(image)).isPresent());
        assertTrue(layout.manifest(OTHER, LayoutBuilder.digest(image)).isPresent());
    }

    @Test
    void listsTagsSorted() throws Exception {
        JsonObject image = builder.image("hello");
        builder.name("library/hello:b", image).name("library/hello:latest", image).name("library/hello:1.10", image).write();

        assertEquals(List.of("1.10", "b", "latest"), layout.tags(HELLO));
        assertEquals(List.of(), layout.tags(OTHER));
    }

    @Test
    void lastOfSeveralEntriesWithOneNameWins() throws Exception {
        JsonObject old = builder.image("old");
        JsonObject replacement = builder.image("new");
        builder.name("library/hello:latest", old).name("docker.io/library/hello:latest", replacement).write();

        assertEquals(LayoutBuilder.digest(replacement), layout.manifest(HELLO, LATEST).orElseThrow().digest());
        assertEquals(Optional.empty(), layout.manifest(HELLO, LayoutBuilder.digest(old)));
        assertEquals(1, layout.size());
    }

    @Test
    void servesNameWithDigestInsteadOfTag() throws Exception {
        JsonObject image = builder.image("hello");
        builder.name("library/hello@" + image.getString("digest"), image).write();

        assertTrue(layout.manifest(HELLO, LayoutBuilder.digest(image)).isPresent());
        assertEquals(List.of(), layout.tags(HELLO));
        assertTrue(layout.hasRepository(HELLO));
    }

    @Test
    void passesOverEntriesWithoutNameThatSkopeoLeavesOfReplacedImages() throws Exception {
        JsonObject old = builder.image("old");
        builder.entry(old).name("library/hello:latest", builder.image("new")).write();

        assertEquals(Optional.empty(), layout.manifest(HELLO, LayoutBuilder.digest(old)));
        assertEquals(Optional.empty(), layout.problem());
    }

    @Test
    void listsReferrersAsTheDistributionSpecSays() throws Exception {
        JsonObject image = builder.image("hello");
        JsonObject sbom = builder.manifest(builder.imageManifest("sbom").put("subject", image)
                .put("artifactType", "application/spdx+json").put("annotations", new JsonObject().put("by", "us")));
        JsonObject signature = builder.manifest(builder.imageManifest("signature").put("subject", image));
        builder.name("library/hello:latest", image).name("library/hello:sbom", sbom).name("library/hello:sig", signature)
                .write();

        List<JsonObject> referrers = layout.referrers(HELLO, LayoutBuilder.digest(image));
        assertEquals(List.of(
                sbom.copy().put("artifactType", "application/spdx+json").put("annotations", new JsonObject().put("by", "us")),
                signature.copy().put("artifactType", LayoutBuilder.CONFIG)), referrers);
        assertEquals(List.of(), layout.referrers(OTHER, LayoutBuilder.digest(image)));
        assertEquals(List.of(), layout.referrers(HELLO, LayoutBuilder.digest(sbom)));
    }

    @Test
    void listsIndexAsReferrerWithoutInventingArtifactType() throws Exception {
        JsonObject image = builder.image("hello");
        JsonObject index = builder.manifest(new JsonObject().put("mediaType", MediaTypes.OCI_INDEX).put("subject", image)
                .put("manifests", new JsonArray()));
        builder.name("library/hello:latest", image).name("library/hello:index", index).write();

        assertEquals(List.of(index), layout.referrers(HELLO, LayoutBuilder.digest(image)));
    }

    @Test
    void listsReferrersWithoutNameWhereTheirSubjectIs() throws Exception {
        JsonObject image = builder.image("hello");
        JsonObject sbom = builder.manifest(builder.imageManifest("sbom").put("subject", image));
        JsonObject signature = builder.manifest(builder.imageManifest("signature of the sbom").put("subject", sbom));
        builder.entry(signature).entry(sbom).name("library/hello:latest", image)
                .name("team/other:1", builder.image("other")).write();

        assertEquals(1, layout.referrers(HELLO, LayoutBuilder.digest(image)).size());
        assertEquals(1, layout.referrers(HELLO, LayoutBuilder.digest(sbom)).size());
        assertTrue(layout.manifest(HELLO, LayoutBuilder.digest(signature)).isPresent());
        assertEquals(List.of(), layout.referrers(OTHER, LayoutBuilder.digest(image)));
        assertEquals(Optional.empty(), layout.manifest(OTHER, LayoutBuilder.digest(sbom)));
    }

    @Test
    void givesEveryCallerReferrersOfItsOwn() throws Exception {
        JsonObject image = builder.image("hello");
        builder.name("library/hello:latest", image).name("library/hello:sbom", builder.manifest(builder.imageManifest("sbom")
                .put("subject", image).put("annotations", new JsonObject().put("by", "us")))).write();
        Digest subject = LayoutBuilder.digest(image);
        List<JsonObject> expected = layout.referrers(HELLO, subject).stream().map(JsonObject::copy).toList();

        layout.referrers(HELLO, subject).get(0).put("size", 0).getJsonObject("annotations").put("by", "them");

        assertEquals(expected, layout.referrers(HELLO, subject));
    }

    @Test
    void servesBlobsThatAreSymbolicLinks(@TempDir Path elsewhere) throws Exception {
        JsonObject image = builder.image("hello");
        builder.name("library/hello:latest", image).write();
        Path moved = Files.move(builder.file(image), elsewhere.resolve("manifest"));
        Files.createSymbolicLink(builder.file(image), moved);

        assertTrue(layout.manifest(HELLO, LATEST).isPresent());
    }

    @Test
    void servesBlobOfAnyTypeThatAnIndexLists() throws Exception {
        JsonObject note = builder.blob("text/plain", LayoutBuilder.bytes("note"));
        builder.name("library/hello:latest", builder.index(builder.image("hello"), note)).write();

        assertTrue(layout.blob(HELLO, LayoutBuilder.digest(note)).isPresent());
        assertEquals(Optional.empty(), layout.manifest(HELLO, LayoutBuilder.digest(note)));
    }

    @Test
    void servesWindowsImageWithoutItsForeignLayer() throws Exception {
        JsonObject manifest = builder.imageManifest("windows");
        JsonObject foreign = builder.blob("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                LayoutBuilder.bytes("foreign")).put("urls", new JsonArray().add("https://example.com/layer"));
        manifest.getJsonArray("layers").add(foreign);
        Files.delete(builder.file(foreign));
        builder.name("library/hello:latest", builder.manifest(manifest)).write();

        assertTrue(layout.manifest(HELLO, LATEST).isPresent());
        assertEquals(Optional.empty(), layout.blob(HELLO, LayoutBuilder.digest(foreign)));
        assertEquals(Optional.empty(), layout.problem());
    }
}
