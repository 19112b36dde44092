package io.mirrorregistry.push;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class TagLocksTest {

    private static final Plan.Target APP = new Plan.Target("cold", new RepositoryName("team/app"));
    private static final Plan.Target OTHER = new Plan.Target("cold", new RepositoryName("team/other"));
    private static final Plan.Target ELSEWHERE = new Plan.Target("hot", new RepositoryName("team/app"));
    private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);

    private final TagLocks locks = new TagLocks();
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void stop() {
        threads.shutdownNow();
    }

    private static List<Tag> tags(String... names) {
        return Stream.of(names).map(Tag::new).toList();
    }

    /** Takes the tags on a thread of its own, which waits until it has them. */
    private final class Waiting {

        private final CompletableFuture<Thread> began = new CompletableFuture<>();
        private final Future<TagLocks.Lock> taken;

        private Waiting(Plan.Target target, String... tags) {
            taken = threads.submit(() -> {
                began.complete(Thread.currentThread());
                return locks.take(target, tags(tags), MINUTE);
            });
        }

        private TagLocks.Lock lock() throws Exception {
            return taken.get(10, TimeUnit.SECONDS);
        }

        private void awaitBlocked() throws Exception {
            while (began.get().getState() != Thread.State.TIMED_WAITING) {
                assertFalse(taken.isDone(), "the tag was free");
                Thread.onSpinWait();
            }
        }
    }

    @Test
    void oneAtATimeHasATag() throws Exception {
        TagLocks.Lock first = locks.take(APP, tags("1", "2"), MINUTE);
        Waiting second = new Waiting(APP, "2", "3");
        second.awaitBlocked();
        // One who waits has nothing yet.
        locks.take(APP, tags("3"), MINUTE).close();
        first.close();
        second.lock().close();
        locks.take(APP, tags("1", "2", "3"), MINUTE).close();
    }

    @Test
    void oneWhoWaitsTooLongGetsNone() {
        TagLocks.Lock first = locks.take(APP, tags("1"), MINUTE);
        assertNull(locks.take(APP, tags("1", "2"), TimeUnit.MILLISECONDS.toNanos(20)));
        first.close();
        locks.take(APP, tags("1", "2"), 0).close();
    }

    @Test
    void otherTagsAndPlacesDoNotWait() throws Exception {
        TagLocks.Lock first = locks.take(APP, tags("1"), MINUTE);
        new Waiting(APP, "2").lock().close();
        new Waiting(OTHER, "1").lock().close();
        new Waiting(ELSEWHERE, "1").lock().close();
        first.close();
    }

    @Test
    void aTagThatIsNamedTwiceIsOne() throws Exception {
        locks.take(APP, tags("1", "1"), MINUTE).close();
        new Waiting(APP, "1").lock().close();
    }

    @Test
    void oneWhoIsInterruptedTakesNothing() throws Exception {
        TagLocks.Lock first = locks.take(APP, tags("1"), MINUTE);
        Waiting second = new Waiting(APP, "1", "2");
        second.awaitBlocked();
        second.began.get().interrupt();
        try {
            second.lock();
        } catch (ExecutionException e) {
            assertInstanceOf(IllegalStateException.class, e.getCause());
        }
        first.close();
        locks.take(APP, tags("1", "2"), MINUTE).close();
    }

    @Test
    void crossingSetsDoNotBlockEachOther() throws Exception {
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        List<Future<?>> all = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            List<Tag> tags = i % 2 == 0 ? tags("1", "2") : tags("2", "1");
            all.add(threads.submit(() -> {
                for (int j = 0; j < 500; j++) {
                    try (TagLocks.Lock lock = locks.take(APP, tags, MINUTE)) {
                        most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                        inside.decrementAndGet();
                    }
                }
            }));
        }
        for (Future<?> one : all) {
            one.get();
        }
        assertEquals(1, most.get());
        assertTrue(inside.get() == 0);
    }
}
