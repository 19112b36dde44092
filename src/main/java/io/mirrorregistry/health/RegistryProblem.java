package io.mirrorregistry.health;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.mirrorregistry.registry.Registry;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** Describes what is wrong with a registry, for people. */
public final class RegistryProblem {

    private RegistryProblem() {
    }

    /**
     * Returns one sentence: our account is refused, the registry is down and why, or its circuit breaker is open or half-open and since when.
     *
     * @param probe the last probe of the registry; null before the first
     * @return null if nothing is wrong, or nothing is known yet
     */
    public static String of(Registry registry, Probe probe) {
        String found = found(registry, probe);
        String breaker = breaker(registry);
        if (found == null && breaker == null) {
            return null;
        }
        return "Registry " + registry.name() + ": " + (found == null ? breaker : breaker == null ? found : found + "; " + breaker);
    }

    private static String found(Registry registry, Probe probe) {
        String account = registry.accountState().problem(registry.name());
        boolean down = probe != null && !probe.up();
        if (account != null) {
            return account;
        }
        return down ? "it is down: " + probe.whom() + " " + probe.status() : null;
    }

    /** Returns a phrase on the circuit breaker; null while it is closed. */
    static String breaker(Registry registry) {
        CircuitBreaker.State state = registry.breaker().getState();
        Instant since = registry.failingSince();
        if (state == CircuitBreaker.State.CLOSED) {
            return null;
        }
        String failing = "it failed too often" + (since == null ? "" : " (since " + since.truncatedTo(ChronoUnit.SECONDS) + ")");
        return failing + (state == CircuitBreaker.State.HALF_OPEN ? " and is being tried again" : " and is not asked for images");
    }
}
