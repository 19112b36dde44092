package io.mirrorregistry.reload;

import io.mirrorregistry.work.FatalErrors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.camel.RouteConfigurationsBuilder;
import org.apache.camel.StartupSummaryLevel;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.model.EnrichDefinition;
import org.apache.camel.model.ProcessorDefinitionHelper;
import org.apache.camel.model.RouteDefinition;
import org.apache.camel.model.ToDefinition;
import org.apache.camel.model.ToDynamicDefinition;
import org.apache.camel.spi.Registry;
import org.apache.camel.support.PluginHelper;

/**
 * Finds out whether a set of route files is sound, without running any of it: the YAML, the endpoints and their parameters,
 * beans and their methods, placeholders, expressions, ids, and that each {@code direct:} leads somewhere. The routes are built in
 * a Camel of their own that starts none of them.
 */
public final class RouteCheck {

    private static final String DIRECT = "direct:";
    private static final String CLIENTS = "platform-http:";
    private static final String PULLS = "platform-http:/v2";

    /**
     * A bound on the YAML values of all files together: the routes that come with the mirror have 1,600. A value takes up to 2 kB
     * while routes are checked and built.
     */
    private static final int MOST_VALUES = (int) Math.max(10_000, Math.min(200_000, Runtime.getRuntime().maxMemory() / 4096));

    /** A bound on the routes of all files together: Camel compares each with all that are there, so that thousands take minutes. */
    private static final int MOST_ROUTES = 500;

    private final Registry beans;
    private final Map<String, String> placeholders;

    /**
     * @param beans what routes may name; not changed
     * @param placeholders what they may refer to as {@code {{name}}}
     */
    public RouteCheck(Registry beans, Map<String, String> placeholders) {
        this.beans = beans;
        this.placeholders = placeholders;
    }

    /** Returns what is wrong with the files of a folder; nothing where they are sound. */
    public List<RouteFault> faults(Path folder) {
        try {
            return faults(new RouteFolder(folder).read());
        } catch (IOException e) {
            return List.of(RouteFolder.unreadable(e.getMessage()));
        }
    }

    /**
     * Returns what is wrong with a folder, at a start, which should be quick: the files that the program itself carries were checked when
     * it was built, and are not checked again.
     *
     * @throws IOException when the program's jar cannot be read
     */
    List<RouteFault> faultsAtStart(RouteFolder.Contents contents) throws IOException {
        return contents.faults().isEmpty() && contents.files().equals(RouteFolder.shipped()) ? List.of() : faults(contents);
    }

    /** Returns what is wrong, file by file; nothing for a set that is sound. */
    List<RouteFault> faults(RouteFolder.Contents contents) {
        DefaultCamelContext camel = new DefaultCamelContext(new OverlayRegistry(beans));
        try (camel) {
            camel.disableJMX();
            camel.getCamelContextExtension().setName("route-check");
            camel.setLoadHealthChecks(false);
            camel.setAutoStartup(false);
            camel.setStartupSummaryLevel(StartupSummaryLevel.Off);
            Placeholders.set(camel, placeholders);
            camel.start();
            return new Run(camel, contents).faults();
        } catch (Exception e) {
            throw new IllegalStateException("Camel cannot be started to check routes", e);
        }
    }

    /** One check of one set. */
    private static final class Run {

        private final DefaultCamelContext camel;
        private final Map<String, RouteFile> files;
        private final Map<String, RouteText> texts = new TreeMap<>();
        private final List<RouteFault> faults = new ArrayList<>();
        private final Map<String, String> idFiles = new HashMap<>();
        private final Map<String, String> beginnings = new HashMap<>();
        /** How many values the files that were read have together. */
        private int values;
        private int routes;
        /** Whether a part of the routes is unknown, so that what is missing in the rest may be there. */
        private boolean unread;

        private Run(DefaultCamelContext camel, RouteFolder.Contents contents) {
            this.camel = camel;
            this.files = contents.files();
            this.faults.addAll(contents.faults());
            this.unread = !faults.isEmpty();
        }

        private List<RouteFault> faults() {
            Map<String, RouteBuilder> builders = new LinkedHashMap<>();
            for (RouteFile file : files.values()) {
                try {
                    RouteText text = new RouteText(file, MOST_VALUES);
                    values += text.values();
                    if (values > MOST_VALUES) {
                        faults.add(RouteFault.ofFolder("the files together have more than " + MOST_VALUES + " values"));
                        unread = true;
                        return faults;
                    }
                    texts.put(file.name(), text);
                    RouteBuilder builder = (RouteBuilder) PluginHelper.getRoutesLoader(camel).findRoutesBuilders(file.resource()).iterator().next();
                    // What is common to all routes comes before them.
                    camel.addRoutesConfigurations((RouteConfigurationsBuilder) builder);
                    builders.put(file.name(), builder);
                } catch (Exception | LinkageError | StackOverflowError e) {
                    faults.add(malformed(file, e));
                    unread = true;
                }
            }
            Map<RouteDefinition, String> built = new LinkedHashMap<>();
            builders.forEach((name, builder) -> {
                try {
                    builder.prepareModel(camel);
                    routes += builder.getRouteCollection().getRoutes().size();
                    if (routes > MOST_ROUTES) {
                        unread = true;
                        return;
                    }
                } catch (Exception | LinkageError | StackOverflowError e) {
                    faults.add(malformed(files.get(name), e));
                    unread = true;
                    return;
                }
                for (RouteDefinition route : List.copyOf(builder.getRouteCollection().getRoutes())) {
                    if (build(name, route)) {
                        built.put(route, name);
                    }
                }
            });
            if (routes > MOST_ROUTES) {
                faults.add(RouteFault.ofFolder("the files together have more than " + MOST_ROUTES + " routes"));
            }
            if (!unread) {
                // Otherwise nobody knows which beginnings are really missing.
                built.forEach((route, file) -> follow(file, route));
                if (beginnings.keySet().stream().noneMatch(from -> from.startsWith(PULLS) || from.equals("platform-http:/"))) {
                    faults.add(RouteFault.ofFolder("no route takes what clients pull: the front door is missing"));
                }
            }
            return faults;
        }

        private RouteFault malformed(RouteFile file, Throwable failure) {
            FatalErrors.check(failure);
            RouteText text = texts.get(file.name());
            return text == null ? RouteText.noYaml(file, failure) : text.fault(null, FaultCauses.place(failure), FaultCauses.tokens(failure), FaultCauses.describe(failure));
        }

        /** Returns whether the route would be there and is sound in itself. */
        private boolean build(String file, RouteDefinition route) {
            String id = route.hasCustomIdAssigned() ? route.getId() : null;
            String other = id == null ? null : idFiles.putIfAbsent(id, file);
            if (other != null) {
                faults.add(texts.get(file).duplicate(id, "the id " + id + " is that of another route already, in " + other));
                return false;
            }
            if (route.getInput() == null || route.getInput().getEndpointUri() == null) {
                faults.add(texts.get(file).fault(id, Optional.empty(), List.of("from", "route"), "the route has no from with a uri"));
                unread = true;
                return false;
            }
            try {
                camel.addRouteDefinition(route);
            } catch (Exception | LinkageError | StackOverflowError e) {
                FatalErrors.check(e);
                faults.add(texts.get(file).fault(id, Optional.empty(), FaultCauses.tokens(e), FaultCauses.describe(e)));
                beginnings.putIfAbsent(address(route.getInput().getEndpointUri()), file);
                return false;
            }
            if (camel.getRouteDefinitions().stream().noneMatch(route::equals)) {
                // Its precondition leaves it out.
                return false;
            }
            String from = address(route.getInput().getEndpointUri());
            String first = beginnings.putIfAbsent(from, file);
            if (first != null && (from.startsWith(DIRECT) || from.startsWith(CLIENTS))) {
                faults.add(texts.get(file).fault(id, Optional.empty(), List.of(from), "another route begins with " + from + " already, in " + first));
            }
            return true;
        }

        /** Checks what a route refers to and Camel looks for only when a request comes by. */
        private void follow(String file, RouteDefinition route) {
            String id = route.hasCustomIdAssigned() ? route.getId() : null;
            for (ToDefinition step : ProcessorDefinitionHelper.filterTypeInOutputs(route.getOutputs(), ToDefinition.class)) {
                requireBeginning(file, id, step.getEndpointUri());
            }
            for (ToDynamicDefinition step : ProcessorDefinitionHelper.filterTypeInOutputs(route.getOutputs(), ToDynamicDefinition.class)) {
                try {
                    if (isKnown(step.getUri())) {
                        camel.getEndpoint(step.getUri());
                        requireBeginning(file, id, step.getUri());
                    }
                } catch (Exception e) {
                    faults.add(texts.get(file).fault(id, Optional.empty(), FaultCauses.tokens(e), FaultCauses.describe(e)));
                }
            }
            for (EnrichDefinition step : ProcessorDefinitionHelper.filterTypeInOutputs(route.getOutputs(), EnrichDefinition.class)) {
                String to = step.getExpression().getExpression();
                if (to != null && isKnown(to)) {
                    requireBeginning(file, id, to);
                }
            }
        }

        /** Returns whether it does not depend on the request where a step leads. */
        private static boolean isKnown(String uri) {
            return !uri.contains("${") && !uri.contains("$simple{");
        }

        private void requireBeginning(String file, String id, String uri) {
            String to = address(uri);
            if (to.startsWith(DIRECT) && !beginnings.containsKey(to)) {
                faults.add(texts.get(file).fault(id, Optional.empty(), List.of(to), "no route begins with " + to));
            }
        }

        private String address(String uri) {
            String resolved;
            try {
                resolved = camel.resolvePropertyPlaceholders(uri);
            } catch (IllegalArgumentException e) {
                // A placeholder that is not there has been told of.
                resolved = uri;
            }
            int parameters = resolved.indexOf('?');
            String address = parameters < 0 ? resolved : resolved.substring(0, parameters);
            return address.replaceFirst("^([a-z-]+):/{2}", "$1:");
        }
    }
}
