package io.mirrorregistry.protocol;

/**
 * A tag, such as {@code latest} or {@code 3.20}.
 *
 * @param value the tag, at most 128 characters
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests">Pulling manifests</a>
 */
public record Tag(String value) implements Reference {

    private static final int MAX_LENGTH = 128;
    /** Maximum digits of a digest in the tag of its referrers. */
    private static final int REFERRERS_DIGITS = 64;

    /** @throws IllegalArgumentException when the value is outside the grammar */
    public Tag {
        if (!isValid(value)) {
            throw new IllegalArgumentException("not a tag: " + value);
        }
    }

    /**
     * Returns the tag under which clients keep the list of referrers of a manifest at a registry without the referrers API: {@code sha256-<hex>}, or
     * {@code sha512-} and the first 64 digits.
     *
     * @see <a href="https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema">Referrers tag schema</a>
     */
    public static Tag ofReferrers(Digest subject) {
        return new Tag(subject.algorithm() + "-" + subject.hex().substring(0, REFERRERS_DIGITS));
    }

    /** Returns whether the value follows the grammar of tags. */
    public static boolean isValid(String value) {
        int length = value.length();
        if (length == 0 || length > MAX_LENGTH || !isWord(value.charAt(0))) {
            return false;
        }
        for (int i = 1; i < length; i++) {
            char c = value.charAt(i);
            if (!isWord(c) && c != '.' && c != '-') {
                return false;
            }
        }
        return true;
    }

    private static boolean isWord(char c) {
        return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_';
    }

    /** Written out, as is {@link #hashCode}: the methods that a record gets by default take longer, and each repeated pull calls them. */
    @Override
    public boolean equals(Object other) {
        return this == other || other instanceof Tag that && value.equals(that.value);
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
