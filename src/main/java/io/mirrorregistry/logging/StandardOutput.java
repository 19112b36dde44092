package io.mirrorregistry.logging;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import ch.qos.logback.core.encoder.Encoder;
import io.mirrorregistry.work.FatalErrors;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;

/**
 * Writes log lines from a thread of its own; lines that arrive together are written together.
 *
 * <p>At most {@value #MOST_WAITING} lines wait to be written. While that many wait, a thread that logs waits until there is room, so
 * that a burst loses nothing. It waits no longer than {@link #LONGEST_WAIT}: standard output may be a pipe that nobody reads, and the
 * event loop logs as well. If there is no room by then, the output is stuck: lines are dropped and counted, without any wait, until the
 * thread has written again. It then writes a warning with the number of dropped lines.
 *
 * <p>Logback's asynchronous appender is similar, but every line wakes its thread; under load that costs more than the line. Here the
 * thread takes a short break after each write, in which lines arrive without waking it. A single line is written at once.
 *
 * <p>Any thread may log. Only the writer's thread encodes and writes.
 */
final class StandardOutput extends UnsynchronizedAppenderBase<ILoggingEvent> {

    /** How long a thread waits at most to log a line. */
    static final Duration LONGEST_WAIT = Duration.ofMillis(500);

    private static final int MOST_WAITING = 4096;
    private static final int BUFFER_BYTES = 64 * 1024;
    /** After so many lines the writer notes that the target takes them; a stop waits while it does. */
    private static final int LINES_OF_PROGRESS = 64;
    private static final long BREAK_NANOS = TimeUnit.MILLISECONDS.toNanos(2);
    /** How long a stop waits for the last lines to be written; each line that is written extends it. */
    private static final long LONGEST_STOP_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final Encoder<ILoggingEvent> encoder;
    private final OutputStream target;
    private final long longestWaitNanos;
    private final LongAdder dropped;
    private final BlockingQueue<ILoggingEvent> waiting = new ArrayBlockingQueue<>(MOST_WAITING);
    private Thread writer;
    /** Whether lines are dropped without a wait. A thread that waited in vain sets it, the writer's thread clears it. */
    private volatile boolean stuck;
    /** When the writer's thread last wrote something, in nanoseconds. */
    private volatile long progress;
    /** How many dropped lines the log tells of. Only the writer's thread uses it. */
    private long toldDropped;

    /**
     * Makes an appender.
     *
     * @param longestWait how long a thread waits at most to log a line
     * @param dropped counts the lines that are dropped
     */
    StandardOutput(Encoder<ILoggingEvent> encoder, OutputStream target, Duration longestWait, LongAdder dropped) {
        this.encoder = encoder;
        this.target = new BufferedOutputStream(target, BUFFER_BYTES);
        this.longestWaitNanos = longestWait.toNanos();
        this.dropped = dropped;
        this.toldDropped = dropped.sum();
    }

    @Override
    public void start() {
        writer = new Thread(this::write, "log-writer");
        writer.setDaemon(true);
        super.start();
        writer.start();
    }

    /** Writes the lines that were logged until now. Gives up when the output takes nothing for two seconds. */
    @Override
    public void stop() {
        if (!isStarted()) {
            return;
        }
        super.stop();
        writer.interrupt();
        progress = System.nanoTime();
        boolean interrupted = false;
        while (writer.isAlive() && System.nanoTime() - progress < LONGEST_STOP_NANOS) {
            try {
                writer.join(100);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    protected void append(ILoggingEvent line) {
        line.prepareForDeferredProcessing();
        if (!waiting.offer(line) && (stuck || !offerFor(line, longestWaitNanos))) {
            stuck = true;
            dropped.increment();
        }
    }

    /** Waits for room. Returns whether there was any. An interrupt does not end the wait. */
    private boolean offerFor(ILoggingEvent line, long nanos) {
        long until = System.nanoTime() + nanos;
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return waiting.offer(line, Math.max(0, until - System.nanoTime()), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void write() {
        List<ILoggingEvent> lines = new ArrayList<>();
        while (isStarted()) {
            try {
                lines.add(waiting.take());
            } catch (InterruptedException e) {
                // The end; the lines until now are written below.
                break;
            }
            write(lines);
            LockSupport.parkNanos(BREAK_NANOS);
        }
        write(lines);
    }

    /** Writes these lines and those that wait. Throws nothing, because nobody would start the thread again. */
    private void write(List<ILoggingEvent> lines) {
        try {
            waiting.drainTo(lines);
            // These were dropped because those lines waited, and come after them.
            long droppedAfter = dropped.sum();
            for (int i = 0; i < lines.size(); i++) {
                write(lines.get(i));
                if (i % LINES_OF_PROGRESS == 0) {
                    progress = System.nanoTime();
                }
            }
            target.flush();
            progress = System.nanoTime();
            if (stuck) {
                stuck = false;
            }
            if (toldDropped != droppedAfter) {
                tellDropped(droppedAfter);
            }
        } catch (Throwable e) {
            FatalErrors.check(e);
            addError("The log cannot be written", e);
        }
        lines.clear();
    }

    private void write(ILoggingEvent line) throws IOException {
        byte[] encoded;
        try {
            encoded = encoder.encode(line);
        } catch (RuntimeException | LinkageError | StackOverflowError e) {
            addError("A line of the log cannot be written", e);
            return;
        }
        target.write(encoded);
    }

    /** Not by way of the logger: the writer's thread would wait for itself where many lines wait. */
    private void tellDropped(long now) throws IOException {
        Logger logger = ((LoggerContext) getContext()).getLogger(StandardOutput.class);
        LoggingEvent line = new LoggingEvent(StandardOutput.class.getName(), logger, Level.WARN,
                "Standard output took no lines for a while; {} lines were dropped", null, new Object[] {now - toldDropped});
        toldDropped = now;
        write(line);
        target.flush();
    }
}
