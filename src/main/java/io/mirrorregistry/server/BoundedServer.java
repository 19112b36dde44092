package io.mirrorregistry.server;

import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.vertx.core.Context;
import io.vertx.core.Promise;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.impl.VertxInternal;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpRouter;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpServer;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpServerConfiguration;

/** Camel's server of one port, with limits, which Camel's own leaves at Vert.x's defaults or does not have at all. */
abstract class BoundedServer extends VertxPlatformHttpServer {

    private final int port;
    private final ConnectionLimits.Bounds bounds;
    private volatile HttpServer server;
    private ConnectionLimits limits;

    /** @param type one of the constants SERVER_TYPE of {@link VertxPlatformHttpRouter} */
    BoundedServer(int port, String type, ConnectionLimits.Bounds bounds) {
        super(configuration(port, type));
        this.port = port;
        this.bounds = bounds;
    }

    private static VertxPlatformHttpServerConfiguration configuration(int port, String type) {
        VertxPlatformHttpServerConfiguration configuration = new VertxPlatformHttpServerConfiguration();
        configuration.setBindPort(port);
        configuration.setServerType(type);
        return configuration;
    }

    @Override
    public HttpServer getServer() {
        return server;
    }

    @Override
    public int getPort() {
        return port;
    }

    /** Completes the options of the server. */
    abstract void configure(HttpServerOptions options);

    /** Puts handlers around the routes. */
    abstract void surround(VertxPlatformHttpRouter router);

    @Override
    protected void startServer() {
        VertxPlatformHttpRouter router = VertxPlatformHttpRouter.lookup(getCamelContext(), VertxPlatformHttpRouter.getRouterNameFromPort(port));
        surround(router);
        HttpServerOptions options = new HttpServerOptions()
                .setPort(port)
                .setHost("0.0.0.0")
                // Each would be a handler that every request and response passes.
                .setPerFrameWebSocketCompressionSupported(false)
                .setPerMessageWebSocketCompressionSupported(false)
                // HTTP/2 would pass the limits by.
                .setHttp2ClearTextEnabled(false);
        configure(options);
        // A server's connections run on the event loop on which it began to listen: one for each port, so that management answers while the
        // clients' is blocked. Called twice on one thread, Vert.x's public method would return the same.
        Context loop = ((VertxInternal) getVertx()).createEventLoopContext();
        limits = ConnectionLimits.begin(loop, port, bounds, options);
        server = getVertx().createHttpServer(options)
                .connectionHandler(connection -> limits.speaksHttp(ClientConnection.of(connection)))
                .invalidRequestHandler(BoundedServer::refuse)
                .requestHandler(router);
        Promise<HttpServer> listening = Promise.promise();
        loop.runOnContext(now -> server.listen().onComplete(listening));
        try {
            listening.future().toCompletionStage().toCompletableFuture().join();
            AcceptedConnections.requireEnabled();
        } catch (RuntimeException e) {
            limits.close();
            throw e;
        }
        started(server, options, loop);
    }

    /** Is called when the server listens, with the event loop of all its connections. */
    void started(HttpServer listening, HttpServerOptions options, Context loop) {
    }

    @Override
    protected void stopServer() {
        if (server != null) {
            server.close().toCompletionStage().toCompletableFuture().join();
            server = null;
        }
        if (limits != null) {
            limits.close();
            limits = null;
        }
    }

    /** Responds to a request that is malformed or longer than allowed, and closes the connection, which cannot be used any more. */
    static void refuse(HttpServerRequest request) {
        Throwable cause = request.decoderResult().cause();
        int status = cause instanceof TooLongHttpLineException ? 414 : cause instanceof TooLongFrameException ? 431 : 400;
        EdgeHandlers.refuse(request, status, status == 400 ? "The request is malformed." : "The request is longer than allowed.");
        request.connection().close();
    }
}
