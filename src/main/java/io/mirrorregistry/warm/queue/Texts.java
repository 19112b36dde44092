package io.mirrorregistry.warm.queue;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;

/** Texts as the database has them: without control characters, some of which PostgreSQL refuses, and lists with one element a line. */
final class Texts {

    /** Maximum characters of a sentence. */
    static final int MESSAGE = 1000;

    private static final String LINE = "\n";

    private Texts() {
    }

    /** Returns the elements, one a line, without the empty ones. */
    static String lines(Collection<String> elements) {
        return String.join(LINE, elements.stream().map(Texts::clean).filter(element -> !element.isEmpty()).toList());
    }

    /** Returns the lines of a text. */
    static List<String> lines(String text) {
        return text.isEmpty() ? List.of() : Arrays.asList(text.split(LINE));
    }

    /** Returns a text with blanks instead of control characters. */
    static String clean(String text) {
        return text.chars().noneMatch(Character::isISOControl) ? text
                : text.codePoints().map(c -> Character.isISOControl(c) ? ' ' : c).collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString().strip();
    }

    /** Returns a sentence in one line of at most {@value #MESSAGE} characters; null for null. */
    static String message(String text) {
        return text == null ? null : cut(clean(text), MESSAGE);
    }

    /** Returns the beginning of a text. A character of two Java {@code char} is not cut in the middle. */
    static String cut(String text, int most) {
        if (text.length() <= most) {
            return text;
        }
        return text.substring(0, Character.isHighSurrogate(text.charAt(most - 1)) ? most - 1 : most);
    }
}
