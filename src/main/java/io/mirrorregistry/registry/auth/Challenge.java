package io.mirrorregistry.registry.auth;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * One challenge of a WWW-Authenticate header.
 *
 * @param scheme the authentication scheme, in lower case
 * @param parameters its parameters; names are found whatever their case
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1">RFC 9110, WWW-Authenticate</a>
 */
public record Challenge(String scheme, Map<String, String> parameters) {

    /** Registries send one or two. Each letter of a line could be a challenge, which takes a hundred times as much memory. */
    private static final int MOST_CHALLENGES = 16;
    private static final int MOST_PARAMETERS = 16;

    /**
     * Reads the challenges of the header lines: at most {@value #MOST_CHALLENGES} in all, each with at most
     * {@value #MOST_PARAMETERS} parameters. The rest, and text that is no challenge, is passed over.
     */
    public static List<Challenge> parse(Iterable<String> lines) {
        List<Challenge> challenges = new ArrayList<>();
        for (String line : lines) {
            new Parser(line).addTo(challenges);
        }
        return challenges;
    }

    private void add(String name, String value) {
        if (parameters.size() < MOST_PARAMETERS) {
            parameters.putIfAbsent(name, value);
        }
    }

    /** Returns the same with these parameters only. */
    public Challenge with(String... names) {
        Map<String, String> needed = new HashMap<>();
        for (String name : names) {
            if (parameter(name) != null) {
                needed.put(name, parameter(name));
            }
        }
        return new Challenge(scheme, Map.copyOf(needed));
    }

    /** Returns the number of characters of all parameters' values. */
    int length() {
        return parameters.values().stream().mapToInt(String::length).sum();
    }

    /** Returns whether it names a token service to ask. */
    boolean isForToken() {
        String realm = parameter("realm");
        return scheme.equals("bearer") && realm != null && !realm.isBlank();
    }

    /** Returns a parameter, or null where the challenge has none of that name. */
    String parameter(String name) {
        return parameters.get(name);
    }

    /**
     * Commas separate both challenges and their parameters, so a word is known for a scheme only by what follows it: a
     * parameter has an equals sign, a scheme has not.
     */
    private static final class Parser {

        private final String line;
        private int position;

        Parser(String line) {
            this.line = line;
        }

        void addTo(List<Challenge> challenges) {
            Challenge current = null;
            while (position < line.length()) {
                int before = position;
                skipSpacesAndCommas();
                String word = token();
                int afterWord = position;
                skipSpaces();
                if (word.isEmpty()) {
                    if (position == before || position < line.length()) {
                        position = Math.max(position, before) + 1;
                    }
                } else if (position < line.length() && line.charAt(position) == '=') {
                    position++;
                    skipSpaces();
                    String value = position < line.length() && line.charAt(position) == '"' ? quoted() : token68();
                    if (current != null) {
                        current.add(word, value);
                    }
                } else {
                    if (challenges.size() == MOST_CHALLENGES) {
                        return;
                    }
                    position = afterWord;
                    current = new Challenge(word.toLowerCase(Locale.ROOT), new TreeMap<>(String.CASE_INSENSITIVE_ORDER));
                    challenges.add(current);
                }
            }
        }

        private void skipSpacesAndCommas() {
            while (position < line.length() && (isSpace() || line.charAt(position) == ',')) {
                position++;
            }
        }

        private void skipSpaces() {
            while (position < line.length() && isSpace()) {
                position++;
            }
        }

        private boolean isSpace() {
            return line.charAt(position) == ' ' || line.charAt(position) == '\t';
        }

        private String token() {
            int start = position;
            while (position < line.length() && " \t,=\"".indexOf(line.charAt(position)) < 0) {
                position++;
            }
            return line.substring(start, position);
        }

        /** A value without quotes; some registries leave them out even around URLs. */
        private String token68() {
            int start = position;
            while (position < line.length() && " \t,".indexOf(line.charAt(position)) < 0) {
                position++;
            }
            return line.substring(start, position);
        }

        private String quoted() {
            StringBuilder value = new StringBuilder();
            position++;
            while (position < line.length() && line.charAt(position) != '"') {
                if (line.charAt(position) == '\\' && position + 1 < line.length()) {
                    position++;
                }
                value.append(line.charAt(position++));
            }
            position++;
            return value.toString();
        }
    }
}
