package io.mirrorregistry.reload;

/** Routes cannot be built for a reason that no file of routes has; the message is a sentence for the operator. */
final class RoutesFailedException extends Exception {

    RoutesFailedException(String message, Throwable cause) {
        super(message, cause);
    }
}
