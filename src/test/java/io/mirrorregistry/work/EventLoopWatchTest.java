package io.mirrorregistry.work;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class EventLoopWatchTest {

    private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - 5);
    private final EventLoopWatch watch = new EventLoopWatch(now::get);
    private final Queue<Runnable> tasks = new ArrayDeque<>();

    @Test
    void measuresHowLongTheLoopHasNotRunItsTask() {
        assertEquals(Duration.ZERO, watch.blocked());
        watch.hand(tasks::add);
        now.addAndGet(Duration.ofSeconds(7).toNanos());
        watch.hand(tasks::add);
        assertEquals(Duration.ofSeconds(7), watch.blocked());
        assertEquals(1, tasks.size(), "a loop that is blocked gets no more tasks");
        tasks.remove().run();
        assertEquals(Duration.ZERO, watch.blocked());
        watch.hand(tasks::add);
        now.addAndGet(1000);
        assertEquals(Duration.ofNanos(1000), watch.blocked());
    }
}
