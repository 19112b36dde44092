package io.mirrorregistry.warm;

import io.mirrorregistry.protocol.Tag;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongSupplier;

/**
 * How far this mirror has read an entry of a list, and when it reads the entry next. After a failure the next attempt continues with the following tag;
 * the tag that failed is read last. Used by one thread.
 */
final class EntryProgress {

    /** The delay after the first failure. Each further failure doubles it, up to the time between two readings of the entry. */
    private static final Duration FIRST_DELAY = Duration.ofMinutes(1);
    private static final int MOST_DOUBLINGS = 16;

    private final Duration every;
    private final LongSupplier nanos;
    /** Whether the entry is due is not known before this time. */
    private long next;
    private int failures;
    /** The tags that are not read yet. */
    private Deque<Tag> rest = new ArrayDeque<>();
    /** Null if the tags of the entry have to be chosen. */
    private Long chosenAt;
    private final List<Tag> missing = new ArrayList<>();
    private int tags;
    private int queued;

    /**
     * @param every the time between two readings
     * @param nanos the clock, as {@link System#nanoTime}
     */
    EntryProgress(Duration every, LongSupplier nanos) {
        this.every = every;
        this.nanos = nanos;
        this.next = nanos.getAsLong();
    }

    /** Returns whether the entry may be due. */
    boolean mayBeDue() {
        return nanos.getAsLong() - next >= 0;
    }

    /** Notes that the entry is due after a delay. Tags that were not read yet are forgotten. */
    void dueIn(Duration delay) {
        next = nanos.getAsLong() + delay.toNanos();
        failures = 0;
        forget();
    }

    /** Forgets which tags were chosen, so that the next attempt chooses them again and begins with the first. */
    void forget() {
        chosenAt = null;
        rest = new ArrayDeque<>();
    }

    /** Returns how many tags are not read yet. */
    int remaining() {
        return rest.size();
    }

    /**
     * Notes that the reading failed.
     *
     * @return whether it is the first failure since the last complete reading
     */
    boolean failed() {
        if (!rest.isEmpty()) {
            rest.add(rest.remove());
        }
        long delay = FIRST_DELAY.toNanos() << Math.min(failures, MOST_DOUBLINGS);
        next = nanos.getAsLong() + Math.min(delay, every.toNanos());
        failures++;
        return failures == 1;
    }

    /** Returns whether the tags have to be chosen: they were never chosen, or so long ago that the registry may have others now. */
    boolean wantsTags() {
        return chosenAt == null || nanos.getAsLong() - chosenAt >= every.toNanos();
    }

    /** Begins to read these tags: first the tags that the last reading did not reach. */
    void begin(List<Tag> chosen) {
        Set<Tag> ordered = new LinkedHashSet<>(rest);
        ordered.retainAll(Set.copyOf(chosen));
        ordered.addAll(chosen);
        rest = new ArrayDeque<>(ordered);
        chosenAt = nanos.getAsLong();
        missing.clear();
        tags = rest.size();
        queued = 0;
    }

    /** Returns the tag that is read next; null for none. */
    Tag tag() {
        return rest.peek();
    }

    /** Notes that the tag has been read, and whether it was queued. */
    void read(boolean wasQueued) {
        rest.remove();
        queued += wasQueued ? 1 : 0;
    }

    /** Notes that no source has the tag, which has been read. */
    void missing(Tag tag) {
        missing.add(tag);
    }

    /** Returns the tags that no source has. */
    List<Tag> missing() {
        return missing;
    }

    /** Returns how many tags the entry has. */
    int tags() {
        return tags;
    }

    /** Returns how many of them were queued. */
    int queued() {
        return queued;
    }
}
