package io.mirrorregistry.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreaker.State;
import io.mirrorregistry.config.Settings.BreakerSettings;
import io.mirrorregistry.registry.RegistryTroubleException.Kind;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.camel.RuntimeCamelException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BreakersTest {

    private static final Duration LONGEST_TRIAL = Duration.ofSeconds(30);

    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1000);
    private final CircuitBreaker breaker = Breakers.create(new TroubleLog("hot", nanos::get), new BreakerSettings(50, 20, 4, Duration.ofSeconds(1), 3), LONGEST_TRIAL, nanos::get);

    /** Makes a call as Camel does, which wraps what it fails with. */
    private void call(Exception failure) {
        Callable<Object> call = CircuitBreaker.decorateCallable(breaker, () -> {
            if (failure != null) {
                throw new RuntimeCamelException(failure);
            }
            return "";
        });
        try {
            call.call();
        } catch (Exception e) {
            assertTrue(failure != null && e.getCause() == failure, e.toString());
        }
    }

    private static RegistryTroubleException trouble(Kind kind) {
        return new RegistryTroubleException("hot", "trouble", kind, null);
    }

    private static NotHereException missing() {
        return new NotHereException("hot", "missing");
    }

    private void open() {
        for (int i = 0; i < 20; i++) {
            call(trouble(Kind.OUTAGE));
            if (breaker.getState() == State.OPEN) {
                return;
            }
        }
        throw new AssertionError("twenty outages do not open the breaker");
    }

    @Test
    void answersOutweighAFewOutages() {
        for (int i = 0; i < 200; i++) {
            call(i % 20 == 19 ? trouble(Kind.OUTAGE) : missing());
            assertEquals(State.CLOSED, breaker.getState());
        }
    }

    @ParameterizedTest
    @EnumSource(value = Kind.class, names = {"THROTTLED", "REFUSED"})
    void soDoAnswersThatRefuse(Kind kind) {
        for (int i = 0; i < 200; i++) {
            call(i % 20 == 19 ? trouble(Kind.OUTAGE) : trouble(kind));
            assertEquals(State.CLOSED, breaker.getState());
        }
    }

    @Test
    void answersEndATrial() {
        open();
        breaker.transitionToHalfOpenState();
        call(missing());
        call(trouble(Kind.THROTTLED));
        assertEquals(State.HALF_OPEN, breaker.getState());
        call(trouble(Kind.REFUSED));
        assertEquals(State.CLOSED, breaker.getState());
    }

    @Test
    void aFailureOfTheMirrorItselfCountsForNothing() {
        for (int i = 0; i < 200; i++) {
            call(switch (i % 4) {
                case 0 -> new IllegalStateException("a fault in a route");
                case 1 -> trouble(Kind.NOT_ASKED);
                case 2 -> trouble(Kind.SLOW);
                default -> trouble(Kind.CUT_SHORT);
            });
        }
        assertEquals(0, breaker.getMetrics().getNumberOfBufferedCalls());
        open();
        breaker.transitionToHalfOpenState();
        for (int i = 0; i < 10; i++) {
            call(new IllegalStateException("a fault in a route"));
            assertEquals(State.HALF_OPEN, breaker.getState());
        }
        assertTrue(breaker.tryAcquirePermission());
    }

    @Test
    void aTrialWhoseCallsAreLostBeginsAnewAfterItsLongestTime() {
        open();
        breaker.transitionToHalfOpenState();
        Callable<Object> lost = CircuitBreaker.decorateCallable(breaker, () -> {
            throw new AssertionError("an Error is none of the breaker's calls");
        });
        for (int i = 0; i < 3; i++) {
            assertThrows(AssertionError.class, lost::call);
        }
        nanos.addAndGet(LONGEST_TRIAL.toNanos());
        assertFalse(breaker.tryAcquirePermission());
        assertFalse(breaker.tryAcquirePermission());
        nanos.addAndGet(1);
        assertFalse(breaker.tryAcquirePermission());
        for (int i = 0; i < 3; i++) {
            call(missing());
        }
        assertEquals(State.CLOSED, breaker.getState());
    }

    @Test
    void aTrialOfWhichNobodyAsksKeepsItsResults() {
        open();
        breaker.transitionToHalfOpenState();
        for (int i = 0; i < 3; i++) {
            nanos.addAndGet(LONGEST_TRIAL.toNanos() * 10);
            assertEquals(State.HALF_OPEN, breaker.getState());
            call(null);
        }
        assertEquals(State.CLOSED, breaker.getState());
    }
}
