package io.mirrorregistry.registry;

import io.mirrorregistry.protocol.ApiPath;
import org.apache.camel.Exchange;

/**
 * What a registry is to be asked next.
 *
 * @param head whether the method is HEAD; GET otherwise
 * @param path what is asked for
 * @param query the raw query; null for none
 * @param accept the Accept header; null for none
 * @param range the Range header; null for none
 */
public record Call(boolean head, ApiPath path, String query, String accept, String range) {

    private static final String PROPERTY = "mirror.call";

    /** Makes a GET without query or range. */
    public static Call get(ApiPath path, String accept) {
        return new Call(false, path, null, accept, null);
    }

    /** Returns the call that the exchange is to make next, or has just made. */
    public static Call of(Exchange exchange) {
        return exchange.getProperty(PROPERTY, Call.class);
    }

    /** Makes this the call that the exchange makes next. */
    public void next(Exchange exchange) {
        exchange.setProperty(PROPERTY, this);
    }

    /** Tells the call as it stands in logs. */
    @Override
    public String toString() {
        return (head ? "HEAD " : "GET ") + path;
    }
}
