package io.mirrorregistry.registry;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.camel.Exchange;

/**
 * Bounds the memory that registries' answers take together, from when they are read until the client has them: two hundred
 * manifests of 4 MiB at a time would be more than a small mirror has. Lists, which take a multiple of their bytes while they are
 * put together, have a bound of their own; the longest are put together one at a time.
 */
public final class AnswerMemory {

    private static final int UNIT_BYTES = 1024;
    private static final long LEAST_BYTES = 2L * 2 * Registry.MOST_BYTES;
    private static final int PATIENCE_SECONDS = 2;
    /** What an entry of a list takes as an object, against what it takes in the answer. */
    private static final int LIST_EXPANSION = 10;

    private final int units;
    private final Semaphore free;
    private final Semaphore freeForLists;

    /** @param bytes how many they may take together, and how many lists */
    public AnswerMemory(long bytes) {
        units = (int) Math.min(Integer.MAX_VALUE / 2, Math.max(LEAST_BYTES, bytes) / UNIT_BYTES);
        free = new Semaphore(units, true);
        freeForLists = new Semaphore(units, true);
    }

    /** Makes a bound for what Java may use besides what is kept. */
    public static AnswerMemory beside(long keptBytes) {
        return new AnswerMemory((Runtime.getRuntime().maxMemory() - keptBytes) / 4);
    }

    /** Gives the exchange a share, which is empty at first. */
    public Share share(Exchange exchange) {
        Share share = new Share();
        exchange.setProperty(Share.PROPERTY, share);
        return share;
    }

    private static int units(int bytes) {
        return (bytes + UNIT_BYTES - 1) / UNIT_BYTES;
    }

    private static boolean take(Semaphore semaphore, int units) {
        try {
            return semaphore.tryAcquire(units, PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** What one exchange has of it. */
    public final class Share implements AutoCloseable {

        private static final String PROPERTY = "mirror.memory";

        private int taken;
        /** What the lists take as they are known, and what of it was taken: at most all there is. */
        private int listed;
        private int takenForLists;

        private Share() {
        }

        /** Returns the exchange's share; null where it did not come from a client. */
        public static Share of(Exchange exchange) {
            return exchange.getProperty(PROPERTY, Share.class);
        }

        /** Takes some more, and waits a while if others have it all. Returns whether it was to be had. */
        public synchronized boolean take(int bytes) {
            boolean got = AnswerMemory.take(free, units(bytes));
            if (got) {
                taken += units(bytes);
            }
            return got;
        }

        /** Gives some back. */
        synchronized void giveBack(int bytes) {
            int units = Math.min(taken, bytes / UNIT_BYTES);
            taken -= units;
            free.release(units);
        }

        /** Takes what a list, or a page of one, may need that has at most so many bytes; waits as {@link #take}. */
        synchronized boolean takeForList(int mostBytes) {
            int more = Math.min(units - takenForLists, units(mostBytes) * LIST_EXPANSION);
            boolean got = AnswerMemory.take(freeForLists, more);
            if (got) {
                takenForLists += more;
            }
            return got;
        }

        /** Keeps of it what the list needs, now that its bytes are known. Returns whether so much there may be. */
        synchronized boolean keepForList(int bytes) {
            listed = Math.min(Integer.MAX_VALUE / 2, listed + units(bytes) * LIST_EXPANSION);
            int over = Math.max(0, takenForLists - listed);
            takenForLists -= over;
            freeForLists.release(over);
            // The longest lists are alone with all there is, and half as much again.
            return listed <= units + units / 2;
        }

        /** Gives back what lists took. */
        public synchronized void giveBackLists() {
            freeForLists.release(takenForLists);
            takenForLists = 0;
            listed = 0;
        }

        /** Gives all back. */
        @Override
        public synchronized void close() {
            giveBackLists();
            free.release(taken);
            taken = 0;
        }
    }
}
