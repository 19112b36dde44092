package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Lines that routes of an operator log have the id of the request, as the line of the JSON log and on whichever thread. */
class RouteLinesTest {

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final Image image = hot.image("library/app", "1.0");
    private TestMirror mirror;
    private LogLines log;

    @AfterEach
    void stop() {
        mirror.close();
        log.close();
        hot.close();
        cold.close();
    }

    /** Puts a step before the first step that has this text. */
    private static void insert(Path routes, String file, String before, String step) throws IOException {
        Path path = routes.resolve(file + ".camel.yaml");
        String text = Files.readString(path);
        int bean = text.lastIndexOf("- bean:", text.indexOf(before));
        Files.writeString(path, text.substring(0, bean) + step + "\n" + " ".repeat(bean - text.lastIndexOf('\n', bean) - 1) + text.substring(bean));
    }

    private List<String> linesOf(String requestId) {
        return log.ofRoutes(requestId);
    }

    @Test
    void inEachRouteOnEachThreadAndAfterAReload() throws Exception {
        Path routes = TestRoutes.copyTo(directory);
        insert(routes, "front-door", "method: finish", "- log: {message: 'front ${variable.asked}'}");
        insert(routes, "manifest", "method: verify", "- log: {message: 'sub ${variable.registry}', logName: mine, loggingLevel: WARN}");
        insert(routes, "errors", "method: judge", "- log: {message: 'no registry could serve'}");
        insert(routes, "errors", "method: refuse", "- to: {uri: 'log:refusals?level=INFO&showAll=false'}");
        mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_LOGGING_LEVEL", "info", "MIRROR_CACHE_SIZE", "8MB",
                "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms");
        // The mirror has taken away what listened before.
        log = LogLines.of("ROOT");
        assertLines("before");

        LogLines changes = LogLines.of("io.mirrorregistry.reload");
        insert(routes, "front-door", "method: finish", "- log: {message: 'changed'}");
        for (int i = 0; i < 1000 && changes.lines().isEmpty(); i++) {
            Thread.sleep(10);
        }
        changes.close();
        log.clear();
        assertLines("after");
        assertTrue(linesOf("memory").contains("changed"), linesOf("memory").toString());
    }

    private void assertLines(String name) {
        hot.heal();
        assertEquals(200, mirror.get(image.path(), "X-Request-ID", "first").status());
        assertTrue(linesOf("first").contains("front manifest"), linesOf("first").toString());
        // On the event loop.
        assertEquals(200, mirror.get(image.path(), "X-Request-ID", "memory").status());
        assertTrue(linesOf("memory").contains("front manifest"), linesOf("memory").toString());
        assertEquals(200, mirror.get("/v2/library/app/manifests/" + image.digest(), "X-Request-ID", "digest").status());
        assertEquals(404, mirror.get("/v2/library/none/manifests/1", "X-Request-ID", "missing").status());
        assertTrue(linesOf("missing").contains("no registry could serve"), linesOf("missing").toString());
        assertEquals(400, mirror.get("/v2/library/app/manifests/-no", "X-Request-ID", "refused").status());
        assertEquals(1, linesOf("refused").size(), linesOf("refused").toString());
        hot.fault(Fault.status(500));
        Image other = cold.image("library/" + name, "1.0");
        assertEquals(200, mirror.get(other.path(), "X-Request-ID", "cold").status());
        assertTrue(linesOf("cold").contains("sub cold"), linesOf("cold").toString());
        // What the thread logs next is not of that request.
        assertEquals(404, mirror.get("/nothing", "X-Request-ID", "nothing").status());
        assertEquals(List.of(), linesOf("nothing"));
        for (String id : List.of("first", "memory", "missing", "cold")) {
            assertTrue(linesOf(id).stream().noneMatch(line -> line.startsWith("GET ")), "a line that no route has logged: " + linesOf(id));
        }
    }
}
