package io.mirrorregistry.registry.http;

import io.mirrorregistry.registry.AnswerTime;
import io.mirrorregistry.registry.RegistryAnswers;
import java.util.Set;
import java.util.TreeSet;
import org.apache.camel.Exchange;
import org.apache.camel.spi.HeaderFilterStrategy;

/** What passes between a message and a registry: four headers and three for the client out, and back only those whose meaning the mirror knows. */
public final class RegistryHeaders implements HeaderFilterStrategy {

    static final String REQUEST_ID = "X-Request-ID";

    private static final Set<String> OUT = caseless("Accept", "Range", REQUEST_ID, "Via", RegistryAnswers.REDIRECTS, AnswerTime.HEADER,
            RegistryAnswers.PATIENCE_END);
    private static final Set<String> IN = caseless("Content-Type", "Content-Length", "Content-Range", "Docker-Content-Digest", "ETag",
            "Link", "Location", "Retry-After", RegistryAnswers.AUTHORIZED, RegistryAnswers.RECOGNIZED, RegistryAnswers.ACCEPTED,
            RegistryAnswers.REDIRECTED);

    @Override
    public boolean applyFilterToCamelHeaders(String name, Object value, Exchange exchange) {
        return !OUT.contains(name);
    }

    @Override
    public boolean applyFilterToExternalHeaders(String name, Object value, Exchange exchange) {
        return !IN.contains(name);
    }

    private static Set<String> caseless(String... names) {
        Set<String> set = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
        set.addAll(Set.of(names));
        return set;
    }
}
