package io.mirrorregistry.reload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import java.io.IOException;
import org.apache.camel.Exchange;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.model.CircuitBreakerDefinition;
import org.apache.camel.support.DefaultExchange;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How the steps of a circuitBreaker run. */
class BreakerProcessorFactoryTest {

    private final DefaultCamelContext camel = new DefaultCamelContext();
    private final CircuitBreaker breaker = CircuitBreaker.of("hot", CircuitBreakerConfig.custom().slidingWindowSize(2).minimumNumberOfCalls(2).build());
    private final IOException failure = new IOException("broken");
    private Exchange inside;
    private boolean fails;
    private Exchange inFallback;
    private Exception caught;

    @AfterEach
    void stop() {
        camel.stop();
    }

    /** Starts a route with a circuitBreaker, and with a doTry around it. */
    private void start(boolean bulkhead) throws Exception {
        BreakerProcessorFactory.install(camel);
        camel.getRegistry().bind("hot.breaker", breaker);
        camel.addRoutes(new RouteBuilder() {
            @Override
            public void configure() {
                CircuitBreakerDefinition circuitBreaker = from("direct:in").errorHandler(noErrorHandler()).circuitBreaker();
                circuitBreaker.resilience4jConfiguration().circuitBreaker("hot.breaker").bulkheadEnabled(bulkhead)
                        .throwExceptionWhenHalfOpenOrOpenState(true);
                circuitBreaker.process(exchange -> {
                    inside = exchange;
                    exchange.getMessage().setBody("answer");
                    exchange.setVariable("called", "yes");
                    if (fails) {
                        throw failure;
                    }
                }).onFallback().process(exchange -> {
                    inFallback = exchange;
                    caught = exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
                    exchange.removeProperty(Exchange.EXCEPTION_HANDLED);
                    throw new IllegalStateException("fallback");
                }).end().setHeader("after", constant("reached"));
            }
        });
        camel.start();
    }

    private Exchange call() {
        Exchange exchange = new DefaultExchange(camel);
        return camel.createProducerTemplate().send("direct:in", exchange);
    }

    @Test
    void theStepsRunOnTheExchangeItself() throws Exception {
        start(false);
        Exchange exchange = call();
        assertSame(exchange, inside);
        assertNull(exchange.getException());
        assertEquals("answer", exchange.getMessage().getBody());
        assertEquals("yes", exchange.getVariable("called"));
        assertEquals("reached", exchange.getMessage().getHeader("after"));
        assertEquals(1, breaker.getMetrics().getNumberOfSuccessfulCalls());
    }

    @Test
    void theFallbackGetsTheFailureAndTheRouteWhatTheFallbackThrows() throws Exception {
        start(false);
        fails = true;
        Exchange exchange = call();
        assertSame(failure, caught);
        assertEquals("fallback", exchange.getException().getMessage());
        assertNull(exchange.getMessage().getHeader("after"));
        assertEquals(1, breaker.getMetrics().getNumberOfFailedCalls());
    }

    @Test
    void aBreakerThatIsOpenRefusesTheCall() throws Exception {
        start(false);
        breaker.transitionToOpenState();
        Exchange exchange = call();
        assertNull(inside);
        assertNull(caught);
        assertSame(exchange, inFallback);
        assertEquals("fallback", exchange.getException().getMessage());
        assertEquals(1, breaker.getMetrics().getNumberOfNotPermittedCalls());
    }

    @Test
    void itOpensAfterFailures() throws Exception {
        start(false);
        fails = true;
        call();
        call();
        assertEquals(CircuitBreaker.State.OPEN, breaker.getState());
        inside = null;
        call();
        assertNull(inside);
    }

    @Test
    void oneWithABulkheadIsLeftToCamel() throws Exception {
        start(true);
        Exchange exchange = call();
        assertNotSame(exchange, inside);
        assertEquals("answer", exchange.getMessage().getBody());
    }
}
