package io.mirrorregistry.metrics;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/** Who served the pulls of the last ten minutes, and the last fallbacks; for a person who looks. */
public final class RecentPulls {

    /** How long one column is, in seconds. */
    public static final int SECONDS = 10;

    private static final int COLUMNS = 60;
    private static final int MOST_FALLBACKS = 20;
    private static final int LONGEST_TEXT = 512;

    /**
     * A pull that went on to the next registry.
     *
     * @param path what was asked for
     * @param registry the registry that could not serve
     * @param reason why not, in a word
     * @param message what was asked and what happened
     * @param secondsAgo when
     */
    public record Fallback(String path, String registry, String reason, String message, long secondsAgo) {
    }

    private final LongSupplier nanos;
    private final Map<String, int[]> counts = new LinkedHashMap<>();
    private final Deque<Fallback> fallbacks = new ArrayDeque<>();
    /** The column that was counted in last, since the start of time. */
    private long last;

    /** @param registries the names of the registries, in the order in which people are to see them */
    RecentPulls(List<String> registries) {
        this(registries, System::nanoTime);
    }

    /** @param nanos the time, which nobody can set back */
    RecentPulls(List<String> registries, LongSupplier nanos) {
        this.nanos = nanos;
        this.last = column();
        registries.forEach(registry -> counts.put(registry, new int[COLUMNS]));
        for (String server : List.of("cache", "both", "none")) {
            counts.put(server, new int[COLUMNS]);
        }
    }

    private long column() {
        return Math.floorDiv(nanos.getAsLong(), TimeUnit.SECONDS.toNanos(SECONDS));
    }

    synchronized void served(String by) {
        int[] count = counts.computeIfAbsent(by, some -> new int[COLUMNS]);
        advance();
        count[Math.floorMod(last, COLUMNS)]++;
    }

    synchronized void fellBack(String path, String registry, String reason, String message) {
        if (fallbacks.size() == MOST_FALLBACKS) {
            fallbacks.removeLast();
        }
        // Here the time is kept in the place of how long ago it was.
        fallbacks.addFirst(new Fallback(bounded(path), registry, reason, bounded(message), seconds()));
    }

    private static String bounded(String text) {
        return text == null || text.length() <= LONGEST_TEXT ? text : text.substring(0, LONGEST_TEXT) + "…";
    }

    private long seconds() {
        return TimeUnit.NANOSECONDS.toSeconds(nanos.getAsLong());
    }

    /** Empties the columns that have come since. */
    private void advance() {
        long now = column();
        for (long passed = Math.max(last + 1, now - COLUMNS + 1); passed <= now; passed++) {
            for (int[] count : counts.values()) {
                count[Math.floorMod(passed, COLUMNS)] = 0;
            }
        }
        last = Math.max(last, now);
    }

    /** Returns how many pulls each has served in every column of {@link #SECONDS} seconds, the oldest first. */
    public synchronized Map<String, List<Integer>> counts() {
        advance();
        Map<String, List<Integer>> result = new LinkedHashMap<>();
        counts.forEach((by, count) -> {
            List<Integer> columns = new ArrayList<>(COLUMNS);
            for (int i = 1; i <= COLUMNS; i++) {
                columns.add(count[Math.floorMod(last + i, COLUMNS)]);
            }
            result.put(by, columns);
        });
        return result;
    }

    /** Returns the last fallbacks, the newest first. */
    public synchronized List<Fallback> fallbacks() {
        long now = seconds();
        return fallbacks.stream().map(then -> new Fallback(then.path, then.registry, then.reason, then.message, now - then.secondsAgo)).toList();
    }
}
