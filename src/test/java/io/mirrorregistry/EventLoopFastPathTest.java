package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Routes that run on the event loop because the answer is in memory, and then do something else than the mirror's own. */
class EventLoopFastPathTest {

    @TempDir
    private Path directory;

    private void routes(String file, String from, String to) throws Exception {
        Path routes = Files.createDirectories(directory.resolve("routes"));
        try (DirectoryStream<Path> files = Files.newDirectoryStream(Path.of("routes"))) {
            for (Path route : files) {
                Files.copy(route, routes.resolve(route.getFileName()));
            }
        }
        Path changed = routes.resolve(file);
        String text = Files.readString(changed);
        assertTrue(text.contains(from));
        Files.writeString(changed, text.replace(from, to));
    }

    @Test
    void aRegistryThatIsAskedAllTheSameHoldsNobodyUp() throws Exception {
        // What is known is not believed here: each request goes to cold.
        routes("manifest.camel.yaml", "${variable.known} == false", "${variable.known} == true || ${variable.known} == false");
        CountDownLatch held = new CountDownLatch(1);
        try (TestRegistry hot = TestRegistry.start("hot"); TestRegistry cold = TestRegistry.start("cold");
                TestMirror mirror = TestMirror.startIn(directory, "MIRROR_REGISTRY_HOT_URL", hot.url(), "MIRROR_REGISTRY_COLD_URL",
                        cold.url(), "MIRROR_CACHE_SIZE", "1MB", "MIRROR_REGISTRY_HOT_RESPONSE_TIMEOUT", "20s")) {
            Image image = hot.image("library/app", "1.0");
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
            CompletableFuture<byte[]> waits = CompletableFuture.supplyAsync(() -> mirror.get(image.path()).body());
            hot.awaitCalls(2);
            assertEquals(200, mirror.get("/v2/").status());
            held.countDown();
            assertArrayEquals(image.manifest(), waits.get(20, TimeUnit.SECONDS));
        }
    }

    @Test
    void aStepThatWaitsHoldsUpOthersOnceAtMost() throws Exception {
        routes("manifest.camel.yaml", "        - choice:\n            when:\n              - expression:\n                  simple:\n"
                + "                    expression: ${variable.known} == false\n",
                "        - delay:\n            asyncDelayed: \"false\"\n            expression:\n              constant:\n                expression: 1200\n"
                + "        - choice:\n            when:\n              - expression:\n                  simple:\n"
                + "                    expression: ${variable.known} == false\n");
        try (TestRegistry hot = TestRegistry.start("hot"); TestRegistry cold = TestRegistry.start("cold");
                TestMirror mirror = TestMirror.startIn(directory, "MIRROR_REGISTRY_HOT_URL", hot.url(), "MIRROR_REGISTRY_COLD_URL",
                        cold.url(), "MIRROR_CACHE_SIZE", "1MB")) {
            Image image = hot.image("library/app", "1.0");
            assertTrue(mirror.management("/observe/metrics").text().contains("mirror_fast_path_on 1.0\n"));
            for (int i = 0; i < 2; i++) {
                assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            }
            CompletableFuture<byte[]> waits = CompletableFuture.supplyAsync(() -> mirror.get(image.path()).body());
            Thread.sleep(200);
            long start = System.nanoTime();
            assertEquals(200, mirror.get("/v2/").status());
            assertTrue(System.nanoTime() - start < TimeUnit.MILLISECONDS.toNanos(700), "held up");
            assertTrue(mirror.management("/observe/metrics").text().contains("mirror_fast_path_on 0.0\n"));
            assertArrayEquals(image.manifest(), waits.get(20, TimeUnit.SECONDS));
        }
    }
}
