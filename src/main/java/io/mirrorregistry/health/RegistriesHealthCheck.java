package io.mirrorregistry.health;

import java.util.List;
import java.util.Map;
import org.apache.camel.health.HealthCheckResultBuilder;
import org.apache.camel.impl.health.AbstractHealthCheck;

/**
 * Decides whether the mirror is ready: while any registry of {@code mirror.plan}, or any that serves a namespace, may serve. A registry that responds
 * and has never been up, such as a static file server that has nothing at {@code /v2/}, may serve until pulls fail; so may one that refuses our account.
 */
public final class RegistriesHealthCheck extends AbstractHealthCheck {

    private final RegistryProbes probes;

    public RegistriesHealthCheck(RegistryProbes probes) {
        super("mirror-registry", "registries");
        this.probes = probes;
    }

    @Override
    protected void doCall(HealthCheckResultBuilder builder, Map<String, Object> options) {
        List<String> serving = probes.mayServe();
        if (serving.isEmpty()) {
            builder.message("no registry can serve images").down();
        } else {
            builder.message("up: images can come from " + String.join(", ", serving)).up();
        }
    }

    @Override
    public boolean isLiveness() {
        return false;
    }
}
