package io.mirrorregistry.logging;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.event.Level;
import org.slf4j.spi.LoggingEventBuilder;

/**
 * Logs faults that come with each request while their cause lasts. The first line of a key is logged at once. Then at most one line a minute,
 * or another interval, is logged, with the number of those that were left out. Lines that are left out are logged at debug, without a stack trace.
 *
 * <p>Any thread may log.
 */
public final class RepeatedFault {

    private static final Duration MINUTE = Duration.ofMinutes(1);
    /** Keys beyond this number share one. */
    private static final int MOST_KEYS = 100;
    private static final String OTHERS = "others";

    private final Logger log;
    private final Level level;
    private final long interval;
    private final LongSupplier nanos;
    private final Map<String, State> states = new ConcurrentHashMap<>();

    /** @param level the level of the lines that are not left out */
    public RepeatedFault(Logger log, Level level) {
        this(log, level, MINUTE);
    }

    /** @param interval the shortest time between two lines of one key */
    public RepeatedFault(Logger log, Level level, Duration interval) {
        this(log, level, interval, System::nanoTime);
    }

    /** @param nanos the time, which nobody can set back */
    RepeatedFault(Logger log, Level level, Duration interval, LongSupplier nanos) {
        this.log = log;
        this.level = level;
        this.interval = interval.toNanos();
        this.nanos = nanos;
    }

    /**
     * Logs a fault, or counts it.
     *
     * @param key what faults of the same cause have in common; nothing that a client chooses
     * @param registry the name of the registry; null for none
     * @param requestId the id of the request; null for none
     * @param cause gives the line a stack trace; null for none
     */
    public void log(String key, String registry, String requestId, Throwable cause, String message) {
        if (Thread.currentThread().getName().startsWith(Logs.REHEARSAL)) {
            // Not logged, and it must not count for the line of a request.
            return;
        }
        String leftOut = state(key).next(nanos.getAsLong(), interval);
        LoggingEventBuilder line = leftOut == null ? log.atDebug() : log.atLevel(level).setCause(cause);
        if (registry != null) {
            line = line.addKeyValue("registry", registry);
        }
        if (requestId != null) {
            line = line.addKeyValue("request_id", requestId);
        }
        line.log(leftOut == null ? message : message + leftOut);
    }

    private State state(String key) {
        return states.computeIfAbsent(states.size() < MOST_KEYS || states.containsKey(key) ? key : OTHERS, added -> new State());
    }

    /** The lines of one key. Its lock guards its fields. */
    private static final class State {

        private boolean logged;
        private long last;
        private int leftOut;

        /** Returns what is to be added to a line that is logged now; null for one that is left out. */
        private synchronized String next(long now, long interval) {
            if (logged && now - last < interval) {
                leftOut++;
                return null;
            }
            String text = leftOut == 0 ? "" : " (" + leftOut + " more like it in the last " + Spans.text(now - last) + ")";
            logged = true;
            last = now;
            leftOut = 0;
            return text;
        }
    }
}
