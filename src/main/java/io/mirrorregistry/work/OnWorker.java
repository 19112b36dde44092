package io.mirrorregistry.work;

import io.vertx.core.Context;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;

/**
 * Returned by a step that blocking steps may follow. If the step ran on the event loop, the rest of the route runs on a worker.
 */
public final class OnWorker extends CompletableFuture<Void> {

    private final Executor workers;

    public OnWorker(Executor workers) {
        this.workers = workers;
    }

    /** Returns a stage that is complete. On any thread but the event loop it is one after which the route goes on at once. */
    public static CompletableFuture<Void> now(Executor workers) {
        if (!Context.isOnEventLoopThread()) {
            return CompletableFuture.completedFuture(null);
        }
        OnWorker now = new OnWorker(workers);
        now.complete(null);
        return now;
    }

    @Override
    public CompletableFuture<Void> whenComplete(BiConsumer<? super Void, ? super Throwable> action) {
        return Context.isOnEventLoopThread() ? whenCompleteAsync(action, workers) : super.whenComplete(action);
    }
}
