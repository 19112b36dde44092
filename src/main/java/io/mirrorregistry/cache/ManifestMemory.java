package io.mirrorregistry.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import io.mirrorregistry.config.Settings.CacheSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.pull.KeptManifest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiPredicate;

/**
 * Manifests in memory, bounded by their bytes. By digest they are valid for ever, for the plan by which they were found; a tag is
 * believed for a while, and after that asked for again.
 */
final class ManifestMemory {

    /** The objects of an entry without its bytes and characters, rounded up. */
    private static final int ENTRY_BYTES = 500;
    /** The bound for tags and their names. */
    private static final int TAGS_BYTES = 4 * 1024 * 1024;

    /** Whatever the order of asking, a digest is the same manifest, and it is at a registry that the client may ask. */
    private record ByDigest(Plan plan, Digest digest) {

        @Override
        public boolean equals(Object other) {
            return other instanceof ByDigest key && digest.equals(key.digest) && plan.hasTargetsOf(key.plan);
        }

        @Override
        public int hashCode() {
            return 31 * plan.unorderedHash() + digest.hashCode();
        }
    }

    /** @param accept what the client accepts: a registry may answer with another manifest for another Accept */
    private record ByTag(Plan plan, Reference tag, String accept) {

        static ByTag of(CacheKey key) {
            return new ByTag(key.plan(), key.reference(), key.accept());
        }

        /** Written out, as is {@link #hashCode}: the methods that a record gets by default take longer, and each repeated pull calls them. */
        @Override
        public boolean equals(Object other) {
            return other instanceof ByTag key && tag.equals(key.tag) && plan.equals(key.plan) && Objects.equals(accept, key.accept);
        }

        @Override
        public int hashCode() {
            return 31 * (31 * plan.hashCode() + tag.hashCode()) + Objects.hashCode(accept);
        }
    }

    private record Tagged(KeptManifest withoutBytes, long checked) {
    }

    /** What a tag meant last, for which no registry is asked until a moment. */
    private record Believed(Tagged tagged, long until) {
    }

    private final Cache<ByDigest, KeptManifest> manifests;
    private final Cache<ByTag, Tagged> tags;
    private final Cache<ByTag, Believed> believed;
    private final boolean off;
    private final Ticker ticker;
    private final long tagTtl;
    private final long staleIfError;

    /** @param ticker the time in nanoseconds, which nobody can set back */
    ManifestMemory(CacheSettings settings, Ticker ticker) {
        this.off = settings.size() == 0;
        this.ticker = ticker;
        this.tagTtl = settings.tagTtl().toNanos();
        this.staleIfError = settings.staleIfError().toNanos();
        this.manifests = Caffeine.newBuilder()
                .maximumWeight(settings.size())
                .weigher((ByDigest key, KeptManifest kept) -> ENTRY_BYTES + key.plan.weight() + text(kept) + kept.bytes().length)
                .executor(Runnable::run)
                .recordStats()
                .build();
        this.tags = Caffeine.newBuilder()
                .maximumWeight(Math.min(settings.size(), TAGS_BYTES))
                .weigher((ByTag key, Tagged tagged) -> weight(key, tagged))
                .ticker(ticker)
                .expireAfterWrite(Duration.ofNanos(tagTtl + staleIfError))
                .executor(Runnable::run)
                .recordStats()
                .build();
        this.believed = Caffeine.newBuilder()
                .maximumWeight(Math.min(settings.size(), TAGS_BYTES))
                .weigher((ByTag key, Believed stale) -> weight(key, stale.tagged))
                .ticker(ticker)
                .expireAfterWrite(settings.tagTtl())
                .executor(Runnable::run)
                .build();
    }

    private static int weight(ByTag key, Tagged tagged) {
        return ENTRY_BYTES + key.plan.weight() + key.tag.value().length() + (key.accept == null ? 0 : key.accept.length()) + text(tagged.withoutBytes);
    }

    private static int text(KeptManifest kept) {
        return kept.digest().value().length() + kept.etag().length() + (kept.type() == null ? 0 : kept.type().length());
    }

    /** Has it measured how much is kept. */
    void measure(Metrics metrics) {
        metrics.cache("manifests", manifests);
        metrics.cache("tags", tags);
    }

    /** Returns what may be answered without asking a registry; null for nothing. */
    KeptManifest fresh(CacheKey key) {
        if (key.reference() instanceof Digest digest) {
            return manifests.getIfPresent(new ByDigest(key.plan(), digest));
        }
        Tagged tagged = tags.getIfPresent(ByTag.of(key));
        return tagged != null && ticker.read() - tagged.checked < tagTtl ? whole(key, tagged) : null;
    }

    /** Returns what the tag meant when it was last asked for, if that is not too long ago; null for nothing. */
    KeptManifest last(CacheKey key) {
        Tagged tagged = key.reference() instanceof Digest ? null : tags.getIfPresent(ByTag.of(key));
        return tagged == null ? null : whole(key, tagged);
    }

    /**
     * Returns what the tag meant when it was last asked for, by a plan with the same targets in whichever order: for use when no registry can
     * tell what it means now. Null for nothing. Reads all tags where the plan's own entry is missing.
     */
    KeptManifest stale(CacheKey key) {
        Tagged last = lastTagged(key);
        return last == null ? null : whole(key, last);
    }

    private Tagged lastTagged(CacheKey key) {
        Tagged own = key.reference() instanceof Digest ? null : tags.getIfPresent(ByTag.of(key));
        if (own != null && whole(key, own) != null || key.reference() instanceof Digest || key.plan().targets().size() < 2) {
            return own;
        }
        ByTag wanted = ByTag.of(key);
        return tags.asMap().entrySet().stream().filter(entry -> entry.getKey().tag.equals(wanted.tag)
                        && Objects.equals(entry.getKey().accept, wanted.accept) && entry.getKey().plan.hasTargetsOf(wanted.plan))
                .max(Comparator.comparingLong(entry -> entry.getValue().checked - ticker.read()))
                .map(Map.Entry::getValue).orElse(null);
    }

    /**
     * Believes what {@link #stale} returns for as long as a tag is believed, so that a registry in trouble is not asked by each client.
     *
     * @param most the registry may be asked again after this time; null if it has named none
     */
    void believeStale(CacheKey key, Duration most) {
        Tagged last = lastTagged(key);
        long time = most == null ? tagTtl : Math.min(tagTtl, most.toNanos());
        if (last != null && time > 0) {
            // No longer than it may be served at all.
            long left = last.checked + tagTtl + staleIfError - ticker.read();
            believed.put(ByTag.of(key), new Believed(last, ticker.read() + Math.min(time, left)));
        }
    }

    /** Returns what a tag meant last, as long as that is believed without asking; null for nothing. */
    KeptManifest believedStale(CacheKey key) {
        Believed stale = key.reference() instanceof Digest ? null : believed.getIfPresent(ByTag.of(key));
        return stale == null || stale.until - ticker.read() <= 0 ? null : whole(key, stale.tagged);
    }

    /**
     * Returns what is kept of a manifest, whatever clients accept. The look has no effect on what is kept, nor on its counts. Reads all tags.
     *
     * @param reference a tag or digest
     */
    List<Remembered> remembered(Plan plan, Reference reference) {
        if (reference instanceof Digest digest) {
            KeptManifest kept = manifests.policy().getIfPresentQuietly(new ByDigest(plan, digest));
            return kept == null ? List.of() : List.of(new Remembered(Remembered.State.FRESH, null, null, kept.digest().value(), kept.registry(), null));
        }
        List<Remembered> found = new ArrayList<>(1);
        tags.asMap().forEach((key, tagged) -> {
            KeptManifest kept = tagged.withoutBytes;
            // Without its bytes it can answer a HEAD only.
            if (key.tag.equals(reference) && key.plan.equals(plan) && manifests.policy().getIfPresentQuietly(new ByDigest(plan, kept.digest())) != null) {
                long age = ticker.read() - tagged.checked;
                boolean fresh = age < tagTtl;
                found.add(new Remembered(fresh ? Remembered.State.FRESH : Remembered.State.STALE, Duration.ofNanos(age),
                        Duration.ofNanos(Math.max(0, (fresh ? tagTtl : tagTtl + staleIfError) - age)), kept.digest().value(), kept.registry(), key.accept));
            }
        });
        return found;
    }

    /** Returns whether a tag that could not be asked for may still be answered with what it meant last. */
    boolean mayBeStale() {
        return staleIfError > 0;
    }

    private KeptManifest whole(CacheKey key, Tagged tagged) {
        return key.head() ? tagged.withoutBytes : manifests.getIfPresent(new ByDigest(key.plan(), tagged.withoutBytes.digest()));
    }

    /** Remembers what a registry has just answered. */
    void keep(CacheKey key, KeptManifest manifest) {
        if (off) {
            return;
        }
        if (manifest.bytes() != null) {
            keep(new ByDigest(key.plan(), manifest.digest()), manifest);
        }
        if (!(key.reference() instanceof Digest)) {
            KeptManifest withoutBytes = new KeptManifest(manifest.digest(), manifest.type(), manifest.length(), null, manifest.registry(), manifest.etag());
            tags.put(ByTag.of(key), new Tagged(withoutBytes, ticker.read()));
            believed.invalidate(ByTag.of(key));
        }
    }

    /**
     * Leaves an entry that has the same content as it is. A new copy would live long where the old one has just become garbage, so that each such
     * answer makes work for the collector of old objects, which stops the mirror.
     */
    private void keep(ByDigest key, KeptManifest manifest) {
        KeptManifest kept = manifests.getIfPresent(key);
        if (kept == null || !kept.hasContentOf(manifest)) {
            manifests.put(key, manifest);
        }
    }

    /**
     * Evicts a pushed or deleted manifest.
     *
     * @param changed the pushed or deleted tags and digests
     * @param deleted whether it is gone, so that neither its bytes are kept nor tags that meant it
     */
    void forget(Plan.Target target, Collection<Reference> changed, boolean deleted) {
        BiPredicate<ByTag, Tagged> affected = (key, tagged) -> key.plan.targets().contains(target)
                && (changed.contains(key.tag) || deleted && changed.contains(tagged.withoutBytes.digest()));
        tags.asMap().entrySet().removeIf(entry -> affected.test(entry.getKey(), entry.getValue()));
        believed.asMap().entrySet().removeIf(entry -> affected.test(entry.getKey(), entry.getValue().tagged));
        if (deleted) {
            manifests.asMap().keySet().removeIf(key -> changed.contains(key.digest) && key.plan.targets().contains(target));
        }
    }

    /** Forgets a manifest that was kept for this key, and what its tag meant. */
    void forget(CacheKey key, Digest digest) {
        forget(key);
        manifests.invalidate(new ByDigest(key.plan(), digest));
    }

    /** Forgets what a tag meant. */
    void forget(CacheKey key) {
        tags.invalidate(ByTag.of(key));
        believed.invalidate(ByTag.of(key));
    }
}
