package io.mirrorregistry.registry.folder;

/** An image, or a part of one, that cannot be served; the message tells why, as the end of a sentence. */
class DamagedImageException extends Exception {

    private static final long serialVersionUID = 1;

    DamagedImageException(String message) {
        super(message, null, false, false);
    }
}
