package io.mirrorregistry.registry.auth;

import io.mirrorregistry.registry.RegistryAnswers;
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

    /** How an Authorization with a token begins. */
    static final String SCHEME = "Bearer ";
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
        String token = token(answer, "token");
        if (token == null) {
            token = token(answer, "access_token");
        }
        if (token == null) {
            throw new IllegalArgumentException("the answer has no usable token or access_token");
        }
        Object expires = field(answer, "expires_in");
        long seconds = expires instanceof Number number ? number.longValue() : expires instanceof String text ? RegistryAnswers.digits(text) : 0;
        if (seconds <= 0) {
            seconds = DEFAULT_SECONDS;
        }
        seconds = Math.min(seconds, MOST_SECONDS);
        // Renewed a little early: the token has to last until the registry has read it.
        long margin = Math.min(10_000, seconds * 100);
        return new Token(token, Duration.ofMillis(seconds * 1000 - margin));
    }

    /** Returns the value of a field; null if there is none that could be sent as a token. */
    private static String token(JsonObject answer, String name) {
        return field(answer, name) instanceof String text && !text.isEmpty() && text.chars().allMatch(c -> c > ' ' && c < 127) ? text : null;
    }

    /** Returns the value of a field whatever the case of its name, as clients written in Go do; null for none. */
    private static Object field(JsonObject answer, String name) {
        for (String spelling : answer.fieldNames()) {
            if (spelling.equalsIgnoreCase(name) && answer.getValue(spelling) != null) {
                return answer.getValue(spelling);
            }
        }
        return null;
    }

    String header() {
        return SCHEME + value;
    }

    @Override
    public String toString() {
        return "Token[***, " + lifetime + "]";
    }
}
