package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TokenService;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** JSON that is nested so deeply that a parser's stack would end is the trouble of the one who sent it. */
class DeepJsonTest {

    private static final int DEEP = 100_000;

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TokenService tokens = TokenService.start();
    private final LogLines lines = LogLines.of("io.mirrorregistry");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url());

    @AfterEach
    void stop() {
        mirror.close();
        lines.close();
        hot.close();
        cold.close();
        tokens.close();
    }

    /** Each at the beginning, in a field that means something, and in one that means nothing. */
    static Stream<String> deep() {
        return Stream.of("[".repeat(DEEP), "[".repeat(DEEP) + "]".repeat(DEEP), "{\"a\":".repeat(DEEP) + "1" + "}".repeat(DEEP), "[{\"a\":".repeat(DEEP),
                "{\"schemaVersion\":2,\"x\":" + "[".repeat(DEEP) + "]".repeat(DEEP) + "}",
                "{\"schemaVersion\":" + "[".repeat(DEEP) + "]".repeat(DEEP) + "}",
                "{\"schemaVersion\":2,\"mediaType\":" + "[".repeat(DEEP) + "]".repeat(DEEP) + "}",
                "{\"schemaVersion\":2,\"manifests\":" + "[".repeat(DEEP) + "]".repeat(DEEP) + "}",
                "{\"schemaVersion\":2,\"config\":" + "{\"a\":".repeat(DEEP) + "1" + "}".repeat(DEEP) + "}",
                "{\"tags\":" + "[".repeat(DEEP) + "]".repeat(DEEP) + "}",
                "{\"tags\":[\"1\"],\"x\":" + "[".repeat(DEEP) + "]".repeat(DEEP) + "}",
                "{\"tags\":[" + "{\"a\":".repeat(DEEP) + "1" + "}".repeat(DEEP) + "]}");
    }

    @ParameterizedTest
    @MethodSource("deep")
    void isTroubleInManifestsAndLists(String json) {
        // Its digest is right.
        hot.put(new Image("library/deep", "1.0", "application/vnd.oci.image.index.v1+json", json.getBytes(StandardCharsets.UTF_8), List.of(), List.of(), null));
        Image deep = new Image("library/deep", "1.0", "", json.getBytes(StandardCharsets.UTF_8), List.of(), List.of(), null);
        assertEquals(503, mirror.get(deep.path()).status());
        // Nobody needs to understand what proves to be what was asked for.
        assertArrayEquals(deep.manifest(), mirror.get(deep.pathByDigest()).body());
        hot.fault(Fault.body(json).on(Kind.TAGS), Fault.body(json).on(Kind.REFERRERS));
        assertEquals(503, mirror.get("/v2/library/deep/tags/list").status());
        assertEquals(503, mirror.get("/v2/library/deep/referrers/" + deep.digest()).status());
        Image other = cold.image("library/deep", "1.0");
        assertEquals(200, mirror.get(other.path()).status());
        assertEquals(200, mirror.get("/v2/library/deep/tags/list").status());
        assertNothingFailed();
    }

    @ParameterizedTest
    @ValueSource(ints = {900, 994, 995, 996, 997, 998, 999, 1000, 1001, 1002, 1003, 1100})
    void isPassedOnOrTroubleInADescriptorOfAReferrer(int levels) {
        Image image = hot.image("library/app", "1.0");
        hot.fault(Fault.body("{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" + image.digest() + "\",\"x\":" + "[".repeat(levels) + "]".repeat(levels) + "}]}").on(Kind.REFERRERS));
        int status = mirror.get("/v2/library/app/referrers/" + image.digest()).status();
        assertEquals(levels < 998 ? 200 : 503, status);
        assertNothingFailed();
    }

    @ParameterizedTest
    @MethodSource("deep")
    void isTroubleInATokenServicesAnswer(String json) {
        hot.requireBearer(tokens);
        Image image = Image.of("none", "library/app", "1.0", 1);
        // Also as deep as an answer of that length can be.
        for (String body : List.of(json, "[".repeat(16_000), "{\"token\":\"x\",\"y\":" + "[".repeat(8000) + "]".repeat(8000) + "}", "{\"token\":" + "[".repeat(8000) + "]".repeat(8000) + "}",
                "{\"a\":".repeat(3000))) {
            tokens.fault(Fault.body(body));
            assertEquals(503, mirror.get(image.path()).status());
            assertEquals(503, mirror.get(image.path(image.config())).status());
            tokens.heal();
        }
        assertNothingFailed();
    }

    @ParameterizedTest
    @MethodSource("deep")
    void inAnErrorBodyShowsNoRegistry(String json) {
        assertEquals(404, mirror.get("/v2/library/none/manifests/0.9").status());
        hot.fault(Fault.instead((call, answer) -> Answer.of(404, "application/json", json)));
        assertEquals(503, mirror.get("/v2/library/none/manifests/1.0").status());
        assertNothingFailed();
    }

    private void assertNothingFailed() {
        assertTrue(lines.lines().stream().noneMatch(line -> line.contains("The mirror failed") || line.contains("StackOverflow")), () -> lines.lines().toString());
        assertEquals(0, lines.stackTraces(), () -> lines.lines().toString());
    }
}
