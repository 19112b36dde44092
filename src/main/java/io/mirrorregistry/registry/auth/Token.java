package io.mirrorregistry.registry.auth;

import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.time.Duration;

/**
 * A bearer token.
 *
 * @param value what goes into the Authorization header
 * @param lifetime how long it may be used
 * @see <a href="https://distribution.github.io/distribution/spec/auth/token/">Token authentication</a>
 */
record Token(String value, Duration lifetime) {

    /** The specification's, for an answer without {@code expires_in}. */
    private static final int DEFAULT_SECONDS = 60;
    /** A rejected token is dropped, so a longer life gains little and a false one costs little. */
    private static final int MOST_SECONDS = 3600;

    /**
     * Reads the answer of a token service.
     *
     * @throws IllegalArgumentException when it holds no token that could be sent
     */
    static Token parse(String json) {
        JsonObject answer;
        try {
            answer = new JsonObject(json);
        } catch (DecodeException e) {
            throw new IllegalArgumentException("the answer is no JSON object");
        }
        Object value = answer.getValue("token") != null ? answer.getValue("token") : answer.getValue("access_token");
        if (!(value instanceof String token) || token.isEmpty() || !token.chars().allMatch(c -> c > ' ' && c < 127)) {
            throw new IllegalArgumentException("the answer has no usable token or access_token");
        }
        long seconds = answer.getValue("expires_in") instanceof Number number ? number.longValue() : DEFAULT_SECONDS;
        if (seconds <= 0) {
            seconds = DEFAULT_SECONDS;
        }
        seconds = Math.min(seconds, MOST_SECONDS);
        // Renewed a little early: the token has to last until the registry has read it.
        long margin = Math.min(10_000, seconds * 100);
        return new Token(token, Duration.ofMillis(seconds * 1000 - margin));
    }

    String header() {
        return "Bearer " + value;
    }

    @Override
    public String toString() {
        return "Token[***, " + lifetime + "]";
    }
}
