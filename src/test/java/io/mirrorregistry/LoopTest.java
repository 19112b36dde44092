package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestProxy;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A request that comes back to the mirror that sent it, by way of another address than the mirror's own. */
class LoopTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestStorage storage = TestStorage.start();
    private final TokenService tokens = TokenService.start();
    /** Stands before the mirror, as a load balancer does. */
    private final TestProxy front = TestProxy.start();
    private final List<TestMirror> mirrors = new ArrayList<>();

    private TestMirror start(String... settings) {
        TestMirror mirror = TestMirror.start(settings);
        mirrors.add(mirror);
        return mirror;
    }

    private TestMirror startBehindFront(String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_LOGGING_LEVEL", "warn"));
        settings.addAll(List.of(more));
        TestMirror mirror = start(settings.toArray(String[]::new));
        front.alwaysTo(mirror.port());
        return mirror;
    }

    @AfterEach
    void stop() {
        front.close();
        List.of(hot, cold, storage, tokens).forEach(TestServer::close);
        mirrors.forEach(TestMirror::close);
    }

    /** Redirects each tag to the next one at the mirror. */
    private void redirectToNextTag(String host) {
        AtomicInteger number = new AtomicInteger();
        hot.fault(Fault.instead((call, answer) -> Answer.of(307).with("Location", "http://" + host + "/v2/library/app/manifests/t" + number.incrementAndGet()))
                .on(Kind.MANIFEST));
    }

    @ParameterizedTest
    @ValueSource(strings = {"GET", "HEAD"})
    void tagsRedirectedToTheMirrorItselfAreCalledOnce(String method) {
        TestMirror mirror = startBehindFront();
        redirectToNextTag("127.0.0.1:" + mirror.port());
        assertEquals(503, mirror.send(method, "/v2/library/app/manifests/t0").status());
        assertTrue(hot.calls(method, Kind.MANIFEST).size() + hot.calls("GET", Kind.MANIFEST).size() <= 2, hot.calls().toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "ours", "0123456789abcdef0123456789abcdef"})
    void aTagRedirectedToTheLoadBalancerInFrontIsRefusedWhereItComesBack(String id) {
        TestMirror mirror = startBehindFront();
        redirectToNextTag(front.host());
        String[] headers = id.isEmpty() ? new String[0] : new String[] {"X-Request-ID", id, "Via", "1.1 somebody"};
        try (LogLines log = LogLines.of("io.mirrorregistry.server")) {
            assertEquals(503, mirror.get("/v2/library/app/manifests/t0", headers).status());
            assertEquals(1, log.lines().size(), log.lines().toString());
            assertTrue(log.lines().get(0).startsWith("GET /v2/library/app/manifests/t1 came back to this mirror"), log.lines().get(0));
        }
        assertEquals(1, hot.calls("GET", Kind.MANIFEST).size());
        assertEquals(1, front.calls().size());
        Image image = cold.image("library/app", "t0");
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
    }

    @Test
    void theAnswerToWhatComesBackIsAnErrorBody() {
        TestMirror mirror = startBehindFront();
        Image image = hot.image("library/app", "1.0");
        mirror.get(image.path());
        String via = hot.calls("GET", Kind.MANIFEST).get(0).header("Via");
        for (String path : List.of(image.path(), "/v2/", "/v2/library/app/tags/list", image.path(image.layers().get(0)))) {
            Reply reply = mirror.get(path, "Via", "1.1 first, " + via + ", 1.1 last");
            assertEquals(508, reply.status(), path);
            assertTrue(reply.text().contains("\"LOOP_DETECTED\""), reply.text());
            assertEquals(508, mirror.head(path, "Via", via).status());
        }
        assertEquals(1, hot.calls("GET", Kind.MANIFEST).size());
    }

    @Test
    void whatIsKeptInMemoryDoesNotComeBackEither() {
        TestMirror mirror = startBehindFront("MIRROR_CACHE_SIZE", "1MB");
        Image image = hot.image("library/app", "1.0");
        assertEquals(200, mirror.get(image.path()).status());
        String via = hot.calls("GET", Kind.MANIFEST).get(0).header("Via");
        assertEquals(508, mirror.get(image.path(), "Via", via).status());
        assertEquals(200, mirror.get(image.path(), "Via", "1.1 squid").status());
    }

    @Test
    void blobsAndListsAreRefusedToo() {
        TestMirror mirror = startBehindFront("HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy");
        Image image = Image.of("none", "library/app", "1.0", 1);
        hot.fault(Fault.instead((call, answer) -> call.kind() == Kind.PING ? answer : Answer.of(307).with("Location", "http://" + front.host() + call.target())));
        String layer = image.path(image.layers().get(0));
        for (String path : List.of(layer, "/v2/library/app/tags/list", "/v2/library/app/referrers/" + image.digest())) {
            int before = front.calls().size();
            assertEquals(503, mirror.get(path).status(), path);
            assertTrue(front.calls().size() - before <= 2, path + ": " + front.calls().size());
        }
        int before = front.calls().size();
        assertEquals(503, mirror.head(layer).status());
        assertTrue(front.calls().size() - before <= 3, front.calls().size() + " calls");
        cold.put(image);
        assertEquals(200, mirror.get(layer).status());
    }

    @Test
    void aTokenServiceThatIsTheMirrorIsRefused() {
        TestMirror mirror = startBehindFront();
        AtomicInteger number = new AtomicInteger();
        hot.requireBearer(tokens).fault(Fault.instead((call, answer) -> Answer.of(401).with("WWW-Authenticate",
                "Bearer realm=\"http://" + front.host() + "/v2/library/app-" + number.incrementAndGet() + "/manifests/1\"")).on(Kind.MANIFEST));
        assertEquals(503, mirror.get("/v2/library/app/manifests/1").status());
        assertEquals(1, front.calls().size());
        assertEquals(1, hot.calls("GET", Kind.MANIFEST).size());
    }

    @Test
    void aRegistryWhoseUrlLeadsToTheMirrorIsInTrouble() {
        TestMirror mirror = start("HOT_URL", "http://" + front.host(), "COLD_URL", cold.url());
        front.alwaysTo(mirror.port());
        assertEquals(503, mirror.get("/v2/library/app/manifests/1").status());
        assertEquals(1, front.calls().stream().filter(call -> call.kind() == Kind.MANIFEST).count());
        Image image = cold.image("library/app", "1");
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
    }

    @Test
    void twoMirrorsThatAskEachOtherNoticeIt() {
        TestMirror one = start("HOT_URL", "http://" + front.host(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "20s");
        TestMirror two = start("HOT_URL", one.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "20s");
        front.alwaysTo(two.port());
        assertEquals(503, one.get("/v2/library/app/manifests/1").status());
        assertEquals(1, front.calls().stream().filter(call -> call.kind() == Kind.MANIFEST).count());
        front.alwaysTo(hot.port());
        Image image = hot.image("library/app", "2");
        assertArrayEquals(image.manifest(), two.get(image.path()).body());
    }

    /** Something on the way may drop Via. */
    @Test
    void aRequestThatComesBackWithoutViaIsKnownByTheIdThatTheMirrorHasMade() throws Exception {
        TestMirror mirror = startBehindFront("HOT_RESPONSE_TIMEOUT", "20s");
        Image image = hot.image("library/app", "1.0");
        CountDownLatch held = new CountDownLatch(1);
        hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        CompletableFuture<Reply> waits = CompletableFuture.supplyAsync(() -> mirror.get(image.path()));
        for (int i = 0; i < 1000 && hot.calls("GET", Kind.MANIFEST).isEmpty(); i++) {
            TimeUnit.MILLISECONDS.sleep(10);
        }
        String id = hot.calls("GET", Kind.MANIFEST).get(0).header("X-Request-ID");
        assertEquals(508, mirror.get("/v2/library/other/manifests/1", "X-Request-ID", id).status());
        held.countDown();
        assertArrayEquals(image.manifest(), waits.get(30, TimeUnit.SECONDS).body());
        hot.heal();
        int status = 508;
        for (int i = 0; i < 100 && status == 508; i++) {
            status = mirror.get(image.path(), "X-Request-ID", id).status();
        }
        assertEquals(200, status);
    }

    /** Each mirror alone is sent on by its registry, to the other one. */
    @ParameterizedTest
    @ValueSource(strings = {"GET", "HEAD"})
    void twoMirrorsWhoseBlobsAreAtEachOtherNoticeItToo(String method) {
        TestMirror one = start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_BLOBS", "proxy", "HOT_RESPONSE_TIMEOUT", "20s");
        try (TestRegistry other = TestRegistry.start("other")) {
            TestMirror two = start("HOT_URL", other.url(), "COLD_URL", cold.url(), "HOT_BLOBS", "proxy", "HOT_RESPONSE_TIMEOUT", "20s");
            front.alwaysTo(two.port());
            // Each time for another blob, so that no mirror finds its own flight under way.
            AtomicInteger number = new AtomicInteger();
            hot.fault(Fault.instead((call, answer) -> Answer.of(307).with("Location", "http://" + front.host() + blob(number.incrementAndGet()))).on(Kind.BLOB));
            other.fault(Fault.instead((call, answer) -> Answer.of(307).with("Location", one.url() + blob(number.incrementAndGet()))).on(Kind.BLOB));
            assertEquals(503, one.send(method, blob(0)).status());
            // A HEAD is tried with GET once more.
            assertTrue(front.calls().size() <= (method.equals("GET") ? 1 : 2), front.calls().size() + " calls");
        }
    }

    private static String blob(int number) {
        return "/v2/library/app/blobs/sha256:" + String.format("%064x", number);
    }

    @Test
    void manyRequestsUnderWayMayHaveOneId() throws Exception {
        TestMirror mirror = startBehindFront("HOT_RESPONSE_TIMEOUT", "20s");
        CountDownLatch held = new CountDownLatch(1);
        hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
        HttpClient clients = HttpClient.newHttpClient();
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + hot.image("library/app", "t" + i).path(), Duration.ofSeconds(30),
                    "X-Request-ID", "job-17"), HttpResponse.BodyHandlers.ofByteArray()));
        }
        hot.awaitCalls(30);
        held.countDown();
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(200, pull.get(30, TimeUnit.SECONDS).statusCode());
        }
    }

    @Test
    void everyCallButNoneOfAClientsProxiesIsInVia() {
        TestMirror mirror = startBehindFront("HOT_BLOBS", "proxy");
        hot.requireBearer(tokens);
        hot.redirectBlobsTo(storage);
        Image image = hot.image("library/app", "1.0");
        assertEquals(200, mirror.get(image.path(), "Via", "1.1 proxy.of.the.client (secret)").status());
        assertEquals(200, mirror.get(image.path(image.layers().get(0)), "Via", "1.1 proxy.of.the.client (secret)").status());
        for (TestServer server : List.of(hot, tokens, storage)) {
            assertFalse(server.calls().isEmpty());
            for (Call call : server.calls()) {
                assertTrue(String.valueOf(call.header("Via")).matches("1\\.1 mirror-registry-[0-9a-f]{32}"), call.toString());
            }
        }
        assertNull(mirror.get(image.path()).header("Via"));
    }
}
