package io.mirrorregistry.registry;

/** The client has gone while its request waited: no registry is asked for it, and nothing is known about what it asked for. */
public final class ClientLeftException extends Exception {

    public ClientLeftException() {
        super("the client left while its request waited", null, false, false);
    }
}
