package io.mirrorregistry.reload;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.camel.CamelContext;
import org.apache.camel.model.Model;
import org.apache.camel.model.RouteDefinition;

/** Makes routes from the templates of the files for what has no route of its own. */
final class TemplateRoutes {

    private TemplateRoutes() {
    }

    /**
     * Adds the wanted routes that no file has.
     *
     * @param camel not initialized yet, with the routes and templates of all files; it starts the added routes with the others
     * @throws Exception when a template is missing or asks for another parameter than {@code name}
     */
    static void add(CamelContext camel, List<WantedRoute> wanted) throws Exception {
        if (wanted.isEmpty()) {
            return;
        }
        Model model = model(camel);
        Set<String> beginnings = new HashSet<>();
        for (RouteDefinition route : model.getRouteDefinitions()) {
            if (Beginnings.isIncluded(camel, route)) {
                beginnings.add(Beginnings.address(camel, route, route.getInput().getEndpointUri()));
            }
        }
        for (WantedRoute route : wanted) {
            if (!beginnings.contains(route.address())) {
                add(model, route);
            }
        }
    }

    static void add(Model model, WantedRoute route) throws Exception {
        model.addRouteFromTemplate(route.routeId(), route.template(), Map.of(WantedRoute.PARAMETER, route.name()));
    }

    static Model model(CamelContext camel) {
        return camel.getCamelContextExtension().getContextPlugin(Model.class);
    }
}
