package io.mirrorregistry.reload;

import io.mirrorregistry.work.FatalErrors;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.apache.camel.RouteConfigurationsBuilder;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.model.Model;
import org.apache.camel.model.RouteDefinition;
import org.apache.camel.model.RouteTemplateDefinition;
import org.apache.camel.model.TemplatedRouteDefinition;
import org.apache.camel.support.PluginHelper;

/** One check of one set of files, in a CamelContext that starts no routes. */
final class CheckRun {

    static final String DIRECT = "direct:";
    private static final String CLIENTS = "platform-http:";
    private static final String PULLS = "platform-http:/v2";

    /**
     * A bound on the YAML values of all files together: the routes that come with the mirror have 1,600. A value takes up to 2 kB
     * while routes are checked and built.
     */
    private static final int MOST_VALUES = (int) Math.max(10_000, Math.min(200_000, Runtime.getRuntime().maxMemory() / 4096));

    /** A bound on the routes of all files together: Camel compares each with all that are there, so that thousands take minutes. */
    private static final int MOST_ROUTES = 500;

    private final DefaultCamelContext camel;
    private final Map<String, RouteFile> files;
    private final List<WantedRoute> wanted;
    private final Set<String> registries;
    private final Map<String, RouteText> texts = new TreeMap<>();
    private final Set<RouteFault> faults = new LinkedHashSet<>();
    private final Map<String, RouteBuilder> builders = new LinkedHashMap<>();
    private final Map<String, String> idFiles = new HashMap<>();
    private final Map<String, String> templateFiles = new HashMap<>();
    private final Map<String, String> beginnings = new HashMap<>();
    private final Map<RouteDefinition, Origin> built = new LinkedHashMap<>();
    /** The number of values of the files that were read. */
    private int values;
    private int routes;
    /** Whether a part of the routes is unknown, so that a thing that the rest lacks may be there. */
    private boolean unread;

    /**
     * The place of a route in the files.
     *
     * @param item the id of the route or of its template; null where it has none
     * @param parameters the template's; empty for a route of a file
     */
    private record Origin(String file, String item, Map<String, Object> parameters) {

        /** Returns the words for which the file is searched: those of a template hold {@code {{name}}} in the place of the value. */
        private List<String> tokens(Iterable<String> tokens) {
            List<String> all = new ArrayList<>();
            for (String token : tokens) {
                all.add(token);
                parameters.forEach((name, value) -> {
                    if (token.contains(value.toString())) {
                        all.add(token.replace(value.toString(), "{{" + name + "}}"));
                    }
                });
            }
            return all;
        }
    }

    private interface Action {
        void run() throws Exception;
    }

    CheckRun(DefaultCamelContext camel, RouteFolder.Contents contents, List<WantedRoute> wanted, Set<String> registries) {
        this.camel = camel;
        this.files = contents.files();
        this.wanted = wanted;
        this.registries = registries;
        this.faults.addAll(contents.faults());
        this.unread = !faults.isEmpty();
    }

    List<RouteFault> faults() {
        if (!read()) {
            return List.copyOf(faults);
        }
        builders.forEach(this::prepare);
        builders.forEach((file, builder) -> List.copyOf(builder.getRouteCollection().getRoutes()).forEach(route -> build(file, route)));
        builders.forEach((file, builder) -> builder.getTemplatedRouteCollection().getTemplatedRoutes().forEach(route -> build(file, route)));
        wanted.forEach(this::build);
        if (routes > MOST_ROUTES) {
            faults.add(RouteFault.ofFolder("the files together have more than " + MOST_ROUTES + " routes"));
        }
        if (!unread) {
            // Otherwise nobody knows which beginnings are really missing.
            built.forEach((route, origin) -> new StepCheck(camel, route, beginnings.keySet(), registries,
                    (tokens, cause) -> fault(origin, tokens, cause)).run());
            if (beginnings.keySet().stream().noneMatch(from -> from.startsWith(PULLS) || from.equals("platform-http:/"))) {
                faults.add(RouteFault.ofFolder("no route takes what clients pull: the front door is missing"));
            }
        }
        return List.copyOf(faults);
    }

    /** Reads the files. Returns false where there is too much in them. */
    private boolean read() {
        for (RouteFile file : files.values()) {
            try {
                RouteText text = new RouteText(file, MOST_VALUES);
                values += text.values();
                if (values > MOST_VALUES) {
                    faults.add(RouteFault.ofFolder("the files together have more than " + MOST_VALUES + " values"));
                    return false;
                }
                texts.put(file.name(), text);
                RouteBuilder builder = (RouteBuilder) PluginHelper.getRoutesLoader(camel).findRoutesBuilders(file.resource()).iterator().next();
                // What is common to all routes comes before them.
                camel.addRoutesConfigurations((RouteConfigurationsBuilder) builder);
                builders.put(file.name(), builder);
            } catch (Exception | LinkageError | StackOverflowError e) {
                malformed(file.name(), e);
            }
        }
        return true;
    }

    private void prepare(String file, RouteBuilder builder) {
        try {
            builder.prepareModel(camel);
        } catch (Exception | LinkageError | StackOverflowError e) {
            builder.getRouteCollection().getRoutes().clear();
            builder.getTemplatedRouteCollection().getTemplatedRoutes().clear();
            malformed(file, e);
            return;
        }
        routes += builder.getRouteCollection().getRoutes().size() + builder.getTemplatedRouteCollection().getTemplatedRoutes().size();
        for (RouteTemplateDefinition template : builder.getRouteTemplateCollection().getRouteTemplates()) {
            String other = templateFiles.putIfAbsent(template.getId(), file);
            if (other != null) {
                faults.add(texts.get(file).duplicate(template.getId(), "the id " + template.getId() + " is that of another routeTemplate already, in " + other));
            }
        }
    }

    private void malformed(String file, Throwable failure) {
        FatalErrors.check(failure);
        RouteText text = texts.get(file);
        faults.add(text == null ? RouteText.noYaml(files.get(file), failure)
                : text.fault(null, FaultCauses.place(failure), FaultCauses.tokens(failure), FaultCauses.describe(failure)));
        unread = true;
    }

    private void fault(Origin origin, Iterable<String> tokens, String cause) {
        faults.add(texts.get(origin.file).fault(origin.item, Optional.empty(), origin.tokens(tokens), cause));
    }

    /** Builds a route of a file. */
    private void build(String file, RouteDefinition route) {
        if (routes > MOST_ROUTES) {
            unread = true;
            return;
        }
        Origin origin = new Origin(file, route.hasCustomIdAssigned() ? route.getId() : null, Map.of());
        if (isTaken(origin.item, file)) {
            return;
        }
        if (route.getInput() == null || route.getInput().getEndpointUri() == null) {
            fault(origin, List.of("from", "route"), "the route has no from with a uri");
            unread = true;
            return;
        }
        if (succeeds(origin, () -> camel.addRouteDefinition(route))) {
            // Otherwise its precondition leaves it out.
            if (camel.getRouteDefinitions().contains(route)) {
                begin(origin, route);
            }
        } else {
            beginnings.putIfAbsent(address(route), file);
        }
    }

    /** Builds a route that a file makes from a template. */
    private void build(String file, TemplatedRouteDefinition route) {
        Origin origin = new Origin(file, route.getRouteId(), Map.of());
        String template = route.getRouteTemplateRef();
        if (routes > MOST_ROUTES || isTaken(route.getRouteId(), file)) {
            unread |= routes > MOST_ROUTES;
        } else if (templateFiles.containsKey(template)) {
            Map<String, Object> parameters = new TreeMap<>();
            if (route.getParameters() != null) {
                route.getParameters().forEach(parameter -> parameters.put(parameter.getName(), parameter.getValue()));
            }
            make(origin, new Origin(templateFiles.get(template), template, parameters), () -> model().addRouteFromTemplatedRoute(route));
        } else if (!unread) {
            fault(origin, List.of(String.valueOf(template)), "there is no routeTemplate " + template);
            unread = true;
        }
    }

    /** Builds a route that has to exist, if no file has it. */
    private void build(WantedRoute route) {
        if (unread || beginnings.containsKey(route.address())) {
            return;
        }
        String file = templateFiles.get(route.template());
        if (file == null) {
            faults.add(RouteFault.ofFolder("no routeTemplate " + route.template() + " for the " + route.purpose() + ", and no route begins with " + route.address()));
        } else if (idFiles.containsKey(route.routeId())) {
            String other = idFiles.get(route.routeId());
            faults.add(texts.get(other).duplicate(route.routeId(), "the id " + route.routeId() + " is that of the route made from the routeTemplate " + route.template()));
        } else {
            Origin template = new Origin(file, route.template(), Map.of(WantedRoute.PARAMETER, route.name()));
            int before = faults.size();
            make(template, template, () -> TemplateRoutes.add(model(), route));
            if (faults.size() == before && !beginnings.containsKey(route.address())) {
                fault(template, List.of("from"), "the routeTemplate " + route.template() + " makes no route that begins with " + route.address());
            }
        }
        beginnings.putIfAbsent(route.address(), String.valueOf(file));
    }

    private void make(Origin asker, Origin template, Action action) {
        List<RouteDefinition> before = List.copyOf(camel.getRouteDefinitions());
        List<RouteDefinition> made = new ArrayList<>();
        boolean sound = succeeds(() -> {
            made.addAll(camel.getRouteDefinitions());
            made.removeAll(before);
            // Until there is a route, only the parameters can be wrong.
            return made.isEmpty() ? asker : template;
        }, action);
        made.addAll(camel.getRouteDefinitions());
        made.removeAll(before);
        for (RouteDefinition route : Set.copyOf(made)) {
            if (sound) {
                begin(template, route);
            } else {
                beginnings.putIfAbsent(address(route), template.file);
            }
        }
        unread |= !sound && made.isEmpty();
    }

    private boolean succeeds(Origin origin, Action action) {
        return succeeds(() -> origin, action);
    }

    private boolean succeeds(Supplier<Origin> origin, Action action) {
        try {
            action.run();
            return true;
        } catch (Exception | LinkageError | StackOverflowError e) {
            FatalErrors.check(e);
            fault(origin.get(), FaultCauses.tokens(e), FaultCauses.describe(e));
            return false;
        }
    }

    private boolean isTaken(String id, String file) {
        String other = id == null ? null : idFiles.putIfAbsent(id, file);
        if (other != null) {
            faults.add(texts.get(file).duplicate(id, "the id " + id + " is that of another route already, in " + other));
        }
        return other != null;
    }

    private void begin(Origin origin, RouteDefinition route) {
        built.put(route, origin);
        String from = address(route);
        String first = beginnings.putIfAbsent(from, origin.file);
        if (first != null && (from.startsWith(DIRECT) || from.startsWith(CLIENTS))) {
            fault(origin, List.of(from), "another route begins with " + from + " already, in " + first);
        }
    }

    private String address(RouteDefinition route) {
        return Beginnings.address(camel, route, route.getInput().getEndpointUri());
    }

    private Model model() {
        return TemplateRoutes.model(camel);
    }
}
