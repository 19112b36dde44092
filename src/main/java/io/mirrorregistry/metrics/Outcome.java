package io.mirrorregistry.metrics;

import java.util.Locale;

/** How a request ended; {@link #label()} is its name in metrics and on the status page. */
public enum Outcome {
    /** 2xx: the client has its response. */
    SERVED,
    /** 304. */
    UNCHANGED,
    /** Any other 3xx. */
    REDIRECTED,
    /** 404: no registry has it. This is normal. */
    MISSING,
    /** Any other 4xx but 429: the request itself is at fault. */
    REFUSED,
    /** 429. */
    THROTTLED,
    /** 503: no registry could serve. */
    UNAVAILABLE,
    /** Any other 5xx. */
    FAILED,
    /** The client left, or was cut off, before its response was whole. */
    CUT;

    private final String label = name().toLowerCase(Locale.ROOT);

    /** Returns the name in metrics. */
    public String label() {
        return label;
    }

    /**
     * Returns how a request with that response ended.
     *
     * @param cut whether the client had gone, or was cut off, before its response was whole
     */
    static Outcome of(int status, boolean cut) {
        if (cut) {
            return CUT;
        } else if (status < 300) {
            return SERVED;
        } else if (status == 304) {
            return UNCHANGED;
        } else if (status < 400) {
            return REDIRECTED;
        }
        return switch (status) {
            case 404 -> MISSING;
            case 429 -> THROTTLED;
            case 503 -> UNAVAILABLE;
            default -> status < 500 ? REFUSED : FAILED;
        };
    }
}
