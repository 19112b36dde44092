package io.mirrorregistry.warm;

import io.mirrorregistry.warm.queue.Store;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ObjIntConsumer;

/** How far the copy of one item is, and whether it is to stop. Thread-safe. */
final class CopyProgress {

    private final long id;
    private final ObjIntConsumer<String> metric;
    private final long began = System.nanoTime();
    private final AtomicLong done = new AtomicLong();
    private final AtomicLong total = new AtomicLong();
    private final AtomicLong sent = new AtomicLong();
    private volatile boolean cancelled;
    private volatile boolean ending;
    private volatile boolean advanced;

    /** @param metric gets the name of a source and the number of bytes that were copied from it, again and again */
    CopyProgress(long id, ObjIntConsumer<String> metric) {
        this.id = id;
        this.metric = metric;
    }

    /** Adds bytes of the image, whether the destination has them or not. */
    void expect(long bytes) {
        total.addAndGet(bytes);
    }

    /** Adds bytes that need not be copied because the destination has them. */
    void skipped(long bytes) {
        done.addAndGet(bytes);
    }

    /** Adds bytes that were copied from a source. */
    void copied(String source, int bytes) {
        done.addAndGet(bytes);
        sent.addAndGet(bytes);
        metric.accept(source, bytes);
    }

    /** Returns how many bytes were copied from sources. */
    long sent() {
        return sent.get();
    }

    /** Returns when the copy began, as {@link System#nanoTime}. */
    long began() {
        return began;
    }

    /** Returns the milliseconds since the copy began. */
    long millis() {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
    }

    /** Notes that the destination has confirmed further bytes of an upload that an earlier attempt began. */
    void advances() {
        advanced = true;
    }

    /** Returns whether the attempt, although it failed, has brought the copy further than all before it. */
    boolean hasAdvanced() {
        return advanced;
    }

    /** Notes that the copy has ended, and that its result is stored next. */
    void ends() {
        ending = true;
    }

    /** Returns whether the copy has ended. */
    boolean isEnding() {
        return ending;
    }

    /** Ends the copy at its next bytes. */
    void cancel() {
        cancelled = true;
    }

    boolean isCancelled() {
        return cancelled;
    }

    Store.Progress now() {
        return new Store.Progress(id, done.get(), total.get());
    }
}
