package io.mirrorregistry.health;

import io.mirrorregistry.work.Guarded;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The threads of probes, which block: one starts them all at their times, and each runs on another. A pool of a fixed size would be full of
 * registries that hang, and the others would wait for their timeouts. Here a registry that hangs holds one thread, and those that respond share
 * one or two. A thread ends once it has had nothing to do for a second.
 */
final class ProbeThreads implements AutoCloseable {

    private static final int IDLE_SECONDS = 1;

    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> daemon(task, "registry-probe-clock"));
    private final ExecutorService threads = new ThreadPoolExecutor(0, Integer.MAX_VALUE, IDLE_SECONDS, TimeUnit.SECONDS, new SynchronousQueue<>(),
            task -> daemon(task, "registry-probe"));

    private static Thread daemon(Runnable task, String name) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    /**
     * Runs something again and again, until the end.
     *
     * @param start must not block: it delays the start of all other probes
     */
    void every(String name, Duration first, Duration interval, Runnable start) {
        clock.scheduleWithFixedDelay(new Guarded(name, start), first.toMillis(), interval.toMillis(), TimeUnit.MILLISECONDS);
    }

    /**
     * Runs something once, if the threads are not closed before.
     *
     * @param start must not block: it delays the start of all other probes
     */
    void after(String name, Duration delay, Runnable start) {
        try {
            clock.schedule(new Guarded(name, start), delay.toMillis() + 1, TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            // The threads are closed.
        }
    }

    /** Returns what starts a probe on a thread of its own and returns at once. Does nothing while the probe that was started before still runs. */
    Runnable oneAtATime(Runnable probe) {
        AtomicBoolean running = new AtomicBoolean();
        return () -> {
            if (!running.compareAndSet(false, true)) {
                return;
            }
            boolean started = false;
            try {
                threads.execute(() -> {
                    try {
                        probe.run();
                    } finally {
                        running.set(false);
                    }
                });
                started = true;
            } catch (RejectedExecutionException e) {
                // The threads are closed.
            } finally {
                if (!started) {
                    running.set(false);
                }
            }
        };
    }

    /** Interrupts the probes that run, and starts none any more. */
    @Override
    public void close() {
        clock.shutdownNow();
        threads.shutdownNow();
    }
}
