package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Routes that end without an answer: the client hears of it, and the log names the route. */
class NoAnswerTest {

    @TempDir
    private Path directory;

    /** Takes the steps {@code cache} with this method out of a file. */
    private void removeCacheSteps(String file, String... methods) throws Exception {
        Path route = directory.resolve("routes").resolve(file);
        String text = Files.readString(route);
        for (String method : methods) {
            String without = text.replaceAll("( +)- bean:\n(\\1  .*\n)*?\\1    ref: cache\n\\1    method: " + method + "\n", "");
            assertTrue(without.length() < text.length(), "there is no step " + method);
            text = without;
        }
        Files.writeString(route, text);
    }

    @Test
    void aRouteThatEndsWithoutAnAnswerIs500AndNamed() throws Exception {
        TestRoutes.copyTo(directory);
        removeCacheSteps("manifest.camel.yaml", "recall", "keep");
        Path blob = directory.resolve("routes/blob.camel.yaml");
        String otherwise = "            otherwise:\n              steps:\n                - to:\n                    uri: direct:ask-until-found\n";
        assertTrue(Files.readString(blob).contains(otherwise));
        Files.writeString(blob, Files.readString(blob).replace(otherwise, ""));
        try (TestRegistry hot = TestRegistry.start("hot"); TestRegistry cold = TestRegistry.start("cold");
                TestMirror mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url());
                LogLines log = LogLines.of("io.mirrorregistry.server.ClientsConsumer")) {
            Image image = hot.image("library/app", "1.0");
            String layer = image.path(image.layers().get(0));
            for (String path : List.of(image.path(), layer)) {
                String route = path.equals(layer) ? "blob" : "manifest";
                TestMirror.Reply got = mirror.get(path, "X-Request-ID", "get-" + route);
                assertEquals(500, got.status());
                assertTrue(got.text().contains("\"UNKNOWN\""), got.text());
                assertEquals("get-" + route, got.header("X-Request-ID"));
                assertEquals(List.of("The route " + route + " ended without an answer: GET " + path), log.linesOf("get-" + route));
                assertEquals(500, mirror.head(path, "X-Request-ID", "head-" + route).status());
                assertEquals(List.of("The route " + route + " ended without an answer: HEAD " + path), log.linesOf("head-" + route));
            }
            assertEquals(200, mirror.get("/v2/").status());
            assertEquals(200, mirror.get("/v2/library/app/tags/list").status());
        }
    }

    /** As the descriptions of the steps in manifest and blob say. */
    @Test
    void withoutTheCacheAndItsChoiceTheRegistriesAreAskedForEachClient() throws Exception {
        TestRoutes.copyTo(directory);
        for (String kind : List.of("manifest", "blob")) {
            Path file = directory.resolve("routes").resolve(kind + ".camel.yaml");
            String text = Files.readString(file);
            int steps = text.indexOf("      steps:\n");
            String rest = text.substring(text.indexOf("\n- route:\n", steps)).replaceAll("( +)- bean:\n(\\1  .*\n)*?\\1    ref: cache\n\\1    method: \\w+\n", "");
            Files.writeString(file, text.substring(0, steps) + "      steps:\n        - to:\n            uri: direct:ask-until-found\n" + rest);
        }
        try (TestRegistry hot = TestRegistry.start("hot"); TestRegistry cold = TestRegistry.start("cold");
                TestMirror mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_CACHE_SIZE", "8MB", "MIRROR_CACHE_BLOB_TTL", "1h")) {
            Image image = cold.image("library/app", "1.0");
            String layer = image.path(image.layers().get(0));
            for (int i = 1; i <= 3; i++) {
                assertEquals(200, mirror.get(image.path()).status());
                assertEquals(307, mirror.get(layer).status());
                assertEquals(200, mirror.head(layer).status());
                assertEquals(404, mirror.get("/v2/library/none/manifests/1.0").status());
                assertEquals(i * 2, cold.calls("GET", Kind.MANIFEST).size());
                assertEquals(i * 2, cold.calls("HEAD", Kind.BLOB).size());
            }
        }
    }

    @Test
    void aBodyOrAStatusAloneIsAnAnswer() throws Exception {
        Path routes = TestRoutes.copyTo(directory);
        for (String step : List.of("setBody: {expression: {constant: {expression: text}}}",
                "setHeader: {name: CamelHttpResponseCode, expression: {constant: {expression: 204}}}", "log: {message: nothing}")) {
            String name = step.substring(0, step.indexOf(':'));
            Files.writeString(routes.resolve(name + ".camel.yaml"), "- route:\n    id: extra-" + name + "\n    from:\n      uri: platform-http:/" + name
                    + "\n      parameters: {useBodyHandler: false}\n      steps:\n        - " + step + "\n");
        }
        try (TestRegistry hot = TestRegistry.start("hot"); TestRegistry cold = TestRegistry.start("cold");
                TestMirror mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url());
                LogLines log = LogLines.of("io.mirrorregistry.server.ClientsConsumer")) {
            assertEquals("text", mirror.get("/setBody").text());
            assertEquals(204, mirror.get("/setHeader").status());
            assertEquals(List.of(), log.lines());
            assertEquals(500, mirror.get("/log").status());
            assertEquals(List.of("The route extra-log ended without an answer: GET /log"), log.lines());
        }
    }
}
