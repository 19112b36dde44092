package io.mirrorregistry.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.mirrorregistry.warm.queue.State;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class WarmMetricsTest {

    private final PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final Metrics metrics = new Metrics(meters);
    private double oldest = Double.NaN;

    @AfterEach
    void stop() {
        metrics.close();
    }

    private List<String> lines() {
        return meters.scrape().lines().filter(line -> line.startsWith("mirror_warm_")).sorted().toList();
    }

    @Test
    void nothingIsMeasuredWhileNothingIsCopied() {
        assertEquals(List.of(), lines());
    }

    @Test
    void theQueueIsShownAsItWasReadLast() {
        metrics.warm(new Metrics.WarmFigures() {
            @Override
            public double items(State state) {
                return state.ordinal();
            }

            @Override
            public double oldestSeconds() {
                return oldest;
            }

            @Override
            public long dropped() {
                return 7;
            }

            @Override
            public boolean isStoreUp() {
                return oldest > 0;
            }
        });
        // Nothing but the meters keeps the figures.
        System.gc();
        assertTrue(lines().containsAll(List.of("mirror_warm_oldest_seconds NaN", "mirror_warm_store_up 0.0", "mirror_warm_dropped_total 7.0")), () -> lines().toString());
        oldest = 90.5;
        assertEquals(List.of("mirror_warm_dropped_total 7.0",
                "mirror_warm_items{state=\"cancelled\"} 5.0",
                "mirror_warm_items{state=\"done\"} 2.0",
                "mirror_warm_items{state=\"failed\"} 4.0",
                "mirror_warm_items{state=\"partial\"} 3.0",
                "mirror_warm_items{state=\"running\"} 1.0",
                "mirror_warm_items{state=\"waiting\"} 0.0",
                "mirror_warm_oldest_seconds 90.5", "mirror_warm_store_up 1.0"), lines());
    }

    @Test
    void bytesAreCountedByRegistryAndFailuresByReason() {
        metrics.copied("cold", 1000);
        metrics.copied("cold", 24);
        metrics.copied("far", 1);
        metrics.copyFailed("throttled");
        metrics.copyFailed("throttled");
        assertEquals(List.of("mirror_warm_bytes_total{registry=\"cold\"} 1024.0", "mirror_warm_bytes_total{registry=\"far\"} 1.0",
                "mirror_warm_failures_total{reason=\"throttled\"} 2.0"), lines());
    }
}
