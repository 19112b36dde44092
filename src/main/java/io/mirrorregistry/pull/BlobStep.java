package io.mirrorregistry.pull;

import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Redirects;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.mirrorregistry.registry.http.Locations;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.Locale;
import org.apache.camel.Exchange;
import org.apache.camel.Message;

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
    /** The variable that tells whether it has shown before that the blob has to be streamed, although the registry redirects. */
    private static final String STREAMED = "streamed";

    private static final ByteBuffer NO_BYTES = ByteBuffer.allocate(0).asReadOnlyBuffer();

    /** Prepares the call that finds out whether the registry has the blob and, for a client's HEAD, how long it is. */
    @Step(needs = "target", sets = "call")
    public void prepareHead(Exchange exchange) {
        Pull pull = Pull.of(exchange);
        pull.call(new Call(true, pull.pathThere(), null, null, null, pull.head() ? Redirects.ALL : Redirects.TO_REGISTRIES));
    }

    /**
     * Prepares the call for the blob itself, or the part of it that the client wants. The response is a redirect if the client can follow it,
     * and with the setting {@code redirect} in any case.
     */
    @Step(needs = "target", sets = "call")
    public void prepare(Exchange exchange) {
        Pull pull = Pull.of(exchange);
        boolean unasked = pull.registry().settings().blobs() == BlobsMode.REDIRECT;
        prepare(pull, unasked ? Redirects.NONE : Redirects.CLOSED_TO_CLIENTS);
    }

    /** Prepares the call for the bytes of the blob, or of the part that the client wants, wherever they are. */
    @Step(needs = "target", sets = "call")
    public void prepareStream(Exchange exchange) {
        prepare(Pull.of(exchange), Redirects.ALL);
    }

    private static void prepare(Pull pull, Redirects redirects) {
        pull.call(new Call(false, pull.pathThere(), null, null, pull.request().range(), redirects));
    }

    /** Sets the variables {@code blobs}, {@code redirects}, {@code open} and {@code streamed} from the registry and its answer to the HEAD. */
    @Step(needs = {"call", "response"}, sets = {"found", "blobs", "redirects", "open", "streamed"})
    public void found(Exchange exchange) throws RegistryTroubleException {
        if (Registry.status(exchange) != 200 && !isRedirect(exchange)) {
            throw Pull.of(exchange).trouble("with " + Registry.status(exchange));
        }
        boolean redirected = exchange.getMessage().getHeader(RegistryAnswers.REDIRECTED) != null;
        new Found(isRedirect(exchange) || redirected, exchange.getMessage().getHeader(RegistryAnswers.AUTHORIZED) == null,
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

        private void variables(Exchange exchange) {
            Pull.of(exchange).found(this);
            RegistrySettings settings = Pull.of(exchange).registry().settings();
            // There is no place outside the mirror where the folder's blobs could be fetched.
            BlobsMode mode = settings.isFolder() ? BlobsMode.PROXY : settings.blobs();
            exchange.setVariable(MODE, mode.name().toLowerCase(Locale.ROOT));
            exchange.setVariable(REDIRECTS, redirects);
            exchange.setVariable(OPEN, open);
            exchange.setVariable(STREAMED, Pull.of(exchange).isStreamExpected());
        }
    }

    /** Answers a HEAD: 200 with the length. */
    @Step(needs = {"call", "response"}, sets = "answer")
    public void describe(Exchange exchange) throws RegistryTroubleException {
        long length = RegistryAnswers.contentLength(exchange.getMessage());
        if (Registry.status(exchange) != 200 || length < 0) {
            throw Pull.of(exchange).trouble("without telling the blob's length");
        }
        Message message = answer(exchange, 200);
        message.setHeader(Exchange.CONTENT_TYPE, MediaTypes.OCTET_STREAM);
        message.setHeader("Accept-Ranges", "bytes");
        message.setHeader(Exchange.CONTENT_LENGTH, length);
        message.setBody(null);
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
        RegistrySettings registry = Pull.of(exchange).registry().settings();
        String path = Pull.of(exchange).call().path().toString();
        // Several of them are a list.
        String location = exchange.getMessage().getHeader("Location") instanceof String one ? one : null;
        redirect(exchange, Locations.forClient(registry, path, location));
        exchange.getMessage().setHeader("Cache-Control", "no-store");
    }

    private static boolean isRedirect(Exchange exchange) {
        int status = Registry.status(exchange);
        return status >= 300 && status < 400;
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
}
