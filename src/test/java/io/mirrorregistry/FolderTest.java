package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The folder of images as the cold registry, over real HTTP. */
class FolderTest {

    private static final String HELLO = "/v2/library/hello/manifests/latest";

    @TempDir
    private Path temporary;
    private final TestRegistry hot = TestRegistry.start("hot");
    private TestMirror mirror = TestMirror.start("HOT_URL", hot.url());

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
    }

    private JsonObject manifest(String path) {
        Reply reply = mirror.get(path);
        assertEquals(200, reply.status(), reply.text());
        assertEquals(Digest.ofSha256(reply.body()).value(), reply.header("Docker-Content-Digest"));
        return new JsonObject(reply.text());
    }

    @Test
    void servesTheWholeSampleImage() {
        JsonArray platforms = manifest(HELLO).getJsonArray("manifests");
        for (int i = 0; i < platforms.size(); i++) {
            JsonObject image = manifest("/v2/library/hello/manifests/" + platforms.getJsonObject(i).getString("digest"));
            for (Object blob : new JsonArray().add(image.getJsonObject("config")).addAll(image.getJsonArray("layers"))) {
                String digest = ((JsonObject) blob).getString("digest");
                Reply reply = mirror.get("/v2/library/hello/blobs/" + digest);
                assertEquals(200, reply.status());
                assertTrue(new Digest(digest).matches(reply.body()));
                assertEquals(digest, reply.header("Docker-Content-Digest"));
                assertEquals(String.valueOf(reply.body().length), mirror.head("/v2/library/hello/blobs/" + digest).header("Content-Length"));
            }
        }
        assertEquals(200, mirror.head(HELLO).status());
        assertEquals("{\"name\":\"library/hello\",\"tags\":[\"latest\"]}", mirror.get("/v2/library/hello/tags/list").text());
    }

    @Test
    void sendsPartsOfAFile() {
        JsonObject index = manifest(HELLO);
        String blob = "/v2/library/hello/blobs/" + manifest("/v2/library/hello/manifests/"
                + index.getJsonArray("manifests").getJsonObject(0).getString("digest")).getJsonObject("config").getString("digest");
        byte[] all = mirror.get(blob).body();
        Reply part = mirror.get(blob, "Range", "bytes=3-9");
        assertEquals(206, part.status());
        assertArrayEquals(Arrays.copyOfRange(all, 3, 10), part.body());
        assertEquals("bytes 3-9/" + all.length, part.header("Content-Range"));
        assertArrayEquals(Arrays.copyOfRange(all, all.length - 4, all.length), mirror.get(blob, "Range", "bytes=-4").body());
        Reply outside = mirror.get(blob, "Range", "bytes=" + all.length + "-");
        assertEquals(416, outside.status());
        assertEquals("bytes */" + all.length, outside.header("Content-Range"));
    }

    @Test
    void servesWhileHotIsAwayAndTellsAnOutageFromMissing() {
        assertEquals(404, mirror.get("/v2/library/none/manifests/latest").status());
        hot.stop();
        assertEquals(200, mirror.get(HELLO).status());
        assertEquals(503, mirror.get("/v2/library/none/manifests/latest").status());
    }

    @Test
    void hotsImageComesFirst() {
        Image image = hot.image("library/hello", "latest");
        assertArrayEquals(image.manifest(), mirror.get(HELLO).body());
        hot.fault(Fault.status(500).on(Kind.MANIFEST));
        assertEquals(200, mirror.get(HELLO).status());
    }

    @Test
    void aFolderThatIsMissingIsTroubleAndWorksOnceItIsThere() throws IOException {
        mirror.close();
        Path folder = temporary.resolve("images");
        mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_IMAGES_DIRECTORY", folder.toString());
        Image image = hot.image("library/app", "1");
        assertEquals(200, mirror.get(image.path()).status());
        assertEquals(503, mirror.get(HELLO).status());
        copy(Path.of("images"), folder);
        assertEquals(200, mirror.get(HELLO).status());
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Path target = to.resolve(from.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(file, target);
                }
            }
        }
    }

    @Test
    void servesTheFolderThatTheUrlNames() {
        mirror.close();
        mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", "oci:images", "MIRROR_IMAGES_DIRECTORY", temporary.toString());
        manifest(HELLO);
    }
}
