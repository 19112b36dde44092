package io.mirrorregistry.warm;

import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Caller;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.http.RegistryClient;
import java.util.HashMap;
import java.util.Map;
import org.apache.hc.core5.http.ClassicHttpResponse;

/**
 * Calls registries for copies, by connections and tokens that pulls and pushes do not use. The client of a registry is made at its first call.
 * Thread-safe; a call blocks.
 */
final class CopyClients implements AutoCloseable {

    /** Each copy needs a connection that reads a blob, and one for other calls. */
    private static final int CONNECTIONS_PER_COPY = 2;
    private static final int THROTTLES = 429;

    private final int connections;
    private final Metrics metrics;
    private final MirrorIdentity self;
    private final RegistryPauses pauses;
    /** Guarded by this. */
    private final Map<String, Caller> clients = new HashMap<>();

    /**
     * @param copies maximum copies at a time
     * @param pauses gets the limits that responses contain
     */
    CopyClients(int copies, Metrics metrics, MirrorIdentity self, RegistryPauses pauses) {
        // One more copy stands for the reading of lists.
        this.connections = CONNECTIONS_PER_COPY * (copies + 1);
        this.metrics = metrics;
        this.self = self;
        this.pauses = pauses;
    }

    synchronized Caller of(Registry registry) {
        return clients.computeIfAbsent(registry.name(), name -> RegistryClient.forCopies(registry.settings(), connections, metrics, self));
    }

    /** Makes a call that reads. Returns the response, which the caller closes. */
    ClassicHttpResponse ask(Registry registry, Call call) throws RegistryTroubleException {
        try {
            ClassicHttpResponse response = of(registry).askUncounted(call);
            if (response.getCode() == THROTTLES) {
                pauses.throttled(registry.name(), RegistryAnswers.retryAfter(response.getFirstHeader("Retry-After")), call + " answered " + THROTTLES);
            } else {
                pauses.readLimit(registry.name(), response);
            }
            return response;
        } catch (RegistryTroubleException e) {
            if (e.throttled()) {
                // The token service of the registry throttles.
                pauses.throttled(registry.name(), e.retryAfter(), e.getMessage());
            }
            throw e;
        }
    }

    /** Closes all connections, also those that are in use. */
    @Override
    public synchronized void close() {
        clients.values().forEach(Caller::shutDown);
    }
}
