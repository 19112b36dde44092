package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A tag whose time is over while a registry is in trouble: one look-up for all clients, also for those that come one after the other. */
class StaleAnswerTest {

    private static final int CLIENTS = 40;
    private static final long TTL = 1500;
    /** In this time, all clients can come one after the other. */
    private static final long LONG_TTL = 6000;

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final Image image = hot.image("library/app", "1.0");
    private TestMirror mirror;

    private void start(String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_CACHE_SIZE", "32MB",
                "MIRROR_CACHE_TAG_TTL", TTL + "ms"));
        settings.addAll(List.of(more));
        mirror = TestMirror.start(settings.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        hot.close();
        cold.close();
        mirror.close();
    }

    /** Pulls the tag, lets its time end, and puts hot in trouble. */
    private void outlive(Fault fault) throws InterruptedException {
        outlive(fault, TTL);
    }

    private void outlive(Fault fault, long ttl) throws InterruptedException {
        assertEquals(200, mirror.get(image.path()).status());
        TimeUnit.MILLISECONDS.sleep(ttl + 50);
        forget();
        hot.fault(fault);
    }

    private void forget() {
        hot.forget();
        cold.forget();
    }

    /** Returns how often hot and cold were asked. Cold's "no" to a HEAD is proved by a GET, which belongs to the same question. */
    private long asked() {
        return Stream.concat(hot.calls().stream().filter(call -> call.kind() == Kind.MANIFEST), cold.calls("GET", Kind.MANIFEST).stream()).count();
    }

    private void isStale(String method, Reply reply) {
        assertEquals(200, reply.status());
        assertEquals(image.digest().value(), reply.header("Docker-Content-Digest"));
        assertNotNull(reply.header("Warning"));
        if (method.equals("GET")) {
            assertArrayEquals(image.manifest(), reply.body());
        }
    }

    private static Fault fault(String how) {
        return switch (how) {
            case "429" -> Fault.status(429);
            case "503" -> Fault.status(503, Duration.ofMinutes(1));
            case "date" -> Fault.status(503, Instant.now().plusSeconds(60));
            default -> Fault.silence();
        };
    }

    @ParameterizedTest
    @Execution(ExecutionMode.CONCURRENT)
    @CsvSource({"429,GET", "429,HEAD", "503,GET", "503,HEAD", "date,GET", "silence,GET", "silence,HEAD"})
    void clientsOneAfterTheOtherShareIt(String how, String method) throws Exception {
        start("MIRROR_CACHE_TAG_TTL", LONG_TTL + "ms");
        outlive(fault(how), LONG_TTL);
        for (int i = 0; i < CLIENTS; i++) {
            isStale(method, mirror.send(method, image.path()));
        }
        // Hot and cold, once each.
        assertEquals(2, asked());
        // What GET has found out counts for HEAD as well, and the other way round.
        isStale("HEAD", mirror.head(image.path()));
        isStale("GET", mirror.get(image.path()));
        assertEquals(2, asked());
        assertTrue(mirror.management("/observe/metrics").text().contains("mirror_cache_lookups_total{kind=\"manifest\",result=\"stale\"} " + (CLIENTS + 2) + ".0"),
                mirror.management("/observe/metrics").text().lines().filter(line -> line.startsWith("mirror_cache_lookups")).toList().toString());
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void clientsAtTheSameTimeShareIt() throws Exception {
        start();
        outlive(Fault.status(429));
        HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + image.path(), Duration.ofSeconds(30)), HttpResponse.BodyHandlers.ofByteArray()));
        }
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            isStale("GET", new Reply(pull.get(30, TimeUnit.SECONDS)));
        }
        assertEquals(2, asked());
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aRegistryThatIsNotAskedCountsAsWell() throws Exception {
        start("MIRROR_BREAKER_CALLS", "1", "MIRROR_BREAKER_MINIMUM_CALLS", "1", "MIRROR_BREAKER_PROBE_INTERVAL", "1h", "MIRROR_CACHE_TAG_TTL", LONG_TTL + "ms");
        outlive(Fault.status(500), LONG_TTL);
        mirror.get("/v2/library/none/manifests/1.0");
        forget();
        for (int i = 0; i < CLIENTS; i++) {
            isStale("GET", mirror.get(image.path()));
        }
        // Cold, once.
        assertEquals(1, asked());
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void eachAcceptIsAskedForOnce() throws Exception {
        start("MIRROR_CACHE_TAG_TTL", LONG_TTL + "ms");
        List<String> accepts = List.of(image.mediaType(), image.mediaType() + ", */*");
        for (String accept : accepts) {
            assertEquals(200, mirror.get(image.path(), "Accept", accept).status());
        }
        outlive(Fault.status(429), LONG_TTL);
        for (int i = 0; i < CLIENTS; i++) {
            isStale("GET", mirror.get(image.path(), "Accept", accepts.get(i % 2)));
        }
        assertEquals(4, asked());
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aRegistryThatHealedIsAskedAfterTheTagsTime() throws Exception {
        start();
        outlive(Fault.status(429));
        isStale("GET", mirror.get(image.path()));
        hot.heal();
        Image moved = hot.put(Image.of("another", "library/app", "1.0", 1));
        isStale("GET", mirror.get(image.path()));
        TimeUnit.MILLISECONDS.sleep(TTL + 50);
        Reply fresh = mirror.get(image.path());
        assertArrayEquals(moved.manifest(), fresh.body());
        assertNull(fresh.header("Warning"));
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aRegistryThatHealedIsAskedAfterItsRetryAfter() throws Exception {
        start();
        outlive(Fault.status(429, Duration.ofSeconds(1)));
        isStale("GET", mirror.get(image.path()));
        isStale("GET", mirror.get(image.path()));
        assertEquals(2, asked());
        hot.heal();
        TimeUnit.MILLISECONDS.sleep(1050);
        assertNull(mirror.get(image.path()).header("Warning"));
    }

    @ParameterizedTest
    @Execution(ExecutionMode.CONCURRENT)
    @ValueSource(booleans = {false, true})
    void zeroAsksEachTime(boolean retryAfter) throws Exception {
        start(retryAfter ? new String[0] : new String[] {"MIRROR_CACHE_TAG_TTL", "0"});
        outlive(retryAfter ? Fault.status(429, Duration.ZERO) : Fault.status(429));
        for (int i = 0; i < 3; i++) {
            isStale("GET", mirror.get(image.path()));
        }
        assertEquals(6, asked());
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void itIsServedNoLongerThanItMayBe() throws Exception {
        start("MIRROR_CACHE_STALE_IF_ERROR", "500ms");
        outlive(Fault.status(429));
        isStale("GET", mirror.get(image.path()));
        TimeUnit.MILLISECONDS.sleep(600);
        assertEquals(429, mirror.get(image.path()).status());
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aTagThatTurnsOutToBeGoneIsGone() throws Exception {
        start();
        outlive(Fault.status(429, Duration.ofSeconds(1)));
        isStale("GET", mirror.get(image.path()));
        hot.heal();
        hot.remove("library/app", "1.0");
        TimeUnit.MILLISECONDS.sleep(1050);
        assertEquals(404, mirror.get(image.path()).status());
        assertEquals(404, mirror.get(image.path()).status());
    }
}
