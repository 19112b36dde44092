package io.mirrorregistry.access;

/** A command that changes nothing. Its message is a sentence for the person who gave it. */
final class RefusedException extends Exception {

    private static final long serialVersionUID = 1;

    RefusedException(String message) {
        super(message, null, false, false);
    }
}
