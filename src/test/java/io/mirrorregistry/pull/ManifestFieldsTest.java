package io.mirrorregistry.pull;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestFieldsTest {

    private static ManifestFields read(String json) {
        return ManifestFields.read(json.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", value = {
        "{\"schemaVersion\":2} | -", " {\"mediaType\":\"a/b\",\"schemaVersion\":2}  | a/b", "{\"schemaVersion\":1,\"mediaType\":7} | -",
        "{\"config\":{\"mediaType\":\"c/d\"},\"layers\":[{\"mediaType\":\"e/f\"}],\"schemaVersion\":2,\"mediaType\":\"a/b\"} | a/b"})
    void readsWhatTheManifestItselfSays(String json, String mediaType) {
        assertEquals(mediaType, read(json).mediaType());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "2", "[]", "null", "{}", "{\"schemaVersion\":\"2\"}", "{\"x\":{\"schemaVersion\":2}}", "[{\"schemaVersion\":2}]",
        "{\"schemaVersion\":2", "{\"schemaVersion\":2}{", "{\"schemaVersion\":2} x", "{\"schemaVersion\":2},{\"schemaVersion\":2}", "{\"schemaVersion\":2}]",
        "{\"schemaVersion\":2}{\"schemaVersion\":2}", "<html>", "{\"schemaVersion\":2,}", "{\"schemaVersion\":2,\"x\":[}}"})
    void takesNothingElseForAManifest(String text) {
        assertNull(read(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"[", "{\"a\":", "[[],", "{\"a\":1,\"b\":["})
    void isSoonThroughWhatIsNestedWithoutEnd(String part) {
        assertTimeout(Duration.ofSeconds(20), () -> assertNull(read("{\"schemaVersion\":2,\"x\":" + part.repeat(400_000))));
    }

    /** Whatever it is taken for, a parser that makes objects of it all agrees. */
    @Property
    void agreesWithTheOtherParser(@ForAll("nearlyManifests") String text) {
        ManifestFields fields = read(text);
        JsonObject json;
        try {
            json = new JsonObject(text);
        } catch (RuntimeException e) {
            assertNull(fields, text);
            return;
        }
        assertEquals(json.getValue("schemaVersion") instanceof Number, fields != null, text);
        if (fields != null) {
            assertEquals(json.getValue("mediaType") instanceof String own ? own : null, fields.mediaType(), text);
        }
    }

    @Provide
    Arbitrary<String> nearlyManifests() {
        return Arbitraries.of("{", "}", "[", "]", ",", ":", "\"schemaVersion\":2", "\"schemaVersion\"", "\"mediaType\":\"a/b\"", "2", "-1.5e3", "null",
                "true", "\"x\":{}", "\"y\":[{}]", " ", "\"", "\\", "\u00e9").list().ofMaxSize(12).map(parts -> String.join("", parts))
                .flatMap(text -> Arbitraries.of(text, "{" + text + "}", "{\"schemaVersion\":2," + text + "}"));
    }
}
