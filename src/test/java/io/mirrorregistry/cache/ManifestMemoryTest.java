package io.mirrorregistry.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.Settings.CacheSettings;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.pull.KeptManifest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ManifestMemoryTest {

    private static final int SIZE = 1024 * 1024;

    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1000);
    private final ManifestMemory memory = new ManifestMemory(
            new CacheSettings(SIZE, Duration.ofSeconds(10), Duration.ZERO, Duration.ZERO, Duration.ofSeconds(60)), nanos::get);

    private static KeptManifest manifest(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return new KeptManifest(Digest.ofSha256(bytes), "application/json", bytes.length, bytes, "hot");
    }

    private static ApiPath path(String name, String reference) throws Exception {
        return ApiPath.parse("/v2/" + name + "/manifests/" + reference);
    }

    @Test
    void aTagIsFreshForItsTimeAndKnownForAWhileLonger() throws Exception {
        // The time runs over the largest number of nanoseconds on the way.
        memory.keep(path("app", "1"), "a", manifest("one"));
        nanos.addAndGet(Duration.ofSeconds(9).toNanos());
        assertNotNull(memory.fresh(path("app", "1"), "a", false));
        nanos.addAndGet(Duration.ofSeconds(2).toNanos());
        assertNull(memory.fresh(path("app", "1"), "a", false));
        assertEquals("hot", memory.last(path("app", "1"), "a", false).registry());
        nanos.addAndGet(Duration.ofSeconds(60).toNanos());
        assertNull(memory.last(path("app", "1"), "a", false));
        assertNotNull(memory.fresh(path("app", manifest("one").digest().value()), "a", false));
    }

    @Test
    void aHeadAloneDoesNotMakeTheBytesKnown() throws Exception {
        KeptManifest told = new KeptManifest(manifest("one").digest(), "application/json", 3, null, "hot");
        memory.keep(path("app", "1"), "a", told);
        assertNotNull(memory.fresh(path("app", "1"), "a", true));
        assertNull(memory.fresh(path("app", "1"), "a", false));
        assertNull(memory.last(path("app", "1"), "a", false));
    }

    @Test
    void aScanByDistinctNamesDoesNotDriveOutWhatIsUsed() throws Exception {
        String filler = "x".repeat(4000);
        int kept = 0;
        for (int round = 0; round < 20; round++) {
            for (int i = 0; i < 100; i++) {
                if (memory.fresh(path("used", "t" + i), "a", false) == null) {
                    memory.keep(path("used", "t" + i), "a", manifest("used" + i + filler));
                }
            }
            for (int i = 0; i < 1000; i++) {
                memory.keep(path("scan-" + round + "-" + i, "1"), "a", manifest("scan" + round + i + filler));
            }
        }
        long bytes = 0;
        for (int i = 0; i < 100; i++) {
            if (memory.fresh(path("used", "t" + i), "a", false) != null) {
                kept++;
            }
        }
        for (int round = 0; round < 20; round++) {
            for (int i = 0; i < 1000; i++) {
                KeptManifest scanned = memory.fresh(path("scan-" + round + "-" + i, "1"), "a", false);
                bytes += scanned == null ? 0 : scanned.length();
            }
        }
        assertTrue(kept > 80, kept + " of 100 were kept");
        assertTrue(bytes <= SIZE, bytes + " bytes were kept");
    }
}
