package io.mirrorregistry.logging;

import java.time.Duration;

/** Writes spans of time for people. */
public final class Spans {

    private Spans() {
    }

    /** Returns a span in whole seconds, such as {@code 9 min 40 s} or {@code 3 h 2 min}; {@code less than 1 s} for a shorter one. */
    public static String text(long nanos) {
        Duration span = Duration.ofNanos(nanos);
        if (span.toHours() > 0) {
            return span.toHours() + " h " + span.toMinutesPart() + " min";
        } else if (span.toMinutes() > 0) {
            return span.toMinutes() + " min " + span.toSecondsPart() + " s";
        }
        return span.toSeconds() > 0 ? span.toSeconds() + " s" : "less than 1 s";
    }
}
