package io.mirrorregistry.warm.queue;

/** The database cannot be used now; the message is one sentence for a person, without secrets. */
public final class StoreAwayException extends Exception {

    public StoreAwayException(String message) {
        super(message, null, false, false);
    }
}
