package io.mirrorregistry.warm;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.KeptManifest;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.warm.queue.CopyRequest;
import io.mirrorregistry.warm.queue.Origin;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Counts the pulls of images that a registry other than the destination served, and hands an image over once it was pulled often enough. For any thread;
 * nothing blocks.
 */
final class Demand {

    /** An image that is not pulled for this time, or that was handed over so long ago, is counted from zero again. */
    private static final Duration REMEMBERED = Duration.ofHours(24);
    private static final int MOST_IMAGES = 10_000;
    /** After this time, an image that the destination does not have is handed over again: the destination may have lost it. */
    private static final long AGAIN_NANOS = Duration.ofMinutes(10).toNanos();
    /** An image with more tags forgets those that were handed over: the queue has them. */
    private static final int MOST_TAGS = 4;

    private final String destination;
    private final int after;
    private final Inbox inbox;
    private final Cache<Key, Image> images = Caffeine.newBuilder().expireAfterAccess(REMEMBERED).maximumSize(MOST_IMAGES).executor(Runnable::run)
            .removalListener(this::forgotten).build();
    /** How many images of a digest, in different repositories, wait for another pull. Repeated pulls are many: those of other digests end here. */
    private final Map<Digest, Integer> waiting = new ConcurrentHashMap<>();

    private record Key(Plan.Target there, Digest digest) {
    }

    /** The pulls of one image. Its lock guards all fields. */
    private static final class Image {

        private final String name;
        private final List<Plan.Target> sources;
        private int pulls;
        private Set<Tag> tags = Set.of();
        private Set<Tag> handedOverTags = Set.of();
        private boolean handedOver;
        private long handedOverAt;
        private boolean waits;
        private boolean forgotten;

        private Image(String name, List<Plan.Target> sources) {
            this.name = name;
            this.sources = sources;
        }

        /** Returns whether the image, or one of its tags, was not handed over. */
        private boolean isNew() {
            return !handedOver || tags != handedOverTags;
        }

        private synchronized boolean has(Tag tag) {
            return tag == null || tags.contains(tag);
        }

        private void add(Tag tag) {
            if (!tags.contains(tag)) {
                Tag[] more = isNew() || tags.size() < MOST_TAGS ? tags.toArray(new Tag[tags.size() + 1]) : new Tag[1];
                more[more.length - 1] = tag;
                tags = Set.of(more);
            }
        }
    }

    /**
     * @param destination the name of the registry
     * @param after the number of pulls
     * @param inbox gets the images. While it is full, no pull is counted
     */
    Demand(String destination, int after, Inbox inbox) {
        this.destination = destination;
        this.after = after;
        this.inbox = inbox;
    }

    /** Counts the pull of a manifest that a registry has just sent. A HEAD does not count; its tag is copied when the image is pulled by digest. */
    void served(Pull pull, KeptManifest manifest) {
        Plan.Target there = there(pull, manifest);
        Plan.Target from = there == null ? null : pull.plan().at(manifest.registry());
        if (from == null) {
            return;
        }
        Tag tag = pull.request().path().reference() instanceof Tag given && pull.isLackedBefore(manifest.registry(), destination) ? given : null;
        Key key = new Key(there, manifest.digest());
        Image image = known(key);
        if (inbox.isFull()) {
            if (!pull.head() && (image == null || !image.has(tag))) {
                inbox.drop();
            }
            return;
        }
        image = image != null ? image : images.get(key, ignored -> new Image(name(pull), sources(pull)));
        synchronized (image) {
            if (tag != null) {
                image.add(tag);
            }
            if (!pull.head()) {
                count(there, manifest.digest(), image, true);
            }
            setWaits(manifest.digest(), image);
        }
    }

    /** Returns the image, if it was counted before. The cache does not note the use of an image that was handed over: that would take longer than all else here. */
    private Image known(Key key) {
        Image image = images.policy().getIfPresentQuietly(key);
        return image == null || !waiting.containsKey(key.digest()) ? image : images.getIfPresent(key);
    }

    /** Counts the pull of a manifest that the mirror had in memory, if it has counted the image before. */
    void recalled(Pull pull, KeptManifest manifest) {
        Plan.Target there = !waiting.containsKey(manifest.digest()) || pull.head() ? null : there(pull, manifest);
        Image image = there == null || inbox.isFull() ? null : known(new Key(there, manifest.digest()));
        if (image != null) {
            synchronized (image) {
                count(there, manifest.digest(), image, false);
                setWaits(manifest.digest(), image);
            }
        }
    }

    /** Keeps whether the image is handed over by one of the next pulls. Called with the image's lock. */
    private void setWaits(Digest digest, Image image) {
        boolean waits = !image.forgotten && image.isNew();
        if (waits != image.waits) {
            image.waits = waits;
            waiting.merge(digest, waits ? 1 : -1, (before, more) -> before + more == 0 ? null : before + more);
        }
    }

    private void forgotten(Key key, Image image, RemovalCause cause) {
        synchronized (image) {
            image.forgotten = true;
            setWaits(key.digest(), image);
        }
    }

    private Plan.Target there(Pull pull, KeptManifest manifest) {
        Plan.Target there = manifest.registry().equals(destination) || pull.plan() == null ? null : pull.plan().at(destination);
        return there == null || there.name() == null ? null : there;
    }

    private static String name(Pull pull) {
        String repository = pull.request().path().repository().value();
        return pull.givenNamespace() == null ? repository : pull.givenNamespace() + "/" + repository;
    }

    /** Returns the sources in the order of the plan: tags are resolved in this order. */
    private List<Plan.Target> sources(Pull pull) {
        return List.copyOf(pull.plan().targets().stream().filter(target -> !target.registry().equals(destination) && target.name() != null).toList());
    }

    /** @param fresh whether registries were asked, so that the destination does not have the image */
    private void count(Plan.Target there, Digest digest, Image image, boolean fresh) {
        image.pulls += image.pulls < after ? 1 : 0;
        boolean due = image.isNew() || fresh && System.nanoTime() - image.handedOverAt > AGAIN_NANOS;
        if (image.pulls < after || !due) {
            return;
        }
        image.handedOver = true;
        image.handedOverAt = System.nanoTime();
        image.handedOverTags = image.tags;
        String shown = image.name + (image.tags.size() == 1 ? ":" + image.tags.iterator().next() : "@" + digest);
        inbox.offer(new CopyRequest(there, digest, image.tags, shown, image.sources, List.of(), Origin.PULL));
    }
}
