package io.mirrorregistry;

import static io.mirrorregistry.PagePatches.await;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples of docs/routes.md as they stand there, put into a running mirror. */
class RoutesPageTest {

    /** The other patches are those of docs/push.md and docs/warming.md. */
    private static final PagePatches PAGE = new PagePatches(Path.of("docs/routes.md"), "(?!push-|warm-).*\\.patch");

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestRegistry spare = TestRegistry.start("spare");
    private TestMirror mirror;

    @BeforeEach
    void start() throws IOException {
        TestRoutes.copyTo(directory);
        mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url(), "SPARE_URL", spare.url(),
                "HOT_USERNAME", "mirror", "HOT_PASSWORD", "secret",
                "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms");
    }

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
        spare.close();
    }

    private void apply(String name) throws Exception {
        PagePatches.apply(directory, name + ".patch");
    }

    /** The routes that serve are those of the folder, and the check finds nothing wrong with them. */
    private void requireSound() throws Exception {
        assertEquals(List.of(), Check.run(directory, settings()).faults());
        assertEquals(200, mirror.management("/observe/health").status());
    }

    private Map<String, String> settings() {
        return Map.of("MIRROR_REGISTRY_HOT_URL", hot.url(), "MIRROR_REGISTRY_COLD_URL", cold.url(), "MIRROR_REGISTRY_SPARE_URL", spare.url());
    }

    private void forget() {
        List.of(hot, cold, spare).forEach(TestRegistry::forget);
    }

    /** Returns the names under which a registry was asked for manifests, as {@code GET team/app:1.0}. */
    private static List<String> asked(TestRegistry registry) {
        return registry.calls("GET", Kind.MANIFEST).stream().map(call -> call.name() + ":" + call.reference()).toList();
    }

    @Test
    void thePageShowsEachPatchAsItStands() throws Exception {
        PAGE.requireShown(5);
    }

    @Test
    void eachEditOfThePlanFileAddsAtMostTenLines() throws Exception {
        int plans = 0;
        for (Path patch : PAGE.patches()) {
            if (Files.readAllLines(patch).contains("+++ b/routes/plan.camel.yaml")) {
                PagePatches.requireShort(patch, "routes/plan.camel.yaml");
                plans++;
            }
        }
        assertEquals(3, plans);
    }

    @Test
    void asksAThirdRegistryAfterCold() throws Exception {
        Image image = spare.image("library/app", "1.0");
        Image both = cold.image("library/both", "1.0");
        spare.image("library/both", "1.0");
        assertEquals(404, mirror.get(image.path()).status());
        assertEquals(List.of(), asked(spare));
        apply("third-registry");
        await(() -> mirror.get(image.path()).status() == 200);
        forget();
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        for (TestRegistry registry : List.of(hot, cold, spare)) {
            assertEquals(List.of("library/app:1.0"), asked(registry));
        }
        assertEquals(spare.url() + image.path(image.layers().get(0)), mirror.get(image.path(image.layers().get(0))).header("Location"));
        forget();
        assertArrayEquals(both.manifest(), mirror.get(both.path()).body());
        assertEquals(List.of(), asked(spare));
        assertEquals(404, mirror.get("/v2/library/none/manifests/1.0").status());
        assertEquals(List.of("library/none:1.0"), asked(spare));
        requireSound();
    }

    @Test
    void sendsOnePrefixToOneRegistryWithoutThePrefix() throws Exception {
        Image there = cold.image("app", "1.0");
        hot.image("team-a/app", "1.0");
        hot.image("app", "1.0");
        hot.image("team-a/hot-only", "1.0");
        Image other = hot.image("team-b/app", "1.0");
        String path = "/v2/team-a/app/manifests/1.0";
        apply("prefix-to-one-registry");
        await(() -> Arrays.equals(there.manifest(), mirror.get(path).body()));
        forget();
        assertArrayEquals(there.manifest(), mirror.get(path).body());
        assertEquals(List.of("app:1.0"), asked(cold));
        String layer = there.layers().get(0).digest().value();
        assertEquals(cold.url() + "/v2/app/blobs/" + layer, mirror.get("/v2/team-a/app/blobs/" + layer).header("Location"));
        assertEquals("{\"name\":\"team-a/app\",\"tags\":[\"1.0\"]}", mirror.get("/v2/team-a/app/tags/list").text());
        assertEquals(404, mirror.get("/v2/team-a/hot-only/manifests/1.0").status());
        assertEquals(404, mirror.get("/v2/team-a/none/manifests/1.0").status());
        assertEquals(List.of(), asked(hot));
        assertEquals(List.of(), hot.calls("HEAD", Kind.BLOB));
        assertEquals(List.of(), hot.calls("GET", Kind.TAGS));
        assertArrayEquals(other.manifest(), mirror.get(other.path()).body());
        requireSound();
    }

    @Test
    void neverTakesLatestFromHot() throws Exception {
        Image old = hot.image("library/app", "latest");
        Image newest = cold.image("library/app", "latest");
        hot.image("library/hot-only", "latest");
        Image fixed = hot.image("library/app", "1.0");
        cold.image("library/app", "1.0");
        assertArrayEquals(old.manifest(), mirror.get(old.path()).body());
        apply("latest-from-cold");
        await(() -> Arrays.equals(newest.manifest(), mirror.get(newest.path()).body()));
        forget();
        assertArrayEquals(newest.manifest(), mirror.get(newest.path()).body());
        assertEquals(List.of("library/app:latest"), asked(cold));
        assertEquals(404, mirror.get("/v2/library/hot-only/manifests/latest").status());
        assertEquals(List.of(), asked(hot));
        assertArrayEquals(fixed.manifest(), mirror.get(fixed.path()).body());
        assertArrayEquals(newest.manifest(), mirror.get(newest.pathByDigest()).body());
        assertEquals(List.of("library/app:1.0", "library/app:" + newest.digest()), asked(hot));
        requireSound();
    }

    @Test
    void callsARegistryOtherwise() throws Exception {
        Image image = cold.image("library/app", "1.0");
        cold.missing(403);
        String missing = "/v2/library/none/manifests/1.0";
        assertEquals(404, mirror.get(missing).status());
        Matcher file = Pattern.compile("### A registry that is called otherwise\n.*?`(routes/\\S+)`:\n\n```yaml\n(.*?)```", Pattern.DOTALL).matcher(PAGE.text());
        assertTrue(file.find());
        Files.writeString(directory.resolve(file.group(1)), file.group(2));
        await(() -> mirror.get(missing).status() == 503);
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        cold.missing(404);
        assertEquals(404, mirror.get(missing).status());
        cold.close();
        assertEquals(503, mirror.get(missing).status());
        requireSound();
    }

    @Test
    void answers403ForABlockedRepository() throws Exception {
        Image blocked = hot.image("library/blocked", "1.0");
        Image other = hot.image("library/other", "1.0");
        assertEquals(200, mirror.get(blocked.path()).status());
        apply("blocked-repository");
        await(() -> mirror.get(blocked.path()).status() == 403);
        hot.forget();
        for (String path : List.of(blocked.path(), blocked.pathByDigest(), "/v2/library/blocked/tags/list")) {
            assertEquals(403, mirror.get(path).status());
            assertTrue(mirror.get(path).text().contains("\"DENIED\""), mirror.get(path).text());
            assertEquals(403, mirror.head(path).status());
        }
        assertEquals(List.of(), hot.calls("GET", Kind.MANIFEST));
        assertEquals(200, mirror.get(other.path()).status());
        requireSound();
    }

    @Test
    void addsAResponseHeader() throws Exception {
        Image image = hot.image("library/app", "1.0");
        Digest layer = hot.blob("library/app", Body.ofSize(1000, 1));
        assertNull(mirror.get("/v2/").header("X-Mirror"));
        apply("response-header");
        await(() -> "europe-1".equals(mirror.get("/v2/").header("X-Mirror")));
        for (String path : List.of(image.path(), "/v2/library/app/tags/list", "/v2/library/app/blobs/" + layer)) {
            assertEquals("europe-1", mirror.get(path).header("X-Mirror"), path);
            assertEquals("europe-1", mirror.head(path).header("X-Mirror"), path);
        }

        hot.requireBasic("mirror", "secret");
        TestMirror.Reply streamed = mirror.get("/v2/library/app/blobs/" + layer);
        assertEquals(200, streamed.status());
        assertEquals("europe-1", streamed.header("X-Mirror"));
        assertEquals(1000, streamed.body().length);
        for (String path : List.of("/v2/library/app/manifests/none", "/v2/UPPER/manifests/1")) {
            assertEquals("europe-1", mirror.get(path).header("X-Mirror"), path);
        }
        hot.fault(Fault.status(500));
        cold.fault(Fault.status(500));
        assertEquals(503, mirror.get(image.path()).status());
        assertEquals("europe-1", mirror.get(image.path()).header("X-Mirror"));
        requireSound();
    }
}
