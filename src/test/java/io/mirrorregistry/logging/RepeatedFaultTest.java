package io.mirrorregistry.logging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** A fault that comes with each request. */
class RepeatedFaultTest {

    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1000);
    private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
    private final RepeatedFault faults;

    RepeatedFaultTest() {
        Logger logger = new LoggerContext().getLogger("faults");
        logger.setLevel(Level.DEBUG);
        lines.start();
        logger.addAppender(lines);
        faults = new RepeatedFault(logger, org.slf4j.event.Level.WARN, Duration.ofMinutes(1), nanos::get);
    }

    private void fails(String key) {
        faults.log(key, "hot", "id", new IllegalStateException(key), "It failed: " + key);
    }

    private List<String> warnings() {
        return lines.list.stream().filter(line -> line.getLevel() == Level.WARN).map(ILoggingEvent::getFormattedMessage).toList();
    }

    private void after(Duration time) {
        nanos.addAndGet(time.toNanos());
    }

    @Test
    void isLoggedAtOnceAndThenOnceAMinuteWithTheNumberOfThoseLeftOut() {
        for (int i = 0; i < 30; i++) {
            fails("a");
            after(Duration.ofSeconds(1));
        }
        assertEquals(List.of("It failed: a"), warnings());
        after(Duration.ofSeconds(35));
        fails("a");
        assertEquals(List.of("It failed: a", "It failed: a (29 more like it in the last 1 min 5 s)"), warnings());
        fails("a");
        after(Duration.ofHours(2));
        fails("a");
        after(Duration.ofMinutes(1));
        fails("a");
        assertEquals(List.of("It failed: a (1 more like it in the last 2 h 0 min)", "It failed: a"), warnings().subList(2, 4));
    }

    @Test
    void anotherKeyIsAnotherFault() {
        fails("a");
        fails("b");
        fails("a");
        assertEquals(List.of("It failed: a", "It failed: b"), warnings());
    }

    @Test
    void allLinesAreThereAtDebugAndOnlyWarningsHaveAStackTrace() {
        fails("a");
        fails("a");
        assertEquals(List.of(Level.WARN, Level.DEBUG), lines.list.stream().map(ILoggingEvent::getLevel).toList());
        assertNotNull(lines.list.get(0).getThrowableProxy());
        assertNull(lines.list.get(1).getThrowableProxy());
        assertEquals("[registry=\"hot\", request_id=\"id\"]", lines.list.get(1).getKeyValuePairs().toString());
    }

    @Test
    void manyKeysShareOneLine() {
        for (int i = 0; i < 1000; i++) {
            fails("key " + i);
        }
        assertEquals(101, warnings().size());
        // Those that were there before have their own.
        after(Duration.ofMinutes(1));
        fails("key 0");
        fails("key 999");
        assertEquals("It failed: key 0", warnings().get(101));
        assertEquals("It failed: key 999 (899 more like it in the last 1 min 0 s)", warnings().get(102));
    }
}
