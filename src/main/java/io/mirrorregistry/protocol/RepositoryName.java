package io.mirrorregistry.protocol;

/**
 * The name of a repository, such as {@code library/alpine}: path components of lower-case letters and digits, separated
 * within by one period, one or two underscores, or any number of hyphens.
 *
 * @param value the name, at most 255 characters
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests">Pulling manifests</a>
 */
public record RepositoryName(String value) {

    private static final int MAX_LENGTH = 255;

    /** @throws IllegalArgumentException when the value is outside the grammar */
    public RepositoryName {
        if (!isValid(value)) {
            throw new IllegalArgumentException("not a repository name: " + value);
        }
    }

    /** Returns whether the value follows the grammar of repository names. */
    public static boolean isValid(String value) {
        int length = value.length();
        if (length == 0 || length > MAX_LENGTH) {
            return false;
        }
        int position = 0;
        while (true) {
            int wordStart = position;
            while (position < length && isAlphanumeric(value.charAt(position))) {
                position++;
            }
            if (position == wordStart) {
                return false;
            }
            if (position == length) {
                return true;
            }
            position = afterSeparator(value, position);
            if (position < 0) {
                return false;
            }
        }
    }

    /** Returns the position after the separator that starts at the given one, or -1 where none does. */
    private static int afterSeparator(String value, int position) {
        int next = position + 1;
        switch (value.charAt(position)) {
            case '/', '.':
                return next;
            case '_':
                return next < value.length() && value.charAt(next) == '_' ? next + 1 : next;
            case '-':
                while (next < value.length() && value.charAt(next) == '-') {
                    next++;
                }
                return next;
            default:
                return -1;
        }
    }

    private static boolean isAlphanumeric(char c) {
        return c >= 'a' && c <= 'z' || c >= '0' && c <= '9';
    }

    /** Written out, as is {@link #hashCode}: the methods that a record gets by default take longer, and each repeated pull calls them. */
    @Override
    public boolean equals(Object other) {
        return this == other || other instanceof RepositoryName that && value.equals(that.value);
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
