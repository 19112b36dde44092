package soak;

import static soak.Output.now;

/**
 * A time at which a registry had a fault. From {@code easing} on it may answer again, from {@code end} on it surely does;
 * they are 0 before.
 */
final class Period {

    final Fault fault;
    final long begin = now();
    volatile long easing;
    volatile long end;

    Period(Fault fault) {
        this.fault = fault;
    }

    boolean touches(long from, long to) {
        return begin <= to && (end == 0 || end >= from);
    }

    boolean covers(long from, long to) {
        return begin <= from && (easing == 0 || easing >= to);
    }
}
