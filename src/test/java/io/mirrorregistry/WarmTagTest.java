package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.PushRegistry;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which tag an image gets at hot, and which one it leaves alone. */
@Timeout(60)
class WarmTagTest {

    private final WarmSetup setup = new WarmSetup();

    @AfterEach
    void stop() {
        setup.close();
    }

    /** Puts an image under the tag at cold, each time another one. */
    private Image moved(String version) {
        Image image = Image.of(version, "team/app", "1", 1);
        return setup.cold.put(image);
    }

    private void hotHas(Image image) {
        image.blobs().forEach(blob -> setup.hot.addBlob(image.name(), blob.bytes()));
        setup.hot.addManifest(image.name(), image.tag(), image.mediaType(), image.manifest());
    }

    /** Starts the mirror. Cold sends the layer of an image once the latch is open. */
    private CountDownLatch startWithHeldLayer(Image image) {
        CountDownLatch latch = new CountDownLatch(1);
        setup.cold.fault(Fault.heldUntil(latch).path(image.path(image.layers().get(0))).times(1));
        setup.start("COLD_RESPONSE_TIMEOUT", "20s");
        return latch;
    }

    /** Waits until the copy of the image waits for its layer. */
    private void awaitHeldLayer(Image image) {
        WarmSetup.await("the copy waits", () -> !setup.cold.calls("GET", image.path(image.layers().get(0))).isEmpty());
    }

    private Path list(String tags, String every) {
        return setup.list("  - {name: team/app, tags: [" + tags + "], every: " + every + "}\n");
    }

    @Test
    void aPullDoesNotMoveATagThatHotHas() {
        Image old = Image.of("old", "team/app", "1", 1);
        hotHas(old);
        Image now = moved("now");
        setup.start();

        // A pull gets the image of cold only if hot says once that it has none.
        setup.hot.refuse("GET", "manifests/1", 1, 404, Map.of(), "");
        assertEquals(200, setup.mirror().get(now.path()).status());
        setup.awaitState("team/app:1", "done");

        assertArrayEquals(old.manifest(), setup.hot.manifest("team/app", "1"));
        assertNotNull(setup.hot.manifest("team/app", now.digest().value()));

        setup.awaitState(setup.ask("team/app:1"), "done");
        assertArrayEquals(now.manifest(), setup.hot.manifest("team/app", "1"));
    }

    @Test
    void aPullOfWhatAPersonHasAskedForByDigestMovesNoTagEither() {
        Image old = Image.of("old", "team/app", "1", 1);
        hotHas(old);
        Image now = moved("now");
        CountDownLatch latch = startWithHeldLayer(now);
        long id = setup.ask("team/app@" + now.digest());
        awaitHeldLayer(now);
        setup.hot.refuse("GET", "manifests/1", 1, 404, Map.of(), "");
        assertEquals(200, setup.mirror().get(now.path()).status());
        WarmSetup.await("the tag is added", () -> setup.item(id).getJsonArray("tags").contains("1"));
        latch.countDown();

        WarmSetup.await("the end", () -> setup.item(id), item -> item.getString("state").equals("done") && item.getJsonArray("tags").contains("1"));
        assertArrayEquals(old.manifest(), setup.hot.manifest("team/app", "1"));
    }

    @Test
    void aTagThatMovedMeanwhileIsNotSetToTheOldImage() {
        Image old = moved("old");
        CountDownLatch latch = startWithHeldLayer(old);
        setup.pull(old);
        awaitHeldLayer(old);

        moved("new");
        latch.countDown();

        setup.awaitState("team/app:1", "done");
        assertNotNull(setup.hot.manifest("team/app", old.digest().value()));
        assertNull(setup.hot.manifest("team/app", "1"));
    }

    /** A pull copies the new image while the copy of the old one runs, which began earlier and takes longer. */
    @Test
    void aTagIsNotMovedBackToTheImageThatItMeantWhenTheCopyBegan() {
        Image old = moved("old");
        CountDownLatch latch = startWithHeldLayer(old);
        long asked = setup.ask("team/app:1");
        awaitHeldLayer(old);
        Image now = moved("now");
        setup.pull(now);
        WarmSetup.await("the tag", () -> Arrays.equals(now.manifest(), setup.hot.manifest("team/app", "1")));

        latch.countDown();

        setup.awaitState(asked, "done");
        assertNotNull(setup.hot.manifest("team/app", old.digest().value()));
        assertEquals(1, setup.count("PUT /v2/team/app/manifests/1"));
        assertArrayEquals(now.manifest(), setup.hot.manifest("team/app", "1"));
    }

    @Test
    void anImageIsCopiedAgainIfItsTagMovesWhileItIsCopied() {
        Image old = moved("old");
        CountDownLatch latch = startWithHeldLayer(old);
        long asked = setup.ask("team/app:1");
        awaitHeldLayer(old);
        Image now = moved("now");
        latch.countDown();

        setup.awaitReason(asked, "moved");
        setup.awaitState(asked, "done");

        setup.assertCopied(now);
        assertEquals(1, setup.count("PUT /v2/team/app/manifests/1"));
    }

    @Test
    void aListMovesATagThatHotHas() {
        hotHas(Image.of("old", "team/app", "1", 1));
        Image now = moved("now");

        setup.start("MIRROR_WARM_FILE", list("\"1\"", "6h").toString());

        WarmSetup.await("the tag", () -> Arrays.equals(now.manifest(), setup.hot.manifest("team/app", "1")));
    }

    /** A client pulls the new image by digest before the list's copy has ended. */
    @Test
    void aListMovesATagAlsoIfTheImageIsPulledMeanwhile() {
        hotHas(Image.of("old", "team/app", "1", 1));
        Image now = moved("now");
        Image first = setup.cold.image("team/first", "1");
        CountDownLatch latch = new CountDownLatch(1);
        setup.cold.fault(Fault.heldUntil(latch).path(first.path(first.layers().get(0))).times(1));
        setup.start("MIRROR_WARM_FILE", list("\"1\"", "6h").toString(), "COLD_RESPONSE_TIMEOUT", "20s", "MIRROR_WARM_PARALLEL", "1");
        setup.ask("team/first:1");
        WarmSetup.await("the list is queued", () -> setup.items().stream().anyMatch(item -> item.getString("origin").equals("list")));
        assertEquals(200, setup.mirror().get(now.pathByDigest()).status());
        WarmSetup.await("the pull is queued", () -> setup.items().stream().anyMatch(item -> item.getString("origin").equals("pull")));
        latch.countDown();

        WarmSetup.await("the tag", () -> Arrays.equals(now.manifest(), setup.hot.manifest("team/app", "1")));
    }

    @Test
    void aListMovesATagBackToAnImageThatWasCopiedBefore() {
        Image first = moved("first");
        setup.start("MIRROR_WARM_FILE", list("\"1\"", "6h").toString());
        setup.assertCopied(first);
        Image second = moved("second");
        list("\"1\", \"1*\"", "6h");
        WarmSetup.await("the second", () -> Arrays.equals(second.manifest(), setup.hot.manifest("team/app", "1")));

        moved("first");
        list("\"1\", \"?\"", "6h");

        WarmSetup.await("the first", () -> Arrays.equals(first.manifest(), setup.hot.manifest("team/app", "1")));
    }

    @Test
    void aListDoesNotTryAgainWhatHotRefusesUntilItChanges() {
        Image image = moved("first");
        Image layers = Image.index("team/app", "1", new Image("team/app", null, image.mediaType(), image.manifest(), image.blobs(), List.of(), null));
        setup.cold.put(layers);
        setup.hot.refuseManifests(layers.mediaType(), "{\"errors\":[{\"code\":\"MANIFEST_INVALID\"}]}");
        setup.start("MIRROR_WARM_FILE", list("\"1\"", "6h").toString());
        setup.awaitState("team/app:1", "partial");
        long puts = setup.count("PUT /v2/team/app/manifests/" + layers.digest());
        Image marker = setup.cold.image("team/marker", "1");

        setup.list("  - {name: team/app, tags: [\"1\", \"?\"]}\n  - {name: team/marker, tags: [\"1\"]}\n");

        setup.assertCopied(marker);
        assertEquals(1, puts);
        assertEquals(1, setup.count("PUT /v2/team/app/manifests/" + layers.digest()));
        assertEquals("partial", setup.awaitState("team/app:1", "partial").getString("state"));
    }

    @Test
    void tagsAreSetLast() {
        Image amd = Image.of("cold", "team/multi", null, 2);
        Image arm = Image.of("cold-arm", "team/multi", null, 2);
        Image index = setup.cold.put(Image.index("team/multi", "2", amd, arm));
        setup.start();

        setup.pull(index);
        setup.assertCopied(index);
        setup.assertCopied(amd);
        setup.assertCopied(arm);
        setup.awaitState("team/multi:2", "done");

        List<String> puts = setup.hot.calls().stream().filter(call -> call.method().equals("PUT")).map(PushRegistry.Call::target)
                .map(target -> target.contains("/uploads/") ? "blob" : target.replaceFirst(".*/manifests/", "")).toList();
        assertEquals(List.of("blob", "blob", "blob", amd.digest().value(), "blob", "blob", "blob", arm.digest().value(), index.digest().value(), "2"), puts);
    }

    @Test
    void pullsThatTheMirrorAnswersFromMemoryCount() {
        Image image = moved("first");
        Image other = setup.cold.image("team/other", "1");
        setup.start("MIRROR_WARM_AFTER", "3", "MIRROR_CACHE_TAG_TTL", "1h");

        for (int i = 0; i < 2; i++) {
            setup.pull(image);
            setup.pull(other);
        }
        assertEquals(200, setup.mirror().head(image.path()).status());
        setup.pull(other);

        setup.assertCopied(other);
        setup.awaitAllEnded();
        assertEquals(1, setup.items().size());
        setup.pull(image);
        setup.assertCopied(image);
        assertEquals(1, setup.cold.calls("GET", image.path()).size());
    }

    @Test
    void everyTagOfAnImageIsSet() {
        Image image = moved("first");
        List<String> tags = IntStream.range(0, 12).mapToObj(i -> "v" + i).toList();
        tags.forEach(tag -> setup.cold.put(new Image(image.name(), tag, image.mediaType(), image.manifest(), image.blobs(), List.of(), null)));
        setup.start();

        tags.forEach(tag -> assertEquals(200, setup.mirror().get("/v2/team/app/manifests/" + tag).status()));

        tags.forEach(tag -> WarmSetup.await(tag, () -> Arrays.equals(image.manifest(), setup.hot.manifest("team/app", tag))));
        setup.awaitAllEnded();
        assertEquals(1, setup.items().size());
    }

    @Test
    void whatHotServesIsNotQueued() {
        Image there = Image.of("hot", "team/there", "1", 1);
        hotHas(there);
        setup.cold.put(there);
        Image marker = setup.cold.image("team/marker", "1");
        setup.start();

        setup.pull(there);
        assertEquals(200, setup.mirror().get(there.pathByDigest()).status());
        setup.pull(marker);

        setup.awaitState("team/marker:1", "done");
        assertEquals(1, setup.items().size());
    }

    /** The plan has no destination: another registry serves the namespace. */
    @Test
    void whatHotIsNotAskedForIsNotQueued() {
        try (TestRegistry quay = TestRegistry.start("quay")) {
            Image image = quay.image("org/app", "1");
            Image marker = setup.cold.image("team/marker", "1");
            setup.start("QUAY_URL", quay.url(), "QUAY_SERVES", "quay.test");

            assertEquals(200, setup.mirror().get(image.path() + "?ns=quay.test").status());
            setup.pull(marker);
            setup.awaitState("team/marker:1", "done");

            assertEquals(1, setup.items().size());
            assertEquals(400, setup.asks("quay.test/org/app:1").statusCode());
        }
    }

    @Test
    void theCopyHasTheNameByWhichHotIsAsked() {
        Image image = setup.cold.image("library/app", "1");
        Image other = setup.cold.image("team/app", "1");
        setup.start("HOT_PREFIX", "mirror/", "COLD_LIBRARY", "true");

        assertEquals(200, setup.mirror().get("/v2/app/manifests/1").status());
        setup.pull(other);
        setup.awaitState("app:1", "done");
        setup.awaitState("team/app:1", "done");

        assertArrayEquals(image.manifest(), setup.hot.manifest("mirror/app", "1"));
        assertArrayEquals(other.manifest(), setup.hot.manifest("mirror/team/app", "1"));
    }

    @Test
    void theNamespaceOfTheCopyIsThatByWhichHotIsAsked() {
        try (TestRegistry quay = TestRegistry.start("quay")) {
            Image image = quay.image("org/app", "1");
            setup.start("QUAY_URL", quay.url(), "QUAY_SERVES", "quay.test", "HOT_SERVES", "quay.test", "HOT_PREFIX", "mirror/", "MIRROR_PLAN", "cold");

            assertEquals(200, setup.mirror().get(image.path() + "?ns=quay.test").status());

            JsonObject item = setup.awaitState("quay.test/org/app:1", "done");
            String name = item.getJsonObject("destination").getString("repository");
            assertArrayEquals(image.manifest(), setup.hot.manifest(name, "1"));
            setup.cold.close();
            quay.close();
            assertEquals(200, setup.mirror().get(image.path() + "?ns=quay.test").status());
            assertEquals(200, setup.mirror().get(image.pathByDigest() + "?ns=quay.test").status());
        }
    }

    @Test
    void aHeadByTagAndAGetByDigestSetTheTag() {
        Image image = moved("first");
        setup.start("MIRROR_WARM_AFTER", "2");

        assertEquals(200, setup.mirror().head(image.path()).status());
        assertEquals(200, setup.mirror().get(image.pathByDigest()).status());
        assertEquals(200, setup.mirror().get(image.pathByDigest()).status());

        setup.assertCopied(image);
        assertTrue(setup.awaitState("team/app:1", "done").getJsonArray("tags").contains("1"));
    }

    @Test
    void aHeadAloneQueuesNoImage() {
        Image image = moved("first");
        Image marker = setup.cold.image("team/marker", "1");
        setup.start();

        assertEquals(200, setup.mirror().head(image.path()).status());
        setup.pull(marker);

        setup.awaitState("team/marker:1", "done");
        assertEquals(1, setup.items().size());
        assertNull(setup.hot.manifest("team/app", "1"));
    }

    /** An image of the same name at another registry must not get the tag at hot because the registry before it was in trouble for a moment. */
    @Test
    void aTagIsSetOnlyIfNoRegistryBeforeItsSourceWasInTrouble() {
        try (TestRegistry inner = TestRegistry.start("inner")) {
            Image ours = inner.image("team/app", "1");
            Image theirs = setup.cold.image("team/app", "1");
            setup.start("INNER_URL", inner.url(), "MIRROR_PLAN", "hot, inner, cold");
            inner.fault(Fault.status(500).path(ours.path()).times(1));

            assertEquals(theirs.digest().value(), setup.mirror().get(theirs.path()).header("Docker-Content-Digest"));
            WarmSetup.await("the image is copied by digest", () -> setup.hot.manifest("team/app", theirs.digest().value()) != null);
            setup.awaitState("team/app@" + theirs.digest(), "done");

            assertNull(setup.hot.manifest("team/app", "1"));
        }
    }

    @Test
    void aTagIsLookedUpInTheOrderOfThePlan() {
        try (TestRegistry inner = TestRegistry.start("inner")) {
            Image ours = inner.image("team/app", "1");
            setup.cold.image("team/app", "1");
            setup.start("INNER_URL", inner.url(), "MIRROR_PLAN", "hot, inner, cold");
            inner.fault(Fault.status(429, Duration.ofSeconds(2)).path(ours.path()).times(1));

            JsonObject item = setup.awaitState(setup.ask("team/app:1"), "done");

            assertEquals(ours.digest().value(), item.getString("digest"));
            setup.assertCopied(ours);
        }
    }

    /** The cache still has the image of another registry, from before inner had the tag. */
    @Test
    void aTagThatTheCacheHasIsPlannedByTheRoutes() {
        try (TestRegistry inner = TestRegistry.start("inner")) {
            Image cached = setup.cold.image("team/app", "1");
            setup.start("INNER_URL", inner.url(), "MIRROR_PLAN", "hot, inner, cold", "MIRROR_CACHE_TAG_TTL", "1h", "MIRROR_WARM_AFTER", "100");
            setup.pull(cached);
            Image ours = inner.image("team/app", "1");
            assertEquals(cached.digest().value(), setup.mirror().get(cached.path()).header("Docker-Content-Digest"));

            JsonObject item = setup.awaitState(setup.ask("team/app:1"), "done");

            assertEquals(List.of("inner", "cold"), item.getJsonArray("sources").stream().map(source -> ((JsonObject) source).getString("registry")).toList());
            assertEquals(ours.digest().value(), item.getString("digest"));
            setup.assertCopied(ours);
        }
    }

    /** Harbor does not show the manifest of a tag that its policy holds back. */
    @Test
    void aTagThatHotDoesNotShowIsNotOverwritten() {
        Image old = Image.of("old", "team/app", "1", 1);
        hotHas(old);
        Image now = moved("now");
        setup.start();
        setup.hot.refuse("GET", "manifests/1", 1, 404, Map.of(), "");
        setup.hot.refuse("HEAD", "manifests/1", 1, 412, Map.of(), "");

        assertEquals(200, setup.mirror().get(now.path()).status());
        setup.awaitState("team/app:1", "done");

        assertArrayEquals(old.manifest(), setup.hot.manifest("team/app", "1"));
    }
}
