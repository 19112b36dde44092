package io.mirrorregistry.server;

import java.io.Closeable;

/**
 * The body of an answer that is too large for memory. A step makes it; it is sent once the route has ended, so that headers which the route sets
 * after that step go out with it. Whoever makes one adds it to the bodies of the request, which are closed at its end.
 */
interface StreamedBody extends Closeable {

    /** Returns how many bytes it has; -1 if that is not known. */
    long length();

    /**
     * Writes the body and the end of the response, whose head is set and not written yet. Blocks for as long as the client takes; call it on a
     * worker. Where the body breaks off it closes the client's connection, so that nobody takes the part for the whole.
     */
    void send();

    /** Gives back what the body holds. The second call has no effect. */
    @Override
    void close();
}
