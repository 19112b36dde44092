package io.mirrorregistry.edge;

import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import org.apache.camel.CamelContext;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpRouter;

/** What surrounds the routes on the clients' port: the access log, and an error body for what no route takes. */
public final class Frame {

    private Frame() {
    }

    /** @param port the clients' port */
    public static void around(CamelContext camel, int port) {
        VertxPlatformHttpRouter router =
                VertxPlatformHttpRouter.lookup(camel, VertxPlatformHttpRouter.getRouterNameFromPort(port));
        router.route().order(-1).handler(new AccessLog()).failureHandler(Frame::failed);
        router.route().last().handler(context -> error(context, ErrorCode.NOT_FOUND, 404, "There is nothing here; images are under /v2/."));
    }

    /** A request that could not even be read, such as one with a malformed query, ends here. */
    private static void failed(RoutingContext context) {
        if (context.response().headWritten()) {
            context.response().reset();
        } else if (context.statusCode() >= 400 && context.statusCode() < 500) {
            error(context, ErrorCode.UNSUPPORTED, context.statusCode(), "The request is malformed.");
        } else {
            error(context, ErrorCode.UNKNOWN, 500, "The mirror failed; its log tells how.");
        }
    }

    private static void error(RoutingContext context, ErrorCode code, int status, String text) {
        Buffer body = ErrorBody.of(code, text, null);
        HttpServerResponse response = context.response()
                .setStatusCode(status)
                .putHeader("Content-Type", MediaTypes.JSON)
                .putHeader("Docker-Distribution-Api-Version", "registry/2.0")
                .putHeader("Content-Length", String.valueOf(body.length()));
        if (context.request().method() == HttpMethod.HEAD) {
            response.end();
        } else {
            response.end(body);
        }
    }
}
