package io.mirrorregistry.edge;

import io.mirrorregistry.config.Settings.ServerSettings;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What surrounds the routes on the clients' port, on the event loop: the access log, the bound on how much is worked on at a
 * time, and an error body for what no route takes.
 */
final class Frame {

    private static final Logger LOG = LoggerFactory.getLogger(Frame.class);

    private final int mostRequests;
    private final Patience patience;
    private final AccessLog accessLog = new AccessLog();
    private final AtomicInteger requests = new AtomicInteger();

    Frame(ServerSettings settings, Patience patience) {
        this.mostRequests = settings.workers();
        this.patience = patience;
    }

    void around(Router router) {
        router.route().order(-2).handler(this::begin).failureHandler(Frame::failed);
        router.route().order(-1).handler(this::admit);
        router.route().last().handler(context ->
                error(context.request(), ErrorCode.NOT_FOUND, 404, "There is nothing here; images are under /v2/."));
    }

    private void begin(RoutingContext context) {
        patience.end(context.request().connection());
        context.addEndHandler(ended -> {
            if (ended.succeeded()) {
                patience.begin(context.request().connection());
            }
        });
        accessLog.handle(context);
    }

    /**
     * Refuses at once what would have to wait for a worker: a queue without bound helps nobody. What needs no registry is let
     * through always; workers are kept for it.
     */
    private void admit(RoutingContext context) {
        if (needsNoRegistry(context.request().path())) {
            context.next();
        } else if (requests.incrementAndGet() > mostRequests) {
            requests.decrementAndGet();
            context.response().putHeader("Retry-After", "1");
            error(context.request(), ErrorCode.UNAVAILABLE, 503, "The mirror works on as many requests as it can; try again.");
        } else {
            context.addEndHandler(ended -> requests.decrementAndGet());
            context.next();
        }
    }

    private static boolean needsNoRegistry(String path) {
        return path == null || path.equals("/health") || path.equals("/v2/") || path.equals("/v2");
    }

    /** A request that could not even be read, such as one with a malformed query, ends here. */
    private static void failed(RoutingContext context) {
        if (context.response().headWritten()) {
            context.response().reset();
        } else if (context.statusCode() >= 400 && context.statusCode() < 500) {
            refuse(context.request(), context.statusCode(), "The request is malformed.");
        } else {
            LOG.error("The mirror failed", context.failure());
            error(context.request(), ErrorCode.UNKNOWN, 500, "The mirror failed; its log tells how.");
        }
    }

    /** Answers a request that cannot be read. */
    static void refuse(HttpServerRequest request, int status, String text) {
        error(request, ErrorCode.UNSUPPORTED, status, text);
    }

    private static void error(HttpServerRequest request, ErrorCode code, int status, String text) {
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
