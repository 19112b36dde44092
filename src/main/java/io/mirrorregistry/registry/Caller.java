package io.mirrorregistry.registry;

import org.apache.hc.core5.http.ClassicHttpResponse;

/** Calls one registry over HTTP, outside a route: with tokens and accounts, within the registry's timeouts. Thread-safe; every call blocks. */
public interface Caller {

    /**
     * Calls the registry.
     *
     * @return the response, which the caller has to close
     * @throws RegistryTroubleException when the registry cannot be reached, or not in time
     */
    ClassicHttpResponse ask(Call call) throws RegistryTroubleException;

    /**
     * Calls the registry as {@link #ask} does, for a person who wants to know rather than for a pull: the call counts neither in the average of
     * {@link #millisToFirstByte()} nor in the metrics of calls.
     *
     * @return the response, which the caller has to close
     * @throws RegistryTroubleException when the registry cannot be reached, or not in time
     */
    ClassicHttpResponse askUncounted(Call call) throws RegistryTroubleException;

    /**
     * Makes a request of a push. It is authorized for pulling and pushing (for deleting, with DELETE). Redirects are not followed, except for HEAD,
     * which registries redirect to their storage. Unlike other calls, it has connections of its own.
     *
     * @throws PushBodyException when the source of the body failed
     * @throws RegistryTroubleException when the registry cannot be reached, or not in time; when it does not accept the mirror's account; and for a response
     *     that is no registry's, a redirect, and the statuses 408, 429 and from 500 on
     */
    default PushResponse push(PushCall call) throws RegistryTroubleException, PushBodyException {
        throw new UnsupportedOperationException("a registry that takes no pushes");
    }

    /**
     * Returns a moving average of the milliseconds from a call of the registry itself to the head of its response; NaN while nothing was
     * measured. A response 408, 429 or from 500 on counts only if it makes the average longer.
     */
    double millisToFirstByte();

    /** Returns whether the registry lets us in, as far as its responses have shown. Does not block. */
    default AccountState accountState() {
        return AccountState.FINE;
    }

    /** Returns whether the registry responds within its patience. */
    default Slowness slowness() {
        return Slowness.NEVER;
    }

    /** Closes all connections. */
    void shutDown();
}
