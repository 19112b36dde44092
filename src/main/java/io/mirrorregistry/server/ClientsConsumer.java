package io.mirrorregistry.server;

import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.reload.Generation;
import io.mirrorregistry.reload.LiveRoutes;
import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.MemoryBudget;
import io.mirrorregistry.work.Workers;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangePattern;
import org.apache.camel.ExchangePropertyKey;
import org.apache.camel.Processor;
import org.apache.camel.Suspendable;
import org.apache.camel.component.platform.http.PlatformHttpEndpoint;
import org.apache.camel.component.platform.http.spi.Method;
import org.apache.camel.component.platform.http.spi.PlatformHttpConsumer;
import org.apache.camel.component.platform.http.vertx.HttpMessage;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpRouter;
import org.apache.camel.support.DefaultConsumer;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Begins a route with what a client asks. Camel's own consumer keeps a worker until the route has ended; here the worker is free
 * as soon as a step goes on later by itself, so that thousands may wait for one answer. The message has no headers: what is
 * allowed of the client's is taken from the request by {@link RequestStep}.
 */
final class ClientsConsumer extends DefaultConsumer implements PlatformHttpConsumer, Suspendable {

    /** The request's data by which a parsed path reaches the exchange. */
    private static final String PARSED = "mirror.path";
    /** The request's data by which that reaches the exchange which the event loop has found in memory. */
    private static final String GUESS = "mirror.guess";

    private final RepeatedFault faults = new RepeatedFault(LoggerFactory.getLogger(ClientsConsumer.class), Level.ERROR);
    private final int port;
    private final Workers workers;
    private final MemoryBudget memory;
    private final Duration answerTime;
    private final EventLoopFastPath fastPath;
    private final LiveRoutes live;
    private final String address;
    private Route route;

    ClientsConsumer(PlatformHttpEndpoint endpoint, Processor processor, int port, Workers workers, MemoryBudget memory,
            Duration answerTime, EventLoopFastPath fastPath, LiveRoutes live) {
        super(endpoint, processor);
        this.port = port;
        this.workers = workers;
        this.memory = memory;
        this.answerTime = answerTime;
        this.fastPath = fastPath;
        this.live = live;
        this.address = "platform-http:" + endpoint.getPath() + " " + endpoint.getHttpMethodRestrict();
    }

    @Override
    public PlatformHttpEndpoint getEndpoint() {
        return (PlatformHttpEndpoint) super.getEndpoint();
    }

    @Override
    protected void doStart() throws Exception {
        super.doStart();
        Generation.of(this).add(address, this);
        String path = getEndpoint().getPath();
        route = VertxPlatformHttpRouter.lookup(getEndpoint().getCamelContext(), VertxPlatformHttpRouter.getRouterNameFromPort(port))
                .route(getEndpoint().isMatchOnUriPrefix() && !path.endsWith("*") ? path + "*" : path);
        String methods = getEndpoint().getHttpMethodRestrict();
        if (methods != null) {
            Method.parseList(methods).forEach(method -> route.method(HttpMethod.valueOf(method.name())));
        }
        route.handler(this::take);
    }

    /** Takes no more requests; Camel waits for those that run before it stops the route. */
    @Override
    protected void doSuspend() {
        route.disable();
    }

    @Override
    protected void doResume() {
        route.enable();
    }

    @Override
    protected void doStop() throws Exception {
        if (route != null) {
            route.remove();
        }
        Generation.of(this).remove(address, this);
        super.doStop();
    }

    /** Runs on the event loop. */
    private void take(RoutingContext request) {
        if (request.request().query() != null) {
            // Refuses a malformed one.
            request.queryParams();
        }
        Context own = Vertx.currentContext();
        ApiPath path = EventLoopFastPath.parse(request.request());
        if (path != null) {
            request.put(PARSED, path);
        }
        Object guess = fastPath.guess(request.request(), path);
        if (guess != null) {
            request.put(GUESS, guess);
            long start = System.nanoTime();
            begin(request, own);
            fastPath.took(System.nanoTime() - start);
        } else {
            workers.run(request, () -> begin(request, own));
        }
    }

    /**
     * Runs on a worker, or the event loop where the answer is in memory. The request is served by the consumer that has this address in
     * the current generation of routes: this one or its successor.
     */
    private void begin(RoutingContext request, Context own) {
        if (request.response().closed()) {
            // The client has left before its turn came.
            return;
        }
        Generation generation = live.enter();
        Ending ending = null;
        try {
            if (generation.entrance(address) instanceof ClientsConsumer serving) {
                ending = serving.new Ending(generation);
                serving.serve(request, ending, own);
            } else {
                // The route has been removed since the request arrived.
                own.runOnContext(nothing -> request.next());
            }
        } finally {
            if (ending == null) {
                generation.leave();
            }
        }
    }

    private void serve(RoutingContext request, Ending ending, Context own) {
        try {
            Exchange exchange = createExchange(false);
            ending.exchange = exchange;
            // With InOut Camel would copy the message, with its headers, at the end of each route and of each block of steps.
            exchange.setPattern(ExchangePattern.InOnly);
            ending.pull = AccessLog.line(request).pull(memory.share(), answerTime);
            ending.pull.parsed(request.get(PARSED));
            ending.pull.lookup(request.get(GUESS));
            ending.pull.on(exchange);
            exchange.setIn(new HttpMessage(exchange, request.request(), request.response()));
            createUoW(exchange);
            getAsyncProcessor().process(exchange, doneSync -> {
                if (exchange.getException() == null && exchange.getMessage().getBody() instanceof StreamedBody body) {
                    onWorker(() -> stream(request, exchange, body, ending, own));
                } else if (Context.isOnEventLoopThread()) {
                    answer(request, exchange, ending);
                } else {
                    own.runOnContext(nothing -> answer(request, exchange, ending));
                }
            });
        } catch (Throwable e) {
            FatalErrors.check(e);
            faults.log("begin " + e.getClass().getName(), null, requestId(ending), e, "A request could not be worked on");
            failLater(request, ending, own);
        }
    }

    private static void failLater(RoutingContext request, Ending ending, Context own) {
        try {
            own.runOnContext(nothing -> fail(request, ending));
        } catch (RuntimeException ended) {
            // The event loop takes nothing any more.
            ending.end();
            throw ended;
        }
    }

    /** Runs the task here if this is a worker, as it is after a step that streams, unless a later step, such as a delay, has changed threads. */
    private void onWorker(Runnable task) {
        if (Workers.isWorker()) {
            task.run();
        } else {
            workers.execute(task);
        }
    }

    /** Runs on a worker, after the route has ended. */
    private void stream(RoutingContext request, Exchange exchange, StreamedBody body, Ending ending, Context own) {
        try {
            if (!request.response().ended() && !request.response().closed()) {
                AnswerWriter.stream(request.request(), exchange, getEndpoint().getHeaderFilterStrategy(), body);
            }
            ending.end();
        } catch (Throwable e) {
            FatalErrors.check(e);
            faults.log("answer " + e.getClass().getName(), null, requestId(ending), e, "A route made an answer that cannot be sent");
            failLater(request, ending, own);
        }
    }

    /** Runs on the event loop. */
    private void answer(RoutingContext request, Exchange exchange, Ending ending) {
        try {
            HttpServerResponse response = request.response();
            FatalErrors.check(exchange.getException());
            if (response.ended() || response.closed()) {
                ending.end();
            } else if (response.headWritten()) {
                response.reset();
                ending.end();
            } else if (exchange.getException() != null) {
                faults.log("route " + exchange.getException().getClass().getName(), null, requestId(ending), exchange.getException(),
                        "A route failed and dealt with it nowhere");
                fail(request, ending);
            } else {
                AnswerWriter.write(request, exchange, getEndpoint().getHeaderFilterStrategy()).onComplete(written -> ending.end());
            }
        } catch (AnswerWriter.NoAnswerException e) {
            String last = lastRoute(exchange);
            faults.log("no answer " + last + " " + request.request().method().equals(HttpMethod.HEAD), null, requestId(ending), null,
                    "The route " + last + " ended without an answer: " + request.request().method() + " "
                            + LoggedPath.of(request.request().path()));
            fail(request, ending);
        } catch (Throwable e) {
            FatalErrors.check(e);
            faults.log("answer " + e.getClass().getName(), null, requestId(ending), e, "A route made an answer that cannot be sent");
            fail(request, ending);
        }
    }

    private static String requestId(Ending ending) {
        return ending.pull == null ? null : ending.pull.requestId();
    }

    /** Returns the id of the route that the last step went to; of the route that began where that step led to none. */
    private static String lastRoute(Exchange exchange) {
        Object last = exchange.getProperty(ExchangePropertyKey.TO_ENDPOINT);
        return exchange.getContext().getRoutes().stream().filter(route -> route.getEndpoint().getEndpointUri().equals(last))
                .map(org.apache.camel.Route::getRouteId).findFirst().orElse(exchange.getFromRouteId());
    }

    /** Responds with 500, or ends the connection where even that is not possible. Runs on the event loop. */
    private static void fail(RoutingContext request, Ending ending) {
        try {
            HttpServerResponse response = request.response();
            if (response.headWritten() && !response.ended()) {
                response.reset();
            } else if (!response.ended() && !response.closed()) {
                String id = response.headers().get(RequestId.HEADER);
                String namespace = response.headers().get(RequestStep.NAMESPACE_HEADER);
                response.headers().clear();
                response.putHeader(RequestId.HEADER, String.valueOf(id));
                if (namespace != null) {
                    response.putHeader(RequestStep.NAMESPACE_HEADER, namespace);
                }
                EdgeHandlers.failed(request.request());
            }
        } catch (Throwable e) {
            FatalErrors.check(e);
            request.request().connection().close();
        } finally {
            ending.end();
        }
    }

    /**
     * Gives back what a request has taken, once, whatever became of it: its exchange, which ends its flight, what its
     * calls to registries hold, and its place in the generation of routes.
     */
    private final class Ending {

        private final AtomicReference<Generation> generation;
        private Exchange exchange;
        private Pull pull;

        private Ending(Generation generation) {
            this.generation = new AtomicReference<>(generation);
        }

        private void end() {
            Generation left = generation.getAndSet(null);
            if (left == null) {
                return;
            }
            try {
                if (exchange != null && exchange.getUnitOfWork() != null) {
                    doneUoW(exchange);
                    releaseExchange(exchange, false);
                }
            } finally {
                if (pull != null) {
                    pull.close();
                }
                left.leave();
            }
        }
    }
}
