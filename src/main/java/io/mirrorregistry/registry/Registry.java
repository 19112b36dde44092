package io.mirrorregistry.registry;

import io.mirrorregistry.config.RegistrySettings;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.http.common.HttpMethods;

/**
 * One registry, as routes use it: a bean under the registry's name. Its {@code ask} prepares the call that camel-http then
 * makes; {@code trouble} and {@code notHere} tell what the answer means.
 */
public final class Registry {

    private static final String PROPERTY = "mirror.registry";

    private final RegistrySettings settings;
    private final RegistryClient client;

    /** @param connections the most connections at a time */
    public Registry(RegistrySettings settings, int connections) {
        this.settings = settings;
        this.client = settings.isFolder() ? null : new RegistryClient(settings, connections);
    }

    public String name() {
        return settings.name();
    }

    public RegistrySettings settings() {
        return settings;
    }

    /** Returns the client that camel-http calls this registry with; null for the folder. */
    public RegistryClient client() {
        return client;
    }

    /** Returns the registry that was asked last; null before the first was. */
    public static Registry lastAsked(Exchange exchange) {
        return exchange.getProperty(PROPERTY, Registry.class);
    }

    /** Prepares the next {@link Call}: nothing of an earlier answer is left in the message, nothing else goes out. */
    public void ask(Exchange exchange) {
        exchange.setProperty(PROPERTY, this);
        Call call = Call.of(exchange);
        Message message = exchange.getMessage();
        message.removeHeaders("*");
        message.setBody(null);
        message.setHeader(Exchange.HTTP_METHOD, call.head() ? HttpMethods.HEAD : HttpMethods.GET);
        message.setHeader(Exchange.HTTP_PATH, call.path().toString());
        if (call.query() != null) {
            message.setHeader(Exchange.HTTP_QUERY, call.query());
        }
        if (call.accept() != null) {
            message.setHeader("Accept", call.accept());
        }
        if (call.range() != null) {
            message.setHeader("Range", call.range());
        }
    }

    /** Says that the registry is in trouble, by the status it has just answered with. */
    public void trouble(Exchange exchange) throws RegistryTroubleException {
        int status = status(exchange);
        throw new RegistryTroubleException(name(), answered(exchange, status), status == 429,
                RegistryAnswers.retryAfter(exchange.getMessage().getHeader("Retry-After", String.class)));
    }

    /** Says that the registry has not got it, by the status it has just answered with. */
    public void notHere(Exchange exchange) throws NotHereException {
        throw new NotHereException(name(), answered(exchange, status(exchange)));
    }

    /** Returns the status of the last answer. */
    public static int status(Exchange exchange) {
        return exchange.getMessage().getHeader(Exchange.HTTP_RESPONSE_CODE, 0, Integer.class);
    }

    private static String answered(Exchange exchange, int status) {
        return Call.of(exchange) + " answered " + status;
    }

    /** Closes all connections. */
    public void close() {
        if (client != null) {
            client.shutDown();
        }
    }
}
