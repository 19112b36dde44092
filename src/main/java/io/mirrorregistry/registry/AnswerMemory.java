package io.mirrorregistry.registry;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.camel.Exchange;

/**
 * Bounds the memory that registries' answers take together, from when they are read until the client has them: two hundred
 * manifests of 4 MiB at a time would be more than a small mirror has.
 */
public final class AnswerMemory {

    private static final int UNIT_BYTES = 1024;
    private static final long LEAST_BYTES = 2L * 2 * Registry.MOST_BYTES;
    private static final int PATIENCE_SECONDS = 2;

    private final Semaphore free;

    /** @param bytes how many they may take together */
    public AnswerMemory(long bytes) {
        free = new Semaphore((int) Math.min(Integer.MAX_VALUE, Math.max(LEAST_BYTES, bytes) / UNIT_BYTES), true);
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

    /** What one exchange has of it. */
    public final class Share implements AutoCloseable {

        private static final String PROPERTY = "mirror.memory";

        private int taken;

        private Share() {
        }

        /** Returns the exchange's share; null where it did not come from a client. */
        static Share of(Exchange exchange) {
            return exchange.getProperty(PROPERTY, Share.class);
        }

        /** Takes some more, and waits a while if others have it all. Returns whether it was to be had. */
        synchronized boolean take(int bytes) {
            try {
                if (free.tryAcquire(units(bytes), PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                    taken += units(bytes);
                    return true;
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return false;
        }

        /** Gives some back. */
        synchronized void giveBack(int bytes) {
            int units = Math.min(taken, bytes / UNIT_BYTES);
            taken -= units;
            free.release(units);
        }

        /** Gives all back. */
        @Override
        public synchronized void close() {
            free.release(taken);
            taken = 0;
        }
    }
}
