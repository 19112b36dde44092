package io.mirrorregistry.registry;

/** A registry answered that it has not got what was asked for, or will not give it to us. */
public final class NotHereException extends Exception {

    private final String registry;

    /**
     * @param registry the registry's name
     * @param message what was asked and what came back, for the log
     */
    public NotHereException(String registry, String message) {
        super(message, null, false, false);
        this.registry = registry;
    }

    public String registry() {
        return registry;
    }
}
