package io.mirrorregistry.warm.queue;

import java.util.Locale;

/** The states of an {@link Item}. */
public enum State {
    /** It waits for its turn, or for its next attempt. */
    WAITING,
    /** A mirror copies it. */
    RUNNING,
    /** The destination has all of it. */
    DONE,
    /** The destination has a part of it: it has refused the rest, such as the index, or no source has the rest. */
    PARTIAL,
    /** No attempt is left, or another attempt would fail for the same reason. */
    FAILED,
    /** A person has cancelled it. */
    CANCELLED;

    /** Returns its name in metrics, in JSON and in the database. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Returns whether the item is neither waiting nor running. */
    public boolean isFinished() {
        return this != WAITING && this != RUNNING;
    }

    /** Returns the state with a label. */
    public static State of(String label) {
        return valueOf(label.toUpperCase(Locale.ROOT));
    }
}
