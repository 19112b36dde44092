package io.mirrorregistry.edge;

import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.RoutingContext;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangePattern;
import org.apache.camel.Processor;
import org.apache.camel.component.platform.http.PlatformHttpEndpoint;
import org.apache.camel.component.platform.http.spi.Method;
import org.apache.camel.component.platform.http.spi.PlatformHttpConsumer;
import org.apache.camel.component.platform.http.vertx.HttpMessage;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpRouter;
import org.apache.camel.support.DefaultConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Begins a route with what a client asks. Camel's own consumer keeps a worker until the route has ended; here the worker is free
 * as soon as a step goes on later by itself, so that thousands may wait for one answer. The message has no headers: what is
 * allowed of the client's is taken from the request by {@link Requests}.
 */
final class ClientsConsumer extends DefaultConsumer implements PlatformHttpConsumer {

    private static final Logger LOG = LoggerFactory.getLogger(ClientsConsumer.class);

    private final int port;
    private final Workers workers;
    private Route route;

    ClientsConsumer(PlatformHttpEndpoint endpoint, Processor processor, int port, Workers workers) {
        super(endpoint, processor);
        this.port = port;
        this.workers = workers;
    }

    @Override
    public PlatformHttpEndpoint getEndpoint() {
        return (PlatformHttpEndpoint) super.getEndpoint();
    }

    @Override
    protected void doStart() throws Exception {
        super.doStart();
        String path = getEndpoint().getPath();
        route = VertxPlatformHttpRouter.lookup(getEndpoint().getCamelContext(), VertxPlatformHttpRouter.getRouterNameFromPort(port))
                .route(getEndpoint().isMatchOnUriPrefix() && !path.endsWith("*") ? path + "*" : path);
        String methods = getEndpoint().getHttpMethodRestrict();
        if (methods != null) {
            Method.parseList(methods).forEach(method -> route.method(HttpMethod.valueOf(method.name())));
        }
        route.handler(this::take);
    }

    @Override
    protected void doStop() throws Exception {
        if (route != null) {
            route.remove();
        }
        super.doStop();
    }

    /** Runs on the event loop. */
    private void take(RoutingContext request) {
        if (request.request().query() != null) {
            // Refuses a malformed one.
            request.queryParams();
        }
        workers.run(request, () -> begin(request));
    }

    /** Runs on a worker. */
    private void begin(RoutingContext request) {
        if (request.response().closed()) {
            // The client has left before its turn came.
            return;
        }
        Context own = Vertx.currentContext();
        Exchange exchange = createExchange(false);
        exchange.setPattern(ExchangePattern.InOut);
        exchange.setIn(new HttpMessage(exchange, request.request(), request.response()));
        try {
            createUoW(exchange);
            getAsyncProcessor().process(exchange, doneSync -> own.runOnContext(nothing -> answer(request, exchange)));
        } catch (Exception e) {
            exchange.setException(e);
            own.runOnContext(nothing -> answer(request, exchange));
        }
    }

    /** Runs on the event loop. */
    private void answer(RoutingContext request, Exchange exchange) {
        HttpServerResponse response = request.response();
        if (response.ended() || response.closed()) {
            end(exchange);
        } else if (response.headWritten()) {
            response.reset();
            end(exchange);
        } else {
            if (exchange.getException() != null) {
                LOG.error("A route failed and dealt with it nowhere", exchange.getException());
                Frame.failed(request.request());
                end(exchange);
                return;
            }
            try {
                AnswerWriter.write(request, exchange, getEndpoint().getHeaderFilterStrategy()).onComplete(written -> end(exchange));
            } catch (RuntimeException e) {
                LOG.error("A route made an answer that cannot be sent", e);
                request.fail(e);
                end(exchange);
            }
        }
    }

    private void end(Exchange exchange) {
        doneUoW(exchange);
        releaseExchange(exchange, false);
    }
}
