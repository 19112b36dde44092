package io.mirrorregistry.server;

import io.mirrorregistry.access.Access;
import io.mirrorregistry.config.Settings.ServerSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.reload.LiveRoutes;
import io.mirrorregistry.server.tls.ClientsTls;
import io.mirrorregistry.work.EventLoopWatch;
import io.vertx.core.Context;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpRouter;

/** The server on the clients' port. */
public final class ClientsServer extends BoundedServer {

    private final ServerSettings settings;
    private final LiveRoutes live;
    private final ClientsTls tls;
    private final Access access;
    private final Metrics metrics;
    private final EventLoopWatch watch;
    private final boolean pushing;

    /**
     * Makes a server, which does not listen yet.
     *
     * @param tls null for plain http
     * @param access null where everybody may pull
     * @param watch measures whether the server's event loop runs
     * @param pushing whether clients may push, so that the bodies of their requests are read
     */
    public ClientsServer(ServerSettings settings, ClientsTls tls, Access access, LiveRoutes live, Metrics metrics, EventLoopWatch watch, boolean pushing) {
        super(settings.port(), VertxPlatformHttpRouter.SERVER_TYPE_SERVER, ConnectionBounds.ofClients(settings));
        this.settings = settings;
        this.tls = tls;
        this.access = access;
        this.live = live;
        this.metrics = metrics;
        this.watch = watch;
        this.pushing = pushing;
    }

    @Override
    void configure(HttpServerOptions options) {
        options.setMaxInitialLineLength(settings.maxRequestLine()).setMaxHeaderSize(settings.maxHeaders());
        if (pushing) {
            // What one read returns stays whole.
            options.setMaxChunkSize(BodyBuffer.MOST);
        }
        if (tls != null) {
            tls.on(options, settings.headTimeout());
        }
    }

    @Override
    void surround(VertxPlatformHttpRouter router) {
        AccessLog accessLog = new AccessLog(new ClientAddress(settings.trustedProxies()), metrics);
        TokenEndpoint tokens = access == null ? null : new TokenEndpoint(access, metrics, settings.maxHeaders());
        new EdgeHandlers(accessLog, () -> getCamelContext().getStatus().isStarted() && !live.closing(), tokens, pushing ? BodyPace.Times.USUAL : null)
                .around(router);
    }

    @Override
    void started(HttpServer server, HttpServerOptions options, Context loop) {
        watch.watch(task -> loop.runOnContext(now -> task.run()));
        if (tls != null) {
            tls.watch(server, options);
        }
        if (access != null) {
            access.start();
        }
    }

    @Override
    protected void stopServer() {
        watch.close();
        if (tls != null) {
            tls.close();
        }
        super.stopServer();
    }
}
