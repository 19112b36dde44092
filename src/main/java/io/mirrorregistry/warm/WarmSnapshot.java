package io.mirrorregistry.warm;

import io.mirrorregistry.work.FatalErrors;
import io.vertx.core.json.JsonObject;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The overview for the status page. It is read from the database only for a request, at most every two seconds. Requests share one
 * reading. For any thread; no method blocks.
 */
public final class WarmSnapshot {

    private static final Logger LOG = LoggerFactory.getLogger(WarmSnapshot.class);
    private static final long FRESH_NANOS = TimeUnit.SECONDS.toNanos(2);
    /** The page shows the first ones only, and loads them every few seconds. */
    private static final int MOST = 10;

    private final WarmQueue queue;
    /** Guarded by this, as is {@link #end}. The last reading, or the one that runs. */
    private CompletableFuture<JsonObject> reading;
    /** When the last reading ended, as nano time. */
    private long end;

    public WarmSnapshot(WarmQueue queue) {
        this.queue = queue;
    }

    /** Returns the JSON of an overview that is at most two seconds old. The future does not fail; it stays incomplete while the database does not respond. */
    public synchronized CompletableFuture<JsonObject> latest() {
        if (reading == null || reading.isDone() && System.nanoTime() - end > FRESH_NANOS) {
            CompletableFuture<JsonObject> next = new CompletableFuture<>();
            // A thread for each reading: at most one, and none without requests.
            Thread thread = new Thread(() -> read(next), "warm-snapshot");
            thread.setDaemon(true);
            thread.start();
            reading = next;
        }
        return reading;
    }

    /** Returns the JSON of {@link WarmQueue#withoutDatabase}. Does not block. */
    public JsonObject problem(String sentence) {
        return WarmJson.overview(queue.withoutDatabase(sentence), Instant.now(), MOST);
    }

    private void read(CompletableFuture<JsonObject> result) {
        JsonObject found;
        try {
            found = WarmJson.overview(queue.overview(), Instant.now(), MOST);
        } catch (Throwable e) {
            FatalErrors.check(e);
            LOG.error("The overview of copying failed", e);
            found = problem("The overview failed; see the log.");
        }
        synchronized (this) {
            end = System.nanoTime();
        }
        result.complete(found);
    }
}
