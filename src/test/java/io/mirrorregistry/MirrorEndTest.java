package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.lang.ref.WeakReference;
import org.junit.jupiter.api.Test;

/** What is left of a mirror that was closed. */
class MirrorEndTest {

    private static WeakReference<Mirror> startAskAndClose() {
        try (TestMirror mirror = TestMirror.start("HOT_URL", "http://127.0.0.1:1")) {
            assertEquals(200, mirror.get("/v2/library/hello/manifests/latest").status());
            assertEquals(200, mirror.management("/explain?image=library/hello").status());
            return mirror.reference();
        }
    }

    @Test
    void nothingKeepsItInMemory() throws InterruptedException {
        WeakReference<Mirror> mirror = startAskAndClose();
        // Camel's language simple keeps the last CamelContext in a static field.
        startAskAndClose();
        for (int i = 0; i < 100 && mirror.get() != null; i++) {
            System.gc();
            Thread.sleep(100);
        }
        assertNull(mirror.get(), "a closed mirror is still in memory after another was closed");
    }
}
