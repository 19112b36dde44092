package io.mirrorregistry.registry.folder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Each test has one whole image, which must stay, and one that is damaged in its own way, which must go. */
@Timeout(30)
class DamagedImagesTest {

    private static final RepositoryName HELLO = new RepositoryName("library/hello");
    private static final RepositoryName DAMAGED = new RepositoryName("damaged");

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
    void leavesOutImageWhoseLayerIsMissing() throws Exception {
        JsonObject manifest = builder.imageManifest("damaged");
        JsonObject layer = manifest.getJsonArray("layers").getJsonObject(0);
        Files.delete(builder.file(layer));
        assertLeftOut(builder.manifest(manifest), "blob " + layer.getString("digest") + " is missing");
    }

    @Test
    void leavesOutImageWhoseLayerIsCutShort() throws Exception {
        JsonObject manifest = builder.imageManifest("damaged");
        JsonObject layer = manifest.getJsonArray("layers").getJsonObject(0);
        Files.writeString(builder.file(layer), "dam");
        assertLeftOut(builder.manifest(manifest), "blob " + layer.getString("digest") + " has 3 bytes instead of 7");
        Files.writeString(builder.file(layer), "d");
        assertLeftOut(builder.manifest(manifest), "blob " + layer.getString("digest") + " has 1 byte instead of 7");
    }

    @Test
    void leavesOutImageWhoseLayerIsAFolder() throws Exception {
        JsonObject manifest = builder.imageManifest("damaged");
        JsonObject layer = manifest.getJsonArray("layers").getJsonObject(0);
        Files.delete(builder.file(layer));
        Files.createDirectory(builder.file(layer));
        assertLeftOut(builder.manifest(manifest), "blob " + layer.getString("digest") + " is not a file");
    }

    @Test
    void leavesOutImageWhoseManifestIsMissing() throws Exception {
        JsonObject image = builder.image("damaged");
        Files.delete(builder.file(image));
        assertLeftOut(image, "blob " + image.getString("digest") + " is missing");
    }

    @Test
    void leavesOutImageWhoseManifestHasOtherBytesThanItsDigestSays() throws Exception {
        JsonObject image = builder.image("damaged");
        Files.writeString(builder.file(image), Files.readString(builder.file(image)).replace("2", "3"));
        assertLeftOut(image, "the bytes of " + image.getString("digest") + " do not have that digest");
    }

    @Test
    void leavesOutImageWhoseManifestIsNotJson() throws Exception {
        JsonObject image = builder.blob(MediaTypes.OCI_MANIFEST, LayoutBuilder.bytes("not json"));
        assertLeftOut(image, "manifest " + image.getString("digest") + " is not JSON");
    }

    @Test
    void leavesOutManifestNestedDeeperThanAnyParserShouldGo() throws Exception {
        JsonObject image = builder.blob(MediaTypes.OCI_MANIFEST, LayoutBuilder.bytes("{\"a\":".repeat(100_000)));
        assertLeftOut(image, "manifest " + image.getString("digest") + " is not JSON");
    }

    @Test
    void leavesOutManifestOfMoreThanFourMebibytes() throws Exception {
        JsonObject manifest = builder.imageManifest("damaged").put("annotations",
                new JsonObject().put("padding", "x".repeat(ManifestStore.MAX_MANIFEST_BYTES)));
        JsonObject image = builder.manifest(manifest);
        assertLeftOut(image, "manifest " + image.getString("digest") + " has " + image.getInteger("size")
                + " bytes, more than the allowed 4194304");
    }

    @Test
    void leavesOutManifestThatIsAlsoAnIndex() throws Exception {
        JsonObject image = builder.manifest(builder.imageManifest("damaged").put("manifests", new JsonArray()));
        assertLeftOut(image, "manifest " + image.getString("digest") + " is both an index and a manifest");
    }

    @Test
    void leavesOutManifestThatIsNeither() throws Exception {
        JsonObject image = builder.manifest(new JsonObject().put("mediaType", MediaTypes.OCI_MANIFEST));
        assertLeftOut(image, "manifest " + image.getString("digest") + " has neither a config nor manifests");
    }

    @Test
    void leavesOutManifestAnnouncedAsAnotherType() throws Exception {
        JsonObject image = builder.image("damaged").put("mediaType", MediaTypes.DOCKER_MANIFEST);
        assertLeftOut(image, "manifest " + image.getString("digest") + " is announced as \"" + MediaTypes.DOCKER_MANIFEST
                + "\" but is \"" + MediaTypes.OCI_MANIFEST + "\"");
    }

    @Test
    void leavesOutManifestThatCallsItselfAnIndex() throws Exception {
        JsonObject image = builder.manifest(builder.imageManifest("damaged").put("mediaType", MediaTypes.OCI_INDEX));
        assertLeftOut(image, "manifest " + image.getString("digest") + " is of the unsuitable type \""
                + MediaTypes.OCI_INDEX + "\"");
    }

    @Test
    void leavesOutImageWithUnknownDigestAlgorithm() throws Exception {
        assertLeftOut(builder.image("damaged").put("digest", "blake3:" + "0".repeat(64)),
                "\"blake3:" + "0".repeat(64) + "\" is no sha256 or sha512 digest");
    }

    @Test
    void neverFollowsPathInADigest() throws Exception {
        Path outside = Files.writeString(directory.resolve("outside"), "{}");
        JsonObject image = builder.image("damaged").put("digest", "sha256:../../" + outside.getFileName()).put("size", 2);
        assertLeftOut(image, "\"sha256:../../outside\" is no sha256 or sha512 digest");
    }

    @Test
    void leavesOutImageWithPathInTheDigestOfALayer() throws Exception {
        JsonObject manifest = builder.imageManifest("damaged");
        manifest.getJsonArray("layers").getJsonObject(0).put("digest", "sha256:../../index.json");
        assertLeftOut(builder.manifest(manifest), "\"sha256:../../index.json\" is no sha256 or sha512 digest");
    }

    @Test
    void leavesOutImageWithoutSize() throws Exception {
        JsonObject image = builder.image("damaged").put("size", -1);
        assertLeftOut(image, "the descriptor of " + image.getString("digest") + " has no size");
    }

    @Test
    void leavesOutImageWhoseNameHasAnotherDigest() throws Exception {
        JsonObject image = builder.image("damaged");
        String digest = "sha256:" + "0".repeat(64);
        builder.name("library/hello:latest", builder.image("whole")).name("damaged@" + digest, image).write();
        assertTrue(layout.hasRepository(HELLO));
        assertFalse(layout.hasRepository(DAMAGED));
        assertEquals("damaged@" + digest + " is left out: the entry of that name stands for " + image.getString("digest")
                + ".", layout.problem().orElseThrow());
    }

    @Test
    void leavesOutIndexesNestedTooDeeply() throws Exception {
        JsonObject deepest = builder.image("deep");
        for (int i = 0; i < ImageReader.MAX_DEPTH; i++) {
            deepest = builder.index(deepest);
        }
        JsonObject allowed = deepest;
        JsonObject tooDeep = builder.index(allowed);
        builder.name("library/hello:deep", allowed).name("library/hello:too-deep", tooDeep)
                .name("library/hello:deep-enough", allowed).write();

        assertEquals(List.of("deep", "deep-enough"), layout.tags(HELLO));
        assertTrue(layout.problem().orElseThrow().startsWith("library/hello:too-deep is left out: index sha256:"));
        assertTrue(layout.problem().orElseThrow().endsWith(" lies deeper than 8 indexes."));
    }

    @Test
    void readsLadderOfIndexesInNoTime() throws Exception {
        JsonObject rung = builder.image("bottom");
        for (int i = 0; i < ImageReader.MAX_DEPTH; i++) {
            JsonObject[] manyTimes = new JsonObject[1000];
            Arrays.fill(manyTimes, rung);
            rung = builder.index(manyTimes);
        }
        builder.name("library/hello:latest", rung).write();
        assertTrue(layout.manifest(HELLO, new Tag("latest")).isPresent());
    }

    @Test
    void leavesOutOnlyThePlatformThatIsMissingFromAnIndex() throws Exception {
        JsonObject amd64 = builder.image("amd64");
        JsonObject arm64 = builder.image("arm64");
        Files.delete(builder.file(arm64));
        builder.name("library/hello:latest", builder.index(amd64, arm64)).write();

        assertTrue(layout.manifest(HELLO, new Tag("latest")).isPresent());
        assertTrue(layout.manifest(HELLO, LayoutBuilder.digest(amd64)).isPresent());
        assertEquals(Optional.empty(), layout.manifest(HELLO, LayoutBuilder.digest(arm64)));
        assertEquals("A part of library/hello:latest is left out: blob " + arm64.getString("digest") + " is missing.",
                layout.problem().orElseThrow());
    }

    @Test
    void leavesOutIndexOfWhichNothingIsThere() throws Exception {
        JsonObject arm64 = builder.image("arm64");
        Files.delete(builder.file(arm64));
        assertLeftOut(builder.index(arm64), "blob " + arm64.getString("digest") + " is missing");
    }

    @Test
    void doesNotServeAnOlderImageInThePlaceOfADamagedOne() throws Exception {
        JsonObject damaged = builder.image("damaged");
        Files.delete(builder.file(damaged));
        builder.name("damaged:latest", builder.image("older"));
        assertLeftOut(damaged, "blob " + damaged.getString("digest") + " is missing");
    }

    @Test
    void tellsOfNameWithoutRepository() throws Exception {
        builder.name("library/hello:latest", builder.image("whole")).name("latest", builder.image("damaged")).write();
        assertTrue(layout.hasRepository(HELLO));
        assertEquals("\"latest\" is left out: the name has no repository, it should be like library/hello:latest.",
                layout.problem().orElseThrow());
    }

    @Test
    void tellsWhenNoImageHasAName() throws Exception {
        builder.entry(builder.image("nameless")).write();
        assertFalse(layout.hasRepository(HELLO));
        assertEquals("None of the images in index.json has a name (annotation org.opencontainers.image.ref.name).",
                layout.problem().orElseThrow());
    }

    @Test
    void tellsOfEntryThatIsNoObject() throws Exception {
        builder.name("library/hello:latest", builder.image("whole")).entry("nonsense").write();
        assertTrue(layout.hasRepository(HELLO));
        assertEquals("An entry of index.json is left out: it is no JSON object.", layout.problem().orElseThrow());
    }

    @Test
    void tellsOfDamagedReferrerWithoutName() throws Exception {
        JsonObject image = builder.image("whole");
        JsonObject manifest = builder.imageManifest("sbom").put("subject", image);
        JsonObject layer = manifest.getJsonArray("layers").getJsonObject(0);
        Files.delete(builder.file(layer));
        builder.name("library/hello:latest", image).entry(builder.manifest(manifest)).write();

        assertTrue(layout.hasRepository(HELLO));
        assertTrue(layout.referrers(HELLO, LayoutBuilder.digest(image)).isEmpty());
        assertEquals("A referrer is left out: blob " + layer.getString("digest") + " is missing.",
                layout.problem().orElseThrow());
    }

    @Test
    void countsProblemsBeyondTheFirstFive() throws Exception {
        for (int i = 0; i < 8; i++) {
            builder.name("tag" + i, builder.image("image"));
        }
        builder.write();
        assertTrue(layout.problem().orElseThrow().endsWith(" And 3 more."));
    }

    private void assertLeftOut(JsonObject damaged, String reason) throws Exception {
        builder.name("library/hello:latest", builder.image("whole")).name("damaged:latest", damaged).write();

        assertFalse(layout.hasRepository(DAMAGED));
        assertTrue(layout.manifest(HELLO, new Tag("latest")).isPresent());
        assertEquals("damaged:latest is left out: " + reason + ".", layout.problem().orElseThrow());
        assertEquals(1, layout.size());
    }
}
