package io.mirrorregistry.warm.list;

import io.mirrorregistry.files.Printable;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Tag;

/**
 * A tag, or a glob: {@code *} stands for any characters, none included, and {@code ?} for one character.
 *
 * @param text as it is in the file
 */
public record TagPattern(String text) {

    private static final int LONGEST = 128;

    /** Returns whether it has a wildcard. */
    public boolean isGlob() {
        return isWildcard(text);
    }

    /** Returns whether a tag fits. Takes time in proportion to the product of the lengths at most. */
    public boolean fits(String tag) {
        int at = 0;
        int from = 0;
        // The place of the last *, and the end of the characters that it stands for: if the rest does not fit, it takes one more character.
        int star = -1;
        int starReach = 0;
        while (at < tag.length()) {
            char wanted = from < text.length() ? text.charAt(from) : 0;
            if (wanted == '*') {
                star = from++;
                starReach = at;
            } else if (wanted == '?' || wanted == tag.charAt(at)) {
                from++;
                at++;
            } else if (star >= 0) {
                from = star + 1;
                at = ++starReach;
            } else {
                return false;
            }
        }
        while (from < text.length() && text.charAt(from) == '*') {
            from++;
        }
        return from == text.length();
    }

    /** Returns why a text is neither a tag nor a glob, as a sentence; null if it is one. */
    static String fault(String text) {
        String shown = Printable.of(text);
        int at = text.indexOf('@');
        if (Digest.isValid(at < 0 ? text : text.substring(at + 1)) || text.startsWith("sha256:") || text.startsWith("sha512:")) {
            return shown + " is a digest, not a tag: a list has tags only; copy a digest by the command warm";
        }
        if (text.indexOf(':') >= 0) {
            return shown + " is no tag: write only what follows the colon";
        }
        // A glob fits a tag if one does in which each ? is a letter and each * is nothing, or a letter at the beginning.
        String least = text.replace('?', 'a').replaceFirst("^\\*+", "a").replace("*", "");
        if (isWildcard(text) ? text.length() > LONGEST || !Tag.isValid(least) : !Tag.isValid(text)) {
            return shown + " is no tag: a tag has at most 128 letters, digits, underscores, periods and hyphens, begins with none of the last two, "
                    + "and * and ? stand for any characters and for one";
        }
        return null;
    }

    private static boolean isWildcard(String text) {
        return text.indexOf('*') >= 0 || text.indexOf('?') >= 0;
    }

    @Override
    public String toString() {
        return text;
    }
}
