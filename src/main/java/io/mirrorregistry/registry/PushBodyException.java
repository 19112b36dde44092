package io.mirrorregistry.registry;

import java.io.IOException;

/** The body of a push is not whole, by the fault of its source; the registry is innocent. */
public final class PushBodyException extends IOException {

    private final boolean gone;

    /**
     * @param message one sentence for the client
     * @param gone whether the client has left, so that nobody reads the sentence
     */
    public PushBodyException(String message, boolean gone) {
        super(message);
        this.gone = gone;
    }

    /** Returns whether the client has left. */
    public boolean isGone() {
        return gone;
    }

    @Override
    public synchronized Throwable fillInStackTrace() {
        return this;
    }
}
