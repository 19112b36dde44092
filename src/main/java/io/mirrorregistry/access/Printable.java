package io.mirrorregistry.access;

/** Makes texts from outside fit for a message. */
final class Printable {

    private static final int MOST_CHARACTERS = 100;

    private Printable() {
    }

    /** Returns the text, or its beginning if it is longer than 100 characters, with a question mark for each control character. */
    static String of(String text) {
        String beginning = text.length() <= MOST_CHARACTERS ? text : text.substring(0, MOST_CHARACTERS) + "…";
        return beginning.replaceAll("[\\p{Cntrl}\\x80-\\x9f\u2028\u2029]", "?");
    }
}
