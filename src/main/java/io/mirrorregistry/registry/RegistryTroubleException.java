package io.mirrorregistry.registry;

import java.io.IOException;
import java.util.Locale;

/** A registry could not be asked, or its answer cannot be used: nothing is known about what was asked for. */
public final class RegistryTroubleException extends IOException {

    /** What a trouble says of the registry. */
    public enum Kind {
        /** It is away, slow or broken, for whatever it is asked. */
        OUTAGE,
        /** It said 429. */
        THROTTLED,
        /** It, or its token service, refused this call; others may do well. */
        REFUSED,
        /** It was not asked: it failed too often, too many calls were under way, or the time for the answer was over. */
        NOT_ASKED,
        /** The time for the answer ended before it had a fair part of its own, or no client waits for the answer. */
        CUT_SHORT,
        /** It did not respond within its patience, and may respond later. */
        SLOW;

        /** Returns its name in metrics. */
        public String label() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /** Messages are kept in memory and may quote a host name that a registry chose. */
    private static final int LONGEST_MESSAGE = 1000;

    private final String registry;
    private final Kind kind;
    private final String retryAfter;
    private final int status;

    /**
     * Makes an outage.
     *
     * @param registry the registry's name
     * @param message what was asked and what happened, for the log
     */
    public RegistryTroubleException(String registry, String message) {
        this(registry, message, Kind.OUTAGE, null);
    }

    /** @param retryAfter what the registry sent as Retry-After, seconds or a date; null for none */
    public RegistryTroubleException(String registry, String message, Kind kind, String retryAfter) {
        this(registry, message, kind, retryAfter, 0);
    }

    /** @param status the error status of the registry's response; 0 for any other reason */
    public RegistryTroubleException(String registry, String message, Kind kind, String retryAfter, int status) {
        super(message.length() <= LONGEST_MESSAGE ? message : message.substring(0, LONGEST_MESSAGE) + "…");
        this.registry = registry;
        this.kind = kind;
        this.retryAfter = retryAfter;
        this.status = status;
    }

    public String registry() {
        return registry;
    }

    public Kind kind() {
        return kind;
    }

    /** Returns whether the registry said 429. */
    public boolean throttled() {
        return kind == Kind.THROTTLED;
    }

    public String retryAfter() {
        return retryAfter;
    }

    /** Returns the error status of the registry's response, for routes: {@code ${exception.status}}; 0 where the reason was another. */
    public int status() {
        return status;
    }

    /** No stack trace: these are ordinary at the edge of a network and thrown by the thousand in an outage. */
    @Override
    public synchronized Throwable fillInStackTrace() {
        return this;
    }
}
