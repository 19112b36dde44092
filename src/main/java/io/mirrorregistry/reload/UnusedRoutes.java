package io.mirrorregistry.reload;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.model.RouteDefinition;
import org.apache.camel.spi.Registry;
import org.apache.camel.support.PluginHelper;

/**
 * The routes that preconditions leave out: they are built all the same, in a context where each registry that the program knows has a url and
 * its beans, so that an edit of them is not found to be wrong on the day that a setting brings them into use.
 */
final class UnusedRoutes {

    private static final Pattern IS_SET = Pattern.compile("\\s*'?\\{\\{([^{}]+)}}'?\\s*!=\\s*''\\s*");
    private static final Pattern IS_VALUE = Pattern.compile("\\s*'?\\{\\{([^{}]+)}}'?\\s*==\\s*'?([^']*?)'?\\s*");
    private static final String[] BEANS = {"", ".client", ".breaker", ".folder"};

    private final ContextMaker contexts;
    private final Map<String, RouteFile> files;
    private final Registry beans;
    private final RouteEnvironment environment;
    private final Map<RouteDefinition, RoutePlace> left = new LinkedHashMap<>();
    private final Map<String, Set<String>> reasons = new TreeMap<>();
    private final Set<String> used = new HashSet<>();

    /** Makes a context that is not started. */
    interface ContextMaker {
        DefaultCamelContext make() throws RoutesFailedException;
    }

    /** @param beans the beans of registries that are configured */
    UnusedRoutes(ContextMaker contexts, Map<String, RouteFile> files, Registry beans, RouteEnvironment environment) {
        this.contexts = contexts;
        this.files = files;
        this.beans = beans;
        this.environment = environment;
    }

    /** Notes that a route of a file is in use. */
    void used(String file) {
        used.add(file);
    }

    /** Adds a route that its precondition leaves out. */
    void add(RoutePlace place, RouteDefinition route) {
        left.put(route, place);
        reasons.computeIfAbsent(place.file(), some -> new TreeSet<>()).add(reason(route.getPrecondition()));
    }

    private static String reason(String precondition) {
        Matcher isSet = IS_SET.matcher(String.valueOf(precondition));
        Matcher isValue = IS_VALUE.matcher(String.valueOf(precondition));
        return isSet.matches() ? isSet.group(1) + " is empty" : isValue.matches() ? isValue.group(1) + " is not " + isValue.group(2)
                : "its precondition is not true: " + precondition;
    }

    /** Returns the files of which no route is in use, and why. */
    Map<String, String> files() {
        Map<String, String> all = new TreeMap<>();
        reasons.forEach((file, why) -> {
            if (!used.contains(file)) {
                all.put(file, String.join(", ", why));
            }
        });
        return all;
    }

    /** Builds the routes, and adds what is wrong with them to the faults of the files. */
    void check(CheckedFiles faults, Set<String> beginnings, Set<String> registries) {
        if (left.isEmpty()) {
            return;
        }
        try (DefaultCamelContext camel = contexts.make()) {
            camel.setAutoStartup(false);
            lend(camel);
            camel.start();
            Set<String> all = new HashSet<>(beginnings);
            left.keySet().forEach(route -> all.add(Beginnings.address(camel, route, route.getInput().getEndpointUri())));
            Set<String> known = new HashSet<>(registries);
            known.addAll(environment.leftOut());
            for (String file : reasons.keySet()) {
                RouteBuilder builder = (RouteBuilder) PluginHelper.getRoutesLoader(camel).findRoutesBuilders(files.get(file).resource()).iterator().next();
                builder.prepareModel(camel);
                for (RouteDefinition route : builder.getRouteCollection().getRoutes()) {
                    if (left.containsValue(place(file, route))) {
                        build(camel, place(file, route), route, faults, all, known);
                    }
                }
            }
        } catch (Exception | LinkageError | StackOverflowError e) {
            faults.fault("the routes that are not in use cannot be checked: " + FaultCauses.describe(e));
        }
    }

    private static RoutePlace place(String file, RouteDefinition route) {
        return new RoutePlace(file, route.hasCustomIdAssigned() ? route.getId() : null);
    }

    private static void build(DefaultCamelContext camel, RoutePlace place, RouteDefinition route, CheckedFiles faults, Set<String> beginnings, Set<String> registries) {
        try {
            route.setPrecondition(null);
            camel.addRouteDefinition(route);
            new StepCheck(camel, route, beginnings, registries, new LeftOut(Set.of()), (tokens, cause) -> faults.fault(place, tokens, cause)).run();
        } catch (Exception | LinkageError | StackOverflowError e) {
            faults.failed(place, e, "");
        }
    }

    /** Lends the beans of one registry to those that lack some: their class is what the check looks at. */
    private void lend(DefaultCamelContext camel) {
        Set<String> names = new TreeSet<>(environment.registries());
        names.addAll(environment.leftOut());
        for (String kind : BEANS) {
            environment.registries().stream().map(name -> beans.lookupByName(name + kind)).filter(bean -> bean != null).findFirst().ifPresent(lent ->
                    names.stream().filter(name -> beans.lookupByName(name + kind) == null).forEach(name -> camel.getRegistry().bind(name + kind, lent)));
        }
    }
}
