package io.mirrorregistry.work;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class GuardedTest {

    private final IntConsumer halt = FatalErrors.exit;

    @AfterEach
    void restore() {
        FatalErrors.exit = halt;
    }

    @Test
    void theScheduleSurvivesEveryFailure() throws Exception {
        List<Throwable> failures = List.of(new IllegalStateException("one"), new NoClassDefFoundError("two"), new StackOverflowError(),
                new AssertionError("three"), new RuntimeException() {
                    @Override
                    public String toString() {
                        throw new IllegalStateException("it cannot even be told");
                    }
                });
        List<Throwable> thrown = new ArrayList<>();
        CountDownLatch enough = new CountDownLatch(3 * failures.size());
        ScheduledExecutorService threads = Executors.newSingleThreadScheduledExecutor();
        try {
            threads.scheduleWithFixedDelay(new Guarded("fail", () -> {
                Throwable next = failures.get(thrown.size() % failures.size());
                thrown.add(next);
                enough.countDown();
                GuardedTest.<RuntimeException>raise(next);
            }), 0, 1, TimeUnit.MILLISECONDS);
            assertTrue(enough.await(20, TimeUnit.SECONDS), () -> thrown.size() + " runs");
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void anErrorOfTheVirtualMachineEndsTheProcess() {
        List<Integer> codes = new ArrayList<>();
        FatalErrors.exit = codes::add;
        new Guarded("fail", () -> {
            throw new OutOfMemoryError("for this test");
        }).run();
        // Once more where it is logged.
        assertEquals(Set.of(3), Set.copyOf(codes));
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> void raise(Throwable failure) throws E {
        throw (E) failure;
    }
}
