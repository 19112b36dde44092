package io.mirrorregistry.registry;

/** The client has gone before its response was whole: no registry is asked for it any more, and nothing is known about what it asked for. */
public final class ClientLeftException extends Exception {

    public ClientLeftException() {
        super("the client has left", null, false, false);
    }
}
