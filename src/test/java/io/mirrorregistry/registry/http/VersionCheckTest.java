package io.mirrorregistry.registry.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.registry.CallTime;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.message.BasicClassicHttpResponse;
import org.junit.jupiter.api.Test;

/** Which answers of {@code GET /v2/} serve a call, with a question that is answered when the test wants. */
class VersionCheckTest {

    private final CountDownLatch letGo = new CountDownLatch(1);
    private final AtomicInteger asked = new AtomicInteger();

    private static CallTime time() {
        return new CallTime(Duration.ofSeconds(30), null);
    }

    private ClassicHttpResponse answer(int status) throws IOException {
        asked.incrementAndGet();
        try {
            letGo.await();
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
        return new BasicClassicHttpResponse(status) {
            /** Takes longer than the calls needed to begin, so that the answer is older than they are when they get to see it. */
            @Override
            public void close() {
                long came = System.nanoTime();
                while (System.nanoTime() - came < TimeUnit.MILLISECONDS.toNanos(300)) {
                    Thread.onSpinWait();
                }
            }
        };
    }

    /** Has ten calls that want an answer from now on wait for the same question. */
    private void assertAllServedByOneQuestion(int status) throws Exception {
        VersionCheck check = new VersionCheck(time -> answer(status));
        ExecutorService calls = Executors.newFixedThreadPool(10);
        try {
            long now = System.nanoTime();
            CountDownLatch begun = new CountDownLatch(10);
            List<Future<VersionCheck.Result>> results = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                results.add(calls.submit(() -> {
                    begun.countDown();
                    return check.get(now, time());
                }));
            }
            assertTrue(begun.await(10, TimeUnit.SECONDS));
            letGo.countDown();
            for (Future<VersionCheck.Result> result : results) {
                assertEquals(status, result.get(10, TimeUnit.SECONDS).status());
            }
            assertEquals(1, asked.get());
        } finally {
            calls.shutdownNow();
        }
    }

    @Test
    void callsThatWaitAreServedByTheAnswer() throws Exception {
        assertAllServedByOneQuestion(200);
    }

    @Test
    void callsThatWaitAreServedByTrouble() throws Exception {
        assertAllServedByOneQuestion(503);
    }

    /** Access may have ended while the earlier question was under way. */
    @Test
    void anAnswerToAnEarlierQuestionServesNoCallThatBeganLater() throws Exception {
        letGo.countDown();
        VersionCheck check = new VersionCheck(time -> answer(200));
        long before = System.nanoTime();
        check.get(before, time());
        check.get(before, time());
        assertEquals(1, asked.get());
        check.get(System.nanoTime(), time());
        assertEquals(2, asked.get());
    }

    /** A registry that is only slow gets the rest of the request's time, which may be hardly longer than its patience was. */
    @Test
    void aQuestionThatEndedWithThePatienceServesNoCallWithItsFullTime() throws Exception {
        VersionCheck check = new VersionCheck(time -> {
            if (asked.incrementAndGet() > 1) {
                return new BasicClassicHttpResponse(200);
            }
            while (!time.isOver()) {
                Thread.onSpinWait();
            }
            throw new SocketTimeoutException();
        });
        long before = System.nanoTime();
        assertThrows(SocketTimeoutException.class, () -> check.get(before, new CallTime(Duration.ofSeconds(30), null, before + TimeUnit.SECONDS.toNanos(1))));
        assertEquals(200, check.get(before, new CallTime(Duration.ofMillis(1900), null)).status());
        assertEquals(2, asked.get());
    }
}
