package io.mirrorregistry.server;

import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.work.FatalErrors;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangePattern;
import org.apache.camel.ExchangePropertyKey;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.support.DefaultExchange;

/**
 * The route that fetches the rest of a stream that has broken off. It is of the same generation as the route that began the stream: that
 * generation is not closed before the client's request has ended.
 *
 * @param exchange of the client's request, whose route has ended
 * @param address what the route begins with, such as {@code direct:blob-rest}
 */
record RestRoute(Exchange exchange, String address) {

    /** The exchange property by which the route's steps find the stream. */
    static final String STREAM = "mirror.stream";

    /**
     * Runs the route with the variables of the client's request. Blocks until it has ended.
     *
     * @param why what has broken the stream off: the failure that the route begins with
     * @throws IllegalStateException if the route failed for another reason than that no registry has the rest, or the client has left
     */
    void run(StreamedBlob stream, RegistryTroubleException why) {
        CamelContext camel = exchange.getContext();
        Exchange rest = new DefaultExchange(camel, ExchangePattern.InOnly);
        exchange.getProperties().forEach(rest::setProperty);
        exchange.getVariables().forEach(rest::setVariable);
        rest.setProperty(STREAM, stream);
        rest.setProperty(ExchangePropertyKey.EXCEPTION_CAUGHT, why);
        try (ProducerTemplate producer = camel.createProducerTemplate()) {
            producer.send(address, rest);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Exception failure = rest.getException();
        FatalErrors.check(failure);
        boolean ordinary = failure == null || failure instanceof RegistryTroubleException || failure instanceof NotHereException;
        if (!ordinary && !stream.isAbandoned()) {
            throw new IllegalStateException("the route from " + address + " failed", failure);
        }
    }
}
