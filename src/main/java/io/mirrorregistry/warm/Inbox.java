package io.mirrorregistry.warm;

import io.mirrorregistry.warm.queue.CopyRequest;
import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.State;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The images that pulls hand over, until they are in the database. While the database is away, they wait here; beyond {@value #MOST} they are dropped and counted.
 * {@link #offer} is for any thread and never blocks; {@link #run} is the one thread that writes.
 */
final class Inbox implements Runnable {

    private static final Logger LOG = LoggerFactory.getLogger(Inbox.class);
    private static final int MOST = 10_000;
    /** How many images are written by one transaction at most. */
    private static final int MOST_AT_ONCE = 20;
    private static final long RETRY_SECONDS = 1;
    /** The pause after each transaction while clients need the processors. */
    private static final long BUSY_MILLIS = 5000;
    /** If another registry serves an image this time after it was copied, the destination has lost it. */
    private static final Duration LOST = Duration.ofMinutes(10);
    /** The same for an image that was copied in part: other registries may serve its other parts. */
    private static final Duration LOST_IN_PART = Duration.ofDays(1);
    private static final long MOST_DRAIN_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final Store store;
    private final Runnable added;
    private final BooleanSupplier busy;
    private final BlockingQueue<CopyRequest> waiting = new LinkedBlockingQueue<>();
    /** How many images wait or are being written. */
    private final AtomicInteger unwritten = new AtomicInteger();
    /** The images that are being written. Guarded by this. */
    private final List<CopyRequest> batch = new ArrayList<>();
    private final AtomicLong dropped = new AtomicLong();

    /**
     * @param added is run when an image is in the database
     * @param busy whether clients need the processors
     */
    Inbox(Store store, Runnable added, BooleanSupplier busy) {
        this.store = store;
        this.added = added;
        this.busy = busy;
    }

    /** Hands an image over. */
    void offer(CopyRequest request) {
        if (unwritten.incrementAndGet() <= MOST) {
            waiting.add(request);
            return;
        }
        unwritten.decrementAndGet();
        drop();
    }

    /** Returns whether the next image would be dropped. */
    boolean isFull() {
        return unwritten.get() >= MOST;
    }

    /** Counts an image that is not handed over. */
    void drop() {
        if (dropped.getAndIncrement() == 0) {
            LOG.warn("Images that are to be copied are dropped: {} wait for the database already", MOST);
        }
    }

    /** Returns how many images were dropped. */
    long dropped() {
        return dropped.get();
    }

    /** Writes until the thread is interrupted. */
    @Override
    public void run() {
        try {
            while (true) {
                hold(waiting.take());
                while (!write()) {
                    TimeUnit.SECONDS.sleep(RETRY_SECONDS);
                }
                if (busy.getAsBoolean()) {
                    TimeUnit.MILLISECONDS.sleep(BUSY_MILLIS);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void hold(CopyRequest request) {
        batch.add(request);
    }

    /** Writes the images of the batch, and of those that wait as many as one transaction takes. Returns false if the database is away. */
    private synchronized boolean write() {
        waiting.drainTo(batch, MOST_AT_ONCE - batch.size());
        try {
            requeueLost(store.add(batch));
        } catch (StoreAwayException e) {
            LOG.debug("{} images wait for the database: {}", batch.size(), e.getMessage());
            return false;
        } catch (RuntimeException e) {
            LOG.debug("the images are queued one by one", e);
            if (!writeEach()) {
                return false;
            }
        }
        unwritten.addAndGet(-batch.size());
        batch.clear();
        added.run();
        return true;
    }

    /** Writes the images one by one, and drops those that the database does not take. */
    private boolean writeEach() {
        for (CopyRequest request : batch) {
            try {
                requeueLost(List.of(store.add(request, false)));
            } catch (StoreAwayException e) {
                LOG.debug("{} waits for the database: {}", request.image(), e.getMessage());
                return false;
            } catch (RuntimeException e) {
                LOG.error("{} cannot be queued", request.image(), e);
                dropped.incrementAndGet();
            }
        }
        return true;
    }

    /** Lets the images wait again that the destination has lost. */
    private void requeueLost(List<Item> items) throws StoreAwayException {
        for (Item item : items) {
            if (isLost(item)) {
                store.add(item.request(), true);
            }
        }
    }

    /** Returns whether the destination has lost an image that another registry has served. */
    private static boolean isLost(Item item) {
        Duration after = item.state() == State.DONE ? LOST : item.state() == State.PARTIAL ? LOST_IN_PART : null;
        return after != null && item.finished().isBefore(Instant.now().minus(after));
    }

    /** Writes the waiting images, for at most two seconds. Called when the mirror stops, after the thread has ended. */
    void drain() {
        long end = System.nanoTime() + MOST_DRAIN_NANOS;
        boolean up = true;
        while (up && unwritten.get() > 0 && System.nanoTime() < end) {
            up = write();
        }
    }
}
