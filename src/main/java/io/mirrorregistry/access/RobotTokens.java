package io.mirrorregistry.access;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;

/** The tokens of robots. They are random, so that SHA-256 without a salt is enough to keep them. */
final class RobotTokens {

    /** Lets scanners for secrets, and people, recognise a token. */
    static final String PREFIX = "mrr_";
    private static final int RANDOM_BYTES = 32;

    private RobotTokens() {
    }

    /** Returns a new token: the prefix and 43 characters of base64url. */
    static String make() {
        byte[] random = new byte[RANDOM_BYTES];
        new SecureRandom().nextBytes(random);
        return PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(random);
    }

    /** Returns SHA-256 of a token, 64 lower-case hexadecimal digits. */
    static String hash(String token) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("Every Java has SHA-256", e);
        }
    }

    /** Returns whether a token has a hash. The time does not depend on where they differ. */
    static boolean matches(String token, String hash) {
        return MessageDigest.isEqual(hash(token).getBytes(StandardCharsets.US_ASCII), hash.getBytes(StandardCharsets.US_ASCII));
    }
}
