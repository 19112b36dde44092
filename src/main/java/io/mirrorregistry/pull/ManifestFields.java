package io.mirrorregistry.pull;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.mirrorregistry.protocol.Json;
import io.mirrorregistry.protocol.MediaTypes;
import java.io.IOException;
import java.util.HashSet;
import java.util.Set;

/**
 * What a manifest or index says of itself. The rest of it is passed over: the objects of a million small parts, which fit into
 * 4 MiB, would take twenty times as much memory.
 *
 * @param mediaType null for none
 * @param shape the media type by the members that it has; null where they do not tell
 */
record ManifestFields(String mediaType, String shape) {

    private static final Set<String> PARTS = Set.of("manifests", "config", "layers", "fsLayers", "signatures");

    /** Returns the media type that clients take it for: its own if that is one of a manifest, else the shape's; null where neither tells. */
    String type() {
        return mediaType != null && MediaTypes.isManifest(mediaType) ? mediaType : shape;
    }

    /**
     * Reads it; null where the bytes are no JSON object, or one with neither {@code schemaVersion}, which all manifests have except those
     * of artifacts, nor the media type of a manifest.
     */
    static ManifestFields read(byte[] bytes) {
        try (JsonParser parser = Json.TOKENS.createParser(bytes)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return null;
            }
            boolean version = false;
            boolean first = false;
            String mediaType = null;
            Set<String> parts = new HashSet<>();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken value = parser.nextToken();
                if (name.equals("schemaVersion")) {
                    version = value.isNumeric();
                    first = version && parser.getText().equals("1");
                } else if (name.equals("mediaType")) {
                    mediaType = value == JsonToken.VALUE_STRING ? parser.getText() : null;
                } else if (value == (name.equals("config") ? JsonToken.START_OBJECT : JsonToken.START_ARRAY) && PARTS.contains(name)) {
                    parts.add(name);
                }
                parser.skipChildren();
            }
            ManifestFields fields = new ManifestFields(mediaType, shape(first, parts));
            return parser.nextToken() == null && (version || mediaType != null && MediaTypes.isManifest(mediaType)) ? fields : null;
        } catch (IOException e) {
            return null;
        }
    }

    private static String shape(boolean first, Set<String> parts) {
        if (first && parts.contains("fsLayers")) {
            return parts.contains("signatures") ? MediaTypes.DOCKER_SCHEMA_1_SIGNED : MediaTypes.DOCKER_SCHEMA_1;
        }
        if (parts.contains("manifests")) {
            return MediaTypes.OCI_INDEX;
        }
        return parts.contains("config") || parts.contains("layers") ? MediaTypes.OCI_MANIFEST : null;
    }
}
