package io.mirrorregistry.registry;

import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.OnWorker;
import io.mirrorregistry.work.Place;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;

/** Lets a request wait for a place of a bulkhead, without a thread, until it has the place, its time is over or its client leaves. */
public final class Turns {

    private Turns() {
    }

    /** Continues a request that has waited. */
    public interface Begin {

        /**
         * Takes the place over, or closes it. Runs on a worker.
         *
         * @param place null if the turn did not come in time
         * @throws RegistryTroubleException if the registry is not asked
         */
        void begin(Place place) throws RegistryTroubleException;
    }

    /**
     * Waits for a place.
     *
     * @param turn completes with the place; it is cancelled when the client leaves
     * @return what a step returns: the rest of the route runs on a worker. It fails with a {@link ClientLeftException} when the client has left,
     *     and with what {@code begin} throws
     */
    public static CompletionStage<Void> await(CallContext context, CompletableFuture<Place> turn, Executor workers, Begin begin) {
        OnWorker next = new OnWorker(workers);
        long began = System.nanoTime();
        context.whenAbandoned(() -> turn.cancel(false));
        // The thread that completes the turn may be one that must not block: the event loop, or that of a timer.
        turn.whenComplete((place, late) -> workers.execute(() -> {
            try {
                context.whenAbandoned(() -> { });
                context.waited(System.nanoTime() - began);
                if (context.abandoned()) {
                    if (place != null) {
                        place.close();
                    }
                    context.giveUpTurn();
                    throw new ClientLeftException();
                }
                begin.begin(place);
            } catch (Throwable e) {
                // A request that got neither a place nor a failure would wait for ever.
                FatalErrors.check(e);
                next.completeExceptionally(e);
                return;
            }
            next.complete(null);
        }));
        return next;
    }
}
