package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TokenService;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Many clients want the same at the same time. */
class SingleFlightTest {

    private static final int CLIENTS = 200;

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final HttpClient clients = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final CountDownLatch held = new CountDownLatch(1);
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "30s",
            "MIRROR_SERVER_WORKERS", "4");

    @AfterEach
    void stop() {
        held.countDown();
        hot.close();
        cold.close();
        mirror.close();
    }

    private void awaitJoined(int count, Kind kind) throws InterruptedException {
        String wanted = "mirror_cache_lookups_total{kind=\"" + kind.name().toLowerCase(Locale.ROOT) + "\",result=\"joined\"} " + count + ".0";
        for (int i = 0; i < 1500 && !mirror.management("/observe/metrics").text().contains(wanted); i++) {
            TimeUnit.MILLISECONDS.sleep(20);
        }
        String found = mirror.management("/observe/metrics").text();
        assertTrue(found.contains(wanted), () -> found.lines().filter(line -> line.startsWith("mirror_cache_lookups")).toList().toString());
    }

    /** Lets them all come before the first answer. */
    private List<HttpResponse<byte[]>> crowd(String path, Kind kind) throws Exception {
        hot.fault(Fault.heldUntil(held).on(kind));
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + path, Duration.ofSeconds(60)),
                    HttpResponse.BodyHandlers.ofByteArray()));
        }
        hot.awaitCalls(1);
        // With four workers, one of them waiting for hot, others are served on the side.
        Image other = cold.image("library/other", "1.0");
        hot.remove("library/other", "1.0");
        assertEquals(200, mirror.get("/v2/").status());
        awaitJoined(CLIENTS - 1, kind);
        held.countDown();
        List<HttpResponse<byte[]>> replies = new ArrayList<>();
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            replies.add(pull.get(30, TimeUnit.SECONDS));
        }
        assertArrayEquals(other.manifest(), mirror.get(other.path()).body());
        return replies;
    }

    @Test
    void costsOneManifestCallAndOneTokenCall() throws Exception {
        try (TokenService tokens = TokenService.start()) {
            hot.requireBearer(tokens);
            Image image = hot.image("library/app", "1.0");
            for (HttpResponse<byte[]> reply : crowd(image.path(), Kind.MANIFEST)) {
                assertEquals(200, reply.statusCode());
                assertArrayEquals(image.manifest(), reply.body());
            }
            assertEquals(1, tokens.calls().stream().filter(call -> String.valueOf(call.parameter("scope")).contains("library/app")).count());
            assertEquals(1, hot.calls("GET", image.path()).stream().filter(call -> call.header("Authorization") != null).count());
            assertEquals(0, cold.calls("GET", image.path()).size());
        }
    }

    @Test
    void sharesACallThatFindsABlob() throws Exception {
        Image image = hot.image("library/app", "1.0");
        String path = image.path(image.config());
        for (HttpResponse<byte[]> reply : crowd(path, Kind.BLOB)) {
            assertEquals(307, reply.statusCode());
        }
        assertEquals(1, hot.calls("HEAD", path).size());
    }

    @Test
    void sharesThatNobodyHasIt() throws Exception {
        for (HttpResponse<byte[]> reply : crowd("/v2/library/none/manifests/1", Kind.MANIFEST)) {
            assertEquals(404, reply.statusCode());
            assertTrue(new String(reply.body(), StandardCharsets.UTF_8).contains("MANIFEST_UNKNOWN"));
        }
        assertEquals(1, hot.calls("GET", "/v2/library/none/manifests/1").size());
        assertEquals(1, cold.calls("GET", "/v2/library/none/manifests/1").size());
    }

    @Test
    void sharesAnOutage() throws Exception {
        cold.fault(Fault.status(500).path("/v2/library/none/manifests/1"));
        for (HttpResponse<byte[]> reply : crowd("/v2/library/none/manifests/1", Kind.MANIFEST)) {
            assertEquals(503, reply.statusCode());
        }
        assertEquals(1, cold.calls("GET", "/v2/library/none/manifests/1").size());
    }

    @Test
    void isServedWhenTheFirstOfThemLeaves() throws Exception {
        Image image = hot.image("library/app", "1.0");
        hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        try (Socket first = new Socket("127.0.0.1", mirror.port())) {
            first.getOutputStream().write(("GET " + image.path() + " HTTP/1.1\r\nHost: mirror\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            hot.awaitCalls(1);
        }
        CompletableFuture<HttpResponse<byte[]>> second = clients.sendAsync(
                TestClient.request("GET", mirror.url() + image.path(), Duration.ofSeconds(60)), HttpResponse.BodyHandlers.ofByteArray());
        Thread.sleep(200);
        held.countDown();
        assertArrayEquals(image.manifest(), second.get(30, TimeUnit.SECONDS).body());
    }
}
