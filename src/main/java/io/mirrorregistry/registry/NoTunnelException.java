package io.mirrorregistry.registry;

import java.io.IOException;

/** A proxy refused to open a tunnel to a registry. The registry has not answered; the HTTP client takes the proxy's response for the registry's. */
public final class NoTunnelException extends IOException {

    /** @param status the status of the proxy's response */
    public NoTunnelException(int status) {
        super("the proxy refuses to connect us, with " + status);
    }
}
