package io.mirrorregistry.work;

import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Measures whether an event loop still runs tasks. A thread of its own hands the loop an empty task every second; while the loop blocks,
 * the task stays in its queue. Health asks how long.
 */
public final class EventLoopWatch implements AutoCloseable {

    private static final long INTERVAL_MILLIS = 1000;

    private final LongSupplier nanoTime;
    /** When the task that the loop has not run yet was handed over; null where it has run. Set by the watch, cleared by the loop. */
    private volatile Long handedOver;
    private ScheduledExecutorService thread;

    public EventLoopWatch() {
        this(System::nanoTime);
    }

    EventLoopWatch(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
    }

    /**
     * Begins to watch.
     *
     * @param loop runs a task on the event loop
     */
    public void watch(Executor loop) {
        thread = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread named = new Thread(task, "event-loop-watch");
            named.setDaemon(true);
            return named;
        });
        thread.scheduleWithFixedDelay(new Guarded("watch the event loop", () -> hand(loop)), 0, INTERVAL_MILLIS, TimeUnit.MILLISECONDS);
    }

    void hand(Executor loop) {
        if (handedOver == null) {
            handedOver = nanoTime.getAsLong();
            loop.execute(() -> handedOver = null);
        }
    }

    /** Returns for how long the loop has not run the last task; zero where it has run it. For any thread. */
    public Duration blocked() {
        Long since = handedOver;
        return since == null ? Duration.ZERO : Duration.ofNanos(nanoTime.getAsLong() - since);
    }

    /** Stops watching. */
    @Override
    public void close() {
        if (thread != null) {
            thread.shutdownNow();
        }
        handedOver = null;
    }
}
