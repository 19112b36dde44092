package io.mirrorregistry.explain;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs the route plan for explanations, on threads of its own. Routes and plug-ins are the operator's and may hang: a run that has not ended at
 * the deadline is interrupted, and its explanation fails without waiting for it. A run that ignores the interrupt keeps its thread. For any
 * thread.
 */
final class PlanRuns {

    private static final Logger LOG = LoggerFactory.getLogger(PlanRuns.class);
    private static final int THREADS = 8;
    /** So many hanging runs leave threads for as many explanations as are made at a time. */
    private static final int MOST_HANGING = THREADS - Explainer.MOST;

    private final WorkerExecutor threads;
    private final Duration longest;
    private final Duration grace;
    /** The runs that have ignored the interrupt and have not ended. */
    private final AtomicInteger hanging = new AtomicInteger();

    /**
     * One run.
     *
     * @param result what the run returned or threw; a {@link TimeoutException} at the deadline
     * @param over succeeds when the run has ended; at the latest when the grace has passed after the deadline
     */
    record Run<T>(Future<T> result, Future<Void> over) {
    }

    /**
     * @param vertx makes the pool of threads
     * @param pool the name of the pool
     * @param longest the deadline of a run, which includes the time that it waits for a thread
     * @param grace how long a run may take to end after the interrupt
     */
    PlanRuns(Vertx vertx, String pool, Duration longest, Duration grace) {
        // Vert.x warns each second of a task beyond its time; one line is written here instead.
        this.threads = vertx.createSharedWorkerExecutor(pool, THREADS, 365, TimeUnit.DAYS);
        this.longest = longest;
        this.grace = grace;
    }

    /** Ends the threads. */
    void close() {
        threads.close();
    }

    /** Returns whether so many runs hang that another would find no thread. */
    boolean isStuck() {
        return hanging.get() > MOST_HANGING;
    }

    /**
     * Starts a run.
     *
     * @param path the path that is planned, for the log
     */
    <T> Run<T> start(String path, Callable<T> plan) {
        Interruptible<T> task = new Interruptible<>(plan);
        Future<T> ended = threads.executeBlocking(task, false);
        Future<T> result = ended.timeout(longest.toMillis(), TimeUnit.MILLISECONDS);
        Promise<Void> over = Promise.promise();
        result.onComplete(done -> {
            if (ended.isComplete()) {
                over.complete();
                return;
            }
            LOG.warn("The route plan has not ended within {} s for an explanation of {}; its thread is interrupted", longest.toMillis() / 1000.0, path);
            task.interrupt();
            ended.timeout(grace.toMillis(), TimeUnit.MILLISECONDS).onComplete(last -> {
                if (!ended.isComplete()) {
                    hanging.incrementAndGet();
                    ended.onComplete(atLast -> hanging.decrementAndGet());
                }
                over.complete();
            });
        });
        return new Run<>(result, over.future());
    }

    /** A task that can be interrupted while it runs, and never before or after, when its thread belongs to others. */
    private static final class Interruptible<T> implements Callable<T> {

        private final Callable<T> task;
        /** The thread that runs the task; null before and after. Guarded by this, as the other field. */
        private Thread thread;
        private boolean interrupted;

        Interruptible(Callable<T> task) {
            this.task = task;
        }

        @Override
        public T call() throws Exception {
            synchronized (this) {
                if (interrupted) {
                    throw new CancellationException();
                }
                thread = Thread.currentThread();
            }
            try {
                return task.call();
            } finally {
                synchronized (this) {
                    thread = null;
                    if (interrupted) {
                        Thread.interrupted();
                    }
                }
            }
        }

        synchronized void interrupt() {
            interrupted = true;
            if (thread != null) {
                thread.interrupt();
            }
        }
    }
}
