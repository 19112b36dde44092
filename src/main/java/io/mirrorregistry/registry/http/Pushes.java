package io.mirrorregistry.registry.http;

import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.registry.CallFailures;
import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushCall;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpHeaders;
import org.apache.hc.core5.http.message.BasicClassicHttpResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes the calls of pushes to one registry, and decides what the responses mean. Thread-safe; a call blocks. */
final class Pushes {

    private static final Logger LOG = LoggerFactory.getLogger(Pushes.class);
    private static final int TOO_LARGE = 413;
    private static final int PROXY_REFUSES = 407;
    private static final String UPLOAD_ID = "Docker-Upload-UUID";
    private static final String DIGEST = "Docker-Content-Digest";
    /** The headers that the steps of a push read. */
    private static final List<String> READ = List.of(DIGEST, "Range", "OCI-Chunk-Min-Length", "OCI-Subject", "OCI-Tag", HttpHeaders.CONTENT_TYPE,
            HttpHeaders.CONTENT_LENGTH);

    private final RegistrySettings registry;
    private final Metrics metrics;
    private final PushClients clients;
    private final AnswerOrigin origin;
    private final AccountCheck accountCheck;
    private final RedirectedHead redirectedHead;
    private final UploadLocations locations;
    private final Location own;

    /** Asks with HEAD as for a pull, whose redirects are followed. */
    interface RedirectedHead {

        /** Returns the response, which has no body and is closed already. */
        ClassicHttpResponse ask(PushCall call) throws RegistryTroubleException;
    }

    /**
     * @param origin knows what the registry's errors look like
     * @param accountCheck finds out what a refusal means
     */
    Pushes(RegistrySettings registry, Metrics metrics, PushClients clients, AnswerOrigin origin, AccountCheck accountCheck, RedirectedHead redirectedHead) {
        this.registry = registry;
        this.metrics = metrics;
        this.clients = clients;
        this.origin = origin;
        this.accountCheck = accountCheck;
        this.redirectedHead = redirectedHead;
        this.locations = new UploadLocations(registry);
        this.own = Location.of(registry.url());
    }

    /** Makes a call, as {@link io.mirrorregistry.registry.Caller#push} says. */
    PushResponse push(PushCall call) throws RegistryTroubleException, PushBodyException {
        CallTime time = new CallTime(PushExchange.headTime(registry), null);
        try {
            Location place = call.located() ? locations.of(call.target(), call.repository())
                    : new Location(own.scheme(), own.host(), own.port(), own.path() + call.target());
            boolean here = place.isSameServer(own);
            PushExchange exchange = new PushExchange(registry, clients,
                    new PushSender(registry, metrics, clients, origin, call, place, here, PushExchange.kind(place)), call);
            return response(call, place, here, exchange);
        } catch (RegistryTroubleException | PushBodyException e) {
            throw e;
        } catch (IOException e) {
            throw new RegistryTroubleException(registry.name(), call + ": " + CallFailures.describe(e, registry.proxy(), time), CallFailures.kind(e), null);
        }
    }

    private PushResponse response(PushCall call, Location place, boolean here, PushExchange exchange) throws IOException {
        PushSender.Reply reply;
        try {
            reply = exchange.run();
        } catch (PushExchange.NoTokenException e) {
            return withoutToken(call, e);
        }
        ClassicHttpResponse head = reply.head();
        if (call.method() == PushRequest.Method.HEAD && reply.status() / 100 == 3) {
            head = redirectedHead.ask(call);
        } else if (exchange.scheme() != null) {
            head.setHeader(RegistryAnswers.AUTHORIZED, exchange.scheme());
        }
        boolean authorized = exchange.authorization() != null;
        requireRegistry(call, head, reply.body());
        int status = head.getCode();
        if (here) {
            accountCheck.judge(head, uploads(call), time());
        }
        if (status == 401 || status == 403) {
            boolean accepted = here ? !"false".equals(RegistryAnswers.value(head, RegistryAnswers.ACCEPTED)) : authorized;
            if (!accepted) {
                throw trouble(call, head, " and does not accept us", RegistryTroubleException.Kind.REFUSED);
            }
            status = 403;
        }
        List<PushResponse.Problem> problems = status < 400 ? List.of() : ErrorBody.problems(reply.body());
        return new PushResponse(status, headers(head), status < 300 ? location(call, place, head) : null, problems, authorized);
    }

    private static ApiPath uploads(PushCall call) {
        return new ApiPath(ApiPath.Kind.UPLOAD, call.repository(), null);
    }

    private CallTime time() {
        return new CallTime(PushExchange.headTime(registry), null);
    }

    /** A token service may refuse an account that is fine a token that it may not have. Without an account, a refusal asks for one. */
    private PushResponse withoutToken(PushCall call, PushExchange.NoTokenException failure) throws RegistryTroubleException {
        ClassicHttpResponse refusal = new BasicClassicHttpResponse(403);
        if (registry.account().current() != null) {
            accountCheck.judge(refusal, uploads(call), time());
        }
        if (!"true".equals(RegistryAnswers.value(refusal, RegistryAnswers.ACCEPTED))) {
            throw failure.trouble();
        }
        LOG.debug("Registry {}: {} gets no token: {}", registry.name(), call, failure.getMessage());
        return new PushResponse(403, Map.of(), null, List.of(), false);
    }

    /** @throws RegistryTroubleException for a response that is no registry's */
    private void requireRegistry(PushCall call, ClassicHttpResponse response, byte[] body) throws RegistryTroubleException {
        int status = response.getCode();
        if (status == PROXY_REFUSES) {
            throw trouble(call, response, ", which only a proxy says", RegistryTroubleException.Kind.OUTAGE);
        }
        // Proxies before registries refuse long bodies with a page.
        if (status != TOO_LARGE && !isSuccessOfRegistry(call, response, body)
                && RegistryAnswers.isWebPage(RegistryAnswers.value(response, HttpHeaders.CONTENT_TYPE))) {
            throw trouble(call, response, " with a web page", status == 429 ? RegistryTroubleException.Kind.THROTTLED : RegistryTroubleException.Kind.OUTAGE);
        }
        if (status / 100 == 3 || status == 408 || status == 429 || status >= 500) {
            throw trouble(call, response, "", RegistryAnswers.kind(status));
        }
        if ("false".equals(RegistryAnswers.value(response, RegistryAnswers.RECOGNIZED))) {
            throw trouble(call, response, " without anything that shows a registry", RegistryTroubleException.Kind.OUTAGE);
        }
    }

    /**
     * Returns whether a success is a registry's, whatever its media type: Quay's successes of pushes are of text/html, the default of its framework.
     *
     * @see <a href="https://github.com/helm/helm/issues/30987">helm/helm#30987</a>
     */
    private static boolean isSuccessOfRegistry(PushCall call, ClassicHttpResponse response, byte[] body) {
        boolean named = response.containsHeader(UPLOAD_ID) || response.containsHeader(DIGEST) || call.method() == PushRequest.Method.DELETE;
        return response.getCode() / 100 == 2 && call.method() != PushRequest.Method.HEAD && named && (body.length == 0 || body[0] != '<');
    }

    private RegistryTroubleException trouble(PushCall call, ClassicHttpResponse response, String how, RegistryTroubleException.Kind kind) {
        return new RegistryTroubleException(registry.name(), call + " answered " + response.getCode() + how, kind,
                RegistryAnswers.retryAfter(response.getFirstHeader(HttpHeaders.RETRY_AFTER)), response.getCode());
    }

    /** Returns where an upload goes on; null where nothing does: a blob that is there, or a response that says nothing of it. */
    private String location(PushCall call, Location place, ClassicHttpResponse response) throws RegistryTroubleException {
        boolean goesOn = switch (call.method()) {
            case POST, PATCH, GET -> response.getCode() != 201;
            default -> false;
        };
        int count = goesOn ? response.countHeaders(HttpHeaders.LOCATION) : 0;
        if (count > 1) {
            throw trouble(call, response, " with several locations", RegistryTroubleException.Kind.OUTAGE);
        }
        if (count == 0 && goesOn && call.method() == PushRequest.Method.POST) {
            throw trouble(call, response, " without a location", RegistryTroubleException.Kind.OUTAGE);
        }
        return count == 0 ? null : locations.text(locations.next(place, call.repository(), response.getFirstHeader(HttpHeaders.LOCATION).getValue()));
    }

    private static Map<String, String> headers(ClassicHttpResponse response) {
        Map<String, String> headers = new HashMap<>();
        for (String name : READ) {
            String value = Stream.of(response.getHeaders(name)).map(Header::getValue).filter(line -> line != null && RegistryAnswers.isPrintable(line))
                    .collect(Collectors.joining(", "));
            if (!value.isEmpty()) {
                headers.put(name.toLowerCase(Locale.ROOT), value);
            }
        }
        return headers;
    }

    /** Closes all connections. */
    void close() {
        clients.close();
    }
}
