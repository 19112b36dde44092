package io.mirrorregistry.registry.http;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.mirrorregistry.protocol.Json;
import io.mirrorregistry.registry.PushResponse;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Reads error bodies of registries, as far as a person may see them.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#error-codes">Error codes</a>
 */
final class ErrorBody {

    private static final int MOST_PROBLEMS = 10;
    private static final int LONGEST_MESSAGE = 500;
    private static final Pattern CODE = Pattern.compile("[A-Z0-9_]{1,64}");

    private ErrorBody() {
    }

    /**
     * Returns the problems of which a body tells: at most {@value #MOST_PROBLEMS}, each with a code. Nothing of a body that has another form; of
     * one that breaks off, what comes before.
     */
    static List<PushResponse.Problem> problems(byte[] body) {
        List<PushResponse.Problem> problems = new ArrayList<>();
        try (JsonParser parser = Json.TOKENS.createParser(body)) {
            if (parser.nextToken() == JsonToken.START_OBJECT) {
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    boolean errors = parser.currentName().equals("errors");
                    if (parser.nextToken() == JsonToken.START_ARRAY && errors) {
                        addAll(parser, problems);
                    }
                    parser.skipChildren();
                }
            }
        } catch (IOException e) {
            // No JSON, or no more of it.
        }
        return List.copyOf(problems);
    }

    private static void addAll(JsonParser parser, List<PushResponse.Problem> problems) throws IOException {
        JsonToken token = parser.nextToken();
        for (; token != null && token != JsonToken.END_ARRAY && problems.size() < MOST_PROBLEMS; token = parser.nextToken()) {
            if (token == JsonToken.START_OBJECT) {
                add(parser, problems);
            } else {
                parser.skipChildren();
            }
        }
    }

    private static void add(JsonParser parser, List<PushResponse.Problem> problems) throws IOException {
        String code = null;
        String message = "";
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            boolean text = parser.nextToken() == JsonToken.VALUE_STRING;
            if (text && name.equals("code")) {
                code = parser.getText();
            } else if (text && name.equals("message")) {
                message = printable(parser.getText());
            } else {
                parser.skipChildren();
            }
        }
        if (code != null && CODE.matcher(code).matches()) {
            problems.add(new PushResponse.Problem(code, message));
        }
    }

    /** Returns the beginning of a text, with a blank for each character that shows nothing or moves the cursor. */
    private static String printable(String text) {
        return text.codePoints().limit(LONGEST_MESSAGE).map(character -> isPrintable(character) ? character : ' ')
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString().strip();
    }

    private static boolean isPrintable(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL, Character.FORMAT, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE, Character.PRIVATE_USE,
                    Character.UNASSIGNED -> false;
            default -> true;
        };
    }
}
