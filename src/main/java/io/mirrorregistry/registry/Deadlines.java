package io.mirrorregistry.registry;

import java.time.Duration;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;

/**
 * Ends calls that take too long in all. The HTTP client's own timeouts begin anew with each byte, so that a registry that
 * sends one a second would hold a call for ever.
 */
final class Deadlines {

    private static final ScheduledThreadPoolExecutor TIMER = new ScheduledThreadPoolExecutor(1, task -> {
        Thread thread = new Thread(task, "registry-deadlines");
        thread.setDaemon(true);
        return thread;
    });

    static {
        TIMER.setRemoveOnCancelPolicy(true);
    }

    private Deadlines() {
    }

    /** Ends the request after a time. Returns what calls that off. */
    static Runnable set(HttpUriRequestBase request, Duration time) {
        var pending = TIMER.schedule(request::cancel, time.toMillis(), TimeUnit.MILLISECONDS);
        return () -> pending.cancel(false);
    }
}
