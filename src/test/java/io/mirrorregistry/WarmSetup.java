package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.PushRegistry;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** A mirror that copies from the registry cold to the registry hot, with its queue in a folder. */
final class WarmSetup implements AutoCloseable {

    private static final long TIMEOUT_SECONDS = 20;

    final PushRegistry hot = PushRegistry.start();
    final TestRegistry cold = TestRegistry.start("cold");
    final Path folder;
    private final HttpClient client = HttpClient.newHttpClient();
    private TestMirror mirror;

    WarmSetup() {
        try {
            folder = Files.createTempDirectory("warm");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes the file of {@code MIRROR_WARM_FILE} at once, also while a mirror reads it. Returns its path. */
    Path list(String images) {
        try {
            Path next = Files.writeString(folder.resolve("next.yaml"), "images:\n" + images);
            return Files.move(next, folder.resolve("warm.yaml"), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Starts the mirror; settings as for {@link TestMirror#start}, the later ones win. */
    TestMirror start(String... more) {
        return startIn(Path.of(""), more);
    }

    TestMirror startIn(Path directory, String... more) {
        List<String> all = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_WARM_TO", "hot", "MIRROR_STORE_URL",
                "jdbc:h2:file:" + folder.resolve("queue"), "MIRROR_CACHE_SIZE", "32MB", "HOT_RESPONSE_TIMEOUT", "3s", "COLD_RESPONSE_TIMEOUT", "3s"));
        all.addAll(Arrays.asList(more));
        mirror = TestMirror.startIn(directory, all.toArray(String[]::new));
        return mirror;
    }

    TestMirror mirror() {
        return mirror;
    }

    /** Stops the mirror; the queue stays. */
    void stop() {
        if (mirror != null) {
            mirror.close();
            mirror = null;
        }
    }

    /** Pulls an image through the mirror. */
    void pull(Image image) {
        assertEquals(200, mirror.get(image.path()).status());
    }

    /** Sends a request to the management port. */
    HttpResponse<String> manage(String method, String path, String json) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + mirror.managementPort() + path));
        request.method(method, json == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(json));
        if (json != null) {
            request.header("Content-Type", "application/json");
        }
        try {
            return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    HttpResponse<String> asks(String image, String... platforms) {
        return manage("POST", "/warm", new JsonObject().put("image", image).put("platforms", new JsonArray(List.of(platforms))).encode());
    }

    /** Asks for an image; returns the id of its item. */
    long ask(String image, String... platforms) {
        HttpResponse<String> response = asks(image, platforms);
        assertEquals(202, response.statusCode(), response.body());
        return new JsonObject(response.body()).getLong("id");
    }

    JsonObject item(long id) {
        return new JsonObject(manage("GET", "/warm/" + id, null).body());
    }

    JsonObject overview() {
        return new JsonObject(manage("GET", "/warm", null).body());
    }

    /** Returns all items that the overview shows. */
    List<JsonObject> items() {
        JsonObject overview = overview();
        return Stream.of("running", "waiting", "finished", "failed").flatMap(list -> overview.getJsonArray(list).stream()).map(JsonObject.class::cast).toList();
    }

    /** Waits until an item of the image is in a state, and returns it. */
    JsonObject awaitState(String image, String state) {
        return await(image + " is " + state, () -> items().stream().filter(item -> item.getString("image").equals(image)).findFirst().orElse(null),
                item -> item != null && item.getString("state").equals(state));
    }

    /** Waits until an item is in a state, and returns it. */
    JsonObject awaitState(long id, String state) {
        return await(id + " is " + state, () -> item(id), item -> state.equals(item.getString("state")));
    }

    /** Waits until an item waits for another attempt or another turn, with a reason, and returns it. */
    JsonObject awaitReason(long id, String reason) {
        return await(id + " has the reason " + reason, () -> item(id), item -> reason.equals(item.getString("reason")));
    }

    /** Waits until no item runs or waits. While one ends, the overview may show it twice or not at all: it reads its lists one after the other. */
    void awaitAllEnded() {
        await("all items have ended", () -> overview().getJsonObject("counts"), counts -> counts.getInteger("running") == 0 && counts.getInteger("waiting") == 0);
    }

    /** Reads a value that changes. */
    interface Reading<T> {

        T read();
    }

    static <T> T await(String what, Reading<T> reading, Predicate<T> fits) {
        return await(what, reading, fits, TIMEOUT_SECONDS);
    }

    static <T> T await(String what, Reading<T> reading, Predicate<T> fits, long seconds) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        T found = reading.read();
        while (!fits.test(found)) {
            if (System.nanoTime() > end) {
                throw new AssertionError("not in time: " + what + "; there is " + found);
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
            found = reading.read();
        }
        return found;
    }

    static void await(String what, BooleanSupplier condition) {
        await(what, condition, TIMEOUT_SECONDS);
    }

    static void await(String what, BooleanSupplier condition, long seconds) {
        await(what, condition::getAsBoolean, fits -> fits, seconds);
    }

    /** Asserts that hot has the bytes of the image and of its blobs, and its tag. */
    void assertCopied(Image image) {
        await("the manifest of " + image.path(), () -> hot.manifest(image.name(), image.tag() == null ? image.digest().value() : image.tag()) != null);
        assertArrayEquals(image.manifest(), hot.manifest(image.name(), image.digest().value()));
        assertArrayEquals(image.manifest(), hot.manifest(image.name(), image.tag() == null ? image.digest().value() : image.tag()));
        assertBlobs(image);
    }

    void assertBlobs(Image image) {
        for (Body blob : image.blobs()) {
            assertArrayEquals(blob.bytes(), hot.blob(image.name(), blob.digest().value()), () -> "blob " + blob.digest());
        }
    }

    /** Returns the PUTs of manifests at hot, without a query. */
    List<String> manifestPuts() {
        return hot.asked().stream().filter(call -> call.startsWith("PUT ") && call.contains("/manifests/")).toList();
    }

    /** Returns how often hot got requests that begin so. */
    long count(String beginning) {
        return hot.asked().stream().filter(call -> call.startsWith(beginning)).count();
    }

    @Override
    public void close() {
        stop();
        hot.close();
        cold.close();
        try (Stream<Path> files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
