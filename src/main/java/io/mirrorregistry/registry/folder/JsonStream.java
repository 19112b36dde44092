package io.mirrorregistry.registry.folder;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * Reads JSON in UTF-8 from a stream and builds only the values that are asked for, each with a bound on its parts: the objects of
 * {@code [{},{},…]} take thirty times as much memory as the text. Malformed UTF-8 becomes question marks; comments are allowed, as
 * everywhere in Vert.x.
 */
final class JsonStream implements Closeable {

    private static final int MOST_NESTED = 1000;
    private static final JsonFactory JSON = JsonFactory.builder()
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .enable(JsonReadFeature.ALLOW_JAVA_COMMENTS)
            .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(MOST_NESTED)
                    .maxStringLength(ManifestStore.MAX_MANIFEST_BYTES).build())
            .build();

    private final JsonParser parser;
    private int left;

    /** A value that has more parts than allowed. */
    static final class TooManyPartsException extends IOException {

        private static final long serialVersionUID = 1;
    }

    /** Reads from a stream, which is closed with this one. */
    JsonStream(InputStream in) throws IOException {
        parser = JSON.createParser(new InputStreamReader(in, StandardCharsets.UTF_8));
    }

    /** Returns the next token; null at the end. */
    JsonToken next() throws IOException {
        return parser.nextToken();
    }

    /** Returns the name of the field whose value follows. */
    String field() throws IOException {
        return parser.currentName();
    }

    /** Passes over the value that has just begun. */
    void skip() throws IOException {
        parser.skipChildren();
    }

    /**
     * Builds the value that has just begun.
     *
     * @param mostParts how many names and values it may consist of
     * @throws TooManyPartsException if there are more
     */
    Object value(int mostParts) throws IOException {
        left = mostParts;
        return value();
    }

    private Object value() throws IOException {
        if (--left < 0) {
            throw new TooManyPartsException();
        }
        return switch (parser.currentToken()) {
            case START_OBJECT -> object();
            case START_ARRAY -> array();
            case VALUE_STRING -> parser.getText();
            case VALUE_NUMBER_INT -> parser.getNumberValue();
            case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NULL -> null;
            default -> throw new IOException("unexpected " + parser.currentToken());
        };
    }

    private JsonObject object() throws IOException {
        JsonObject object = new JsonObject();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            parser.nextToken();
            left--;
            object.put(name, value());
        }
        return object;
    }

    private JsonArray array() throws IOException {
        JsonArray array = new JsonArray();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            array.add(value());
        }
        return array;
    }

    @Override
    public void close() throws IOException {
        parser.close();
    }
}
