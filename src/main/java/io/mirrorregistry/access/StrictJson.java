package io.mirrorregistry.access;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;

/**
 * Checks JSON before a library reads it. A duplicate member is read differently by different programs: a token could have one issuer here and another
 * one elsewhere. Deep nesting can overflow a stack.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc7515#section-4">RFC 7515, section 4: names of header parameters are unique</a>
 */
final class StrictJson {

    private static final int DEEPEST = 16;
    /** Keeps no member names, as {@link io.mirrorregistry.protocol.Json#TOKENS}. Thread-safe. */
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(DEEPEST).build())
            .build();

    private StrictJson() {
    }

    /**
     * Returns the names of the members of an object, without those of inner objects.
     *
     * @return null if the text is no JSON object, has a duplicate member at any level, or more than {@value #DEEPEST} levels
     */
    static Set<String> members(String json) {
        try (JsonParser parser = FACTORY.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return null;
            }
            Set<String> names = new HashSet<>();
            for (int depth = 1; depth > 0;) {
                JsonToken token = parser.nextToken();
                if (token == null) {
                    return null;
                } else if (token == JsonToken.FIELD_NAME && depth == 1) {
                    names.add(parser.currentName());
                }
                depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
            }
            return parser.nextToken() == null ? names : null;
        } catch (IOException e) {
            return null;
        }
    }

    /** Returns the text that the bytes are in UTF-8; null for bytes that are no UTF-8. */
    static String text(byte[] utf8) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
        } catch (CharacterCodingException e) {
            return null;
        }
    }
}
