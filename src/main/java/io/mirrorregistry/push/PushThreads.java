package io.mirrorregistry.push;

import io.mirrorregistry.work.Bulkhead;
import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.Place;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads of pushes, so that pulls keep their workers. Uploads, which last as long as their clients send, are bounded by themselves. Commits, for which
 * a registry may need minutes, and other requests wait for their turn, each among their like. For any thread.
 */
final class PushThreads implements AutoCloseable {

    /** How many requests other than uploads and commits are worked on at a time. */
    private static final int OTHERS = 32;
    private static final int IDLE_SECONDS = 30;

    private final int places;
    private final Bulkhead uploads;
    private final Bulkhead commits;
    private final Bulkhead others;
    private final ThreadPoolExecutor threads;

    /**
     * @param uploads the most uploads at a time, and the most commits
     * @param longestWait how long a request that is no upload may wait for its turn
     * @param names the beginning of the threads' names
     */
    PushThreads(int uploads, Duration longestWait, String names) {
        this.places = uploads;
        this.uploads = new Bulkhead(uploads, Duration.ZERO);
        this.commits = new Bulkhead(uploads, longestWait);
        this.others = new Bulkhead(OTHERS, longestWait);
        AtomicInteger number = new AtomicInteger();
        this.threads = new ThreadPoolExecutor(0, Integer.MAX_VALUE, IDLE_SECONDS, TimeUnit.SECONDS, new SynchronousQueue<>(),
                task -> new Thread(task, names + "-" + number.incrementAndGet()), new ThreadPoolExecutor.DiscardPolicy());
    }

    /** Returns how many uploads run. */
    int running() {
        return places - uploads.free();
    }

    /** Returns a place for an upload; null if all are taken. */
    Place tryUpload() {
        return uploads.tryTake();
    }

    /**
     * Runs a request that is no upload, when its turn has come.
     *
     * @param commits whether the request ends an upload
     * @param since when it arrived, as {@link System#nanoTime}
     * @return fails with a {@link java.util.concurrent.TimeoutException} if the turn does not come in time
     */
    <T> CompletableFuture<T> run(boolean commits, long since, Callable<T> task) {
        return (commits ? this.commits : others).take(since, Long.MAX_VALUE).thenCompose(place -> run(place, task));
    }

    /** Runs a request, and gives its place back. */
    <T> CompletableFuture<T> run(Place place, Callable<T> task) {
        CompletableFuture<T> result = new CompletableFuture<>();
        try {
            threads.execute(() -> {
                try {
                    T value = task.call();
                    place.close();
                    result.complete(value);
                } catch (Throwable e) {
                    place.close();
                    FatalErrors.check(e);
                    result.completeExceptionally(e);
                }
            });
        } catch (RuntimeException | OutOfMemoryError e) {
            place.close();
            throw e;
        }
        return result;
    }

    /** Ends the threads once they are idle. */
    @Override
    public void close() {
        threads.shutdown();
    }
}
