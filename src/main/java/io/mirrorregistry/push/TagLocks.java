package io.mirrorregistry.push;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Tag;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Lets one push at a time set a tag that may not be overwritten: between the look at the tag and the push, another one could set it. Other mirrors are not
 * kept from that. Guarded by this object.
 */
final class TagLocks {

    private record Key(Plan.Target target, Tag tag) {
    }

    private final Set<Key> taken = new HashSet<>();

    /** Tags that are locked, until it is closed. */
    interface Lock extends AutoCloseable {

        @Override
        void close();
    }

    /**
     * Waits until nobody has one of the tags, and takes all of them.
     *
     * @param nanos how long to wait at most
     * @return null at the end of that time
     */
    Lock take(Plan.Target target, List<Tag> tags, long nanos) {
        List<Key> keys = tags.stream().map(tag -> new Key(target, tag)).toList();
        long end = System.nanoTime() + nanos;
        synchronized (this) {
            while (keys.stream().anyMatch(taken::contains)) {
                long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
                if (left <= 0) {
                    return null;
                }
                try {
                    wait(left);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new IllegalStateException("interrupted while waiting for a tag", e);
                }
            }
            taken.addAll(keys);
        }
        return () -> release(keys);
    }

    private synchronized void release(List<Key> keys) {
        taken.removeAll(keys);
        notifyAll();
    }
}
