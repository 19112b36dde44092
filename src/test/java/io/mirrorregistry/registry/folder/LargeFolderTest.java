package io.mirrorregistry.registry.folder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Folders that hold more than memory is meant for. */
@Timeout(60)
class LargeFolderTest {

    private static final RepositoryName HELLO = new RepositoryName("library/hello");
    private static final int MOST_BYTES = 64 * 1024;
    private static final int MOST_NAMES = MOST_BYTES / CatalogBudget.NAME;

    @TempDir
    Path directory;

    private final HandClock clock = new HandClock();

    private static void name(LayoutBuilder builder, JsonObject image, int count) {
        for (int i = 0; i < count; i++) {
            builder.name("library/hello:" + i, image);
        }
    }

    @Test
    void refusesAnIndexOfMoreNamesThanFitAndKeepsTheLastGoodOne() throws Exception {
        LayoutBuilder builder = new LayoutBuilder(directory);
        ImageLayout layout = new ImageLayout(directory, clock, MOST_BYTES);
        JsonObject image = builder.image("hello");
        name(builder, image, MOST_NAMES / 2);
        builder.write();
        assertEquals(MOST_NAMES / 2, layout.size());
        assertTrue(layout.problem().isEmpty());

        name(builder, image, MOST_NAMES + 1);
        builder.write();
        assertEquals("The file " + directory.resolve("index.json") + " is not read: it has more than " + MOST_NAMES
                + " names, which would take more than the 1 MB of memory that the folder of images may take; raise -Xmx or remove images. "
                + "What was read before is still served.", layout.problem().orElseThrow());
        assertEquals(MOST_NAMES / 2, layout.size());
        assertTrue(layout.manifest(HELLO, new Tag("1")).isPresent());

        builder.clear().name("library/hello:1", image).write();
        assertTrue(layout.problem().isEmpty());
        assertEquals(1, layout.size());
    }

    @Test
    void readsAnIndexThatIsTooLargeOnce() throws Exception {
        LayoutBuilder builder = new LayoutBuilder(directory);
        JsonObject image = builder.image("hello");
        name(builder, image, 2 * MOST_NAMES);
        builder.write();
        Path index = directory.resolve("index.json");
        FileTime hourAgo = FileTime.from(Instant.now().minus(Duration.ofHours(1)));
        Files.setLastModifiedTime(index, hourAgo);
        ImageLayout layout = new ImageLayout(directory, clock, MOST_BYTES);
        String problem = layout.problem().orElseThrow();

        // Another content with the same stamp shows whether it is read again.
        byte[] small = Arrays.copyOf(builder.clear().name("library/hello:1", image).indexJson().getBytes(StandardCharsets.UTF_8), (int) Files.size(index));
        Arrays.fill(small, builder.indexJson().length(), small.length, (byte) ' ');
        Files.write(index, small);
        Files.setLastModifiedTime(index, hourAgo);
        clock.advance(Duration.ofHours(2));
        assertEquals(problem, layout.problem().orElseThrow());
    }

    @Test
    void leavesOutImagesBeyondTheBudget() throws Exception {
        LayoutBuilder builder = new LayoutBuilder(directory);
        for (int i = 0; i < MOST_NAMES; i++) {
            builder.name("library/hello:" + i, builder.image("layer " + i));
        }
        builder.write();
        ImageLayout layout = new ImageLayout(directory, clock, MOST_BYTES);
        assertTrue(layout.size() > 5 && layout.size() < MOST_NAMES, layout.size() + " images");
        assertTrue(layout.problem().orElseThrow().startsWith("library/hello:" + layout.size() + " is left out: the 1 MB that the folder of images may take in "
                + "memory are used up by the images before it; raise -Xmx."), layout.problem().orElseThrow());
        assertTrue(layout.problem().orElseThrow().endsWith(" And " + (MOST_NAMES - layout.size() - 5) + " more."), layout.problem().orElseThrow());
        assertTrue(layout.manifest(HELLO, new Tag("0")).isPresent());
        assertTrue(layout.manifest(HELLO, new Tag(String.valueOf(MOST_NAMES - 1))).isEmpty());
    }

    @Test
    void anIndexInsideThatListsTheSameBlobsForEveryNameCountsForEachRepository() throws Exception {
        LayoutBuilder builder = new LayoutBuilder(directory);
        JsonObject[] parts = new JsonObject[20];
        Arrays.setAll(parts, i -> builder.image("layer " + i));
        JsonObject index = builder.index(parts);
        for (int i = 0; i < MOST_NAMES; i++) {
            builder.name("library/hello" + i + ":1", index);
        }
        builder.write();
        ImageLayout layout = new ImageLayout(directory, clock, MOST_BYTES);
        assertTrue(layout.size() < MOST_NAMES / 2, layout.size() + " images");
        assertTrue(layout.problem().isPresent());
    }

    @Test
    void leavesOutAManifestOfAMillionParts() throws Exception {
        LayoutBuilder builder = new LayoutBuilder(directory);
        JsonObject image = builder.image("hello");
        for (String field : new String[] {"manifests", "layers", "x"}) {
            String bomb = "{\"schemaVersion\":2,\"config\":{},\"" + field + "\":[{}" + ",{}".repeat(1_300_000) + "]}";
            JsonObject large = builder.blob(field.equals("manifests") ? MediaTypes.OCI_INDEX : MediaTypes.OCI_MANIFEST, LayoutBuilder.bytes(bomb));
            builder.clear().name("library/hello:1", image).name("library/large:1", large).write();
            ImageLayout layout = new ImageLayout(directory, clock);
            assertEquals("library/large:1 is left out: manifest " + large.getString("digest") + " has more than 200000 names and values.",
                    layout.problem().orElseThrow());
            assertEquals(1, layout.size());
        }
    }

    @Test
    void refusesAnEntryOfAMillionParts() throws Exception {
        LayoutBuilder builder = new LayoutBuilder(directory);
        builder.write(LayoutBuilder.bytes("{\"schemaVersion\":2,\"manifests\":[{\"x\":[{}" + ",{}".repeat(1_300_000) + "]}]}"));
        ImageLayout layout = new ImageLayout(directory, clock);
        assertEquals("The file " + directory.resolve("index.json") + " is not read: an entry has more than 10000 names and values.",
                layout.problem().orElseThrow());
    }

    @Test
    void refusesAnIndexOfMoreBytesThanAllowedWithoutReadingIt() throws Exception {
        LayoutBuilder builder = new LayoutBuilder(directory);
        builder.write(LayoutBuilder.bytes("{" + " ".repeat(33 * 1024 * 1024) + "}"));
        assertEquals("The file " + directory.resolve("index.json") + " is not read: it has more than 33554432 bytes.",
                new ImageLayout(directory, clock).problem().orElseThrow());
    }

    @Test
    void passesOverWhatIsBesideTheManifestsHoweverMuchItIs() throws Exception {
        LayoutBuilder builder = new LayoutBuilder(directory);
        JsonObject image = builder.image("hello").put("annotations", new JsonObject().put(LayoutBuilder.REF_NAME, "library/hello:1"));
        builder.write(LayoutBuilder.bytes("{\"x\":[{}" + ",{}".repeat(2_000_000) + "],\"manifests\":[" + image.encode() + "],\"y\":[[]" + ",[]".repeat(2_000_000) + "]}"));
        ImageLayout layout = new ImageLayout(directory, clock);
        assertTrue(layout.problem().isEmpty());
        assertEquals(1, layout.size());
    }

    @Test
    void tellsOfTenThousandProblemsInOneLine() throws Exception {
        LayoutBuilder builder = new LayoutBuilder(directory);
        JsonArray parts = new JsonArray();
        for (int i = 0; i < 10_000; i++) {
            builder.name("library/missing:" + i, new JsonObject().put("digest", "sha256:" + "0".repeat(60) + String.format("%04x", i)).put("size", 7)
                    .put("mediaType", MediaTypes.OCI_MANIFEST));
            parts.add(new JsonObject().put("digest", "sha256:" + "1".repeat(60) + String.format("%04x", i)).put("size", 7));
        }
        JsonObject image = builder.image("hello");
        parts.add(image);
        builder.name("library/hello:1", builder.manifest(new JsonObject().put("schemaVersion", 2).put("mediaType", MediaTypes.OCI_INDEX).put("manifests", parts)));
        builder.write();
        ImageLayout layout = new ImageLayout(directory, clock);
        String problem = layout.problem().orElseThrow();
        assertTrue(problem.endsWith(" And 19995 more."), problem);
        assertTrue(problem.length() < 2000);
        assertFalse(layout.manifest(HELLO, new Tag("1")).isEmpty());
    }
}
