package io.mirrorregistry.health;

import java.util.Map;
import java.util.function.Supplier;
import org.apache.camel.health.HealthCheckResultBuilder;

/** DOWN while something has a problem that pulls do not depend on. The mirror is alive and ready all the same. */
public final class ProblemHealthCheck extends NoticeHealthCheck {

    private final String id;
    private final Supplier<String> problem;

    /**
     * @param id the name under which people find it, such as {@code warm-store}
     * @param problem returns a sentence; null for no problem. It does not block
     */
    public ProblemHealthCheck(String id, Supplier<String> problem) {
        super(id);
        this.id = id;
        this.problem = problem;
    }

    @Override
    protected void doCall(HealthCheckResultBuilder builder, Map<String, Object> options) {
        String now = problem.get();
        if (now == null) {
            builder.message("up").up();
        } else {
            builder.message(now).detail(id + ".problem", now).down();
        }
    }
}
