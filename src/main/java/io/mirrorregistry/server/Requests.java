package io.mirrorregistry.server;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.ByteRange;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.Registry;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.util.List;
import org.apache.camel.Exchange;
import org.apache.camel.component.platform.http.vertx.HttpMessage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The step {@code request} of routes: reads what the client sent into an {@link ApiRequest} and forgets the rest. */
public final class Requests {

    private static final Logger LOG = LoggerFactory.getLogger(Requests.class);
    /** The variable that tells what is asked for: {@code api-version, manifest, blob, tags} or {@code referrers}. */
    private static final String ASKED = "asked";
    /** The variable that tells the repository's name; empty where none is asked for. */
    private static final String REPOSITORY = "repository";
    /** The variable that tells the method: {@code GET} or {@code HEAD}. */
    private static final String METHOD = "method";

    private final MirrorIdentity self;

    /** Makes a step for routes outside a mirror, such as in tests: no request can have come back. */
    public Requests() {
        this(new MirrorIdentity());
    }

    /** @param self by what requests are recognized that this mirror has sent itself */
    public Requests(MirrorIdentity self) {
        this.self = self;
    }

    /**
     * Reads and validates the request.
     *
     * @throws ProtocolException for a request that no registry is to be asked
     */
    public void read(Exchange exchange) throws ProtocolException {
        HttpMessage message = exchange.getMessage(HttpMessage.class);
        HttpServerRequest request = message.getRequest();
        message.removeHeaders("*");
        message.setBody(null);
        Pull pull = new Pull(request, message.getResponse());
        pull.on(exchange);
        AccessLog.tell(exchange, pull);

        if (!pull.head() && request.method() != HttpMethod.GET) {
            throw new ProtocolException(ErrorCode.UNSUPPORTED, "This mirror is for pulling: it serves GET and HEAD.",
                    request.method().name());
        }
        ApiPath path = ApiPath.parse(request.path() == null ? "" : request.path());
        if (exchange.getProperty(Registry.GIVEN_REQUEST_ID) != null || request.getHeader(HttpHeaderNames.VIA) != null) {
            refuseLoop(exchange, request, path);
        }
        ApiRequest.Page page = path.kind() == ApiPath.Kind.TAGS
                ? ApiRequest.Page.parse(request.getParam("n"), request.getParam("last")) : ApiRequest.Page.ALL;
        String artifactType = path.kind() == ApiPath.Kind.REFERRERS ? request.getParam("artifactType") : null;
        pull.request(new ApiRequest(pull.head(), path, accept(request), range(request), page,
                artifactType == null || artifactType.isEmpty() ? null : artifactType));
        exchange.setVariable(ASKED, path.kind().asked());
        exchange.setVariable(METHOD, request.method().name());
        exchange.setVariable(REPOSITORY, path.repository() == null ? "" : path.repository().value());
    }

    private void refuseLoop(Exchange exchange, HttpServerRequest request, ApiPath path) throws ProtocolException {
        try {
            self.requireNew(RequestId.given(request));
            exchange.setProperty(Registry.PASSED, self.passed(request.headers().getAll(HttpHeaderNames.VIA)));
        } catch (MirrorIdentity.LoopException e) {
            LOG.atWarn().addKeyValue("request_id", exchange.getProperty(Registry.REQUEST_ID))
                    .log("{} {} came back to this mirror ({}) and is refused: a registry's url, or a redirect, leads here", request.method(), path, e.getMessage());
            throw new ProtocolException(ErrorCode.LOOP_DETECTED, "This request came back to a mirror that had sent it.", null);
        }
    }

    /** Returns the Accept lines as one, null for none; Camel would send several as {@code [a, b]}. */
    static String accept(HttpServerRequest request) {
        List<String> lines = request.headers().getAll("Accept");
        return lines.isEmpty() ? null : lines.size() == 1 ? lines.get(0) : String.join(", ", lines);
    }

    /**
     * Returns the part that is wanted, in the one form that registries are sent; null for the whole. With If-Range a part is wanted only
     * of the same version; without a way to compare, the whole is always right. So it is for several parts, which would come in an
     * envelope that clients of blobs do not know, and for a Range that the mirror does not understand.
     */
    private static String range(HttpServerRequest request) {
        List<String> ranges = request.headers().getAll("Range");
        return ranges.size() == 1 && !request.headers().contains("If-Range") ? ByteRange.canonical(ranges.get(0)) : null;
    }
}
