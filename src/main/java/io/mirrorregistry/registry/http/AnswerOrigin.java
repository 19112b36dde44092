package io.mirrorregistry.registry.http;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.mirrorregistry.protocol.Json;
import io.mirrorregistry.registry.RegistryAnswers;
import java.io.IOException;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpHeaders;

/**
 * Recognizes the error responses of one registry. A firewall, or an ingress without a backend, responds in the registry's place, and its 404
 * says nothing about images. Registries show who they are by {@code Docker-Distribution-Api-Version} or by a JSON error body. A registry that
 * has never shown either in the life of this process, such as a static file server, is believed without. Thread-safe.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#error-codes">Error codes</a>
 */
final class AnswerOrigin {

    private static final String API_VERSION = "Docker-Distribution-Api-Version";
    private volatile boolean shown;

    /**
     * Sets the header {@link RegistryAnswers#RECOGNIZED} of an error response, and removes those headers of the mirror's own that came with it.
     *
     * @param own whether the registry's own host responded, rather than one to which it redirects
     * @param head whether the method was HEAD, so that there is no body
     * @param body what was read of an error's body
     */
    void mark(ClassicHttpResponse response, boolean own, boolean head, byte[] body) {
        response.removeHeaders(RegistryAnswers.AUTHORIZED);
        response.removeHeaders(RegistryAnswers.RECOGNIZED);
        response.removeHeaders(RegistryAnswers.ACCEPTED);
        boolean error = response.getCode() >= 400;
        boolean shows = response.containsHeader(API_VERSION) || error && isErrorBody(body);
        if (own && shows && !shown) {
            shown = true;
        }
        if (error) {
            // A registry's own 401 and 403 often have a text; there the account tells. A storage's say nothing of images.
            boolean expected = switch (response.getCode()) {
                case 404 -> shown;
                case 401, 403 -> !own;
                default -> false;
            };
            response.setHeader(RegistryAnswers.RECOGNIZED, String.valueOf(!expected || shows || head && isJson(response)));
        }
    }

    private static boolean isJson(ClassicHttpResponse response) {
        Header type = response.getFirstHeader(HttpHeaders.CONTENT_TYPE);
        return type != null && type.getValue().split(";", 2)[0].strip().equalsIgnoreCase("application/json");
    }

    /** Returns whether the bytes are a JSON object with an array {@code errors}. What follows the beginning of that array is not looked at. */
    private static boolean isErrorBody(byte[] body) {
        try (JsonParser parser = Json.TOKENS.createParser(body)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return false;
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                boolean errors = parser.currentName().equals("errors");
                if (parser.nextToken() == JsonToken.START_ARRAY && errors) {
                    return true;
                }
                parser.skipChildren();
            }
        } catch (IOException e) {
            // No JSON.
        }
        return false;
    }
}
