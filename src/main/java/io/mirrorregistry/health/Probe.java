package io.mirrorregistry.health;

import java.time.Instant;

/**
 * What a registry said when it was last asked how it is.
 *
 * @param whom whom was asked, in few words
 * @param asked the request
 * @param finding what the response alone shows
 * @param up whether it can serve
 * @param status what came back: an HTTP status, or what went wrong
 * @param at when
 */
public record Probe(String whom, String asked, Finding finding, boolean up, String status, Instant at) {

    /** What a response alone shows of a registry. */
    public enum Finding {
        /** It can serve. */
        UP,
        /** It responded, and may serve images all the same: it has no {@code /v2/}, for example. */
        UNCLEAR,
        /** Somebody in between responded. */
        FOREIGN,
        /** It is away, slow or broken. */
        DOWN;

        /** Returns whether calls for images may show more, at little cost: whoever responds does so in time. */
        boolean isWorthATrial() {
            return this != DOWN;
        }
    }

    /** @param finding of which only {@link Finding#UP} means that the registry is up */
    Probe(String whom, String asked, Finding finding, String status, Instant at) {
        this(whom, asked, finding, finding == Finding.UP, status, at);
    }

    /** Returns the same of a registry that serves images. */
    Probe servingImages() {
        return new Probe(whom, asked, finding, true, status + ", but serves images", at);
    }
}
