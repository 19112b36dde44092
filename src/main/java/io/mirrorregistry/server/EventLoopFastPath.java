package io.mirrorregistry.server;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ProtocolException;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets the event loop itself run the route of a request whose answer is in memory: to wake a worker costs more than the answer.
 * The event loop must not wait, or everybody does. Calls to registries go on on a worker in any case; a step of an operator's own
 * that waits is noticed, and from then on every request gets a worker.
 */
public final class EventLoopFastPath {

    private static final Logger LOG = LoggerFactory.getLogger(EventLoopFastPath.class);
    private static final long SLOW_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long MOST_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int MOST_SLOW = 5;

    private final Memory memory;
    private int slow;
    private boolean closed;

    /** Knows which answers are in memory. */
    public interface Memory {

        /**
         * Returns what is in memory; runs on the event loop.
         *
         * @param path a manifest or a blob
         * @param namespace the parameter ns; empty for none
         * @param accept the Accept lines joined with commas; null for none
         * @param head whether the method is HEAD
         * @return what the request's pull is to carry; null if the answer is not in memory
         */
        Object guess(ApiPath path, String namespace, String accept, boolean head);
    }

    public EventLoopFastPath(Memory memory) {
        this.memory = memory;
    }

    /** Returns what a GET or HEAD asks for; null for anything that is to be refused, and where an answer is never in memory. */
    static ApiPath parse(HttpServerRequest request) {
        if (request.path() == null || request.method() != HttpMethod.GET && request.method() != HttpMethod.HEAD) {
            return null;
        }
        try {
            ApiPath path = ApiPath.parse(request.path());
            return path.kind() == ApiPath.Kind.MANIFEST || path.kind() == ApiPath.Kind.BLOB ? path : null;
        } catch (ProtocolException e) {
            return null;
        }
    }

    /**
     * Returns what is in memory for a request whose route the event loop may run; null for any other. Call it, as the other method, on the
     * event loop.
     *
     * @param path from {@link #parse}
     */
    Object guess(HttpServerRequest request, ApiPath path) {
        if (closed || path == null) {
            return null;
        }
        String namespace = request.query() == null ? null : request.params(RequestStep.SEMICOLON_IS_NORMAL).get(RequestStep.NS);
        return memory.guess(path, namespace == null ? "" : namespace, RequestStep.accept(request), request.method() == HttpMethod.HEAD);
    }

    /** Tells how long such a route has held the event loop. */
    void took(long nanos) {
        if (nanos > SLOW_NANOS && !closed) {
            slow++;
            closed = slow == MOST_SLOW || nanos > MOST_NANOS;
            if (closed) {
                LOG.warn("A step of the routes takes its time ({} ms) even for an answer from memory; every request has a worker from now on",
                        TimeUnit.NANOSECONDS.toMillis(nanos));
            }
        }
    }
}
