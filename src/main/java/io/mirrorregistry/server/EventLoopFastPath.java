package io.mirrorregistry.server;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ProtocolException;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets the event loop itself run the route of a request whose answer is in memory: to wake a worker costs more than the answer.
 * The event loop must not wait, or everybody does. Calls to registries run on a worker in any case. A step of an operator's own that
 * waits looks the same from here as a process or a machine that was paused: the route has held the event loop for long. After a long hold, or
 * several in one window, every request gets a worker for as long as the window, and then the event loop is tried again.
 *
 * <p>The methods run on the event loop unless they say otherwise.
 */
public final class EventLoopFastPath {

    private static final Logger LOG = LoggerFactory.getLogger(EventLoopFastPath.class);
    private static final long SLOW_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long MOST_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int MOST_SLOW = 5;
    /** How long a hold of the event loop counts, and how long the fast path stays off. */
    private static final long WINDOW_NANOS = TimeUnit.MINUTES.toNanos(10);

    private final Memory memory;
    private final LongSupplier nanoTime;
    /** When the event loop was held, in this window. */
    private final Deque<Long> holds = new ArrayDeque<>(MOST_SLOW);
    private long offSince;
    /** Written by the event loop only. */
    private volatile boolean on = true;

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
        this(memory, System::nanoTime);
    }

    EventLoopFastPath(Memory memory, LongSupplier nanoTime) {
        this.memory = memory;
        this.nanoTime = nanoTime;
    }

    /** Returns whether the event loop answers from memory; false while every request gets a worker. For any thread. */
    public boolean isOn() {
        return on;
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
     * Returns what is in memory for a request whose route the event loop may run; null for any other.
     *
     * @param path from {@link #parse}
     */
    Object guess(HttpServerRequest request, ApiPath path) {
        if (path == null || !on && !isOnAgain()) {
            return null;
        }
        String namespace = request.query() == null ? null : request.params(RequestStep.SEMICOLON_IS_NORMAL).get(RequestStep.NS);
        return memory.guess(path, namespace == null ? "" : namespace, RequestStep.accept(request), request.method() == HttpMethod.HEAD);
    }

    private boolean isOnAgain() {
        if (nanoTime.getAsLong() - offSince >= WINDOW_NANOS) {
            on = true;
            LOG.info("The event loop runs the routes of answers from memory again, after {} minutes on workers", TimeUnit.NANOSECONDS.toMinutes(WINDOW_NANOS));
        }
        return on;
    }

    /** Takes note of how long such a route has held the event loop. */
    void took(long nanos) {
        if (nanos <= SLOW_NANOS || !on) {
            return;
        }
        long now = nanoTime.getAsLong();
        while (!holds.isEmpty() && now - holds.peek() >= WINDOW_NANOS) {
            holds.remove();
        }
        holds.add(now);
        if (holds.size() >= MOST_SLOW || nanos > MOST_NANOS) {
            holds.clear();
            offSince = now;
            on = false;
            LOG.warn("An answer from memory held the event loop for {} ms: a step of the routes waits, or the machine was paused; "
                    + "every request has a worker for the next {} minutes", TimeUnit.NANOSECONDS.toMillis(nanos), TimeUnit.NANOSECONDS.toMinutes(WINDOW_NANOS));
        }
    }
}
