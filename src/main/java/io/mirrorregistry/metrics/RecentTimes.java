package io.mirrorregistry.metrics;

import java.util.Arrays;

/**
 * A histogram of times for each column of {@link RecentPulls}, whose lock guards it. A bucket is an eighth of a power of two wide, so that
 * a percentile is at most an eighth too high. The buckets reach from 0.07 ms to about a minute; shorter and longer times are in the first and the last.
 */
final class RecentTimes {

    /** 2^16 ns are 0.066 ms. */
    private static final int LEAST_EXPONENT = 16;
    private static final int EXPONENTS = 20;
    private static final int BITS = 3;
    private static final int BUCKETS = EXPONENTS << BITS;
    private static final double NANOS_A_MILLISECOND = 1e6;

    private final int[][] counts;

    RecentTimes(int columns) {
        this.counts = new int[columns][BUCKETS];
    }

    void add(int column, long nanos) {
        counts[column][bucket(nanos)]++;
    }

    void clear(int column) {
        Arrays.fill(counts[column], 0);
    }

    /**
     * Returns the milliseconds that such a share of the times do not exceed; null where there are no times.
     *
     * @param share such as 0.99
     * @param columns the columns whose times count
     */
    Double percentile(double share, int... columns) {
        int[] sums = new int[BUCKETS];
        long total = 0;
        for (int column : columns) {
            for (int i = 0; i < BUCKETS; i++) {
                sums[i] += counts[column][i];
                total += counts[column][i];
            }
        }
        if (total == 0) {
            return null;
        }
        long left = (long) Math.ceil(share * total);
        int bucket = 0;
        for (left -= sums[0]; left > 0; left -= sums[bucket]) {
            bucket++;
        }
        return end(bucket);
    }

    private static int bucket(long nanos) {
        int exponent = Long.SIZE - 1 - Long.numberOfLeadingZeros(nanos | 1);
        if (exponent < LEAST_EXPONENT) {
            return 0;
        }
        int eighth = (int) (nanos >>> exponent - BITS) & (1 << BITS) - 1;
        return Math.min((exponent - LEAST_EXPONENT << BITS) + eighth, BUCKETS - 1);
    }

    private static double end(int bucket) {
        long eighths = (1 << BITS) + (bucket & (1 << BITS) - 1) + 1;
        return (eighths << LEAST_EXPONENT - BITS + (bucket >> BITS)) / NANOS_A_MILLISECOND;
    }
}
