package io.mirrorregistry.rehearsal;

import java.util.Set;
import org.apache.camel.Consumer;
import org.apache.camel.Endpoint;
import org.apache.camel.Exchange;
import org.apache.camel.PollingConsumer;
import org.apache.camel.Processor;
import org.apache.camel.Producer;
import org.apache.camel.component.http.HttpEndpoint;
import org.apache.camel.spi.EndpointStrategy;
import org.apache.camel.support.DefaultConsumer;
import org.apache.camel.support.DefaultEndpoint;
import org.apache.camel.support.DefaultProducer;
import org.apache.camel.support.EventDrivenPollingConsumer;

/**
 * Keeps a rehearsal inside: every endpoint but those between routes, and those that call a stand-in, is replaced by one that does nothing.
 * No file is written, no call is made, and no consumer starts.
 */
final class OutsideEndpoints implements EndpointStrategy {

    /** Lead from one step of the mirror to another. */
    private static final Set<String> INSIDE = Set.of("direct", "platform-http", "bean", "class", "language", "dataformat");
    /** Take a copy of the message and leave it as it is. */
    private static final Set<String> SINKS = Set.of("log", "file", "seda", "disruptor", "stream", "mock", "stub");

    @Override
    public Endpoint registerEndpoint(String uri, Endpoint endpoint) {
        String scheme = endpoint.getEndpointUri().replaceFirst(":.*", "");
        if (INSIDE.contains(scheme) || endpoint instanceof Nothing || endpoint instanceof HttpEndpoint http && http.getHttpClient() instanceof StandInClient) {
            return endpoint;
        }
        return new Nothing(endpoint, SINKS.contains(scheme));
    }

    private static final class Nothing extends DefaultEndpoint {

        private final boolean sink;

        Nothing(Endpoint instead, boolean sink) {
            super(instead.getEndpointUri(), null);
            this.sink = sink;
            setCamelContext(instead.getCamelContext());
        }

        @Override
        public boolean isSingleton() {
            return true;
        }

        @Override
        public Producer createProducer() {
            return new DefaultProducer(this) {
                @Override
                public void process(Exchange exchange) {
                    Trace trace = Trace.of(exchange);
                    if (!sink && trace != null) {
                        trace.outside();
                    }
                }
            };
        }

        @Override
        public Consumer createConsumer(Processor processor) {
            return new DefaultConsumer(this, processor);
        }

        @Override
        public PollingConsumer createPollingConsumer() {
            return new EventDrivenPollingConsumer(this) {
                @Override
                public Exchange receive() {
                    return null;
                }

                @Override
                public Exchange receive(long timeout) {
                    return null;
                }
            };
        }
    }
}
