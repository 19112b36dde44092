package io.mirrorregistry.reload;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.camel.CamelContext;
import org.apache.camel.Consumer;
import org.apache.camel.Exchange;

/**
 * The routes that serve together. A request keeps to the set in which it began, to its end, whatever changes over meanwhile; so a
 * route is never missed by a request that was to come by, and no request sees half of a change.
 */
public final class RouteSet {

    private static final String PROPERTY = "mirror.routes";

    private final Map<String, Consumer> beginnings = new ConcurrentHashMap<>();
    private final AtomicInteger requests = new AtomicInteger();
    private volatile Map<String, LoadedFile> files = Map.of();

    RouteSet() {
    }

    /** Makes a set with all that the files of another have; what those of this one begin with is to be added. */
    RouteSet(RouteSet other, Map<String, LoadedFile> kept) {
        files = Map.copyOf(kept);
        other.beginnings.forEach((address, consumer) -> {
            if (kept.values().stream().anyMatch(file -> file.has(consumer))) {
                beginnings.put(address, consumer);
            }
        });
    }

    /** Returns the set that a Camel's routes are part of when they start. */
    static RouteSet of(CamelContext camel) {
        return camel.getCamelContextExtension().getContextPlugin(RouteSet.class);
    }

    /** Returns the set that the exchange began in; null where it began with none of these routes. */
    static RouteSet of(Exchange exchange) {
        return exchange.getProperty(PROPERTY, RouteSet.class);
    }

    /** Makes the exchange keep to this set. */
    public void on(Exchange exchange) {
        exchange.setProperty(PROPERTY, this);
    }

    /**
     * Adds a route.
     *
     * @param address what it begins with, such as {@code direct:blob}
     * @throws IllegalStateException when another one begins with the same
     */
    public static void add(String address, Consumer route) {
        if (of(route.getEndpoint().getCamelContext()).beginnings.putIfAbsent(address, route) != null) {
            throw new IllegalStateException("another route begins with " + address + " already");
        }
    }

    /** Takes a route away that has stopped. */
    public static void remove(String address, Consumer route) {
        of(route.getEndpoint().getCamelContext()).beginnings.remove(address, route);
    }

    /** Returns the route that begins with an address; null where none does. */
    public Consumer beginning(String address) {
        return beginnings.get(address);
    }

    /** Returns the files that the routes are from, by their names. */
    Map<String, LoadedFile> files() {
        return files;
    }

    void files(Map<String, LoadedFile> loaded) {
        files = Map.copyOf(loaded);
    }

    void enter() {
        requests.incrementAndGet();
    }

    /** Says that a request that has entered is over. */
    public void leave() {
        requests.decrementAndGet();
    }

    int requests() {
        return requests.get();
    }
}
