package io.mirrorregistry.server;

import io.mirrorregistry.pull.Pull;
import org.apache.camel.Exchange;
import org.apache.camel.spi.HeaderFilterStrategy;

/**
 * What passes between a client and a message: nothing in, since {@link RequestStep} takes what is allowed from the request
 * itself; out goes what the steps and routes have set, without Camel's own.
 */
public final class ClientHeaders implements HeaderFilterStrategy {

    @Override
    public boolean applyFilterToExternalHeaders(String name, Object value, Exchange exchange) {
        return true;
    }

    /** Content-Length goes out by hand for HEAD only, where there is no body to count. */
    @Override
    public boolean applyFilterToCamelHeaders(String name, Object value, Exchange exchange) {
        if (name.equalsIgnoreCase(Exchange.CONTENT_LENGTH)) {
            Pull pull = Pull.of(exchange);
            return pull == null || !pull.head();
        }
        return name.regionMatches(true, 0, "Camel", 0, 5) || name.equalsIgnoreCase(Exchange.CONTENT_TYPE);
    }
}
