package io.mirrorregistry.reload;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.camel.CamelContext;
import org.apache.camel.Route;
import org.apache.camel.RouteConfigurationsBuilder;
import org.apache.camel.RoutesBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.support.PluginHelper;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The routes that serve, and how others take their place: the changed files are started beside them, in a Camel of their own, and
 * from one moment on every new request is in the new set. What no request is in any more is stopped. Files that have not changed keep
 * their running routes.
 *
 * <p>{@link #enter()} is for any thread; all else for one at a time.
 */
public final class LiveRoutes {

    private static final Logger LOG = LoggerFactory.getLogger(LiveRoutes.class);
    private static final String ROUTES_IN_COMMON = "routeConfiguration";
    private static final Set<String> ROUTES = Set.of("route", "from");

    private final List<RouteSet> before = new ArrayList<>();
    /** Those that are to be stopped once no set has them, with those that serve. */
    private final Set<LoadedFile> running = new HashSet<>();
    private Supplier<DefaultCamelContext> contexts;
    private CamelContext first;
    private volatile RouteSet current = new RouteSet();
    private volatile boolean closing;

    /**
     * Makes a Camel's routes the first to serve.
     *
     * @param camel not started yet
     * @param contexts makes one like it, with the same beans and settings, for routes that come later
     */
    public void begin(CamelContext camel, Supplier<DefaultCamelContext> contexts) {
        this.first = camel;
        this.contexts = contexts;
        join(camel, current);
    }

    private void join(CamelContext camel, RouteSet set) {
        camel.getCamelContextExtension().addContextPlugin(RouteSet.class, set);
        camel.addComponent("direct", new DirectSteps(this));
    }

    /** Says from which files the first routes are, once they run. */
    void loaded(Map<String, RouteFile> files) {
        Map<String, LoadedFile> loaded = loaded(first, files);
        current.files(loaded);
        running.addAll(loaded.values());
    }

    private static Map<String, LoadedFile> loaded(CamelContext camel, Map<String, RouteFile> files) {
        Map<String, LoadedFile> loaded = new HashMap<>();
        files.forEach((name, file) -> loaded.put(name, new LoadedFile(file, camel, new ArrayList<>())));
        for (Route route : camel.getRoutes()) {
            RouteFile file = route.getSourceResource() == null ? null : RouteFile.of(route.getSourceResource().getLocation(), files);
            if (file != null) {
                loaded.get(file.name()).routes().add(route);
            }
        }
        return loaded;
    }

    /** Returns the set that new requests are in. */
    RouteSet current() {
        return current;
    }

    /** Lets a request in; it has to {@link RouteSet#leave() leave}. */
    public RouteSet enter() {
        while (true) {
            RouteSet set = current;
            set.enter();
            if (set == current) {
                return set;
            }
            // It has just been replaced, and may be taken for one that nobody is in.
            set.leave();
        }
    }

    /** Returns whether these are the files whose routes serve. */
    boolean serves(Map<String, RouteFile> files) {
        return files.equals(served());
    }

    /** Returns the names of the files whose routes serve; none where they are not from files of a folder. For any thread. */
    Set<String> names() {
        return new TreeSet<>(current.files().keySet());
    }

    private Map<String, RouteFile> served() {
        Map<String, RouteFile> served = new HashMap<>();
        current.files().forEach((name, loaded) -> served.put(name, loaded.file()));
        return served;
    }

    /**
     * Changes over to these files, which have been checked.
     *
     * @return the names of those that were loaded or taken away
     * @throws Exception when they cannot be started; nothing has changed then
     */
    Set<String> change(Map<String, RouteFile> files) throws Exception {
        Set<String> changed = changed(files);
        Map<String, LoadedFile> all = new HashMap<>(current.files());
        all.keySet().removeAll(changed);
        RouteSet next = new RouteSet(current, all);
        Map<String, RouteFile> toLoad = new HashMap<>(files);
        toLoad.keySet().retainAll(changed);
        if (!toLoad.isEmpty()) {
            all.putAll(load(toLoad, files, next));
        }
        next.files(all);
        before.add(current);
        current = next;
        running.addAll(all.values());
        return changed;
    }

    /** Returns the names of files that have to be loaded or taken away. */
    private Set<String> changed(Map<String, RouteFile> files) {
        Map<String, RouteFile> served = served();
        Set<String> changed = new TreeSet<>();
        Set<String> names = new TreeSet<>(served.keySet());
        names.addAll(files.keySet());
        boolean common = false;
        for (String name : names) {
            RouteFile was = served.get(name);
            RouteFile is = files.get(name);
            if (!Objects.equals(was, is)) {
                changed.add(name);
                common |= was != null && !ROUTES.containsAll(kinds(was)) || is != null && !ROUTES.containsAll(kinds(is));
            } else {
                // Beans and templates belong to the routes that were loaded with them.
                common |= kinds(is).stream().anyMatch(kind -> !ROUTES.contains(kind) && !kind.equals(ROUTES_IN_COMMON));
            }
        }
        return common ? names : changed;
    }

    private static List<String> kinds(RouteFile file) {
        try {
            return new RouteText(file, Integer.MAX_VALUE).kinds();
        } catch (RuntimeException e) {
            return List.of("unknown");
        }
    }

    private Map<String, LoadedFile> load(Map<String, RouteFile> toLoad, Map<String, RouteFile> all, RouteSet next) throws Exception {
        DefaultCamelContext camel = contexts.get();
        try {
            join(camel, next);
            List<RoutesBuilder> routes = new ArrayList<>();
            for (RouteFile file : all.values()) {
                if (toLoad.containsKey(file.name()) || kinds(file).contains(ROUTES_IN_COMMON)) {
                    RoutesBuilder builder = PluginHelper.getRoutesLoader(camel).findRoutesBuilders(file.resource()).iterator().next();
                    camel.addRoutesConfigurations((RouteConfigurationsBuilder) builder);
                    if (toLoad.containsKey(file.name())) {
                        routes.add(builder);
                    }
                }
            }
            for (RoutesBuilder builder : routes) {
                camel.addRoutes(builder);
            }
            camel.start();
            return loaded(camel, toLoad);
        } catch (Exception e) {
            camel.close();
            throw e;
        }
    }

    /** Stops what no request is in any more and no new one comes to. */
    void release() {
        if (before.isEmpty()) {
            return;
        }
        before.removeIf(set -> set.requests() == 0);
        Set<LoadedFile> needed = new HashSet<>(current.files().values());
        before.forEach(set -> needed.addAll(set.files().values()));
        Set<CamelContext> neededContexts = new HashSet<>();
        needed.forEach(file -> neededContexts.add(file.camel()));
        for (LoadedFile file : List.copyOf(running)) {
            if (!needed.contains(file)) {
                running.remove(file);
                stop(file, neededContexts.contains(file.camel()) || file.camel() == first);
            }
        }
    }

    private static void stop(LoadedFile file, boolean routesOnly) {
        try {
            if (routesOnly) {
                for (Route route : file.routes()) {
                    file.camel().getRouteController().stopRoute(route.getRouteId());
                    file.camel().removeRoute(route.getRouteId());
                }
            } else {
                file.camel().close();
            }
        } catch (Exception e) {
            LOG.warn("Routes of {} that serve no more cannot be stopped", file.file().name(), e);
        }
    }

    /** Returns whether no more requests are to come, since some routes are about to stop. */
    public boolean closing() {
        return closing;
    }

    /**
     * Stops all that was started after the first, once no request is under way. Where there is none, nothing is waited for: the first
     * does that itself.
     *
     * @param longest how long to wait at most
     */
    void close(Duration longest) throws InterruptedException {
        Set<CamelContext> later = new HashSet<>();
        running.forEach(file -> later.add(file.camel()));
        later.remove(first);
        if (later.isEmpty()) {
            return;
        }
        closing = true;
        long until = System.nanoTime() + longest.toNanos();
        while (requests() > 0 && System.nanoTime() < until) {
            TimeUnit.MILLISECONDS.sleep(20);
        }
        for (CamelContext camel : later) {
            camel.getShutdownStrategy().setTimeout(1);
            camel.stop();
        }
    }

    private int requests() {
        return current.requests() + before.stream().mapToInt(RouteSet::requests).sum();
    }
}
