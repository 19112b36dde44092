package io.mirrorregistry.work;

import io.mirrorregistry.config.Settings.ServerSettings;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives each request a worker: at once, or within the queue time if all are busy. The mirror responds 503 to a request that waits longer, and to
 * each request beyond the maximum, since a queue without bound helps nobody. A request whose client leaves does not wait any longer. Requests that
 * need no registry have workers of their own.
 *
 * <p>Vert.x has workers of its own, but wakes the one that has slept longest, and the event loop after each.
 */
public final class Workers implements Executor, AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Workers.class);
    private static final int IN_RESERVE = 8;
    private static final int IDLE_SECONDS = 30;

    private final Vertx vertx;
    private final Consumer<HttpServerRequest> refusal;
    private final int most;
    private final int mostRequests;
    private final long queueNanos;
    private final ExecutorService threads;
    private final ThreadPoolExecutor reserve;
    /** The requests that wait, the oldest first. Guarded by this object, as are all fields after it. */
    private final Set<Waiting> queue = new LinkedHashSet<>();
    /** What was begun already; it is never refused. */
    private final Queue<Runnable> begun = new ArrayDeque<>();
    /** Whether the last task that waited was one that was begun already. */
    private boolean begunWasLast;
    private int working;
    private int requests;
    private boolean timed;

    /** Equal to itself only. */
    private static final class Waiting {

        private final RoutingContext request;
        private final Runnable task;
        private final long until;

        private Waiting(RoutingContext request, Runnable task, long until) {
            this.request = request;
            this.task = task;
            this.until = until;
        }
    }

    /** @param refusal responds 503 to a request that gets no worker; runs on the request's event loop */
    public Workers(Vertx vertx, ServerSettings settings, Consumer<HttpServerRequest> refusal) {
        this.refusal = refusal;
        this.vertx = vertx;
        this.most = settings.workers();
        this.mostRequests = settings.requests();
        this.queueNanos = Math.min(settings.queueTime().toNanos(), settings.answerTime().toNanos());
        // A task is given to the thread that was idle last, whose memory is still at hand. The field "working" is the bound, not the pool: a
        // thread counts as free a moment before it takes tasks again, and the task of that moment gets another thread. After the end of
        // the pool tasks are dropped; none ever runs on the caller's thread, which may be an event loop.
        this.threads = new ThreadPoolExecutor(0, Integer.MAX_VALUE, IDLE_SECONDS, TimeUnit.SECONDS, new SynchronousQueue<>(), named("worker-"),
                new ThreadPoolExecutor.DiscardPolicy());
        this.reserve = new ThreadPoolExecutor(IN_RESERVE, IN_RESERVE, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(),
                named("reserve-"));
        this.reserve.allowCoreThreadTimeOut(true);
    }

    private static ThreadFactory named(String prefix) {
        AtomicInteger number = new AtomicInteger();
        return task -> new Worker(task, prefix + number.incrementAndGet());
    }

    /** A thread of this class's pools. */
    private static final class Worker extends Thread {

        private Worker(Runnable task, String name) {
            super(task, name);
        }
    }

    /** Returns whether the current thread is a worker's, of any mirror. */
    public static boolean isWorker() {
        return Thread.currentThread() instanceof Worker;
    }

    /** Has a worker run the task, or answers the request with 503. Call it on the request's event loop. */
    public void run(RoutingContext request, Runnable task) {
        if (needsNoRegistry(request.request().path())) {
            reserve.execute(() -> runSafely(task));
        } else if (!admit()) {
            refuse(request.request());
        } else {
            Waiting waiting = takeOrQueue(request, task);
            request.addEndHandler(ended -> leave(waiting));
            if (waiting == null) {
                startAfterOthers(request, task);
            }
        }
    }

    /**
     * Starts the task when the event loop has looked at all requests that are there. Workers take the cores from it, and what is answered from memory
     * does not wait for them.
     */
    private void startAfterOthers(RoutingContext request, Runnable task) {
        Vertx.currentContext().runOnContext(now -> {
            try {
                start(task);
            } catch (Throwable e) {
                request.fail(e);
            }
        });
    }

    /** Has a worker go on with a request that waited for something without one. */
    @Override
    public void execute(Runnable task) {
        synchronized (this) {
            if (working == most) {
                begun.add(task);
                return;
            }
            working++;
        }
        start(task);
    }

    /** Has a worker run a task that no client waits for, if more than half of the workers are free. Returns whether one does. */
    public boolean runIfFree(Runnable task) {
        synchronized (this) {
            if (!isMostlyFree()) {
                return false;
            }
            working++;
        }
        start(task);
        return true;
    }

    /** Returns whether more than half of the workers are free; a task of {@link #runIfFree} is to end as soon as they are not. */
    public synchronized boolean isMostlyFree() {
        return working < (most + 1) / 2;
    }

    /** Gives the task to a thread, which the caller has counted as working. */
    private void start(Runnable task) {
        try {
            threads.execute(() -> work(task));
        } catch (Throwable e) {
            synchronized (this) {
                working--;
            }
            FatalErrors.check(e);
            throw e;
        }
    }

    private void work(Runnable first) {
        for (Runnable task = first; task != null; task = next()) {
            runSafely(task);
        }
    }

    /** A worker that ended with a task would be counted as busy for ever. */
    private static void runSafely(Runnable task) {
        try {
            task.run();
        } catch (Throwable e) {
            FatalErrors.check(e);
            LOG.error("A request was left without an answer", e);
        }
    }

    /**
     * Returns what has waited longest; null where nothing waits, and the worker is free. What was begun and new requests take turns: otherwise
     * requests that have waited for slow registries would keep new ones, which may be for a quick registry, from every worker.
     */
    private synchronized Runnable next() {
        Waiting oldest = begun.isEmpty() || begunWasLast ? oldest() : null;
        if (oldest != null) {
            begunWasLast = false;
            queue.remove(oldest);
            return oldest.task;
        }
        Runnable task = begun.poll();
        begunWasLast = task != null;
        if (task == null) {
            working--;
        }
        return task;
    }

    /** Returns the request that has waited longest; null for none. */
    private Waiting oldest() {
        return queue.isEmpty() ? null : queue.iterator().next();
    }

    private synchronized boolean admit() {
        if (requests == mostRequests) {
            return false;
        }
        requests++;
        return true;
    }

    /** Returns how many workers are at work. */
    public synchronized int working() {
        return working;
    }

    /** Returns how many requests wait for a worker. */
    public synchronized int waiting() {
        return queue.size() + begun.size();
    }

    /** @param waiting the request's entry in the queue, of which it may be gone; null where it never waited */
    private synchronized void leave(Waiting waiting) {
        requests--;
        if (waiting != null) {
            queue.remove(waiting);
        }
    }

    /** Returns the request's entry in the queue; null where it has a worker. */
    private synchronized Waiting takeOrQueue(RoutingContext request, Runnable task) {
        if (working < most) {
            working++;
            return null;
        }
        Waiting waiting = new Waiting(request, task, System.nanoTime() + queueNanos);
        queue.add(waiting);
        setTimer();
        return waiting;
    }

    private void setTimer() {
        if (!timed && !queue.isEmpty()) {
            timed = true;
            long millis = TimeUnit.NANOSECONDS.toMillis(oldest().until - System.nanoTime());
            vertx.setTimer(Math.max(1, millis), timer -> {
                for (Waiting late = late(); late != null; late = late()) {
                    HttpServerRequest request = late.request.request();
                    runSafely(() -> refuse(request));
                }
            });
        }
    }

    /** Returns the first that has waited too long; where there is none, sets the timer for the next. */
    private synchronized Waiting late() {
        timed = false;
        Waiting oldest = oldest();
        if (oldest != null && oldest.until - System.nanoTime() <= 0) {
            queue.remove(oldest);
            return oldest;
        }
        setTimer();
        return null;
    }

    private static boolean needsNoRegistry(String path) {
        return path == null || path.equals("/health") || path.equals("/v2/") || path.equals("/v2");
    }

    private void refuse(HttpServerRequest request) {
        if (!request.response().ended() && !request.response().closed()) {
            refusal.accept(request);
        }
    }

    /** Ends the threads once they are idle. */
    @Override
    public void close() {
        threads.shutdown();
        reserve.shutdown();
    }
}
