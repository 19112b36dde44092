package io.mirrorregistry.logging;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import ch.qos.logback.core.encoder.Encoder;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Writes lines from a thread of its own, those that have come together in one go. Nothing is dropped: where lines cannot be written
 * as fast as they come, who logs waits.
 *
 * <p>Logback's asynchronous appender does the same, but is woken by each line; under load that costs more than the line. Here the
 * thread takes a short break after each go, in which lines come without waking anybody. A line that is alone goes out at once.
 */
final class StandardOutput extends UnsynchronizedAppenderBase<ILoggingEvent> {

    private static final int MOST_WAITING = 4096;
    private static final int BUFFER_BYTES = 64 * 1024;
    private static final long BREAK_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

    private final Encoder<ILoggingEvent> encoder;
    private final OutputStream target;
    private final BlockingQueue<ILoggingEvent> waiting = new ArrayBlockingQueue<>(MOST_WAITING);
    private Thread writer;

    StandardOutput(Encoder<ILoggingEvent> encoder, OutputStream target) {
        this.encoder = encoder;
        this.target = new BufferedOutputStream(target, BUFFER_BYTES);
    }

    @Override
    public void start() {
        writer = new Thread(this::write, "log-writer");
        writer.setDaemon(true);
        super.start();
        writer.start();
    }

    /** Writes what has been logged until now. */
    @Override
    public void stop() {
        if (!isStarted()) {
            return;
        }
        super.stop();
        writer.interrupt();
        boolean interrupted = false;
        while (writer.isAlive()) {
            try {
                writer.join();
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
        boolean interrupted = false;
        while (true) {
            try {
                waiting.put(line);
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void write() {
        List<ILoggingEvent> lines = new ArrayList<>();
        while (isStarted()) {
            try {
                lines.add(waiting.take());
            } catch (InterruptedException e) {
                // The end; what has come until now is written below.
                break;
            }
            write(lines);
            LockSupport.parkNanos(BREAK_NANOS);
        }
        write(lines);
    }

    private void write(List<ILoggingEvent> lines) {
        waiting.drainTo(lines);
        try {
            for (ILoggingEvent line : lines) {
                write(line);
            }
            target.flush();
        } catch (IOException e) {
            addError("The log cannot be written", e);
        }
        lines.clear();
    }

    private void write(ILoggingEvent line) throws IOException {
        try {
            target.write(encoder.encode(line));
        } catch (RuntimeException e) {
            addError("A line of the log cannot be written", e);
        }
    }
}
