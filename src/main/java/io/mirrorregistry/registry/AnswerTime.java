package io.mirrorregistry.registry;

import java.time.Duration;

/**
 * The time until the head of one response has to be out. It begins when the request arrives, so that every wait and every call to a registry
 * counts it down. Times are those of {@link System#nanoTime}.
 *
 * @param began when the request arrived
 * @param end when the head has to be out
 * @param lookahead whether no client waits for the response: such a call takes none of the last places at a registry, and its failure does not count
 */
public record AnswerTime(long began, long end, boolean lookahead) {

    /** The message header, of the mirror's own and never sent, by which a route's call tells {@code RegistryClient} of it. */
    public static final String HEADER = "MirrorAnswerTime";

    private static final String LOOKAHEAD = " lookahead";

    /** @param longest {@code mirror.server.answer-time} */
    public static AnswerTime of(long began, Duration longest) {
        return new AnswerTime(began, began + longest.toNanos(), false);
    }

    /** Returns the time of a call that begins now and for which no client waits. */
    public static AnswerTime ofLookahead(Duration longest) {
        long now = System.nanoTime();
        return new AnswerTime(now, now + longest.toNanos(), true);
    }

    /** Returns a time of the same length that begins now. */
    public AnswerTime anew() {
        return of(System.nanoTime(), Duration.ofNanos(end - began));
    }

    /** Returns what {@link #text} has written; null for null. */
    public static AnswerTime parse(String text) {
        if (text == null) {
            return null;
        }
        boolean lookahead = text.endsWith(LOOKAHEAD);
        int space = text.indexOf(' ');
        int end = lookahead ? text.length() - LOOKAHEAD.length() : text.length();
        return new AnswerTime(Long.parseLong(text, 0, space, 10), Long.parseLong(text, space + 1, end, 10), lookahead);
    }

    /** Returns this as the value of {@link #HEADER}. */
    public String text() {
        return began + " " + end + (lookahead ? LOOKAHEAD : "");
    }

    /** Returns what is left of it, in nanoseconds; 0 or less for nothing. */
    public long left() {
        return end - System.nanoTime();
    }

    /** Returns whether nothing is left. */
    public boolean isOver() {
        return left() <= 0;
    }

    /** Returns whether more than half is left, which is enough to begin anew. */
    public boolean isYoung() {
        return left() > (end - began) / 2;
    }
}
