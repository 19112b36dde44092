package soak;

import java.io.IOException;

/** A client that has left on purpose. */
final class LeftException extends IOException {

    private static final long serialVersionUID = 1;
}
