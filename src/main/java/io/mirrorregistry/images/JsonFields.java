package io.mirrorregistry.images;

import io.vertx.core.json.DecodeException;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;

import java.nio.charset.StandardCharsets;

/** Reads fields of JSON that anybody may have written: a value of another type counts as absent, nothing is converted. */
final class JsonFields {

    private static final int LONGEST_QUOTE = 200;

    private JsonFields() {
    }

    /** Returns the object that the UTF-8 text holds, or null where it holds none. */
    static JsonObject parse(byte[] text) {
        try {
            return Json.decodeValue(new String(text, StandardCharsets.UTF_8)) instanceof JsonObject json ? json : null;
        } catch (DecodeException e) {
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
