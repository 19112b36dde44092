package io.mirrorregistry.registry;

import java.net.UnknownHostException;

/** The mirror does not call this address, whoever names it. */
public final class RefusedAddressException extends UnknownHostException {

    /** @param message the address, and what it leads to */
    public RefusedAddressException(String message) {
        super(message);
    }
}
