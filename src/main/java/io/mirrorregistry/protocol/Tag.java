package io.mirrorregistry.protocol;

/**
 * A tag, such as {@code latest} or {@code 3.20}.
 *
 * @param value the tag, at most 128 characters
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests">Pulling manifests</a>
 */
public record Tag(String value) implements Reference {

    private static final int MAX_LENGTH = 128;

    /** @throws IllegalArgumentException when the value is outside the grammar */
    public Tag {
        if (!isValid(value)) {
            throw new IllegalArgumentException("not a tag: " + value);
        }
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
