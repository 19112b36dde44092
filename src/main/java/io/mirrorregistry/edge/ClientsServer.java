package io.mirrorregistry.edge;

import io.mirrorregistry.config.Settings.ServerSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.routes.LiveRoutes;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpRouter;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpServer;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpServerConfiguration;

/** The server on the clients' port: Camel's, with limits, which Camel's own leaves at Vert.x's defaults or has not at all. */
public final class ClientsServer extends VertxPlatformHttpServer {

    private final ServerSettings settings;
    private final LiveRoutes live;
    private final ClientsTls tls;
    private final Metrics metrics;
    private volatile HttpServer server;

    /** @param tls null for plain http */
    public ClientsServer(ServerSettings settings, ClientsTls tls, LiveRoutes live, Metrics metrics) {
        super(configuration(settings.port()));
        this.settings = settings;
        this.tls = tls;
        this.live = live;
        this.metrics = metrics;
    }

    private static VertxPlatformHttpServerConfiguration configuration(int port) {
        VertxPlatformHttpServerConfiguration configuration = new VertxPlatformHttpServerConfiguration();
        configuration.setBindPort(port);
        configuration.setServerType(VertxPlatformHttpRouter.SERVER_TYPE_SERVER);
        return configuration;
    }

    @Override
    public HttpServer getServer() {
        return server;
    }

    @Override
    public int getPort() {
        return settings.port();
    }

    @Override
    protected void startServer() {
        VertxPlatformHttpRouter router = VertxPlatformHttpRouter.lookup(getCamelContext(),
                VertxPlatformHttpRouter.getRouterNameFromPort(settings.port()));
        Patience patience = new Patience(getVertx(), settings.idleTimeout());
        AccessLog accessLog = new AccessLog(new ClientAddress(settings.trustedProxies()), metrics);
        new Frame(patience, accessLog, () -> getCamelContext().getStatus().isStarted() && !live.closing()).around(router);
        HttpServerOptions options = new HttpServerOptions()
                .setPort(settings.port())
                .setHost("0.0.0.0")
                .setMaxInitialLineLength(settings.maxRequestLine())
                .setMaxHeaderSize(settings.maxHeaders())
                .setIdleTimeout((int) Math.max(1, settings.idleTimeout().toSeconds()))
                // Each would be a handler that every request and answer passes.
                .setPerFrameWebSocketCompressionSupported(false)
                .setPerMessageWebSocketCompressionSupported(false)
                .setHttp2ClearTextEnabled(false);
        if (tls != null) {
            tls.on(options, settings.idleTimeout());
        }
        server = getVertx().createHttpServer(options)
                .connectionHandler(connection -> {
                    Pipelining.bound(connection, settings.maxPipelined());
                    patience.begin(connection);
                })
                .invalidRequestHandler(ClientsServer::refuse)
                .requestHandler(router);
        server.listen().toCompletionStage().toCompletableFuture().join();
        if (tls != null) {
            tls.watch(server, options);
        }
    }

    @Override
    protected void stopServer() {
        if (tls != null) {
            tls.close();
        }
        if (server != null) {
            server.close().toCompletionStage().toCompletableFuture().join();
            server = null;
        }
    }

    /** Answers what is no HTTP request, or is longer than allowed; the connection cannot be used after it. */
    private static void refuse(HttpServerRequest request) {
        Throwable cause = request.decoderResult().cause();
        int status = cause instanceof TooLongHttpLineException ? 414 : cause instanceof TooLongFrameException ? 431 : 400;
        Frame.refuse(request, status, status == 400 ? "The request is malformed." : "The request is longer than allowed.");
        request.connection().close();
    }
}
