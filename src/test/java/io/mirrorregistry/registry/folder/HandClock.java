package io.mirrorregistry.registry.folder;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;

/** A clock that moves only by hand. */
final class HandClock implements InstantSource {

    private volatile Instant now = Instant.now();

    void advance(Duration duration) {
        now = now.plus(duration);
    }

    @Override
    public Instant instant() {
        return now;
    }
}
