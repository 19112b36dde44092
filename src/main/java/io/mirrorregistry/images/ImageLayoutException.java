package io.mirrorregistry.images;

import java.io.IOException;

/** A folder that cannot be served as an image layout; the message is one sentence for a person. */
public final class ImageLayoutException extends IOException {

    ImageLayoutException(String message) {
        super(message);
    }
}
