package io.mirrorregistry.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.Settings.CacheSettings;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.pull.KeptManifest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
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

    private static CacheKey key(String name, String reference) throws Exception {
        return key(name, reference, false);
    }

    private static CacheKey key(String name, String reference, boolean head) throws Exception {
        Plan plan = new Plan(List.of(new Plan.Target("hot", new RepositoryName(name))));
        return CacheKey.of(plan, ApiPath.parse("/v2/" + name + "/manifests/" + reference), "a", head);
    }

    @Test
    void aTagIsFreshForItsTimeAndKnownForAWhileLonger() throws Exception {
        // The time runs over the largest number of nanoseconds on the way.
        memory.keep(key("app", "1"), manifest("one"));
        nanos.addAndGet(Duration.ofSeconds(9).toNanos());
        assertNotNull(memory.fresh(key("app", "1")));
        nanos.addAndGet(Duration.ofSeconds(2).toNanos());
        assertNull(memory.fresh(key("app", "1")));
        assertEquals("hot", memory.last(key("app", "1")).registry());
        nanos.addAndGet(Duration.ofSeconds(60).toNanos());
        assertNull(memory.last(key("app", "1")));
        assertNotNull(memory.fresh(key("app", manifest("one").digest().value())));
    }

    @Test
    void aHeadAloneDoesNotMakeTheBytesKnown() throws Exception {
        KeptManifest told = new KeptManifest(manifest("one").digest(), "application/json", 3, null, "hot");
        memory.keep(key("app", "1"), told);
        assertNotNull(memory.fresh(key("app", "1", true)));
        assertNull(memory.fresh(key("app", "1")));
        assertNull(memory.last(key("app", "1")));
    }

    @Test
    void aScanByDistinctNamesDoesNotDriveOutWhatIsUsed() throws Exception {
        String filler = "x".repeat(4000);
        int kept = 0;
        for (int round = 0; round < 20; round++) {
            for (int i = 0; i < 100; i++) {
                if (memory.fresh(key("used", "t" + i)) == null) {
                    memory.keep(key("used", "t" + i), manifest("used" + i + filler));
                }
            }
            for (int i = 0; i < 1000; i++) {
                memory.keep(key("scan-" + round + "-" + i, "1"), manifest("scan" + round + i + filler));
            }
        }
        long bytes = 0;
        for (int i = 0; i < 100; i++) {
            if (memory.fresh(key("used", "t" + i)) != null) {
                kept++;
            }
        }
        for (int round = 0; round < 20; round++) {
            for (int i = 0; i < 1000; i++) {
                KeptManifest scanned = memory.fresh(key("scan-" + round + "-" + i, "1"));
                bytes += scanned == null ? 0 : scanned.length();
            }
        }
        assertTrue(kept > 80, kept + " of 100 were kept");
        assertTrue(bytes <= SIZE, bytes + " bytes were kept");
    }

    /** Whoever explains must not change what is explained. */
    @Test
    void whatIsRememberedIsToldForAnyAcceptAndLeavesNoTrace() throws Exception {
        CacheKey tag = key("app", "1.0");
        KeptManifest kept = manifest("{}");
        assertEquals(List.of(), memory.remembered(tag.plan(), tag.reference()));
        memory.keep(tag, kept);
        nanos.addAndGet(Duration.ofSeconds(4).toNanos());
        assertEquals(List.of(new Remembered(Remembered.State.FRESH, Duration.ofSeconds(4), Duration.ofSeconds(6), kept.digest().value(), "hot", "a")),
                memory.remembered(tag.plan(), tag.reference()));
        nanos.addAndGet(Duration.ofSeconds(6).toNanos());
        assertEquals(List.of(new Remembered(Remembered.State.STALE, Duration.ofSeconds(10), Duration.ofSeconds(60), kept.digest().value(), "hot", "a")),
                memory.remembered(tag.plan(), tag.reference()));
        assertEquals(List.of(new Remembered(Remembered.State.FRESH, null, null, kept.digest().value(), "hot", null)), memory.remembered(tag.plan(), kept.digest()));
        assertEquals(List.of(), memory.remembered(key("other", "1.0").plan(), tag.reference()));
        assertEquals(List.of(), memory.remembered(tag.plan(), key("app", "2.0").reference()));
        nanos.addAndGet(Duration.ofSeconds(60).toNanos());
        assertEquals(List.of(), memory.remembered(tag.plan(), tag.reference()));
    }

    /** A copy of what has long been kept would be garbage for the collector of old objects. */
    @Test
    void whatIsKeptAlreadyStaysTheSameObject() throws Exception {
        KeptManifest first = manifest("one");
        CacheKey digest = key("app", first.digest().value());
        memory.keep(key("app", "1"), first);
        memory.keep(key("app", "2"), manifest("one"));
        memory.keep(digest, manifest("one"));
        assertSame(first, memory.fresh(digest));
        assertSame(first, memory.fresh(key("app", "2")));
    }

    @Test
    void anotherTypeOrRegistryOfTheSameDigestReplacesWhatIsKept() throws Exception {
        KeptManifest first = manifest("one");
        CacheKey digest = key("app", first.digest().value());
        memory.keep(digest, first);
        KeptManifest typed = new KeptManifest(first.digest(), "application/other", first.length(), first.bytes(), "hot");
        memory.keep(digest, typed);
        assertSame(typed, memory.fresh(digest));
        KeptManifest ofCold = new KeptManifest(first.digest(), "application/other", first.length(), first.bytes(), "cold");
        memory.keep(digest, ofCold);
        assertSame(ofCold, memory.fresh(digest));
    }
}
