package io.mirrorregistry.warm;

import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Shows how far a copy is: on a terminal as a bar in one line that is rewritten, elsewhere as a line whenever the state changes, and every ten seconds
 * while it is running. It shows why a waiting item waits, each time that changes. For one thread.
 */
final class ProgressDisplay {

    private static final int BAR = 24;
    private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(10);
    /** The share of the newest rate in the rate that is shown, which would jump otherwise. */
    private static final double NEWEST = 0.3;
    private static final double MEGABYTE = 1e6;

    private final PrintWriter out;
    private final boolean terminal;
    private final LongSupplier nanoTime;
    /** The line that was shown last; on a terminal the next line overwrites it. */
    private String shown = "";
    private String state;
    /** Why the item waits; empty if it does not wait, or waits for its turn. */
    private String why = "";
    private long shownNanos;
    private long seenNanos;
    private long bytes = -1;
    /** Bytes a second; negative while unknown. */
    private double rate = -1;

    /**
     * @param terminal whether lines can be rewritten
     * @param nanoTime the clock
     */
    ProgressDisplay(PrintWriter out, boolean terminal, LongSupplier nanoTime) {
        this.out = out;
        this.terminal = terminal;
        this.nanoTime = nanoTime;
    }

    /** Shows an item as it is now. */
    void show(JsonObject item) {
        long now = nanoTime.getAsLong();
        measure(item, now);
        String reason = item.getString("state").equals("waiting") ? ItemText.why(item) : "";
        boolean changed = !item.getString("state").equals(state) || !reason.equals(why);
        boolean waits = !reason.isEmpty() && !reason.equals(why);
        state = item.getString("state");
        why = reason;
        if (terminal) {
            if (waits) {
                say("The item waits: " + reason);
            }
            String line = bar(item);
            out.print("\r" + line + " ".repeat(Math.max(0, shown.length() - line.length())));
            out.flush();
            shown = line;
        } else if (changed || state.equals("running") && now - shownNanos >= QUIET_NANOS) {
            String copied = ItemText.bytes(item);
            out.println(ItemText.line(item) + (copied.isEmpty() ? "" : ", " + percent(item) + " %, " + copied) + (why.isEmpty() ? "" : ": " + why));
            out.flush();
            shownNanos = now;
        }
    }

    /** Shows a sentence in a line of its own, such as why the mirror does not respond. */
    void say(String sentence) {
        end();
        out.println(ItemText.plain(sentence));
        out.flush();
    }

    /** Ends the line that is rewritten; does nothing if there is no such line. */
    void end() {
        if (!shown.isEmpty()) {
            out.println();
            out.flush();
            shown = "";
        }
    }

    private void measure(JsonObject item, long now) {
        long done = item.getLong("bytesDone");
        boolean runs = item.getString("state").equals("running");
        if (runs && bytes >= 0 && done >= bytes && now > seenNanos) {
            double newest = (done - bytes) * (double) TimeUnit.SECONDS.toNanos(1) / (now - seenNanos);
            rate = rate < 0 ? newest : NEWEST * newest + (1 - NEWEST) * rate;
        } else if (!runs) {
            rate = -1;
        }
        bytes = runs ? done : -1;
        seenNanos = now;
    }

    private String bar(JsonObject item) {
        int filled = (int) (BAR * ItemText.share(item));
        String progress = ItemText.bytes(item);
        return "[" + "#".repeat(filled) + "-".repeat(BAR - filled) + "] " + String.format(Locale.ROOT, "%3d %%", percent(item))
                + (progress.isEmpty() ? "" : "  " + progress) + (rate < 0 ? "" : String.format(Locale.ROOT, "  %.1f MB/s", rate / MEGABYTE)) + "  " + state;
    }

    /** Returns the percentage, rounded down: 100 only for a complete copy. */
    private static int percent(JsonObject item) {
        return (int) (100 * ItemText.share(item));
    }
}
