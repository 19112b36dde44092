package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The bound of bytes a second, by a clock that only sleep moves. */
class ThrottleTest {

    private static final int BUFFER = 64 * 1024;

    private long now = Long.MAX_VALUE - 1000;
    private long bound;
    private final Throttle.Clock clock = new Throttle.Clock() {
        @Override
        public long nanos() {
            return now;
        }

        @Override
        public void sleep(long nanos) {
            assertTrue(nanos > 0);
            now += nanos;
        }
    };

    private double seconds(Throttle throttle, long bytes) throws InterruptedException {
        long began = now;
        for (long taken = 0; taken < bytes; taken += BUFFER) {
            throttle.take(BUFFER);
        }
        return (now - began) / (double) TimeUnit.SECONDS.toNanos(1);
    }

    @Test
    void keepsTheRate() throws InterruptedException {
        Throttle throttle = new Throttle(1_000_000, () -> bound, clock);

        assertEquals(100, seconds(throttle, 100_000_000), 0.5);
    }

    @Test
    void idleTimeIsHalfASecondOfCreditAtMost() throws InterruptedException {
        Throttle throttle = new Throttle(1_000_000, () -> bound, clock);
        throttle.take(BUFFER);
        now += TimeUnit.HOURS.toNanos(1);

        assertEquals(9.5, seconds(throttle, 10_000_000), 0.1);
    }

    @Test
    void doesNotWaitWithoutALimit() throws InterruptedException {
        assertEquals(0, seconds(new Throttle(0, () -> bound, clock), 100_000_000));
    }

    @Test
    void stepsBackWhileClientsNeedTheProcessors() throws InterruptedException {
        bound = 4_000_000;

        assertEquals(10, seconds(new Throttle(0, () -> bound, clock), 40_000_000), 0.2);
        assertEquals(10, seconds(new Throttle(100_000_000, () -> bound, clock), 40_000_000), 0.2);
        assertEquals(10, seconds(new Throttle(100_000, () -> bound, clock), 1_000_000), 0.8);
    }

    /** Copies that share the bound: each waits for the others' bytes as well. */
    @Test
    void boundsAllCopiesTogether() throws InterruptedException {
        Throttle throttle = new Throttle(1_000_000, () -> bound, clock);

        assertEquals(20, seconds(throttle, 10_000_000) + seconds(throttle, 10_000_000), 0.25);
    }
}
