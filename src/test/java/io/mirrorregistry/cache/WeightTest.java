package io.mirrorregistry.cache;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.benmanes.caffeine.cache.Ticker;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.Settings.CacheSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.pull.KeptManifest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Entries in memory count for at least the bytes that they take; measured on Java 17 with compressed references. */
class WeightTest {

    private static final int MEGABYTE = 1024 * 1024;

    private final Metrics metrics = new Metrics(new SimpleMeterRegistry());
    private final ManifestMemory memory = new ManifestMemory(
            new CacheSettings(8 * MEGABYTE, Duration.ofHours(1), Duration.ZERO, Duration.ZERO, Duration.ofHours(1)), Ticker.systemTicker());

    private Metrics.Kept kept(String cache) {
        memory.measure(metrics);
        return metrics.kept().stream().filter(kept -> kept.name().equals(cache)).findFirst().orElseThrow();
    }

    @Test
    void aTagCountsForTheTypeAndDigestOfItsManifestToo() throws Exception {
        String type = "application/" + "x".repeat(240);
        for (int i = 0; i < 1000; i++) {
            Digest digest = Digest.ofSha256(("manifest" + i).getBytes(StandardCharsets.UTF_8));
            memory.keep(ApiPath.parse("/v2/app/manifests/" + i), "a", new KeptManifest(digest, type, 10, null, "hot"));
        }
        assertTrue(kept("tags").bytes() > 1000 * (450 + type.length() + 71), kept("tags").toString());
    }

    @Test
    void aSmallManifestCountsForItsObjectsToo() throws Exception {
        for (int i = 0; i < 1000; i++) {
            byte[] bytes = ("{\"manifest\":" + i + "}").getBytes(StandardCharsets.UTF_8);
            Digest digest = Digest.ofSha256(bytes);
            memory.keep(ApiPath.parse("/v2/app/manifests/" + digest), "a", new KeptManifest(digest, "application/json", bytes.length, bytes, "hot"));
        }
        assertTrue(kept("manifests").bytes() > 1000 * 454, kept("manifests").toString());
    }
}
