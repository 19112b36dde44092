package io.mirrorregistry.warm;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/** Bounds how many bytes a second are copied, all copies together. Thread-safe; {@link #take} blocks. */
final class Throttle {

    /** Unused time is credited up to this bound, for the pause between two chunks. */
    private static final long BURST_NANOS = TimeUnit.MILLISECONDS.toNanos(500);
    private static final double SECOND_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final long bytesPerSecond;
    private final LongSupplier bound;
    private final Clock clock;
    /** When the rate allows the next byte, in the clock's nanoseconds. Guarded by this. */
    private long paid;

    /** A clock that tests can control. */
    interface Clock {

        /** Returns nanoseconds since some moment. */
        long nanos();

        void sleep(long nanos) throws InterruptedException;
    }

    private static final class SystemClock implements Clock {

        @Override
        public long nanos() {
            return System.nanoTime();
        }

        @Override
        public void sleep(long nanos) throws InterruptedException {
            TimeUnit.NANOSECONDS.sleep(nanos);
        }
    }

    /**
     * @param bytesPerSecond 0 for no limit
     * @param bound returns a lower limit while clients need the processors; 0 for none
     */
    Throttle(long bytesPerSecond, LongSupplier bound) {
        this(bytesPerSecond, bound, new SystemClock());
    }

    Throttle(long bytesPerSecond, LongSupplier bound, Clock clock) {
        this.bytesPerSecond = bytesPerSecond;
        this.bound = bound;
        this.clock = clock;
        this.paid = clock.nanos();
    }

    /** Waits until this number of bytes may be copied. */
    void take(int bytes) throws InterruptedException {
        long rate = rate();
        if (rate > 0) {
            long wait = reserve(bytes, rate);
            if (wait > 0) {
                clock.sleep(wait);
            }
        }
    }

    private long rate() {
        long lower = bound.getAsLong();
        return lower == 0 || bytesPerSecond != 0 && bytesPerSecond < lower ? bytesPerSecond : lower;
    }

    private synchronized long reserve(int bytes, long rate) {
        long now = clock.nanos();
        if (now - BURST_NANOS - paid > 0) {
            paid = now - BURST_NANOS;
        }
        long wait = paid - now;
        paid += (long) (bytes * SECOND_NANOS / rate);
        return wait;
    }
}
