package io.mirrorregistry.server;

import io.mirrorregistry.access.Proof;
import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.ByteRange;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.PlanStep;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.Step;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.apache.camel.Exchange;
import org.apache.camel.component.platform.http.vertx.HttpMessage;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** The step {@code request} of routes: reads what the client sent into an {@link ApiRequest} and forgets the rest. */
public final class RequestStep {

    /** The variable that tells what is asked for: {@code api-version, manifest, blob, tags}, {@code referrers} or {@link #PUSH}. */
    private static final String ASKED = "asked";
    /** What each request of a push is, whatever it is about. */
    private static final String PUSH = "push";
    /** The variable that tells what a request of a push is about: {@code manifest}, {@code blob} or {@code upload}. */
    private static final String PUSHED = "pushed";
    /** The variable that tells the tags that a request of a push sets or deletes, with commas between: the reference, and those of {@code ?tag=}. */
    private static final String TAGS = "tags";
    /** The variable that tells whether a request of a push goes on with an upload. */
    private static final String BEGUN = "begun";
    /** The variable that tells the repository's name in its namespace; empty where none is asked for. */
    private static final String REPOSITORY = "repository";
    /** The variable that tells the tag or digest; empty where none is asked for. */
    private static final String REFERENCE = "reference";
    /** The variable that tells the host name that the image belongs to, such as {@code docker.io}; empty for none. */
    private static final String NAMESPACE = "namespace";
    /** The variable that tells the client's IP address, as in the access log. */
    private static final String CLIENT = "client";
    /** The variable that tells the client's User-Agent, as {@link Pull#userAgent} returns it. */
    private static final String USER_AGENT = "user-agent";
    /** The variable that tells the id of the request, as in the access log; empty where no client has sent the request. */
    private static final String REQUEST_ID = "request-id";
    /** The variable that tells the method: {@code GET} or {@code HEAD}, and for a push also {@code POST, PATCH, PUT} or {@code DELETE}. */
    private static final String METHOD = "method";

    /** The variable that tells the user's name; empty for a request without credentials, and where access is not checked. */
    private static final String USER = "user";
    /** The variable that tells the names of the user's groups with commas between, in alphabetical order. */
    private static final String GROUPS = "groups";
    private static final CompletableFuture<Void> ALLOWED = CompletableFuture.completedFuture(null);

    /** The query parameter with the namespace. */
    static final String NS = "ns";
    /** A semicolon is a character like any other, as in the WHATWG's URL standard; by default Vert.x ends a parameter there. */
    static final boolean SEMICOLON_IS_NORMAL = true;

    /** The response header with the namespace that the client has sent as ns. */
    static final String NAMESPACE_HEADER = "OCI-Namespace";

    private final RepeatedFault faults = new RepeatedFault(LoggerFactory.getLogger(RequestStep.class), Level.WARN);
    private final MirrorIdentity self;
    private final PlanStep plan;
    private final AccessCheck access;
    private final PushReader pushes;
    private final BooleanSupplier rehearsedPusher;

    /**
     * @param self recognizes requests that this mirror has sent itself
     * @param plan knows the namespaces
     * @param access finds out who may have what is asked for; null where everybody may
     * @param pushes reads requests of pushes
     */
    public RequestStep(MirrorIdentity self, PlanStep plan, AccessCheck access, PushReader pushes) {
        this(self, plan, access, pushes, () -> false);
    }

    private RequestStep(MirrorIdentity self, PlanStep plan, AccessCheck access, PushReader pushes, BooleanSupplier rehearsedPusher) {
        this.rehearsedPusher = rehearsedPusher;
        this.self = self;
        this.plan = plan;
        this.access = access;
        this.pushes = pushes;
    }

    /**
     * Returns the same step for requests that no client has sent. Nobody's access is checked.
     *
     * @param others reads those of pushes
     * @param pusher tells whether the question for something comes from somebody who pushes
     */
    public RequestStep rehearsed(PushReader others, BooleanSupplier pusher) {
        return new RequestStep(self, plan, null, others, pusher);
    }

    /**
     * Reads and validates the request, and finds out whether its user may have what is asked for.
     *
     * @return complete unless a password or a token is still being checked
     * @throws ProtocolException for a request that no registry is to be asked
     */
    @Step(sets = {"request", "asked", "method", "namespace", "repository", "reference", "client", "user-agent", "request-id", "user", "groups", "pushed", "begun", "tags"}, fails = ProtocolException.class)
    public CompletableFuture<Void> read(Exchange exchange) throws ProtocolException {
        HttpMessage message = exchange.getMessage(HttpMessage.class);
        HttpServerRequest request = message.getRequest();
        message.removeHeaders("*");
        message.setBody(null);
        Pull pull = Pull.of(exchange);
        if (!pushes.isOn() && !pull.head() && request.method() != HttpMethod.GET) {
            throw new ProtocolException(ErrorCode.UNSUPPORTED, "This mirror is for pulling: it serves GET and HEAD.",
                    request.method().name());
        }
        ApiPath path = pull.parsed() != null ? pull.parsed() : ApiPath.parse(request.path() == null ? "" : request.path());
        ApiRequest.Page page = path.kind() == ApiPath.Kind.TAGS
                ? ApiRequest.Page.parse(request.getParam("n"), request.getParam("last")) : ApiRequest.Page.ALL;
        String artifactType = path.kind() == ApiPath.Kind.REFERRERS ? request.getParam("artifactType") : null;
        pull.request(new ApiRequest(pull.head(), path, accept(request), range(request), page,
                artifactType == null || artifactType.isEmpty() ? null : artifactType));
        if (pull.parsed() == null) {
            pushes.read(pull, request);
        }
        RepositoryName repository = plan.begin(pull, namespace(request));
        if (pull.givenNamespace() != null) {
            message.getResponse().putHeader(NAMESPACE_HEADER, pull.givenNamespace());
        }
        if (pull.isIdGiven() || request.getHeader(HttpHeaderNames.VIA) != null) {
            refuseLoop(pull, request, path);
        }
        setVariables(exchange, pull, repository);
        if (access == null) {
            if (pull.push() == null && pull.head() && rehearsedPusher.getAsBoolean()) {
                asPusher(exchange, pull);
            }
            return ALLOWED;
        }
        return access.check(pull, request, repository, user -> {
            exchange.setVariable(USER, pull.user());
            Set<String> groups = user == null ? Set.of() : access.groups(user.subject());
            if (!groups.isEmpty()) {
                exchange.setVariable(GROUPS, String.join(",", groups));
            }
            if (pushes.isOn() && user != null && pull.push() == null && pull.head() && repository != null && access.isPusher(pull, user, repository)) {
                asPusher(exchange, pull);
            }
        });
    }

    /** Sends the question whether something is there to the target of pushes. */
    private static void asPusher(Exchange exchange, Pull pull) {
        pull.push(PushRequest.head(pull.request().path()), null);
        setAsked(exchange, pull);
    }

    /**
     * Sets the variables that the routes after this step read.
     *
     * @param pull its request and namespace are understood
     * @param repository the repository in its namespace; null where none is asked for
     */
    public static void setVariables(Exchange exchange, Pull pull, RepositoryName repository) {
        setAsked(exchange, pull);
        exchange.setVariable(REPOSITORY, repository == null ? "" : repository.value());
        exchange.setVariable(NAMESPACE, pull.namespace());
        exchange.setVariable(CLIENT, pull.clientAddress());
        exchange.setVariable(USER_AGENT, pull.userAgent());
        exchange.setVariable(REQUEST_ID, pull.requestId() == null ? "" : pull.requestId());
        exchange.setVariable(USER, "");
        exchange.setVariable(GROUPS, "");
    }

    /** Sets the variables that tell what is asked for in a repository: {@code asked}, {@code method} and {@code reference}. */
    public static void setAsked(Exchange exchange, Pull pull) {
        ApiPath path = pull.request().path();
        PushRequest push = pull.push();
        exchange.setVariable(ASKED, push != null ? PUSH : path.kind().asked());
        exchange.setVariable(METHOD, push != null ? push.method().name() : pull.head() ? "HEAD" : "GET");
        if (push != null) {
            exchange.setVariable(PUSHED, path.kind().asked());
            exchange.setVariable(BEGUN, pull.upload() != null);
            exchange.setVariable(TAGS, String.join(",", push.allTags().stream().map(Tag::value).toList()));
        }
        exchange.setVariable(REFERENCE, path.reference() == null ? "" : path.reference().value());
    }

    /**
     * Returns the parameter ns as it was sent; null for none.
     *
     * @throws ProtocolException NAME_INVALID where there are several
     */
    private static String namespace(HttpServerRequest request) throws ProtocolException {
        if (request.query() == null) {
            return null;
        }
        List<String> values = request.params(SEMICOLON_IS_NORMAL).getAll(NS);
        if (values.size() > 1) {
            throw new ProtocolException(ErrorCode.NAME_INVALID, "The parameter ns is given more than once.", null);
        }
        return values.isEmpty() ? null : values.get(0);
    }

    private void refuseLoop(Pull pull, HttpServerRequest request, ApiPath path) throws ProtocolException {
        try {
            self.requireNew(RequestId.given(request));
            pull.passed(self.passed(request.headers().getAll(HttpHeaderNames.VIA)));
        } catch (MirrorIdentity.LoopException e) {
            faults.log("loop", null, pull.requestId(), null, request.method() + " " + path + " came back to this mirror (" + e.getMessage()
                    + ") and is refused: a registry's url, or a redirect, leads here");
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
