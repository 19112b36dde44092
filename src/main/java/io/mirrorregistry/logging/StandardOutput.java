package io.mirrorregistry.logging;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.OutputStreamAppender;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.function.IntSupplier;

/** Writes lines, those that wait together in one go: under load a call of the system for each costs more than the line. */
final class StandardOutput extends OutputStreamAppender<ILoggingEvent> {

    private static final int BUFFER_BYTES = 64 * 1024;

    private final IntSupplier waiting;
    private final OutputStream lines;

    /** @param waiting how many lines are still to come at once; with the last of them all are written */
    StandardOutput(IntSupplier waiting, OutputStream target) {
        this.waiting = waiting;
        this.lines = new BufferedOutputStream(target, BUFFER_BYTES);
        setImmediateFlush(false);
    }

    @Override
    public void start() {
        setOutputStream(lines);
        super.start();
    }

    @Override
    protected void append(ILoggingEvent line) {
        super.append(line);
        if (isStarted() && waiting.getAsInt() == 0) {
            try {
                lines.flush();
            } catch (IOException e) {
                addError("The log cannot be written", e);
            }
        }
    }
}
