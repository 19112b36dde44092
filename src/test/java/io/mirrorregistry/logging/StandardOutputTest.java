package io.mirrorregistry.logging;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import java.io.ByteArrayOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class StandardOutputTest {

    private final LoggerContext context = new LoggerContext();
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private int waiting;
    private final StandardOutput output = new StandardOutput(() -> waiting, written);

    @BeforeEach
    void start() {
        context.setMDCAdapter(new LogbackMDCAdapter());
        PatternLayoutEncoder encoder = new PatternLayoutEncoder();
        encoder.setContext(context);
        encoder.setPattern("%msg|");
        encoder.start();
        output.setContext(context);
        output.setEncoder(encoder);
        output.start();
    }

    @Test
    void aLineIsWrittenAtOnceWhereNoneWaits() {
        log("one");
        assertEquals("one|", written.toString());
    }

    @Test
    void linesThatWaitTogetherAreWrittenInOneGo() {
        waiting = 1;
        log("one");
        assertEquals("", written.toString());
        waiting = 0;
        log("two");
        assertEquals("one|two|", written.toString());
    }

    @Test
    void nothingIsLostAtTheEnd() {
        waiting = 1;
        log("one");
        output.stop();
        assertEquals("one|", written.toString());
    }

    private void log(String message) {
        output.doAppend(new LoggingEvent("", context.getLogger("test"), Level.INFO, message, null, null));
    }
}
