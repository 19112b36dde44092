package io.mirrorregistry.push;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.Json;
import io.mirrorregistry.protocol.ProtocolException;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a pushed manifest says, as far as the mirror needs it.
 *
 * @param mediaType null if it does not say
 * @param blobs the sizes of its config and its layers, in bytes, by their digests; without layers that are elsewhere, and empty for an index
 */
record ManifestContent(String mediaType, Map<Digest, Long> blobs) {

    /** More layers than any image has; what is beyond is not copied. */
    private static final int MOST_BLOBS = 1000;

    /**
     * Reads a manifest.
     *
     * @throws ProtocolException MANIFEST_INVALID for what is no JSON object
     */
    static ManifestContent read(byte[] bytes) throws ProtocolException {
        Map<Digest, Long> blobs = new LinkedHashMap<>();
        String mediaType = null;
        try (JsonParser parser = Json.TOKENS.createParser(bytes)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw invalid();
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken value = parser.nextToken();
                if (name.equals("mediaType") && value == JsonToken.VALUE_STRING) {
                    mediaType = parser.getText();
                } else if (name.equals("config")) {
                    add(parser, blobs);
                } else if ((name.equals("layers") || name.equals("blobs")) && value == JsonToken.START_ARRAY) {
                    while (parser.nextToken() != JsonToken.END_ARRAY) {
                        add(parser, blobs);
                    }
                } else {
                    parser.skipChildren();
                }
            }
            if (parser.currentToken() != JsonToken.END_OBJECT || parser.nextToken() != null) {
                throw invalid();
            }
        } catch (IOException e) {
            throw invalid();
        }
        return new ManifestContent(mediaType, blobs);
    }

    private static ProtocolException invalid() {
        return new ProtocolException(ErrorCode.MANIFEST_INVALID, "A manifest is one JSON object.", null);
    }

    /** Adds the descriptor that begins with the current token. */
    private static void add(JsonParser parser, Map<Digest, Long> blobs) throws IOException {
        if (parser.currentToken() != JsonToken.START_OBJECT) {
            parser.skipChildren();
            return;
        }
        String digest = null;
        long size = -1;
        boolean elsewhere = false;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            JsonToken value = parser.nextToken();
            if (name.equals("digest") && value == JsonToken.VALUE_STRING) {
                digest = parser.getText();
            } else if (name.equals("size") && value == JsonToken.VALUE_NUMBER_INT) {
                size = parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER ? -1 : parser.getLongValue();
            } else {
                elsewhere |= name.equals("urls") && value == JsonToken.START_ARRAY;
                parser.skipChildren();
            }
        }
        if (digest != null && Digest.isValid(digest) && size >= 0 && !elsewhere && blobs.size() < MOST_BLOBS) {
            blobs.put(new Digest(digest), size);
        }
    }
}
