package io.mirrorregistry.status;

import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;

/**
 * The metrics at {@code /observe/metrics}, and at {@code /metrics}, where Prometheus looks if nobody tells it otherwise: as OpenMetrics if the header
 * Accept names that, as Prometheus' own text otherwise. Camel's page at the first address responds 406 to OpenMetrics alone, and 405 to HEAD.
 */
public final class MetricsPage {

    private static final String TEXT = "text/plain; version=0.0.4; charset=utf-8";
    private static final String OPEN_METRICS = "application/openmetrics-text";
    /** Before Camel's own route. */
    private static final int FIRST = -1;

    private final PrometheusMeterRegistry metrics;

    public MetricsPage(PrometheusMeterRegistry metrics) {
        this.metrics = metrics;
    }

    /** Serves the page there. */
    public void serve(Router router) {
        for (String path : new String[] {"/observe/metrics", "/metrics"}) {
            router.route(path).order(FIRST).method(HttpMethod.GET).method(HttpMethod.HEAD).blockingHandler(this::answer, false);
        }
    }

    private void answer(RoutingContext context) {
        boolean open = context.request().headers().getAll("Accept").stream().anyMatch(line -> line.contains(OPEN_METRICS));
        String type = open ? OPEN_METRICS + "; version=1.0.0; charset=utf-8" : TEXT;
        ManagementResponse.send(context, 200, type, Buffer.buffer(metrics.scrape(type)));
    }
}
