package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestStorage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is answered from memory, and what is asked for again. */
class CacheTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private TestMirror mirror;

    private void start(String... more) {
        Map<String, String> settings = new HashMap<>(Map.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_CACHE_SIZE", "32MB",
                "MIRROR_CACHE_TAG_TTL", "1h", "MIRROR_CACHE_MISS_TTL", "1h", "MIRROR_CACHE_BLOB_TTL", "1h"));
        for (int i = 0; i < more.length; i += 2) {
            settings.put(more[i], more[i + 1]);
        }
        List<String> list = new ArrayList<>();
        settings.forEach((name, value) -> list.addAll(List.of(name, value)));
        mirror = TestMirror.start(list.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        hot.close();
        cold.close();
        mirror.close();
    }

    private int calls() {
        return (int) Stream.of(hot, cold).flatMap(registry -> registry.calls().stream()).filter(call -> call.kind() != Kind.PING).count();
    }

    private void forget() {
        hot.forget();
        cold.forget();
    }

    private void served(Image image, Reply reply) {
        assertEquals(200, reply.status(), reply::text);
        assertArrayEquals(image.manifest(), reply.body());
        assertEquals(image.mediaType(), reply.header("Content-Type"));
        assertEquals(image.digest().value(), reply.header("Docker-Content-Digest"));
    }

    private static byte[] bytes(Body body) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        body.writeTo(out);
        return out.toByteArray();
    }

    @Test
    void aTagIsAskedForOnceAndKnownByItsDigestToo() {
        start();
        Image image = cold.image("library/app", "1.0");
        served(image, mirror.get(image.path()));
        forget();
        served(image, mirror.get(image.path()));
        served(image, mirror.get(image.pathByDigest()));
        for (String path : List.of(image.path(), image.pathByDigest())) {
            Reply head = mirror.head(path);
            assertEquals(200, head.status());
            assertEquals(String.valueOf(image.manifest().length), head.header("Content-Length"));
            assertEquals(image.digest().value(), head.header("Docker-Content-Digest"));
            assertEquals(image.mediaType(), head.header("Content-Type"));
        }
        assertEquals(0, calls());
    }

    @Test
    void aDigestOfOneRepositoryIsNotGivenAwayInAnother() {
        start();
        Image image = cold.image("library/app", "1.0");
        served(image, mirror.get(image.path()));
        assertEquals(404, mirror.get("/v2/library/other/manifests/" + image.digest()).status());
    }

    @Test
    void anUnchangedTagMovesNoBytesWhenItsTimeIsOver() throws Exception {
        start("MIRROR_CACHE_TAG_TTL", "1ms");
        Image image = cold.image("library/app", "1.0");
        served(image, mirror.get(image.path()));
        forget();
        Thread.sleep(5);
        served(image, mirror.get(image.path()));
        assertEquals(1, hot.calls("HEAD", Kind.MANIFEST).size());
        assertEquals(1, cold.calls("HEAD", Kind.MANIFEST).size());
        assertEquals(0, cold.calls("GET", Kind.MANIFEST).size());
        // Hot's "no" to the HEAD is believed after a GET only.
        assertEquals(3, calls());
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aTagThatMovedIsFetched(boolean folder) throws Exception {
        start("MIRROR_CACHE_TAG_TTL", "1ms");
        TestRegistry owner = folder ? cold : hot;
        served(owner.image("library/app", "1.0"), mirror.get("/v2/library/app/manifests/1.0"));
        Image moved = owner.put(Image.of("another", "library/app", "1.0", 1));
        Thread.sleep(5);
        served(moved, mirror.get(moved.path()));
        Thread.sleep(5);
        served(moved, mirror.get(moved.path()));
    }

    @Test
    void aTagThatMovesBetweenHeadAndGetIsServedWithTheDigestOfItsBytes() throws Exception {
        start("MIRROR_CACHE_TAG_TTL", "1ms");
        served(hot.image("library/app", "1.0"), mirror.get("/v2/library/app/manifests/1.0"));
        Image moved = hot.put(Image.of("another", "library/app", "1.0", 1));
        hot.fault(Fault.header("Docker-Content-Digest", "sha256:" + "a".repeat(64)).method("HEAD"));
        Thread.sleep(5);
        served(moved, mirror.get(moved.path()));
    }

    @Test
    void aRegistryThatChangesItsMindOnADigestIsNotBelieved() {
        start("MIRROR_CACHE_SIZE", "0");
        Image image = hot.image("library/app", "1.0");
        served(image, mirror.get(image.pathByDigest()));
        hot.fault(Fault.otherBytes().on(Kind.MANIFEST));
        assertEquals(503, mirror.get(image.pathByDigest()).status());
        cold.put(image);
        served(image, mirror.get(image.pathByDigest()));
    }

    @Test
    void whatNobodyHasIsAskedForOnce() {
        start();
        String manifest = "/v2/library/none/manifests/1.0";
        String blob = "/v2/library/none/blobs/" + Digest.ofSha256(new byte[0]);
        for (String path : List.of(manifest, blob)) {
            forget();
            Reply first = mirror.get(path);
            assertEquals(404, first.status());
            // A blob is asked for by HEAD, and a "no" is believed after a GET.
            int calls = path.equals(blob) ? 4 : 2;
            assertEquals(calls, calls());
            Reply second = mirror.get(path);
            assertEquals(404, second.status());
            assertEquals(first.text(), second.text());
            assertEquals(calls, calls());
        }
    }

    @Test
    void whatIsMissingForNowIsAskedForAgainWhenItsTimeIsOver() throws Exception {
        start("MIRROR_CACHE_MISS_TTL", "1ms");
        assertEquals(404, mirror.get("/v2/library/app/manifests/1.0").status());
        Image image = cold.image("library/app", "1.0");
        Thread.sleep(5);
        served(image, mirror.get(image.path()));
    }

    @Test
    void whatIsMissingIsAskedForAgainHoweverOftenClientsTry() throws Exception {
        start("MIRROR_CACHE_MISS_TTL", "300ms");
        assertEquals(404, mirror.get("/v2/library/app/manifests/1.0").status());
        Image image = cold.image("library/app", "1.0");
        long end = System.nanoTime() + 5_000_000_000L;
        while (System.nanoTime() < end && mirror.get(image.path()).status() != 200) {
            Thread.sleep(20);
        }
        served(image, mirror.get(image.path()));
    }

    @Test
    void anOutageIsNeverKept() {
        start();
        hot.fault(Fault.status(500));
        assertEquals(503, mirror.get("/v2/library/app/manifests/1.0").status());
        Image image = cold.image("library/app", "1.0");
        served(image, mirror.get(image.path()));
    }

    @Test
    void aTagIsServedPastItsTimeWhenARegistryIsInTrouble() throws Exception {
        start("MIRROR_CACHE_TAG_TTL", "1ms");
        Image image = hot.image("library/app", "1.0");
        served(image, mirror.get(image.path()));
        mirror.head(image.path());
        Thread.sleep(5);
        hot.fault(Fault.status(500));
        Reply stale = mirror.get(image.path());
        served(image, stale);
        assertTrue(stale.header("Warning").startsWith("299 - \""), stale.header("Warning"));
        assertEquals(200, mirror.head(image.path()).status());
        hot.fault(Fault.status(429));
        served(image, mirror.get(image.path()));
        Reply digest = mirror.get(image.pathByDigest());
        served(image, digest);
        assertNull(digest.header("Warning"));
        // Another tag is not known.
        assertEquals(429, mirror.get("/v2/library/app/manifests/2.0").status());
        hot.heal();
        Reply fresh = mirror.get(image.path());
        served(image, fresh);
        assertNull(fresh.header("Warning"));
    }

    @Test
    void aTagThatIsGoneIsForgotten() throws Exception {
        start("MIRROR_CACHE_TAG_TTL", "1ms", "MIRROR_CACHE_MISS_TTL", "0");
        Image image = hot.image("library/app", "1.0");
        served(image, mirror.get(image.path()));
        hot.remove("library/app", "1.0");
        Thread.sleep(5);
        assertEquals(404, mirror.get(image.path()).status());
        hot.fault(Fault.status(500));
        assertEquals(503, mirror.get(image.path()).status());
    }

    @Test
    void zeroSwitchesEachOff() throws Exception {
        start("MIRROR_CACHE_TAG_TTL", "0", "MIRROR_CACHE_MISS_TTL", "0s", "MIRROR_CACHE_BLOB_TTL", "0", "MIRROR_CACHE_STALE_IF_ERROR", "0");
        Image image = hot.image("library/app", "1.0");
        for (String path : List.of(image.path(), image.path(image.config()), "/v2/library/none/manifests/1")) {
            mirror.get(path);
            forget();
            mirror.get(path);
            assertTrue(calls() > 0, path);
        }
        hot.fault(Fault.status(500));
        assertEquals(503, mirror.get(image.path()).status());
        served(image, mirror.get(image.pathByDigest()));
    }

    @Test
    void withoutASizeNoManifestIsKept() {
        start("MIRROR_CACHE_SIZE", "0");
        Image image = hot.image("library/app", "1.0");
        for (String path : List.of(image.path(), image.pathByDigest())) {
            served(image, mirror.get(path));
            forget();
            served(image, mirror.get(path));
            assertEquals(1, calls());
        }
    }

    @Test
    void aManifestThatIsTooLargeToKeepIsServedAllTheSame() {
        start("MIRROR_CACHE_SIZE", "1MB");
        Image large = hot.put(Image.ofManifestSize("library/large", "1.0", 3 * 1024 * 1024));
        served(large, mirror.get(large.path()));
        served(large, mirror.get(large.path()));
        served(large, mirror.get(large.pathByDigest()));
    }

    @Test
    void anotherWishIsAnotherAnswer() {
        start();
        Image image = hot.image("library/app", "1.0");
        served(image, mirror.get(image.path(), "Accept", image.mediaType()));
        forget();
        mirror.get(image.path(), "Accept", "application/vnd.docker.distribution.manifest.v2+json");
        assertEquals(1, hot.calls("GET", Kind.MANIFEST).size());
        served(image, mirror.get(image.path(), "Accept", image.mediaType()));
        assertEquals(1, calls());
        // One that no client has is served and not kept.
        String longest = image.mediaType() + ", */*;q=0.1" + ", a/b".repeat(1000);
        served(image, mirror.get(image.path(), "Accept", longest));
        served(image, mirror.get(image.path(), "Accept", longest));
        assertEquals(3, hot.calls("GET", Kind.MANIFEST).size());
    }

    @Test
    void theRegistryThatHasABlobIsRemembered() {
        start();
        Image image = cold.image("library/app", "1.0");
        String path = image.path(image.config());
        Reply first = mirror.get(path);
        assertEquals(307, first.status());
        forget();
        Reply second = mirror.get(path);
        assertEquals(307, second.status());
        assertEquals(first.header("Location"), second.header("Location"));
        Reply head = mirror.head(path);
        assertEquals(200, head.status());
        assertEquals(String.valueOf(image.config().length()), head.header("Content-Length"));
        assertEquals(0, calls());
    }

    @Test
    void coldIsNotRememberedForWhatItHasWhileHotIsInTrouble() {
        start("HOT_PUBLIC_URL", "https://hot.example.com");
        Image image = cold.image("library/app", "1.0");
        hot.put(image);
        hot.fault(Fault.status(500));
        String path = image.path(image.config());
        assertTrue(mirror.get(path).header("Location").startsWith(cold.url()));
        hot.heal();
        assertTrue(mirror.get(path).header("Location").startsWith("https://hot.example.com"));
    }

    @Test
    void aSignedLocationIsAskedForEachTime() {
        try (TestStorage storage = TestStorage.start()) {
            start();
            hot.redirectBlobsTo(storage);
            Image image = hot.image("library/app", "1.0");
            String path = image.path(image.config());
            assertEquals(307, mirror.get(path).status());
            forget();
            Reply again = mirror.get(path);
            assertEquals(307, again.status());
            assertEquals("no-store", again.header("Cache-Control"));
            assertEquals(1, hot.calls("GET", Kind.BLOB).size());
            assertEquals(1, calls());
            assertEquals(String.valueOf(image.config().length()), mirror.head(path).header("Content-Length"));
        }
    }

    @Test
    void aRegistryThatLostTheBlobIsFollowedByTheOther() throws Exception {
        start("HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy");
        Image image = hot.image("library/app", "1.0");
        cold.put(image);
        String path = image.path(image.config());
        assertArrayEquals(bytes(image.config()), mirror.get(path).body());
        hot.fault(Fault.status(404).on(Kind.BLOB));
        assertArrayEquals(bytes(image.config()), mirror.get(path).body());
        hot.fault(Fault.status(500).on(Kind.BLOB));
        assertArrayEquals(bytes(image.config()), mirror.get(path).body());
        forget();
        assertArrayEquals(bytes(image.config()), mirror.get(path).body());
        assertEquals(0, hot.calls("GET", Kind.BLOB).size());
    }

    @Test
    void theFoldersImagesAreKeptLikeAnyOther() {
        start("COLD_URL", "", "MIRROR_CACHE_TAG_TTL", "1ms");
        Reply first = mirror.get("/v2/library/hello/manifests/latest");
        assertEquals(200, first.status());
        Reply second = mirror.get("/v2/library/hello/manifests/latest");
        assertArrayEquals(first.body(), second.body());
        assertEquals(first.header("Docker-Content-Digest"), second.header("Docker-Content-Digest"));
        String digest = first.text().replaceAll("(?s).*?\"(sha256:[0-9a-f]{64})\".*", "$1");
        String path = "/v2/library/hello/" + (first.text().contains("\"manifests\"") ? "manifests/" : "blobs/") + digest;
        byte[] body = mirror.get(path).body();
        assertArrayEquals(body, mirror.get(path).body());
        assertEquals(digest, Digest.ofSha256(body).value());
    }
}
