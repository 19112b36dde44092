package io.mirrorregistry.registry;

import java.io.IOException;

/** A registry could not be asked, or its answer cannot be used: nothing is known about what was asked for. */
public final class RegistryTroubleException extends IOException {

    private final String registry;
    private final boolean throttled;
    private final String retryAfter;

    /**
     * @param registry the registry's name
     * @param message what was asked and what happened, for the log
     */
    public RegistryTroubleException(String registry, String message) {
        this(registry, message, false, null);
    }

    /**
     * @param throttled whether the registry said 429
     * @param retryAfter what the registry sent as Retry-After, seconds or a date; null for none
     */
    public RegistryTroubleException(String registry, String message, boolean throttled, String retryAfter) {
        super(message);
        this.registry = registry;
        this.throttled = throttled;
        this.retryAfter = retryAfter;
    }

    public String registry() {
        return registry;
    }

    public boolean throttled() {
        return throttled;
    }

    public String retryAfter() {
        return retryAfter;
    }

    /** These are ordinary at the edge of a network and thrown by the thousand in an outage. */
    @Override
    public synchronized Throwable fillInStackTrace() {
        return this;
    }
}
