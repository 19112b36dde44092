package io.mirrorregistry.server;

import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.vertx.core.MultiMap;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * What surrounds the routes on the clients' port, on the event loop: the access log, what cannot be read, and an error
 * body for what no route takes.
 */
public final class EdgeHandlers {

    private static final Set<HttpMethod> PUSHING = Set.of(HttpMethod.POST, HttpMethod.PATCH, HttpMethod.PUT);

    private final RepeatedFault faults = new RepeatedFault(LoggerFactory.getLogger(EdgeHandlers.class), Level.ERROR);
    private final BooleanSupplier serving;
    private final AccessLog accessLog;
    private final TokenEndpoint tokens;
    private final BodyPace.Times bodyTimes;

    /**
     * @param accessLog writes a line for each request
     * @param serving whether the routes are all there; before and after that, what they do not answer is not missing
     * @param tokens the token service; null for none
     * @param bodyTimes what is asked of clients that push; null where nobody may push, so that bodies are dropped
     */
    EdgeHandlers(AccessLog accessLog, BooleanSupplier serving, TokenEndpoint tokens, BodyPace.Times bodyTimes) {
        this.accessLog = accessLog;
        this.serving = serving;
        this.tokens = tokens;
        this.bodyTimes = bodyTimes;
    }

    void around(Router router) {
        router.route().order(-2).handler(this::begin).failureHandler(this::failed);
        router.route().order(-1).handler(this::serveOrSayLater);
        if (tokens != null) {
            router.route(TokenRealm.PATH).order(0).handler(tokens::handle);
        }
        router.route().last().handler(context ->
                error(context.request(), ErrorCode.NOT_FOUND, 404, "There is nothing here; images are under /v2/."));
    }

    private void begin(RoutingContext context) {
        HttpServerRequest request = context.request();
        ClientConnection connection = ClientConnection.of(request.connection());
        if (connection.isOver()) {
            // It follows something that was refused because nobody can say where it ends.
            return;
        }
        int refused = malformed(request);
        if (refused > 0) {
            connection.giveUp();
            refuse(request, refused, refused == 411 ? "A body has to come with its Content-Length." : "The request is malformed.");
            request.connection().close();
            return;
        }
        if (mayPush(request)) {
            RequestBody.hold(request, bodyTimes);
        }
        context.addEndHandler(ended -> {
            if (ended.succeeded()) {
                // A body is dropped, so that the next request can be read.
                request.resume();
            }
        });
        accessLog.handle(context);
    }

    /**
     * Returns the status for a request of which proxies before the mirror may think otherwise than it does: where it ends, or whom it
     * is for. Nobody needs chunks to pull. Those beside a Content-Length, or in HTTP/1.0, never come here, as the parser refuses them.
     *
     * @see <a href="https://www.rfc-editor.org/rfc/rfc9112#section-11.2">RFC 9112, Request Smuggling</a>
     */
    private int malformed(HttpServerRequest request) {
        MultiMap headers = request.headers();
        if (headers.contains(HttpHeaders.TRANSFER_ENCODING) && !(mayPush(request) && isChunked(headers.getAll(HttpHeaders.TRANSFER_ENCODING)))) {
            return 411;
        }
        return headers.getAll(HttpHeaders.HOST).size() > 1 || headers.contains("") ? 400 : 0;
    }

    /** A line that is folded has a space where another reader may see none. */
    private static boolean isChunked(List<String> encodings) {
        return encodings.size() == 1 && encodings.get(0).equalsIgnoreCase("chunked");
    }

    /** Returns whether somebody may want the body of a request. */
    private boolean mayPush(HttpServerRequest request) {
        return bodyTimes != null && PUSHING.contains(request.method()) && request.path() != null && request.path().startsWith("/v2/");
    }

    private void serveOrSayLater(RoutingContext context) {
        if (bodyTimes != null && !isExpectationKnown(context.request())) {
            refuse(context.request(), 417, "The mirror knows no other expectation than " + RequestBody.CONTINUE + ".");
        } else if (serving.getAsBoolean()) {
            context.next();
        } else {
            context.response().putHeader("Retry-After", "5").putHeader("Connection", "close");
            unavailable(context.request(), "The mirror starts or stops; try again.");
        }
    }

    private static boolean isExpectationKnown(HttpServerRequest request) {
        MultiMap headers = request.headers();
        return !headers.contains(HttpHeaders.EXPECT) || headers.getAll(HttpHeaders.EXPECT).stream().allMatch(RequestBody.CONTINUE::equalsIgnoreCase);
    }

    /** A request that could not even be read, such as one with a malformed query, ends here. */
    private void failed(RoutingContext context) {
        if (context.response().headWritten()) {
            context.response().reset();
        } else if (context.statusCode() >= 400 && context.statusCode() < 500) {
            refuse(context.request(), context.statusCode(), "The request is malformed.");
        } else {
            Throwable failure = context.failure();
            faults.log(failure == null ? "" : failure.getClass().getName(), null, context.response().headers().get(RequestId.HEADER), failure, "The mirror failed");
            failed(context.request());
        }
    }

    /** Says that the mirror itself has failed. */
    static void failed(HttpServerRequest request) {
        error(request, ErrorCode.UNKNOWN, 500, "The mirror failed; its log tells how.");
    }

    /** Responds 503 to a request that gets no worker. */
    public static void busy(HttpServerRequest request) {
        request.response().putHeader("Retry-After", "1");
        unavailable(request, "The mirror works on as many requests as it can; try again.");
    }

    /** Says that the mirror cannot serve for now. */
    static void unavailable(HttpServerRequest request, String text) {
        error(request, ErrorCode.UNAVAILABLE, 503, text);
    }

    /** Answers a request that cannot be read. */
    static void refuse(HttpServerRequest request, int status, String text) {
        error(request, ErrorCode.UNSUPPORTED, status, text);
    }

    /** Answers with an error body. */
    static void error(HttpServerRequest request, ErrorCode code, int status, String text) {
        Buffer body = ErrorBody.of(code, text, null);
        HttpServerResponse response = request.response()
                .setStatusCode(status)
                .putHeader("Content-Type", MediaTypes.JSON)
                .putHeader("Docker-Distribution-Api-Version", "registry/2.0")
                .putHeader("Content-Length", String.valueOf(body.length()));
        if (request.method() == HttpMethod.HEAD) {
            response.end();
        } else {
            response.end(body);
        }
    }
}
