package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.warm.queue.State;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The overview of copying on the status page. */
@Timeout(30)
class WarmSnapshotTest {

    private final FakeQueue queue = new FakeQueue();

    private static JsonObject status(WarmServer server) {
        return new JsonObject(server.get("/status.json").body());
    }

    @Test
    void isReadOnceForConcurrentRequestsAndAgainAfterTwoSeconds() throws Exception {
        WarmSnapshot snapshot = new WarmSnapshot(queue);
        CountDownLatch held = new CountDownLatch(1);
        queue.hold(held);
        CompletableFuture<JsonObject> first = snapshot.latest();
        assertSame(first, snapshot.latest());
        long before = System.nanoTime();
        held.countDown();
        first.get(10, TimeUnit.SECONDS);
        assertEquals(1, queue.overviews());
        queue.ask("team/app:1", List.of());
        JsonObject found = first.get();
        while (found.getJsonObject("counts").getInteger("waiting") == 0) {
            TimeUnit.MILLISECONDS.sleep(20);
            found = snapshot.latest().get(10, TimeUnit.SECONDS);
        }
        assertEquals(2, queue.overviews());
        assertTrue(System.nanoTime() - before > TimeUnit.MILLISECONDS.toNanos(2000));
    }

    @Test
    void isShownWithTheFirstItemsOnly() throws Exception {
        for (int i = 0; i < 40; i++) {
            queue.ask("team/app:" + i, List.of());
        }
        for (int i = 1; i <= 17; i++) {
            queue.end(i, State.DONE, null, null);
        }
        try (WarmServer server = new WarmServer(queue)) {
            JsonObject warm = status(server).getJsonObject("warm");
            assertEquals(23, warm.getJsonObject("counts").getInteger("waiting"));
            assertEquals(10, warm.getJsonArray("waiting").size());
            assertEquals(10, warm.getJsonArray("finished").size());
            // The members that the page reads.
            assertTrue(warm.fieldNames().containsAll(List.of("time", "counts", "oldestSeconds", "running", "failed", "pauses", "dropped", "problem")), warm::encode);
        }
    }

    @Test
    void showsAPauseWithoutAnEnd() {
        String why = "Registry cold fails: its circuit breaker is open";
        queue.pause(new Overview.Pause("cold", null, why));
        try (WarmServer server = new WarmServer(queue)) {
            JsonArray pauses = status(server).getJsonObject("warm").getJsonArray("pauses");
            assertEquals(new JsonArray().add(new JsonObject().put("registry", "cold").putNull("until").put("why", why)), pauses);
        }
    }

    @Test
    void saysWhatIsWrongWithTheDatabase() {
        queue.away("The database is away.");
        try (WarmServer server = new WarmServer(queue)) {
            assertEquals("The database is away.", status(server).getJsonObject("warm").getString("problem"));
        }
        queue.fail(new IllegalStateException("secret"));
        try (WarmServer server = new WarmServer(queue)) {
            assertEquals("The overview failed; see the log.", status(server).getJsonObject("warm").getString("problem"));
        }
    }

    /** The page must not wait: it shows pulls as well. */
    @Test
    void saysThatTheDatabaseDoesNotRespond() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        queue.hold(held);
        try (WarmServer server = new WarmServer(queue)) {
            assertEquals("The database has not responded within 1000 ms.", status(server).getJsonObject("warm").getString("problem"));
            assertEquals("The database has not responded within 1000 ms.", status(server).getJsonObject("warm").getString("problem"));
            assertEquals(1, queue.overviews());
            held.countDown();
            while (status(server).getJsonObject("warm").getString("problem") != null) {
                TimeUnit.MILLISECONDS.sleep(20);
            }
        }
    }

    @Test
    void isNullWhileNothingIsCopied() {
        try (WarmServer server = new WarmServer(null)) {
            assertTrue(status(server).containsKey("warm"));
            assertNull(status(server).getValue("warm"));
        }
    }
}
