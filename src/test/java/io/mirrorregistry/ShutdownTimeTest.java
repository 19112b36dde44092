package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** mirror.server.shutdown-timeout: the mirror stops within it, whatever hangs in whichever routes. */
class ShutdownTimeTest {

    private static final long MILLIS = 3000;
    /** What it takes to stop when nothing hangs, on a busy machine. */
    private static final long SLACK = 2000;

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private TestMirror start(Path directory) throws Exception {
        TestRoutes.copyTo(directory);
        return TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "60s", "MIRROR_SERVER_ANSWER_TIME", "60s",
                "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms", "MIRROR_SERVER_SHUTDOWN_TIMEOUT", MILLIS + "ms");
    }

    private CompletableFuture<HttpResponse<byte[]>> pull(TestMirror mirror, String tag) throws Exception {
        Image image = hot.image("library/app", tag);
        CompletableFuture<HttpResponse<byte[]>> pull = clients.sendAsync(TestClient.request("GET", mirror.url() + image.path(), Duration.ofSeconds(90)),
                HttpResponse.BodyHandlers.ofByteArray());
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (hot.calls("GET", image.path()).isEmpty()) {
            assertTrue(System.nanoTime() < end, "not asked");
            Thread.sleep(2);
        }
        return pull;
    }

    /** Changes the routes, so that later requests belong to another generation. */
    private static void edit(TestMirror mirror, Path directory, String word) throws Exception {
        Path file = directory.resolve("routes/front-door.camel.yaml");
        String text = Files.readString(Path.of("routes/front-door.camel.yaml"));
        String step = "        - bean:\n            description: The headers that";
        assertTrue(text.contains(step));
        Files.writeString(file, text.replace(step, "        - setHeader:\n            name: X-Edit\n            expression: {constant: {expression: " + word + "}}\n" + step));
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!word.equals(mirror.get("/v2/").header("X-Edit"))) {
            assertTrue(System.nanoTime() < end, "not changed over");
            Thread.sleep(10);
        }
    }

    private static long millisToClose(TestMirror mirror) {
        long start = System.nanoTime();
        mirror.close();
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
    }

    @ParameterizedTest
    @Execution(ExecutionMode.CONCURRENT)
    @ValueSource(ints = {0, 1, 2})
    void stopsInTimeWhilePullsHangInEachGeneration(int edits, @TempDir Path directory) throws Exception {
        TestMirror mirror = start(directory);
        try {
            hot.fault(Fault.silence().on(Kind.MANIFEST));
            pull(mirror, "first");
            for (int i = 0; i < edits; i++) {
                edit(mirror, directory, "edit-" + i);
                pull(mirror, "t" + i);
            }
        } finally {
            long millis = millisToClose(mirror);
            hot.close();
            cold.close();
            assertTrue(millis < MILLIS + SLACK, millis + " ms");
            assertTrue(millis >= MILLIS - 500, "it did not wait for what hangs: " + millis + " ms");
        }
    }

    @Test
    void waitsForWhatEndsInTime(@TempDir Path directory) throws Exception {
        TestMirror mirror = start(directory);
        CountDownLatch held = new CountDownLatch(1);
        hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>(List.of(pull(mirror, "first")));
        edit(mirror, directory, "edited");
        pulls.add(pull(mirror, "second"));
        CompletableFuture<Long> closed = CompletableFuture.supplyAsync(() -> millisToClose(mirror));
        Thread.sleep(500);
        held.countDown();
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(200, pull.get(20, TimeUnit.SECONDS).statusCode());
        }
        assertTrue(closed.get(20, TimeUnit.SECONDS) < MILLIS);
        hot.close();
        cold.close();
    }
}
