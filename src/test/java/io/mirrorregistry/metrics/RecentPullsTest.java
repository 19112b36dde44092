package io.mirrorregistry.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class RecentPullsTest {

    private final AtomicLong now = new AtomicLong(TimeUnit.SECONDS.toNanos(1_000));
    private final RecentPulls recent = new RecentPulls(List.of("hot", "cold"), now::get);

    private List<Integer> hot() {
        return recent.snapshot().servers().get("hot");
    }

    private void served() {
        recent.pulled("hot", true, Outcome.SERVED, 1);
    }

    private void pass(int seconds) {
        now.addAndGet(TimeUnit.SECONDS.toNanos(seconds));
    }

    private int all() {
        return hot().stream().mapToInt(count -> count).sum();
    }

    @Test
    void countsGoToTheLeftAndLeaveAfterTenMinutes() {
        served();
        served();
        assertEquals(2, hot().get(59));
        pass(10);
        served();
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
        served();
        pass(8 * 3600 + 7);
        assertEquals(0, all());
        served();
        assertEquals(1, all());
    }

    @Test
    void howPullsEndedIsCountedApartAndLeavesAfterTenMinutes() {
        recent.pulled("none", false, Outcome.MISSING, 1);
        recent.pulled("none", false, Outcome.UNAVAILABLE, 1);
        recent.pulled("cache", true, Outcome.SERVED, 1);
        RecentPulls.Snapshot now = recent.snapshot();
        assertEquals(3, now.total());
        assertEquals(1, now.outcomes().get(Outcome.MISSING).get(59));
        assertEquals(1, now.outcomes().get(Outcome.UNAVAILABLE).get(59));
        assertEquals(1, now.manifests().get(59));
        pass(600);
        RecentPulls.Snapshot later = recent.snapshot();
        assertEquals(3, later.total());
        assertEquals(Collections.nCopies(60, 0), later.outcomes().get(Outcome.UNAVAILABLE));
        assertEquals(Collections.nCopies(60, 0), later.manifests());
        assertEquals(new RecentPulls.Times(null, null), later.times().get(0));
    }

    @Test
    void percentilesAreAtMostAnEighthTooHigh() {
        for (int milliseconds = 1; milliseconds <= 1000; milliseconds++) {
            recent.pulled("hot", false, Outcome.SERVED, TimeUnit.MILLISECONDS.toNanos(milliseconds));
        }
        RecentPulls.Times times = recent.snapshot().lastMinute();
        assertTrue(times.p50() >= 500 && times.p50() <= 563, times::toString);
        assertTrue(times.p99() >= 990 && times.p99() <= 1114, times::toString);
        assertEquals(times, recent.snapshot().times().get(59));
        for (long took = 70_000; took < 60_000_000_000L; took += took / 9) {
            RecentPulls alone = new RecentPulls(List.of(), now::get);
            alone.pulled("cache", true, Outcome.SERVED, took);
            double found = alone.snapshot().lastMinute().p99() * 1e6;
            assertTrue(found >= took && found <= took * 1.125, took + " became " + found);
        }
    }

    @Test
    void timesBeyondTheBucketsAreInTheFirstAndTheLast() {
        recent.pulled("cache", true, Outcome.SERVED, 0);
        assertEquals(0.073728, recent.snapshot().lastMinute().p99());
        recent.pulled("hot", false, Outcome.SERVED, Long.MAX_VALUE);
        assertEquals(0.073728, recent.snapshot().lastMinute().p50());
        assertEquals(68_719.476736, recent.snapshot().lastMinute().p99());
    }

    /** The current column and the six before it. */
    @Test
    void theLastMinuteIsTheLastSevenColumns() {
        pass(3);
        served();
        pass(60);
        assertEquals(0.073728, recent.snapshot().lastMinute().p50());
        assertEquals(3.0, recent.snapshot().elapsedSeconds());
        pass(7);
        assertNull(recent.snapshot().lastMinute().p50());
    }

    @Test
    void fallbacksAreCountedByRegistryAndReasonTheLatestFirst() {
        for (int i = 0; i < 30; i++) {
            recent.fellBack("/v2/app" + i, "hot", i % 2 == 0 ? "outage" : "not-here", "x".repeat(2000));
            pass(1);
        }
        recent.fellBack("/v2/other", "cold", "outage", null);
        List<RecentPulls.Fallbacks> groups = recent.fallbacks();
        assertEquals(List.of("cold outage 1 /v2/other 0", "hot not-here 15 /v2/app29 1", "hot outage 15 /v2/app28 2"), groups.stream()
                .map(group -> String.join(" ", group.registry(), group.reason(), group.count() + "", group.path(), group.secondsAgo() + "")).toList());
        assertEquals(513, groups.get(1).message().length());
        pass(630);
        assertEquals(List.of(), recent.fallbacks());
    }
}
