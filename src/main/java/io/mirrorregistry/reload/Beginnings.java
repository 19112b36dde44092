package io.mirrorregistry.reload;

import java.util.HashMap;
import org.apache.camel.CamelContext;
import org.apache.camel.model.RouteDefinition;
import org.apache.camel.model.language.SimpleExpression;
import org.apache.camel.spi.PropertiesComponent;
import org.apache.camel.support.DefaultExchange;
import org.apache.camel.util.OrderedLocationProperties;

/** Reads the addresses of routes: which one a route begins with, and whether it is there at all. */
final class Beginnings {

    private Beginnings() {
    }

    /** Returns an address of a route without parameters, such as {@code direct:blob}, with placeholders and the template's parameters resolved. */
    static String address(CamelContext camel, RouteDefinition route, String uri) {
        String resolved = resolve(camel, route, uri);
        int parameters = resolved.indexOf('?');
        String address = parameters < 0 ? resolved : resolved.substring(0, parameters);
        return address.replaceFirst("^([a-z-]+):/{2}", "$1:");
    }

    /** Returns a text of a route with placeholders and the template's parameters resolved; the text itself where one is missing. */
    static String resolve(CamelContext camel, RouteDefinition route, String text) {
        PropertiesComponent placeholders = camel.getPropertiesComponent();
        boolean template = route.getTemplateParameters() != null;
        if (template) {
            OrderedLocationProperties parameters = new OrderedLocationProperties();
            parameters.putAll("template", new HashMap<>(route.getTemplateParameters()));
            placeholders.setLocalProperties(parameters);
        }
        try {
            return camel.resolvePropertyPlaceholders(text);
        } catch (IllegalArgumentException e) {
            // The missing placeholder is a fault of its own.
            return text;
        } finally {
            if (template) {
                placeholders.setLocalProperties(null);
            }
        }
    }

    /** Returns whether the route's precondition lets it be there. */
    static boolean isIncluded(CamelContext camel, RouteDefinition route) {
        if (route.getPrecondition() == null) {
            return true;
        }
        SimpleExpression precondition = new SimpleExpression(route.getPrecondition());
        precondition.initPredicate(camel);
        precondition.getPredicate().initPredicate(camel);
        return precondition.getPredicate().matches(new DefaultExchange(camel));
    }
}
