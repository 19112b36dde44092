package io.mirrorregistry.testing;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The well-behaved registry and its habits. */
class TestRegistryTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestClient client = new TestClient();

    @AfterEach
    void close() {
        hot.close();
    }

    @Test
    void servesAManifestByTagAndByDigest() {
        Image image = hot.image("library/app", "1.0");

        HttpResponse<byte[]> byTag = client.get(hot.url() + image.path());
        HttpResponse<byte[]> byDigest = client.get(hot.url() + image.pathByDigest());

        assertEquals(200, byTag.statusCode());
        assertArrayEquals(image.manifest(), byTag.body());
        assertArrayEquals(image.manifest(), byDigest.body());
        assertEquals(image.digest().value(), header(byTag, "docker-content-digest"));
        assertEquals(MediaTypes.OCI_MANIFEST, header(byTag, "content-type"));
        assertEquals("registry/2.0", header(byTag, "docker-distribution-api-version"));
    }

    @Test
    void servesConfigAndLayersThatTheManifestNames() {
        Image image = hot.image("library/app", "1.0");

        assertEquals(3, image.blobs().size());
        for (Body blob : image.blobs()) {
            byte[] served = client.get(hot.url() + image.path(blob)).body();
            assertEquals(blob.digest(), Digest.ofSha256(served));
            assertTrue(new String(image.manifest()).contains(blob.digest().value()));
        }
    }

    @Test
    void answersHeadWithTheLengthAndNoBody() {
        Image image = hot.image("library/app", "1.0");

        for (String path : List.of(image.path(), image.path(image.config()))) {
            HttpResponse<byte[]> get = client.get(hot.url() + path);
            HttpResponse<byte[]> head = client.send("HEAD", hot.url() + path);
            assertEquals(0, head.body().length);
            assertEquals(Integer.toString(get.body().length), header(head, "content-length"));
            assertEquals(get.headers(), head.headers());
        }
    }

    @Test
    void givesEachRegistryItsOwnBytesUnlessAnImageIsPutIntoBoth() {
        try (TestRegistry cold = TestRegistry.start("cold")) {
            Image image = hot.image("library/app", "1.0");
            assertNotEquals(image.digest(), cold.image("library/app", "1.0").digest());
            cold.put(image);
            assertArrayEquals(image.manifest(), client.get(cold.url() + image.path()).body());
            assertEquals(200, client.get(cold.url() + image.path(image.layers().get(1))).statusCode());
        }
    }

    @Test
    void servesAnIndexAndItsChildrenByDigest() {
        Image arm = hot.image("library/app", "arm");
        Image index = hot.index("library/app", "1.0", arm, Image.of("hot", "library/app", "amd", 1));

        HttpResponse<byte[]> served = client.get(hot.url() + index.path());

        assertEquals(MediaTypes.OCI_INDEX, header(served, "content-type"));
        for (Image child : index.children()) {
            assertTrue(new String(served.body()).contains(child.digest().value()));
            assertEquals(200, client.get(hot.url() + child.pathByDigest()).statusCode());
        }
    }

    @Test
    void storesAnythingUnderAnyReference() {
        String sha512 = "sha512:" + "a".repeat(128);
        hot.manifest("library/app", sha512, MediaTypes.DOCKER_MANIFEST, new byte[] {1, 2});
        Image big = hot.put(Image.ofManifestSize("library/app", "big", 5_000_000));
        hot.image("library/app", "gone");
        hot.remove("library/app", "gone");

        assertArrayEquals(new byte[] {1, 2}, client.get(hot.url() + "/v2/library/app/manifests/" + sha512).body());
        assertEquals(5_000_000, client.get(hot.url() + big.path()).body().length);
        assertEquals(404, client.get(hot.url() + "/v2/library/app/manifests/gone").statusCode());
    }

    @Test
    void servesBlobsLargerThanItsMemoryWouldLike() {
        Body large = Body.ofSize(3_000_000, 7);
        Digest digest = hot.blob("library/app", large);

        assertTrue(digest.matches(client.get(hot.url() + "/v2/library/app/blobs/" + digest).body()));
        assertTrue(hot.bytesSent() > 3_000_000);
    }

    @Test
    void honoursRanges() {
        Digest digest = hot.blob("library/app", "0123456789".getBytes());
        String url = hot.url() + "/v2/library/app/blobs/" + digest;

        assertEquals("206 bytes 2-4/10 234", range(url, "bytes=2-4"));
        assertEquals("206 bytes 7-9/10 789", range(url, "bytes=7-"));
        assertEquals("206 bytes 8-9/10 89", range(url, "bytes=-2"));
        assertEquals("206 bytes 8-9/10 89", range(url, "bytes=8-100"));
        assertEquals("416 bytes */10 ", range(url, "bytes=10-"));
        assertEquals("200 null 0123456789", range(url, "bytes=0-1,3-4"));
    }

    private String range(String url, String range) {
        HttpResponse<byte[]> response = client.send("GET", url, "Range", range);
        return response.statusCode() + " " + header(response, "content-range") + " " + new String(response.body());
    }

    @Test
    void tellsMissingThingsAsItsKindOfRegistryDoes() {
        hot.image("library/app", "1.0");
        for (int status : new int[] {404, 401, 403}) {
            hot.missing(status);
            for (String path : List.of("other/manifests/1.0", "library/app/manifests/2.0", "other/tags/list",
                    "library/app/blobs/sha256:" + "0".repeat(64))) {
                assertEquals(status, client.get(hot.url() + "/v2/" + path).statusCode(), path);
            }
        }
    }

    @Test
    void refusesMethodsThatChangeThings() {
        Image image = hot.image("library/app", "1.0");
        assertEquals(405, client.send("DELETE", hot.url() + image.path()).statusCode());
    }

    @Test
    void listsTagsInPagesLinkedByPath() {
        for (String tag : List.of("b", "a", "d", "c", "e")) {
            hot.image("library/app", tag);
        }
        String url = hot.url() + "/v2/library/app/tags/list";

        assertEquals("{\"name\":\"library/app\",\"tags\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", text(client.get(url)));
        HttpResponse<byte[]> page = client.get(url + "?n=2&last=a");
        assertEquals("{\"name\":\"library/app\",\"tags\":[\"b\",\"c\"]}", text(page));
        assertEquals("</v2/library/app/tags/list?n=2&last=c>; rel=\"next\"", header(page, "link"));
        assertNull(header(client.get(url + "?n=2&last=c"), "link"));
    }

    @Test
    void capsPagesAndLinksAbsolutelyWhenTold() {
        hot.pageSize(1).absoluteLinks().image("library/app", "a");
        hot.image("library/app", "b");

        HttpResponse<byte[]> page = client.get(hot.url() + "/v2/library/app/tags/list?n=10");

        assertTrue(text(page).endsWith("[\"a\"]}"));
        assertEquals("<" + hot.url() + "/v2/library/app/tags/list?n=1&last=a>; rel=\"next\"", header(page, "link"));
    }

    @Test
    void listsReferrersFilteredAndInPages() {
        Image image = hot.image("library/app", "1.0");
        Image signature = hot.referrer("library/app", image, "example/signature");
        Image report = hot.referrer("library/app", image, "example/report");
        String url = hot.url() + "/v2/library/app/referrers/" + image.digest();

        assertTrue(text(client.get(url)).contains(signature.digest().value()));
        HttpResponse<byte[]> filtered = client.get(url + "?artifactType=example/report");
        assertFalse(text(filtered).contains(signature.digest().value()));
        assertTrue(text(filtered).contains(report.digest().value()));
        assertEquals("artifactType", header(filtered, "oci-filters-applied"));
        assertEquals(MediaTypes.OCI_INDEX, header(filtered, "content-type"));

        hot.ignoreArtifactType().pageSize(1);
        HttpResponse<byte[]> page = client.get(url + "?artifactType=example/report");
        assertTrue(text(page).contains(signature.digest().value()));
        assertNull(header(page, "oci-filters-applied"));
        assertEquals("</v2/library/app/referrers/" + image.digest() + "?from=1&artifactType=example/report>; rel=\"next\"",
                header(page, "link"));
    }

    @Test
    void answersNoReferrersWithAnEmptyIndex() {
        Image image = hot.image("library/app", "1.0");
        assertTrue(text(client.get(hot.url() + "/v2/library/app/referrers/" + image.digest())).contains("\"manifests\":[]"));
    }

    @Test
    void keepsReferrersUnderATagWithoutTheApi() {
        Image image = hot.noReferrersApi().image("library/app", "1.0");
        Image signature = hot.referrer("library/app", image, "example/signature");

        HttpResponse<byte[]> api = client.get(hot.url() + "/v2/library/app/referrers/" + image.digest());
        HttpResponse<byte[]> tag = client.get(hot.url() + "/v2/library/app/manifests/sha256-" + image.digest().hex());

        assertEquals(404, api.statusCode());
        assertTrue(text(tag).contains(signature.digest().value()));
    }

    @Test
    void hasManifestsOnlyForThoseWhoAcceptThemWhenStrict() {
        Image image = hot.strictAccept().image("library/app", "1.0");
        String url = hot.url() + image.path();

        assertEquals(404, client.send("GET", url, "Accept", "text/html").statusCode());
        assertEquals(200, client.send("GET", url, "Accept", "text/html, " + MediaTypes.OCI_MANIFEST).statusCode());
    }

    @Test
    void servesBelowAPath() {
        Image image = hot.under("/proxy/hub").image("library/app", "1.0");
        assertTrue(hot.url().endsWith("/proxy/hub"));
        assertEquals(200, client.get(hot.url() + image.path()).statusCode());
        assertEquals(404, client.get("http://" + hot.host() + image.path()).statusCode());
    }

    @Test
    void recordsCallsAndForgetsThem() {
        Image image = hot.image("library/app", "1.0");
        client.send("GET", hot.url() + image.path() + "?ns=docker.io&x=a%20b", "X-One", "1", "X-One", "2");
        client.send("HEAD", hot.url() + image.path(image.config()));

        Call call = hot.calls("GET", "/v2/library/app/manifests/1.0").get(0);
        assertEquals(2, hot.calls().size());
        assertEquals(List.of("1", "2"), call.headers("x-one"));
        assertEquals("a b", call.parameter("x"));
        assertEquals("ns=docker.io&x=a%20b", call.query());
        assertEquals("library/app", call.name());
        assertEquals("1.0", call.reference());
        assertEquals(1, hot.calls("HEAD", Kind.BLOB).size());
        hot.forget();
        assertEquals(List.of(), hot.calls());
    }

    @Test
    void keepsConnectionsAlive() {
        Image image = hot.image("library/app", "1.0");
        for (int i = 0; i < 10; i++) {
            client.get(hot.url() + image.path());
        }
        assertEquals(1, hot.accepted());
    }

    @Test
    void asksForTheAccountWhenBasicIsRequired() {
        Image image = hot.requireBasic("me", "secret").image("library/app", "1.0");
        String url = hot.url() + image.path();

        HttpResponse<byte[]> refused = client.get(url);
        assertEquals(401, refused.statusCode());
        assertEquals("Basic realm=\"test registry\"", header(refused, "www-authenticate"));
        assertEquals(401, client.send("GET", url, "Authorization", Access.credentials("me", "wrong")).statusCode());
        assertEquals(200, client.send("GET", url, "Authorization", Access.credentials("me", "secret")).statusCode());
        assertEquals(401, client.get(hot.url() + "/v2/").statusCode());
    }

    @Test
    void speaksTls() {
        try (TestRegistry secure = TestRegistry.startTls("hot")) {
            Image image = secure.image("library/app", "1.0");
            assertTrue(secure.url().startsWith("https://127.0.0.1:"));
            assertEquals(200, client.get(secure.url() + image.path()).statusCode());
            secure.calledAs("localhost");
            assertEquals(200, client.get(secure.url() + image.path()).statusCode());
        }
    }

    static String header(HttpResponse<?> response, String name) {
        return response.headers().firstValue(name).orElse(null);
    }

    static String text(HttpResponse<byte[]> response) {
        return new String(response.body());
    }
}
