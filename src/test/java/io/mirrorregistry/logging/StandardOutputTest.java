package io.mirrorregistry.logging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class StandardOutputTest {

    /** More than may wait, so that who logs them has to. */
    private static final int MANY = 10_000;

    private final LoggerContext context = new LoggerContext();
    private final BlockingQueue<String> goes = new LinkedBlockingQueue<>();
    private final CountDownLatch taking = new CountDownLatch(1);
    private final LongAdder dropped = new LongAdder();
    private StandardOutput output;

    /** Tells what each go writes; takes nothing while {@link #taking} is closed. */
    private class Target extends OutputStream {

        @Override
        public void write(int b) {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) {
            try {
                taking.await();
            } catch (InterruptedException e) {
                // The end does not wait, either.
            }
            goes.add(new String(bytes, offset, length, StandardCharsets.UTF_8));
        }
    }

    @BeforeEach
    void start() {
        context.setMDCAdapter(new LogbackMDCAdapter());
        start(new Target(), Duration.ofSeconds(15));
    }

    private void start(OutputStream target, Duration longestWait) {
        PatternLayoutEncoder encoder = new PatternLayoutEncoder();
        encoder.setContext(context);
        encoder.setPattern("%msg|");
        encoder.start();
        output = new StandardOutput(encoder, target, longestWait, dropped);
        output.setContext(context);
        output.start();
    }

    @AfterEach
    void stop() {
        taking.countDown();
        output.stop();
    }

    @Test
    void aLineThatIsAloneIsWrittenAtOnce() throws Exception {
        taking.countDown();
        log("one");
        assertEquals("one|", goes.take());
        log("two");
        assertEquals("two|", goes.take());
    }

    @Test
    void linesThatComeTogetherAreWrittenInOneGo() throws Exception {
        log("one");
        untilTheWriterIsAtWork();
        log("two");
        log("three");
        taking.countDown();
        assertEquals("one|", goes.take());
        assertEquals("two|three|", goes.take());
    }

    @Test
    void nothingIsLostAtTheEnd() {
        taking.countDown();
        for (int i = 0; i < 100; i++) {
            log("a");
        }
        output.stop();
        assertEquals("a|".repeat(100), String.join("", goes));
    }

    @Test
    void whoLogsWaitsRatherThanThatALineIsDropped() throws Exception {
        Thread logging = new Thread(() -> {
            for (int i = 0; i < MANY; i++) {
                log("a");
            }
        });
        logging.start();
        while (logging.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }
        taking.countDown();
        logging.join();
        output.stop();
        assertEquals("a|".repeat(MANY), String.join("", goes));
        assertEquals(0, dropped.sum());
    }

    @Test
    void linesAreDroppedAndCountedWhileTheTargetTakesNone() throws Exception {
        output.stop();
        goes.clear();
        start(new Target(), Duration.ofMillis(50));
        log("one");
        untilTheWriterIsAtWork();
        // Each wait would be 50 ms, eight minutes together.
        for (int i = 0; i < MANY; i++) {
            log("a");
        }
        long lost = dropped.sum();
        assertTrue(lost > 0 && lost < MANY, lost + " were dropped");
        taking.countDown();
        StringBuilder written = new StringBuilder();
        while (!written.toString().endsWith("were dropped|")) {
            written.append(goes.take());
        }
        assertEquals("one|" + "a|".repeat((int) (MANY - lost)) + "Standard output took no lines for a while; " + lost + " lines were dropped|",
                written.toString());
        log("two");
        assertEquals("two|", goes.take());
        assertEquals(lost, dropped.sum());
    }

    @Test
    void aTargetThatTakesNothingHoldsNoStopUp() throws Exception {
        output.stop();
        CountDownLatch held = new CountDownLatch(1);
        start(new OutputStream() {
            @Override
            public void write(int b) {
                while (held.getCount() > 0) {
                    try {
                        held.await();
                    } catch (InterruptedException e) {
                        // As a write into a pipe that is full.
                    }
                }
            }
        }, Duration.ofMillis(50));
        for (int i = 0; i < MANY; i++) {
            log("a");
        }
        output.stop();
        held.countDown();
    }

    @Test
    void theWriterSurvivesEveryFailure() throws Exception {
        output.stop();
        goes.clear();
        taking.countDown();
        Queue<Throwable> failures = new ConcurrentLinkedQueue<>(List.of(new IllegalStateException("one"), new NoClassDefFoundError("two"),
                new StackOverflowError(), new AssertionError("three")));
        start(new Target() {
            @Override
            public void write(byte[] bytes, int offset, int length) {
                Throwable failure = failures.poll();
                if (failure != null) {
                    StandardOutputTest.<RuntimeException>raise(failure);
                }
                super.write(bytes, offset, length);
            }
        }, Duration.ofSeconds(15));
        while (!failures.isEmpty()) {
            log("lost");
        }
        log("last");
        StringBuilder written = new StringBuilder();
        while (!written.toString().endsWith("last|")) {
            written.append(goes.take());
        }
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> void raise(Throwable failure) throws E {
        throw (E) failure;
    }

    @Test
    void anInterruptedThreadLogsAndStaysInterrupted() throws Exception {
        taking.countDown();
        Thread.currentThread().interrupt();
        log("one");
        assertTrue(Thread.interrupted());
        assertEquals("one|", goes.take());
    }

    @Test
    void aLineThatCannotBeToldTakesNoOthersWithIt() throws Exception {
        log("one");
        untilTheWriterIsAtWork();
        output.doAppend(new LoggingEvent("", context.getLogger("test"), Level.INFO, "{}", null, new Object[] {"two"}) {
            @Override
            public String getFormattedMessage() {
                if (Thread.currentThread().getName().equals("log-writer")) {
                    throw new IllegalStateException("for this test");
                }
                return super.getFormattedMessage();
            }
        });
        log("three");
        taking.countDown();
        assertEquals("one|", goes.take());
        String rest = goes.take();
        assertTrue(rest.endsWith("three|"), rest);
        assertFalse(rest.contains("two"), rest);
    }

    private void untilTheWriterIsAtWork() throws InterruptedException {
        while (taking.getCount() > 0 && Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().equals("log-writer") && isIn(thread, "Target"))) {
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }

    private static boolean isIn(Thread thread, String type) {
        for (StackTraceElement frame : thread.getStackTrace()) {
            if (frame.getClassName().endsWith("$" + type)) {
                return true;
            }
        }
        return false;
    }

    private void log(String message) {
        output.doAppend(new LoggingEvent("", context.getLogger("test"), Level.INFO, message, null, null));
    }
}
