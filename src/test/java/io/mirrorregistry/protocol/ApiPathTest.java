package io.mirrorregistry.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Locale;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ApiPathTest {

    private static final String HEX = "0123456789abcdef".repeat(4);

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = {
        "/v2, API_VERSION, -, -", "/v2/, API_VERSION, -, -",
        "/v2/a/manifests/latest, MANIFEST, a, latest",
        "/v2/library/alpine/manifests/3.20, MANIFEST, library/alpine, 3.20",
        "/v2/manifests/manifests/manifests, MANIFEST, manifests, manifests",
        "/v2/a/manifests/manifests/x, MANIFEST, a/manifests, x",
        "/v2/blobs/tags/list, TAGS, blobs, -", "/v2/tags/list/tags/list, TAGS, tags/list, -",
        "/v2/a/manifests/list, MANIFEST, a, list",
        "/v2/a/blobs/uploads, UPLOAD, a, -", "/v2/a/blobs/uploads/, UPLOAD, a, -", "/v2/a/blobs/uploads/x, UPLOAD, a, -",
        "/v2/a/b/blobs/uploads/A_b-9, UPLOAD, a/b, -", "/v2/a/blobs/uploads/uploads, UPLOAD, a, -",
        "/v2/blobs/uploads/blobs/uploads/, UPLOAD, blobs/uploads, -", "/v2/blobs/uploads/blobs/uploads, UPLOAD, blobs/uploads, -",
        "/v2/a/blobs/uploads/blobs/uploads/x, UPLOAD, a/blobs/uploads, -",
        "/v2/a/blobs/uploads/manifests/x, MANIFEST, a/blobs/uploads, x", "/v2/a/blobs/uploads/tags/list, TAGS, a/blobs/uploads, -",
        "/v2/a/manifests/uploads, MANIFEST, a, uploads", "/v2/blobs/manifests/uploads, MANIFEST, blobs, uploads"})
    void readsEveryPathOfTheApi(String path, ApiPath.Kind kind, String repository, String reference) throws Exception {
        ApiPath read = ApiPath.parse(path);
        assertEquals(kind, read.kind());
        assertEquals(repository, read.repository() == null ? null : read.repository().value());
        assertEquals(reference, read.reference() == null ? null : read.reference().value());
    }

    @ParameterizedTest
    @ValueSource(strings = {"manifests", "blobs", "referrers"})
    void readsDigestsAlsoWithTheirColonEncoded(String kind) throws Exception {
        for (String colon : new String[] {":", "%3A", "%3a"}) {
            ApiPath read = ApiPath.parse("/v2/a/b/" + kind + "/sha256" + colon + HEX);
            assertEquals("sha256:" + HEX, read.reference().value());
            assertEquals("/v2/a/b/" + kind + "/sha256:" + HEX, read.toString());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "/v2/A/manifests/latest, NAME_INVALID", "/v2/a/../b/manifests/latest, NAME_INVALID", "/v2//manifests/latest, NAME_INVALID",
        "/v2/manifests/latest, NAME_INVALID", "/v2/a%2Fb/manifests/latest, NAME_INVALID", "/v2/{{x}}/manifests/latest, NAME_INVALID",
        "/v2/${x}/tags/list, NAME_INVALID", "/v2/a//b/tags/list, NAME_INVALID", "/v2/tags/list, NAME_INVALID",
        "/v2/a/manifests/.hidden, MANIFEST_INVALID", "/v2/a/manifests/, MANIFEST_INVALID", "/v2/a/manifests/%2e%2e, MANIFEST_INVALID",
        "/v2/a/manifests/sha256:abc, DIGEST_INVALID", "/v2/a/manifests/md5:abc, DIGEST_INVALID", "/v2/a/blobs/latest, DIGEST_INVALID",
        "/v2/a/referrers/latest, DIGEST_INVALID", "/v2/a/blobs/, DIGEST_INVALID",
        "/v2/_catalog, NOT_FOUND", "/v2/a/uploads/, NOT_FOUND", "/v2/a/uploads/x, NOT_FOUND", "/v2/uploads/x, NOT_FOUND",
        "/v2/a/blobs/uploads/x/, NOT_FOUND", "/v2/a/blobs/uploads/x/y, NOT_FOUND", "/v2/a/blobs/uploads//, NOT_FOUND",
        "/v2/blobs/uploads/, NAME_INVALID", "/v2/blobs/uploads, NAME_INVALID", "/v2/blobs/uploads/x, NAME_INVALID", "/v2/A/blobs/uploads/x, NAME_INVALID",
        "/v2//blobs/uploads/x, NAME_INVALID", "/v2/a/blobs/Uploads/x, NOT_FOUND", "/v2/a/blobs/uploads%2Fx, DIGEST_INVALID", "/v2x, NOT_FOUND", "/v1/a, NOT_FOUND", "/, NOT_FOUND",
        "/v2/a, NOT_FOUND", "/v2/a/b/c, NOT_FOUND", "'', NOT_FOUND"})
    void refusesEverythingElse(String path, ErrorCode code) {
        assertEquals(code, assertThrows(ProtocolException.class, () -> ApiPath.parse(path)).code());
    }

    @Property
    void readsNothingThatItWouldNotWrite(@ForAll("nearMisses") String path) {
        try {
            ApiPath read = ApiPath.parse(path);
            if (read.kind() == ApiPath.Kind.UPLOAD) {
                // Which upload it is, is a secret.
                assertTrue((path + "/").startsWith(read.toString()), path);
            } else if (read.kind() != ApiPath.Kind.API_VERSION) {
                assertEquals(path.toLowerCase(Locale.ROOT).replace("%3a", ":"), read.toString().toLowerCase(Locale.ROOT));
            }
        } catch (ProtocolException e) {
            assertEquals(4, e.code().status() / 100);
        }
    }

    @Provide
    Arbitrary<String> nearMisses() {
        return Arbitraries.of("/v2", "/", "a", "b", "-", "_", ".", "..", "%3A", "%2F", "manifests", "blobs", "tags/list",
                "referrers", "uploads", "blobs/uploads", "sha256:", HEX, "A", "{{", "\u0000").list().ofMaxSize(9).map(parts -> String.join("", parts));
    }
}
