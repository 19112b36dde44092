package io.mirrorregistry.logging;

import java.util.function.Function;
import org.apache.camel.Exchange;
import org.apache.camel.spi.CamelLogger;
import org.apache.camel.spi.LogListener;
import org.slf4j.MDC;

/**
 * Gives the lines that a step {@code log}, or an endpoint {@code log:}, of a route writes the id of the request. Camel finds this bean by its type
 * for each CamelContext, and calls it on the thread that logs, before and after the line. Camel's own MDC logging would cost each request
 * something, also where no route logs.
 */
public final class RouteLines implements LogListener {

    /** The field of a line, and the name in the MDC. */
    static final String REQUEST_ID = "request_id";

    private final Function<Exchange, String> requestId;

    /** @param requestId returns the id of an exchange's request; null for none */
    public RouteLines(Function<Exchange, String> requestId) {
        this.requestId = requestId;
    }

    @Override
    public String onLog(Exchange exchange, CamelLogger logger, String message) {
        String id = requestId.apply(exchange);
        if (id != null) {
            MDC.put(REQUEST_ID, id);
        }
        return message;
    }

    @Override
    public void afterLog(Exchange exchange, CamelLogger logger, String message) {
        MDC.remove(REQUEST_ID);
    }
}
