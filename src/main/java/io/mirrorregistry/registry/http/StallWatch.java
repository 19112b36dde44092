package io.mirrorregistry.registry.http;

import io.mirrorregistry.registry.Deadlines;
import java.time.Duration;
import java.util.function.LongConsumer;

/**
 * Looks now and then whether one thread is held up by the other side of a connection. That thread calls {@link #enters} and {@link #leaves}; the
 * thread of all deadlines looks.
 */
final class StallWatch {

    private static final Duration SHORTEST = Duration.ofMillis(20);
    private static final Duration LONGEST = Duration.ofSeconds(1);
    /** A time without a byte is noticed so much late at most: an eighth of it. */
    private static final int LOOKS = 8;

    private final Duration interval;
    private final LongConsumer heldUp;
    /** When the thread was last held up, as {@link System#nanoTime}; 0 while it is not. */
    private volatile long since;
    private volatile boolean over;
    private volatile Deadlines.Deadline next;

    /**
     * @param patience the time without a byte that matters
     * @param heldUp is given the nanoseconds for which the thread has been held up; must not block
     */
    StallWatch(Duration patience, LongConsumer heldUp) {
        Duration part = patience.dividedBy(LOOKS);
        this.interval = part.compareTo(SHORTEST) < 0 ? SHORTEST : part.compareTo(LONGEST) > 0 ? LONGEST : part;
        this.heldUp = heldUp;
    }

    void start() {
        next = Deadlines.set(interval, this::look);
    }

    void stop() {
        over = true;
        next.run();
    }

    /** Says that from now on the other side may hold this thread up. */
    void enters() {
        long now = System.nanoTime();
        since = now == 0 ? 1 : now;
    }

    /** Says that the other side has taken what it was given. */
    void leaves() {
        since = 0;
    }

    private void look() {
        if (over) {
            return;
        }
        long began = since;
        if (began != 0) {
            heldUp.accept(System.nanoTime() - began);
        }
        // Perhaps stopped meanwhile: then the next look does nothing.
        start();
    }
}
