package io.mirrorregistry.metrics;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;

/**
 * The pulls of the last ten minutes in columns of ten seconds: who served them, how they ended and how long they took; and the fallbacks,
 * by registry and reason. For a person who looks. May be used by any thread: the monitor guards all of it.
 */
public final class RecentPulls {

    /** How long one column is, in seconds. */
    public static final int SECONDS = 10;

    private static final int COLUMNS = 60;
    /** The current column, which is not over, and the six before it. */
    private static final int COLUMNS_OF_LAST_MINUTE = 7;
    private static final int LONGEST_TEXT = 512;
    private static final double MEDIAN = 0.5;
    private static final double ALMOST_ALL = 0.99;

    /**
     * Pulls that went on to the next registry in the last ten minutes.
     *
     * @param registry the registry that could not serve
     * @param reason why not, in a word
     * @param count how many there were
     * @param path what was asked for, of the latest
     * @param message what was asked and what happened, of the latest
     * @param secondsAgo when the latest was
     */
    public record Fallbacks(String registry, String reason, int count, String path, String message, long secondsAgo) {
    }

    /**
     * The times of some pulls, in milliseconds, at most an eighth too high; both null where there are no pulls.
     *
     * @param p50 half of the pulls took at most as long
     * @param p99 99 of 100 pulls took at most as long
     */
    public record Times(Double p50, Double p99) {
    }

    /**
     * The last ten minutes. A list has a value for every column of {@link #SECONDS} seconds, the oldest first; the last column is not over.
     *
     * @param total how many requests there were since the start
     * @param elapsedSeconds how much of the last column is over
     * @param servers requests, by who served them
     * @param outcomes requests, by how they ended
     * @param manifests manifests that were served, also by the cache
     * @param times of each column
     * @param lastMinute the times of the last 60 to 70 seconds
     */
    public record Snapshot(long total, double elapsedSeconds, Map<String, List<Integer>> servers, Map<Outcome, List<Integer>> outcomes,
            List<Integer> manifests, List<Times> times, Times lastMinute) {
    }

    private record Group(String registry, String reason) {
    }

    private static final class Latest {

        private final int[] count = new int[COLUMNS];
        private String path;
        private String message;
        private long second;
    }

    private final LongSupplier nanos;
    private final Map<String, int[]> servers = new LinkedHashMap<>();
    private final int[][] outcomes = new int[Outcome.values().length][COLUMNS];
    private final int[] manifests = new int[COLUMNS];
    private final RecentTimes times = new RecentTimes(COLUMNS);
    /** The latest last. Bounded by the registries and the few reasons that the mirror gives. */
    private final Map<Group, Latest> fallbacks = new LinkedHashMap<>(16, 0.75f, true);
    private long total;
    /** The column that was counted in last, since the start of time. */
    private long last;

    /** @param registries the names of the registries, in the order in which people are to see them */
    RecentPulls(List<String> registries) {
        this(registries, System::nanoTime);
    }

    /** @param nanos the time, which nobody can set back */
    RecentPulls(List<String> registries, LongSupplier nanos) {
        this.nanos = nanos;
        this.last = columnAt(nanos.getAsLong());
        registries.forEach(registry -> servers.put(registry, new int[COLUMNS]));
        for (String server : List.of("cache", "both", "none")) {
            servers.put(server, new int[COLUMNS]);
        }
    }

    private static long columnAt(long now) {
        return Math.floorDiv(now, TimeUnit.SECONDS.toNanos(SECONDS));
    }

    /**
     * Counts a request.
     *
     * @param manifest whether a manifest was served
     * @param took how long it took, in nanoseconds
     */
    synchronized void pulled(String server, boolean manifest, Outcome outcome, long took) {
        int[] count = servers.computeIfAbsent(server, some -> new int[COLUMNS]);
        int column = advance();
        count[column]++;
        outcomes[outcome.ordinal()][column]++;
        times.add(column, took);
        if (manifest) {
            manifests[column]++;
        }
        total++;
    }

    synchronized void fellBack(String path, String registry, String reason, String message) {
        Latest latest = fallbacks.computeIfAbsent(new Group(registry, reason), some -> new Latest());
        latest.count[advance()]++;
        latest.path = bounded(path);
        latest.message = bounded(message);
        latest.second = seconds();
    }

    private static String bounded(String text) {
        return text == null || text.length() <= LONGEST_TEXT ? text : text.substring(0, LONGEST_TEXT) + "…";
    }

    private long seconds() {
        return TimeUnit.NANOSECONDS.toSeconds(nanos.getAsLong());
    }

    /** Empties the columns that have come since. Returns the index of the current column. */
    private int advance() {
        long now = columnAt(nanos.getAsLong());
        for (long passed = Math.max(last + 1, now - COLUMNS + 1); passed <= now; passed++) {
            clear(Math.floorMod(passed, COLUMNS));
        }
        last = Math.max(last, now);
        return Math.floorMod(last, COLUMNS);
    }

    private void clear(int column) {
        servers.values().forEach(count -> count[column] = 0);
        for (int[] count : outcomes) {
            count[column] = 0;
        }
        manifests[column] = 0;
        times.clear(column);
        fallbacks.values().forEach(latest -> latest.count[column] = 0);
    }

    /** Returns the pulls of the last ten minutes. */
    public synchronized Snapshot snapshot() {
        advance();
        double elapsed = Math.floorMod(nanos.getAsLong(), TimeUnit.SECONDS.toNanos(SECONDS)) / (double) TimeUnit.SECONDS.toNanos(1);
        Map<String, List<Integer>> byServer = new LinkedHashMap<>();
        servers.forEach((server, count) -> byServer.put(server, columns(count)));
        Map<Outcome, List<Integer>> byOutcome = new EnumMap<>(Outcome.class);
        for (Outcome outcome : Outcome.values()) {
            byOutcome.put(outcome, columns(outcomes[outcome.ordinal()]));
        }
        List<Times> ofColumns = new ArrayList<>(COLUMNS);
        order().forEach(column -> ofColumns.add(times(column)));
        return new Snapshot(total, elapsed, byServer, byOutcome, columns(manifests), ofColumns,
                times(order().skip(COLUMNS - COLUMNS_OF_LAST_MINUTE).toArray()));
    }

    private Times times(int... columns) {
        return new Times(times.percentile(MEDIAN, columns), times.percentile(ALMOST_ALL, columns));
    }

    /** Returns the indexes of the columns, the oldest first. */
    private IntStream order() {
        return IntStream.rangeClosed(1, COLUMNS).map(i -> Math.floorMod(last + i, COLUMNS));
    }

    private List<Integer> columns(int[] count) {
        return order().map(column -> count[column]).boxed().toList();
    }

    /** Returns the fallbacks of the last ten minutes, the latest first. */
    public synchronized List<Fallbacks> fallbacks() {
        advance();
        long now = seconds();
        List<Fallbacks> latestFirst = new ArrayList<>();
        fallbacks.forEach((group, latest) -> latestFirst.add(0, fallbacks(group, latest, now)));
        latestFirst.removeIf(group -> group.count() == 0);
        return latestFirst;
    }

    private static Fallbacks fallbacks(Group group, Latest latest, long now) {
        return new Fallbacks(group.registry(), group.reason(), IntStream.of(latest.count).sum(), latest.path, latest.message, now - latest.second);
    }
}
