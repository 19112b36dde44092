package io.mirrorregistry.work;

import io.mirrorregistry.protocol.SizeLimits;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Bounds the memory that registries' answers take together, from when they are read until the client has them: two hundred
 * manifests of 4 MiB at a time would be more than a small mirror has. An eighth is kept for small answers, so that clients who take
 * large ones slowly keep nobody from ordinary manifests. Lists, which take a multiple of their bytes while they are put together, have
 * a bound of their own; the longest are put together one at a time. For any thread.
 */
public final class MemoryBudget {

    private static final int UNIT_BYTES = 1024;
    private static final long LEAST_BYTES = 2L * 2 * SizeLimits.MANIFEST_BYTES;
    private static final int PATIENCE_SECONDS = 2;
    /** What an entry of a list takes as an object, against what it takes in the answer. */
    private static final int LIST_EXPANSION = 10;

    /** Most bytes of a small answer. */
    public static final int SMALL_BYTES = 64 * 1024;
    private static final int SHARE_OF_SMALL = 8;

    private final int units;
    private final Semaphore free;
    /** The part that only small answers get. */
    private final Semaphore freeForSmall;
    /**
     * One permit for each registry: of answers of unknown length beyond {@link #SMALL_BYTES} one is read at a time, since several could each
     * wait for what the others have, and a registry that sends its answer slowly is not to hold up the others.
     */
    private final Map<String, Semaphore> growing = new ConcurrentHashMap<>();
    /** Bodies that clients take slowly, by identity, each charged once however many clients take it. Guarded by itself. */
    private final Map<byte[], Integer> held = new IdentityHashMap<>();
    private final Semaphore freeForLists;

    /** @param bytes how many they may take together, and how many lists */
    public MemoryBudget(long bytes) {
        units = (int) Math.min(Integer.MAX_VALUE / 2, Math.max(LEAST_BYTES, bytes) / UNIT_BYTES);
        int small = units / SHARE_OF_SMALL;
        free = new Semaphore(units - small, true);
        freeForSmall = new Semaphore(small, true);
        freeForLists = new Semaphore(units, true);
    }

    /** Makes a bound for what Java may use besides what is kept. */
    public static MemoryBudget beside(long keptBytes) {
        return new MemoryBudget((Runtime.getRuntime().maxMemory() - keptBytes) / 4);
    }

    /** Returns a new share for one request, which is empty at first. */
    public Share share() {
        return new Share();
    }

    private static int units(int bytes) {
        return (bytes + UNIT_BYTES - 1) / UNIT_BYTES;
    }

    /** Returns the bytes that nobody has, for tests. */
    public long freeBytes() {
        return (long) UNIT_BYTES * (free.availablePermits() + freeForSmall.availablePermits());
    }

    private static boolean take(Semaphore semaphore, int units, long patienceNanos) {
        try {
            return semaphore.tryAcquire(units, patienceNanos, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** What one exchange has of it. */
    public final class Share implements AutoCloseable {

        private int taken;
        private int takenOfSmall;
        private Semaphore grows;
        private final List<byte[]> holds = new ArrayList<>(0);
        /** What the lists take as they are known, and what of it was taken: at most all there is. */
        private int listed;
        private int takenForLists;

        private Long end;

        private Share() {
        }

        /**
         * Lets nothing wait beyond a moment, at which the one who waits has to be done.
         *
         * @param moment as {@link System#nanoTime}
         */
        public synchronized void until(long moment) {
            end = moment;
        }

        /** Returns how long to wait at most, in nanoseconds. */
        private long patience() {
            long most = TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
            return end == null ? most : Math.max(0, Math.min(most, end - System.nanoTime()));
        }

        /** Takes some more, and waits for at most two seconds if others have it all. Returns whether it was to be had. */
        public synchronized boolean take(int bytes) {
            int units = units(bytes);
            if (bytes <= SMALL_BYTES && freeForSmall.tryAcquire(units)) {
                takenOfSmall += units;
                return true;
            }
            boolean got = MemoryBudget.take(free, units, patience());
            if (got) {
                taken += units;
            }
            return got;
        }

        /**
         * Begins to take more for an answer that has turned out to be no small one, whose length is unknown. {@link #grown} ends it.
         * Returns whether that was possible within two seconds.
         */
        public synchronized boolean grow(String registry) {
            Semaphore permit = growing.computeIfAbsent(registry, name -> new Semaphore(1, true));
            grows = MemoryBudget.take(permit, 1, patience()) ? permit : null;
            return grows != null;
        }

        /**
         * Ends what {@link #grow} has begun.
         *
         * @param bytes the length of the whole answer; the rest is given back
         */
        public synchronized void grown(int bytes) {
            if (grows != null) {
                grows.release();
                grows = null;
            }
            keep(bytes);
        }

        /** Gives back all but so many bytes; of a large answer, the part for small answers first. */
        public synchronized void keep(int bytes) {
            int units = units(bytes);
            int keptLarge = Math.min(taken, bytes > SMALL_BYTES ? units : Math.max(0, units - takenOfSmall));
            int keptSmall = Math.min(takenOfSmall, units - keptLarge);
            free.release(taken - keptLarge);
            freeForSmall.release(takenOfSmall - keptSmall);
            taken = keptLarge;
            takenOfSmall = keptSmall;
        }

        /**
         * Charges a large body that is about to be written to a client, unless this share has taken it already. A body that several
         * clients take at a time is charged once. Does not wait, so that it can be called on the event loop.
         *
         * @return false where others have the memory
         */
        public synchronized boolean hold(byte[] body) {
            if (taken + takenOfSmall >= units(body.length)) {
                return true;
            }
            synchronized (held) {
                if (!held.containsKey(body) && !free.tryAcquire(units(body.length))) {
                    return false;
                }
                held.merge(body, 1, Integer::sum);
            }
            holds.add(body);
            return true;
        }

        /** Takes what a list, or a page of one, may need that has at most so many bytes; waits as {@link #take}. */
        public synchronized boolean takeForList(int mostBytes) {
            int more = Math.min(units - takenForLists, units(mostBytes) * LIST_EXPANSION);
            boolean got = MemoryBudget.take(freeForLists, more, patience());
            if (got) {
                takenForLists += more;
            }
            return got;
        }

        /**
         * Takes what a list may need that is built inside this process and has so many bytes as JSON; waits as {@link #take}. Returns
         * whether it was to be had.
         */
        public synchronized boolean takeForBuiltList(int bytes) {
            return takeForList(bytes) && keepForList(bytes);
        }

        /** Keeps of it what the list needs, now that its bytes are known. Returns whether so much there may be. */
        public synchronized boolean keepForList(int bytes) {
            listed = Math.min(Integer.MAX_VALUE / 2, listed + units(bytes) * LIST_EXPANSION);
            int over = Math.max(0, takenForLists - listed);
            takenForLists -= over;
            freeForLists.release(over);
            // A list may use 1.5 times the budget; only one such list is built at a time.
            return listed <= units + units / 2;
        }

        /** Keeps of what lists took only what a list of so many bytes needs: the other entries are dropped. */
        public synchronized void keepOfLists(int bytes) {
            listed = 0;
            keepForList(bytes);
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
            grown(0);
            for (byte[] body : holds) {
                synchronized (held) {
                    if (held.merge(body, -1, (count, less) -> count + less == 0 ? null : count + less) == null) {
                        free.release(units(body.length));
                    }
                }
            }
            holds.clear();
        }
    }
}
