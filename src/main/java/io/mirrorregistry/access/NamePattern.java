package io.mirrorregistry.access;

import io.mirrorregistry.files.Printable;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A pattern of names with slashes between their parts: {@code *} stands for any characters within one part, {@code **} for any characters, slashes
 * included, and <code>{user}</code> for the user's name. All else stands for itself. Safe for all threads.
 */
final class NamePattern {

    /** Stands for the user's name. */
    public static final String USER = "{user}";

    private static final Pattern OF_NAMES = Pattern.compile("[a-z0-9._/-]*");
    private static final Pattern HOST_AND_PORT = Pattern.compile("^[a-z0-9.*-]+:([0-9]{1,5}|\\*)/");

    private final String text;
    private final List<Piece> pieces = new ArrayList<>();
    /** What names begin with if the pattern is a text and then {@code **}; null for other patterns. */
    private final String prefix;

    private enum Wildcard { NONE, WITHIN, ACROSS, USER }

    private record Piece(Wildcard wildcard, String literal) {
    }

    private NamePattern(String text) {
        this.text = text;
        int begin = 0;
        for (int i = 0; i < text.length();) {
            Wildcard wildcard = text.startsWith("**", i) ? Wildcard.ACROSS : text.charAt(i) == '*' ? Wildcard.WITHIN
                    : text.startsWith(USER, i) ? Wildcard.USER : Wildcard.NONE;
            if (wildcard == Wildcard.NONE) {
                i++;
                continue;
            }
            literal(begin, i);
            pieces.add(new Piece(wildcard, null));
            i += wildcard == Wildcard.ACROSS ? 2 : wildcard == Wildcard.WITHIN ? 1 : USER.length();
            begin = i;
        }
        literal(begin, text.length());
        boolean isPrefix = !pieces.isEmpty() && pieces.get(pieces.size() - 1).wildcard == Wildcard.ACROSS
                && (pieces.size() == 1 || pieces.size() == 2 && pieces.get(0).wildcard == Wildcard.NONE);
        prefix = !isPrefix ? null : pieces.size() == 1 ? "" : pieces.get(0).literal;
    }

    private void literal(int begin, int end) {
        if (end > begin) {
            pieces.add(new Piece(Wildcard.NONE, text.substring(begin, end)));
        }
    }

    /** Returns why a pattern fits no repository, as a sentence; null for one that may fit some. */
    static String fault(String text) {
        if (text.isEmpty()) {
            return "a pattern of repositories is empty";
        }
        String name = HOST_AND_PORT.matcher(text).replaceFirst("");
        return OF_NAMES.matcher(of(name).literals()).matches() && !name.startsWith("/") && !name.endsWith("/") ? null
                : Printable.of(text) + " fits no repository: a name has lower-case letters, digits and . _ - between slashes, and a host with its port may stand before it";
    }

    public static NamePattern of(String text) {
        return new NamePattern(text);
    }

    /**
     * Returns whether a name fits. The time is bounded by the product of both lengths, whatever the pattern.
     *
     * @param user the user's name; empty for none, and then a pattern with the user's name fits nothing
     */
    public boolean fits(String name, String user) {
        if (prefix != null) {
            return name.startsWith(prefix);
        }
        // Whether the pieces before this one fit the first characters of the name, by their number.
        boolean[] reached = new boolean[name.length() + 1];
        reached[0] = true;
        for (Piece piece : pieces) {
            reached = switch (piece.wildcard) {
                case NONE -> after(reached, name, piece.literal);
                case USER -> user.isEmpty() ? new boolean[reached.length] : after(reached, name, user);
                case WITHIN -> afterAny(reached, name, '/');
                case ACROSS -> afterAny(reached, name, '\0');
            };
        }
        return reached[name.length()];
    }

    private static boolean[] after(boolean[] reached, String name, String literal) {
        boolean[] next = new boolean[reached.length];
        for (int i = 0; i + literal.length() <= name.length(); i++) {
            next[i + literal.length()] = reached[i] && name.startsWith(literal, i);
        }
        return next;
    }

    private static boolean[] afterAny(boolean[] reached, String name, char end) {
        boolean[] next = new boolean[reached.length];
        for (int i = 0; i < next.length; i++) {
            next[i] = reached[i] || i > 0 && next[i - 1] && name.charAt(i - 1) != end;
        }
        return next;
    }

    /** Returns whether it fits all names that the other pattern fits, as far as that is easily told. */
    boolean covers(NamePattern other) {
        return text.equals(other.text) || prefix != null && !other.pieces.isEmpty()
                && (prefix.isEmpty() || other.pieces.get(0).wildcard == Wildcard.NONE && other.pieces.get(0).literal.startsWith(prefix));
    }

    /** Returns the characters of the pattern that stand for themselves. */
    String literals() {
        StringBuilder literals = new StringBuilder();
        pieces.stream().filter(piece -> piece.wildcard == Wildcard.NONE).forEach(piece -> literals.append(piece.literal));
        return literals.toString();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof NamePattern pattern && text.equals(pattern.text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    @Override
    public String toString() {
        return text;
    }
}
