package io.mirrorregistry.server;

import io.mirrorregistry.registry.PushBodyException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Finds out that a client has stopped to send a body, or sends next to nothing of it. Only the time counts in which somebody waited for its bytes: a
 * registry that takes none is no fault of the client. For the thread that waits.
 */
final class BodyPace {

    private static final long LONGEST_SLICE_MILLIS = 1000;
    private static final int SLICES = 4;

    /**
     * What is asked of a client.
     *
     * @param idle how long it may send nothing
     * @param window the time in which it has to send the least number of bytes
     * @param least that number
     */
    record Times(Duration idle, Duration window, int least) {

        /** What holds for all clients. */
        static final Times USUAL = new Times(Duration.ofSeconds(30), Duration.ofSeconds(60), 64 * 1024);
    }

    private final Times times;
    private final long slice;
    /** Nanoseconds that were waited since a byte came, and in this window. */
    private long idle;
    private long waited;
    private long bytesBefore;

    BodyPace(Times times) {
        this.times = times;
        this.slice = Math.max(1, Math.min(LONGEST_SLICE_MILLIS, Math.min(times.idle().toMillis(), times.window().toMillis()) / SLICES));
    }

    /** Returns how many milliseconds one wait may last. */
    long slice() {
        return slice;
    }

    /**
     * Counts a wait.
     *
     * @param nanos how long it lasted. It counts as no longer than it was to be: the process or the event loop may have stood
     * @param arrived how many bytes there were since the begin of the body
     * @param came whether the wait has ended with bytes
     * @throws PushBodyException if the client has stopped
     */
    void waited(long nanos, long arrived, boolean came) throws PushBodyException {
        long counted = Math.min(nanos, TimeUnit.MILLISECONDS.toNanos(slice));
        waited += counted;
        idle = came ? 0 : idle + counted;
        if (idle >= times.idle().toNanos()) {
            throw new PushBodyException("The body stopped: after " + arrived + " bytes nothing arrived for " + text(times.idle()) + ".", false);
        }
        if (waited >= times.window().toNanos()) {
            if (arrived - bytesBefore < times.least()) {
                throw new PushBodyException("The body stopped: after " + bytesBefore + " bytes fewer than " + times.least() + " arrived in "
                        + text(times.window()) + ".", false);
            }
            waited = 0;
            bytesBefore = arrived;
        }
    }

    private static String text(Duration time) {
        return time.toMillis() % 1000 == 0 ? time.toSeconds() + " s" : time.toMillis() + " ms";
    }
}
