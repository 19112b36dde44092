package io.mirrorregistry.cache;

import java.time.Duration;

/**
 * What memory holds for one manifest.
 *
 * @param state whether it may be used
 * @param age the time since a registry last told it; null for a manifest that was asked for by digest, and for {@link State#NOTHING}
 * @param left the time until it changes its state; null for a manifest that was asked for by digest, which is kept while there is room
 * @param digest the manifest's digest; null for none
 * @param registry the name of the registry that told it; null for none
 * @param accept the Accept of the clients that it is for; null for those that sent none, and where it has no effect
 */
public record Remembered(State state, Duration age, Duration left, String digest, String registry, String accept) {

    /** There is nothing. */
    public static final Remembered NOTHING = new Remembered(State.NOTHING, null, null, null, null, null);

    /** How it may be used; the first in this order is the best. */
    public enum State {
        /** Clients get it, and no registry is asked. */
        FRESH,
        /** No registry had it: clients get 404, and no registry is asked. */
        MISS,
        /** The meaning of a tag some time ago, which clients get when a registry is in trouble and none has the tag. */
        STALE,
        /** Registries are asked. */
        NOTHING
    }
}
