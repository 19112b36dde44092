package io.mirrorregistry.server;

import io.netty.bootstrap.ChannelInitializerExtension;
import io.netty.channel.Channel;
import io.netty.channel.ServerChannel;
import java.net.InetSocketAddress;

/**
 * Hands each connection that a server of this process accepts to the {@link ConnectionLimits} of its port. Netty finds it as a service
 * and calls it right after the accept, before a TLS handshake and before any byte is read; Vert.x has no such place.
 */
public final class AcceptedConnections extends ChannelInitializerExtension {

    /** Netty looks for such services only where this property says so, and reads it once in a process, with its first server. */
    private static final String LOADED = "serviceload";

    private static volatile boolean loaded;

    /** Has Netty call this class. */
    public static void enable() {
        if (System.getProperty(EXTENSIONS_SYSTEM_PROPERTY) == null) {
            System.setProperty(EXTENSIONS_SYSTEM_PROPERTY, LOADED);
        }
    }

    /** @throws IllegalStateException when the server that has just begun to listen leaves its connections without bounds */
    static void requireEnabled() {
        if (!loaded) {
            throw new IllegalStateException("the Java property " + EXTENSIONS_SYSTEM_PROPERTY + " has to be " + LOADED
                    + " before the first server of the process begins to listen");
        }
    }

    @Override
    public void postInitializeServerListenerChannel(ServerChannel channel) {
        loaded = true;
    }

    @Override
    public void postInitializeServerChildChannel(Channel channel) {
        ConnectionLimits limits = channel.localAddress() instanceof InetSocketAddress address ? ConnectionLimits.of(address.getPort()) : null;
        if (limits != null) {
            limits.accepted(channel);
        }
    }
}
