package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.PushRegistry;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;


/** Blobs on their way to hot: sources that send wrong bytes or break off, and destinations that take uploads in different ways. */
@Timeout(120)
class WarmBlobTest {

    private static final int MEGABYTE = 1024 * 1024;
    private static final int CHUNK = 32 * MEGABYTE;

    private final WarmSetup setup = new WarmSetup();

    @AfterEach
    void stop() {
        setup.close();
    }

    private static String descriptor(Digest digest, long size, String more) {
        return "{\"mediaType\":\"application/octet-stream\",\"digest\":\"" + digest + "\",\"size\":" + size + more + "}";
    }

    /** Puts an image of these layers at cold. */
    private Image image(String name, Body... layers) {
        Body config = Body.of("{\"of\":\"" + name + "\"}");
        return image(name, config, Stream.of(layers).map(layer -> descriptor(layer.digest(), layer.length(), "")).collect(Collectors.joining(",")),
                Stream.concat(Stream.of(config), Stream.of(layers)).toList());
    }

    private Image image(String name, Body config, String layers, List<Body> blobs) {
        String manifest = "{\"schemaVersion\":2,\"mediaType\":\"" + MediaTypes.OCI_MANIFEST + "\",\"config\":" + descriptor(config.digest(), config.length(), "") + ",\"layers\":["
                + layers + "]}";
        return setup.cold.put(new Image(name, "1", MediaTypes.OCI_MANIFEST, manifest.getBytes(StandardCharsets.UTF_8), blobs, List.of(), null));
    }

    private List<PushRegistry.Call> patches() {
        return setup.hot.calls().stream().filter(call -> call.method().equals("PATCH")).toList();
    }

    private List<String> ranges(Image image, Body blob) {
        return setup.cold.calls("GET", image.path(blob)).stream().map(call -> String.valueOf(call.header("Range"))).toList();
    }

    @Test
    void commitsNoOtherBytesThanThoseOfTheDigest() {
        Image image = setup.cold.image("team/app", "1");
        String layer = image.path(image.layers().get(0));
        setup.cold.fault(Fault.otherBytes().path(layer));
        setup.start();

        long id = setup.ask("team/app:1");
        JsonObject item = setup.awaitReason(id, "digest");

        assertEquals(1, item.getInteger("attempts"));
        assertTrue(item.getString("message").contains("cold sent other bytes"), item::encode);
        assertNull(setup.hot.blob("team/app", image.layers().get(0).digest().value()));
        assertEquals(0, setup.hot.asked().stream().filter(call -> call.startsWith("PUT") && call.contains("/manifests/")).count());
        setup.cold.heal();
        setup.ask("team/app:1");
        setup.awaitState(id, "done");
        setup.assertCopied(image);
    }

    @ParameterizedTest
    @ValueSource(strings = {"other bytes", "other bytes in chunks", "too few", "too few without a length", "too many", "another length"})
    void asksTheNextSourceIfOneSendsWrongBytes(String how) {
        Body layer = Body.ofSize(how.endsWith("chunks") ? CHUNK + 100 : 1000, 7);
        Image image = image("team/app", layer);
        try (TestRegistry far = TestRegistry.start("far")) {
            far.put(image);
            Fault fault = switch (how) {
                case "too few" -> Fault.spoil(answer -> answer.with(Body.ofSize(900, 7)));
                case "too few without a length" -> Fault.spoil(answer -> answer.with(Body.ofSize(900, 7)).without("Content-Length"));
                case "too many" -> Fault.spoil(answer -> answer.with(Body.ofSize(1100, 8)).without("Content-Length"));
                case "another length" -> Fault.contentLength("12");
                default -> Fault.otherBytes();
            };
            setup.cold.fault(fault.path(image.path(layer)));
            setup.start("FAR_URL", far.url(), "MIRROR_PLAN", "hot,cold,far");

            JsonObject item = setup.awaitState(setup.ask("team/app:1"), "done");

            assertEquals(0, item.getInteger("attempts"));
            assertEquals(item.getLong("bytesTotal"), item.getLong("bytesDone"));
            setup.assertCopied(image);
            assertEquals(1, far.calls("GET", image.path(layer)).size());
        }
    }

    @Test
    void asksForTheRemainingBytesIfASourceBreaksOff() {
        Body layer = Body.ofSize(MEGABYTE, 7);
        Image image = image("team/app", layer);
        setup.cold.fault(Fault.cut(300_000).path(image.path(layer)).times(3));
        setup.start();

        JsonObject item = setup.awaitState(setup.ask("team/app:1"), "done");

        setup.assertCopied(image);
        assertEquals(0, item.getInteger("attempts"));
        List<String> ranges = ranges(image, layer);
        assertEquals("null", ranges.get(0));
        assertTrue(ranges.size() == 4 && ranges.subList(1, 4).stream().allMatch(range -> range.matches("bytes=[0-9]+-")), ranges::toString);
    }

    @Test
    void skipsBytesIfASourceIgnoresRange() {
        Body layer = Body.ofSize(MEGABYTE, 7);
        Image image = image("team/app", layer);
        setup.cold.ignoreRange();
        setup.cold.fault(Fault.cut(700_000).path(image.path(layer)).times(1));
        setup.start();

        setup.awaitState(setup.ask("team/app:1"), "done");

        setup.assertCopied(image);
        assertEquals(2, ranges(image, layer).size());
    }

    /** A storage that sends the beginning of the blob whatever part is asked for. */
    @Test
    void takesNoOtherPartThanThatWhichItAsksFor() {
        Body layer = Body.ofSize(MEGABYTE, 7);
        Image image = image("team/app", layer);
        setup.cold.fault(Fault.instead((call, answer) -> call.header("Range") == null ? answer
                : Answer.of(206, "application/octet-stream", layer.part(0, answer.body().length())).with("Content-Range", "bytes 0-" + (answer.body().length() - 1) + "/" + MEGABYTE))
                .path(image.path(layer)).times(2), Fault.cut(700_000).path(image.path(layer)).times(1));
        setup.start();

        JsonObject item = setup.awaitReason(setup.ask("team/app:1"), "trouble");

        assertTrue(item.getString("message").contains("another part"), item::encode);
    }

    @Test
    void failsAnAttemptIfASourceBreaksOffWithoutAByte() {
        Image image = setup.cold.image("team/app", "1");
        setup.cold.fault(Fault.cut(0).path(image.path(image.layers().get(0))));
        setup.start();

        long id = setup.ask("team/app:1");

        JsonObject item = setup.awaitReason(id, "trouble");
        assertEquals(1, item.getInteger("attempts"));
        assertTrue(item.getString("message").contains("broke off after 0 of"), item::encode);
        setup.cold.heal();
        assertTrue(setup.awaitState(id, "done").getInteger("attempts") > 0);
        setup.assertCopied(image);
        // What was begun at hot was cancelled.
        assertTrue(setup.count("DELETE /v2/team/app/blobs/uploads/") > 0);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 300_000})
    void asksTheNextSourceIfOneBreaksOffAgainAndAgain(int bytes) {
        Body layer = Body.ofSize(2 * MEGABYTE, 7);
        Image image = image("team/app", layer);
        try (TestRegistry far = TestRegistry.start("far"); LogLines log = LogLines.of("io.mirrorregistry")) {
            far.put(image);
            String path = image.path(layer);
            setup.cold.fault(Fault.cut(bytes).where(call -> call.path().equals(path) && call.header("Range") == null),
                    Fault.cut(Math.min(bytes, 1)).where(call -> call.path().equals(path) && call.header("Range") != null));
            setup.start("FAR_URL", far.url(), "MIRROR_PLAN", "hot,cold,far", "MIRROR_LOGGING_LEVEL", "warn");

            JsonObject item = setup.awaitState(setup.ask("team/app:1"), "done");

            assertEquals(0, item.getInteger("attempts"));
            setup.assertCopied(image);
            assertEquals(1, far.calls("GET", path).size());
            assertTrue(log.lines().toString().contains("Registry cold is in trouble: the blob " + layer.digest() + " broke off after "), () -> log.lines().toString());
            assertTrue(ranges(image, layer).size() <= 5, () -> ranges(image, layer).toString());
        }
    }

    @Test
    void asksNoSourceFirstThatHasSentWrongBytesAndBrokenOff() {
        Body layer = Body.ofSize(2 * MEGABYTE, 7);
        Image image = image("team/app", layer);
        try (TestRegistry far = TestRegistry.start("far"); LogLines log = LogLines.of("io.mirrorregistry")) {
            far.put(image);
            String path = image.path(layer);
            setup.cold.fault(Fault.otherBytes().path(path), Fault.cut(100_000).where(call -> call.path().equals(path) && call.header("Range") == null),
                    Fault.cut(0).where(call -> call.path().equals(path) && call.header("Range") != null));
            setup.start("FAR_URL", far.url(), "MIRROR_PLAN", "hot,cold,far", "MIRROR_LOGGING_LEVEL", "warn");

            assertEquals(0, setup.awaitState(setup.ask("team/app:1"), "done").getInteger("attempts"));

            setup.assertCopied(image);
            assertTrue(log.lines().toString().contains(" sent other bytes than those of the blob " + layer.digest()), () -> log.lines().toString());
        }
    }

    @Test
    void sendsALongBlobInChunksThatFitTogether() {
        Image image = image("team/app", Body.ofSize(2L * CHUNK + 5, 7));
        setup.start();

        setup.awaitState(setup.ask("team/app:1"), "done");

        setup.assertCopied(image);
        assertEquals(List.of("0-" + (CHUNK - 1), CHUNK + "-" + (2 * CHUNK - 1), 2 * CHUNK + "-" + (2 * CHUNK + 4)),
                patches().stream().map(call -> call.header("Content-range")).toList());
    }

    @Test
    void sendsChunksThatAreLongEnough() {
        Image image = image("team/app", Body.ofSize(CHUNK + 10 * MEGABYTE, 7));
        setup.hot.chunkMinLength(CHUNK + 5 * MEGABYTE);
        setup.start();

        setup.awaitState(setup.ask("team/app:1"), "done");

        setup.assertCopied(image);
        assertEquals(List.of(CHUNK + 5 * MEGABYTE, 5 * MEGABYTE), patches().stream().map(PushRegistry.Call::bytes).toList());
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 404, 405, 411, 416})
    void sendsTheWholeBlobToARegistryThatTakesNoChunks(int status) {
        Image image = image("team/app", Body.ofSize(CHUNK + 5, 7));
        setup.hot.refuse("PATCH", "/uploads/", Integer.MAX_VALUE, status, Map.of(), "{\"errors\":[{\"code\":\"UNSUPPORTED\"}]}");
        setup.start();

        JsonObject item = setup.awaitState(setup.ask("team/app:1"), "done");

        setup.assertCopied(image);
        assertEquals(item.getLong("bytesTotal"), item.getLong("bytesDone"));
        assertEquals(1, patches().size());
        // A short blob is sent whole at once.
        assertEquals(3, setup.count("POST /v2/team/app/blobs/uploads/"));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void continuesAfterTheConnectionIsCutInAChunk(boolean kept) {
        Image image = image("team/app", Body.ofSize(CHUNK + 20 * MEGABYTE, 7));
        setup.start();
        setup.hot.cut("PATCH", 5 * MEGABYTE, kept);

        JsonObject item = setup.awaitState(setup.ask("team/app:1"), "done");

        // No chunk was confirmed before.
        assertEquals(1, item.getInteger("attempts"));
        setup.assertCopied(image);
    }

    @Test
    void continuesWhereASecondChunkWasCut() {
        Image image = image("team/app", Body.ofSize(CHUNK + 20 * MEGABYTE, 7));
        CountDownLatch latch = new CountDownLatch(1);
        setup.cold.fault(Fault.heldAfter(CHUNK + MEGABYTE, latch).path(image.path(image.layers().get(0))).times(1));
        setup.start("COLD_RESPONSE_TIMEOUT", "20s");
        long id = setup.ask("team/app:1");
        WarmSetup.await("the first chunk", () -> patches().size() == 1);
        setup.hot.cut("PATCH", 100_000, true);
        latch.countDown();

        setup.awaitState(id, "done");

        setup.assertCopied(image);
        assertEquals(CHUNK + 100_000 + "-" + (CHUNK + 20 * MEGABYTE - 1), patches().get(2).header("Content-range"));
        assertEquals(List.of("null", "bytes=" + (CHUNK + 100_000) + "-"), ranges(image, image.layers().get(0)));
    }

    @Test
    void anAttemptThatContinuesAnUploadDoesNotCount() {
        Image image = image("team/app", Body.ofSize(2 * CHUNK + 20 * MEGABYTE, 7));
        setup.start("COLD_RESPONSE_TIMEOUT", "20s");
        CountDownLatch first = heldAfterAChunk(image);
        long id = setup.ask("team/app:1");
        cutAfterPatches(1, first);
        JsonObject item = setup.awaitReason(id, "trouble");
        CountDownLatch second = heldAfterAChunk(image);
        cutAfterPatches(3, second);

        // The first attempt began the upload, and the second one has continued it.
        assertEquals(1, item.getInteger("attempts"));
        assertEquals(1, setup.awaitState(id, "done").getInteger("attempts"));
        setup.assertCopied(image);
    }

    private CountDownLatch heldAfterAChunk(Image image) {
        CountDownLatch latch = new CountDownLatch(1);
        setup.cold.fault(Fault.heldAfter(CHUNK + MEGABYTE, latch).path(image.path(image.layers().get(0))).times(1));
        return latch;
    }

    private void cutAfterPatches(int count, CountDownLatch latch) {
        WarmSetup.await("requests of chunks", () -> patches().size() == count);
        setup.hot.cut("PATCH", 100_000, true);
        latch.countDown();
    }

    /** Copies until hot has the first chunk, and stops the mirror then. */
    private Image stoppedAfterTheFirstChunk() {
        Image image = image("team/app", Body.ofSize(CHUNK + 20 * MEGABYTE, 7));
        CountDownLatch latch = new CountDownLatch(1);
        setup.cold.fault(Fault.heldAfter(CHUNK + MEGABYTE, latch).path(image.path(image.layers().get(0))).times(1));
        setup.start("COLD_RESPONSE_TIMEOUT", "60s");
        long id = setup.ask("team/app:1");
        WarmSetup.await("the first chunk", () -> setup.item(id).getLong("bytesDone") > CHUNK);
        long began = System.nanoTime();
        setup.stop();
        assertTrue(System.nanoTime() - began < TimeUnit.SECONDS.toNanos(10), "closing took too long");
        latch.countDown();
        return image;
    }

    @Test
    void continuesAfterARestart() {
        Image image = stoppedAfterTheFirstChunk();
        setup.hot.forget();

        setup.start();

        setup.awaitState("team/app:1", "done");
        setup.assertCopied(image);
        assertTrue(patches().get(0).header("Content-range").startsWith(CHUNK + "-"), () -> patches().get(0).headers().toString());
    }

    @Test
    void beginsAgainIfTheUploadIsLost() {
        Image image = stoppedAfterTheFirstChunk();
        setup.hot.loseUploads();

        setup.start();

        assertEquals(0, setup.awaitState("team/app:1", "done").getInteger("attempts"));
        setup.assertCopied(image);
    }

    /** Otherwise no attempt would get further. */
    @ParameterizedTest
    @ValueSource(ints = {302, 400, 404, 410, 500, 503})
    void beginsAgainIfTheStateOfTheUploadIsNotKnown(int status) {
        Image image = stoppedAfterTheFirstChunk();
        setup.hot.refuse("GET", "/uploads/", Integer.MAX_VALUE, status, Map.of("Content-Type", "text/html", "Location", "/sorry"), "<html>Not here</html>");

        setup.start();

        assertEquals(0, setup.awaitState("team/app:1", "done").getInteger("attempts"));
        setup.assertCopied(image);
    }

    @Test
    void beginsAgainIfHotNeverRespondsAboutTheUpload() {
        Image image = stoppedAfterTheFirstChunk();
        setup.hot.refuse("GET", "/uploads/", Integer.MAX_VALUE, 0, Map.of(), "");

        setup.start();

        assertEquals(0, setup.awaitState("team/app:1", "done").getInteger("attempts"));
        setup.assertCopied(image);
    }

    @ParameterizedTest
    @ValueSource(strings = {"PATCH", "PUT"})
    void beginsAgainIfTheRestOfAnUploadIsRefused(String method) {
        Image image = stoppedAfterTheFirstChunk();
        setup.hot.refuse(method, "/uploads/", 1, 400, Map.of(), "{\"errors\":[{\"code\":\"BLOB_UPLOAD_INVALID\"}]}");

        setup.start();

        JsonObject item = setup.awaitState("team/app:1", "done");
        assertEquals(0, item.getInteger("attempts"));
        assertEquals(item.getLong("bytesTotal"), item.getLong("bytesDone"));
        setup.assertCopied(image);
    }

    @Test
    void copiesAnEmptyLayerAndALayerThatIsListedTwice() {
        Body twice = Body.ofSize(1000, 7);
        Image image = image("team/app", Body.of(""), twice, twice);
        setup.start();

        setup.awaitState(setup.ask("team/app:1"), "done");

        setup.assertCopied(image);
        assertEquals(1, ranges(image, twice).size());
        assertEquals(3, setup.count("POST /v2/team/app/blobs/uploads/"));
    }

    @Test
    void copiesNoLayerThatMayNotBeDistributed() {
        Body near = Body.ofSize(1000, 7);
        Body foreign = Body.ofSize(2000, 8);
        Body config = Body.of("{}");
        Image image = image("team/app", config, descriptor(near.digest(), 1000, "") + "," + descriptor(foreign.digest(), 2000, ",\"urls\":[\"https://example.com/layer\"]").replace("octet-stream", "vnd.oci.image.layer.nondistributable.v1.tar"),
                List.of(config, near));
        setup.hot.withoutChecks();
        setup.start();

        setup.awaitState(setup.ask("team/app:1"), "done");

        setup.assertCopied(image);
        assertEquals(0, setup.hot.asked().stream().filter(call -> call.contains(foreign.digest().value())).count());
    }

    @Test
    void copiesBlobsOfSha512() throws Exception {
        Body layer = Body.ofSize(1000, 7);
        Body config = Body.of("{}");
        Digest digest = new Digest("sha512:" + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-512").digest(layer.bytes())));
        Image image = image("team/app", config, descriptor(digest, 1000, ""), List.of(config));
        setup.cold.blob("team/app", digest, layer);
        setup.start();

        setup.awaitState(setup.ask("team/app:1"), "done");

        setup.assertCopied(image);
        assertArrayEquals(layer.bytes(), setup.hot.blob("team/app", digest.value()));
    }

    @Test
    void mountsABlobThatAnotherRepositoryHas() {
        Body layer = Body.ofSize(1000, 7);
        Image first = image("team/first", layer);
        Image second = image("team/second", layer);
        setup.start();

        setup.awaitState(setup.ask("team/first:1"), "done");
        setup.awaitState(setup.ask("team/second:1"), "done");

        setup.assertCopied(first);
        setup.assertCopied(second);
        assertEquals(0, ranges(second, layer).size());
    }

    @ParameterizedTest
    @ValueSource(ints = {202, 401, 403, 404, 405, 500, 503})
    void copiesABlobThatCannotBeMounted(int status) {
        Body layer = Body.ofSize(1000, 7);
        image("team/first", layer);
        Image second = image("team/second", layer);
        setup.start();
        setup.awaitState(setup.ask("team/first:1"), "done");
        if (status == 202) {
            setup.hot.withoutMounts();
        } else {
            setup.hot.refuse("POST", "mount=", Integer.MAX_VALUE, status, Map.of(), "{\"errors\":[{\"code\":\"DENIED\"}]}");
        }

        assertEquals(0, setup.awaitState(setup.ask("team/second:1"), "done").getInteger("attempts"));

        setup.assertCopied(second);
    }

    @Test
    void waitsForASlowSourceNoLongerThanItsTimeout() {
        Image image = setup.cold.image("team/app", "1");
        setup.cold.fault(Fault.pauseAfter(10, Duration.ofSeconds(30)).on(Kind.BLOB).times(1));
        setup.start("COLD_RESPONSE_TIMEOUT", "500ms");

        assertEquals(0, setup.awaitState(setup.ask("team/app:1"), "done").getInteger("attempts"));

        setup.assertCopied(image);
    }
}
