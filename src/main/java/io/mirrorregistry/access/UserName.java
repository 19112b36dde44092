package io.mirrorregistry.access;

import java.nio.charset.StandardCharsets;

/** The names of users and robots. */
final class UserName {

    /** In rules, everybody. */
    static final String ANYONE = "anyone";

    private static final int MOST_CHARACTERS = 255;

    private UserName() {
    }

    /** Returns why a name cannot work, as the end of a sentence that begins with "the name"; null for a name that works. */
    static String fault(String name) {
        if (name.isEmpty()) {
            return "is empty";
        }
        if (name.length() > MOST_CHARACTERS) {
            return "is longer than " + MOST_CHARACTERS + " characters";
        }
        if (name.chars().anyMatch(UserName::isControl)) {
            return "has a control character";
        }
        if (isBlank(name.charAt(0)) || isBlank(name.charAt(name.length() - 1))) {
            return "begins or ends with a blank";
        }
        if (name.indexOf(':') >= 0) {
            return "has a colon";
        }
        if (name.indexOf('*') >= 0 || name.indexOf('{') >= 0) {
            return "has * or {, which stand for something else in access.yaml";
        }
        if (name.equals(ANYONE)) {
            return "is anyone, which stands for a client without a login";
        }
        if (name.charAt(0) == '#') {
            return "begins with #, as a comment does";
        }
        return StandardCharsets.UTF_8.newEncoder().canEncode(name) ? null : "is no text";
    }

    private static boolean isControl(int character) {
        int type = Character.getType(character);
        return type == Character.CONTROL || type == Character.LINE_SEPARATOR || type == Character.PARAGRAPH_SEPARATOR;
    }

    private static boolean isBlank(char character) {
        return Character.isWhitespace(character) || Character.isSpaceChar(character) || character == '\uFEFF';
    }
}
