package io.mirrorregistry.server;

import io.mirrorregistry.protocol.ErrorCode;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;

/**
 * Makes error bodies.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#error-codes">Error codes</a>
 */
final class ErrorBody {

    private static final int LONGEST_DETAIL = 300;

    private ErrorBody() {
    }

    /**
     * @param message one sentence for a person
     * @param detail what it is about, shortened where it is long; may be null
     */
    static Buffer of(ErrorCode code, String message, String detail) {
        JsonObject error = new JsonObject().put("code", code.name()).put("message", message).put("detail", bounded(detail));
        return new JsonObject().put("errors", new JsonArray().add(error)).toBuffer();
    }

    private static String bounded(String detail) {
        return detail == null || detail.length() <= LONGEST_DETAIL ? detail : detail.substring(0, LONGEST_DETAIL) + "…";
    }
}
