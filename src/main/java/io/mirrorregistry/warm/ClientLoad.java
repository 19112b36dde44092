package io.mirrorregistry.warm;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;

/**
 * Limits copying while clients need the processors: when clients send many requests and the load is above {@link #HIGH}, the limit is {@link #LEAST_BYTES}. It
 * stays there until {@link #HOLD} measurements were calm, because the requests of clients come in groups. Then it doubles each second until copying needs no limit.
 * {@link #measure} is for one thread, the other methods for any.
 */
final class ClientLoad {

    static final long MEASURE_MILLIS = 250;
    /** Copying at this rate takes less than one hundredth of a processor, at the mirror and at registries of the same machine together. */
    static final long LEAST_BYTES = 1024 * 1024;
    private static final long MOST_BYTES = 512L * 1024 * 1024;
    /** The load of all processors that this process may use, from 0 to 1. */
    private static final double HIGH = 0.65;
    private static final double LOW = 0.4;
    /** How many requests between two measurements are many. */
    private static final long MANY = 25;
    /** How many calm measurements, those with few requests or a low load, keep the limit: five seconds. */
    private static final int HOLD = 20;
    /** How many more double it: one second. */
    private static final int STEP = 4;

    private final LongSupplier requests;
    private final DoubleSupplier load;
    private long before;
    private int calm;
    private volatile long limit;

    /** @param requests returns how many requests clients have made so far */
    ClientLoad(LongSupplier requests) {
        this(requests, ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())::getCpuLoad);
    }

    /** @param load returns the load of the processors since its last call */
    ClientLoad(LongSupplier requests, DoubleSupplier load) {
        this.requests = requests;
        this.load = load;
    }

    /** Measures the load since the last call, and adapts the limit. */
    void measure() {
        long now = requests.getAsLong();
        double current = load.getAsDouble();
        boolean many = now - before >= MANY;
        before = now;
        if (many && current > HIGH) {
            limit = LEAST_BYTES;
            calm = 0;
        } else if (limit != 0 && (!many || current < LOW)) {
            calm++;
            if (calm == HOLD + STEP) {
                limit = limit >= MOST_BYTES ? 0 : 2 * limit;
                calm = HOLD;
            }
        }
    }

    /** Returns how many bytes a second may be copied; 0 for no limit. */
    long limit() {
        return limit;
    }

    /** Returns whether clients need the processors, or have needed them some seconds ago. */
    boolean isHigh() {
        return limit == LEAST_BYTES;
    }
}
