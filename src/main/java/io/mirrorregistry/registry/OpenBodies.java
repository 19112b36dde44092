package io.mirrorregistry.registry;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.camel.Exchange;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Closes the response bodies that one exchange has left open. An open body keeps a connection of the registry's pool leased, so a
 * body that nobody closes is a connection lost until the mirror restarts. A step that reads a body closes it; this class covers
 * every other way out: a step that throws, a response that no step uses, an operator's step that replaces the body.
 *
 * <p>Copies of an exchange, such as the circuit breaker makes, share it. Thread-safe.
 */
public final class OpenBodies implements AutoCloseable {

    private static final String PROPERTY = "mirror.open-bodies";
    private static final Logger LOG = LoggerFactory.getLogger(OpenBodies.class);

    /** Null until the first body is added: most exchanges are answered from memory. */
    private List<Closeable> bodies;
    private boolean closed;

    /** Gives the exchange an empty list; the caller closes it at the end of the exchange. */
    public static OpenBodies begin(Exchange exchange) {
        OpenBodies open = new OpenBodies();
        exchange.setProperty(PROPERTY, open);
        return open;
    }

    /** Closes the body at the end of the exchange. Without effect on an exchange that did not come from a client. */
    public static void add(Exchange exchange, Closeable body) {
        OpenBodies open = exchange.getProperty(PROPERTY, OpenBodies.class);
        if (open != null && !open.add(body)) {
            close(body);
        }
    }

    /** Returns false if the exchange has ended. */
    private synchronized boolean add(Closeable body) {
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
