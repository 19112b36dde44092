package io.mirrorregistry.edge;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpConnection;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Closes connections on which no whole request comes in time. An idle timeout alone begins anew with each byte, so that a
 * client that sends one at a time would hold a connection for ever.
 */
final class Patience {

    private final Vertx vertx;
    private final long milliseconds;
    private final Map<HttpConnection, Long> timers = new ConcurrentHashMap<>();

    Patience(Vertx vertx, Duration time) {
        this.vertx = vertx;
        this.milliseconds = time.toMillis();
    }

    /** Begins to wait for a request on a connection. */
    void begin(HttpConnection connection) {
        timers.put(connection, vertx.setTimer(milliseconds, timer -> connection.close()));
        connection.closeHandler(closed -> end(connection));
    }

    /** Ends waiting: the request is there, or the connection gone. */
    void end(HttpConnection connection) {
        Long timer = timers.remove(connection);
        if (timer != null) {
            vertx.cancelTimer(timer);
        }
    }
}
