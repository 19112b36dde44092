package io.mirrorregistry.warm;

import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import io.mirrorregistry.work.FatalErrors;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes items from the queue and copies them, some at a time, each on a thread of its own that pulls do not use.
 *
 * <p>Each copying thread claims an item, copies it and stores how that ended. One more thread renews the leases of all items that are copied. An item
 * that this mirror has lost is cancelled in its {@link CopyProgress}, which the copying thread reads between bytes.
 */
final class Copier {

    private static final Logger LOG = LoggerFactory.getLogger(Copier.class);
    private static final long IDLE_MILLIS = 1000;
    private static final long MOST_END_MILLIS = 1000;

    private final String owner;
    private final String destination;
    private final Store store;
    private final RunningCopies copies;
    private final CopyClients clients;
    private final RegistryPauses pauses;
    private final BooleanSupplier busy;
    private final List<Thread> threads = new ArrayList<>();
    private final Object wake = new Object();
    private volatile boolean closed;
    /** No thread claims an item before this time, as {@link System#nanoTime}. */
    private volatile long idleUntil = System.nanoTime();

    /**
     * @param owner identifies this mirror in the database
     * @param destination the name of the registry to copy to
     * @param busy whether clients need the processors. Then a thread pauses between two items
     */
    Copier(String owner, String destination, Store store, RunningCopies copies, CopyClients clients, RegistryPauses pauses, BooleanSupplier busy) {
        this.owner = owner;
        this.destination = destination;
        this.store = store;
        this.copies = copies;
        this.clients = clients;
        this.pauses = pauses;
        this.busy = busy;
    }

    /** Begins to copy at most {@code parallel} items at a time. */
    void start(int parallel) {
        for (int i = 1; i <= parallel; i++) {
            Thread thread = new Thread(this::work, "warm-" + i);
            thread.setDaemon(true);
            thread.start();
            threads.add(thread);
        }
    }

    /** Lets idle threads claim items now. */
    void wake() {
        idleUntil = System.nanoTime();
        synchronized (wake) {
            wake.notifyAll();
        }
    }

    private void work() {
        while (!closed) {
            try {
                Item item = claim();
                if (item != null) {
                    copies.run(item);
                }
                if (busy.getAsBoolean()) {
                    TimeUnit.MILLISECONDS.sleep(IDLE_MILLIS);
                } else if (item == null) {
                    idle();
                }
            } catch (InterruptedException e) {
                closed = true;
            } catch (StoreAwayException e) {
                idle();
            } catch (RuntimeException | Error e) {
                FatalErrors.check(e);
                LOG.error("A copying thread failed; it continues", e);
                idle();
            }
        }
    }

    /** Returns the next item; null for none. If there is none, no thread claims for a moment: each claim reads all waiting items. */
    private Item claim() throws StoreAwayException {
        if (System.nanoTime() - idleUntil < 0) {
            return null;
        }
        Item item = store.claim(owner, destination, pauses.paused());
        if (item == null) {
            idleUntil = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(IDLE_MILLIS);
        }
        return item;
    }

    private void idle() {
        try {
            synchronized (wake) {
                if (!closed) {
                    wake.wait(IDLE_MILLIS);
                }
            }
        } catch (InterruptedException e) {
            // The mirror is stopping.
            closed = true;
        }
    }

    /** Ends all copies, in about two seconds and the time that the database takes, and gives their items back. */
    void close() {
        closed = true;
        copies.cancelAll();
        wake();
        threads.forEach(Thread::interrupt);
        try {
            join(MOST_END_MILLIS);
            // A thread that waits for a registry does not notice that it is interrupted.
            clients.close();
            join(MOST_END_MILLIS);
            store.release(owner);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (StoreAwayException e) {
            LOG.debug("the items of this mirror are free when their leases end: {}", e.getMessage());
        }
    }

    /** Waits for the end of all threads, at most this time. */
    private void join(long millis) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        for (Thread thread : threads) {
            thread.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime())));
        }
    }
}
