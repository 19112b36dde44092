package io.mirrorregistry.status;

import io.mirrorregistry.health.RegistryHealthCheck;
import io.mirrorregistry.reload.SharedBeans;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import org.apache.camel.CamelContext;
import org.apache.camel.health.HealthCheck;
import org.apache.camel.health.HealthCheckHelper;

/**
 * Camel's health checks at Camel's addresses, with the same JSON, and one difference: a registry that is down is DOWN among the checks of
 * {@code /observe/health/ready} and leaves the mirror ready, since the check {@code registries} decides. Camel's own page makes the whole DOWN with
 * every check that is. {@code /observe/health} is DOWN while any check is.
 */
public final class HealthPage {

    private static final String PATH = "/observe/health";
    /** Before Camel's own routes. */
    private static final int FIRST = -1;

    private final CamelContext camel;

    public HealthPage(CamelContext camel) {
        this.camel = camel;
    }

    /** Serves the pages there. */
    public void serve(Router router) {
        serve(router, PATH, HealthCheckHelper::invoke, result -> result.getState() != HealthCheck.State.DOWN);
        serve(router, PATH + "/live", HealthCheckHelper::invokeLiveness, result -> result.getState() != HealthCheck.State.DOWN);
        serve(router, PATH + "/ready", HealthCheckHelper::invokeReadiness, result -> result.getState() == HealthCheck.State.UP
                || result.getCheck() instanceof RegistryHealthCheck);
    }

    private void serve(Router router, String path, BiFunction<CamelContext, String, Collection<HealthCheck.Result>> checks, Predicate<HealthCheck.Result> fine) {
        router.route(path).order(FIRST).method(HttpMethod.GET).method(HttpMethod.HEAD).blockingHandler(context -> {
            Collection<HealthCheck.Result> results = SharedBeans.search(camel, () -> checks.apply(camel, "full"));
            boolean up = results.stream().allMatch(fine);
            JsonObject body = new JsonObject().put("status", up ? "UP" : "DOWN");
            if (!"oneline".equals(context.request().getParam("exposureLevel"))) {
                body.put("checks", new JsonArray(results.stream().filter(wanted(context)).map(result -> state(context, result)).toList()));
            }
            ManagementResponse.send(context, up ? 200 : 503, "application/json", body.toBuffer());
        }, false);
    }

    private static Predicate<HealthCheck.Result> wanted(RoutingContext context) {
        boolean downOnly = "default".equals(context.request().getParam("exposureLevel"));
        return result -> !downOnly || result.getState() == HealthCheck.State.DOWN;
    }

    private static JsonObject state(RoutingContext context, HealthCheck.Result result) {
        JsonObject state = new JsonObject().put("name", result.getCheck().getId()).put("status", result.getState().name());
        result.getError().ifPresent(error -> state.put("error-message", String.valueOf(error.getMessage())));
        result.getMessage().ifPresent(message -> state.put("message", message));
        Map<String, Object> details = result.getDetails();
        if ("true".equals(context.request().getParam("data")) && details != null && !details.isEmpty()) {
            JsonObject data = new JsonObject();
            new TreeMap<>(details).forEach((name, value) -> data.put(name, value instanceof Number ? value : String.valueOf(value)));
            state.put("data", data);
        }
        return state;
    }
}
