package io.mirrorregistry.access;

import com.nimbusds.jose.KeySourceException;

/** No key of the issuer fits the header of a token. The issuer may publish the key later, so this result must not be remembered. */
final class UnknownKeyException extends KeySourceException {

    private static final long serialVersionUID = 1;

    UnknownKeyException() {
        super("no key fits");
    }
}
