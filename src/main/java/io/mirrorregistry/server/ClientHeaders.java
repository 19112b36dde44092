package io.mirrorregistry.server;

import io.mirrorregistry.pull.Pull;
import org.apache.camel.Exchange;
import org.apache.camel.spi.HeaderFilterStrategy;

/**
 * What passes between a client and a message: nothing in, since {@link RequestStep} takes what is allowed from the request itself. Out goes what
 * the last answer step and the route after it have set, without Camel's own headers and without those that are about the connection. Nothing of
 * a registry's response is among them: each answer step removes all headers before it sets its own.
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
        return name.regionMatches(true, 0, "Camel", 0, 5) || name.equalsIgnoreCase(Exchange.CONTENT_TYPE) || isOfConnection(name);
    }

    /**
     * Returns whether a header is about the connection rather than the answer; the server sets these itself.
     *
     * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1">RFC 9110, Connection</a>
     */
    private static boolean isOfConnection(String name) {
        // By length first: hardly any header of an answer has one of these.
        return switch (name.length()) {
            case 2 -> name.equalsIgnoreCase("TE");
            case 7 -> name.equalsIgnoreCase("Trailer") || name.equalsIgnoreCase("Upgrade");
            case 10 -> name.equalsIgnoreCase("Connection") || name.equalsIgnoreCase("Keep-Alive");
            case 16 -> name.equalsIgnoreCase("Proxy-Connection");
            case 17 -> name.equalsIgnoreCase("Transfer-Encoding");
            case 18 -> name.equalsIgnoreCase("Proxy-Authenticate");
            case 19 -> name.equalsIgnoreCase("Proxy-Authorization");
            default -> false;
        };
    }
}
