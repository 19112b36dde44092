package io.mirrorregistry.work;

import io.mirrorregistry.config.Settings.ServerSettings;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayDeque;
import java.util.Deque;
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
 * each request beyond the maximum, since a queue without bound helps nobody. Requests that need no registry have workers of their own.
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
    private final Deque<Waiting> queue = new ArrayDeque<>();
    /** What was begun already; it goes first and is never refused. */
    private final Deque<Runnable> begun = new ArrayDeque<>();
    private int working;
    private int requests;
    private boolean timed;

    private record Waiting(RoutingContext request, Runnable task, long until) {
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
            request.addEndHandler(ended -> leave());
            if (takeOrQueue(request, task)) {
                start(task);
            }
        }
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

    /** Returns what has waited longest; null where nothing waits, and the worker is free. */
    private synchronized Runnable next() {
        Runnable task = begun.poll();
        if (task == null) {
            Waiting waiting = queue.poll();
            task = waiting == null ? null : waiting.task;
        }
        if (task == null) {
            working--;
        }
        return task;
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

    private synchronized void leave() {
        requests--;
    }

    private synchronized boolean takeOrQueue(RoutingContext request, Runnable task) {
        if (working < most) {
            working++;
            return true;
        }
        queue.add(new Waiting(request, task, System.nanoTime() + queueNanos));
        setTimer();
        return false;
    }

    private void setTimer() {
        if (!timed && !queue.isEmpty()) {
            timed = true;
            long millis = TimeUnit.NANOSECONDS.toMillis(queue.peek().until - System.nanoTime());
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
        if (!queue.isEmpty() && queue.peek().until - System.nanoTime() <= 0) {
            return queue.poll();
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
