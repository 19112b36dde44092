package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Lists of images, read by a mirror: long lists of tags, and names of hosts that no registry serves. */
@Timeout(60)
class WarmListTest {

    private final WarmSetup setup = new WarmSetup();

    @AfterEach
    void stop() {
        setup.close();
    }

    private void start(String images) {
        setup.start("MIRROR_WARM_FILE", setup.list(images).toString());
    }

    /** As at Quay, which has at most 100 tags on a page, and sorts them in another order than ASCII. */
    @Test
    void findsTheNewestTagOfThousands() {
        for (int i = 0; i < 12_000; i++) {
            setup.cold.manifest("team/app", "1." + i, "application/json", new byte[] {1});
        }
        Image newest = setup.cold.image("team/app", "2.0");
        setup.cold.pageSize(50).tagOrder(String.CASE_INSENSITIVE_ORDER.reversed());

        start("  - {name: team/app, tags: [\"*\"], newest: 1}\n");

        setup.assertCopied(newest);
        assertEquals(241, setup.cold.calls("GET", Kind.TAGS).size());
        setup.awaitAllEnded();
        assertEquals(1, setup.items().size());
    }

    /** Cold has the repository without the tag that the entry names. */
    @Test
    void asksEverySourceForATagThatAnEntryWithAGlobNames() {
        try (TestRegistry quay = TestRegistry.start("quay")) {
            Image stable = setup.cold.image("team/app", "stable-1");
            Image named = quay.image("team/app", "1.27");

            setup.start("QUAY_URL", quay.url(), "MIRROR_PLAN", "hot, cold, quay", "MIRROR_WARM_FILE",
                    setup.list("  - {name: team/app, tags: [\"1.27\", \"stable-*\"]}\n").toString());

            setup.assertCopied(named);
            setup.assertCopied(stable);
        }
    }

    @Test
    void copiesAllSignaturesOfALongList() {
        Image image = setup.cold.image("team/app", "1");
        List<Image> signatures = List.of(setup.cold.referrer("team/app", image, "application/one"), setup.cold.referrer("team/app", image, "application/two"),
                setup.cold.referrer("team/app", image, "application/three"));
        setup.cold.pageSize(1);
        setup.start();

        setup.awaitState(setup.ask("team/app:1"), "done");

        for (Image signature : signatures) {
            assertTrue(setup.hot.manifest("team/app", signature.digest().value()) != null, signature::toString);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ghcr.test/org/app:1", "ghcr.test/org/app", "GHCR.test/org/app:1", "docker.io/org/app:1", "ghcr.test:5000/org/app:1", "10.0.0.1:5000/org/app"})
    void refusesAHostNameThatNoRegistryServes(String name) {
        setup.cold.image("org/app", "1");
        setup.start();

        HttpResponse<String> response = setup.asks(name);

        assertEquals(400, response.statusCode());
        String host = name.toLowerCase().substring(0, name.indexOf('/'));
        assertEquals("No registry serves " + host + ", so that pulls of it would get other images: name it in "
                + "mirror.registry.NAME.serves of the registry that has its images, or leave it out if it is the address of this mirror.", new JsonObject(response.body()).getString("error"));
        assertEquals(List.of(), setup.items());
    }

    @Test
    void aListEntryOfAHostNameThatNoRegistryServesIsNotCopied() {
        setup.cold.image("org/app", "1");
        Image marker = setup.cold.image("team/marker", "1");

        start("  - {name: ghcr.test/org/app, tags: [\"1\"]}\n  - {name: team/marker, tags: [\"1\"]}\n");

        setup.assertCopied(marker);
        setup.awaitAllEnded();
        assertEquals(List.of("team/marker:1"), setup.items().stream().map(item -> item.getString("image")).toList());
        assertEquals(0, setup.cold.calls().stream().filter(call -> call.path().contains("org/app")).count());
    }

    @Test
    void copiesFromTheMirrorsOwnAddress() {
        Image image = setup.cold.image("team/app", "1");
        setup.start();

        setup.awaitState(setup.ask("localhost:5000/team/app:1"), "done");

        setup.assertCopied(image);
    }

    @Test
    void copiesFromAHostThatARegistryServes() {
        try (TestRegistry quay = TestRegistry.start("quay")) {
            Image image = quay.image("org/app", "1");
            setup.start("QUAY_URL", quay.url(), "QUAY_SERVES", "quay.test", "HOT_SERVES", "quay.test", "MIRROR_PLAN", "cold");

            JsonObject item = setup.awaitState(setup.ask("quay.test/org/app:1"), "done");

            assertArrayEquals(image.manifest(), setup.hot.manifest(item.getJsonObject("destination").getString("repository"), "1"));
        }
    }
}
