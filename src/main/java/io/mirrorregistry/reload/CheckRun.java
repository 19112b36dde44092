package io.mirrorregistry.reload;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.model.RouteDefinition;
import org.apache.camel.model.RouteTemplateDefinition;
import org.apache.camel.model.TemplatedRouteDefinition;

/** One check of one set of files: builds every route in a context that starts none, and looks at the names in the steps. */
final class CheckRun {

    private static final String DIRECT = "direct:";
    private static final String CLIENTS = "platform-http:";
    private static final String PULLS = "platform-http:/v2";

    /** A bound on the routes of all files together: Camel compares each with all that are there, so that thousands take minutes. */
    private static final int MOST_ROUTES = 500;

    private final DefaultCamelContext camel;
    private final GenerationParts parts;
    private final LeftOut leftOut;
    private final CheckedFiles files;
    private final Map<String, String> idFiles = new HashMap<>();
    private final Map<String, String> templateFiles = new HashMap<>();
    private final Map<String, String> beginnings = new HashMap<>();
    private final Map<RouteDefinition, RoutePlace> built = new LinkedHashMap<>();
    private final UnusedRoutes unused;

    private interface Action {
        void run() throws Exception;
    }

    /** @param unused checks the routes that preconditions leave out */
    CheckRun(DefaultCamelContext camel, RouteFolder.Contents contents, GenerationParts parts, LeftOut leftOut, UnusedRoutes unused) {
        this.unused = unused;
        this.camel = camel;
        this.parts = parts;
        this.leftOut = leftOut;
        this.files = new CheckedFiles(contents, parts.faults());
    }

    /**
     * Checks the files.
     *
     * @param registries the names of the registries that are configured
     */
    List<RouteFault> faults(Set<String> registries) {
        Map<String, RouteBuilder> builders = files.read(camel);
        builders.forEach(this::prepare);
        int routes = builders.values().stream().mapToInt(builder -> builder.getRouteCollection().getRoutes().size()
                + builder.getTemplatedRouteCollection().getTemplatedRoutes().size()).sum();
        if (routes > MOST_ROUTES) {
            files.fault("the files together have more than " + MOST_ROUTES + " routes");
            return files.faults();
        }
        builders.forEach((file, builder) -> List.copyOf(builder.getRouteCollection().getRoutes()).forEach(route -> build(file, route)));
        builders.forEach((file, builder) -> builder.getTemplatedRouteCollection().getTemplatedRoutes().forEach(route -> build(file, route)));
        parts.wanted().forEach(this::build);
        requireChosen();
        if (!files.isIncomplete()) {
            built.forEach((route, place) -> new StepCheck(camel, route, beginnings.keySet(), registries, leftOut,
                    (tokens, cause) -> files.fault(place, tokens, cause)).run());
            unused.check(files, beginnings.keySet(), registries);
            if (beginnings.keySet().stream().noneMatch(CheckRun::isFrontDoor)) {
                files.fault("no route takes what clients pull: the front door is missing");
            }
        }
        if (files.faults().isEmpty() && parts.needed() != null) {
            requireNeeded(parts.needed());
        }
        if (files.faults().isEmpty() && !registries.isEmpty()) {
            // What is wrong otherwise may be why nothing sets a variable.
            files.checkVariables(camel);
        }
        return files.faults();
    }

    private static boolean isFrontDoor(String from) {
        return from.startsWith(PULLS) || from.equals("platform-http:/");
    }

    /** What the front door leads to may be nothing but what pulls need. */
    private void requireNeeded(NeededStep step) {
        StepReach reach = new StepReach(camel, built.keySet());
        List<RouteDefinition> doors = built.keySet().stream().filter(route -> isFrontDoor(address(route))).toList();
        if (doors.stream().noneMatch(door -> reach.isReached(door, step))) {
            files.fault(built.get(doors.get(0)), List.of(address(doors.get(0)), "from"), step.missing());
        }
    }

    /** Returns the files of which no route is in use, and why, after {@link #faults}. */
    Map<String, String> notInUse() {
        return unused.files();
    }

    /** Has Camel know the templates of a file, and checks what its routes are made of. */
    private void prepare(String file, RouteBuilder builder) {
        try {
            builder.prepareModel(camel);
        } catch (Exception | LinkageError | StackOverflowError e) {
            builder.getRouteCollection().getRoutes().clear();
            builder.getTemplatedRouteCollection().getTemplatedRoutes().clear();
            files.malformed(file, e);
            return;
        }
        for (RouteTemplateDefinition template : builder.getRouteTemplateCollection().getRouteTemplates()) {
            String other = templateFiles.putIfAbsent(template.getId(), file);
            if (other != null) {
                files.duplicate(file, template.getId(), "the id " + template.getId() + " is that of another routeTemplate already, in " + other);
            }
        }
    }

    /** Builds a route of a file. */
    private void build(String file, RouteDefinition route) {
        RoutePlace place = new RoutePlace(file, route.hasCustomIdAssigned() ? route.getId() : null);
        if (isTaken(place.item(), file)) {
            return;
        }
        if (route.getInput() == null || route.getInput().getEndpointUri() == null) {
            files.fault(place, List.of("from", "route"), "the route has no from with a uri");
            files.incomplete();
            return;
        }
        if (!succeeds(() -> place, () -> camel.addRouteDefinition(route))) {
            beginnings.putIfAbsent(address(route), file);
        } else if (camel.getRouteDefinitions().contains(route)) {
            unused.used(file);
            begin(place, route);
        } else {
            // The id is free for a route that is in use.
            idFiles.remove(place.item(), file);
            unused.add(place, route);
        }
    }

    /** Builds a route that a file makes from a template. */
    private void build(String file, TemplatedRouteDefinition route) {
        RoutePlace place = new RoutePlace(file, route.getRouteId());
        String template = route.getRouteTemplateRef();
        if (isTaken(route.getRouteId(), file)) {
            return;
        }
        if (templateFiles.containsKey(template)) {
            Map<String, Object> parameters = new TreeMap<>();
            if (route.getParameters() != null) {
                route.getParameters().forEach(parameter -> parameters.put(parameter.getName(), parameter.getValue()));
            }
            make(place, new RoutePlace(templateFiles.get(template), template, parameters),
                    () -> TemplateRoutes.model(camel).addRouteFromTemplatedRoute(route));
        } else if (!files.isIncomplete()) {
            files.fault(place, List.of(String.valueOf(template)), "there is no routeTemplate " + template);
            files.incomplete();
        }
    }

    /** Builds a route that has to exist, if no file has it. */
    private void build(WantedRoute route) {
        if (files.isIncomplete() || beginnings.containsKey(route.address())) {
            return;
        }
        String file = templateFiles.get(route.template());
        String other = idFiles.get(route.routeId());
        if (file == null) {
            files.fault("no routeTemplate " + route.template() + " for the " + route.purpose() + ", and no route begins with " + route.address());
        } else if (other != null) {
            files.duplicate(other, route.routeId(), "the id " + route.routeId() + " is that of the route made from the routeTemplate " + route.template());
        } else {
            RoutePlace place = new RoutePlace(file, route.template(), Map.of(WantedRoute.PARAMETER, route.name()));
            if (make(place, place, () -> TemplateRoutes.add(TemplateRoutes.model(camel), route)) && !beginnings.containsKey(route.address())) {
                files.fault(place, List.of("from"), "the routeTemplate " + route.template() + " makes no route that begins with " + route.address());
            }
        }
        // So that a step to it is no second fault.
        beginnings.putIfAbsent(route.address(), String.valueOf(file));
    }

    private void requireChosen() {
        ChosenRoute chosen = parts.chosen();
        if (!files.isIncomplete() && chosen != null && !beginnings.containsKey(chosen.address())) {
            files.fault(chosen.missing(beginnings.keySet()));
            // Otherwise each step that leads there would be a fault as well.
            beginnings.put(chosen.address(), "");
        }
    }

    /**
     * Makes a route from a template.
     *
     * @param asker the place of a fault in the parameters
     * @param template the place of a fault in the route
     */
    private boolean make(RoutePlace asker, RoutePlace template, Action action) {
        List<RouteDefinition> before = List.copyOf(camel.getRouteDefinitions());
        Supplier<List<RouteDefinition>> made = () -> {
            List<RouteDefinition> now = new ArrayList<>(camel.getRouteDefinitions());
            now.removeAll(before);
            return now;
        };
        // Until there is a route, only the parameters can be wrong.
        boolean sound = succeeds(() -> made.get().isEmpty() ? asker : template, action);
        for (RouteDefinition route : made.get()) {
            if (sound) {
                begin(template, route);
            } else {
                beginnings.putIfAbsent(address(route), template.file());
            }
        }
        if (!sound && made.get().isEmpty()) {
            files.incomplete();
        }
        return sound;
    }

    private boolean succeeds(Supplier<RoutePlace> place, Action action) {
        try {
            action.run();
            return true;
        } catch (Exception | LinkageError | StackOverflowError e) {
            files.failed(place.get(), e, leftOut.clause(e));
            return false;
        }
    }

    private boolean isTaken(String id, String file) {
        String other = id == null ? null : idFiles.putIfAbsent(id, file);
        if (other != null) {
            files.duplicate(file, id, "the id " + id + " is that of another route already, in " + other);
        }
        return other != null;
    }

    private void begin(RoutePlace place, RouteDefinition route) {
        built.put(route, place);
        String from = address(route);
        String first = beginnings.putIfAbsent(from, place.file());
        if (first != null && (from.startsWith(DIRECT) || from.startsWith(CLIENTS))) {
            files.fault(place, List.of(from), "another route begins with " + from + " already, in " + first);
        }
    }

    private String address(RouteDefinition route) {
        return Beginnings.address(camel, route, route.getInput().getEndpointUri());
    }
}
