package io.mirrorregistry.work;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.Networks;
import io.mirrorregistry.config.Settings.ServerSettings;
import io.mirrorregistry.server.EdgeHandlers;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Who gets a worker, over real HTTP; a task answers once the test lets it. */
class WorkersTest {

    private final Vertx vertx = Vertx.vertx();
    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final CountDownLatch held = new CountDownLatch(1);
    private final List<String> begun = new CopyOnWriteArrayList<>();
    private Workers workers;
    private HttpServer server;

    private void start(int most, int requests, Duration queueTime) {
        workers = new Workers(vertx, new ServerSettings(0, most, requests, queueTime, Duration.ofSeconds(25), most, Duration.ofMinutes(1),
                Duration.ofSeconds(10), 4096, 16384, 100, 0, 100, Duration.ofSeconds(1), null, Networks.NONE),
                EdgeHandlers::busy);
        Router router = Router.router(vertx);
        router.route().handler(request -> workers.run(request, () -> {
            begun.add(request.request().path());
            if (request.request().path().equals("/fails")) {
                request.response().end("failed");
                throw new IllegalStateException("on purpose");
            }
            if (request.request().path().equals("/overflows")) {
                request.response().end("failed");
                throw new StackOverflowError("on purpose");
            }
            if (request.request().path().startsWith("/held")) {
                await(held);
            }
            request.response().end("done");
        }));
        server = vertx.createHttpServer().requestHandler(router);
        server.listen(0, "127.0.0.1").toCompletionStage().toCompletableFuture().join();
    }

    @AfterEach
    void stop() {
        held.countDown();
        vertx.close().toCompletionStage().toCompletableFuture().join();
        workers.close();
    }

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(30, TimeUnit.SECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 500 && !condition.getAsBoolean(); i++) {
            Thread.sleep(20);
        }
        assertTrue(condition.getAsBoolean());
    }

    private CompletableFuture<HttpResponse<String>> ask(String path) {
        return client.sendAsync(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.actualPort() + path))
                .timeout(Duration.ofSeconds(30)).build(), HttpResponse.BodyHandlers.ofString());
    }

    private List<CompletableFuture<HttpResponse<String>>> occupy(int count) throws InterruptedException {
        List<CompletableFuture<HttpResponse<String>>> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            all.add(ask("/held/" + i));
        }
        await(() -> begun.size() == count);
        return all;
    }

    private static void assertLater(HttpResponse<String> answer) {
        assertEquals(503, answer.statusCode());
        assertEquals("1", answer.headers().firstValue("Retry-After").orElse(null));
        assertTrue(answer.body().contains("UNAVAILABLE"), answer.body());
    }

    @Test
    void aRequestWaitsForAWorkerThatBecomesFreeInTime() throws Exception {
        start(2, 100, Duration.ofSeconds(30));
        occupy(2);
        CompletableFuture<HttpResponse<String>> third = ask("/third");
        Thread.sleep(100);
        assertEquals(2, begun.size());
        held.countDown();
        assertEquals("done", third.get(30, TimeUnit.SECONDS).body());
    }

    @Test
    void whatWaitsLongerThanTheQueueTimeIsToldSo() throws Exception {
        start(2, 100, Duration.ofMillis(300));
        List<CompletableFuture<HttpResponse<String>>> working = occupy(2);
        long start = System.nanoTime();
        List<CompletableFuture<HttpResponse<String>>> late = List.of(ask("/late/1"), ask("/late/2"), ask("/late/3"));
        for (CompletableFuture<HttpResponse<String>> one : late) {
            assertLater(one.get(20, TimeUnit.SECONDS));
        }
        assertTrue(System.nanoTime() - start >= TimeUnit.MILLISECONDS.toNanos(290));
        held.countDown();
        for (CompletableFuture<HttpResponse<String>> one : working) {
            assertEquals("done", one.get(20, TimeUnit.SECONDS).body());
        }
        assertEquals("done", ask("/after").get(20, TimeUnit.SECONDS).body());
        assertFalse(begun.stream().anyMatch(path -> path.startsWith("/late")), begun.toString());
    }

    @Test
    void onTopOfTheMostRequestsNobodyWaits() throws Exception {
        start(1, 2, Duration.ofSeconds(30));
        occupy(1);
        CompletableFuture<HttpResponse<String>> one = ask("/one");
        CompletableFuture<HttpResponse<String>> other = ask("/other");
        assertLater((HttpResponse<String>) CompletableFuture.anyOf(one, other).thenApply(WorkersTest::cast).get(20, TimeUnit.SECONDS));
        assertTrue(one.isDone() != other.isDone(), "only one of them is over");
        held.countDown();
        assertEquals(200, Math.min(one.get(20, TimeUnit.SECONDS).statusCode(), other.get(20, TimeUnit.SECONDS).statusCode()));
    }

    @SuppressWarnings("unchecked")
    private static HttpResponse<String> cast(Object answer) {
        return (HttpResponse<String>) answer;
    }

    @Test
    void aRequestThatIsOverMakesRoom() throws Exception {
        start(1, 1, Duration.ofMillis(1));
        for (int i = 0; i < 50; i++) {
            HttpResponse<String> answer = ask("/one").get(20, TimeUnit.SECONDS);
            for (int tries = 0; answer.statusCode() == 503 && tries < 100; tries++) {
                // The client may be faster than the end of its last request.
                Thread.sleep(5);
                answer = ask("/one").get(20, TimeUnit.SECONDS);
            }
            assertEquals("done", answer.body());
        }
    }

    @Test
    void whatNeedsNoRegistryIsServedWhileAllWorkersAreBusy() throws Exception {
        start(1, 1, Duration.ofMillis(100));
        occupy(1);
        for (String path : List.of("/health", "/v2/", "/v2")) {
            assertEquals("done", ask(path).get(20, TimeUnit.SECONDS).body(), path);
        }
        assertLater(ask("/v2/a/tags/list").get(20, TimeUnit.SECONDS));
    }

    @Test
    void whatWasBegunGoesOnBeforeWhatWaits() throws Exception {
        start(1, 100, Duration.ofSeconds(30));
        occupy(1);
        CompletableFuture<HttpResponse<String>> waiting = ask("/waiting");
        Thread.sleep(200);
        workers.execute(() -> begun.add("goes on"));
        held.countDown();
        assertEquals("done", waiting.get(20, TimeUnit.SECONDS).body());
        assertEquals(List.of("/held/0", "goes on", "/waiting"), begun);
    }

    @Test
    void aTaskThatFailsCostsNoWorker() throws Exception {
        start(1, 100, Duration.ofSeconds(30));
        for (String path : List.of("/fails", "/overflows", "/fails", "/overflows")) {
            assertEquals("failed", ask(path).get(20, TimeUnit.SECONDS).body());
        }
        assertEquals("done", ask("/after").get(20, TimeUnit.SECONDS).body());
    }

    /** A worker gives its place back a moment before it takes tasks again; a task that arrives in that moment needs a thread all the same. */
    @Test
    void noTaskEverRunsOnTheThreadThatHandsItOver() throws Exception {
        start(1, 100, Duration.ofSeconds(30));
        Semaphore done = new Semaphore(0);
        Set<String> threads = ConcurrentHashMap.newKeySet();
        for (int i = 0; i < 30_000; i++) {
            workers.execute(() -> {
                threads.add(Thread.currentThread().getName());
                done.release();
            });
            assertTrue(done.tryAcquire(30, TimeUnit.SECONDS));
            while (workers.working() > 0) {
                Thread.onSpinWait();
            }
        }
        assertFalse(threads.contains(Thread.currentThread().getName()), threads.toString());
        assertTrue(threads.stream().allMatch(name -> name.startsWith("worker-")), threads.toString());
        assertTrue(threads.size() < 20, threads.size() + " threads for one worker");
    }
}
