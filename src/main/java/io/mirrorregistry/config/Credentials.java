package io.mirrorregistry.config;

import java.nio.charset.StandardCharsets;
import java.util.Base64;

/**
 * Our account at a registry.
 *
 * @param username the account's name, without a colon
 * @param password its password or access token
 */
public record Credentials(String username, String password) {

    /** Returns the value of an Authorization header. */
    public String basic() {
        byte[] pair = (username + ":" + password).getBytes(StandardCharsets.UTF_8);
        return "Basic " + Base64.getEncoder().encodeToString(pair);
    }

    /** Keeps the password out of logs. */
    @Override
    public String toString() {
        return username + ":***";
    }
}
