package io.mirrorregistry.health;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.mirrorregistry.registry.Registry;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.apache.camel.health.HealthCheckResultBuilder;
import org.apache.camel.impl.health.AbstractHealthCheck;

/**
 * Reports how one registry is: DOWN while it does not respond, refuses our account, or has an open circuit breaker. A registry that is only slow is UP,
 * and the message begins with "slow". It is among the checks for readiness and does not decide on it: {@link RegistriesHealthCheck} does.
 */
public final class RegistryHealthCheck extends AbstractHealthCheck {

    private final Registry registry;
    private final RegistryProbes probes;

    public RegistryHealthCheck(Registry registry, RegistryProbes probes) {
        super("mirror-registry", "registry-" + registry.name());
        this.registry = registry;
        this.probes = probes;
    }

    @Override
    protected void doCall(HealthCheckResultBuilder builder, Map<String, Object> options) {
        Probe probe = probes.last(registry.name());
        String problem = RegistryProblem.of(registry, probe);
        String slow = registry.slowness().problem();
        CircuitBreaker.State breaker = registry.breaker().getState();
        builder.detail("registry.breaker", breaker.name());
        builder.detail("registry.account", registry.accountState().label());
        if (problem != null) {
            builder.detail("registry.problem", problem);
        }
        if (slow != null) {
            builder.detail("registry.slow", slow);
        }
        if (probe == null) {
            builder.message("not asked yet").unknown();
            return;
        }
        long secondsAgo = Duration.between(probe.at(), Instant.now()).toSeconds();
        boolean up = probes.isUp(registry.name()) && breaker != CircuitBreaker.State.OPEN;
        String state = !up ? "down" : slow != null ? "slow" : "up";
        String account = registry.accountState().problem(registry.name());
        String failing = RegistryProblem.breaker(registry);
        builder.message(state + ": " + probe.whom() + " " + probe.status() + ", " + secondsAgo + " s ago"
                + (account == null ? "" : "; " + account) + (failing == null ? "" : "; " + failing) + (slow == null ? "" : "; " + slow));
        builder.detail("registry.state", state);
        builder.detail("registry.asked", probe.asked());
        builder.detail("registry.status", probe.status());
        builder.detail("registry.secondsAgo", secondsAgo);
        builder.state(up ? State.UP : State.DOWN);
    }

    @Override
    public boolean isLiveness() {
        return false;
    }
}
