package io.mirrorregistry.registry;

import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/**
 * The time of one call to a registry, whatever redirects and tokens it takes: the registry's own timeouts, or what is left of the request's
 * {@link AnswerTime} if that is less.
 */
public final class CallTime {

    private final long began = System.nanoTime();
    private final long own;
    private final AnswerTime answer;
    private final long end;

    /**
     * Begins a call now.
     *
     * @param own what the registry's timeouts allow
     * @param answer null where no client waits for the response
     */
    public CallTime(Duration own, AnswerTime answer) {
        this.own = own.toNanos();
        this.answer = answer;
        this.end = began + (answer == null ? this.own : Math.min(this.own, answer.end() - began));
    }

    private CallTime(CallTime whole) {
        this.own = whole.own;
        this.answer = whole.answer;
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

    /** Returns the whole time, in nanoseconds. */
    public long whole() {
        return end - began;
    }

    /** Returns what is left; zero for nothing. */
    public Duration rest() {
        return Duration.ofNanos(Math.max(0, left()));
    }

    /** Returns the smaller of a timeout and what the request has left for what follows the head, such as the body of a manifest. */
    public Duration afterHead(Duration timeout) {
        return answer == null ? timeout : Duration.ofNanos(Math.max(0, Math.min(timeout.toNanos(), answer.left())));
    }

    /** Returns "timed out after 8 s", for a call that has just been ended. */
    public String timedOut() {
        double seconds = (System.nanoTime() - began) / (double) TimeUnit.SECONDS.toNanos(1);
        String text = String.format(Locale.ROOT, seconds < 0.1 ? "%.3f" : "%.1f", seconds);
        return "timed out after " + (text.endsWith(".0") ? text.substring(0, text.length() - 2) : text) + " s";
    }

    /**
     * Returns how an outage counts that has just been found. If the request's time ended the call before the registry had half of what its
     * timeouts allow, or half of the request's whole time, others took that time, and nothing is known of the registry. A call for which no client
     * waits never counts.
     */
    public RegistryTroubleException.Kind outage() {
        if (answer != null && answer.lookahead()) {
            return RegistryTroubleException.Kind.CUT_SHORT;
        }
        if (answer == null || !answer.isOver()) {
            return RegistryTroubleException.Kind.OUTAGE;
        }
        long fair = Math.min(own, answer.end() - answer.began()) / 2;
        return answer.end() - began < fair ? RegistryTroubleException.Kind.CUT_SHORT : RegistryTroubleException.Kind.OUTAGE;
    }
}
