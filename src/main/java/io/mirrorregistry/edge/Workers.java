package io.mirrorregistry.edge;

import io.mirrorregistry.config.Settings.ServerSettings;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/**
 * Gives requests a worker each: at once, or within the queue time when all are taken. What would wait longer, or comes on top of
 * the most requests, is told 503, since a queue without bound helps nobody. What needs no registry has workers kept for it.
 */
public final class Workers implements Executor {

    private static final int IN_RESERVE = 8;

    private final Vertx vertx;
    private final int most;
    private final int mostRequests;
    private final long queueNanos;
    private final Deque<Waiting> queue = new ArrayDeque<>();
    /** What was begun already; it goes first and is never refused. */
    private final Deque<Runnable> begun = new ArrayDeque<>();
    private int working;
    private int requests;
    private boolean timed;

    private record Waiting(Context own, RoutingContext request, Runnable task, long until) {
    }

    public Workers(Vertx vertx, ServerSettings settings) {
        this.vertx = vertx;
        this.most = settings.workers();
        this.mostRequests = settings.requests();
        this.queueNanos = settings.queueTime().toNanos();
    }

    /** Returns how many threads that takes. */
    public static int threads(ServerSettings settings) {
        return settings.workers() + IN_RESERVE;
    }

    /** Has a worker run the task, or answers the request with 503. Call it on the request's context. */
    void run(RoutingContext request, Runnable task) {
        Context own = vertx.getOrCreateContext();
        if (needsNoRegistry(request.request().path())) {
            run(own, task, () -> { });
        } else if (!admit()) {
            sayLater(request);
        } else {
            request.addEndHandler(ended -> leave());
            if (takeOrQueue(own, request, task)) {
                run(own, task, this::giveBack);
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
        run(vertx.getOrCreateContext(), task, this::giveBack);
    }

    private static void run(Context own, Runnable task, Runnable then) {
        own.executeBlocking(() -> {
            task.run();
            return null;
        }, false).onComplete(done -> then.run());
    }

    private synchronized boolean admit() {
        if (requests == mostRequests) {
            return false;
        }
        requests++;
        return true;
    }

    private synchronized void leave() {
        requests--;
    }

    private synchronized boolean takeOrQueue(Context own, RoutingContext request, Runnable task) {
        if (working < most) {
            working++;
            return true;
        }
        queue.add(new Waiting(own, request, task, System.nanoTime() + queueNanos));
        setTimer();
        return false;
    }

    /** Hands the worker on to the one that waits longest. */
    private void giveBack() {
        Runnable goOn;
        Waiting next;
        synchronized (this) {
            goOn = begun.poll();
            next = goOn == null ? queue.poll() : null;
            if (goOn == null && next == null) {
                working--;
            }
        }
        if (goOn != null) {
            run(vertx.getOrCreateContext(), goOn, this::giveBack);
        } else if (next != null) {
            run(next.own, next.task, this::giveBack);
        }
    }

    private void setTimer() {
        if (!timed && !queue.isEmpty()) {
            timed = true;
            long millis = TimeUnit.NANOSECONDS.toMillis(queue.peek().until - System.nanoTime());
            vertx.setTimer(Math.max(1, millis), timer -> {
                for (Waiting late = late(); late != null; late = late()) {
                    sayLater(late.request);
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

    private static void sayLater(RoutingContext request) {
        if (!request.response().ended() && !request.response().closed()) {
            request.response().putHeader("Retry-After", "1");
            Frame.unavailable(request.request(), "The mirror works on as many requests as it can; try again.");
        }
    }
}
