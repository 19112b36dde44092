package io.mirrorregistry.pull;

import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.plan.Namespaces;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.plan.Strategy;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.Namespace;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Slowness;
import io.mirrorregistry.registry.Step;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.camel.Exchange;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** The step {@code plan} of routes: sets which registries are asked, in which order and under which name, and goes from one to the next. */
public final class PlanStep {

    /** The variable with the name of the registry that is asked. */
    static final String REGISTRY = "registry";
    /** The variable that tells whether another registry is to be asked. */
    static final String NEXT = "next";

    private final RepeatedFault faults = new RepeatedFault(LoggerFactory.getLogger(PlanStep.class), Level.ERROR);
    private final Map<String, Registry> registries;
    private final Namespaces namespaces;

    /**
     * @param registries all that settings define, by name
     * @param namespaces who serves which namespace
     */
    public PlanStep(Map<String, Registry> registries, Namespaces namespaces) {
        this.registries = Map.copyOf(registries);
        this.namespaces = namespaces;
    }

    /**
     * Reads a request's namespace into the pull, and the name in it: the parameter {@code ns}, or else the first part of the name where a
     * registry serves that. A parameter that no registry serves gives way to a first part that one does: a client that reaches the mirror by
     * another name than that of the image sends that name as {@code ns}. Which registries are asked is still open after that.
     *
     * @param given the parameter ns; null for none
     * @throws ProtocolException NAME_INVALID where the parameter is no host name
     */
    public RepositoryName begin(Pull pull, String given) throws ProtocolException {
        ApiPath path = pull.request().path();
        RepositoryName within = path.repository();
        if (given != null) {
            String host = Namespace.toLowerCase(given);
            if (!Namespace.isValid(host)) {
                throw new ProtocolException(ErrorCode.NAME_INVALID, "The parameter ns is the host name of a registry, such as docker.io.", given);
            }
            pull.givenNamespace(host);
            pull.namespace(host);
        }
        if (within != null && !namespaces.isEmpty()) {
            Namespaces.Image image = namespaces.find(pull.givenNamespace(), within);
            pull.namespace(image.namespace());
            within = image.within();
        }
        pull.planFor(within, this);
        return within;
    }

    /** Sets the registries that serve the namespace, or those of {@code mirror.plan} where none serves it, in that order. */
    @Step(needs = "request", sets = {"plan", "next"})
    public void ordered(Exchange exchange) {
        Pull pull = Pull.of(exchange);
        registries(exchange, namespaces.registriesFor(pull.namespace()));
    }

    /** Returns the registries as a strategy sees them for this request. */
    Strategy.Registries registriesFor(Pull pull) {
        List<String> planned = namespaces.registriesFor(pull.namespace());
        boolean served = namespaces.isServed(pull.namespace());
        return new Strategy.Registries() {
            @Override
            public List<String> planned() {
                return planned;
            }

            @Override
            public boolean mayAsk(String registry) {
                return served ? planned.contains(registry) : registries.containsKey(registry);
            }

            @Override
            public boolean isAvailable(String registry) {
                return registries.containsKey(registry) && registries.get(registry).isTried();
            }

            @Override
            public double millisToFirstByte(String registry) {
                return registries.containsKey(registry) ? registries.get(registry).millisToFirstByte() : Double.NaN;
            }
        };
    }

    /**
     * Sets the registries. Where a registry serves the request's namespace, those that do not serve it are left out; if none is left, the
     * registries that serve it are asked.
     *
     * @param names their names, in the order of asking, with commas between
     * @throws RegistryTroubleException when settings define no registry of that name
     * @throws ProtocolException DENIED where a push goes, if none of them serves the namespace: it goes nowhere else. The question of a pusher whether
     *     something is there becomes a pull instead, because nobody can push there
     */
    @Step(needs = "request", sets = {"plan", "next"})
    public void ask(String names, Exchange exchange) throws RegistryTroubleException, ProtocolException {
        List<String> list = new ArrayList<>(2);
        for (String name : names.split(",")) {
            if (!name.isBlank() && !list.contains(name.strip())) {
                list.add(name.strip());
            }
        }
        if (list.isEmpty()) {
            throw refused(Pull.of(exchange), "none", "a step plan.ask names no registry");
        }
        Pull pull = Pull.of(exchange);
        if (pull.planning().isForPush() && list.stream().noneMatch(name -> namespaces.isPushable(pull.namespace(), name))) {
            if (pull.push().method() == PushRequest.Method.HEAD) {
                pull.becomePull();
                return;
            }
            String why = namespaces.isServed(pull.namespace())
                    ? "Images of " + pull.namespace() + " cannot be pushed here: no registry that takes pushes serves that namespace."
                    : "This image cannot be pushed here: the registry that takes pushes has images of host names such as docker.io only, and the name begins with none.";
            throw new ProtocolException(ErrorCode.DENIED, why, pull.request().path().repository().value());
        }
        set(exchange, list);
    }

    /** Sets the registries, as {@link #ask} does. */
    void set(Exchange exchange, List<String> names) throws RegistryTroubleException {
        Pull pull = Pull.of(exchange);
        for (String name : names) {
            if (!registries.containsKey(name)) {
                throw refused(pull, "unknown", "no setting defines the registry " + name);
            }
        }
        registries(exchange, allowed(pull, names));
    }

    /**
     * Returns the name of another repository at a registry, by the settings alone.
     *
     * @param written the repository's name as a client writes it
     * @return null if pulls of that repository do not ask the registry, which may have another repository of that name, or if no repository there can have
     *     that name
     */
    public RepositoryName nameThere(Pull pull, RepositoryName written, Registry registry) {
        Namespaces.Image image = namespaces.find(pull.givenNamespace(), written);
        return namespaces.registriesFor(image.namespace()).contains(registry.name()) ? registry.nameThere(image.within()) : null;
    }

    /** Logs why a plan cannot work, and returns the exception for which the mirror responds 503. */
    private RegistryTroubleException refused(Pull pull, String fault, String why) {
        faults.log(fault, null, pull.requestId(), null, "The plan for " + pull.request().path() + " cannot work, and nobody is asked: " + why);
        return new RegistryTroubleException(Pull.NOBODY, pull.request().path() + " was not asked: " + why, RegistryTroubleException.Kind.NOT_ASKED, null);
    }

    private static void registries(Exchange exchange, List<String> names) {
        Pull pull = Pull.of(exchange);
        pull.planning().registries(names);
        planAgain(exchange, pull);
    }

    /** A plan may change after registries of an earlier one were asked. */
    private static void planAgain(Exchange exchange, Pull pull) {
        if (pull.target() != null) {
            pull.planAgain();
            exchange.setVariable(NEXT, true);
        }
    }

    /** Returns those of the registries that may be asked: where a namespace is served, no other registry's image of that name is the client's. */
    private List<String> allowed(Pull pull, List<String> names) {
        if (!namespaces.isServed(pull.namespace())) {
            return names.stream().distinct().toList();
        }
        List<String> serving = namespaces.registriesFor(pull.namespace());
        List<String> allowed = names.stream().filter(serving::contains).distinct().toList();
        return allowed.isEmpty() ? serving : allowed;
    }

    /** Takes a prefix away from the name that is asked for, if the name has it and something is left. */
    @Step(needs = "request", sets = {"name", "next"})
    public void withoutPrefix(String prefix, Exchange exchange) {
        Pull pull = Pull.of(exchange);
        RepositoryName name = pull.planning().name();
        if (name != null && name.value().startsWith(prefix) && RepositoryName.isValid(name.value().substring(prefix.length()))) {
            pull.planning().name(new RepositoryName(name.value().substring(prefix.length())));
            planAgain(exchange, pull);
        }
    }

    /**
     * Sets the name that is asked for; the registry's own {@code prefix} and {@code library} still apply.
     *
     * @throws RegistryTroubleException for what is no repository name
     */
    @Step(needs = "request", sets = {"name", "next"})
    public void named(String name, Exchange exchange) throws RegistryTroubleException {
        Pull pull = Pull.of(exchange);
        if (pull.planning().name() != null) {
            if (!RepositoryName.isValid(name)) {
                throw refused(pull, "name", "a step plan.named sets " + name + ", which is no repository name");
            }
            pull.planning().name(new RepositoryName(name));
            planAgain(exchange, pull);
        }
    }

    /** Returns the plan for a repository. */
    Plan compose(List<String> names, RepositoryName name) {
        List<Plan.Target> targets = new ArrayList<>(names.size());
        for (String registry : names) {
            targets.add(new Plan.Target(registry, registries.get(registry).nameThere(name)));
        }
        return new Plan(targets);
    }

    /**
     * Has the registries that are slow now asked last, and those that do not respond after them. The order among the others stays, and so does the plan:
     * what is in memory for it is found all the same.
     */
    @Step(needs = "plan")
    public void slowLast(Exchange exchange) {
        Pull.of(exchange).order(this::slowLast);
    }

    private List<Plan.Target> slowLast(List<Plan.Target> targets) {
        boolean slow = false;
        for (Plan.Target target : targets) {
            slow |= registries.get(target.registry()).slowness().isSlow();
        }
        if (!slow) {
            return targets;
        }
        // Read once, because it may change while targets are sorted.
        Map<String, Slowness.Pace> paces = new HashMap<>();
        targets.forEach(target -> paces.put(target.registry(), registries.get(target.registry()).slowness().pace()));
        return targets.stream().sorted(Comparator.comparing(target -> paces.get(target.registry()))).toList();
    }

    /** Returns whether a registry may be asked instead of another one that does not respond: it is asked now, and not as slow as the other. */
    boolean isInsteadOf(String registry, Registry silent) {
        Registry other = registries.get(registry);
        return other.isTried() && (silent.slowness().pace() != Slowness.Pace.SLOW || !other.slowness().isSlow());
    }

    /**
     * Makes the next registry of the plan the one that is asked, and sets the variable {@code registry}; and the variable {@code next} to
     * false, since another registry is asked only if this one fails.
     *
     * @throws NotHereException when no repository there can have the name, and when the plan is empty
     */
    @Step(needs = "plan", sets = {"target", "registry", "next"})
    public void next(Exchange exchange) throws NotHereException {
        exchange.setVariable(NEXT, false);
        begin(exchange);
        requireName(exchange);
    }

    /**
     * Makes the next registry of the plan the one that is asked, and sets the variable {@code registry}; and the variable {@code next} to
     * whether there is another after it.
     *
     * @throws NotHereException when no repository there can have the name, and when the plan is empty
     */
    @Step(needs = "plan", sets = {"target", "registry", "next"})
    public void nextOfAll(Exchange exchange) throws NotHereException {
        exchange.setVariable(NEXT, false);
        begin(exchange);
        exchange.setVariable(NEXT, Pull.of(exchange).isNext());
        requireName(exchange);
    }

    private static void begin(Exchange exchange) throws NotHereException {
        Pull pull = Pull.of(exchange);
        if (!pull.isNext()) {
            throw new NotHereException(Pull.NOBODY, pull.request().path() + " was not asked: the plan is empty");
        }
        exchange.setVariable(REGISTRY, pull.nextTarget().registry());
    }

    private static void requireName(Exchange exchange) throws NotHereException {
        Pull pull = Pull.of(exchange);
        Plan.Target target = pull.target();
        if (target.name() == null) {
            throw new NotHereException(target.registry(), pull.request().path() + " was not asked: no repository of " + target.registry()
                    + " can have that name with its prefix");
        }
    }
}
