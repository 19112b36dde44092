package io.mirrorregistry.health;

import io.mirrorregistry.work.EventLoopWatch;
import java.time.Duration;
import java.util.Map;
import org.apache.camel.health.HealthCheckResultBuilder;
import org.apache.camel.impl.health.AbstractHealthCheck;

/**
 * Reports DOWN while the event loop of the clients' port is blocked: no client gets an answer then, and only a restart helps. The check
 * counts for liveness and readiness.
 */
public final class EventLoopHealthCheck extends AbstractHealthCheck {

    /** Longer than any pause that passes, such as a garbage collection on a loaded machine. */
    static final Duration LONGEST = Duration.ofSeconds(10);

    private final EventLoopWatch watch;

    public EventLoopHealthCheck(EventLoopWatch watch) {
        super("mirror-registry", "event-loop");
        this.watch = watch;
    }

    @Override
    protected void doCall(HealthCheckResultBuilder builder, Map<String, Object> options) {
        Duration blocked = watch.blocked();
        if (blocked.compareTo(LONGEST) < 0) {
            builder.message("up: the event loop of the clients' port runs").up();
        } else {
            builder.message("the event loop of the clients' port has been blocked for " + blocked.toSeconds() + " s").down();
        }
    }

    /** Camel's default is readiness alone. */
    @Override
    public boolean isLiveness() {
        return true;
    }
}
