package io.mirrorregistry.explain;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.pull.ManifestStep;
import io.mirrorregistry.pull.OutsideCall;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.folder.FolderRegistry;
import io.mirrorregistry.work.MemoryBudget;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.support.DefaultExchange;

/**
 * Asks a registry for a manifest as the routes do, but outside them: its circuit breaker neither prevents nor counts the call, and the call
 * counts neither in the average of response times nor in the metrics of calls. Thread-safe; a call blocks for as long as the registry's
 * timeouts allow.
 */
final class RegistryAsker {

    /** The variable that tells whether the response to a HEAD was enough. */
    private static final String WHOLE = "whole";
    /** The header that {@link ManifestStep} reads and sets. */
    private static final String DIGEST = "Docker-Content-Digest";

    private final Map<String, Registry> registries;
    private final Map<String, FolderRegistry> folders;
    private final MemoryBudget memory;
    private final ManifestStep manifest = new ManifestStep();
    private final OutsideCall calls;

    /**
     * @param registries all that settings define, by name
     * @param folders the registries among them that are folders
     * @param memory bounds what responses take, together with those of clients' requests
     */
    RegistryAsker(Map<String, Registry> registries, Map<String, FolderRegistry> folders, MemoryBudget memory) {
        this.memory = memory;
        this.registries = Map.copyOf(registries);
        this.folders = Map.copyOf(folders);
        this.calls = new OutsideCall(this.folders, (registry, call) -> registry.client().askUncounted(call));
    }

    /**
     * Asks with HEAD, and with GET if the response to HEAD does not tell enough.
     *
     * @param path the manifest, as a client asks the mirror for it
     */
    RegistryAnswer ask(CamelContext camel, Plan.Target target, ApiPath path) {
        String breaker = breaker(target);
        boolean slow = registries.get(target.registry()).slowness().isSlow();
        if (target.name() == null) {
            return new RegistryAnswer(target, breaker, slow, 0, null, 0, new NotHereException(target.registry(), "no repository there can have that name"));
        }
        long start = System.nanoTime();
        Exchange exchange = new DefaultExchange(camel);
        Exception failure = null;
        try (Pull pull = new Pull(new ApiRequest(true, path, MediaTypes.ANY_MANIFEST, null, ApiRequest.Page.ALL, null), memory.share())) {
            pull.on(exchange);
            pull.target(target);
            pull.registry(registries.get(target.registry()));
            manifest.prepare(exchange);
            calls.make(exchange);
            manifest.verify(exchange);
            if (!exchange.getVariable(WHOLE, Boolean.class)) {
                manifest.prepareWhole(exchange);
                calls.make(exchange);
                manifest.verify(exchange);
            }
        } catch (NotHereException | RegistryTroubleException e) {
            failure = e;
        }
        return new RegistryAnswer(target, breaker, slow, Registry.status(exchange), failure == null ? exchange.getMessage().getHeader(DIGEST, String.class) : null,
                TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start), failure);
    }

    /** Returns the answer of a registry that has not responded in time. */
    RegistryAnswer late(Plan.Target target, long milliseconds) {
        return new RegistryAnswer(target, breaker(target), registries.get(target.registry()).slowness().isSlow(), 0, null, milliseconds,
                new RegistryTroubleException(target.registry(), "no answer within the time for an explanation"));
    }

    private String breaker(Plan.Target target) {
        CircuitBreaker.State state = folders.containsKey(target.registry()) ? null : registries.get(target.registry()).breaker().getState();
        return state == null ? null : state.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
