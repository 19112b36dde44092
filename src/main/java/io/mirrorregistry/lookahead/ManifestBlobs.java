package io.mirrorregistry.lookahead;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Json;
import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Reads which blobs the manifest of an image lists. The rest of it is passed over, so that a manifest of 4 MiB takes little memory. */
final class ManifestBlobs {

    private ManifestBlobs() {
    }

    /**
     * Returns the digests of the config and of the layers, in the order in which clients ask for them, each once. Layers with URLs are left out: clients
     * get them from there.
     *
     * @param most how many digests to return at most
     * @return an empty list for an index, for a manifest of schema 1, and for what is no JSON object
     */
    static List<Digest> read(byte[] manifest, int most) {
        Set<Digest> config = new LinkedHashSet<>(1);
        Set<Digest> layers = new LinkedHashSet<>();
        try (JsonParser parser = Json.TOKENS.createParser(manifest)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return List.of();
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken value = parser.nextToken();
                if (name.equals("manifests") && value == JsonToken.START_ARRAY) {
                    return List.of();
                } else if (name.equals("config") && value == JsonToken.START_OBJECT) {
                    add(parser, config, 1);
                } else if (name.equals("layers") && value == JsonToken.START_ARRAY) {
                    while (parser.nextToken() != JsonToken.END_ARRAY) {
                        add(parser, layers, most);
                    }
                } else {
                    parser.skipChildren();
                }
            }
        } catch (IOException e) {
            return List.of();
        }
        config.addAll(layers);
        return config.stream().limit(most).toList();
    }

    /** Adds the digest of the descriptor that begins with the current token. */
    private static void add(JsonParser parser, Set<Digest> digests, int most) throws IOException {
        if (parser.currentToken() != JsonToken.START_OBJECT) {
            parser.skipChildren();
            return;
        }
        String digest = null;
        boolean elsewhere = false;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            JsonToken value = parser.nextToken();
            if (name.equals("digest") && value == JsonToken.VALUE_STRING) {
                digest = parser.getText();
            } else if (name.equals("urls") && value == JsonToken.START_ARRAY) {
                elsewhere = parser.nextToken() != JsonToken.END_ARRAY;
                while (elsewhere && parser.currentToken() != JsonToken.END_ARRAY) {
                    parser.skipChildren();
                    parser.nextToken();
                }
            } else {
                parser.skipChildren();
            }
        }
        if (digest != null && Digest.isValid(digest) && !elsewhere && digests.size() < most) {
            digests.add(new Digest(digest));
        }
    }
}
