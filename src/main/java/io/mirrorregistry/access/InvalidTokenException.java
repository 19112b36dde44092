package io.mirrorregistry.access;

/** A token that proves nothing, such as one that has expired. Its message ends the sentence "the token is refused: …" and tells no secret. */
final class InvalidTokenException extends Exception {

    private static final long serialVersionUID = 1;

    public InvalidTokenException(String message) {
        super(message, null, false, false);
    }
}
