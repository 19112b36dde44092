package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.StoreSettings;
import io.mirrorregistry.config.WarmSettings;
import io.mirrorregistry.explain.ImagePlanner;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.work.MemoryBudget;
import io.vertx.core.Vertx;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The end of copying. */
class WarmingCloseTest {

    private final Vertx vertx = Vertx.vertx();
    private final Metrics metrics = new Metrics(new SimpleMeterRegistry());
    private final CountDownLatch called = new CountDownLatch(1);
    private final CountDownLatch end = new CountDownLatch(1);

    @AfterEach
    void stop() {
        end.countDown();
        metrics.close();
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }

    /** Does not return until the test ends, and ignores interrupts as the threads of the database do. */
    private void block() {
        called.countDown();
        boolean ended = false;
        while (!ended) {
            try {
                end.await();
                ended = true;
            } catch (InterruptedException e) {
                // Waits again.
            }
        }
    }

    /** A bound of 5 s is documented; the rest is for a slow machine. */
    @Test
    void closesThoughTheDatabaseDoesNotRespond() throws Exception {
        Store store = (Store) Proxy.newProxyInstance(Store.class.getClassLoader(), new Class<?>[] {Store.class}, (proxy, method, arguments) -> {
            block();
            return null;
        });
        MemoryBudget memory = new MemoryBudget(0);
        Path file = Path.of("queue");
        Warming warming = new Warming(new WarmSettings("hot", 1, null, 2, 0, new StoreSettings("jdbc:h2:file:" + file, file, "", "")), store, "mirror-one", Map.of(), Map.of(),
                new ImagePlanner(vertx, null, null, memory, null), new MirrorIdentity(), null, null, metrics, null, memory);
        warming.start();
        called.await();

        assertTimeoutPreemptively(Duration.ofSeconds(15), warming::close);
    }
}
