package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import at.favre.lib.crypto.bcrypt.BCrypt;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.SizeLimits;
import io.mirrorregistry.testing.PushRegistry;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pushes through the mirror, as clients see them and as they arrive at the registry. */
class PushTest {

    private static final String SECRET = "a secret of the tests";
    private static final String ALICE = basic("alice", "alice's password");
    private static final String BOB = basic("bob", "bob's password");
    private static final byte[] LAYER = PushRegistry.bytes(300_000, 1);
    private static final String DIGEST = Digest.ofSha256(LAYER).value();
    private static final String TYPE = "application/vnd.oci.image.manifest.v1+json";

    private final PushRegistry target = PushRegistry.start();
    private final TestRegistry hot = TestRegistry.start("hot");
    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final List<TestMirror> mirrors = new ArrayList<>();
    private TestMirror mirror;

    @TempDir
    private Path folder;

    @BeforeEach
    void write() throws IOException {
        Files.writeString(folder.resolve("access.yaml"), """
                users: users.htpasswd
                rules:
                  - {who: "user:alice", repositories: "**", may: [pull, push, delete]}
                  - {who: "user:bob", repositories: "bob/**", may: [pull, push]}
                  - {who: anyone, repositories: "public/**", may: [pull]}
                  - {who: anyone, repositories: "drop/**", may: [pull, push]}
                """);
        Files.writeString(folder.resolve("users.htpasswd"), "alice:" + hash("alice's password") + "\nbob:" + hash("bob's password") + "\n");
    }

    private static String hash(String password) {
        return BCrypt.with(BCrypt.Version.VERSION_2Y).hashToString(4, password.toCharArray());
    }

    private static String basic(String user, String password) {
        return "Basic " + Base64.getEncoder().encodeToString((user + ":" + password).getBytes(StandardCharsets.UTF_8));
    }

    private TestMirror start(String... more) {
        List<String> all = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", target.url(), "MIRROR_ACCESS_FILE", folder.resolve("access.yaml").toString(), "MIRROR_SECRET", SECRET,
                "MIRROR_PUSH_REGISTRY", "cold", "MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_TAG_TTL", "1h", "MIRROR_CACHE_BLOB_TTL", "1h", "MIRROR_CACHE_MISS_TTL", "1h"));
        all.addAll(List.of(more));
        mirror = TestMirror.start(all.toArray(String[]::new));
        mirrors.add(mirror);
        return mirror;
    }

    @AfterEach
    void stop() {
        mirrors.forEach(TestMirror::close);
        target.close();
        hot.close();
    }

    private HttpResponse<String> send(String method, String path, byte[] body, String... headers) {
        return send(mirror, method, path, body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofByteArray(body), headers);
    }

    private HttpResponse<String> send(TestMirror to, String method, String path, HttpRequest.BodyPublisher body, String... headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(to.url() + path)).method(method, body);
        boolean authorized = List.of(headers).contains("Authorization");
        if (!authorized) {
            request.header("Authorization", ALICE);
        }
        for (int i = 0; i < headers.length; i += 2) {
            if (!headers[i + 1].isEmpty()) {
                request.header(headers[i], headers[i + 1]);
            }
        }
        try {
            return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(method + " " + path, e);
        }
    }

    private static String location(HttpResponse<?> response) {
        String location = response.headers().firstValue("Location").orElse("");
        assertTrue(location.startsWith("/v2/"), () -> response + " " + response.headers().map() + " " + response.body());
        return location;
    }

    private static void assertStatus(int status, HttpResponse<String> response) {
        assertEquals(status, response.statusCode(), () -> response.headers().map() + " " + response.body());
    }

    private static void assertRefused(int status, String code, HttpResponse<String> response) {
        assertStatus(status, response);
        assertEquals(code, new JsonObject(response.body()).getJsonArray("errors").getJsonObject(0).getString("code"), response::body);
        assertEquals("registry/2.0", response.headers().firstValue("Docker-Distribution-Api-Version").orElse(null));
    }

    private String begin(String repository, String... headers) {
        HttpResponse<String> begun = send("POST", "/v2/" + repository + "/blobs/uploads/", null, headers);
        assertStatus(202, begun);
        assertEquals("0-0", begun.headers().firstValue("Range").orElse(null));
        assertNotNull(begun.headers().firstValue("Docker-Upload-UUID").orElse(null));
        return location(begun);
    }

    private static byte[] image(String... layers) {
        JsonArray list = new JsonArray();
        for (String layer : layers) {
            list.add(new JsonObject().put("mediaType", "application/vnd.oci.image.layer.v1.tar").put("digest", layer).put("size", LAYER.length));
        }
        return new JsonObject().put("schemaVersion", 2).put("mediaType", TYPE).put("layers", list).toBuffer().getBytes();
    }

    // Blobs

    @Test
    void anUploadInOneChunkThatIsStreamed() {
        start();
        String location = begin("team/app");
        HttpResponse<String> patched = send(mirror, "PATCH", location, HttpRequest.BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(LAYER)));
        assertStatus(202, patched);
        assertEquals("0-" + (LAYER.length - 1), patched.headers().firstValue("Range").orElse(null));
        assertNotEquals(location, location(patched));
        HttpResponse<String> put = send("PUT", location(patched) + "?digest=" + DIGEST, null);
        assertStatus(201, put);
        assertEquals("/v2/team/app/blobs/" + DIGEST, location(put));
        assertEquals(DIGEST, put.headers().firstValue("Docker-Content-Digest").orElse(null));
        assertArrayEquals(LAYER, target.blob("team/app", DIGEST));
        PushRegistry.Call patch = target.calls().stream().filter(call -> call.method().equals("PATCH")).findFirst().orElseThrow();
        assertEquals("chunked", patch.header("Transfer-encoding"));
        assertTrue(patch.target().contains("_state="), patch.target());
        assertNull(patch.header("Authorization"));
    }

    @Test
    void anUploadInTheRequestThatEndsIt() {
        start();
        HttpResponse<String> put = send("PUT", begin("team/app") + "?digest=" + DIGEST.replace(":", "%3A"), LAYER);
        assertStatus(201, put);
        assertArrayEquals(LAYER, target.blob("team/app", DIGEST));
        assertEquals(String.valueOf(LAYER.length), target.calls().get(1).header("Content-length"));
    }

    @Test
    void anUploadInOneRequest() {
        start();
        assertStatus(201, send("POST", "/v2/team/app/blobs/uploads/?digest=" + DIGEST, LAYER));
        assertArrayEquals(LAYER, target.blob("team/app", DIGEST));
    }

    @Test
    void anEmptyBlob() {
        start();
        String empty = Digest.ofSha256(new byte[0]).value();
        String location = location(send("PATCH", begin("team/app"), new byte[0]));
        assertStatus(201, send("PUT", location + "?digest=" + empty, null));
        assertArrayEquals(new byte[0], target.blob("team/app", empty));
    }

    @Test
    void anUploadInChunksAtTwoMirrors() {
        TestMirror one = start();
        TestMirror other = start();
        String location = location(send(one, "POST", "/v2/team/app/blobs/uploads/", HttpRequest.BodyPublishers.noBody()));
        for (int from = 0; from < LAYER.length; from += 100_000) {
            HttpResponse<String> patched = send(from % 200_000 == 0 ? other : one, "PATCH", location, HttpRequest.BodyPublishers.ofByteArray(LAYER, from, 100_000), "Content-Range",
                    from + "-" + (from + 99_999));
            assertStatus(202, patched);
            HttpResponse<String> status = send(one, "GET", location(patched), HttpRequest.BodyPublishers.noBody());
            assertStatus(204, status);
            assertEquals("0-" + (from + 99_999), status.headers().firstValue("Range").orElse(null));
            location = location(status);
        }
        assertStatus(201, send(other, "PUT", location + "?digest=" + DIGEST, HttpRequest.BodyPublishers.noBody()));
        assertArrayEquals(LAYER, target.blob("team/app", DIGEST));
    }

    @Test
    void aChunkOutOfOrderIsRefusedBeforeItIsSent() {
        start();
        String location = location(send("PATCH", begin("team/app"), "0123456789".getBytes(StandardCharsets.UTF_8), "Content-Range", "0-9"));
        target.forget();
        for (String range : List.of("0-9", "11-20", "5-14")) {
            HttpResponse<String> refused = send("PATCH", location, "0123456789".getBytes(StandardCharsets.UTF_8), "Content-Range", range);
            assertRefused(416, "RANGE_INVALID", refused);
            assertEquals("0-9", refused.headers().firstValue("Range").orElse(null));
            assertStatus(204, send("GET", location(refused), null));
        }
        assertRefused(400, "BLOB_UPLOAD_INVALID", send("PATCH", location, "0123456789".getBytes(StandardCharsets.UTF_8), "Content-Range", "10-30"));
        assertRefused(400, "BLOB_UPLOAD_INVALID", send("PATCH", location, "0123456789".getBytes(StandardCharsets.UTF_8), "Content-Range", "nonsense"));
        assertEquals(List.of(), target.asked().stream().filter(call -> call.startsWith("PATCH")).toList());
        assertStatus(202, send("PATCH", location, "0123456789".getBytes(StandardCharsets.UTF_8), "Content-Range", "10-19"));
    }

    @Test
    void anUploadIsCancelled() {
        start();
        String location = begin("team/app");
        assertStatus(204, send("DELETE", location, null));
        assertRefused(404, "BLOB_UPLOAD_UNKNOWN", send("PUT", location + "?digest=" + DIGEST, LAYER));
    }

    @Test
    void aDigestThatDoesNotMatchIsToldByTheRegistry() {
        start();
        HttpResponse<String> refused = send("PUT", begin("team/app") + "?digest=" + Digest.ofSha256(new byte[1]).value(), LAYER);
        assertRefused(400, "DIGEST_INVALID", refused);
        assertTrue(refused.body().contains("digest_invalid says the registry"), refused::body);
        assertRefused(400, "DIGEST_INVALID", send("PUT", begin("team/app"), LAYER));
        assertRefused(400, "DIGEST_INVALID", send("PUT", begin("team/app") + "?digest=sha256:12", LAYER));
    }

    // Sessions

    @Test
    void anUploadGoesOnWithoutCredentialsThatHaveEnded() {
        start();
        String location = begin("bob/app", "Authorization", BOB);
        assertStatus(202, send("PATCH", location, LAYER, "Authorization", ""));
        assertStatus(202, send("PATCH", location, LAYER, "Authorization", "Bearer " + token("bob/app", BOB) + "x"));
        assertRefused(401, "UNAUTHORIZED", send("PATCH", location, LAYER, "Authorization", basic("bob", "wrong")));
        assertRefused(404, "BLOB_UPLOAD_UNKNOWN", send("PATCH", location, LAYER, "Authorization", ALICE));
    }

    @Test
    void uploadsThatAreChangedOrOfOthersAreUnknown() {
        start();
        String location = begin("bob/app", "Authorization", BOB);
        String session = location.substring(location.lastIndexOf('/') + 1);
        TestMirror other = start("MIRROR_SECRET", "another secret of the tests");
        target.forget();
        char changed = session.charAt(40) == 'A' ? 'B' : 'A';
        for (String unknown : List.of(session.substring(0, 40) + changed + session.substring(41), session + "A", session.substring(1), "x", "..", "a".repeat(3000))) {
            assertEquals(404, send(mirrors.get(0), "PATCH", "/v2/bob/app/blobs/uploads/" + unknown, HttpRequest.BodyPublishers.ofByteArray(LAYER), "Authorization", "").statusCode());
        }
        assertRefused(404, "BLOB_UPLOAD_UNKNOWN", send(mirrors.get(0), "GET", "/v2/bob/other/blobs/uploads/" + session, HttpRequest.BodyPublishers.noBody(), "Authorization", ""));
        assertRefused(404, "BLOB_UPLOAD_UNKNOWN", send(other, "GET", location, HttpRequest.BodyPublishers.noBody(), "Authorization", ""));
        assertEquals(List.of(), target.calls());
    }

    private String token(String repository, String authorization) {
        HttpResponse<String> response = send("GET", "/token?service=mirror-registry&scope=repository:" + repository + ":pull,push", null, "Authorization", authorization);
        return new JsonObject(response.body()).getString("token");
    }

    // Manifests

    @Test
    void aManifestThatIsPulledAtOnce() {
        start();
        String missing = "/v2/team/app/manifests/1.0";
        assertStatus(404, send("GET", missing, null));
        target.addBlob("team/app", LAYER);
        byte[] first = image(DIGEST);
        HttpResponse<String> put = send("PUT", missing, first, "Content-Type", TYPE);
        assertStatus(201, put);
        assertEquals("/v2/team/app/manifests/" + Digest.ofSha256(first), location(put));
        assertEquals(new String(first, StandardCharsets.UTF_8), send("GET", missing, null).body());
        byte[] second = image(DIGEST, DIGEST);
        assertStatus(201, send("PUT", missing, second, "Content-Type", TYPE));
        assertEquals(new String(second, StandardCharsets.UTF_8), send("GET", missing, null).body());
        assertEquals(TYPE, target.calls().stream().filter(call -> call.method().equals("PUT")).findFirst().orElseThrow().header("Content-type"));
    }

    @Test
    void aManifestWithTags() {
        start();
        byte[] bytes = image();
        String digest = Digest.ofSha256(bytes).value();
        assertStatus(201, send("PUT", "/v2/team/app/manifests/" + digest + "?tag=1.0&tag=latest", bytes, "Content-Type", TYPE));
        assertTrue(target.calls().get(0).target().endsWith("?tag=1.0&tag=latest"), () -> target.calls().toString());
        assertRefused(400, "MANIFEST_INVALID", send("PUT", "/v2/team/app/manifests/" + digest + "?tag=-x", bytes, "Content-Type", TYPE));
    }

    @Test
    void manifestsThatAreNotSentOn() {
        start();
        byte[] bytes = image();
        String path = "/v2/team/app/manifests/";
        assertRefused(400, "DIGEST_INVALID", send("PUT", path + DIGEST, bytes, "Content-Type", TYPE));
        for (String nonsense : List.of("", "nonsense", "[]", "{", "{} {}", "{\"a\":}")) {
            assertRefused(400, "MANIFEST_INVALID", send("PUT", path + "1.0", nonsense.getBytes(StandardCharsets.UTF_8), "Content-Type", TYPE));
        }
        assertRefused(413, "SIZE_INVALID", send("PUT", path + "1.0", new byte[SizeLimits.MANIFEST_BYTES + 1], "Content-Type", TYPE));
        assertRefused(413, "SIZE_INVALID", send(mirror, "PUT", path + "1.0", HttpRequest.BodyPublishers.ofInputStream(() ->
                new ByteArrayInputStream(new byte[SizeLimits.MANIFEST_BYTES + 1])), "Content-Type", TYPE));
        assertRefused(400, "MANIFEST_INVALID", send("PUT", path + ".x", bytes, "Content-Type", TYPE));
        assertRefused(400, "NAME_INVALID", send("PUT", "/v2/Team/app/manifests/1.0", bytes, "Content-Type", TYPE));
        assertEquals(List.of(), target.calls());
    }

    @Test
    void whatTheRegistryDislikesIsTold() {
        start();
        assertRefused(400, "MANIFEST_BLOB_UNKNOWN", send("PUT", "/v2/team/app/manifests/1.0", image(Digest.ofSha256(new byte[3]).value()), "Content-Type", TYPE));
        target.next("PUT", 400, Map.of("Content-Type", "application/json", "WWW-Authenticate", "Basic"),
                "{\"errors\":[{\"code\":\"MANIFEST_INVALID\",\"message\":\"unknown manifest class for x\",\"detail\":{\"a\":1}}]}");
        HttpResponse<String> refused = send("PUT", "/v2/team/app/manifests/1.0", image(), "Content-Type", TYPE);
        assertRefused(400, "MANIFEST_INVALID", refused);
        assertTrue(refused.body().contains("unknown manifest class for x"), refused::body);
        assertTrue(refused.headers().firstValue("WWW-Authenticate").isEmpty());
    }

    @ParameterizedTest
    @CsvSource({"500, 503, UNAVAILABLE", "502, 503, UNAVAILABLE", "429, 429, TOOMANYREQUESTS", "413, 413, SIZE_INVALID", "401, 403, DENIED", "307, 503, UNAVAILABLE"})
    void whatTheRegistryAnswersInstead(int status, int told, String code) {
        start();
        target.next("PUT", status, Map.of("Retry-After", "7", "Location", "http://127.0.0.1:1/x"), "");
        HttpResponse<String> refused = send("PUT", "/v2/team/app/manifests/1.0", image(), "Content-Type", TYPE);
        assertRefused(told, code, refused);
        assertEquals(told == 429, "7".equals(refused.headers().firstValue("Retry-After").orElse(null)) && told == 429);
        target.next("PATCH", status, Map.of("Retry-After", "7"), "");
        assertRefused(told, code, send("PATCH", begin("team/app"), LAYER));
    }

    @ParameterizedTest
    @ValueSource(ints = {200, 202, 204})
    void aSuccessThatStoresNothingIsNotToldAsOne(int status) {
        start();
        target.next("PUT", status, Map.of(), "");
        assertRefused(503, "UNAVAILABLE", send("PUT", "/v2/team/app/manifests/1.0", image(), "Content-Type", TYPE));
        String location = begin("team/app");
        target.next("PUT", status, Map.of(), "");
        assertRefused(503, "UNAVAILABLE", send("PUT", location + "?digest=" + DIGEST, LAYER));
    }

    @Test
    void aWebPageIsNoAnswer() {
        start();
        target.next("PUT", 201, Map.of("Content-Type", "text/html"), "<html>welcome</html>");
        assertRefused(503, "UNAVAILABLE", send("PUT", "/v2/team/app/manifests/1.0", image(), "Content-Type", TYPE));
        target.next("POST", 202, Map.of("Content-Type", "text/html"), "<html>welcome</html>");
        assertRefused(503, "UNAVAILABLE", send("POST", "/v2/team/app/blobs/uploads/", null));
    }

    @Test
    void aRegistryThatIsAway() {
        start();
        String location = begin("team/app");
        target.close();
        assertRefused(503, "UNAVAILABLE", send("PATCH", location, LAYER));
        assertRefused(503, "UNAVAILABLE", send("POST", "/v2/team/app/blobs/uploads/", null));
    }

    // What is there already

    @Test
    void aPusherAsksTheTargetOnly() {
        start();
        byte[] bytes = hot.image("team/app", "1.0").manifest();
        String blob = hot.image("team/app", "1.0").config().digest().value();
        assertStatus(200, send("HEAD", "/v2/team/app/manifests/1.0", null));
        assertStatus(404, send("HEAD", "/v2/team/app/blobs/" + blob, null));
        assertStatus(404, send("HEAD", "/v2/team/app/manifests/1.0", null, "Authorization", "Bearer " + token("team/app", ALICE)));
        assertStatus(200, send("GET", "/v2/team/app/manifests/1.0", null, "Authorization", "Bearer " + token("team/app", ALICE)));
        target.addBlob("team/app", LAYER);
        HttpResponse<String> there = send("HEAD", "/v2/team/app/blobs/" + DIGEST, null);
        assertStatus(200, there);
        assertEquals(String.valueOf(LAYER.length), there.headers().firstValue("Content-Length").orElse(null));
        assertEquals(DIGEST, there.headers().firstValue("Docker-Content-Digest").orElse(null));
        assertTrue(bytes.length > 0);
        String open = hot.image("public/app", "1.0").config().digest().value();
        assertStatus(200, send("HEAD", "/v2/public/app/blobs/" + open, null, "Authorization", ""));
        assertStatus(404, send("HEAD", "/v2/public/app/blobs/" + open, null));
    }

    @Test
    void aBlobIsMounted() {
        start();
        target.addBlob("bob/base", LAYER);
        target.addBlob("secret/base", LAYER);
        HttpResponse<String> mounted = send("POST", "/v2/bob/app/blobs/uploads/?mount=" + DIGEST + "&from=bob/base", null, "Authorization", BOB);
        assertStatus(201, mounted);
        assertEquals("/v2/bob/app/blobs/" + DIGEST, location(mounted));
        assertArrayEquals(LAYER, target.blob("bob/app", DIGEST));
        assertStatus(202, send("POST", "/v2/bob/other/blobs/uploads/?mount=" + DIGEST + "&from=secret/base", null, "Authorization", BOB));
        assertStatus(202, send("POST", "/v2/bob/other/blobs/uploads/?mount=" + DIGEST, null, "Authorization", BOB));
        assertStatus(202, send("POST", "/v2/bob/other/blobs/uploads/?mount=" + DIGEST + "&from=bob/none", null, "Authorization", BOB));
        assertNull(target.blob("bob/other", DIGEST));
        assertTrue(target.calls().stream().noneMatch(call -> call.target().contains("secret")), () -> target.calls().toString());
    }

    @Test
    void blobsThatTheTargetLacksAreCopiedFromAnotherRegistry() {
        start();
        String blob = hot.image("team/app", "1.0").config().digest().value();
        byte[] bytes = new JsonObject().put("schemaVersion", 2).put("config", new JsonObject().put("digest", blob).put("size",
                Integer.parseInt(send("HEAD", "/v2/team/app/blobs/" + blob, null, "Authorization", "Bearer " + pullToken("team/app")).headers().firstValue("Content-Length").orElseThrow())))
                .toBuffer().getBytes();
        assertStatus(201, send("PUT", "/v2/team/app/manifests/copied", bytes, "Content-Type", TYPE));
        assertTrue(new Digest(blob).matches(target.blob("team/app", blob)));
    }

    private String pullToken(String repository) {
        return new JsonObject(send("GET", "/token?service=mirror-registry&scope=repository:" + repository + ":pull", null).body()).getString("token");
    }

    @Test
    void moreThanMayBeCopiedIsRefused() {
        start("MIRROR_PUSH_COMPLETE", "0");
        String blob = hot.image("team/app", "1.0").config().digest().value();
        byte[] bytes = new JsonObject().put("schemaVersion", 2).put("config", new JsonObject().put("digest", blob).put("size", 5)).toBuffer().getBytes();
        assertRefused(400, "MANIFEST_BLOB_UNKNOWN", send("PUT", "/v2/team/app/manifests/copied", bytes, "Content-Type", TYPE));
    }

    // Deleting

    @Test
    void deletingIsOffByDefault() {
        start();
        HttpResponse<String> refused = send("DELETE", "/v2/team/app/manifests/" + DIGEST, null);
        assertRefused(405, "UNSUPPORTED", refused);
        assertEquals("GET, HEAD, PUT", refused.headers().firstValue("Allow").orElse(null));
        assertRefused(405, "UNSUPPORTED", send("DELETE", "/v2/team/app/blobs/" + DIGEST, null));
        assertEquals(List.of(), target.calls());
    }

    @Test
    void whatIsDeletedIsNotPulledAnyMore() {
        start("MIRROR_PUSH_DELETE", "true");
        byte[] bytes = image();
        String digest = Digest.ofSha256(bytes).value();
        for (String reference : List.of("1.0", digest)) {
            assertStatus(201, send("PUT", "/v2/team/app/manifests/" + reference, bytes, "Content-Type", TYPE));
            assertStatus(200, send("GET", "/v2/team/app/manifests/" + reference, null));
            assertStatus(202, send("DELETE", "/v2/team/app/manifests/" + reference, null));
            assertStatus(404, send("GET", "/v2/team/app/manifests/" + reference, null));
        }
        target.addBlob("team/app", LAYER);
        assertStatus(202, send("DELETE", "/v2/team/app/blobs/" + DIGEST, null));
        assertRefused(403, "DENIED", send("DELETE", "/v2/bob/app/manifests/1.0", null, "Authorization", BOB));
    }

    // Who may

    @Test
    void whoMayNotPushSendsNothingToTheRegistry() {
        start();
        assertRefused(403, "DENIED", send("POST", "/v2/team/app/blobs/uploads/", null, "Authorization", BOB));
        assertRefused(403, "DENIED", send("PUT", "/v2/team/app/manifests/1.0", image(), "Authorization", BOB));
        HttpResponse<String> anonymous = send("POST", "/v2/team/app/blobs/uploads/", null, "Authorization", "");
        assertRefused(401, "UNAUTHORIZED", anonymous);
        assertTrue(anonymous.headers().firstValue("WWW-Authenticate").orElse("").contains("scope=\"repository:team/app:pull,push\""), () -> anonymous.headers().map().toString());
        assertRefused(401, "UNAUTHORIZED", send("POST", "/v2/public/app/blobs/uploads/", null, "Authorization", ""));
        assertRefused(401, "UNAUTHORIZED", send("POST", "/v2/team/app/blobs/uploads/", null, "Authorization", "Bearer " + pullToken("team/app")));
        assertEquals(List.of(), target.calls());
        assertStatus(202, send("POST", "/v2/drop/app/blobs/uploads/", null, "Authorization", ""));
    }

    @ParameterizedTest
    @ValueSource(strings = {"POST /v2/team/app/manifests/1.0", "PATCH /v2/team/app/manifests/1.0", "PUT /v2/team/app/blobs/uploads/", "GET /v2/team/app/blobs/uploads/",
        "HEAD /v2/team/app/blobs/uploads/x", "POST /v2/team/app/blobs/uploads/x", "POST /v2/team/app/tags/list", "PUT /v2/", "DELETE /v2/team/app/tags/list"})
    void methodsThatAreNotServed(String request) {
        start();
        HttpResponse<String> refused = send(request.split(" ")[0], request.split(" ")[1], null);
        assertStatus(405, refused);
        assertFalse(refused.headers().firstValue("Allow").orElse("").contains(request.split(" ")[0]));
        assertEquals(List.of(), target.calls());
    }

    // Where to

    @ParameterizedTest
    @CsvSource({"relative", "absolute", "internal", "scheme", "outside"})
    void whereverTheRegistrySaysThatAnUploadGoesOn(String kind) {
        target.locations(location -> switch (kind) {
            case "relative" -> location;
            case "absolute" -> target.url() + location;
            case "internal" -> "http://registry.internal:5000" + location;
            case "scheme" -> "https://" + target.host() + location;
            default -> "/elsewhere" + location;
        });
        start();
        String location = location(send("PATCH", begin("team/app"), LAYER));
        assertStatus(201, send("PUT", location + "?digest=" + DIGEST, null));
        assertArrayEquals(LAYER, target.blob("team/app", DIGEST));
    }

    @Test
    void anUploadThatLeadsElsewhereIsRefused() {
        target.locations(location -> "http://127.0.0.2:" + target.host().replaceFirst(".*:", "") + "/storage" + location.replaceFirst("\\?.*", ""));
        start();
        assertRefused(503, "UNAVAILABLE", send("POST", "/v2/team/app/blobs/uploads/", null));
    }

    @Test
    void theRegistrysAccountIsTheMirrors() {
        target.requireBasic(basic("mirror", "its password"));
        start("COLD_USERNAME", "mirror", "COLD_PASSWORD", "its password");
        HttpResponse<String> put = send("PUT", begin("team/app") + "?digest=" + DIGEST, LAYER);
        assertStatus(201, put);
        assertArrayEquals(LAYER, target.blob("team/app", DIGEST));
        assertTrue(target.calls().stream().noneMatch(call -> ALICE.equals(call.header("Authorization"))));
    }

    @Test
    void anAccountThatMayNotPush() {
        target.requireBasic(basic("mirror", "its password"));
        start("COLD_USERNAME", "mirror", "COLD_PASSWORD", "wrong");
        HttpResponse<String> refused = send("POST", "/v2/team/app/blobs/uploads/", null);
        assertRefused(503, "UNAVAILABLE", refused);
        assertTrue(refused.headers().firstValue("WWW-Authenticate").isEmpty());
    }

    @Test
    void namesThereAreThoseOfThePlan() {
        start("COLD_PREFIX", "mirrored/");
        assertStatus(201, send("PUT", begin("team/app") + "?digest=" + DIGEST, LAYER));
        assertArrayEquals(LAYER, target.blob("mirrored/team/app", DIGEST));
        target.addBlob("mirrored/team/base", LAYER);
        assertStatus(201, send("POST", "/v2/team/new/blobs/uploads/?mount=" + DIGEST + "&from=team/base", null));
        byte[] bytes = image(DIGEST);
        assertStatus(201, send("PUT", "/v2/team/app/manifests/1.0", bytes, "Content-Type", TYPE));
        assertArrayEquals(bytes, target.manifest("mirrored/team/app", "1.0"));
    }

    @Test
    void anAuthoritativeNamespaceIsPushedToNobodyElse() {
        start("HOT_SERVES", "docker.io");
        assertRefused(403, "DENIED", send("POST", "/v2/docker.io/team/app/blobs/uploads/", null));
        assertRefused(403, "DENIED", send("PUT", "/v2/team/app/manifests/1.0?ns=docker.io", image(), "Content-Type", TYPE));
        assertEquals(List.of(), target.calls());
        assertEquals(List.of(), hot.calls().stream().filter(call -> !call.method().equals("GET") && !call.method().equals("HEAD")).toList());
    }

    @Test
    void offIsAsBefore() {
        start("MIRROR_PUSH_REGISTRY", "");
        HttpResponse<String> refused = send("POST", "/v2/team/app/blobs/uploads/", null);
        assertRefused(405, "UNSUPPORTED", refused);
        assertEquals("GET, HEAD", refused.headers().firstValue("Allow").orElse(null));
        assertRefused(404, "NOT_FOUND", send("GET", "/v2/team/app/blobs/uploads/x", null));
    }
}
