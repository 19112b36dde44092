package io.mirrorregistry.plugins;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.plan.Strategy;
import io.mirrorregistry.reload.RouteFault;
import io.mirrorregistry.work.FatalErrors;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Loads and configures the strategies of one generation: those of the mirror first, then those of each jar. For one thread. */
public final class Strategies {

    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]{0,62}");
    /** The strategy that is a route rather than a class. */
    private static final String ORDERED = "ordered";
    /** The setting without which a strategy decides nothing, and an example of it, by the strategy's name. */
    private static final Map<String, String> NEEDED = Map.of("weighted", "shares", "by-client", "networks");
    private static final Map<String, String> EXAMPLES = Map.of("weighted", "hot=90, cold=10", "by-client", "10.1.0.0/16: hot cold");
    private static final Pattern KEY_FIRST = Pattern.compile("([A-Za-z0-9._-]+): (.*)", Pattern.DOTALL);
    private static final Pattern SECRET = Pattern.compile(".*(password|secret|token|credential).*");

    private final Map<String, Map<String, String>> settings;
    private final List<String> registries;
    private final Map<String, Strategy> loaded = new TreeMap<>();
    /** Where each strategy is from, by its name. */
    private final Map<String, String> origins = new HashMap<>();
    private final List<AutoCloseable> resources = new ArrayList<>();
    private final List<RouteFault> faults = new ArrayList<>();

    /**
     * @param settings the settings of strategies: by the strategy's name, then by the key
     * @param registries the names of all registries
     */
    public Strategies(Map<String, Map<String, String>> settings, List<String> registries) {
        this.settings = settings;
        this.registries = registries;
        origins.put(ORDERED, "");
    }

    /**
     * Loads all strategies.
     *
     * @param chosen the name of the strategy in use
     * @param contents the plug-ins, and why some were not read
     */
    public void load(String chosen, PluginFolder.Contents contents) {
        for (Strategy strategy : ServiceLoader.load(Strategy.class, Strategy.class.getClassLoader())) {
            add(strategy.name(), strategy, "");
        }
        String needed = NEEDED.get(chosen);
        if (needed != null && settings(chosen).getOrDefault(needed, "").isBlank()) {
            faults.add(RouteFault.ofPart("", refusal(chosen, needed, "mirror.strategy=" + chosen + " needs it, such as " + EXAMPLES.get(chosen))));
        }
        faults.addAll(contents.faults());
        contents.jars().forEach(this::load);
    }

    /** Returns the strategies by their names, also those whose settings cannot work. */
    public Map<String, Strategy> loaded() {
        return loaded;
    }

    /** Returns what has to be closed after the last request, in the opposite order. */
    public List<AutoCloseable> resources() {
        return resources;
    }

    /** Returns why strategies cannot be used, a line each. */
    public List<RouteFault> faults() {
        return faults;
    }

    private void load(PluginJar jar) {
        PluginLoader loader = new PluginLoader(jar, Strategy.class.getClassLoader());
        resources.add(loader);
        try {
            String service = "META-INF/services/" + Strategy.class.getName();
            if (loader.findResource(service) == null) {
                faults.add(RouteFault.ofPart(jar.name(), "it has no file " + service));
                return;
            }
            // The loader finds the services of its parent as well.
            List<ServiceLoader.Provider<Strategy>> own = ServiceLoader.load(Strategy.class, loader).stream()
                    .filter(provider -> provider.type().getClassLoader() == loader).toList();
            if (own.isEmpty()) {
                faults.add(RouteFault.ofPart(jar.name(), "its file " + service + " names no class of the jar"));
            }
            for (ServiceLoader.Provider<Strategy> provider : own) {
                add(provider, jar.name());
            }
        } catch (Throwable e) {
            FatalErrors.check(e);
            faults.add(RouteFault.ofPart(jar.name(), describe(e)));
        }
    }

    private void add(ServiceLoader.Provider<Strategy> provider, String jar) {
        String className = provider.type().getName();
        try {
            Strategy strategy = provider.get();
            if (strategy instanceof AutoCloseable closeable) {
                resources.add(closeable);
            }
            String name;
            try {
                name = strategy.name();
            } catch (Throwable e) {
                FatalErrors.check(e);
                faults.add(RouteFault.ofPart(jar, "the name() of " + className + " failed: " + e));
                return;
            }
            if (name == null || !NAME.matcher(name).matches()) {
                faults.add(RouteFault.ofPart(jar, "the name of " + className + " is " + name
                        + "; a name is a lower-case letter, then lower-case letters, digits and hyphens, at most 63 in all"));
            } else if (origins.containsKey(name)) {
                String other = origins.get(name);
                faults.add(RouteFault.ofPart(jar, "the strategy " + name + " of " + className + " has the name of one "
                        + (other.isEmpty() ? "of the mirror" : other.equals(jar) ? "of the same jar" : "of " + other)));
            } else {
                add(name, strategy, jar);
            }
        } catch (Throwable e) {
            FatalErrors.check(e);
            faults.add(RouteFault.ofPart(jar, describe(e)));
        }
    }

    private void add(String name, Strategy strategy, String origin) {
        origins.put(name, origin);
        loaded.put(name, strategy);
        try {
            strategy.configure(settings(name), registries);
        } catch (IllegalArgumentException e) {
            faults.add(RouteFault.ofPart(origin, refusal(name, e)));
        } catch (Throwable e) {
            FatalErrors.check(e);
            faults.add(RouteFault.ofPart(origin, "the configure() of the strategy " + name + " failed: " + e));
        }
    }

    private Map<String, String> settings(String name) {
        return settings.getOrDefault(name, Map.of());
    }

    private String refusal(String name, IllegalArgumentException failure) {
        Matcher message = KEY_FIRST.matcher(String.valueOf(failure.getMessage()));
        return message.matches() ? refusal(name, message.group(1), message.group(2))
                : "mirror.strategy." + name + ".* cannot work: " + failure.getMessage();
    }

    private String refusal(String name, String key, String text) {
        String value = settings(name).getOrDefault(key, "");
        String shown = value.isBlank() ? "(empty)" : SECRET.matcher(key).matches() ? "***" : value;
        return new InvalidSettingException("mirror.strategy." + name + "." + key, shown, text).getMessage();
    }

    /** Returns what is wrong with a jar: the service loader's message without the name of the service, and its cause. */
    private static String describe(Throwable failure) {
        if (failure instanceof ServiceConfigurationError && failure.getMessage() != null) {
            String message = failure.getMessage().replace(Strategy.class.getName() + ": ", "")
                    .replace(" not a subtype", " is no " + Strategy.class.getName());
            return failure.getCause() == null ? message : message + ": " + failure.getCause();
        }
        return "it cannot be loaded: " + failure;
    }
}
