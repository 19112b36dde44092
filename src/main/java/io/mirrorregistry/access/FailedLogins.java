package io.mirrorregistry.access;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Counts failed logins and delays the next ones: two failures are free, then each failure makes the next check wait for 1, 2, 4 … 60 seconds. A count is
 * forgotten 10 minutes after the last failure. Safe for all threads.
 *
 * <p>The number of counts is bounded. Caffeine evicts rarely used counts first, so that a flood of invented users does not evict the count of a user
 * whose password is being guessed.
 */
final class FailedLogins {

    static final int FREE = 2;
    private static final int MOST = 10_000;
    private static final Duration REMEMBERED = Duration.ofMinutes(10);
    private static final int LONGEST_WAIT_SECONDS = 60;
    /** The first power of two above the longest wait. */
    private static final int MOST_DOUBLINGS = 6;

    private final LongSupplier nanos;
    private final Cache<ByteBuffer, Failures> failures;

    /**
     * @param count at least 1
     * @param until when the wait ends, as the clock tells it
     */
    private record Failures(int count, long until) {
    }

    /**
     * @param nanos the clock, {@link System#nanoTime}
     */
    FailedLogins(LongSupplier nanos) {
        this.nanos = nanos;
        this.failures = Caffeine.newBuilder().maximumSize(MOST).ticker(nanos::getAsLong).expireAfterWrite(REMEMBERED).executor(Runnable::run).build();
    }

    /** Returns how long the next check has to wait; null if it has not to. */
    Duration rest(ByteBuffer login) {
        Failures before = failures.getIfPresent(login);
        long rest = before == null ? 0 : before.until - nanos.getAsLong();
        return rest > 0 ? Duration.ofNanos(rest) : null;
    }

    void add(ByteBuffer login) {
        failures.asMap().compute(login, (same, before) -> {
            int count = before == null ? 1 : before.count + 1;
            return new Failures(count, nanos.getAsLong() + TimeUnit.SECONDS.toNanos(waitSeconds(count)));
        });
    }

    private static int waitSeconds(int count) {
        return count <= FREE ? 0 : Math.min(LONGEST_WAIT_SECONDS, 1 << Math.min(count - FREE - 1, MOST_DOUBLINGS));
    }

    void forget(ByteBuffer login) {
        failures.invalidate(login);
    }
}
