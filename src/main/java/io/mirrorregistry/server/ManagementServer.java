package io.mirrorregistry.server;

import io.mirrorregistry.config.Settings.ServerSettings;
import io.vertx.core.http.HttpServerOptions;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpRouter;

/**
 * The server on the management port, for few clients with short requests. Camel's management service takes this one for its own, as it
 * has its port, if it is the first server that the CamelContext is given.
 */
public final class ManagementServer extends BoundedServer {

    private final ServerSettings settings;

    public ManagementServer(int port, ServerSettings settings) {
        super(port, VertxPlatformHttpRouter.SERVER_TYPE_MANAGEMENT, ConnectionBounds.ofManagement(settings));
        this.settings = settings;
    }

    @Override
    void configure(HttpServerOptions options) {
        options.setMaxInitialLineLength(settings.maxRequestLine()).setMaxHeaderSize(settings.maxHeaders());
    }

    @Override
    void surround(VertxPlatformHttpRouter router) {
        // Camel's management service adds its own handlers.
    }
}
