package io.mirrorregistry.cache;

import org.apache.camel.Exchange;
import org.apache.camel.Route;
import org.apache.camel.spi.SynchronizationRouteAware;
import org.apache.camel.support.SynchronizationAdapter;

/**
 * Runs an action when the route that received a request has ended, before the answer is written: a client that does not read its
 * answer must not hold up those that wait for the outcome. The action runs again at the end of the exchange, which is the only time
 * where the route itself broke down, so a second run must have no effect.
 */
final class RouteEnd extends SynchronizationAdapter implements SynchronizationRouteAware {

    private final Runnable action;

    private RouteEnd(Runnable action) {
        this.action = action;
    }

    static void run(Exchange exchange, Runnable action) {
        exchange.getExchangeExtension().addOnCompletion(new RouteEnd(action));
    }

    @Override
    public SynchronizationRouteAware getRouteSynchronization() {
        return this;
    }

    @Override
    public void onBeforeRoute(Route route, Exchange exchange) {
        // The action is for the end.
    }

    /** Called for each route that the exchange passes through. */
    @Override
    public void onAfterRoute(Route route, Exchange exchange) {
        if (route.getRouteId().equals(exchange.getFromRouteId())) {
            action.run();
        }
    }

    @Override
    public void onDone(Exchange exchange) {
        action.run();
    }
}
