package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TokenService;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One request can be followed from the client to the registries. */
class RequestIdTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url());

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
    }

    @Test
    void theClientsIsInTheAnswerAndInCallsToBothRegistries() {
        Image image = cold.image("library/app", "1.0");
        assertEquals("build-17/pull_3", mirror.get(image.path(), "X-Request-ID", "build-17/pull_3").header("X-Request-ID"));
        assertEquals("build-17/pull_3", hot.calls("GET", Kind.MANIFEST).get(0).header("X-Request-ID"));
        assertEquals("build-17/pull_3", cold.calls("GET", Kind.MANIFEST).get(0).header("X-Request-ID"));
        assertEquals("a", mirror.get("/v2/library/none/manifests/1.0", "X-Request-ID", "a").header("X-Request-ID"));
        assertEquals("b", mirror.get("/v2/NONE/manifests/1.0", "X-Request-ID", "b").header("X-Request-ID"));
        assertEquals("c", mirror.get("/nothing", "X-Request-ID", "c").header("X-Request-ID"));
        assertEquals("d", mirror.get("/health", "X-Request-ID", "d").header("X-Request-ID"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "with space", "quote\"d", "{{mirror.registry.hot.password}}", "${env:PATH}", "a;b", "tab\tbed"})
    void oneThatCannotStandInLogsIsReplaced(String given) {
        Image image = hot.image("library/app", "1.0");
        String id = mirror.get(image.path(), "X-Request-ID", given).header("X-Request-ID");
        assertTrue(id.matches("[0-9a-f]{32}"), id);
        assertEquals(id, hot.calls("GET", Kind.MANIFEST).get(0).header("X-Request-ID"));
    }

    @Test
    void oneThatIsTooLongIsReplaced() {
        String longest = "x".repeat(128);
        assertEquals(longest, mirror.get("/v2/", "X-Request-ID", longest).header("X-Request-ID"));
        assertNotEquals(longest + "x", mirror.get("/v2/", "X-Request-ID", longest + "x").header("X-Request-ID"));
    }

    @Test
    void theAccessLineAndALineForEachCallHaveIt() throws Exception {
        Image image = cold.image("library/app", "1.0");
        hot.fault(Fault.status(500).on(Kind.MANIFEST));
        try (LogLines access = LogLines.of("access"); LogLines calls = LogLines.of("io.mirrorregistry");
                TestMirror debugging = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_LOGGING_LEVEL", "debug")) {
            debugging.get(image.path(), "X-Request-ID", "pull-1");
            for (int i = 0; i < 500 && access.linesOf("pull-1").isEmpty(); i++) {
                Thread.sleep(10);
            }
            assertEquals(1, access.linesOf("pull-1").size(), access.lines().toString());
            List<String> lines = calls.linesOf("pull-1");
            assertEquals(5, lines.size(), lines.toString());
            assertEquals("Registry hot: GET " + image.path() + " is sent", lines.get(0));
            assertTrue(lines.get(1).matches("Registry hot: GET " + image.path() + " 500 in \\d+ ms"), lines.get(1));
            assertEquals("Registry hot is in trouble: GET " + image.path() + " answered 500; asking cold", lines.get(2));
            assertEquals("Registry cold: GET " + image.path() + " is sent", lines.get(3));
            assertTrue(lines.get(4).matches("Registry cold: GET " + image.path() + " 200 in \\d+ ms"), lines.get(4));
        }
    }

    @Test
    void aTokenServiceHasALineOfItsOwn() {
        Image image = hot.image("library/app", "1.0");
        try (TokenService tokens = TokenService.start(); LogLines calls = LogLines.of("io.mirrorregistry.registry")) {
            hot.requireBearer(tokens);
            try (TestMirror debugging = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_LOGGING_LEVEL", "debug")) {
                assertEquals(200, debugging.get(image.path()).status());
            }
            assertTrue(calls.lines().stream().anyMatch(line -> line.matches("Registry hot: token service 127.0.0.1 for repository:library/app:pull: given in \\d+ ms")),
                    calls.lines().toString());
        }
    }

    @Test
    void everyRequestWithoutGetsOneOfItsOwn() {
        Set<String> ids = new HashSet<>();
        for (int i = 0; i < 50; i++) {
            ids.add(mirror.get("/v2/").header("X-Request-ID"));
        }
        assertEquals(50, ids.size());
    }
}
