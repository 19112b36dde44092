package io.mirrorregistry.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.PushSettings;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.protocol.PushRequest.Method;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.push.UploadSessions;
import io.mirrorregistry.registry.PushBody;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.io.OutputStream;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PushReaderTest {

    private static final Digest DIGEST = new Digest("sha256:" + "a".repeat(64));
    private static final String UPLOADS = "/v2/team/app/blobs/uploads/";
    private static final PushBody BODY = new PushBody() {
        @Override
        public long length() {
            return 1;
        }

        @Override
        public long written() {
            return 0;
        }

        @Override
        public void writeTo(OutputStream out) {
        }
    };

    private boolean deletes = true;

    private static HttpServerRequest request(String method, String uri, String... headers) {
        MultiMap lines = MultiMap.caseInsensitiveMultiMap();
        for (int i = 0; i < headers.length; i += 2) {
            lines.add(headers[i], headers[i + 1]);
        }
        MultiMap parameters = MultiMap.caseInsensitiveMultiMap();
        new QueryStringDecoder(uri).parameters().forEach(parameters::add);
        return (HttpServerRequest) Proxy.newProxyInstance(PushReaderTest.class.getClassLoader(), new Class<?>[] {HttpServerRequest.class}, (self, called, arguments) ->
                switch (called.getName()) {
                    case "method" -> HttpMethod.valueOf(method);
                    case "path" -> uri.replaceFirst("\\?.*", "");
                    case "params" -> parameters;
                    case "headers" -> lines;
                    case "getHeader" -> lines.get(arguments[0].toString());
                    default -> throw new AssertionError(called.getName());
                });
    }

    private Pull read(boolean on, String method, String uri, String... headers) throws ProtocolException {
        HttpServerRequest request = request(method, uri, headers);
        Pull pull = new Pull(request, null, null, false, null);
        pull.request(new ApiRequest(pull.head(), ApiPath.parse(request.path()), null, null, ApiRequest.Page.ALL, null));
        PushSettings settings = new PushSettings("cold", deletes, 1, Duration.ofMinutes(10), 0);
        new PushReader(on ? settings : null, on ? new UploadSessions("a secret of the tests", 4096) : null, sent -> BODY).read(pull, request);
        return pull;
    }

    private Pull read(String method, String uri, String... headers) throws ProtocolException {
        return read(true, method, uri, headers);
    }

    private ProtocolException refuses(ErrorCode code, String method, String uri, String... headers) {
        ProtocolException refused = assertThrows(ProtocolException.class, () -> read(method, uri, headers), method + " " + uri);
        assertEquals(code, refused.code(), refused.getMessage());
        return refused;
    }

    @ParameterizedTest
    @CsvSource({"GET, /v2/a/manifests/1", "HEAD, /v2/a/manifests/1", "GET, /v2/a/tags/list", "HEAD, /v2/", "GET, /v2/uploads/manifests/uploads"})
    void whatIsPulledIsNoPush(String method, String path) throws Exception {
        assertNull(read(method, path).push());
        assertNull(read(false, method, path).push());
        assertNull(read(method, path).body());
    }

    @Test
    void whereNobodyMayPushThereAreNoUploads() {
        for (String path : List.of(UPLOADS, UPLOADS + "x", "/v2/team/app/blobs/uploads")) {
            ProtocolException refused = assertThrows(ProtocolException.class, () -> read(false, "GET", path));
            assertEquals(ErrorCode.NOT_FOUND, refused.code());
            assertFalse(refused.detail().contains("x"), refused.detail());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v2/team/app/blobs/uploads", UPLOADS, UPLOADS + "?"})
    void aPostBeginsAnUpload(String uri) throws Exception {
        Pull pull = read("POST", uri);
        assertEquals(new PushRequest(Method.POST, pull.request().path(), null, null, null, null, List.of(), null, null, 0), pull.push());
        assertNull(pull.body());
        assertNull(pull.upload());
        assertFalse(pull.push().isStreamed());
    }

    @Test
    void aPostMayBringTheBlob() throws Exception {
        Pull pull = read("POST", UPLOADS + "?digest=sha256%3A" + DIGEST.hex(), "Content-Length", "5", "Content-Type", "application/octet-stream");
        assertEquals(DIGEST, pull.push().digest());
        assertEquals(5, pull.push().length());
        assertNotNull(pull.body());
        assertTrue(pull.push().isStreamed());
    }

    @Test
    void aPostMayMountABlob() throws Exception {
        PushRequest push = read("POST", UPLOADS + "?mount=" + DIGEST + "&from=team%2Fother").push();
        assertEquals(DIGEST, push.mount());
        assertEquals(new RepositoryName("team/other"), push.from());
        assertNull(read("POST", UPLOADS + "?mount=" + DIGEST).push().from());
        // containerd and buildkit sort the query.
        assertEquals(push, read("POST", UPLOADS + "?from=team/other&mount=" + DIGEST).push());
    }

    @ParameterizedTest
    @CsvSource({"POST, ?digest=x, DIGEST_INVALID", "POST, ?digest=sha256:abc, DIGEST_INVALID", "POST, ?mount=x, DIGEST_INVALID", "POST, ?digest={}&digest={}, DIGEST_INVALID",
        "POST, ?mount={}&mount={}, DIGEST_INVALID", "POST, ?mount={}&from=A, NAME_INVALID", "POST, ?mount={}&from=../a, NAME_INVALID", "POST, ?mount={}&from=a&from=b, NAME_INVALID",
        "PUT, x, DIGEST_INVALID", "PUT, x?digest=, DIGEST_INVALID", "PUT, x?digest=x, DIGEST_INVALID", "PUT, x?digest={}, BLOB_UPLOAD_UNKNOWN", "PATCH, x, BLOB_UPLOAD_UNKNOWN",
        "PATCH, uploads, BLOB_UPLOAD_UNKNOWN", "GET, x, BLOB_UPLOAD_UNKNOWN", "DELETE, x, BLOB_UPLOAD_UNKNOWN", "GET, '', UNSUPPORTED", "PUT, '', UNSUPPORTED",
        "POST, x, UNSUPPORTED", "POST, uploads, UNSUPPORTED", "HEAD, x, UNSUPPORTED", "PUT, ?digest={}, UNSUPPORTED"})
    void refusesWhatIsNoUpload(String method, String rest, ErrorCode code) {
        refuses(code, method, UPLOADS + rest.replace("{}", DIGEST.value()), "Content-Length", "5");
    }

    @Test
    void readsWhichBytesAChunkHas() {
        for (String[] headers : new String[][] {{"Content-Range", "x"}, {"Content-Range", "5-4"}, {"Content-Range", "0-4", "Content-Range", "5-9"}}) {
            refuses(ErrorCode.BLOB_UPLOAD_INVALID, "PATCH", UPLOADS + "x", headers);
        }
        // The upload is looked at last.
        refuses(ErrorCode.BLOB_UPLOAD_UNKNOWN, "PATCH", UPLOADS + "x", "Content-Range", "0-4");
    }

    @Test
    void readsAManifest() throws Exception {
        Pull pull = read("PUT", "/v2/team/app/manifests/1.0", "Transfer-Encoding", "chunked", "Content-Type", " application/json ");
        assertEquals(new PushRequest(Method.PUT, pull.request().path(), null, null, null, null, List.of(), "application/json", null, -1), pull.push());
        assertNotNull(pull.body());
        assertFalse(pull.push().isStreamed());
        assertNull(read("PUT", "/v2/team/app/manifests/1.0", "Content-Type", " ").push().contentType());
    }

    @Test
    void readsTheTagsOfAManifest() throws Exception {
        String path = "/v2/team/app/manifests/" + DIGEST;
        assertEquals(List.of(new Tag("a"), new Tag("b")), read("PUT", path + "?tag=a&tag=b&tag=a").push().tags());
        assertEquals(List.of(new Tag("b")), read("PUT", "/v2/team/app/manifests/a?tag=a&tag=b").push().tags());
        for (String tag : List.of("", ".a", "a:b", DIGEST.value(), "a%2Fb", "v".repeat(129))) {
            refuses(ErrorCode.MANIFEST_INVALID, "PUT", path + "?tag=" + tag);
        }
        StringBuilder query = new StringBuilder("?tag=t0");
        for (int i = 1; i < 100; i++) {
            query.append("&tag=t").append(i);
        }
        assertEquals(100, read("PUT", path + query).push().tags().size());
        refuses(ErrorCode.MANIFEST_INVALID, "PUT", path + query + "&tag=more");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a\u0000b", "a\nb", "ä"})
    void refusesWhatIsNoMediaType(String type) {
        refuses(ErrorCode.MANIFEST_INVALID, "PUT", "/v2/team/app/manifests/1.0", "Content-Type", type);
    }

    @Test
    void refusesMediaTypesThatAreTooLongOrThereTwice() {
        refuses(ErrorCode.MANIFEST_INVALID, "PUT", "/v2/team/app/manifests/1.0", "Content-Type", "x".repeat(256));
        assertThrows(ProtocolException.class, () -> read("PUT", "/v2/team/app/manifests/1.0", "Content-Type", "a", "Content-Type", "b"));
    }

    @ParameterizedTest
    @CsvSource({"/v2/team/app/manifests/1, true, 'GET, HEAD, PUT, DELETE'", "/v2/team/app/manifests/1, false, 'GET, HEAD, PUT'",
        "/v2/team/app/blobs/{}, true, 'GET, HEAD, DELETE'", "/v2/team/app/blobs/{}, false, 'GET, HEAD'", "/v2/team/app/blobs/uploads/, false, POST",
        "/v2/team/app/blobs/uploads/x, false, 'GET, PATCH, PUT, DELETE'", "/v2/team/app/tags/list, true, 'GET, HEAD'", "/v2/team/app/referrers/{}, true, 'GET, HEAD'",
        "/v2/, true, 'GET, HEAD'"})
    void saysWhichMethodsAreServed(String path, boolean mayDelete, String methods) throws Exception {
        deletes = mayDelete;
        for (String method : List.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND")) {
            HttpServerRequest request = request(method, path.replace("{}", DIGEST.value()));
            Pull pull = new Pull(request, null, null, false, null);
            pull.request(new ApiRequest(pull.head(), ApiPath.parse(request.path()), null, null, ApiRequest.Page.ALL, null));
            PushReader reader = new PushReader(new PushSettings("cold", deletes, 1, Duration.ofMinutes(10), 0), new UploadSessions(null, 4096), sent -> BODY);
            ErrorCode code = null;
            try {
                reader.read(pull, request);
            } catch (ProtocolException e) {
                code = e.code();
            }
            assertEquals(!List.of(methods.split(", ")).contains(method), code == ErrorCode.UNSUPPORTED, method);
            assertTrue(code != ErrorCode.UNSUPPORTED || pull.allow().equals(methods), pull.allow());
        }
    }
}
