package io.mirrorregistry.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.registry.PushBodyException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class BodyPaceTest {

    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    private final BodyPace pace = new BodyPace(BodyPace.Times.USUAL);

    @Test
    void aClientThatSendsNothingForThirtySecondsHasStopped() throws Exception {
        pace.waited(SECOND, 7, true);
        for (int i = 0; i < 29; i++) {
            pace.waited(SECOND, 7, false);
        }
        PushBodyException stopped = assertThrows(PushBodyException.class, () -> pace.waited(SECOND, 7, false));
        assertEquals("The body stopped: after 7 bytes nothing arrived for 30 s.", stopped.getMessage());
        assertFalse(stopped.isGone());
    }

    @Test
    void oneByteBeginsThatTimeAnew() throws Exception {
        for (int i = 0; i < 58; i++) {
            pace.waited(SECOND, i, i % 29 == 28);
        }
    }

    @Test
    void aClientThatDripsHasStoppedAfterAMinute() throws Exception {
        for (int i = 1; i < 60; i++) {
            pace.waited(SECOND, i, true);
        }
        PushBodyException stopped = assertThrows(PushBodyException.class, () -> pace.waited(SECOND, 60, true));
        assertEquals("The body stopped: after 0 bytes fewer than 65536 arrived in 60 s.", stopped.getMessage());
    }

    @Test
    void aSlowClientThatSendsEnoughInEachMinuteMayGoOn() throws Exception {
        for (int i = 1; i < 1000; i++) {
            pace.waited(SECOND, i * 1100L, true);
        }
        assertThrows(PushBodyException.class, () -> {
            for (int i = 1; i < 130; i++) {
                pace.waited(SECOND, 1_100_000 + i, true);
            }
        });
    }

    /** As where the process was stopped: what arrived meanwhile has not been read yet. */
    @Test
    void aWaitThatLastsMuchLongerThanItWasToBeCountsAsThatOnly() throws Exception {
        for (int i = 0; i < 29; i++) {
            pace.waited(100 * SECOND, 0, false);
        }
        assertThrows(PushBodyException.class, () -> pace.waited(100 * SECOND, 0, false));
        assertTrue(pace.slice() <= 1000, "slice of " + pace.slice());
    }
}
