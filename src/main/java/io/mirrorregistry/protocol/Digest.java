package io.mirrorregistry.protocol;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * The digest of some content: {@code sha256} or {@code sha512} and the hash in lower-case hexadecimal.
 *
 * @param value algorithm, colon and hash
 * @see <a href="https://github.com/opencontainers/image-spec/blob/v1.1.0/descriptor.md#digests">Digests</a>
 */
public record Digest(String value) implements Reference {

    private static final String SHA256 = "sha256:";
    private static final String SHA512 = "sha512:";

    /** @throws IllegalArgumentException when the value is outside the grammar */
    public Digest {
        if (!isValid(value)) {
            throw new IllegalArgumentException("not a digest: " + value);
        }
    }

    /**
     * Reads a digest that a client sent.
     *
     * @throws ProtocolException DIGEST_INVALID when it is outside the grammar
     */
    public static Digest parse(String value) throws ProtocolException {
        if (!isValid(value)) {
            throw new ProtocolException(ErrorCode.DIGEST_INVALID,
                    "A digest is sha256: with 64 or sha512: with 128 lower-case hexadecimal digits.", value);
        }
        return new Digest(value);
    }

    /** Returns whether the value is a digest of one of the two algorithms. */
    public static boolean isValid(String value) {
        return value.startsWith(SHA256) && value.length() == SHA256.length() + 64 && isHex(value, SHA256.length())
                || value.startsWith(SHA512) && value.length() == SHA512.length() + 128 && isHex(value, SHA512.length());
    }

    /** Returns the sha256 digest of the content. */
    public static Digest ofSha256(byte[] content) {
        return new Digest(SHA256 + hash("SHA-256", content));
    }

    /** Returns the algorithm, {@code sha256} or {@code sha512}. */
    public String algorithm() {
        return value.substring(0, value.indexOf(':'));
    }

    /** Returns the hash in hexadecimal. */
    public String hex() {
        return value.substring(value.indexOf(':') + 1);
    }

    /** Returns whether the content has this digest. */
    public boolean matches(byte[] content) {
        String algorithm = value.startsWith(SHA256) ? "SHA-256" : "SHA-512";
        return value.endsWith(hash(algorithm, content));
    }

    private static String hash(String algorithm, byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java runtime has " + algorithm, e);
        }
    }

    private static boolean isHex(String value, int from) {
        for (int i = from; i < value.length(); i++) {
            char c = value.charAt(i);
            if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
                return false;
            }
        }
        return true;
    }

    @Override
    public String toString() {
        return value;
    }
}
