package io.mirrorregistry.pull;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.mirrorregistry.protocol.Json;
import io.mirrorregistry.protocol.MediaTypes;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;

/**
 * A signed manifest of schema 1. Its digest is that of its payload: the text before the signatures, and the end that was cut off to put
 * them there. Clients that know this format compute the digest in the same way.
 *
 * @see <a href="https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/manifest-v2-1.md#signed-manifests">Signed Manifests</a>
 */
final class SignedManifest {

    private static final String SIGNATURES = "signatures";
    /** Some hundred bytes a signature. */
    private static final int MOST_BYTES_OF_SIGNATURES = 64 * 1024;

    private SignedManifest() {
    }

    /**
     * Returns what was signed; null where the bytes are anything but a manifest of schema 1 and its signatures. Then their digest is that of
     * all of them: nobody may add to a manifest of another kind what its digest does not cover.
     */
    static byte[] payload(byte[] bytes) {
        try {
            int start = signatures(bytes);
            if (start < 0 || bytes.length - start > MOST_BYTES_OF_SIGNATURES) {
                return null;
            }
            JsonObject end = new JsonObject("{" + new String(bytes, start, bytes.length - start, StandardCharsets.UTF_8));
            JsonObject signature = end.size() == 1 && end.getJsonArray(SIGNATURES, new JsonArray()).size() > 0 ? end.getJsonArray(SIGNATURES).getJsonObject(0) : null;
            if (signature == null) {
                return null;
            }
            JsonObject format = new JsonObject(Buffer.buffer(decode(signature.getString("protected", ""))));
            int length = format.getInteger("formatLength", -1);
            byte[] tail = decode(format.getString("formatTail", ""));
            if (length < 0 || length > start || !new String(bytes, length, start - length, StandardCharsets.UTF_8).strip().equals(",")) {
                return null;
            }
            byte[] payload = Arrays.copyOf(bytes, length + tail.length);
            System.arraycopy(tail, 0, payload, length, tail.length);
            ManifestFields fields = ManifestFields.read(payload);
            return fields != null && MediaTypes.DOCKER_SCHEMA_1.equals(fields.shape()) ? payload : null;
        } catch (IOException | DecodeException | ClassCastException | IllegalArgumentException e) {
            return null;
        }
    }

    private static byte[] decode(String text) {
        return Base64.getUrlDecoder().decode(text);
    }

    /** Returns where the member with the signatures begins, in bytes; -1 where there is none. */
    private static int signatures(byte[] bytes) throws IOException {
        int start = -1;
        try (JsonParser parser = Json.TOKENS.createParser(bytes)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                if (parser.currentName().equals(SIGNATURES)) {
                    start = (int) parser.currentTokenLocation().getByteOffset();
                }
                parser.nextToken();
                parser.skipChildren();
            }
        }
        return start;
    }
}
