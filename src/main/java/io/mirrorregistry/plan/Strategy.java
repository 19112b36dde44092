package io.mirrorregistry.plan;

import java.util.List;
import java.util.Map;

/**
 * Decides which registries a request is asked at, and in which order. The mirror finds strategies with {@link java.util.ServiceLoader}, in its
 * own jar and in each jar of the folder {@code plugins}; a strategy is used by its name in {@code mirror.strategy} and in routes, as
 * {@code direct:strategy-NAME}.
 *
 * <p>One object serves all requests at the same time. Its class loader is closed when the routes that were loaded with it serve no more.
 */
public interface Strategy {

    /** Returns the strategy's name: lower-case letters, digits and hyphens, a letter first. */
    String name();

    /**
     * Takes the strategy's settings, once, before the first request.
     *
     * @param settings the settings {@code mirror.strategy.NAME.KEY}, by KEY; empty values are settings as well
     * @param registries the names of all registries that settings define
     * @throws IllegalArgumentException for settings that cannot work; the message begins with the KEY: "shares: hot=x is no share"
     */
    default void configure(Map<String, String> settings, List<String> registries) {
    }

    /**
     * Returns the names of the registries to ask, in their order. Called for each request, perhaps on the thread that serves all
     * connections, so it must return at once: no call, no lock that is held for long, no file.
     *
     * <p>Put a registry that is not {@link Registries#isAvailable available} last, and do not leave it out. A registry that is left out is not
     * asked at all: if it alone has the image, the client gets 404, as if the image did not exist, instead of 503 or the image.
     *
     * @return names of registries that settings define; for a request whose namespace is served, those that do not serve it are left out. An empty list
     *     means {@link Registries#planned}
     */
    List<String> order(PlanRequest request, Registries registries);

    /**
     * What a strategy may decide by.
     *
     * @param namespace the host name that the image belongs to, such as {@code docker.io}; empty for none
     * @param repository the repository's name in that namespace, such as {@code library/nginx}; empty where none is asked for
     * @param reference the tag or digest; empty where none is asked for
     * @param client the client's IP address, as in the access log; empty if unknown
     */
    record PlanRequest(String namespace, String repository, String reference, String client) {
    }

    /** The registries and how they are now. */
    interface Registries {

        /** Returns those that serve the request's namespace, in the order of asking, or those of {@code mirror.plan}. */
        List<String> planned();

        /** Returns whether the registry may be asked for this request: settings define it, and it serves the request's namespace if any does. */
        boolean mayAsk(String registry);

        /**
         * Returns whether the registry is asked now, at least as a trial; false while its circuit breaker is open. A registry that is on trial
         * after an outage recovers only if it is asked.
         */
        boolean isAvailable(String registry);

        /** Returns a moving average of the milliseconds from a call to the head of its response; NaN while nothing was measured. */
        double millisToFirstByte(String registry);
    }
}
