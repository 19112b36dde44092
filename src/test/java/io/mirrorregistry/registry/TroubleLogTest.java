package io.mirrorregistry.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.mirrorregistry.registry.RegistryTroubleException.Kind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** Which events of a registry's trouble are logged, by the time between them. */
class TroubleLogTest {

    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1000);
    private final TroubleLog log = new TroubleLog("hot", nanos::get);
    private final List<String> warnings = new ArrayList<>();
    private final ListAppender<ILoggingEvent> ends = new ListAppender<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger(TroubleLog.class);
    private Level before;

    @BeforeEach
    void listen() {
        before = logger.getLevel();
        logger.setLevel(Level.INFO);
        ends.start();
        logger.addAppender(ends);
    }

    @AfterEach
    void stop() {
        logger.detachAppender(ends);
        logger.setLevel(before);
    }

    private void fails(Kind kind, int status) {
        String told = log.failed(new RegistryTroubleException("hot", "trouble", kind, null, status));
        if (told != null) {
            warnings.add(kind + " " + status + told);
        }
    }

    private void fails() {
        fails(Kind.OUTAGE, 0);
    }

    private void after(int seconds) {
        nanos.addAndGet(Duration.ofSeconds(seconds).toNanos());
    }

    private List<String> ends() {
        return ends.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
    }

    @Test
    void anOutageIsOneWarningAndOneLineAtItsEnd() {
        log.responded();
        for (int i = 0; i < 290; i++) {
            fails(i < 8 ? Kind.OUTAGE : Kind.NOT_ASKED, 0);
            after(2);
        }
        assertEquals(List.of("OUTAGE 0"), warnings);
        log.responded();
        log.responded();
        assertEquals(List.of("Registry hot responds again: 8 calls failed in 9 min 40 s, 282 were not made"), ends());
        after(1);
        fails();
        assertEquals(2, warnings.size());
    }

    @Test
    void eachKindOfTroubleIsToldOnceAndNotMoreThanOneAMinute() {
        fails();
        for (int i = 0; i < 600; i++) {
            after(1);
            fails(i % 2 == 0 ? Kind.OUTAGE : Kind.REFUSED, i % 2 == 0 ? 503 : 401);
        }
        assertEquals(3, warnings.size(), warnings.toString());
        assertEquals("OUTAGE 0", warnings.get(0));
        assertTrue(warnings.get(1).endsWith("; 61 calls failed in 1 min 0 s"), warnings.get(1));
        assertEquals(List.of(), ends());
    }

    @Test
    void whatFailsEachSecondCallIsOneWarningAMinuteWithACount() {
        for (int i = 0; i < 600; i++) {
            fails();
            after(1);
            log.responded();
        }
        assertEquals(10, warnings.size(), warnings.toString());
        assertEquals(List.of("OUTAGE 0", "OUTAGE 0; 61 calls failed in 1 min 0 s", "OUTAGE 0; 121 calls failed in 2 min 0 s"), warnings.subList(0, 3));
        assertEquals(List.of("Registry hot responds again: 1 call failed in 1 s"), ends());
        after(60);
        log.responded();
        assertEquals(List.of("Registry hot responds again: 1 call failed in 1 s", "Registry hot responds again: 600 calls failed in 11 min 0 s"), ends());
    }

    /** A response in between is not to hide that the registry is away for good. */
    @Test
    void anOutageSoonAfterAnotherIsToldAfterAMinute() {
        fails();
        log.responded();
        for (int i = 0; i < 300; i++) {
            after(1);
            fails();
        }
        assertEquals(List.of("OUTAGE 0", "OUTAGE 0; 61 calls failed in 1 min 0 s"), warnings);
    }

    @Test
    void theEndWaitsForTheBreaker() {
        fails();
        assertTrue(log.opened());
        after(10);
        log.responded();
        assertFalse(log.opened(), "a failed trial is no change");
        assertEquals(List.of(), ends());
        log.closed();
        assertEquals(List.of("Registry hot responds again: 1 call failed in 10 s"), ends());
    }

    @Test
    void aBreakerThatOpensAndClosesAllTheTimeIsToldOnce() {
        int told = 0;
        for (int i = 0; i < 300; i++) {
            fails();
            told += log.opened() ? 1 : 0;
            after(1);
            log.closed();
        }
        assertEquals(1, told);
        assertEquals(1, ends().size(), ends().toString());
    }

    @Test
    void aBreakerWithoutFailedStepsHasAnEndAsWell() {
        assertTrue(log.opened());
        log.closed();
        assertEquals(List.of("Registry hot responds again"), ends());
    }

    @Test
    void probesAreToldByChange() {
        assertFalse(log.probed(true));
        assertTrue(log.probed(false));
        assertFalse(log.probed(false));
        after(10);
        assertTrue(log.probed(true));
        assertFalse(log.probed(true));
        // It flaps.
        int lines = 0;
        for (int i = 0; i < 60; i++) {
            after(10);
            lines += log.probed(i % 2 == 1) ? 1 : 0;
        }
        assertTrue(lines >= 10 && lines <= 20, lines + " lines in ten minutes");
    }

    @Test
    void aRegistryThatGoesDownSoonAfterAnotherTimeIsToldAfterAMinute() {
        assertTrue(log.probed(false));
        after(10);
        assertTrue(log.probed(true));
        after(10);
        assertFalse(log.probed(false));
        after(40);
        assertTrue(log.probed(false));
        assertFalse(log.probed(false));
        assertTrue(log.probed(true));
    }
}
