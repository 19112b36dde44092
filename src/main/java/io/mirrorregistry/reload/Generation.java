package io.mirrorregistry.reload;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.camel.CamelContext;
import org.apache.camel.Consumer;
import org.apache.camel.Route;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The routes of all files as they were at one moment, in one CamelContext. A request stays in the generation in which it began, so it
 * never misses a route and never sees half of a change.
 *
 * <p>Public methods are for any thread.
 */
public final class Generation {

    private static final Logger LOG = LoggerFactory.getLogger(Generation.class);

    private final CamelContext camel;
    /** Dropped when the generation is closed, so that nothing keeps the class loaders of beans in memory. */
    private volatile GenerationParts parts;
    private final boolean first;
    private final Map<String, Consumer> entrances = new ConcurrentHashMap<>();
    private final AtomicInteger requests = new AtomicInteger();
    private volatile Map<String, RouteFile> files = Map.of();

    /**
     * Makes a generation that has no routes yet.
     *
     * @param first whether its context is the one that also serves all later generations, and outlives its routes
     */
    Generation(CamelContext camel, GenerationParts parts, boolean first) {
        this.camel = camel;
        this.parts = parts;
        this.first = first;
        parts.beans().forEach(camel.getRegistry()::bind);
        camel.getCamelContextExtension().addContextPlugin(Generation.class, this);
    }

    /** Returns the generation that a route's context belongs to. */
    public static Generation of(Consumer entrance) {
        return of(entrance.getEndpoint().getCamelContext());
    }

    /** Returns the generation that a context belongs to; null for one that serves no clients, such as that of a check. */
    public static Generation of(CamelContext camel) {
        return camel.getCamelContextExtension().getContextPlugin(Generation.class);
    }

    /**
     * Adds a consumer of the clients' port.
     *
     * @param address the path and methods that it serves; equal for consumers that replace each other
     * @throws IllegalStateException when another one has the same address
     */
    public void add(String address, Consumer entrance) {
        if (entrances.putIfAbsent(address, entrance) != null) {
            throw new IllegalStateException("another route begins with " + address + " already");
        }
    }

    /** Removes a consumer that has stopped. */
    public void remove(String address, Consumer entrance) {
        entrances.remove(address, entrance);
    }

    /** Returns the consumer of the clients' port that has an address; null where there is none. */
    public Consumer entrance(String address) {
        return entrances.get(address);
    }

    /** Returns the context of the routes; for requests that {@link LiveRoutes#enter()} has counted in. */
    public CamelContext camel() {
        return camel;
    }

    GenerationParts parts() {
        return parts;
    }

    boolean isFirst() {
        return first;
    }

    /** Returns the files that the routes are from, by their names. */
    Map<String, RouteFile> files() {
        return files;
    }

    void files(Map<String, RouteFile> loaded) {
        files = new TreeMap<>(loaded);
    }

    /** Counts in what goes on beside a request that is counted in already: otherwise the generation may have been closed. It has to {@link #leave()}. */
    public void enter() {
        requests.incrementAndGet();
    }

    /** Counts out what {@link LiveRoutes#enter()} or {@link #enter()} has counted in. */
    public void leave() {
        requests.decrementAndGet();
    }

    int requests() {
        return requests.get();
    }

    /** Stops the routes and closes the parts. Logs the failures, and throws none. */
    void close() {
        try {
            if (first) {
                removeRoutes();
            } else {
                camel.close();
            }
        } catch (Exception e) {
            LOG.warn("Routes that serve no requests any more cannot be stopped", e);
        } finally {
            parts.close();
            parts = GenerationParts.NONE;
        }
    }

    private void removeRoutes() throws Exception {
        for (Route route : camel.getRoutes()) {
            camel.getRouteController().stopRoute(route.getRouteId());
            camel.removeRoute(route.getRouteId());
        }
        SharedBeans.remove(camel, parts.beans().keySet());
    }
}
