package io.mirrorregistry.pull;

import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.folder.FolderRegistry;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;

/**
 * Makes the calls that steps prepare, outside routes, and decides what the responses mean as the route template registry-http does. Circuit breakers
 * neither prevent nor count these calls. Thread-safe; a call blocks for as long as the registry's timeouts allow.
 */
public final class OutsideCall {

    private static final List<String> HEADERS = List.of("Content-Type", "Content-Length", "Content-Range", "Retry-After", "Link", ManifestStep.DIGEST,
            RegistryAnswers.RECOGNIZED, RegistryAnswers.ACCEPTED, RegistryAnswers.REDIRECTED);

    private final Map<String, FolderRegistry> folders;
    private final Http http;

    /** Calls a registry over HTTP. */
    public interface Http {

        /** Returns the response, which the caller closes. */
        ClassicHttpResponse ask(Registry registry, Call call) throws RegistryTroubleException;
    }

    /** @param folders the registries that are folders, by name */
    public OutsideCall(Map<String, FolderRegistry> folders, Http http) {
        this.folders = Map.copyOf(folders);
        this.http = http;
    }

    /**
     * Makes the call of the exchange's pull, and reads the whole response. Its status is in the message then, also if this throws.
     *
     * @throws NotHereException if the registry has not got it
     */
    public void make(Exchange exchange) throws NotHereException, RegistryTroubleException {
        Pull pull = Pull.of(exchange);
        Registry registry = pull.registry();
        FolderRegistry folder = folders.get(registry.name());
        if (folder != null) {
            answer(exchange, folder);
            return;
        }
        try (ClassicHttpResponse response = http.ask(registry, pull.call())) {
            judge(exchange, response);
            registry.receive(exchange);
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (IOException e) {
            throw pull.trouble("with a body that broke off");
        }
    }

    /**
     * Makes the call as {@link #make} does, and leaves a response from 200 to 299 of a registry open.
     *
     * @return the response, which the caller closes; null if a folder answered: then the body is in the message
     */
    public ClassicHttpResponse open(Exchange exchange) throws NotHereException, RegistryTroubleException {
        Pull pull = Pull.of(exchange);
        FolderRegistry folder = folders.get(pull.registry().name());
        if (folder != null) {
            answer(exchange, folder);
            return null;
        }
        ClassicHttpResponse response = http.ask(pull.registry(), pull.call());
        boolean open = false;
        try {
            judge(exchange, response);
            if (response.getCode() >= 300) {
                throw pull.trouble("with " + response.getCode());
            }
            open = true;
            return response;
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (IOException e) {
            throw pull.trouble("with a body that broke off");
        } finally {
            if (!open) {
                try {
                    response.close();
                } catch (IOException e) {
                    // It is of no use any more.
                }
            }
        }
    }

    private static void answer(Exchange exchange, FolderRegistry folder) throws NotHereException, RegistryTroubleException {
        folder.answer(exchange);
        if (Registry.status(exchange) == 404) {
            Pull.of(exchange).registry().notHere(exchange);
        }
    }

    private static void judge(Exchange exchange, ClassicHttpResponse response) throws NotHereException, IOException {
        Registry registry = Pull.of(exchange).registry();
        fill(exchange.getMessage(), response);
        registry.examine(exchange);
        int status = response.getCode();
        boolean page = isTrue(exchange, "webPage") && (status == 200 || status == 401 || status == 403);
        if (isReferrersMissing(exchange, status, page)
                || !page && (status == 404 && isTrue(exchange, "recognized") || (status == 401 || status == 403) && isTrue(exchange, "accepted"))) {
            registry.notHere(exchange);
        } else if (page || status >= 400 && status != 416) {
            registry.trouble(exchange);
        }
    }

    /** Returns whether the response means that the registry has no API for referrers. */
    private static boolean isReferrersMissing(Exchange exchange, int status, boolean page) {
        return "referrers".equals(exchange.getVariable("called")) && (page || status >= 400 && status < 500 && !List.of(401, 403, 408, 429).contains(status));
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
