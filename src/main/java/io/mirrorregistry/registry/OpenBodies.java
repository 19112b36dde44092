package io.mirrorregistry.registry;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Closes the response bodies that one request has left open. An open body keeps a connection of the registry's pool leased, so a
 * body that nobody closes is a connection lost until the mirror restarts. A step that reads a body closes it; this class covers
 * every other way out: a step that throws, a response that no step uses, an operator's step that replaces the body.
 *
 * <p>Thread-safe.
 */
public final class OpenBodies implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(OpenBodies.class);

    /** Null until the first body is added: most requests are answered from memory. */
    private List<Closeable> bodies;
    private boolean closed;

    /** Closes the body at the end of the request, or now if the request has ended. */
    public void add(Closeable body) {
        if (!added(body)) {
            close(body);
        }
    }

    private synchronized boolean added(Closeable body) {
        if (closed) {
            return false;
        }
        if (bodies == null) {
            bodies = new ArrayList<>(2);
        }
        bodies.add(body);
        return true;
    }

    /** Closes all bodies; a body that is closed already stays as it is. Does not block: closing an unread body closes its connection. */
    @Override
    public void close() {
        List<Closeable> left;
        synchronized (this) {
            left = bodies;
            bodies = null;
            closed = true;
        }
        if (left != null) {
            left.forEach(OpenBodies::close);
        }
    }

    /** Closes a body that is of no use; a failure to close it does no harm. */
    public static void close(Closeable body) {
        try {
            body.close();
        } catch (IOException | RuntimeException e) {
            LOG.debug("closing a response body", e);
        }
    }
}
