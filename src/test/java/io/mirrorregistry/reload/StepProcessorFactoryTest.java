package io.mirrorregistry.reload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.registry.Step;
import io.mirrorregistry.work.OnWorker;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.camel.AsyncProcessor;
import org.apache.camel.BeanScope;
import org.apache.camel.Exchange;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.support.DefaultExchange;
import org.apache.camel.support.PluginHelper;
import org.apache.camel.support.service.ServiceHelper;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How routes call the mirror's steps, and beans that are none. */
class StepProcessorFactoryTest {

    private final DefaultCamelContext camel = new DefaultCamelContext();
    private final Steps steps = new Steps();
    private final AtomicInteger done = new AtomicInteger();

    /** Steps as the mirror has them, and methods that are none. */
    public static final class Steps {

        private final CompletableFuture<Void> later = new CompletableFuture<>();
        private final IOException failure = new IOException("broken");
        private String seen;

        @Step
        public void plain(Exchange exchange) {
            seen = "plain " + exchange.getMessage().getHeaders();
        }

        @Step
        public void fails(Exchange exchange) throws IOException {
            throw failure;
        }

        @Step
        public void fatal(Exchange exchange) {
            throw new StackOverflowError();
        }

        @Step
        public CompletionStage<Void> now(Exchange exchange) {
            return OnWorker.now(Runnable::run);
        }

        @Step
        public CompletionStage<Void> later(Exchange exchange) {
            return later;
        }

        @Step
        public CompletionStage<Void> failed(Exchange exchange) {
            return CompletableFuture.failedFuture(failure);
        }

        @Step
        public void with(String name, Exchange exchange) {
            seen = name;
        }

        public String text(Exchange exchange) {
            return "text";
        }
    }

    @BeforeEach
    void start() {
        StepProcessorFactory.install(camel);
        camel.getRegistry().bind("steps", steps);
        camel.start();
    }

    @AfterEach
    void stop() {
        camel.stop();
    }

    private Exchange call(String method) throws Exception {
        Exchange exchange = new DefaultExchange(camel);
        call(method, exchange);
        return exchange;
    }

    /** Returns whether the step has ended on this thread. */
    private boolean call(String method, Exchange exchange) throws Exception {
        AsyncProcessor step = (AsyncProcessor) PluginHelper.getBeanProcessorFactory(camel)
                .createBeanProcessor(camel, null, null, null, "steps", method, BeanScope.Singleton);
        ServiceHelper.startService(step);
        return step.process(exchange, doneSync -> done.incrementAndGet());
    }

    @Test
    void aStepGetsTheExchangeAsItIs() throws Exception {
        Exchange exchange = new DefaultExchange(camel);
        exchange.getMessage().setHeader("CamelBeanMethodName", "fails");
        assertTrue(call("plain", exchange));
        assertEquals("plain {CamelBeanMethodName=fails}", steps.seen);
        assertNull(exchange.getException());
        assertEquals(1, done.get());
    }

    @Test
    void aStepThatHasEndedLetsTheRouteGoOnAtOnce() throws Exception {
        Exchange exchange = new DefaultExchange(camel);
        assertTrue(call("now", exchange));
        assertNull(exchange.getException());
        assertEquals(1, done.get());
    }

    @Test
    void aStepThatEndsLaterLetsTheRouteGoOnThen() throws Exception {
        Exchange exchange = new DefaultExchange(camel);
        assertFalse(call("later", exchange));
        assertEquals(0, done.get());
        steps.later.completeExceptionally(steps.failure);
        assertSame(steps.failure, exchange.getException());
        assertEquals(1, done.get());
    }

    @Test
    void theRouteGetsWhatAStepThrows() throws Exception {
        assertSame(steps.failure, call("fails").getException());
        assertSame(steps.failure, call("failed").getException());
        assertInstanceOf(StackOverflowError.class, call("fatal").getException().getCause());
        assertEquals(3, done.get());
    }

    @Test
    void camelCallsAllElse() throws Exception {
        assertEquals("text", call("text").getMessage().getBody());
        assertNull(call("with('hot')").getException());
        assertEquals("hot", steps.seen);
    }
}
