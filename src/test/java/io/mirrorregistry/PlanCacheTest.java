package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An answer in memory is for the plan that it came from: neither another upstream's client nor one after an edit gets it. */
class PlanCacheTest {

    private static final String APP = "/v2/library/app/manifests/1.0";
    private static final int CLIENTS = 20;

    @TempDir
    private Path directory;
    private final AskedRegistries registries = new AskedRegistries("hot", "hub", "ghcr");
    private Path plan;
    private String original;
    private TestMirror mirror;

    /** Hub serves docker.io, ghcr serves ghcr.io, hot has all else. */
    private void start(String... more) throws Exception {
        plan = TestRoutes.copyTo(directory).resolve("plan.camel.yaml");
        original = Files.readString(plan);
        List<String> settings = new ArrayList<>(List.of(registries.settings("MIRROR_PLAN", "hot", "HUB_SERVES", "docker.io", "HUB_LIBRARY", "true",
                "GHCR_SERVES", "ghcr.io", "GHCR_PREFIX", "gh/", "MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_TAG_TTL", "1h", "MIRROR_CACHE_MISS_TTL", "1h",
                "MIRROR_CACHE_BLOB_TTL", "1h", "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms", "MIRROR_SERVER_WORKERS", "60")));
        settings.addAll(List.of(more));
        mirror = TestMirror.startIn(directory, settings.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        registries.close();
        mirror.close();
    }

    private static void served(Image image, Reply reply) {
        assertEquals(200, reply.status(), reply::text);
        assertArrayEquals(image.manifest(), reply.body());
    }

    private static void isHead(Image image, Reply reply) {
        assertEquals(200, reply.status());
        assertEquals(image.digest().value(), reply.header("Docker-Content-Digest"));
        assertEquals(String.valueOf(image.manifest().length), reply.header("Content-Length"));
    }

    private void edit(String steps) throws Exception {
        Files.writeString(plan, steps == null ? original : original.substring(0, original.indexOf("      steps:\n")) + "      steps:\n" + steps);
    }

    private static String ask(String names) {
        return "        - bean: {ref: plan, method: \"ask('" + names + "')\"}\n";
    }

    @Test
    void upstreamsWithTheSameRepositoryAndTagNeverShare() throws Exception {
        start();
        Image hots = registries.get("hot").image("library/app", "1.0");
        Image hubs = registries.get("hub").image("library/app", "1.0");
        Image ghcrs = registries.get("ghcr").image("gh/library/app", "1.0");
        assertNotEquals(hots.digest(), hubs.digest());
        for (int i = 0; i < 3; i++) {
            served(hots, mirror.get(APP));
            served(hubs, mirror.get(APP + "?ns=docker.io"));
            served(ghcrs, mirror.get(APP + "?ns=ghcr.io"));
            isHead(hots, mirror.head(APP));
            isHead(hubs, mirror.head(APP + "?ns=docker.io"));
            isHead(ghcrs, mirror.head(APP + "?ns=ghcr.io"));
        }
        assertEquals(List.of("hot", "hub", "ghcr"), registries.asked());
    }

    @Test
    void whatOneUpstreamHasByDigestIsNotGivenAwayForAnother() throws Exception {
        start();
        Image image = registries.get("hot").image("library/app", "1.0");
        String blob = image.path(image.config());
        served(image, mirror.get(image.pathByDigest()));
        assertEquals(307, mirror.get(blob).status());
        for (String namespace : List.of("docker.io", "ghcr.io")) {
            for (int i = 0; i < 2; i++) {
                assertEquals(404, mirror.get(image.pathByDigest() + "?ns=" + namespace).status());
                assertEquals(404, mirror.head(image.pathByDigest() + "?ns=" + namespace).status());
                assertEquals(404, mirror.get(blob + "?ns=" + namespace).status());
            }
        }
        // And what one has not got, the other may well have.
        assertEquals(404, mirror.get("/v2/library/late/manifests/1.0?ns=docker.io").status());
        Image late = registries.get("hot").image("library/late", "1.0");
        served(late, mirror.get(late.path()));
        Image same = registries.get("hub").put(late);
        assertTrue(mirror.get(late.path(late.config())).header("Location").startsWith(registries.get("hot").url()));
        assertTrue(mirror.get(same.path(same.config()) + "?ns=docker.io").header("Location").startsWith(registries.get("hub").url()));
    }

    @Test
    void namesThatLeadToTheSamePlanShare() throws Exception {
        start();
        Image hubs = registries.get("hub").image("library/app", "1.0");
        Image ghcrs = registries.get("ghcr").image("gh/org/app", "1.0");
        for (String path : List.of("/v2/app/manifests/1.0?ns=docker.io", APP + "?ns=docker.io", "/v2/docker.io/app/manifests/1.0", "/v2/docker.io/library/app/manifests/1.0",
                "/v2/app/manifests/1.0?ns=DOCKER.io")) {
            served(hubs, mirror.get(path));
            isHead(hubs, mirror.head(path));
            assertEquals(path.contains("?") ? "docker.io" : null, mirror.get(path).header("OCI-Namespace"));
        }
        assertEquals(List.of("hub"), registries.asked());
        registries.forget();
        for (String path : List.of("/v2/org/app/manifests/1.0?ns=ghcr.io", "/v2/ghcr.io/org/app/manifests/1.0", "/v2/ghcr.io/org/app/manifests/" + ghcrs.digest())) {
            served(ghcrs, mirror.get(path));
        }
        assertEquals(List.of("ghcr"), registries.asked());
        registries.forget();
        for (String blob : List.of("/v2/app/blobs/", "/v2/library/app/blobs/")) {
            Reply found = mirror.get(blob + hubs.config().digest() + "?ns=docker.io");
            assertEquals(registries.get("hub").url() + "/v2/library/app/blobs/" + hubs.config().digest(), found.header("Location"));
            assertEquals(String.valueOf(hubs.config().length()), mirror.head(blob + hubs.config().digest() + "?ns=docker.io").header("Content-Length"));
        }
        assertEquals(List.of("hub"), registries.asked());
        registries.forget();
        for (String path : List.of("/v2/none/manifests/1?ns=docker.io", "/v2/docker.io/none/manifests/1", "/v2/library/none/manifests/1?ns=docker.io")) {
            assertEquals(404, mirror.get(path).status());
            assertEquals(404, mirror.head(path).status());
        }
        assertEquals(List.of("hub"), registries.asked());
    }

    @Test
    void anEditOfThePlanTakesEffectAtOnceAlthoughTheOldAnswerIsInMemory() throws Exception {
        start("MIRROR_PLAN", "hot, hub");
        Image hots = registries.get("hot").image("library/app", "1.0");
        Image hubs = registries.get("hub").image("library/app", "1.0");
        Image both = registries.put(Image.of("both", "library/both", "1.0", 1), "hot", "hub");
        String none = "/v2/library/none/manifests/1.0";
        served(hots, mirror.get(APP));
        served(hots, mirror.get(hots.pathByDigest()));
        assertTrue(mirror.get(both.path(both.config())).header("Location").startsWith(registries.get("hot").url()));
        assertEquals(404, mirror.get(none).status());

        edit(ask("hub"));
        awaitDigest(hubs);
        // Once the edit serves one request it serves them all: nothing of the old plan comes any more, by GET or HEAD, tag or digest.
        for (int i = 0; i < 20; i++) {
            served(hubs, mirror.get(APP));
            isHead(hubs, mirror.head(APP));
            assertEquals(404, mirror.get(hots.pathByDigest()).status());
            assertTrue(mirror.get(both.path(both.config())).header("Location").startsWith(registries.get("hub").url()));
        }
        Image late = registries.get("hub").image("library/none", "1.0");
        served(late, mirror.get(none));

        // Another name there is another plan as well.
        Image renamed = registries.get("hub").image("library/renamed", "1.0");
        edit(ask("hub") + "        - bean: {ref: plan, method: \"named('library/renamed')\"}\n");
        awaitDigest(renamed);
        served(renamed, mirror.get(APP));

        // The old plan is not forgotten either: its answers are still good.
        edit(null);
        awaitDigest(hots);
        registries.forget();
        served(hots, mirror.get(APP));
        served(hots, mirror.get(hots.pathByDigest()));
        assertEquals(List.of(), registries.asked());
    }

    private void awaitDigest(Image image) throws InterruptedException {
        for (int i = 0; i < 1000 && !image.digest().value().equals(mirror.head(APP).header("Docker-Content-Digest")); i++) {
            Thread.sleep(10);
        }
        assertEquals(image.digest().value(), mirror.head(APP).header("Docker-Content-Digest"));
    }

    @Test
    void whatIsStaleIsSoForItsOwnPlanOnly() throws Exception {
        start("MIRROR_CACHE_TAG_TTL", "1ms", "MIRROR_CACHE_MISS_TTL", "0", "MIRROR_PLAN", "hot, hub");
        Image hots = registries.get("hot").image("library/app", "1.0");
        served(hots, mirror.get(APP));
        isHead(hots, mirror.head(APP));
        Thread.sleep(5);
        for (String name : registries.names()) {
            registries.get(name).fault(Fault.status(500));
        }
        Reply stale = mirror.get(APP);
        served(hots, stale);
        assertTrue(stale.header("Warning").startsWith("299"));
        isHead(hots, mirror.head(APP));
        assertEquals(503, mirror.get(APP + "?ns=docker.io").status());
        assertEquals(503, mirror.head(APP + "?ns=docker.io").status());
        edit(ask("hub"));
        for (int i = 0; i < 1000 && mirror.get(APP).status() != 503; i++) {
            Thread.sleep(10);
        }
        assertEquals(503, mirror.get(APP).status());
        registries.heal();
        assertEquals(404, mirror.get(APP).status());
    }

    /** Waits until so many requests have joined another's flight. */
    private void awaitJoined(int wanted) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        int joined = 0;
        while (joined < wanted) {
            joined = mirror.management("/observe/metrics").text().lines().filter(line -> line.startsWith("mirror_cache_lookups_total{") && line.contains("\"joined\""))
                    .mapToInt(line -> (int) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1))).sum();
            assertTrue(System.nanoTime() < end, joined + " of " + wanted + " joined");
            Thread.sleep(5);
        }
    }

    @Test
    void clientsOfOnePlanShareOneCallAndThoseOfAnotherDoNot() throws Exception {
        start();
        CountDownLatch held = new CountDownLatch(1);
        Image hots = registries.get("hot").image("library/app", "1.0");
        Image hubs = registries.get("hub").image("library/app", "1.0");
        Image ghcrs = registries.get("ghcr").image("gh/library/app", "1.0");
        registries.names().forEach(name -> registries.get(name).fault(Fault.heldUntil(held).on(Kind.MANIFEST)));
        List<CompletableFuture<Void>> clients = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            String hub = List.of(APP + "?ns=docker.io", "/v2/app/manifests/1.0?ns=docker.io", "/v2/docker.io/app/manifests/1.0").get(i % 3);
            String ghcr = List.of(APP + "?ns=ghcr.io", "/v2/ghcr.io/library/app/manifests/1.0").get(i % 2);
            clients.add(CompletableFuture.runAsync(() -> served(hots, mirror.get(APP)), task -> new Thread(task).start()));
            clients.add(CompletableFuture.runAsync(() -> served(hubs, mirror.get(hub)), task -> new Thread(task).start()));
            clients.add(CompletableFuture.runAsync(() -> served(ghcrs, mirror.get(ghcr)), task -> new Thread(task).start()));
        }
        awaitJoined(3 * (CLIENTS - 1));
        held.countDown();
        for (CompletableFuture<Void> client : clients) {
            client.get(30, TimeUnit.SECONDS);
        }
        assertEquals(List.of("ghcr", "hot", "hub"), registries.asked().stream().sorted().toList());
    }

    @Test
    void aClientThatJoinsGetsItsOwnHeaders() throws Exception {
        start();
        CountDownLatch held = new CountDownLatch(1);
        Image hubs = registries.get("hub").image("library/app", "1.0");
        registries.get("hub").fault(Fault.heldUntil(held));
        CompletableFuture<Reply> given = CompletableFuture.supplyAsync(() -> mirror.get(APP + "?ns=docker.io"), task -> new Thread(task).start());
        CompletableFuture<Reply> written = CompletableFuture.supplyAsync(() -> mirror.get("/v2/docker.io/app/manifests/1.0"), task -> new Thread(task).start());
        awaitJoined(1);
        held.countDown();
        served(hubs, given.get(30, TimeUnit.SECONDS));
        served(hubs, written.get(30, TimeUnit.SECONDS));
        assertEquals("docker.io", given.get().header("OCI-Namespace"));
        assertNull(written.get().header("OCI-Namespace"));
        assertNull(mirror.get("/v2/docker.io/app/manifests/1.0").header("OCI-Namespace"));
        assertEquals("docker.io", mirror.get(APP + "?ns=docker.io").header("OCI-Namespace"));
        assertEquals(List.of("hub"), registries.asked());
    }
}
