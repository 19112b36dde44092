package io.mirrorregistry.pull;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;

/**
 * What a manifest or index says of itself. The rest of it is passed over: the objects of a million small parts, which fit into
 * 4 MiB, would take twenty times as much memory.
 *
 * @param mediaType null for none
 */
record ManifestFields(String mediaType) {

    private static final JsonFactory JSON = JsonFactory.builder().disable(JsonFactory.Feature.INTERN_FIELD_NAMES).build();

    /** Reads it; null where the bytes are no JSON object, or one without {@code schemaVersion}, which every manifest has. */
    static ManifestFields read(byte[] bytes) {
        try (JsonParser parser = JSON.createParser(bytes)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return null;
            }
            boolean version = false;
            String mediaType = null;
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken value = parser.nextToken();
                if (name.equals("schemaVersion")) {
                    version = value.isNumeric();
                } else if (name.equals("mediaType")) {
                    mediaType = value == JsonToken.VALUE_STRING ? parser.getText() : null;
                }
                parser.skipChildren();
            }
            return version && parser.nextToken() == null ? new ManifestFields(mediaType) : null;
        } catch (IOException e) {
            return null;
        }
    }
}
