package io.mirrorregistry.reload;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import java.util.List;
import org.apache.camel.AsyncCallback;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangePropertyKey;
import org.apache.camel.NamedNode;
import org.apache.camel.Navigate;
import org.apache.camel.Processor;
import org.apache.camel.Route;
import org.apache.camel.component.resilience4j.ResilienceProcessor;
import org.apache.camel.model.CircuitBreakerDefinition;
import org.apache.camel.processor.DefaultProcessorFactory;
import org.apache.camel.spi.ProcessorFactory;
import org.apache.camel.support.AsyncProcessorConverterHelper;
import org.apache.camel.support.AsyncProcessorSupport;
import org.apache.camel.support.service.ServiceHelper;

/**
 * Runs the steps of a {@code circuitBreaker} on the exchange itself. Camel runs them on a copy, and copies the result back, because after a timeout
 * they may go on beside the fallback. A {@code circuitBreaker} that has a timeout, a bulkhead, lists of exceptions, or no fallback is left to
 * Camel.
 */
final class BreakerProcessorFactory extends DefaultProcessorFactory {

    private BreakerProcessorFactory() {
    }

    /** Makes a context use this factory. Call it before the context builds routes. */
    static void install(CamelContext camel) {
        camel.getCamelContextExtension().lazyAddContextPlugin(ProcessorFactory.class, BreakerProcessorFactory::new);
    }

    @Override
    public Processor createProcessor(Route route, NamedNode definition) throws Exception {
        Processor made = super.createProcessor(route, definition);
        if (made instanceof ResilienceProcessor camels && definition instanceof CircuitBreakerDefinition circuitBreaker && isPlain(camels, circuitBreaker)) {
            List<Processor> steps = camels.next();
            return new BreakerProcessor(camels.getCircuitBreaker(), steps.get(0), steps.get(1));
        }
        return made;
    }

    private static boolean isPlain(ResilienceProcessor camels, CircuitBreakerDefinition definition) {
        return camels.getCircuitBreaker() != null && !camels.isDisabled() && !camels.isTimeoutEnabled() && !camels.isBulkheadEnabled() && camels.next().size() == 2
                && definition.getConfiguration() == null && definition.getResilience4jConfiguration() != null
                && definition.getResilience4jConfiguration().getRecordExceptions().isEmpty()
                && definition.getResilience4jConfiguration().getIgnoreExceptions().isEmpty();
    }

    /** Thread-safe. */
    private static final class BreakerProcessor extends AsyncProcessorSupport implements Navigate<Processor> {

        private final CircuitBreaker breaker;
        private final Processor steps;
        private final Processor fallback;

        private BreakerProcessor(CircuitBreaker breaker, Processor steps, Processor fallback) {
            this.breaker = breaker;
            this.steps = steps;
            this.fallback = fallback;
        }

        @Override
        public boolean process(Exchange exchange, AsyncCallback callback) {
            // As within doTry, no error handler of the route sees a failure before the fallback does.
            exchange.setProperty(ExchangePropertyKey.TRY_ROUTE_BLOCK, true);
            if (!breaker.tryAcquirePermission()) {
                return fallBack(exchange, callback);
            }
            long began = breaker.getCurrentTimestamp();
            return AsyncProcessorConverterHelper.convert(steps).process(exchange, doneSync -> {
                long took = breaker.getCurrentTimestamp() - began;
                // A step "stop" ends the steps in here only.
                exchange.setRouteStop(false);
                Exception failure = exchange.getException();
                if (failure == null) {
                    breaker.onResult(took, breaker.getTimestampUnit(), exchange);
                    end(exchange, true);
                    callback.done(doneSync);
                } else {
                    breaker.onError(took, breaker.getTimestampUnit(), failure);
                    fallBack(exchange, sync -> callback.done(doneSync && sync));
                }
            });
        }

        /** Runs the fallback, which finds the failure as the property {@link Exchange#EXCEPTION_CAUGHT}; none if the breaker refused the call. */
        private boolean fallBack(Exchange exchange, AsyncCallback callback) {
            if (exchange.getProperty(ExchangePropertyKey.FAILURE_ENDPOINT) == null) {
                exchange.setProperty(ExchangePropertyKey.FAILURE_ENDPOINT, exchange.getProperty(ExchangePropertyKey.TO_ENDPOINT));
            }
            exchange.setProperty(ExchangePropertyKey.EXCEPTION_HANDLED, true);
            exchange.setProperty(ExchangePropertyKey.EXCEPTION_CAUGHT, exchange.getException());
            exchange.setException(null);
            exchange.getExchangeExtension().setRedeliveryExhausted(false);
            return AsyncProcessorConverterHelper.convert(fallback).process(exchange, doneSync -> {
                end(exchange, false);
                callback.done(doneSync);
            });
        }

        /** Leaves what Camel leaves for routes to read. */
        private void end(Exchange exchange, boolean successful) {
            exchange.removeProperty(ExchangePropertyKey.TRY_ROUTE_BLOCK);
            exchange.setProperty(ExchangePropertyKey.CIRCUIT_BREAKER_RESPONSE_SUCCESSFUL_EXECUTION, successful);
            exchange.setProperty(ExchangePropertyKey.CIRCUIT_BREAKER_RESPONSE_FROM_FALLBACK, !successful);
            exchange.setProperty(ExchangePropertyKey.CIRCUIT_BREAKER_RESPONSE_SHORT_CIRCUITED, !successful);
            exchange.setProperty(ExchangePropertyKey.CIRCUIT_BREAKER_RESPONSE_STATE, breaker.getState().name());
        }

        @Override
        public List<Processor> next() {
            return List.of(steps, fallback);
        }

        @Override
        public boolean hasNext() {
            return true;
        }

        @Override
        protected void doBuild() throws Exception {
            ServiceHelper.buildService(steps, fallback);
        }

        @Override
        protected void doInit() throws Exception {
            ServiceHelper.initService(steps, fallback);
        }

        @Override
        protected void doStart() throws Exception {
            ServiceHelper.startService(steps, fallback);
        }

        @Override
        protected void doStop() throws Exception {
            ServiceHelper.stopService(steps, fallback);
        }

        @Override
        protected void doShutdown() throws Exception {
            ServiceHelper.stopAndShutdownServices(steps, fallback);
        }

        @Override
        public String toString() {
            return "CircuitBreaker[" + breaker.getName() + "]";
        }
    }
}
