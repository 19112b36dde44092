package io.mirrorregistry.explain;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.pull.ManifestStep;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.folder.FolderRegistry;
import io.mirrorregistry.work.MemoryBudget;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.support.DefaultExchange;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;

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
    private static final List<String> HEADERS = List.of("Content-Type", "Content-Length", "Retry-After", DIGEST,
            RegistryAnswers.RECOGNIZED, RegistryAnswers.ACCEPTED);

    private final Map<String, Registry> registries;
    private final Map<String, FolderRegistry> folders;
    private final MemoryBudget memory;
    private final ManifestStep manifest = new ManifestStep();

    /**
     * @param registries all that settings define, by name
     * @param folders the registries among them that are folders
     * @param memory bounds what responses take, together with those of clients' requests
     */
    RegistryAsker(Map<String, Registry> registries, Map<String, FolderRegistry> folders, MemoryBudget memory) {
        this.memory = memory;
        this.registries = Map.copyOf(registries);
        this.folders = Map.copyOf(folders);
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
            call(exchange, pull);
            manifest.verify(exchange);
            if (!exchange.getVariable(WHOLE, Boolean.class)) {
                manifest.prepareWhole(exchange);
                call(exchange, pull);
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

    /** Makes the call; its status is in the message then. */
    private void call(Exchange exchange, Pull pull) throws NotHereException, RegistryTroubleException {
        Registry registry = pull.registry();
        FolderRegistry folder = folders.get(registry.name());
        if (folder != null) {
            folder.answer(exchange);
            if (Registry.status(exchange) == 404) {
                registry.notHere(exchange);
            }
            return;
        }
        try (ClassicHttpResponse response = registry.client().askUncounted(pull.call())) {
            fill(exchange.getMessage(), response);
            registry.examine(exchange);
            int status = response.getCode();
            boolean page = isTrue(exchange, "webPage") && (status == 200 || status == 401 || status == 403);
            if (!page && (status == 404 && isTrue(exchange, "recognized") || (status == 401 || status == 403) && isTrue(exchange, "accepted"))) {
                registry.notHere(exchange);
            } else if (page || status >= 400 && status != 416) {
                registry.trouble(exchange);
            }
            registry.receive(exchange);
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (IOException e) {
            throw pull.trouble("with a body that broke off");
        }
    }

    private static boolean isTrue(Exchange exchange, String variable) {
        return Boolean.TRUE.equals(exchange.getVariable(variable));
    }

    private static void fill(Message message, ClassicHttpResponse response) throws IOException {
        message.removeHeaders("*");
        message.setHeader(Exchange.HTTP_RESPONSE_CODE, response.getCode());
        for (String name : HEADERS) {
            Header header = response.getFirstHeader(name);
            if (header != null) {
                message.setHeader(name, header.getValue());
            }
        }
        message.setBody(response.getEntity() == null ? null : response.getEntity().getContent());
    }
}
