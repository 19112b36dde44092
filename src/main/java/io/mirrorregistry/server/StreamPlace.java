package io.mirrorregistry.server;

import io.mirrorregistry.work.Place;
import java.util.concurrent.atomic.AtomicReference;

/** The place of one stream: one among the streams of its registry, and one among all. Closing gives both back. */
final class StreamPlace implements Place {

    /** Null while the stream is between two registries, and after its end. */
    private final AtomicReference<Place> ofRegistry;
    private final Place ofAll;

    StreamPlace(Place ofRegistry, Place ofAll) {
        this.ofRegistry = new AtomicReference<>(ofRegistry);
        this.ofAll = ofAll;
    }

    /** Gives back the place among the streams of the registry. */
    void leaveRegistry() {
        Place held = ofRegistry.getAndSet(null);
        if (held != null) {
            held.close();
        }
    }

    /** Takes over a place among the streams of another registry. */
    void enterRegistry(Place there) {
        ofRegistry.set(there);
    }

    @Override
    public void close() {
        ofAll.close();
        leaveRegistry();
    }
}
