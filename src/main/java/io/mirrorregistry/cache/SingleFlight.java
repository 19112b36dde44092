package io.mirrorregistry.cache;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Predicate;

/**
 * Clients that want the same at the same time: the first of them leads and asks the registries, the others follow and get what
 * came of it, without a thread each while they wait.
 *
 * @param <T> what a leader may find
 */
final class SingleFlight<T> {

    /**
     * What came of it.
     *
     * @param found what was found; null for nothing
     * @param failures why the registries could not serve; empty as well where the leader ended without a result
     * @param late whether the leader's time for an answer was over, so that another client's time may lead further
     */
    record Outcome<T>(T found, List<Exception> failures, boolean late) {

        static <T> Outcome<T> of(T found) {
            return new Outcome<>(found, List.of(), false);
        }
    }

    /** One leader's flight. */
    final class Flight {

        private final Object key;
        private final CompletableFuture<Outcome<T>> outcome = new CompletableFuture<>();

        private Flight(Object key) {
            this.key = key;
        }

        /** Tells the followers what came of it; only the first call counts. */
        void end(Outcome<T> told) {
            flights.remove(key, this);
            outcome.complete(told);
        }

        CompletableFuture<Outcome<T>> outcome() {
            return outcome;
        }
    }

    private final ConcurrentMap<Object, Flight> flights = new ConcurrentHashMap<>();

    /**
     * Begins a flight, or finds the one under way.
     *
     * @param own a flight from {@link #flight} that becomes the caller's to lead, and to end in any case
     * @return the flight to follow; null where the caller leads
     */
    Flight join(Flight own) {
        return flights.putIfAbsent(own.key, own);
    }

    /** Evicts the flights of such keys: the next request leads a new flight. Requests that follow an evicted flight still get its result. */
    void forget(Predicate<Object> affected) {
        flights.keySet().removeIf(affected);
    }

    Flight flight(Object key) {
        return new Flight(key);
    }
}
