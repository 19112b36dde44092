package io.mirrorregistry.registry;

import io.netty.util.HashedWheelTimer;
import io.netty.util.Timeout;
import io.netty.util.Timer;
import io.netty.util.TimerTask;
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

    /** A deadline that is set. Running it calls it off. */
    public interface Deadline extends Runnable {

        /** Returns whether it has ended the call. */
        default boolean hasEnded() {
            return false;
        }
    }

    private static final class Pending implements Deadline, TimerTask {

        private final Runnable ending;
        private volatile Timeout timeout;
        private volatile boolean ended;

        private Pending(Runnable ending) {
            this.ending = ending;
        }

        @Override
        public void run(Timeout over) {
            ended = true;
            ending.run();
        }

        @Override
        public void run() {
            timeout.cancel();
        }

        @Override
        public boolean hasEnded() {
            return ended;
        }
    }

    private Deadlines() {
    }

    /** Ends the request after a time. */
    public static Deadline set(HttpUriRequestBase request, Duration time) {
        return set(time, request::cancel);
    }

    /**
     * Runs something after a time.
     *
     * @param ending runs on the thread of all deadlines, and must not block
     */
    public static Deadline set(Duration time, Runnable ending) {
        Pending pending = new Pending(ending);
        pending.timeout = TIMER.newTimeout(pending, time.toMillis(), TimeUnit.MILLISECONDS);
        return pending;
    }
}
