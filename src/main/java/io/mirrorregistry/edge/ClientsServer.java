package io.mirrorregistry.edge;

import io.mirrorregistry.config.Settings.ServerSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.routes.LiveRoutes;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpRouter;

/** The server on the clients' port. */
public final class ClientsServer extends BoundedServer {

    private final ServerSettings settings;
    private final LiveRoutes live;
    private final ClientsTls tls;
    private final Metrics metrics;

    /** @param tls null for plain http */
    public ClientsServer(ServerSettings settings, ClientsTls tls, LiveRoutes live, Metrics metrics) {
        super(settings.port(), VertxPlatformHttpRouter.SERVER_TYPE_SERVER, ConnectionBounds.ofClients(settings));
        this.settings = settings;
        this.tls = tls;
        this.live = live;
        this.metrics = metrics;
    }

    @Override
    void configure(HttpServerOptions options) {
        options.setMaxInitialLineLength(settings.maxRequestLine())
                .setMaxHeaderSize(settings.maxHeaders())
                .setIdleTimeout((int) Math.max(1, settings.idleTimeout().toSeconds()));
        if (tls != null) {
            tls.on(options, settings.headTimeout());
        }
    }

    @Override
    void surround(VertxPlatformHttpRouter router) {
        AccessLog accessLog = new AccessLog(new ClientAddress(settings.trustedProxies()), metrics);
        new Frame(accessLog, () -> getCamelContext().getStatus().isStarted() && !live.closing()).around(router);
    }

    @Override
    void started(HttpServer server, HttpServerOptions options) {
        if (tls != null) {
            tls.watch(server, options);
        }
    }

    @Override
    protected void stopServer() {
        if (tls != null) {
            tls.close();
        }
        super.stopServer();
    }
}
