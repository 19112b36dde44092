package io.mirrorregistry.files;

/** Makes texts from outside fit for a message and for the log. */
public final class Printable {

    private static final int MOST_CHARACTERS = 100;

    private Printable() {
    }

    /** Returns the text, or its beginning if it is longer than 100 characters. A question mark stands for each character that shows nothing or moves the cursor. */
    public static String of(String text) {
        String beginning = text.length() <= MOST_CHARACTERS ? text : text.substring(0, MOST_CHARACTERS) + "…";
        return beginning.codePoints().map(character -> isPrintable(character) ? character : '?')
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
    }

    private static boolean isPrintable(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL, Character.FORMAT, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE -> false;
            default -> true;
        };
    }
}
