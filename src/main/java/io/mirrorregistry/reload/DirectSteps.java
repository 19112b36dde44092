package io.mirrorregistry.reload;

import java.util.Map;
import org.apache.camel.AsyncCallback;
import org.apache.camel.Consumer;
import org.apache.camel.Endpoint;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangePropertyKey;
import org.apache.camel.Producer;
import org.apache.camel.component.direct.DirectComponent;
import org.apache.camel.component.direct.DirectConsumer;
import org.apache.camel.component.direct.DirectConsumerNotAvailableException;
import org.apache.camel.component.direct.DirectEndpoint;
import org.apache.camel.support.DefaultAsyncProducer;

/** What {@code direct:} in routes stands for: Camel's, but a step goes to the route of the {@link RouteSet} that its request is in. */
public final class DirectSteps extends DirectComponent {

    private final LiveRoutes live;

    public DirectSteps(LiveRoutes live) {
        this.live = live;
    }

    @Override
    protected Endpoint createEndpoint(String uri, String remaining, Map<String, Object> parameters) throws Exception {
        DirectEndpoint endpoint = new DirectEndpoint(uri, this) {
            @Override
            public Producer createProducer() {
                return new Step(this, "direct:" + remaining);
            }
        };
        endpoint.setBlock(isBlock());
        endpoint.setTimeout(getTimeout());
        setProperties(endpoint, parameters);
        return endpoint;
    }

    @Override
    public void addConsumer(String key, DirectConsumer consumer) {
        RouteSet.add(address(consumer), consumer);
    }

    @Override
    public void removeConsumer(String key, DirectConsumer consumer) {
        RouteSet.remove(address(consumer), consumer);
    }

    private static String address(Consumer consumer) {
        return consumer.getEndpoint().getEndpointBaseUri().replaceFirst("://", ":");
    }

    private final class Step extends DefaultAsyncProducer {

        private final DirectEndpoint endpoint;
        private final String address;

        private Step(DirectEndpoint endpoint, String address) {
            super(endpoint);
            this.endpoint = endpoint;
            this.address = address;
        }

        @Override
        public boolean process(Exchange exchange, AsyncCallback callback) {
            RouteSet set = RouteSet.of(exchange);
            DirectConsumer route = (DirectConsumer) (set == null ? live.current() : set).beginning(address);
            if (route == null) {
                if (endpoint.isFailIfNoConsumers()) {
                    exchange.setException(new DirectConsumerNotAvailableException("No route begins with " + address, exchange));
                }
                callback.done(true);
                return true;
            }
            if (endpoint.isSynchronous() || route.getEndpoint().isSynchronous()) {
                try {
                    route.getProcessor().process(exchange);
                } catch (Exception e) {
                    exchange.setException(e);
                }
                callback.done(true);
                return true;
            }
            if (exchange.getProperty(ExchangePropertyKey.OTEL_ACTIVE_SPAN) != null) {
                // As Camel's own step does: the span of this step is to end on this thread.
                exchange.setProperty(ExchangePropertyKey.OTEL_CLOSE_CLIENT_SCOPE, Boolean.TRUE);
            }
            return route.getAsyncProcessor().process(exchange, callback);
        }
    }
}
