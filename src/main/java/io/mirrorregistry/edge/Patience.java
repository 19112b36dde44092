package io.mirrorregistry.edge;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpConnection;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Closes connections on which no whole request comes in time. An idle timeout alone begins anew with each byte, so that a
 * client that sends one at a time would hold a connection for ever.
 */
final class Patience {

    private final Vertx vertx;
    private final long milliseconds;
    private final Map<HttpConnection, Long> timers = new ConcurrentHashMap<>();

    private final Set<HttpConnection> over = ConcurrentHashMap.newKeySet();

    Patience(Vertx vertx, Duration time) {
        this.vertx = vertx;
        this.milliseconds = time.toMillis();
    }

    /** Says that nothing more is read on a connection, which is about to be closed. */
    void giveUp(HttpConnection connection) {
        over.add(connection);
    }

    /** Returns whether nothing more is to be read on a connection. */
    boolean isOver(HttpConnection connection) {
        return over.contains(connection);
    }

    /** Begins to wait for a request on a connection. */
    void begin(HttpConnection connection) {
        timers.put(connection, vertx.setTimer(milliseconds, timer -> connection.close()));
        connection.closeHandler(closed -> {
            end(connection);
            over.remove(connection);
        });
    }

    /** Ends waiting: the request is there, or the connection gone. */
    void end(HttpConnection connection) {
        Long timer = timers.remove(connection);
        if (timer != null) {
            vertx.cancelTimer(timer);
        }
    }
}
