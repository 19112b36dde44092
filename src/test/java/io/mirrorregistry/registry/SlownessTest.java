package io.mirrorregistry.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.registry.Slowness.Ending;
import io.mirrorregistry.registry.Slowness.Pace;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** When a registry counts as slow, by a clock that the test turns. */
class SlownessTest {

    private static final Call VERSION = Call.get(new ApiPath(ApiPath.Kind.API_VERSION, null, null), null);

    private final Call manifest = Call.get(parse("/v2/library/app/manifests/1.0"), "application/json");
    private long now = Long.MAX_VALUE - 5;
    private int begun;
    private final Slowness slowness = new Slowness("hot", Duration.ofSeconds(2), () -> now);

    SlownessTest() {
        slowness.whenSlow(() -> begun++);
    }

    private static ApiPath parse(String path) {
        try {
            return ApiPath.parse(path);
        } catch (Exception e) {
            throw new IllegalArgumentException(e);
        }
    }

    private void call(Call call, double seconds, Ending ending) {
        long nanos = (long) (seconds * TimeUnit.SECONDS.toNanos(1));
        if (ending == Ending.NOT_YET || slowness.concerns(nanos)) {
            slowness.ended(call, nanos, ending);
        }
    }

    private void pass(int seconds) {
        now += TimeUnit.SECONDS.toNanos(seconds);
    }

    @Test
    void aLateResponseMakesItSlowAndAQuickOneQuick() {
        call(manifest, 1.9, Ending.RESPONSE);
        assertFalse(slowness.isSlow());
        call(manifest, 2.1, Ending.RESPONSE);
        assertEquals(Pace.SLOW, slowness.pace());
        assertTrue(slowness.problem().endsWith("Z) and is asked last: GET /v2/library/app/manifests/1.0 was answered after 2.1 s"), slowness.problem());
        call(manifest, 0.1, Ending.RESPONSE);
        assertEquals(Pace.QUICK, slowness.pace());
        assertNull(slowness.problem());
        assertNull(slowness.repeat());
        assertEquals(1, begun);
    }

    @Test
    void itIsSilentUntilItResponds() {
        call(manifest, 2, Ending.NOT_YET);
        assertEquals(Pace.SILENT, slowness.pace());
        call(manifest, 3, Ending.RESPONSE);
        assertEquals(Pace.SLOW, slowness.pace());
        // A call that was given up shows nothing new.
        call(manifest, 2, Ending.NOT_YET);
        assertEquals(Pace.SLOW, slowness.pace());
        call(manifest, 10, Ending.NO_RESPONSE);
        assertEquals(Pace.SILENT, slowness.pace());
        assertEquals(1, begun);
    }

    @Test
    void anErrorAtOnceIsNeitherSlowNorQuick() {
        call(manifest, 0.01, Ending.OTHER_RESPONSE);
        call(manifest, 0.01, Ending.NO_RESPONSE);
        assertEquals(Pace.QUICK, slowness.pace());
        call(manifest, 2, Ending.NOT_YET);
        call(manifest, 0.01, Ending.OTHER_RESPONSE);
        call(manifest, 0.01, Ending.NO_RESPONSE);
        assertEquals(Pace.SILENT, slowness.pace());
    }

    /** A call that waited for the token of another, which was given up. */
    @Test
    void aCallThatWasGivenUpEarlierCountsAsWell() {
        call(manifest, 1, Ending.NOT_YET);
        assertEquals(Pace.SILENT, slowness.pace());
    }

    @Test
    void aProbeOfTheVersionTellsOnlyOfProbes() {
        call(manifest, 2, Ending.NOT_YET);
        call(VERSION, 0.01, Ending.RESPONSE);
        assertTrue(slowness.isSlow());
        call(manifest, 0.01, Ending.RESPONSE);
        assertFalse(slowness.isSlow());
        call(VERSION, 3, Ending.RESPONSE);
        assertTrue(slowness.isSlow());
        pass(10);
        call(VERSION, 0.01, Ending.RESPONSE);
        assertFalse(slowness.isSlow());
    }

    /** The call is repeated as it was, and as a HEAD after that. */
    @Test
    void theLateCallIsRepeatedAtItsTimes() {
        call(manifest, 2, Ending.NOT_YET);
        assertEquals(Duration.ofSeconds(2), slowness.untilRepeat());
        pass(2);
        assertEquals(Duration.ZERO, slowness.untilRepeat());
        assertEquals(manifest, slowness.repeat());
        assertEquals(Duration.ofSeconds(2), slowness.untilRepeat());
        call(manifest, 3, Ending.RESPONSE);
        assertEquals(Duration.ofSeconds(10), slowness.untilRepeat());
        pass(10);
        assertEquals("HEAD /v2/library/app/manifests/1.0", slowness.repeat().toString());
    }

    /** Slow for some calls only: what it costs clients is less each time, and nothing once it is well. */
    @Test
    void aRegistryThatIsSlowAgainAndAgainStaysSlowForLonger() {
        for (int hold : new int[] {0, 10, 20, 40, 80, 160, 320, 600, 600}) {
            call(manifest, 2, Ending.NOT_YET);
            if (hold > 0) {
                pass(hold - 1);
                call(manifest, 0.1, Ending.RESPONSE);
                assertEquals(Pace.SLOW, slowness.pace(), "after " + (hold - 1) + " s");
                pass(1);
            }
            call(manifest, 0.1, Ending.RESPONSE);
            assertFalse(slowness.isSlow(), "after " + hold + " s");
            // A day later, but for few calls.
            pass(86_400);
            call(manifest, 0.1, Ending.RESPONSE);
        }
        for (int i = 0; i < 5; i++) {
            call(manifest, 0.1, Ending.RESPONSE);
        }
        assertFalse(slowness.concerns(0));
        call(manifest, 2, Ending.NOT_YET);
        call(manifest, 0.1, Ending.RESPONSE);
        assertFalse(slowness.isSlow());
    }

    @Test
    void withoutPatienceNothingIsSlow() {
        Slowness never = new Slowness("hot", Duration.ZERO, () -> now);
        assertFalse(never.concerns(Long.MAX_VALUE));
    }
}
