package io.mirrorregistry.work;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class BulkheadTest {

    private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);

    private final Bulkhead one = new Bulkhead(1, Duration.ofMinutes(1));

    @Test
    void hasSoManyPlacesAndNoMore() {
        Bulkhead two = new Bulkhead(2, Duration.ofMinutes(1));
        Place first = two.tryTake();
        assertNotNull(first);
        assertNotNull(two.tryTake());
        assertNull(two.tryTake());
        first.close();
        // The second time it is nobody's.
        first.close();
        assertEquals(1, two.free());
        assertNotNull(two.tryTake());
        assertNull(two.tryTake());
    }

    @Test
    void thePlaceGoesToTheRequestThatArrivedFirst() {
        Place taken = one.tryTake();
        List<Integer> order = new ArrayList<>();
        for (int since : new int[] {30, 10, 20, 10}) {
            one.take(since, MINUTE).thenAccept(place -> {
                order.add(since);
                place.close();
            });
        }
        assertEquals(4, one.waiting());
        taken.close();
        assertEquals(List.of(10, 10, 20, 30), order);
        assertEquals(0, one.waiting());
        assertEquals(1, one.free());
    }

    @Test
    void nobodyIsServedBeforeThoseThatWait() {
        Place taken = one.tryTake();
        CompletableFuture<Place> waiting = one.take(1, MINUTE);
        taken.close();
        assertNull(one.tryTake());
        waiting.join().close();
        assertNotNull(one.tryTake());
    }

    @Test
    void aPlaceThatIsFreeIsTakenAtOnce() {
        CompletableFuture<Place> taken = one.take(1, 0);
        assertTrue(taken.isDone());
        assertEquals(0, one.free());
        taken.join().close();
        assertEquals(1, one.free());
    }

    @Test
    void whoeverHasNoTimeLeftWaitsNoLonger() {
        Place taken = one.tryTake();
        for (CompletableFuture<Place> late : List.of(one.take(1, 0), one.take(1, -1), one.take(1, 1_000_000), new Bulkhead(0, Duration.ofMillis(1)).take(1, MINUTE))) {
            assertInstanceOf(TimeoutException.class, assertThrows(ExecutionException.class, () -> late.get(20, TimeUnit.SECONDS)).getCause());
        }
        assertEquals(0, one.waiting());
        taken.close();
        assertEquals(1, one.free());
    }

    @Test
    void aWaitThatIsCancelledGetsNoPlace() {
        Place taken = one.tryTake();
        CompletableFuture<Place> left = one.take(1, MINUTE);
        CompletableFuture<Place> next = one.take(2, MINUTE);
        left.cancel(false);
        assertEquals(1, one.waiting());
        taken.close();
        assertNotNull(next.join());
    }

    @Test
    void noPlaceIsLostOrMadeWhoeverComesAndGoes() throws Exception {
        Bulkhead some = new Bulkhead(3, Duration.ofMinutes(1));
        AtomicInteger holding = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < 8; t++) {
            Thread thread = new Thread(() -> {
                ThreadLocalRandom random = ThreadLocalRandom.current();
                for (int i = 0; i < 20_000; i++) {
                    CompletableFuture<Place> turn = some.take(i, random.nextInt(3) == 0 ? random.nextLong(50_000) : MINUTE);
                    if (random.nextInt(4) == 0) {
                        turn.cancel(false);
                    }
                    turn.handle((place, failure) -> place).thenAccept(place -> {
                        if (place != null) {
                            most.accumulateAndGet(holding.incrementAndGet(), Math::max);
                            holding.decrementAndGet();
                            place.close();
                        }
                    }).join();
                }
            });
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join(60_000);
        }
        assertEquals(3, some.free());
        assertEquals(0, some.waiting());
        assertTrue(most.get() <= 3, most + " at a time");
    }
}
