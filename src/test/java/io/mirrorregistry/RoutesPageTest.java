package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples of docs/routes.md as they stand there, put into a running mirror. */
class RoutesPageTest {

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private TestMirror mirror;

    @BeforeEach
    void start() throws IOException {
        TestRoutes.copyTo(directory);
        mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms");
    }

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
    }

    /** Does to a file what the change under that heading says. */
    private void follow(String heading) throws IOException {
        Matcher example = Pattern.compile("### " + heading + "\n.*?```diff\n--- (\\S+)\n\\+\\+\\+ \\S+\n(.*?)```", Pattern.DOTALL)
                .matcher(Files.readString(Path.of("docs/routes.md")));
        assertTrue(example.find(), heading);
        List<String> lines = example.group(2).lines().toList();
        String before = lines.stream().filter(line -> !line.startsWith("+")).map(line -> line.substring(1) + "\n").collect(Collectors.joining());
        String after = lines.stream().filter(line -> !line.startsWith("-")).map(line -> line.substring(1) + "\n").collect(Collectors.joining());
        Path file = directory.resolve(example.group(1));
        String text = Files.readString(file);
        assertTrue(text.contains(before), () -> file + " has no\n" + before);
        Files.writeString(file, text.replace(before, after));
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 500 && !condition.getAsBoolean(); i++) {
            Thread.sleep(20);
        }
        assertTrue(condition.getAsBoolean());
    }

    @Test
    void answers403ForABlockedRepository() throws Exception {
        Image blocked = hot.image("library/blocked", "1.0");
        Image other = hot.image("library/other", "1.0");
        assertEquals(200, mirror.get(blocked.path()).status());
        follow("Answer 403 for a blocked repository");
        await(() -> mirror.get(blocked.path()).status() == 403);
        hot.forget();
        for (String path : List.of(blocked.path(), blocked.pathByDigest(), "/v2/library/blocked/tags/list")) {
            assertEquals(403, mirror.get(path).status());
            assertTrue(mirror.get(path).text().contains("\"DENIED\""), mirror.get(path).text());
            assertEquals(403, mirror.head(path).status());
        }
        assertEquals(List.of(), hot.calls("GET", Kind.MANIFEST));
        assertEquals(200, mirror.get(other.path()).status());
    }

    @Test
    void addsAResponseHeader() throws Exception {
        Image image = hot.image("library/app", "1.0");
        Digest layer = hot.blob("library/app", Body.ofSize(1000, 1));
        assertNull(mirror.get("/v2/").header("X-Mirror"));
        follow("Add a response header");
        await(() -> "europe-1".equals(mirror.get("/v2/").header("X-Mirror")));
        for (String path : List.of(image.path(), "/v2/library/app/tags/list", "/v2/library/app/blobs/" + layer)) {
            assertEquals("europe-1", mirror.get(path).header("X-Mirror"), path);
            assertEquals("europe-1", mirror.head(path).header("X-Mirror"), path);
        }

        Path errors = directory.resolve("routes/errors.camel.yaml");
        String missing = "                          ref: answer\n                          method: missing\n";
        String text = Files.readString(errors);
        assertTrue(text.contains(missing));
        Files.writeString(errors, text.replace(missing, missing + """
                - setHeader:
                    name: X-Mirror
                    expression:
                      constant:
                        expression: europe-1
                """.indent(22)));
        await(() -> "europe-1".equals(mirror.get("/v2/library/app/manifests/none").header("X-Mirror")));
    }
}
