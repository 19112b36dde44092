package io.mirrorregistry.work;

import io.vertx.core.Context;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;

/**
 * What a step returns after which others may wait: where the step ran on the event loop, which must not, the route goes on on a
 * worker.
 */
public final class OnWorker extends CompletableFuture<Void> {

    private final Executor workers;

    public OnWorker(Executor workers) {
        this.workers = workers;
    }

    /** Returns one that is complete. */
    public static OnWorker now(Executor workers) {
        OnWorker now = new OnWorker(workers);
        now.complete(null);
        return now;
    }

    @Override
    public CompletableFuture<Void> whenComplete(BiConsumer<? super Void, ? super Throwable> action) {
        return Context.isOnEventLoopThread() ? whenCompleteAsync(action, workers) : super.whenComplete(action);
    }
}
