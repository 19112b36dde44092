package io.mirrorregistry.cache;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.benmanes.caffeine.cache.Ticker;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.Settings.CacheSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.pull.KeptManifest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Entries in memory count for at least the bytes that they take; measured on Java 17 with compressed references. */
class WeightTest {

    private static final int MEGABYTE = 1024 * 1024;

    private static final Plan PLAN = new Plan(List.of(new Plan.Target("hot", new RepositoryName("app"))));

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
            memory.keep(CacheKey.of(PLAN, ApiPath.parse("/v2/app/manifests/" + i), "a", false), new KeptManifest(digest, type, 10, null, "hot"));
        }
        assertTrue(kept("tags").bytes() > 1000 * (450 + type.length() + 71), kept("tags").toString());
    }

    @Test
    void aSmallManifestCountsForItsObjectsToo() throws Exception {
        for (int i = 0; i < 1000; i++) {
            byte[] bytes = ("{\"manifest\":" + i + "}").getBytes(StandardCharsets.UTF_8);
            Digest digest = Digest.ofSha256(bytes);
            memory.keep(CacheKey.of(PLAN, ApiPath.parse("/v2/app/manifests/" + digest), "a", false), new KeptManifest(digest, "application/json", bytes.length, bytes, "hot"));
        }
        assertTrue(kept("manifests").bytes() > 1000 * 454, kept("manifests").toString());
    }
}
