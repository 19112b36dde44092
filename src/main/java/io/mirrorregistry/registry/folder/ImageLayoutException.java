package io.mirrorregistry.registry.folder;

import java.io.IOException;

/** A folder that cannot be served as an image layout; the message is one sentence for a person. */
public final class ImageLayoutException extends IOException {

    private static final long serialVersionUID = 1;

    private final boolean lasting;

    ImageLayoutException(String message) {
        this(message, false);
    }

    /** @param lasting whether the same {@code index.json} would only fail in the same way again */
    ImageLayoutException(String message, boolean lasting) {
        super(message);
        this.lasting = lasting;
    }

    boolean lasting() {
        return lasting;
    }
}
