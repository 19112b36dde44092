package io.mirrorregistry.explain;

import io.mirrorregistry.cache.Remembered;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.pull.PlanStep;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.server.RequestStep;
import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.MemoryBudget;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangePattern;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.support.DefaultExchange;

/** Runs the route that plans requests, for one that no client has sent. Thread-safe; a run blocks for as long as the route takes. */
final class Planner {

    private static final String ROUTE = "direct:plan";

    private final PlanStep plan;
    private final BiFunction<Plan, Reference, Remembered> cached;
    private final MemoryBudget memory;

    /**
     * What became of planning.
     *
     * @param namespace the namespace of the request; empty for none
     * @param repository the repository's name in that namespace
     * @param plan null if there is none
     * @param memory what memory has for the plan
     * @param status the status of the response that the route itself made; 0 for none
     * @param failure why there is no plan; null if the route has not failed
     * @param ownRoutes the registries of the plan that clients' requests reach by a route of a file, rather than of a template
     */
    record Planned(String namespace, String repository, Plan plan, Remembered memory, int status, String failure, List<String> ownRoutes) {
    }

    /**
     * @param cached returns what the cache has for a plan; looking takes some milliseconds
     * @param memory bounds what responses take, if the route calls registries
     */
    Planner(PlanStep plan, BiFunction<Plan, Reference, Remembered> cached, MemoryBudget memory) {
        this.plan = plan;
        this.cached = cached;
        this.memory = memory;
    }

    /**
     * Plans a request.
     *
     * @param camel the context of the routes
     */
    Planned plan(Question question, CamelContext camel) {
        RepositoryName within = null;
        try (Pull pull = new Pull(new ApiRequest(false, question.path(), MediaTypes.ANY_MANIFEST, null, ApiRequest.Page.ALL, null), memory.share());
                ProducerTemplate producer = camel.createProducerTemplate()) {
            try {
                pull.clientAddress(question.client());
                within = plan.begin(pull, question.namespace());
                Exchange exchange = new DefaultExchange(camel, ExchangePattern.InOut);
                pull.on(exchange);
                RequestStep.setVariables(exchange, pull, within);
                return planned(pull, within, producer.send(ROUTE, exchange));
            } catch (ProtocolException | RuntimeException e) {
                FatalErrors.check(e);
                return new Planned(pull.namespace(), (within == null ? question.path().repository() : within).value(), null, Remembered.NOTHING,
                        status(e), words(e), List.of());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Planned planned(Pull pull, RepositoryName within, Exchange exchange) {
        Throwable failure = exchange.getException();
        FatalErrors.check(failure);
        if (failure == null && exchange.getExchangeExtension().isErrorHandlerHandledSet() && exchange.getExchangeExtension().isErrorHandlerHandled()) {
            failure = exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
        }
        // A route sets a status if it makes the response itself, and so does the handling of a failure.
        int status = exchange.getMessage().getHeader(Exchange.HTTP_RESPONSE_CODE, failure == null ? 0 : status(failure), Integer.class);
        if (status != 0) {
            return new Planned(pull.namespace(), within.value(), null, Remembered.NOTHING, status, failure == null ? null : words(failure), List.of());
        }
        Plan made = pull.plan();
        return new Planned(pull.namespace(), within.value(), made, cached.apply(made, pull.request().path().reference()), 0, null,
                ownRoutes(made, exchange.getContext()));
    }

    private static List<String> ownRoutes(Plan plan, CamelContext camel) {
        Set<String> addresses = camel.getRoutes().stream().filter(route -> !route.isCreatedByRouteTemplate())
                .map(route -> route.getEndpoint().getEndpointBaseUri()).collect(Collectors.toSet());
        return plan.targets().stream().map(Plan.Target::registry).filter(registry -> addresses.contains("direct://registry-" + registry)).toList();
    }

    /** Returns the status that a client gets for a failure that the route plan does not handle itself. */
    private static int status(Throwable failure) {
        ErrorCode code = ErrorCode.UNKNOWN;
        if (failure instanceof ProtocolException refused) {
            code = refused.code();
        } else if (failure instanceof NotHereException) {
            code = ErrorCode.MANIFEST_UNKNOWN;
        } else if (failure instanceof RegistryTroubleException trouble) {
            code = trouble.throttled() ? ErrorCode.TOOMANYREQUESTS : ErrorCode.UNAVAILABLE;
        }
        return code.status();
    }

    private static String words(Throwable failure) {
        return failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
    }
}
