package io.mirrorregistry.access;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Makes a user's name from the claims of a token, such as <code>github:{repository}</code>. A name in braces stands for a claim; dots reach into
 * objects. Immutable.
 */
final class UserTemplate {

    private static final int LONGEST_NAME = 255;
    /** A larger number with an exponent or a fraction may stand for several numbers in the token. */
    private static final double LARGEST_EXACT = 1L << 53;

    private final String begin;
    private final List<Piece> pieces;

    /**
     * A claim and the text after it.
     *
     * @param claim the path of the claim, without braces
     * @param literal the text up to the next claim; empty for none
     */
    private record Piece(String claim, String literal) {
    }

    private UserTemplate(String begin, List<Piece> pieces) {
        this.begin = begin;
        this.pieces = pieces;
    }

    /**
     * Reads a template.
     *
     * @throws IllegalArgumentException if it could give two tokens of different users the same name, or a token the name of a local user, or is
     *     malformed; the message ends a sentence that begins with the template's key
     */
    static UserTemplate parse(String text) {
        require(text != null && !text.isEmpty(), "is empty");
        require(text.codePoints().noneMatch(UserTemplate::isUnprintable), "has a control character");
        int open = text.indexOf('{');
        require(open >= 0, "has no claim in braces, so that all tokens would have the same user");
        String begin = text.substring(0, open);
        require(begin.indexOf('}') < 0, "has a closing brace without an opening one");
        require(begin.endsWith(":") && begin.length() > 1, "must begin with a text that ends with a colon, such as ci:, so that no token has the name of a"
                + " local user");
        List<Piece> pieces = new ArrayList<>();
        while (open < text.length()) {
            int close = text.indexOf('}', open);
            require(close >= 0, "has an opening brace without a closing one");
            int next = text.indexOf('{', open + 1);
            require(next < 0 || next > close, "has a brace within braces");
            next = next < 0 ? text.length() : next;
            String claim = text.substring(open + 1, close);
            String literal = text.substring(close + 1, next);
            require(!claim.isBlank(), "has empty braces");
            require(literal.indexOf('}') < 0, "has a closing brace without an opening one");
            require(!literal.isEmpty() || next == text.length(), "has two claims without a text between them");
            pieces.add(new Piece(claim, literal));
            open = next;
        }
        require(text.length() <= LONGEST_NAME, "has more than " + LONGEST_NAME + " characters");
        return new UserTemplate(begin, List.copyOf(pieces));
    }

    private static void require(boolean condition, String fault) {
        if (!condition) {
            throw new IllegalArgumentException(fault);
        }
    }

    /**
     * Returns the user's name.
     *
     * @param claims the claims as the JSON object that they are
     * @throws InvalidTokenException if a claim is missing or unfit; the message names the claim, and not its value
     */
    String name(Map<String, Object> claims) throws InvalidTokenException {
        StringBuilder name = new StringBuilder(begin);
        for (Piece piece : pieces) {
            String value = text(piece.claim, find(claims, piece.claim));
            if (value.isEmpty()) {
                throw unfit(piece.claim, "is empty");
            }
            if (value.codePoints().anyMatch(UserTemplate::isUnprintable)) {
                throw unfit(piece.claim, "has a control character");
            }
            // With k8s:{namespace}:{account}, a namespace with a colon could pass for another namespace and account.
            if (!piece.literal.isEmpty() && value.indexOf(piece.literal.charAt(0)) >= 0) {
                throw unfit(piece.claim, "has the character that follows the claim in the user's name");
            }
            name.append(value).append(piece.literal);
            if (name.length() > LONGEST_NAME) {
                throw unfit(piece.claim, "makes a user's name of more than " + LONGEST_NAME + " characters");
            }
        }
        return name.toString();
    }

    private static InvalidTokenException unfit(String claim, String why) {
        return new InvalidTokenException("its claim " + claim + " " + why);
    }

    /** Returns a claim's value; null for none. A claim's own name may hold dots, such as {@code kubernetes.io}: the longest name is tried first. */
    private static Object find(Map<?, ?> claims, String path) {
        Object whole = claims.get(path);
        if (whole != null) {
            return whole;
        }
        for (int dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
            if (claims.get(path.substring(0, dot)) instanceof Map<?, ?> inner) {
                Object value = find(inner, path.substring(dot + 1));
                if (value != null) {
                    return value;
                }
            }
        }
        return null;
    }

    private static String text(String claim, Object value) throws InvalidTokenException {
        if (value == null) {
            throw unfit(claim, "is missing");
        }
        if (value instanceof String || value instanceof Boolean || value instanceof Long || value instanceof Integer || value instanceof BigInteger) {
            return value.toString();
        }
        if (!(value instanceof Number number)) {
            throw unfit(claim, "is no text, number or boolean");
        }
        double approximate = number.doubleValue();
        if (Math.abs(approximate) >= LARGEST_EXACT || approximate != Math.rint(approximate)) {
            throw unfit(claim, "is a number with a fraction, or too large to be exact");
        }
        return Long.toString((long) approximate);
    }

    /** Returns whether a character is invisible, so that a name with it could be taken for another, or for a second line of a log. */
    private static boolean isUnprintable(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL, Character.FORMAT, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE -> true;
            default -> false;
        };
    }
}
