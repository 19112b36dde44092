package io.mirrorregistry.access;

import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Daemon threads with a bounded queue. They start with the first task and end once they have had nothing to do for some seconds, so that they need not
 * be closed. Thread-safe.
 */
final class VerifierThreads implements Executor {

    private static final int IDLE_SECONDS = 5;
    private static final int LONGEST_QUEUE = 200;

    private final ThreadPoolExecutor threads;

    /** @param name what the threads' names begin with */
    VerifierThreads(String name, int count) {
        AtomicInteger number = new AtomicInteger();
        threads = new ThreadPoolExecutor(count, count, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(LONGEST_QUEUE), task -> {
            Thread thread = new Thread(task, name + "-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
        threads.allowCoreThreadTimeOut(true);
    }

    /**
     * Runs a task later on.
     *
     * @throws java.util.concurrent.RejectedExecutionException if the queue is full, or it is closed
     */
    @Override
    public void execute(Runnable task) {
        threads.execute(task);
    }

    /** Interrupts the tasks that run, and runs none any more. */
    void close() {
        threads.shutdownNow();
    }
}
