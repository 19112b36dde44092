package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TokenService;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Referrers at registries without the API for them, over real HTTP. */
class ReferrersTest {

    private static final String NAME = "library/signed";

    private final TokenService tokens = TokenService.start();
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "robot", "HOT_PASSWORD", "secret",
            "MIRROR_BREAKER_CALLS", "6", "MIRROR_BREAKER_MINIMUM_CALLS", "6");

    private final Image image = hot.index(NAME, "1", hot.image(NAME, "amd64"), hot.image(NAME, "arm64"));
    private final String path = "/v2/" + NAME + "/referrers/" + image.digest();
    private final String tag = image.digest().value().replace(':', '-');

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
        tokens.close();
    }

    private Set<String> digests() {
        Set<String> digests = new TreeSet<>();
        for (String method : List.of("HEAD", "GET")) {
            Reply reply = mirror.send(method, path);
            assertEquals(200, reply.status(), reply.text());
            assertNull(reply.header("Warning"));
            assertEquals(MediaTypes.OCI_INDEX, reply.header("Content-Type"));
            if (method.equals("GET")) {
                new JsonObject(reply.text()).getJsonArray("manifests").forEach(d -> digests.add(((JsonObject) d).getString("digest")));
            }
        }
        return digests;
    }

    private void assertTrouble() {
        Reply reply = mirror.get(path);
        assertEquals(503, reply.status(), reply.text());
        cold.put(image);
        Reply colds = mirror.get(path);
        assertEquals(200, colds.status());
        assertNotNull(colds.header("Warning"));
        cold.fault(Fault.status(404));
    }

    static Stream<Arguments> withoutTheApi() {
        Stream<Answer> refusals = Stream.of(400, 405, 406, 409, 410, 411, 415, 416, 418, 421, 422, 451)
                .flatMap(status -> Stream.of(Answer.of(status), Answer.of(status, "text/html", "<p>no</p>"),
                        Answer.of(status, "application/json", "{\"errors\":[{\"code\":\"UNSUPPORTED\"}]}")));
        Stream<Answer> others = Stream.of(Answer.of(404), Answer.of(404, "text/html", "<p>no</p>"), Answer.of(200, "text/html; charset=utf-8", "<!doctype html><p>Hello"),
                Answer.of(200, "TEXT/HTML", "<p>"), Answer.of(200, "text/plain", "OK"), Answer.of(200, "application/json", "{}"), Answer.of(200, MediaTypes.OCI_INDEX, "{}"),
                Answer.of(200, "application/json", "[]"), Answer.of(200, "application/json", "{\"manifests\":5}"), Answer.of(200, "application/json", "null"),
                Answer.of(200, "application/json", "{\"schemaVersion\":2,\"config\":{},\"layers\":[]}"), Answer.of(200, "application/json", ""), Answer.of(200));
        return Stream.concat(refusals, others).map(answer -> Arguments.of(answer.status() + " " + answer.header("Content-Type")
                + " " + new String(answer.body().pattern(), StandardCharsets.UTF_8), answer));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("withoutTheApi")
    void theListIsUnderTheTagWhereTheRegistryHasNoSuchApi(String name, Answer answer) {
        Image signature = hot.noReferrersApi(answer).referrer(NAME, image, "application/signature");
        assertEquals(Set.of(signature.digest().value()), digests());
        hot.requireBearer(tokens);
        assertEquals(Set.of(signature.digest().value()), digests());
        hot.requireBasic("robot", "secret");
        assertEquals(Set.of(signature.digest().value()), digests());
        // Behind it, another registry's list is not lost.
        Image bill = cold.noReferrersApi(answer).referrer(NAME, image, "application/bill");
        assertEquals(Set.of(signature.digest().value(), bill.digest().value()), digests());
        // That is no outage, however often.
        for (int i = 0; i < 6; i++) {
            digests();
        }
        assertEquals("hot", servedBy());
    }

    /** Returns which registry a manifest comes from that both have. */
    private String servedBy() {
        hot.forget();
        cold.put(image);
        assertEquals(200, mirror.get(image.path()).status());
        return hot.calls("GET", Kind.MANIFEST).isEmpty() ? "cold" : "hot";
    }

    @ParameterizedTest
    @ValueSource(ints = {408, 429, 500, 501, 502, 503, 504})
    void anOutageIsNotTheLackOfTheApi(int status) {
        hot.referrer(NAME, image, "application/signature");
        hot.noReferrersApi(Answer.of(status));
        Reply reply = mirror.get(path);
        assertEquals(status == 429 ? 429 : 503, reply.status());
        cold.put(image);
        assertNotNull(mirror.get(path).header("Warning"));
        assertEquals(0, hot.calls("GET", Kind.MANIFEST).size());
    }

    @Test
    void whatCannotBeReadIsTroubleWhereItSaysThatItIsAnIndex() {
        hot.noReferrersApi(Answer.of(200, MediaTypes.OCI_INDEX, "{\"manifests\":[{"));
        assertTrouble();
    }

    static Stream<Fault> everywhere() {
        return Stream.of(Fault.html(), Fault.status(400), Fault.status(406), Fault.status(500), Fault.status(429), Fault.close(),
                Fault.instead((call, answer) -> Answer.of(200, "application/json", "{\"message\":\"Please sign in.\"}")));
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void whoAnswersSoToEverythingIsInTrouble(Fault fault) {
        hot.referrer(NAME, image, "application/signature");
        hot.fault(fault);
        Reply reply = mirror.get(path);
        assertEquals(reply.status() == 429 ? 429 : 503, reply.status());
        cold.put(image);
        assertNotNull(mirror.get(path).header("Warning"));
    }

    static Stream<Arguments> noLists() {
        return Stream.of(
                Arguments.of(MediaTypes.OCI_MANIFEST, "{\"schemaVersion\":2,\"config\":{},\"layers\":[]}"),
                Arguments.of("application/json", "{\"schemaVersion\":2,\"config\":{},\"layers\":[]}"),
                Arguments.of(MediaTypes.OCI_INDEX, "{\"schemaVersion\":2,\"mediaType\":\"" + MediaTypes.OCI_MANIFEST + "\",\"config\":{},\"layers\":[]}"),
                Arguments.of(MediaTypes.DOCKER_MANIFEST, "{\"schemaVersion\":2,\"mediaType\":\"" + MediaTypes.DOCKER_MANIFEST + "\",\"config\":{},\"layers\":[]}"),
                Arguments.of("application/vnd.oci.artifact.manifest.v1+json", "{\"mediaType\":\"application/vnd.oci.artifact.manifest.v1+json\",\"blobs\":[]}"),
                Arguments.of("application/vnd.docker.distribution.manifest.v1+prettyjws", "{\"schemaVersion\":1,\"fsLayers\":[],\"signatures\":[]}"));
    }

    @ParameterizedTest
    @MethodSource("noLists")
    void aTagThatMeansNoIndexIsNoListOfReferrers(String type, String body) {
        hot.noReferrersApi().manifest(NAME, tag, type, body.getBytes(StandardCharsets.UTF_8));
        assertEquals(Set.of(), digests());
        Image bill = cold.referrer(NAME, image, "application/bill");
        assertEquals(Set.of(bill.digest().value()), digests());
    }

    @Test
    void theSubjectItselfIsNoListOfReferrers() {
        hot.noReferrersApi().manifest(NAME, tag, image.mediaType(), image.manifest());
        assertEquals(Set.of(), digests());
        hot.noReferrersApi(Answer.of(406));
        assertEquals(Set.of(), digests());
        // Nor what the registry only says is the subject.
        hot.manifest(NAME, tag, image.mediaType(), Image.index(NAME, "x", image).manifest());
        hot.fault(Fault.header("Docker-Content-Digest", image.digest().value()).path("/v2/" + NAME + "/manifests/" + tag));
        assertEquals(Set.of(), digests());
    }

    @Test
    void thePlatformsOfTheSubjectAreNoReferrers() {
        Image signature = Image.referrer(NAME, image, "application/signature");
        JsonArray platforms = new JsonObject(new String(image.manifest(), StandardCharsets.UTF_8)).getJsonArray("manifests");
        hot.noReferrersApi();
        put(platforms);
        assertEquals(Set.of(), digests());

        Digest old = Digest.ofSha256(new byte[] {1});
        put(platforms.copy().add(descriptor(signature).put("artifactType", "application/signature")).add(new JsonObject()
                .put("mediaType", MediaTypes.OCI_MANIFEST).put("digest", old.value()).put("size", 1)));
        assertEquals(Set.of(signature.digest().value(), old.value()), digests());

        // An entry with a platform is one of an image, also where the subject cannot tell.
        hot.fault(Fault.status(404).path(image.pathByDigest()));
        put(new JsonArray().add(descriptor(signature)).add(platforms.getJsonObject(0).copy().put("platform", new JsonObject().put("os", "linux"))));
        assertEquals(Set.of(signature.digest().value()), digests());
        hot.heal();
        hot.fault(Fault.status(500).path(image.pathByDigest()));
        assertTrouble();
    }

    private static JsonObject descriptor(Image image) {
        return new JsonObject().put("mediaType", image.mediaType()).put("digest", image.digest().value()).put("size", image.manifest().length);
    }

    private void put(JsonArray entries) {
        hot.manifest(NAME, tag, MediaTypes.OCI_INDEX, new JsonObject().put("schemaVersion", 2).put("mediaType", MediaTypes.OCI_INDEX).put("manifests", entries)
                .toBuffer().getBytes());
    }

    @ParameterizedTest
    @ValueSource(strings = {"<html>", "", "{", "[]", "{\"message\":\"Please sign in.\"}", "{\"schemaVersion\":2,\"manifests\":[}"})
    void whatIsNoManifestUnderTheTagIsTrouble(String body) {
        hot.noReferrersApi().manifest(NAME, tag, MediaTypes.OCI_INDEX, body.getBytes(StandardCharsets.UTF_8));
        assertTrouble();
    }
}
