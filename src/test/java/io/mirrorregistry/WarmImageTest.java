package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;


/** Indexes, odd manifests, and what refers to images, on their way to hot. */
@Timeout(120)
class WarmImageTest {

    private static final String REFUSAL = "{\"errors\":[{\"code\":\"MANIFEST_INVALID\",\"message\":\"unknown manifest class for the index\"}]}";

    private final WarmSetup setup = new WarmSetup();

    @AfterEach
    void stop() {
        setup.close();
    }

    private static String descriptor(Image image, String more) {
        return "{\"mediaType\":\"" + image.mediaType() + "\",\"digest\":\"" + image.digest() + "\",\"size\":" + image.manifest().length + more + "}";
    }

    private static String platform(String os, String architecture, String variant) {
        return ",\"platform\":{\"architecture\":\"" + architecture + "\",\"os\":\"" + os + "\"" + (variant == null ? "" : ",\"variant\":\"" + variant + "\"") + "}";
    }

    private static String attestation(Image about) {
        return platform("unknown", "unknown", null) + ",\"annotations\":{\"vnd.docker.reference.digest\":\"" + about.digest() + "\",\"vnd.docker.reference.type\":\"attestation-manifest\"}";
    }

    private static Image index(String name, String tag, List<Image> images, String... descriptors) {
        String manifest = "{\"schemaVersion\":2,\"mediaType\":\"" + MediaTypes.OCI_INDEX + "\",\"manifests\":[" + String.join(",", descriptors) + "]}";
        return new Image(name, tag, MediaTypes.OCI_INDEX, manifest.getBytes(StandardCharsets.UTF_8), List.of(), images, null);
    }

    /** Puts an index of linux/amd64 and linux/arm64/v8 with an attestation each at cold; returns index, amd64, its attestation, arm64, its attestation. */
    private List<Image> multi() {
        return multi("v8");
    }

    private List<Image> multi(String variant) {
        List<Image> parts = IntStream.range(0, 4).mapToObj(i -> Image.of("cold-" + i, "team/multi", null, 1)).toList();
        Image index = index("team/multi", "1", parts, descriptor(parts.get(0), platform("linux", "amd64", null)), descriptor(parts.get(1), attestation(parts.get(0))),
                descriptor(parts.get(2), platform("linux", "arm64", variant)), descriptor(parts.get(3), attestation(parts.get(2))));
        setup.cold.put(index);
        List<Image> all = new ArrayList<>(List.of(index));
        all.addAll(parts);
        return all;
    }

    private boolean has(Image image) {
        return setup.hot.manifest(image.name(), image.digest().value()) != null
                && image.blobs().stream().allMatch(blob -> setup.hot.blob(image.name(), blob.digest().value()) != null);
    }

    private boolean incomplete(Image image) {
        return setup.hot.manifest(image.name(), image.digest().value()) == null
                && image.blobs().stream().allMatch(blob -> setup.hot.blob(image.name(), blob.digest().value()) == null);
    }

    private Image schemaOrOther(String name, String type, String json) {
        return setup.cold.put(new Image(name, "1", type, json.getBytes(StandardCharsets.UTF_8), List.of(), List.of(), null));
    }

    @Test
    void copiesAllButAnIndexThatHotRefuses() {
        List<Image> images = multi();
        setup.hot.refuseManifests(MediaTypes.OCI_INDEX, REFUSAL);
        setup.start("MIRROR_CACHE_SIZE", "0");

        setup.pull(images.get(0));
        JsonObject item = setup.awaitState("team/multi:1", "partial");

        assertEquals("refused", item.getString("reason"));
        assertTrue(item.getString("message").contains("unknown manifest class for the index"), item::encode);
        images.subList(1, 5).forEach(part -> assertTrue(has(part)));
        assertNull(setup.hot.manifest("team/multi", "1"));
        setup.hot.forget();
        setup.pull(images.get(0));
        Image next = setup.cold.image("team/next", "1");
        setup.pull(next);
        setup.assertCopied(next);
        assertEquals(0, setup.count("PUT /v2/team/multi/manifests/"));
        assertEquals("partial", setup.item(item.getLong("id")).getString("state"));

        setup.hot.heal();
        setup.awaitState(setup.ask("team/multi:1"), "done");
        setup.assertCopied(images.get(0));
    }

    /** Otherwise the index at hot would lead to an image that is not there. */
    @Test
    void sendsNoIndexWithoutAnImageThatHotRefuses() {
        Image good = Image.of("cold", "team/multi", null, 1);
        Image odd = new Image("team/multi", null, MediaTypes.DOCKER_MANIFEST, Image.of("odd", "team/multi", null, 1).manifest(), Image.of("odd", "team/multi", null, 1).blobs(),
                List.of(), null);
        String manifest = new String(odd.manifest(), StandardCharsets.UTF_8).replace(MediaTypes.OCI_MANIFEST, MediaTypes.DOCKER_MANIFEST);
        odd = new Image("team/multi", null, MediaTypes.DOCKER_MANIFEST, manifest.getBytes(StandardCharsets.UTF_8), odd.blobs(), List.of(), null);
        Image index = setup.cold.put(index("team/multi", "1", List.of(good, odd), descriptor(odd, ""), descriptor(good, "")));
        setup.hot.withoutChecks().refuseManifests(MediaTypes.DOCKER_MANIFEST, REFUSAL);
        setup.start();

        setup.awaitState(setup.ask("team/multi:1"), "partial");

        assertTrue(has(good));
        assertNull(setup.hot.manifest("team/multi", index.digest().value()));
        assertNull(setup.hot.manifest("team/multi", "1"));
    }

    @Test
    void failsIfHotRefusesAllOfAnImage() {
        setup.cold.image("team/app", "1");
        setup.hot.refuseManifests(MediaTypes.OCI_MANIFEST, REFUSAL);
        setup.start();

        JsonObject item = setup.awaitState(setup.ask("team/app:1"), "failed");

        assertEquals("refused", item.getString("reason"));
        assertTrue(item.getString("message").contains("unknown manifest class for the index"), item::encode);
    }

    @ParameterizedTest
    @CsvSource({"linux/amd64, v8, 1", "linux/arm64, v8, 3", "linux/arm64/v8, v8, 3", "linux/arm64/v8, , 3", "linux/arm64, , 3"})
    void copiesOnlyTheImagesOfAPlatformAndTheirAttestations(String platform, String variant, int first) {
        List<Image> images = multi(variant);
        setup.start();

        // Hot checks that an index is complete, as most registries do.
        setup.awaitState(setup.ask("team/multi:1", platform), "partial");

        for (int i = 1; i < 5; i++) {
            boolean meant = i == first || i == first + 1;
            assertTrue(meant ? has(images.get(i)) : incomplete(images.get(i)), platform + " " + i);
        }
        assertEquals(0, setup.cold.calls().stream().filter(call -> call.kind() == Kind.BLOB && images.get(first == 1 ? 3 : 1).blobs().stream()
                .anyMatch(blob -> call.path().endsWith(blob.digest().value()))).count());
    }

    @Test
    void copiesAnIndexWithOnePlatformToARegistryThatTakesIt() {
        List<Image> images = multi();
        setup.hot.withoutChecks();
        setup.start();

        setup.awaitState(setup.ask("team/multi:1", "linux/arm64"), "done");

        assertArrayEquals(images.get(0).manifest(), setup.hot.manifest("team/multi", "1"));
        assertTrue(incomplete(images.get(1)));
    }

    @Test
    void failsIfNoImageFitsThePlatforms() {
        multi();
        setup.start();

        JsonObject item = setup.awaitState(setup.ask("team/multi:1", "linux/s390x", "windows/amd64"), "failed");

        assertEquals("not-found", item.getString("reason"));
        assertEquals("The index has no image of linux/s390x, windows/amd64.", item.getString("message"));
        assertEquals(List.of(), setup.manifestPuts());
    }

    @Test
    void copiesAnIndexInAnIndex() {
        Image image = Image.of("cold", "team/deep", null, 1);
        Image inner = index("team/deep", null, List.of(image), descriptor(image, ""));
        Image outer = setup.cold.put(index("team/deep", "1", List.of(inner), descriptor(inner, "")));
        setup.start();

        setup.awaitState(setup.ask("team/deep:1"), "done");

        setup.assertCopied(outer);
        assertEquals(List.of(image.digest().value(), inner.digest().value(), outer.digest().value(), "1"),
                setup.manifestPuts().stream().map(put -> put.replaceFirst(".*/manifests/", "")).toList());
    }

    @ParameterizedTest
    @CsvSource({"999, done", "1000, failed", "1001, failed"})
    void copiesNoIndexOfTooManyManifests(int count, String state) {
        // The same empty config everywhere, so that only manifests are copied.
        Body config = Body.of("{}");
        List<Image> images = IntStream.range(0, count).mapToObj(i -> new Image("team/many", null, MediaTypes.OCI_MANIFEST, ("{\"schemaVersion\":2,\"n\":" + i + ",\"config\":{\"digest\":\""
                + config.digest() + "\",\"size\":2},\"layers\":[]}").getBytes(StandardCharsets.UTF_8), List.of(config), List.of(), null)).toList();
        setup.cold.put(index("team/many", "1", images, images.stream().map(image -> descriptor(image, "")).toArray(String[]::new)));
        setup.start();

        long id = setup.ask("team/many:1");
        JsonObject item = WarmSetup.await("an end", () -> setup.item(id), now -> List.of("done", "failed").contains(now.getString("state")), 60);

        assertEquals(state, item.getString("state"), item::encode);
        assertEquals(state.equals("done") ? count + 2 : 0, setup.manifestPuts().size());
    }

    @Test
    void takesNoIndexThatNamesItself() {
        Digest digest = Digest.ofSha256("none".getBytes(StandardCharsets.UTF_8));
        byte[] manifest = ("{\"schemaVersion\":2,\"mediaType\":\"" + MediaTypes.OCI_INDEX + "\",\"manifests\":[{\"mediaType\":\"" + MediaTypes.OCI_INDEX + "\",\"digest\":\"" + digest
                + "\",\"size\":5}]}").getBytes(StandardCharsets.UTF_8);
        setup.cold.manifest("team/loop", "1", MediaTypes.OCI_INDEX, manifest);
        setup.cold.manifest("team/loop", digest.value(), MediaTypes.OCI_INDEX, manifest);
        setup.start();

        JsonObject item = setup.awaitReason(setup.ask("team/loop:1"), "trouble");

        assertEquals(1, item.getInteger("attempts"));
        assertTrue(item.getString("message").contains("with bytes of another digest"), item::encode);
        assertEquals(List.of(), setup.manifestPuts());
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "{\"schemaVersion\":1,\"name\":\"x\",\"tag\":\"1\",\"fsLayers\":[{\"blobSum\":\"sha256:0\"}],\"history\":[]}",
        "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"},\"layers\":[]}",
        "{\"schemaVersion\":2,\"layers\":[{\"size\":5}]}"})
    void failsAtManifestsThatCannotBeCopied(String json) {
        schemaOrOther("team/odd", json.contains("fsLayers") ? MediaTypes.DOCKER_SCHEMA_1 : MediaTypes.OCI_MANIFEST, json);
        setup.start();

        JsonObject item = setup.awaitState(setup.ask("team/odd:1"), "failed");

        assertEquals("unsupported", item.getString("reason"), item::encode);
        assertEquals(List.of(), setup.manifestPuts());
    }

    @Test
    void retriesAManifestThatIsNoJson() {
        schemaOrOther("team/odd", MediaTypes.OCI_MANIFEST, "hello");
        setup.start();

        setup.awaitReason(setup.ask("team/odd:1"), "trouble");

        assertEquals(List.of(), setup.manifestPuts());
    }

    @Test
    void failsIfNoSourceHasABlob() {
        Image image = setup.cold.image("team/app", "1");
        setup.cold.remove("team/app", image.layers().get(1).digest().value());
        setup.start();

        JsonObject item = setup.awaitState(setup.ask("team/app:1"), "failed");

        assertEquals("not-found", item.getString("reason"));
        assertTrue(item.getString("message").contains(image.layers().get(1).digest().value()), item::encode);
        assertEquals(List.of(), setup.manifestPuts());
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void copiesSignatures(boolean api) {
        Image image = setup.cold.image("team/app", "1");
        Image signature = setup.cold.referrer("team/app", image, "application/vnd.example.signature");
        if (!api) {
            setup.cold.noReferrersApi();
        }
        setup.start();

        setup.awaitState(setup.ask("team/app:1"), "done");

        setup.assertCopied(image);
        assertTrue(has(signature));
        // Hot has no list of referrers of its own.
        byte[] list = setup.hot.manifest("team/app", "sha256-" + image.digest().hex());
        assertNotNull(list);
        assertTrue(new String(list, StandardCharsets.UTF_8).contains(signature.digest().value()));
        assertEquals("PUT /v2/team/app/manifests/1", setup.manifestPuts().get(setup.manifestPuts().size() - 1));
    }

    /** The tag of the list has the first 64 digits, at both registries. */
    @Test
    void copiesSignaturesOfAnImageWithASha512Digest() throws Exception {
        Image image = Image.of("cold", "team/app", "1", 1);
        image.blobs().forEach(blob -> setup.cold.blob("team/app", blob));
        String hex = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-512").digest(image.manifest()));
        setup.cold.manifest("team/app", "sha512:" + hex, image.mediaType(), image.manifest());
        Image signature = setup.cold.noReferrersApi().referrer("team/app", image, "application/vnd.example.signature");
        String tag = "sha512-" + hex.substring(0, 64);
        setup.cold.put(index("team/app", tag, List.of(), descriptor(signature, ",\"artifactType\":\"" + signature.artifactType() + "\"")));
        setup.start();

        setup.awaitState(setup.ask("team/app@sha512:" + hex), "done");

        assertArrayEquals(image.manifest(), setup.hot.manifest("team/app", "sha512:" + hex));
        assertTrue(has(signature));
        byte[] list = setup.hot.manifest("team/app", tag);
        assertNotNull(list);
        assertTrue(new String(list, StandardCharsets.UTF_8).contains(signature.digest().value()));
        assertEquals(List.of(), setup.cold.calls().stream().filter(call -> call.path().endsWith(".sig")).toList());
    }

    @Test
    void theImageGetsItsTagAlsoIfASignatureCannotBeCopied() {
        Image image = setup.cold.image("team/app", "1");
        Image signature = setup.cold.referrer("team/app", image, "application/vnd.example.signature");
        setup.cold.remove("team/app", signature.blobs().get(0).digest().value());
        setup.start();

        JsonObject item = setup.awaitState(setup.ask("team/app:1"), "partial");

        assertEquals("not-found", item.getString("reason"));
        setup.assertCopied(image);
        assertNull(setup.hot.manifest("team/app", "sha256-" + image.digest().hex()));
    }

    @Test
    void listsNoSignatureThatHotRefuses() {
        Image image = setup.cold.image("team/app", "1");
        Image good = setup.cold.referrer("team/app", image, "application/vnd.example.signature");
        Image bad = setup.cold.referrer("team/app", image, "application/vnd.example.other");
        setup.hot.refuse("PUT", "manifests/" + bad.digest(), 9, 400, Map.of(), REFUSAL);
        setup.start();

        JsonObject item = setup.awaitState(setup.ask("team/app:1"), "partial");

        assertEquals("refused", item.getString("reason"));
        setup.assertCopied(image);
        String list = new String(setup.hot.manifest("team/app", "sha256-" + image.digest().hex()), StandardCharsets.UTF_8);
        assertTrue(list.contains(good.digest().value()));
        assertTrue(!list.contains(bad.digest().value()), list);
    }

    /** Hot may have signatures of its own under the tag. */
    @Test
    void doesNotOverwriteATagOfSignatures() {
        Image image = setup.cold.image("team/app", "1");
        String tag = "sha256-" + image.digest().hex() + ".sig";
        setup.cold.put(Image.of("cold", "team/app", tag, 1));
        Image own = Image.of("hot", "team/app", tag, 1);
        setup.hot.withoutChecks().addManifest("team/app", tag, own.mediaType(), own.manifest());
        setup.start();

        setup.pull(image);
        setup.awaitState("team/app:1", "done");
        assertArrayEquals(own.manifest(), setup.hot.manifest("team/app", tag));

        setup.awaitState(setup.ask("team/app:1"), "done");
        assertArrayEquals(own.manifest(), setup.hot.manifest("team/app", tag));
        assertTrue(has(image));
    }

    /** cosign adds a signature as a layer, and moves the tag. Two signatures of one image have equal layers: the annotations differ. */
    @Test
    void movesTheTagOfSignaturesIfOneWasAdded() {
        Image image = setup.cold.image("team/app", "1");
        Image one = signatures(image, "one");
        setup.start();
        setup.pull(image);
        setup.awaitState("team/app:1", "done");
        assertArrayEquals(one.manifest(), setup.hot.manifest("team/app", one.tag()));
        Image both = signatures(image, "one", "two");

        setup.awaitState(setup.ask("team/app:1"), "done");
        assertArrayEquals(both.manifest(), setup.hot.manifest("team/app", one.tag()));

        signatures(image, "two");
        setup.awaitState(setup.ask("team/app:1"), "done");
        assertArrayEquals(both.manifest(), setup.hot.manifest("team/app", one.tag()));
    }

    /** Hot has the tag, and does not return the manifest; or the manifest at cold has two members of the name "layers", of which clients read the second. */
    @ParameterizedTest
    @ValueSource(strings = {"missing", "denied", "two lists", "two lists, one in capitals"})
    void keepsATagOfSignaturesThatItCannotCompare(String how) {
        Image image = setup.cold.image("team/app", "1");
        Image own = signatures(image, "one");
        setup.hot.withoutChecks().addManifest("team/app", own.tag(), own.mediaType(), own.manifest());
        Image both = signatures(image, "one", "two");
        if (how.startsWith("two lists")) {
            String json = new String(both.manifest(), StandardCharsets.UTF_8);
            String other = json.substring(0, json.length() - 1) + (how.endsWith("capitals") ? ",\"Layers\":[]}" : ",\"layers\":[]}");
            setup.cold.put(new Image("team/app", own.tag(), MediaTypes.OCI_MANIFEST, other.getBytes(StandardCharsets.UTF_8), both.blobs(), List.of(), null));
        } else {
            setup.hot.refuse("GET", "manifests/" + own.tag(), Integer.MAX_VALUE, how.equals("missing") ? 404 : 403, Map.of(), "{\"errors\":[{\"code\":\"DENIED\"}]}");
        }
        setup.start();

        setup.awaitState(setup.ask("team/app:1"), "done");

        assertArrayEquals(own.manifest(), setup.hot.manifest("team/app", own.tag()));
        assertTrue(has(image));
    }

    @Test
    void theImageGetsItsTagAlsoIfThatOfItsSignaturesMayNotBeMoved() {
        Image image = setup.cold.image("team/app", "1");
        Image own = signatures(image, "one");
        setup.hot.withoutChecks().addManifest("team/app", own.tag(), own.mediaType(), own.manifest());
        signatures(image, "one", "two");
        setup.hot.refuse("PUT", "manifests/" + own.tag(), Integer.MAX_VALUE, 409, Map.of(), "{\"errors\":[{\"code\":\"DENIED\"}]}");
        setup.start();

        JsonObject item = setup.awaitState(setup.ask("team/app:1"), "partial");

        assertEquals("refused", item.getString("reason"));
        setup.assertCopied(image);
    }

    /** Puts signatures of the image at cold, as cosign stores them. */
    private Image signatures(Image image, String... signatures) {
        Image blobs = Image.of("payload", "team/app", null, 1);
        String payload = "{\"mediaType\":\"application/vnd.dev.cosign.simplesigning.v1+json\",\"digest\":\"" + blobs.layers().get(0).digest() + "\",\"size\":"
                + blobs.layers().get(0).length() + ",\"annotations\":{\"dev.cosignproject.cosign/signature\":\"";
        String layers = Stream.of(signatures).map(signature -> payload + signature + "\"}}").collect(Collectors.joining(","));
        String manifest = "{\"schemaVersion\":2,\"mediaType\":\"" + MediaTypes.OCI_MANIFEST + "\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\""
                + blobs.config().digest() + "\",\"size\":" + blobs.config().length() + "},\"layers\":[" + layers + "]}";
        return setup.cold.put(new Image("team/app", "sha256-" + image.digest().hex() + ".sig", MediaTypes.OCI_MANIFEST, manifest.getBytes(StandardCharsets.UTF_8), blobs.blobs(),
                List.of(), null));
    }

    /** BuildKit's cache is an index of layers, which clients get as blobs. */
    @Test
    void copiesAnIndexOfBlobs() {
        Image blobs = Image.of("cache", "team/cache", null, 1);
        String list = "{\"schemaVersion\":2,\"mediaType\":\"" + MediaTypes.OCI_INDEX + "\",\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\""
                + blobs.layers().get(0).digest() + "\",\"size\":" + blobs.layers().get(0).length() + "},{\"mediaType\":\"application/vnd.buildkit.cacheconfig.v0\",\"digest\":\""
                + blobs.config().digest() + "\",\"size\":" + blobs.config().length() + "}]}";
        Image cache = setup.cold.put(new Image("team/cache", "1", MediaTypes.OCI_INDEX, list.getBytes(StandardCharsets.UTF_8), blobs.blobs(), List.of(), null));
        setup.start();

        setup.awaitState(setup.ask("team/cache:1"), "done");

        setup.assertCopied(cache);
    }

    /** A registry may take an index of blobs that it does not have. Whoever pushes it there must not get the blobs of others at hot. */
    @Test
    void mountsNoBlobOfAnIndex() {
        Image secret = setup.cold.image("team/secret", "1");
        String list = "{\"schemaVersion\":2,\"mediaType\":\"" + MediaTypes.OCI_INDEX + "\",\"manifests\":[{\"mediaType\":\"application/octet-stream\",\"digest\":\""
                + secret.layers().get(0).digest() + "\",\"size\":" + secret.layers().get(0).length() + "}]}";
        setup.cold.put(new Image("team/other", "1", MediaTypes.OCI_INDEX, list.getBytes(StandardCharsets.UTF_8), List.of(), List.of(), null));
        setup.start();
        setup.awaitState(setup.ask("team/secret:1"), "done");

        JsonObject item = setup.awaitState(setup.ask("team/other:1"), "failed");

        assertEquals("not-found", item.getString("reason"));
        assertNull(setup.hot.blob("team/other", secret.layers().get(0).digest().value()));
    }

    /** Once the source has the layer again, a list copies the index. */
    @Test
    void failsIfNoSourceHasABlobOfAnImageOfAnIndex() {
        List<Image> images = multi();
        setup.cold.remove("team/multi", images.get(3).layers().get(0).digest().value());
        setup.start();

        assertEquals("not-found", setup.awaitState(setup.ask("team/multi:1"), "failed").getString("reason"));
    }

    @Test
    void copiesTheOtherImagesOfAnIndexIfOneCannotBeRead() {
        Image good = Image.of("cold", "team/multi", null, 1);
        Image bad = new Image("team/multi", null, MediaTypes.OCI_MANIFEST, "{\"schemaVersion\":2,\"layers\":[{\"size\":5}]}".getBytes(StandardCharsets.UTF_8), List.of(), List.of(), null);
        setup.cold.put(index("team/multi", "1", List.of(bad, good), descriptor(bad, platform("linux", "arm64", null)), descriptor(good, platform("linux", "amd64", null))));
        setup.start();

        JsonObject item = setup.awaitState(setup.ask("team/multi:1"), "partial");

        assertEquals("unsupported", item.getString("reason"));
        assertTrue(has(good));
        assertNull(setup.hot.manifest("team/multi", "1"));
    }

    @Test
    void retriesOnceHotLetsTheMirrorWrite() {
        Image image = setup.cold.image("team/app", "1");
        setup.hot.refuse("PUT", "manifests/", 1, 403, Map.of(), "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no right\"}]}");
        setup.start("HOT_USERNAME", "mirror", "HOT_PASSWORD", "secret");

        long id = setup.ask("team/app:1");

        JsonObject item = setup.awaitReason(id, "denied");
        assertEquals(1, item.getInteger("attempts"));
        assertTrue(item.getString("message").contains("no right"), item::encode);
        setup.awaitState(id, "done");
        setup.assertCopied(image);
    }
}
