package io.mirrorregistry.status;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;

/** Sends the responses of the pages on the management port, with headers by which a browser loads, frames and keeps nothing. */
public final class ManagementResponse {

    private static final String POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private ManagementResponse() {
    }

    /**
     * Sends a response; to HEAD its head only. Does nothing if the client has gone.
     *
     * @param type the Content-Type
     */
    public static void send(RoutingContext context, int status, String type, Buffer body) {
        HttpServerResponse response = context.response();
        if (response.ended() || response.closed()) {
            return;
        }
        response.setStatusCode(status)
                .putHeader("Content-Type", type)
                .putHeader("Content-Security-Policy", POLICY)
                .putHeader("X-Content-Type-Options", "nosniff")
                .putHeader("Referrer-Policy", "no-referrer")
                .putHeader("Cache-Control", "no-store")
                .putHeader("Content-Length", String.valueOf(body.length()));
        if (context.request().method() == HttpMethod.HEAD) {
            response.end();
        } else {
            response.end(body);
        }
    }
}
