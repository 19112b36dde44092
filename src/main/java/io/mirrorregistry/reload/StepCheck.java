package io.mirrorregistry.reload;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;
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

/** Checks the names in a route's steps that Camel looks up only when a request comes by. */
final class StepCheck {

    private static final String DIRECT = "direct:";
    /** The beginning of the addresses where registries are called. */
    private static final String REGISTRY = "direct:registry-";
    /** The bean whose methods name registries and repositories. */
    private static final String PLAN = "plan";
    /** The bean with a method that has a regular expression. */
    private static final String PUSH = "push";
    /** The beginning of an expression within an address. */
    private static final Pattern EXPRESSION = Pattern.compile("\\$\\{|\\$simple\\{");
    /** An argument of a method that is the address of a route, in quotes. */
    private static final Pattern ADDRESS = Pattern.compile("['\"](direct:[^'\"]*)['\"]");

    private final CamelContext camel;
    private final RouteDefinition route;
    private final Set<String> beginnings;
    private final Set<String> registries;
    private final LeftOut leftOut;
    private final BiConsumer<Collection<String>, String> faults;

    /**
     * @param beginnings the addresses that routes begin with
     * @param registries the names of the registries that are configured
     * @param leftOut the registries that settings leave out
     * @param faults gets the words of the file that each fault is about, and its cause
     */
    StepCheck(CamelContext camel, RouteDefinition route, Set<String> beginnings, Set<String> registries, LeftOut leftOut,
            BiConsumer<Collection<String>, String> faults) {
        this.camel = camel;
        this.route = route;
        this.beginnings = beginnings;
        this.registries = registries;
        this.leftOut = leftOut;
        this.faults = faults;
    }

    void run() {
        steps(ToDefinition.class).forEach(step -> requireBeginning(step.getEndpointUri()));
        steps(ToDynamicDefinition.class).forEach(this::checkDynamic);
        for (EnrichDefinition step : steps(EnrichDefinition.class)) {
            if (step.getExpression().getExpression() != null) {
                requireBeginning(step.getExpression().getExpression());
            }
        }
        steps(BeanDefinition.class).stream().filter(step -> PLAN.equals(step.getRef()) && step.getMethod() != null)
                .forEach(step -> checkPlan(step.getMethod()));
        steps(BeanDefinition.class).stream().filter(step -> PUSH.equals(step.getRef()) && step.getMethod() != null)
                .forEach(step -> checkPush(step.getMethod()));
        steps(BeanDefinition.class).stream().filter(step -> step.getMethod() != null)
                .forEach(step -> addresses(step.getMethod()).forEach(address -> requireBeginning(address, step.getMethod())));
    }

    /** Returns the addresses of routes that are arguments of a method. */
    static List<String> addresses(String method) {
        return ADDRESS.matcher(method).results().map(address -> address.group(1)).toList();
    }

    private <T extends ProcessorDefinition<?>> Collection<T> steps(Class<T> type) {
        return ProcessorDefinitionHelper.filterTypeInOutputs(route.getOutputs(), type);
    }

    private void checkDynamic(ToDynamicDefinition step) {
        String uri = Beginnings.resolve(camel, route, step.getUri());
        if (!EXPRESSION.matcher(uri).find()) {
            try {
                camel.getEndpoint(uri);
            } catch (Exception e) {
                faults.accept(FaultCauses.tokens(e), FaultCauses.describe(e) + leftOut.clause(e));
                return;
            }
        }
        requireBeginning(step.getUri());
    }

    /** Requires a route that begins with an address; with the part of it before an expression, where the rest depends on the request. */
    private void requireBeginning(String uri) {
        requireBeginning(uri, Beginnings.address(camel, route, uri));
    }

    /** @param word the word of the file that a fault is about */
    private void requireBeginning(String uri, String word) {
        String to = Beginnings.address(camel, route, uri);
        if (!to.startsWith(DIRECT)) {
            return;
        }
        Matcher expression = EXPRESSION.matcher(to);
        boolean found = expression.find() ? isBeginning(to.substring(0, expression.start())) : beginnings.contains(to);
        if (!found) {
            faults.accept(List.of(word), "no route begins with " + to + leftOut.clause(to.startsWith(REGISTRY) ? to.substring(REGISTRY.length()) : ""));
        }
    }

    /** Where there is no registry at all, that is the fault of a setting, and not of each step that calls one. */
    private boolean isBeginning(String constant) {
        return beginnings.stream().anyMatch(from -> from.startsWith(constant)) || registries.isEmpty() && constant.equals(REGISTRY);
    }

    private void checkPlan(String method) {
        new PlanCall(this::unknown).faults(Beginnings.resolve(camel, route, method)).forEach(fault -> faults.accept(List.of(method), fault));
    }

    private void checkPush(String method) {
        String fault = KeptTagsCall.fault(Beginnings.resolve(camel, route, method));
        if (fault != null) {
            faults.accept(List.of(method), fault);
        }
    }

    private String unknown(String registry) {
        if (registries.contains(registry)) {
            return null;
        }
        String clause = leftOut.clause(registry);
        return clause.isEmpty() ? ", which no setting defines" : clause;
    }
}
