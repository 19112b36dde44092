package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import at.favre.lib.crypto.bcrypt.BCrypt;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The variables of a request, in conditions, headers and lines of the log that an operator has put into a route. */
class RouteVariablesTest {

    private static final String AT_THE_END = """
            - setHeader:
                name: X-Agent
                expression:
                  simple:
                    expression: "[${variable.user-agent}]"
            - setHeader:
                name: X-Id
                expression:
                  simple:
                    expression: ${variable.request-id}
            - choice:
                when:
                  - expression:
                      simple:
                        expression: ${variable.user-agent} startsWith 'old/' && ${variable.client} == '127.0.0.1'
                    steps:
                      - setHeader:
                          name: X-Old
                          expression:
                            constant:
                              expression: "yes"
            - log:
                logName: operators
                loggingLevel: ERROR
                message: "${variable.user-agent} has asked for ${variable.reference} of ${variable.registry}"
            """;
    private static final String WHO_PULLS = """
            - setHeader:
                name: X-User
                expression:
                  simple:
                    expression: "[${variable.user}] [${variable.groups}]"
            """;
    private static final String IN_THE_PLAN = """
            - choice:
                when:
                  - expression:
                      simple:
                        expression: ${variable.user-agent} == '' || ${variable.request-id} == ''
                    steps:
                      - bean:
                          ref: plan
                          method: ask('cold')
            """;

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final LogLines log = LogLines.of("operators");
    private TestMirror mirror;
    private Image image;

    @BeforeEach
    void start() throws IOException {
        TestRoutes.copyTo(directory);
        append("front-door", AT_THE_END);
        append("plan", IN_THE_PLAN);
        image = hot.image("library/app", "1.0");
        mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_TAG_TTL", "1h");
    }

    private void append(String name, String steps) throws IOException {
        Path file = directory.resolve("routes/" + name + ".camel.yaml");
        Files.writeString(file, Files.readString(file) + steps.indent(8));
    }

    @AfterEach
    void stop() {
        mirror.close();
        log.close();
        hot.close();
        cold.close();
    }

    private Wire.Answer get(String headers) throws IOException {
        try (Wire wire = new Wire(mirror.port())) {
            return wire.send("GET " + image.path() + " HTTP/1.1\r\nHost: mirror\r\n" + headers + "\r\n").answer();
        }
    }

    @Test
    void tellTheClientsProgramAndTheIdOfTheRequest() throws Exception {
        // The first answer is a registry's, the second is from memory.
        for (int i = 0; i < 2; i++) {
            Wire.Answer answer = get("User-Agent: old/1.0 (x)\r\nX-Request-ID: mine-1\r\n");
            assertEquals(200, answer.status());
            assertEquals("[old/1.0 (x)]", answer.header("X-Agent"));
            assertEquals("mine-1", answer.header("X-Id"));
            assertEquals("yes", answer.header("X-Old"));
        }
        Wire.Answer other = get("User-Agent: new/1.0\r\n");
        assertNull(other.header("X-Old"));
        assertEquals(other.header("X-Request-ID"), other.header("X-Id"));
        assertEquals("old/1.0 (x) has asked for 1.0 of hot", log.lines().get(0));
    }

    @Test
    void tellWhoPullsAndTheGroups() throws Exception {
        mirror.close();
        append("front-door", WHO_PULLS);
        Path access = Files.writeString(directory.resolve("access.yaml"), """
                users: users.htpasswd
                groups: {ops: [alice], admins: [bob, alice]}
                rules: [{who: anyone, repositories: "**", may: [pull]}]
                """);
        Files.writeString(directory.resolve("users.htpasswd"), "alice:" + BCrypt.with(BCrypt.Version.VERSION_2Y).hashToString(4, "secret".toCharArray()) + "\n");
        mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_TAG_TTL", "1h",
                "MIRROR_ACCESS_FILE", access.toString(), "MIRROR_SECRET", "a secret of the tests");
        String agent = "User-Agent: new/1.0\r\n";
        String alice = agent + "Authorization: Basic " + Base64.getEncoder().encodeToString("alice:secret".getBytes(StandardCharsets.UTF_8)) + "\r\n";
        // The first response is a registry's, the others are from memory. The first login is checked on a thread of its own.
        for (int i = 0; i < 2; i++) {
            assertEquals("[alice] [admins,ops]", get(alice).header("X-User"));
            assertEquals("[] []", get(agent).header("X-User"));
        }
    }

    @Test
    void oddValuesAreHarmless() throws Exception {
        Map<String, String> agents = Map.of(
                "${variable.client} ${exchangeProperties} $simple{body}", "[${variable.client} ${exchangeProperties} $simple{body}]",
                "{{mirror.server.port}}", "[{{mirror.server.port}}]",
                "a' || '1' == '1", "[a' || '1' == '1]",
                "old/\u001b[31mred\tand\u0007\u007f", "[old/?[31mred?and??]",
                "caf\u00e9", "[caf?]",
                "x".repeat(7500), "[" + "x".repeat(512) + "]",
                "y".repeat(512), "[" + "y".repeat(512) + "]",
                "", "[]");
        for (Map.Entry<String, String> agent : agents.entrySet()) {
            get("User-Agent: warm\r\n");
            Wire.Answer answer = get("User-Agent: " + agent.getKey() + "\r\n");
            // Some characters are refused before any route.
            assertTrue(answer.status() == 200 || answer.status() == 400 && agent.getKey().contains("\u001b") || agent.getKey().isEmpty(), agent.getKey() + ": " + answer);
            if (answer.status() == 200) {
                assertEquals(agent.getValue(), answer.header("X-Agent"));
            }
            for (String line : log.lines()) {
                assertTrue(line.chars().allMatch(c -> c >= ' ' && c < 127), line);
            }
        }
        assertTrue(log.lines().contains("${variable.client} ${exchangeProperties} $simple{body} has asked for 1.0 of "), log.lines().toString());
    }

    @Test
    void areEmptyWhereNoClientHasSentThem() throws Exception {
        cold.image("library/app", "1.0");
        hot.forget();
        Wire.Answer answer = get("");
        assertEquals("[]", answer.header("X-Agent"));
        assertEquals(List.of(), hot.calls("GET", Kind.MANIFEST));
        // What is explained is planned as for a client that sends no User-Agent.
        String explained = mirror.management("/explain?image=library/app:1.0").text();
        assertTrue(explained.contains("cold") && !explained.contains("\"registry\":\"hot\""), explained);
    }
}
