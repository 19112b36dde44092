package io.mirrorregistry.images;

/** An image, or a part of one, that cannot be served; the message tells why, as the end of a sentence. */
final class DamagedImageException extends Exception {

    DamagedImageException(String message) {
        super(message, null, false, false);
    }
}
