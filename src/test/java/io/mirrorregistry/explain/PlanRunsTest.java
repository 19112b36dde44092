package io.mirrorregistry.explain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class PlanRunsTest {

    private static final Duration HOUR = Duration.ofHours(1);
    private final Vertx vertx = Vertx.vertx();
    private final Logger logger = (Logger) LoggerFactory.getLogger(PlanRuns.class);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    /** Opened at the end of a test, so that no thread outlives it. */
    private final CountDownLatch end = new CountDownLatch(1);

    @BeforeEach
    void listen() {
        log.start();
        // A mirror of an earlier test may have set another level.
        logger.setLevel(Level.WARN);
        logger.addAppender(log);
    }

    @AfterEach
    void stop() throws Exception {
        end.countDown();
        logger.detachAppender(log);
        logger.setLevel(null);
        vertx.close().toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
    }

    private static <T> T get(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
    }

    private static Throwable failure(Future<?> future) {
        return assertThrows(ExecutionException.class, () -> get(future)).getCause();
    }

    /** Ends with the test only. */
    private String ignoreInterrupts() {
        while (true) {
            try {
                end.await();
                return "late";
            } catch (InterruptedException e) {
                // goes on waiting
            }
        }
    }

    @Test
    void returnsThePlanOrItsFailure() throws Exception {
        PlanRuns runs = new PlanRuns(vertx, "plans", HOUR, HOUR);
        PlanRuns.Run<String> sound = runs.start("/v2/app", () -> "plan");
        assertEquals("plan", get(sound.result()));
        get(sound.over());
        PlanRuns.Run<String> broken = runs.start("/v2/app", () -> {
            throw new IllegalStateException("no plan today");
        });
        assertEquals("no plan today", failure(broken.result()).getMessage());
        get(broken.over());
        assertEquals(List.of(), log.list);
    }

    @Test
    void interruptsARunAtItsDeadlineAndThreadsStayUsable() throws Exception {
        PlanRuns runs = new PlanRuns(vertx, "plans", Duration.ofMillis(50), HOUR);
        CountDownLatch interrupted = new CountDownLatch(20);
        // More than there are threads.
        for (int i = 0; i < 20; i++) {
            PlanRuns.Run<String> run = runs.start("/v2/app", () -> {
                try {
                    return ignoreNothing();
                } finally {
                    interrupted.countDown();
                }
            });
            assertTrue(failure(run.result()) instanceof TimeoutException);
            get(run.over());
        }
        assertEquals(0, interrupted.getCount());
        assertFalse(runs.isStuck());
        assertEquals(20, log.list.size());
        assertTrue(log.list.get(0).getFormattedMessage().startsWith("The route plan has not ended within 0.05 s for an explanation of /v2/app;"),
                log.list.get(0).getFormattedMessage());
        assertEquals(false, get(runs.start("/v2/app", Thread::interrupted).result()), "an interrupt hits no later run");
    }

    private String ignoreNothing() throws InterruptedException {
        end.await();
        return "late";
    }

    @Test
    void aRunThatIgnoresTheInterruptIsOverAfterTheGrace() throws Exception {
        PlanRuns runs = new PlanRuns(vertx, "plans", Duration.ofMillis(50), Duration.ofMillis(50));
        List<PlanRuns.Run<String>> hanging = new ArrayList<>();
        while (!runs.isStuck()) {
            assertTrue(hanging.size() < 20, "never stuck");
            PlanRuns.Run<String> run = runs.start("/v2/app", this::ignoreInterrupts);
            hanging.add(run);
            assertTrue(failure(run.result()) instanceof TimeoutException);
            get(run.over());
        }
        assertTrue(hanging.size() > 2, "some may hang, and others still run");
        assertEquals(hanging.size(), log.list.size(), "one line each");
        end.countDown();
        for (int i = 0; i < 1000 && runs.isStuck(); i++) {
            Thread.sleep(10);
        }
        assertFalse(runs.isStuck());
        assertEquals("plan", get(runs.start("/v2/app", () -> "plan").result()));
    }
}
