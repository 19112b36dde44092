package io.mirrorregistry.server;

import io.mirrorregistry.access.Access;
import io.mirrorregistry.access.Action;
import io.mirrorregistry.access.LoginException;
import io.mirrorregistry.access.Proof;
import io.mirrorregistry.access.Scope;
import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * The token service on the clients' port. Runs on the event loop; passwords are checked on other threads.
 *
 * @see <a href="https://distribution.github.io/distribution/spec/auth/token/">Token authentication: GET</a>
 * @see <a href="https://distribution.github.io/distribution/spec/auth/oauth/">OAuth2 token authentication: POST</a>
 */
final class TokenEndpoint {

    private static final int LONGEST_FORM = 32 * 1024;
    /** So many forms may arrive at a time, because each takes memory. */
    private static final int MOST_FORMS = 100;
    private static final long LONGEST_ARRIVAL_MILLIS = 10_000;
    private static final int MOST_SCOPES = 100;
    private static final int MOST_PARAMETERS = 200;
    private static final String MALFORMED = "The request is malformed.";
    private static final String FORM = "application/x-www-form-urlencoded";

    private final RepeatedFault faults = new RepeatedFault(LoggerFactory.getLogger(TokenEndpoint.class), Level.ERROR);
    private final Access access;
    private final LoginLog log;
    private final int longestToken;
    /** Belongs to the event loop. */
    private int forms;

    /** @param maxHeaders the longest headers of a request together, in bytes: a token has to fit in */
    TokenEndpoint(Access access, Metrics metrics, int maxHeaders) {
        this.access = access;
        this.log = new LoginLog(metrics);
        this.longestToken = maxHeaders * 3 / 4;
    }

    void handle(RoutingContext context) {
        HttpServerRequest request = context.request();
        request.response().putHeader(HttpHeaderNames.CACHE_CONTROL, "no-store");
        if (request.method() == HttpMethod.GET) {
            Map<String, List<String>> query = parameters(request.query() == null ? "" : request.query());
            if (query != null) {
                answer(context, query, () -> access.prove(request.getHeader(HttpHeaderNames.AUTHORIZATION), AccessLog.line(context).clientAddress()));
            } else {
                EdgeHandlers.refuse(request, 400, MALFORMED);
            }
        } else if (request.method() == HttpMethod.POST) {
            post(context, request);
        } else {
            request.response().putHeader(HttpHeaderNames.ALLOW, "GET, POST");
            EdgeHandlers.error(request, ErrorCode.UNSUPPORTED, 405, "The token service takes GET and POST.");
        }
    }

    private void post(RoutingContext context, HttpServerRequest request) {
        String type = request.getHeader(HttpHeaderNames.CONTENT_TYPE);
        long length = length(request);
        if (type == null || !type.split(";")[0].strip().equalsIgnoreCase(FORM)) {
            EdgeHandlers.error(request, ErrorCode.UNSUPPORTED, 415, "A POST to the token service has a form: " + FORM + ".");
        } else if (length > LONGEST_FORM) {
            EdgeHandlers.error(request, ErrorCode.SIZE_INVALID, 413, "The form has at most " + LONGEST_FORM + " bytes.");
        } else if (forms == MOST_FORMS) {
            EdgeHandlers.busy(request);
        } else {
            forms++;
            long late = context.vertx().setTimer(LONGEST_ARRIVAL_MILLIS, timer -> late(request));
            context.addEndHandler(ended -> {
                forms--;
                context.vertx().cancelTimer(late);
            });
            request.body().onSuccess(body -> form(context, parameters(body.toString(StandardCharsets.UTF_8))));
        }
    }

    /** Ends a request whose form does not arrive; it would keep its place. */
    private static void late(HttpServerRequest request) {
        if (!request.isEnded() && !request.response().ended()) {
            request.response().putHeader(HttpHeaderNames.CONNECTION, "close");
            EdgeHandlers.refuse(request, 408, "The form did not arrive in time.");
            request.connection().close();
        }
    }

    private static long length(HttpServerRequest request) {
        try {
            String length = request.getHeader(HttpHeaderNames.CONTENT_LENGTH);
            return length == null ? 0 : Long.parseLong(length);
        } catch (NumberFormatException e) {
            return Long.MAX_VALUE;
        }
    }

    private void form(RoutingContext context, Map<String, List<String>> form) {
        HttpServerRequest request = context.request();
        if (form == null) {
            EdgeHandlers.refuse(request, 400, MALFORMED);
            return;
        }
        if (!first(form, "grant_type").equals("password")) {
            EdgeHandlers.error(request, ErrorCode.UNSUPPORTED, 400, "The token service knows the grant_type password only; it gives no refresh tokens.");
            return;
        }
        String user = first(form, "username");
        String password = first(form, "password");
        answer(context, form, () -> access.login(user, password, AccessLog.line(context).clientAddress()));
    }

    /** Returns null for a text that is no query. */
    private static Map<String, List<String>> parameters(String query) {
        try {
            return new QueryStringDecoder(query, StandardCharsets.UTF_8, false, MOST_PARAMETERS, true).parameters();
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    private static String first(Map<String, List<String>> parameters, String name) {
        List<String> values = parameters.getOrDefault(name, List.of());
        return values.isEmpty() ? "" : values.get(0);
    }

    /** @param proving begins to check the credentials */
    private void answer(RoutingContext context, Map<String, List<String>> parameters, Supplier<CompletableFuture<Proof>> proving) {
        HttpServerRequest request = context.request();
        String service = first(parameters, "service");
        List<Scope> scopes = Scope.parse(parameters.getOrDefault("scope", List.of()));
        if (!service.isEmpty() && !service.equals(access.service())) {
            EdgeHandlers.error(request, ErrorCode.UNSUPPORTED, 400, "The name of this token service is " + access.service() + ".");
        } else if (scopes.size() > MOST_SCOPES) {
            EdgeHandlers.error(request, ErrorCode.UNSUPPORTED, 400, "A token is for at most " + MOST_SCOPES + " scopes.");
        } else {
            answer(context, scopes, proving.get());
        }
    }

    private void answer(RoutingContext context, List<Scope> scopes, CompletableFuture<Proof> proof) {
        if (proof.isDone()) {
            end(context, scopes, proof);
        } else {
            Context loop = Vertx.currentContext();
            proof.whenComplete((found, failure) -> loop.runOnContext(now -> end(context, scopes, proof)));
        }
    }

    /** @param found is done */
    private void end(RoutingContext context, List<Scope> scopes, CompletableFuture<Proof> found) {
        HttpServerRequest request = context.request();
        try {
            give(context, scopes, found.getNow(null));
        } catch (RuntimeException e) {
            LoginException login = LoginLog.cause(e);
            if (login == null) {
                faults.log(e.getClass().getName(), null, AccessLog.line(context).id(), e, "The token service failed");
                EdgeHandlers.failed(request);
            } else {
                refuse(context, login);
            }
        }
    }

    /** Returns whether nobody waits for the response any more. */
    private static boolean isGone(HttpServerRequest request) {
        return request.response().closed() || request.response().ended();
    }

    private void give(RoutingContext context, List<Scope> scopes, Proof proof) {
        HttpServerRequest request = context.request();
        if (isGone(request)) {
            return;
        }
        AccessLog.Line line = AccessLog.line(context);
        if (proof.how() == Proof.How.TOKEN) {
            // Otherwise a token would never end, and would not stay what it was made for.
            unauthorized(request, "A token of the mirror gets no other one; log in.");
            return;
        }
        if (scopes.isEmpty() && proof.unknownUser() != null) {
            // A client that logs in, and is to learn that the name is mistyped. One that pulls has a scope.
            refuse(context, proof.unknownUser());
            return;
        }
        log.proved(proof);
        line.user(proof.subject().name());
        Map<String, Set<Action>> granted = access.grant(proof.subject(), line.clientAddress(), scopes);
        Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
        String token = access.token(proof, granted, now);
        if (token.length() > longestToken) {
            EdgeHandlers.error(request, ErrorCode.UNSUPPORTED, 400, "The token would be longer than a request's headers may be; ask for fewer scopes at a time.");
            return;
        }
        Buffer body = new JsonObject().put("token", token).put("access_token", token).put("token_type", "Bearer")
                .put("expires_in", Duration.between(now, access.expires(proof, now)).toSeconds()).put("issued_at", now.toString()).toBuffer();
        request.response().putHeader(HttpHeaderNames.CONTENT_TYPE, MediaTypes.JSON).putHeader(HttpHeaderNames.CONTENT_LENGTH, String.valueOf(body.length())).end(body);
    }

    private void refuse(RoutingContext context, LoginException login) {
        HttpServerRequest request = context.request();
        if (login.reason() != LoginException.Reason.MIRROR_TOKEN) {
            // Also of a client that has gone, which would guess without a trace.
            log.refused(login, AccessLog.line(context).clientAddress(), AccessLog.line(context).id());
        }
        if (isGone(request)) {
            return;
        }
        switch (login.reason()) {
            case CREDENTIALS, TOKEN, MIRROR_TOKEN -> unauthorized(request, login.getMessage());
            case WAIT -> later(request, ErrorCode.TOOMANYREQUESTS, login);
            default -> later(request, ErrorCode.UNAVAILABLE, login);
        }
    }

    private static void unauthorized(HttpServerRequest request, String message) {
        request.response().putHeader(HttpHeaderNames.WWW_AUTHENTICATE, "Basic realm=\"mirror-registry\"");
        EdgeHandlers.error(request, ErrorCode.UNAUTHORIZED, ErrorCode.UNAUTHORIZED.status(), message);
    }

    private static void later(HttpServerRequest request, ErrorCode code, LoginException login) {
        request.response().putHeader(HttpHeaderNames.RETRY_AFTER, AccessCheck.seconds(login.retryAfter()));
        EdgeHandlers.error(request, code, code.status(), login.getMessage());
    }
}
