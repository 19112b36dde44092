package io.mirrorregistry.reload;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.camel.CamelContext;
import org.apache.camel.model.BeanDefinition;
import org.apache.camel.model.EnrichDefinition;
import org.apache.camel.model.ProcessorDefinition;
import org.apache.camel.model.ProcessorDefinitionHelper;
import org.apache.camel.model.RouteDefinition;
import org.apache.camel.model.ToDefinition;
import org.apache.camel.model.ToDynamicDefinition;

/** Finds out whether a request of a client can come to a step, whatever conditions are on the way. */
final class StepReach {

    /** Steps that send a message to where only a request tells. */
    private static final Set<String> ANYWHERE = Set.of("recipientList", "routingSlip", "dynamicRouter", "process", "script");
    /** The beginning of an expression within an address. */
    private static final Pattern EXPRESSION = Pattern.compile("\\$\\{|\\$simple\\{");

    private final CamelContext camel;
    private final Map<RouteDefinition, String> addresses = new HashMap<>();

    StepReach(CamelContext camel, Collection<RouteDefinition> routes) {
        this.camel = camel;
        routes.forEach(route -> addresses.put(route, Beginnings.address(camel, route, route.getInput().getEndpointUri())));
    }

    /** Returns whether a step may run for requests that enter by this route. True where a step on the way leads to where nobody can tell. */
    boolean isReached(RouteDefinition entrance, NeededStep step) {
        Deque<RouteDefinition> left = new ArrayDeque<>(List.of(entrance));
        Set<RouteDefinition> seen = new HashSet<>(left);
        while (!left.isEmpty()) {
            RouteDefinition route = left.pop();
            if (calls(route, step) || leadsAnywhere(route)) {
                return true;
            }
            for (RouteDefinition next : next(route)) {
                if (seen.add(next)) {
                    left.push(next);
                }
            }
        }
        return false;
    }

    private static <T extends ProcessorDefinition<?>> Collection<T> steps(RouteDefinition route, Class<T> type) {
        return ProcessorDefinitionHelper.filterTypeInOutputs(route.getOutputs(), type);
    }

    private boolean calls(RouteDefinition route, NeededStep step) {
        return steps(route, BeanDefinition.class).stream().anyMatch(bean -> step.bean().equals(bean.getRef()) && bean.getMethod() != null
                && bean.getMethod().strip().replaceFirst("\\s*\\(.*", "").equals(step.method()));
    }

    private boolean leadsAnywhere(RouteDefinition route) {
        return ProcessorDefinitionHelper.filterTypeInOutputs(route.getOutputs(), ProcessorDefinition.class).stream()
                .anyMatch(step -> ANYWHERE.contains(step.getShortName())) || steps(route, BeanDefinition.class).stream().anyMatch(bean -> isOwnCode(route, bean));
    }

    /** A bean of the operator's own may send a message anywhere. */
    private boolean isOwnCode(RouteDefinition route, BeanDefinition bean) {
        Object found = bean.getRef() == null ? null : camel.getRegistry().lookupByName(Beginnings.resolve(camel, route, bean.getRef()));
        return found == null || !StepNames.isStep(found.getClass());
    }

    private List<RouteDefinition> next(RouteDefinition route) {
        Set<String> uris = new HashSet<>();
        steps(route, ToDefinition.class).forEach(to -> uris.add(to.getEndpointUri()));
        steps(route, ToDynamicDefinition.class).forEach(to -> uris.add(to.getUri()));
        steps(route, EnrichDefinition.class).forEach(enrich -> uris.add(String.valueOf(enrich.getExpression().getExpression())));
        steps(route, BeanDefinition.class).stream().filter(bean -> bean.getMethod() != null).forEach(bean -> uris.addAll(StepCheck.addresses(bean.getMethod())));
        return addresses.keySet().stream().filter(other -> uris.stream().anyMatch(uri -> isAddress(route, uri, addresses.get(other)))).toList();
    }

    private boolean isAddress(RouteDefinition route, String uri, String address) {
        String to = Beginnings.address(camel, route, uri);
        Matcher expression = EXPRESSION.matcher(to);
        return expression.find() ? address.startsWith(to.substring(0, expression.start())) : address.equals(to);
    }
}
