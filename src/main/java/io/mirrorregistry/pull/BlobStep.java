package io.mirrorregistry.pull;

import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.OpenBodies;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.mirrorregistry.registry.http.Locations;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;

/**
 * The step {@code blob} of routes.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-blobs">Pulling blobs</a>
 */
public final class BlobStep {

    /** The variable that tells the registry's setting: {@code auto}, {@code redirect} or {@code proxy}. */
    private static final String MODE = "blobs";
    /** The variable that tells whether the registry sends one on to its storage. */
    private static final String REDIRECTS = "redirects";
    /** The variable that tells whether the registry answered without any authorization. */
    private static final String OPEN = "open";

    private static final ByteBuffer NO_BYTES = ByteBuffer.allocate(0).asReadOnlyBuffer();

    /** Prepares the call that finds out whether the registry has the blob. */
    @Step(needs = "target", sets = "call")
    public void prepareHead(Exchange exchange) {
        Pull pull = Pull.of(exchange);
        pull.call(new Call(true, pull.pathThere(), null, null, null));
    }

    /** Prepares the call for the blob itself, or the part of it that the client wants. */
    @Step(needs = "target", sets = "call")
    public void prepare(Exchange exchange) {
        Pull pull = Pull.of(exchange);
        pull.call(new Call(false, pull.pathThere(), null, null, pull.request().range()));
    }

    /** Sets the variables {@code blobs}, {@code redirects} and {@code open} from the registry and its answer to the HEAD. */
    @Step(needs = {"call", "response"}, sets = {"found", "blobs", "redirects", "open"})
    public void found(Exchange exchange) throws RegistryTroubleException {
        if (Registry.status(exchange) != 200 && !isRedirect(exchange)) {
            throw Pull.of(exchange).trouble("with " + Registry.status(exchange));
        }
        String type = exchange.getMessage().getHeader("Content-Type", String.class);
        if (!isRedirect(exchange) && type != null && type.startsWith("text/html")) {
            throw Pull.of(exchange).trouble("with a page for people");
        }
        new Found(isRedirect(exchange), exchange.getMessage().getHeader(RegistryAnswers.AUTHORIZED) == null,
                isRedirect(exchange) ? -1 : RegistryAnswers.contentLength(exchange.getMessage())).variables(exchange);
    }

    /** Makes the exchange as if the registry had just been asked whether it has the blob, and had told what was found. */
    public static void at(Exchange exchange, Registry registry, Found found) {
        Pull pull = Pull.of(exchange);
        pull.registry(registry);
        pull.target(pull.plan().at(registry.name()));
        exchange.setVariable(PlanStep.REGISTRY, registry.name());
        pull.call(new Call(true, pull.pathThere(), null, null, null));
        Message message = exchange.getMessage();
        message.setHeader(Exchange.HTTP_RESPONSE_CODE, 200);
        message.setHeader("Content-Length", String.valueOf(found.length));
        found.variables(exchange);
    }

    /**
     * What a registry's answer to the HEAD tells.
     *
     * @param redirects whether it sends one on to its storage
     * @param open whether it answered without any authorization
     * @param length the blob's length; -1 where it did not tell
     */
    public record Found(boolean redirects, boolean open, long length) {

        /** Returns the same with the blob's length, in bytes. */
        public Found withLength(long known) {
            return new Found(redirects, open, known);
        }

        private void variables(Exchange exchange) {
            Pull.of(exchange).found(this);
            RegistrySettings settings = Pull.of(exchange).registry().settings();
            // There is no place outside the mirror where the folder's blobs could be fetched.
            BlobsMode mode = settings.isFolder() ? BlobsMode.PROXY : settings.blobs();
            exchange.setVariable(MODE, mode.name().toLowerCase(Locale.ROOT));
            exchange.setVariable(REDIRECTS, redirects);
            exchange.setVariable(OPEN, open);
        }
    }

    /**
     * Answers a HEAD: 200 with the length, which the storage tells where the registry redirects to one. The length becomes part of
     * {@link Found}, so that the step {@code cache} can keep it.
     */
    @Step(needs = {"call", "response"}, sets = {"answer", "found"})
    public void describe(Exchange exchange) throws RegistryTroubleException {
        long length = isRedirect(exchange) ? lengthAtStorage(exchange) : RegistryAnswers.contentLength(exchange.getMessage());
        if (length < 0) {
            length = lengthByGet(exchange);
        }
        Found found = Pull.of(exchange).found();
        if (found != null && found.length < 0) {
            Pull.of(exchange).found(found.withLength(length));
        }
        Message message = answer(exchange, 200);
        message.setHeader(Exchange.CONTENT_TYPE, MediaTypes.OCTET_STREAM);
        message.setHeader("Accept-Ranges", "bytes");
        message.setHeader(Exchange.CONTENT_LENGTH, length);
        message.setBody(null);
    }

    /** Returns what a storage is told: the part that is wanted, and the mirrors that the request has passed, lest it comes back to one. */
    private static Map<String, String> headers(Exchange exchange, String range) {
        Map<String, String> headers = new HashMap<>();
        if (range != null) {
            headers.put("Range", range);
        }
        String passed = Pull.of(exchange).passed();
        if (passed != null) {
            headers.put("Via", passed);
        }
        return headers;
    }

    /** Sends the client to the registry. */
    @Step(needs = "call", sets = "answer")
    public void redirectToRegistry(Exchange exchange) {
        URI publicUrl = Pull.of(exchange).registry().settings().publicUrl();
        redirect(exchange, publicUrl + Pull.of(exchange).call().path().toString());
    }

    /** Sends the client to where the registry sends us. The address is signed and short-lived, so nothing may keep it. */
    @Step(needs = {"call", "response"}, sets = "answer")
    public void redirectToStorage(Exchange exchange) throws RegistryTroubleException {
        String location = exchange.getMessage().getHeader("Location", String.class);
        redirect(exchange, Locations.isAbsolute(location) ? location : location(exchange).toASCIIString());
        exchange.getMessage().setHeader("Cache-Control", "no-store");
    }

    /** Goes where the registry sends us, if it does, so that the message holds the bytes in the end. */
    @Step(needs = {"call", "response"}, sets = "response")
    public void follow(Exchange exchange) throws RegistryTroubleException {
        if (!isRedirect(exchange)) {
            return;
        }
        URI location = location(exchange);
        String range = Pull.of(exchange).call().range();
        ClassicHttpResponse response = Pull.of(exchange).registry().client()
                .askStranger("GET", location, headers(exchange, range));
        int status = response.getCode();
        Pull.of(exchange).bodies().add(response);
        if (status != 200 && status != 206 && status != 416) {
            OpenBodies.close(response);
            throw storageTrouble(exchange, location, status);
        }
        Message message = exchange.getMessage();
        message.removeHeaders("*");
        message.setHeader(Exchange.HTTP_RESPONSE_CODE, status);
        for (String name : new String[] {"Content-Length", "Content-Range"}) {
            Header header = response.getFirstHeader(name);
            if (header != null) {
                message.setHeader(name, header.getValue());
            }
        }
        try {
            message.setBody(response.getEntity() == null ? null : response.getEntity().getContent());
        } catch (IOException e) {
            OpenBodies.close(response);
            throw storageTrouble(exchange, location, status);
        }
    }

    private static boolean isRedirect(Exchange exchange) {
        int status = Registry.status(exchange);
        return status >= 300 && status < 400;
    }

    private static URI location(Exchange exchange) throws RegistryTroubleException {
        Registry registry = Pull.of(exchange).registry();
        URI asked = URI.create(registry.settings().url() + Pull.of(exchange).call().path().toString());
        return Locations.resolve(registry.name(), asked, exchange.getMessage().getHeader("Location", String.class));
    }

    private static Message answer(Exchange exchange, int status) {
        Message message = exchange.getMessage();
        message.removeHeaders("*");
        message.setHeader(Exchange.HTTP_RESPONSE_CODE, status);
        message.setHeader("Docker-Content-Digest", Pull.of(exchange).call().path().reference().value());
        Pull.of(exchange).servedBy(Pull.of(exchange).registry().name());
        return message;
    }

    private static void redirect(Exchange exchange, String location) {
        Message message = answer(exchange, 307);
        message.setHeader("Location", location);
        message.setBody(NO_BYTES.duplicate());
    }

    /** Returns the length by a HEAD at the storage, or -1 where it does not tell: the address may be signed for GET only. */
    private static long lengthAtStorage(Exchange exchange) throws RegistryTroubleException {
        try (ClassicHttpResponse response = Pull.of(exchange).registry().client()
                .askStranger("HEAD", location(exchange), headers(exchange, null))) {
            return response.getCode() == 200 ? RegistryAnswers.digits(value(response, "Content-Length")) : -1;
        } catch (IOException e) {
            return -1;
        }
    }

    /** Returns the length by fetching the blob's first byte, from the registry or where it sends us. */
    private static long lengthByGet(Exchange exchange) throws RegistryTroubleException {
        Registry registry = Pull.of(exchange).registry();
        Call call = new Call(false, Pull.of(exchange).call().path(), null, null, "bytes=0-0");
        URI asked = URI.create(registry.settings().url() + call.path().toString());
        try (ClassicHttpResponse own = registry.client().ask(call)) {
            if (own.getCode() < 300 || own.getCode() >= 400) {
                return length(exchange, own);
            }
            URI location = Locations.resolve(registry.name(), asked, value(own, "Location"));
            try (ClassicHttpResponse storage = registry.client().askStranger("GET", location, headers(exchange, "bytes=0-0"))) {
                return length(exchange, storage);
            }
        } catch (RegistryTroubleException e) {
            throw e;
        } catch (IOException e) {
            throw Pull.of(exchange).trouble("with a body that broke off");
        }
    }

    private static long length(Exchange exchange, ClassicHttpResponse response) throws RegistryTroubleException {
        String range = value(response, "Content-Range");
        long length = -1;
        if (response.getCode() == 206 && range != null) {
            length = RegistryAnswers.digits(range.substring(range.indexOf('/') + 1));
        } else if (response.getCode() == 200) {
            length = RegistryAnswers.digits(value(response, "Content-Length"));
        } else if (response.getCode() == 416 && range != null && range.endsWith("/0")) {
            // An empty blob has no first byte.
            length = 0;
        }
        if (length < 0) {
            throw Pull.of(exchange).trouble("without telling the blob's length");
        }
        return length;
    }

    private static String value(ClassicHttpResponse response, String name) {
        Header header = response.getFirstHeader(name);
        return header == null ? null : header.getValue();
    }

    private static RegistryTroubleException storageTrouble(Exchange exchange, URI location, int status) {
        return new RegistryTroubleException(Pull.of(exchange).registry().name(), Pull.of(exchange).call() + ": "
                + location.getHost() + ", where it redirects, answered " + status);
    }
}
