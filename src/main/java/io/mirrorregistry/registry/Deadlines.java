package io.mirrorregistry.registry;

import io.netty.util.HashedWheelTimer;
import io.netty.util.Timeout;
import io.netty.util.Timer;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;

/**
 * Ends calls that take too long in all. The HTTP client's own timeouts begin anew with each byte, so that a registry that
 * sends one a second would hold a call for ever.
 */
public final class Deadlines {

    /** A deadline may come so much late; nearly all are called off, which costs next to nothing here. */
    private static final int TICK_MILLIS = 20;
    private static final Timer TIMER = new HashedWheelTimer(task -> {
        Thread thread = new Thread(task, "registry-deadlines");
        thread.setDaemon(true);
        return thread;
    }, TICK_MILLIS, TimeUnit.MILLISECONDS);

    private Deadlines() {
    }

    /** Ends the request after a time. Returns what calls that off. */
    public static Runnable set(HttpUriRequestBase request, Duration time) {
        Timeout pending = TIMER.newTimeout(over -> request.cancel(), time.toMillis(), TimeUnit.MILLISECONDS);
        return pending::cancel;
    }
}
