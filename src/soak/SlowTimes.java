package soak;

import static soak.Output.now;

import java.util.ArrayList;
import java.util.List;

/** When the mirror found one registry slow, as {@link SlowWatch} has read it. For any thread. */
final class SlowTimes {

    /** Begin and end of each, in ms. */
    private final List<long[]> times = new ArrayList<>();
    private boolean slow;
    private long longestAfterTrouble;

    /** @param troubleEnd when the registry's last trouble ended; now while it has any */
    synchronized void found(boolean slowNow, long troubleEnd) {
        long now = now();
        if (slowNow && !slow) {
            times.add(new long[] {now, now});
        }
        if (slowNow || slow) {
            times.get(times.size() - 1)[1] = now;
        }
        slow = slowNow;
        longestAfterTrouble = Math.max(longestAfterTrouble, slow ? now - troubleEnd : 0);
    }

    /** Returns whether it was slow at some moment of that time, give or take two looks. */
    synchronized boolean touches(long from, long to) {
        return times.stream().anyMatch(time -> time[0] - 2 * SlowWatch.PAUSE <= to && time[1] + 2 * SlowWatch.PAUSE >= from);
    }

    synchronized long longestAfterTrouble() {
        return longestAfterTrouble;
    }
}
