package io.mirrorregistry.access;

import java.net.URI;

/**
 * An issuer of OpenID Connect tokens, as {@code access.yaml} has it.
 *
 * @param issuer its name: the claim {@code iss}, to the letter
 * @param audience what the claim {@code aud} has to be, or contain
 * @param keys the address of its JWKS; null for {@code keysText}, or else for what its discovery document names
 * @param keysText the JWKS itself, from a file; null for none
 * @param user the user's name with claims in braces, such as <code>github:{repository}</code>; it begins with a text that ends with a colon
 */
record Issuer(String issuer, String audience, URI keys, String keysText, String user) {

    /** Returns the text that all its users' names begin with, the colon included. */
    public String prefix() {
        return user.substring(0, user.indexOf(':') + 1);
    }
}
