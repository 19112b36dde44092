package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestRegistry;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** ETag and If-None-Match of manifests, over real HTTP. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ConditionalTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "5s", "COLD_RESPONSE_TIMEOUT", "5s");
    private final TestMirror keeping = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "5s", "COLD_RESPONSE_TIMEOUT", "5s", "MIRROR_CACHE_SIZE", "16MB",
            "MIRROR_CACHE_TAG_TTL", "1h", "MIRROR_CACHE_STALE_IF_ERROR", "1h");
    private final TestMirror checking = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "5s", "COLD_RESPONSE_TIMEOUT", "5s", "MIRROR_CACHE_SIZE", "16MB",
            "MIRROR_CACHE_TAG_TTL", "0", "MIRROR_CACHE_STALE_IF_ERROR", "1h");

    private final Image image = hot.image("library/app", "1.0");
    private final String etag = "\"" + image.digest() + "\"";

    @BeforeEach
    void healthy() {
        hot.heal();
        cold.heal();
    }

    @AfterAll
    void stop() {
        mirror.close();
        keeping.close();
        checking.close();
        hot.close();
        cold.close();
    }

    private void assertUnchanged(Reply reply) {
        assertEquals(304, reply.status());
        assertEquals(0, reply.body().length);
        assertEquals(etag, reply.header("ETag"));
        assertEquals(image.digest().value(), reply.header("Docker-Content-Digest"));
        assertEquals("registry/2.0", reply.header("Docker-Distribution-Api-Version"));
        for (String none : List.of("Content-Length", "Content-Type", "Transfer-Encoding")) {
            assertNull(reply.header(none), none);
        }
    }

    @Test
    void aManifestThatTheClientHasIsNotSentAgain() {
        for (TestMirror each : List.of(mirror, keeping, checking, keeping, checking)) {
            for (String path : List.of(image.path(), image.pathByDigest(), image.path() + "?ns=docker.io")) {
                for (String method : List.of("GET", "HEAD", "GET")) {
                    Reply whole = each.send(method, path);
                    assertEquals(200, whole.status());
                    assertEquals(List.of(etag), whole.response().headers().allValues("ETag"));
                    assertUnchanged(each.send(method, path, "If-None-Match", etag));
                    assertUnchanged(each.send(method, path, "If-None-Match", "W/" + etag));
                    assertUnchanged(each.send(method, path, "If-None-Match", "*"));
                    assertUnchanged(each.send(method, path, "If-None-Match", "\"x\" ,, W/\"y,z\", " + etag + ","));
                    assertUnchanged(each.send(method, path, "If-None-Match", "\"x\"", "If-None-Match", etag));
                }
            }
        }
        assertTrue(hot.calls().size() > 1);
        hot.calls().forEach(call -> assertNull(call.header("If-None-Match")));
        assertUnchanged(mirror.get(image.path(), "If-None-Match", etag, "If-Modified-Since", "Wed, 21 Oct 2015 07:28:00 GMT", "Range", "bytes=0-1"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"x\"", "", "sha256:", "\"", "W/", "w/E", "*, *", "* x", "\"*\"", ",", "E x", "E, x", "x E", "\"x\" E", "E;q=1", "EE", "'E'", "DIGEST"})
    void anythingElseIsNoCondition(String value) {
        String sent = value.replace("E", etag).replace("DIGEST", image.digest().value());
        for (TestMirror each : List.of(mirror, keeping, keeping)) {
            for (String method : List.of("GET", "HEAD")) {
                Reply reply = each.send(method, image.path(), "If-None-Match", sent);
                assertEquals(200, reply.status());
                assertEquals(method.equals("GET") ? image.manifest().length : 0, reply.body().length);
            }
        }
    }

    @Test
    void onlyAManifestHasACondition() {
        for (String path : List.of("/v2/", "/v2/library/app/tags/list", "/v2/library/app/referrers/" + image.digest(), "/health")) {
            Reply reply = mirror.get(path, "If-None-Match", "*");
            assertEquals(200, reply.status());
            assertNull(reply.header("ETag"));
        }
        assertEquals(307, mirror.get(image.path(image.config()), "If-None-Match", "*").status());
        assertEquals(404, mirror.get("/v2/library/app/manifests/none", "If-None-Match", "*").status());
        hot.fault(Fault.status(500));
        assertEquals(503, mirror.get(image.path(), "If-None-Match", "*").status());
    }

    @Test
    void anotherManifestUnderTheTagIsSent() {
        Image first = hot.image("library/moving", "1.0");
        assertEquals(200, checking.get(first.path()).status());
        Image other = hot.put(Image.of("other", "library/moving", "1.0", 1));
        Reply reply = checking.get(first.path(), "If-None-Match", "\"" + first.digest() + "\"");
        assertEquals(200, reply.status());
        assertEquals("\"" + other.digest() + "\"", reply.header("ETag"));
    }

    @Test
    void aStaleManifestIsUnchangedWithAWarning() {
        checking.get(image.path());
        hot.fault(Fault.status(500));
        for (String method : List.of("GET", "HEAD")) {
            Reply reply = checking.send(method, image.path(), "If-None-Match", etag);
            assertUnchanged(reply);
            assertTrue(reply.header("Warning").startsWith("299"), reply.header("Warning"));
        }
    }

    @Test
    void theMetricsTellWhatWasUnchanged() throws InterruptedException {
        mirror.get(image.path(), "If-None-Match", etag);
        String wanted = "mirror_pulls_total{kind=\"manifest\",outcome=\"unchanged\",registry=\"hot\"} ";
        // A pull is counted a little later than it is answered.
        String found = mirror.management("/observe/metrics").text();
        for (int i = 0; i < 1000 && !found.contains(wanted); i++) {
            TimeUnit.MILLISECONDS.sleep(20);
            found = mirror.management("/observe/metrics").text();
        }
        assertTrue(found.contains(wanted), found);
    }
}
