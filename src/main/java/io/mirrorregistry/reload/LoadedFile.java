package io.mirrorregistry.reload;

import java.util.List;
import org.apache.camel.CamelContext;
import org.apache.camel.Consumer;
import org.apache.camel.Route;

/**
 * A file whose routes serve.
 *
 * @param file what was loaded
 * @param camel where its routes run
 * @param routes its routes
 */
record LoadedFile(RouteFile file, CamelContext camel, List<Route> routes) {

    /** Returns whether a route of this file begins with that. Camel wraps some consumers, so that their endpoint tells. */
    boolean has(Consumer beginning) {
        return routes.stream().anyMatch(route -> route.getEndpoint() == beginning.getEndpoint());
    }
}
