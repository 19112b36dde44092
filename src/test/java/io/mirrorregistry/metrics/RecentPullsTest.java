package io.mirrorregistry.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class RecentPullsTest {

    private final AtomicLong now = new AtomicLong(TimeUnit.SECONDS.toNanos(1_000));
    private final RecentPulls recent = new RecentPulls(List.of("hot", "cold"), now::get);

    private List<Integer> hot() {
        return recent.counts().get("hot");
    }

    private void pass(int seconds) {
        now.addAndGet(TimeUnit.SECONDS.toNanos(seconds));
    }

    private int all() {
        return hot().stream().mapToInt(count -> count).sum();
    }

    @Test
    void countsGoToTheLeftAndLeaveAfterTenMinutes() {
        recent.served("hot");
        recent.served("hot");
        assertEquals(2, hot().get(59));
        pass(10);
        recent.served("hot");
        assertEquals(List.of(2, 1), hot().subList(58, 60));
        pass(580);
        assertEquals(List.of(2, 1), hot().subList(0, 2));
        pass(10);
        assertEquals(1, hot().get(0));
        pass(10);
        assertEquals(0, all());
    }

    @Test
    void aNightWithoutPullsLeavesNothing() {
        recent.served("hot");
        pass(8 * 3600 + 7);
        assertEquals(0, all());
        recent.served("hot");
        assertEquals(1, all());
    }

    @Test
    void fallbacksAreTheLastTwentyNewestFirst() {
        for (int i = 0; i < 30; i++) {
            recent.fellBack("/v2/app" + i, "hot", "outage", "x".repeat(2000));
            pass(1);
        }
        assertEquals(20, recent.fallbacks().size());
        assertEquals("/v2/app29", recent.fallbacks().get(0).path());
        assertEquals(1, recent.fallbacks().get(0).secondsAgo());
        assertEquals("/v2/app10", recent.fallbacks().get(19).path());
        assertEquals(20, recent.fallbacks().get(19).secondsAgo());
        assertEquals(513, recent.fallbacks().get(0).message().length());
    }
}
