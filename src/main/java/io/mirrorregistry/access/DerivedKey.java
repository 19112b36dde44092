package io.mirrorregistry.access;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Derives keys from {@code mirror.secret}, one for each purpose, so that a token of one purpose is never accepted for another. */
public final class DerivedKey {

    private static final String HMAC = "HmacSHA256";
    private static final int RANDOM_BYTES = 32;

    private DerivedKey() {
    }

    /**
     * Returns a key of 32 bytes: HMAC-SHA256 of the purpose, with the secret as the key.
     *
     * @param secret null to return a random key, which no other call returns
     * @param purpose the use of the key, with a version
     */
    public static byte[] of(String secret, String purpose) {
        try {
            Mac mac = Mac.getInstance(HMAC);
            mac.init(new SecretKeySpec(secret == null ? random() : secret.getBytes(StandardCharsets.UTF_8), HMAC));
            return mac.doFinal(purpose.getBytes(StandardCharsets.UTF_8));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("Java has no " + HMAC, e);
        }
    }

    private static byte[] random() {
        byte[] bytes = new byte[RANDOM_BYTES];
        new SecureRandom().nextBytes(bytes);
        return bytes;
    }
}
