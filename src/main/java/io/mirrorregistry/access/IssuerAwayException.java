package io.mirrorregistry.access;

/**
 * A token that cannot be verified now, because the keys of its issuer cannot be fetched or too many tokens wait. It proves neither that the token is
 * right nor that it is wrong. Its message is a sentence without the full stop, and holds nothing from the token.
 */
final class IssuerAwayException extends Exception {

    private static final long serialVersionUID = 1;

    public IssuerAwayException(String message) {
        super(message, null, false, false);
    }
}
