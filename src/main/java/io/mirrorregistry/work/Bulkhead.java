package io.mirrorregistry.work;

import java.time.Duration;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Bounds how many calls, or streams, run at a time. Where all places are taken, a request may wait for its turn; it needs no thread while it
 * waits. The request that has arrived first gets the next place, also for its second call, so that a request that has begun ends soon.
 *
 * <p>For any thread. The lock of this object guards {@code free} and {@code waiting}. Futures are completed outside of the lock. A place is either
 * free, or held by one {@link Place}: a place that is given back goes to the first in {@code waiting} whose future is not complete yet.
 */
public final class Bulkhead {

    private final long longestWaitNanos;
    private final Queue<Turn> waiting = new PriorityQueue<>(Comparator.comparingLong((Turn turn) -> turn.since).thenComparingLong(turn -> turn.number));
    private int free;
    private long turns;

    /** What waits for a place. Whoever completes it, it leaves the queue. */
    private static final class Turn extends CompletableFuture<Place> {

        private final long since;
        private final long number;

        private Turn(long since, long number) {
            this.since = since;
            this.number = number;
        }
    }

    /**
     * @param places how many may run at a time
     * @param longestWait how long one may wait for its turn at most
     */
    public Bulkhead(int places, Duration longestWait) {
        this.free = places;
        this.longestWaitNanos = longestWait.toNanos();
    }

    /** Returns a place at once; null where all are taken, or others wait for one. */
    public synchronized Place tryTake() {
        if (free == 0 || !waiting.isEmpty()) {
            return null;
        }
        free--;
        return place();
    }

    /**
     * Waits for a place.
     *
     * @param since when the request arrived, as {@link System#nanoTime}; the earliest is served first
     * @param nanos how long to wait at most; the bulkhead's own bound applies as well
     * @return the place; it fails with a {@link java.util.concurrent.TimeoutException} at the end of the time. Whoever cancels it waits no longer.
     *     It may be completed by any thread, also by one that must not block
     */
    public CompletableFuture<Place> take(long since, long nanos) {
        Turn turn;
        synchronized (this) {
            turn = new Turn(since, turns++);
            if (free > 0 && waiting.isEmpty()) {
                free--;
                turn.complete(place());
                return turn;
            }
            waiting.add(turn);
        }
        turn.orTimeout(Math.max(0, Math.min(nanos, longestWaitNanos)), TimeUnit.NANOSECONDS);
        turn.whenComplete((place, failure) -> {
            if (failure != null) {
                leave(turn);
            }
        });
        return turn;
    }

    private synchronized void leave(Turn turn) {
        waiting.remove(turn);
    }

    private Place place() {
        AtomicBoolean closed = new AtomicBoolean();
        return () -> {
            if (closed.compareAndSet(false, true)) {
                giveBack();
            }
        };
    }

    private void giveBack() {
        Turn next;
        do {
            synchronized (this) {
                next = waiting.poll();
                if (next == null) {
                    free++;
                    return;
                }
            }
        } while (!next.complete(place()));
    }

    /** Returns how many places nobody has. */
    public synchronized int free() {
        return free;
    }

    /** Returns how many wait for a place. */
    public synchronized int waiting() {
        return waiting.size();
    }
}
