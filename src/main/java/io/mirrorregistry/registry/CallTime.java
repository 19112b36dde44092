package io.mirrorregistry.registry;

import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/**
 * The time of one call to a registry, whatever redirects and tokens it takes: the registry's own timeouts, or what is left of the request's
 * {@link AnswerTime} or of the registry's patience if that is less. One thread at a time uses it.
 */
public final class CallTime {

    /** A call that ended this long before its patience was ended by it: timers work with milliseconds. */
    private static final long TIMER_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    private final long began;
    private final long own;
    private final AnswerTime answer;
    private final long full;
    private long end;
    /** When the registry responded, if the call went on after that; null for any other. */
    private Long responded;

    /**
     * Begins a call now, without patience.
     *
     * @param own what the registry's timeouts allow
     * @param answer null where no client waits for the response
     */
    public CallTime(Duration own, AnswerTime answer) {
        this(own, answer, null);
    }

    /**
     * Begins a call now.
     *
     * @param own what the registry's timeouts allow
     * @param answer null where no client waits for the response
     * @param patienceEnd when another registry is asked instead, as {@link System#nanoTime}; null for never
     */
    public CallTime(Duration own, AnswerTime answer, Long patienceEnd) {
        this.began = System.nanoTime();
        this.own = own.toNanos();
        this.answer = answer;
        this.full = began + (answer == null ? this.own : Math.min(this.own, answer.end() - began));
        this.end = patienceEnd != null && patienceEnd - full < 0 ? patienceEnd : full;
    }

    private CallTime(CallTime whole) {
        this.began = System.nanoTime();
        this.own = whole.own;
        this.answer = whole.answer;
        this.full = whole.full;
        this.end = whole.end;
    }

    /** Begins a part of this call, which ends with it at the latest. */
    public CallTime part() {
        return new CallTime(this);
    }

    /** Returns when the call began, as {@link System#nanoTime}. */
    public long began() {
        return began;
    }

    /** Returns what is left, in nanoseconds; 0 or less for nothing. */
    public long left() {
        return end - System.nanoTime();
    }

    /** Returns whether nothing is left. */
    public boolean isOver() {
        return left() <= 0;
    }

    /** Returns whether the registry's patience has ended, rather than the full time of the call. */
    public boolean isPatienceOver() {
        return end != full && left() < TIMER_NANOS;
    }

    /** Ends the patience: the registry has responded, and the call has its full time for what is left to do. */
    public void responded() {
        responded = System.nanoTime();
        end = full;
    }

    /** Returns the time until the registry responded, or until now, in nanoseconds. */
    public long toResponse() {
        return (responded == null ? System.nanoTime() : responded) - began;
    }

    /** Returns the whole time, in nanoseconds. */
    public long whole() {
        return end - began;
    }

    /** Returns what is left; zero for nothing. */
    public Duration rest() {
        return Duration.ofNanos(Math.max(0, left()));
    }

    /**
     * Returns the smallest of a timeout, what the request has left, and what is left of the registry's patience, for what follows the head, such as
     * the body of a manifest.
     */
    public Duration afterHead(Duration timeout) {
        long nanos = answer == null ? timeout.toNanos() : Math.min(timeout.toNanos(), answer.left());
        return Duration.ofNanos(Math.max(0, end == full ? nanos : Math.min(nanos, left())));
    }

    /** Returns "timed out after 8 s", for a call that has just been ended. */
    public String timedOut() {
        return "timed out after " + seconds(System.nanoTime() - began);
    }

    /** Returns a time with one digit after the point, or three if it is short: "8 s", "2.5 s", "0.012 s". */
    public static String seconds(long nanos) {
        double seconds = nanos / (double) TimeUnit.SECONDS.toNanos(1);
        String text = String.format(Locale.ROOT, seconds < 0.1 ? "%.3f" : "%.1f", seconds);
        return (text.endsWith(".0") ? text.substring(0, text.length() - 2) : text) + " s";
    }

    /**
     * Returns how an outage counts that has just been found. If the registry's patience ended the call, the registry may be slow only. If the
     * request's time ended the call before the registry had half of what its timeouts allow, or half of the request's whole time, others took that
     * time, and nothing is known of the registry. A call for which no client waits never counts.
     */
    public RegistryTroubleException.Kind outage() {
        if (answer != null && answer.lookahead()) {
            return RegistryTroubleException.Kind.CUT_SHORT;
        }
        if (isPatienceOver()) {
            return RegistryTroubleException.Kind.SLOW;
        }
        if (answer == null || !answer.isOver()) {
            return RegistryTroubleException.Kind.OUTAGE;
        }
        long fair = Math.min(own, answer.end() - answer.began()) / 2;
        return answer.end() - began < fair ? RegistryTroubleException.Kind.CUT_SHORT : RegistryTroubleException.Kind.OUTAGE;
    }
}
