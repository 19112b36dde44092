package io.mirrorregistry.health;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.mirrorregistry.registry.Registry;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.apache.camel.health.HealthCheckResultBuilder;
import org.apache.camel.impl.health.AbstractHealthCheck;

/**
 * Tells how one registry is. A registry that is down is shown but leaves the mirror ready, as long as another can serve: one of {@code mirror.plan}, or
 * one that serves a namespace. A registry that responds and has never been up, such as a static file server that has nothing at {@code /v2/}, may
 * serve until pulls fail.
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
        if (probe == null) {
            builder.message("not asked yet");
            builder.state(probes.anyMayServe() ? State.UP : State.DOWN);
            return;
        }
        long secondsAgo = Duration.between(probe.at(), Instant.now()).toSeconds();
        // Camel escapes messages twice, so that the whole address, with its slashes, is a detail (?data=true).
        boolean asked = registry.breaker().getState() == CircuitBreaker.State.CLOSED;
        builder.message((probe.up() ? "up: " : "down: ") + probe.whom() + " " + probe.status() + ", " + secondsAgo + " s ago"
                + (asked ? "" : "; it failed too often and is not asked for images"));
        builder.detail("registry.breaker", registry.breaker().getState().name());
        builder.detail("registry.state", probe.up() ? "up" : "down");
        builder.detail("registry.asked", probe.asked());
        builder.detail("registry.status", probe.status());
        builder.detail("registry.secondsAgo", secondsAgo);
        builder.state(probes.anyMayServe() ? State.UP : State.DOWN);
    }

    @Override
    public boolean isLiveness() {
        return false;
    }
}
