package io.mirrorregistry.reload;

import java.util.Collection;
import java.util.Optional;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.NamedNode;

/** Runs routes that a check has found sound, apart from clients and registries. */
public interface RouteRehearsal {

    /**
     * Prepares a context: gives it stand-ins in the place of registries, memory and servers.
     *
     * @param camel has no routes yet and is not started
     */
    Play prepare(CamelContext camel);

    /** One rehearsal. */
    interface Play extends AutoCloseable {

        /**
         * Runs requests through the routes, on threads of its own. Returns what is wrong with the first that goes wrong.
         *
         * @param words constants of conditions, which may be names that routes decide by
         */
        Optional<Mishap> run(Collection<String> words);

        @Override
        void close();
    }

    /**
     * A request that went wrong.
     *
     * @param step the step; null where none has run
     * @param failure what the step threw; null if it threw nothing
     * @param fault what became of the request otherwise, such as "ends without an answer"; null if the step threw something
     * @param request the request, and how registries responded
     * @param exchange the request's exchange, as it ended
     */
    record Mishap(NamedNode step, Throwable failure, String fault, String request, Exchange exchange) {
    }
}
