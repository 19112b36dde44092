package io.mirrorregistry.warm.queue;

import java.util.Locale;

/** Why an image is copied, with the most urgent reason last: items are copied in the order of urgency. */
public enum Origin {
    /** A list of {@code mirror.warm.file} has it. */
    LIST,
    /** Another registry served it to a client. */
    PULL,
    /** A person asked for it. */
    ASKED;

    /** Returns its name in JSON and in the database. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
