package io.mirrorregistry.registry.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.mirrorregistry.registry.PushResponse.Problem;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ErrorBodyTest {

    private static List<Problem> problems(String body) {
        return ErrorBody.problems(body.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void readsCodesAndMessages() {
        assertEquals(List.of(new Problem("DIGEST_INVALID", "provided digest did not match"), new Problem("UNKNOWN", "")),
                problems("{\"x\":[{\"code\":\"NO\"}],\"errors\":["
                        + "{\"detail\":{\"code\":\"A\",\"b\":[{}]},\"message\":\"provided digest did not match\",\"code\":\"DIGEST_INVALID\"},"
                        + "7, [[]], {\"code\":\"UNKNOWN\",\"message\":null}], \"y\": {\"errors\": [{\"code\":\"NO\"}]}}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "no", "[]", "[{\"code\":\"A\"}]", "{\"message\":\"not found\"}", "{\"errors\":{\"code\":\"A\"}}", "{\"errors\":null}", "<html>",
        "{\"errors\":[{}]}", "{\"errors\":[{\"code\":7,\"message\":\"x\"}]}", "{\"errors\":[{\"code\":\"lower\"}]}", "{\"errors\":[{\"code\":\"A B\"}]}",
        "{\"errors\":[{\"code\":\"\"}]}"})
    void othersTellNothing(String body) {
        assertEquals(List.of(), problems(body));
    }

    @Test
    void whatBreaksOffTellsItsBeginning() {
        assertEquals(List.of(new Problem("A", "b")), problems("{\"errors\":[{\"code\":\"A\",\"message\":\"b\"},{\"code\":\"B\",\"mess"));
    }

    @Test
    void isShortAndPrintable() {
        assertEquals(List.of(new Problem("A", "a b c d\u00e4\ud83d\ude00")),
                problems("{\"errors\":[{\"code\":\"A\",\"message\":\"a\\u001bb\\u202ec\\nd\u00e4\ud83d\ude00\\ud800\"}]}"));
        assertEquals(500, problems("{\"errors\":[{\"code\":\"A\",\"message\":\"" + "x".repeat(2000) + "\"}]}").get(0).message().length());
        assertEquals(List.of(), problems("{\"errors\":[{\"code\":\"" + "A".repeat(65) + "\"}]}"));
        assertEquals(10, problems("{\"errors\":[" + "{\"code\":\"A\"},".repeat(50) + "{}]}").size());
        assertEquals(List.of(), problems("{\"errors\":" + "[".repeat(5000)));
    }
}
