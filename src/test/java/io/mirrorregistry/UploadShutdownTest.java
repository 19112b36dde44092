package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.PushRegistry;
import io.mirrorregistry.testing.TestRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An upload that runs when the mirror is stopped is a request that runs: it may end, within mirror.server.shutdown-timeout. */
class UploadShutdownTest {

    private static final String PART = "x".repeat(10_000);

    private final PushRegistry target = PushRegistry.start();
    private final TestRegistry hot = TestRegistry.start("hot");
    private TestMirror mirror;

    @TempDir
    private Path folder;

    @BeforeEach
    void start() throws Exception {
        Path access = Files.writeString(folder.resolve("access.yaml"), "rules: [{who: anyone, repositories: \"**\", may: [pull, push]}]\n");
        mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", target.url(), "MIRROR_PUSH_REGISTRY", "cold", "MIRROR_ACCESS_FILE", access.toString(),
                "MIRROR_SECRET", "a secret of the tests", "MIRROR_SERVER_SHUTDOWN_TIMEOUT", "5s");
    }

    @AfterEach
    void stop() {
        mirror.close();
        target.close();
        hot.close();
    }

    private static void await(BooleanSupplier condition, String what) throws InterruptedException {
        for (int i = 0; i < 500 && !condition.getAsBoolean(); i++) {
            TimeUnit.MILLISECONDS.sleep(20);
        }
        assertTrue(condition.getAsBoolean(), what);
    }

    /** Begins an upload of ten parts, and sends the first. */
    private Wire begin() throws Exception {
        Wire wire = new Wire(mirror.port());
        Wire.Answer begun = wire.send("POST /v2/app/blobs/uploads/ HTTP/1.1\r\nHost: mirror\r\nContent-Length: 0\r\n\r\n").answer();
        assertEquals(202, begun.status(), begun.toString());
        wire.send("PATCH " + begun.header("Location") + " HTTP/1.1\r\nHost: mirror\r\nContent-Length: 100000\r\n\r\n" + PART);
        await(() -> mirror.metric("mirror_uploads_running") == 1, "no upload runs");
        return wire;
    }

    /** Stops the mirror, and returns how many milliseconds that takes. */
    private long close() {
        long begin = System.nanoTime();
        mirror.close();
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
    }

    @Test
    void anUploadThatGoesOnEnds() throws Exception {
        try (Wire wire = begin()) {
            Thread closing = new Thread(this::close);
            closing.start();
            for (int i = 1; i < 10; i++) {
                TimeUnit.MILLISECONDS.sleep(150);
                wire.send(PART);
            }
            Wire.Answer answer = wire.answer();
            assertEquals(202, answer.status(), answer.toString());
            assertEquals("0-99999", answer.header("Range"));
            closing.join();
        }
    }

    @Test
    void anUploadThatStopsEndsWithTheMirror() throws Exception {
        try (Wire wire = begin()) {
            long millis = close();
            assertTrue(millis > 4000 && millis < 12_000, "stopped after " + millis + " ms");
            assertEquals(0, wire.answer().status());
        }
    }
}
