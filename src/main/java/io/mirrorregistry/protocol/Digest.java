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
        return value.endsWith(hash(hashName(), content));
    }

    /** Returns a check of content that comes in pieces. */
    public Check check() {
        return new Check(messageDigest(hashName()));
    }

    /** Tells whether pieces of content come to the digest. */
    public final class Check {

        private final MessageDigest hash;

        private Check(MessageDigest hash) {
            this.hash = hash;
        }

        /** Adds the first {@code count} bytes of a buffer. */
        public void update(byte[] buffer, int count) {
            hash.update(buffer, 0, count);
        }

        /** Returns whether all that was added so far has the digest. More may be added afterwards. */
        public boolean passes() {
            try {
                return hex().equals(HexFormat.of().formatHex(((MessageDigest) hash.clone()).digest()));
            } catch (CloneNotSupportedException e) {
                throw new IllegalStateException("the hash functions of every Java runtime can be cloned", e);
            }
        }
    }

    private String hashName() {
        return value.startsWith(SHA256) ? "SHA-256" : "SHA-512";
    }

    private static String hash(String algorithm, byte[] content) {
        return HexFormat.of().formatHex(messageDigest(algorithm).digest(content));
    }

    private static MessageDigest messageDigest(String algorithm) {
        try {
            return MessageDigest.getInstance(algorithm);
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

    /** Written out, as is {@link #hashCode}: the methods that a record gets by default take longer, and each repeated pull calls them. */
    @Override
    public boolean equals(Object other) {
        return this == other || other instanceof Digest that && value.equals(that.value);
    }

    @Override
    public int hashCode() {
        return value.hashCode();
    }

    @Override
    public String toString() {
        return value;
    }
}
