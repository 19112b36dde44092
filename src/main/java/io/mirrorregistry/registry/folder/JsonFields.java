package io.mirrorregistry.registry.folder;

import com.fasterxml.jackson.core.JsonToken;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;

/** Reads fields of JSON that anybody may have written: a value of another type counts as absent, nothing is converted. */
final class JsonFields {

    /** Real manifests have some hundreds, an index of a hundred platforms some thousands; each takes up to 60 bytes. */
    static final int MOST_PARTS = 200_000;

    private static final int LONGEST_QUOTE = 200;

    private JsonFields() {
    }

    /**
     * Returns the object that the UTF-8 text holds, or null where it holds none.
     *
     * @throws JsonStream.TooManyPartsException when it has more than {@value #MOST_PARTS} names and values
     */
    static JsonObject parse(byte[] text) throws JsonStream.TooManyPartsException {
        try (JsonStream json = new JsonStream(new ByteArrayInputStream(text))) {
            return json.next() == JsonToken.START_OBJECT && json.value(MOST_PARTS) instanceof JsonObject object && json.next() == null ? object : null;
        } catch (JsonStream.TooManyPartsException e) {
            throw e;
        } catch (IOException e) {
            return null;
        }
    }

    /** Returns a text, empty where there is none. */
    static String text(JsonObject json, String field) {
        return json.getValue(field) instanceof String text ? text : "";
    }

    /** Returns an object, empty where there is none. */
    static JsonObject object(JsonObject json, String field) {
        return json.getValue(field) instanceof JsonObject object ? object : new JsonObject();
    }

    /** Returns whether there is an array, or {@code null}, which tools in Go (umoci) write for an empty one. */
    static boolean hasArray(JsonObject json, String field) {
        return json.getValue(field) instanceof JsonArray || json.containsKey(field) && json.getValue(field) == null;
    }

    /** Returns an array, empty where there is none. */
    static JsonArray array(JsonObject json, String field) {
        return json.getValue(field) instanceof JsonArray array ? array : new JsonArray();
    }

    /** Returns the entries that are texts, which all annotations must be. */
    static JsonObject texts(JsonObject json) {
        JsonObject texts = new JsonObject();
        for (String field : json.fieldNames()) {
            if (json.getValue(field) instanceof String text) {
                texts.put(field, text);
            }
        }
        return texts;
    }

    /** Returns a text in quotation marks for a message of one line: shortened, control characters as question marks. */
    static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        int shown = Math.min(text.length(), LONGEST_QUOTE);
        for (int i = 0; i < shown; i++) {
            char c = text.charAt(i);
            boolean harmless = !Character.isISOControl(c) && c != '\u2028' && c != '\u2029' && c != '"';
            quoted.append(harmless ? c : '?');
        }
        return quoted.append(shown < text.length() ? "…\"" : "\"").toString();
    }
}
