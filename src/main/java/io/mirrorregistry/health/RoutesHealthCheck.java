package io.mirrorregistry.health;

import io.mirrorregistry.reload.RouteFault;
import io.mirrorregistry.reload.RouteWatcher;
import java.util.List;
import java.util.Map;
import org.apache.camel.health.HealthCheckResultBuilder;

/** Tells whether the routes that serve are those in the folder. The mirror is alive and ready all the same: the last good ones serve. */
public final class RoutesHealthCheck extends NoticeHealthCheck {

    private final RouteWatcher routes;

    public RoutesHealthCheck(RouteWatcher routes) {
        super("route-files");
        this.routes = routes;
    }

    @Override
    protected void doCall(HealthCheckResultBuilder builder, Map<String, Object> options) {
        List<RouteFault> refused = routes.refused();
        List<RouteFault> failing = routes.failing();
        if (refused.isEmpty() && !failing.isEmpty()) {
            builder.message("the routes serve, and fail: " + failing.get(0).withoutFolder()).down();
            return;
        }
        if (refused.isEmpty()) {
            builder.message("up: the routes in the folder serve").up();
            return;
        }
        builder.message("refused, the last good routes serve: " + refused.get(0).withoutFolder());
        builder.detail("routes.refused", String.join("; ", refused.stream().map(RouteFault::toString).toList()));
        builder.down();
    }
}
