package io.mirrorregistry.cache;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/**
 * Clients that want the same at the same time: the first of them leads and asks the registries, the others follow and get what
 * came of it, without a thread each while they wait.
 *
 * @param <T> what a leader may find
 */
final class Crowd<T> {

    /**
     * What came of it.
     *
     * @param found what was found; null for nothing
     * @param failures why the registries could not serve; empty as well where the leader ended without a result
     */
    record Outcome<T>(T found, List<Exception> failures) {
    }

    /** One leader's errand. */
    final class Errand {

        private final Object key;
        private final CompletableFuture<Outcome<T>> outcome = new CompletableFuture<>();

        private Errand(Object key) {
            this.key = key;
        }

        /** Tells the followers what came of it; only the first call counts. */
        void end(Outcome<T> told) {
            errands.remove(key, this);
            outcome.complete(told);
        }

        CompletableFuture<Outcome<T>> outcome() {
            return outcome;
        }
    }

    private final ConcurrentMap<Object, Errand> errands = new ConcurrentHashMap<>();

    /**
     * Begins an errand, or finds the one under way.
     *
     * @param own an errand from {@link #errand} that becomes the caller's to lead, and to end in any case
     * @return the errand to follow; null where the caller leads
     */
    Errand join(Errand own) {
        return errands.putIfAbsent(own.key, own);
    }

    Errand errand(Object key) {
        return new Errand(key);
    }
}
