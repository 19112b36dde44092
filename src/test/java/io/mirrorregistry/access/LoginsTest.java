package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.access.Logins.Login;
import io.mirrorregistry.access.Logins.Result;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class LoginsTest {

    private static final String HERE = "10.0.0.1";
    private static final String THERE = "10.0.0.2";
    private static final String HASH = "a hash";
    /** What {@code htpasswd -nbB u PASSWORD} of apache2-utils prints for a password of 72 bytes: 36 times a, 36 times b. */
    private static final String LONGEST_HASH = "$2y$05$ID/KE54/Bjtbx8jnK4AvL.cPfgPE44UjiZMmHc9V5uTcvlnv6LXaC";
    private static final String LONGEST = "a".repeat(36) + "b".repeat(36);

    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1);
    /** The passwords that bcrypt was asked for. */
    private final ConcurrentLinkedQueue<String> checked = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<String> hashes = new ConcurrentLinkedQueue<>();
    private final Set<Thread> threads = ConcurrentHashMap.newKeySet();
    /** A check needs a permit. */
    private final Semaphore permits = new Semaphore(1_000_000);
    private final Semaphore begun = new Semaphore(0);
    private Logins logins = logins(2, 200);

    private Logins logins(int threadCount, int queue) {
        return new Logins(nanos::get, threadCount, queue, (password, hash) -> {
            threads.add(Thread.currentThread());
            begun.release();
            permits.acquireUninterruptibly();
            String text = new String(password, StandardCharsets.UTF_8);
            checked.add(text);
            hashes.add(hash);
            if (text.equals("broken")) {
                throw new IllegalStateException("for this test");
            }
            return text.startsWith("right");
        });
    }

    @AfterEach
    void close() {
        permits.release(1_000_000);
        logins.close();
    }

    private Login login(String user, String password, String hash, String address) throws Exception {
        return logins.check(user, password, hash, address).get(20, TimeUnit.SECONDS);
    }

    private Result alice(String password) throws Exception {
        return login("alice", password, HASH, HERE).result();
    }

    private void pass(Duration time) {
        nanos.addAndGet(time.toNanos());
    }

    @Test
    void realHashesTellRightFromWrongAndUnknown() throws Exception {
        try (Logins real = new Logins()) {
            assertEquals(Result.RIGHT, real.check("u", LONGEST, LONGEST_HASH, HERE).get().result());
            assertEquals(Result.WRONG, real.check("u", LONGEST.substring(1), LONGEST_HASH, HERE).get().result());
            assertEquals(Result.UNKNOWN, real.check("v", LONGEST, null, HERE).get().result());
            assertEquals(Result.WRONG, real.check("u", LONGEST, "no bcrypt", THERE).get().result());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"$2y$", "$2a$", "$2b$"})
    void theLastOf72BytesCountsInHashesOfHtpasswd(String version) throws Exception {
        try (Logins real = new Logins()) {
            String hash = version + LONGEST_HASH.substring(4);
            assertEquals(Result.RIGHT, real.check("u", LONGEST, hash, HERE).get().result());
            assertEquals(Result.WRONG, real.check("u", LONGEST.substring(0, 71), hash, HERE).get().result());
            assertEquals(Result.WRONG, real.check("u", LONGEST.substring(0, 71) + "c", hash, HERE).get().result());
            assertEquals(Result.WRONG, real.check("u", LONGEST + "b", hash, THERE).get().result());
        }
    }

    @Test
    void rightIsRememberedForFiveMinutesAndAnsweredAtOnce() throws Exception {
        assertEquals(Result.RIGHT, alice("right"));
        pass(Duration.ofSeconds(299));
        CompletableFuture<Login> again = logins.check("alice", "right", HASH, THERE);
        assertTrue(again.isDone());
        assertEquals(new Login(Result.RIGHT, null), again.get());
        assertEquals(1, checked.size());
        pass(Duration.ofSeconds(1));
        alice("right");
        assertEquals(2, checked.size());
    }

    @Test
    void aChangedHashIsCheckedAnew() throws Exception {
        alice("right");
        login("alice", "right", "another hash", HERE);
        login("alice", "right", null, HERE);
        assertEquals(3, checked.size());
    }

    @Test
    void whatIsRememberedOfOneLoginIsNotUsedForAnother() throws Exception {
        login("alice", "right1", HASH, HERE);
        login("alic", "eright1", HASH, HERE);
        login("alicea hash", "right1", "", HERE);
        login("alice", "right", HASH + "1", HERE);
        login("alice\0", "right1", HASH, HERE);
        assertEquals(List.of("right1", "eright1", "right1", "right", "right1"), List.copyOf(checked));
    }

    @Test
    void theDigestTellsWhereATextEnds() {
        KeyedDigest digest = new KeyedDigest();
        assertEquals(digest.of("a", null, "b"), digest.of("a", null, "b"));
        assertNotEquals(digest.of("a", null, "b"), digest.of("a", "", "b"));
        assertNotEquals(digest.of("a\0\0\0\0b", "c", "d"), digest.of("a", "b\0\0\0\0c", "d"));
        assertNotEquals(digest.of("ab", "c"), digest.of("a", "bc"));
        assertNotEquals(digest.of("a"), new KeyedDigest().of("a"));
    }

    @Test
    void wrongIsNotRemembered() throws Exception {
        assertEquals(Result.WRONG, alice("no"));
        assertEquals(Result.WRONG, alice("no"));
        assertEquals(2, checked.size());
    }

    @Test
    void anUnknownUserIsRememberedAndCountsAsOneFailure() throws Exception {
        for (int i = 0; i < 10; i++) {
            assertEquals(new Login(Result.UNKNOWN, null), login("hub", "secret", null, HERE));
        }
        assertEquals(1, checked.size());
        login("hub", "2", null, HERE);
        login("hub", "3", null, HERE);
        assertEquals(Result.WAIT, login("hub", "4", null, HERE).result());
        // A remembered answer needs no wait.
        assertEquals(Result.UNKNOWN, login("hub", "secret", null, HERE).result());
        assertEquals(3, checked.size());
        pass(Duration.ofMinutes(5));
        login("hub", "secret", null, HERE);
        assertEquals(4, checked.size());
    }

    @Test
    void aRightPasswordDoesNotMakeAnUnknownUserKnown() throws Exception {
        assertEquals(Result.UNKNOWN, login("nobody", "right", null, HERE).result());
        assertEquals(Result.UNKNOWN, login("nobody", "right", null, HERE).result());
    }

    @Test
    void anUnknownUserCostsWhatTheCostIsSetTo() throws Exception {
        login("a", "x", null, HERE);
        logins.cost(12);
        login("b", "x", null, HERE);
        assertEquals(List.of("$2y$10$", "$2y$12$"), hashes.stream().map(hash -> hash.substring(0, 7)).toList());
        hashes.forEach(hash -> assertEquals(List.of(), Htpasswd.read("a:" + hash).faults()));
        assertThrows(IllegalArgumentException.class, () -> logins.cost(3));
        assertThrows(IllegalArgumentException.class, () -> logins.cost(16));
    }

    @Test
    void theHashOfAnUnknownUserTakesAsLongAsAnyOther() throws Exception {
        try (Logins real = new Logins()) {
            real.cost(13);
            long begin = System.nanoTime();
            real.check("nobody", "secret", null, HERE).get();
            // Cost 13 takes 400 ms. A hash that bcrypt refused unread would take none.
            assertTrue(System.nanoTime() - begin > TimeUnit.MILLISECONDS.toNanos(50));
        }
    }

    @Test
    void checksRunOnDaemonThreadsOfTheirOwnThatFirstUseMakes() throws Exception {
        assertTrue(threads.isEmpty());
        permits.drainPermits();
        List<CompletableFuture<Login>> results = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            results.add(logins.check("alice", "right" + i, HASH, HERE));
        }
        begun.acquire(2);
        assertFalse(begun.tryAcquire(50, TimeUnit.MILLISECONDS));
        permits.release(1000);
        for (CompletableFuture<Login> result : results) {
            assertEquals(Result.RIGHT, result.get().result());
        }
        assertEquals(Set.of("login-1", "login-2"), Set.copyOf(threads.stream().map(Thread::getName).toList()));
        assertTrue(threads.stream().allMatch(Thread::isDaemon));
    }

    @Test
    void theSameCheckIsJoined() throws Exception {
        permits.drainPermits();
        CompletableFuture<Login> first = logins.check("alice", "right", HASH, HERE);
        begun.acquire();
        CompletableFuture<Login> second = logins.check("alice", "right", HASH, HERE);
        CompletableFuture<Login> third = logins.check("alice", "right", HASH, THERE);
        assertFalse(second.isDone());
        // What one caller does to its future is not seen by others.
        first.complete(new Login(Result.WRONG, null));
        permits.release(1000);
        assertEquals(Result.RIGHT, second.get().result());
        assertEquals(Result.RIGHT, third.get().result());
        assertEquals(1, checked.size());
    }

    @Test
    void oneAddressTakesHalfOfTheQueueAndTheQueueIsBounded() throws Exception {
        logins.close();
        logins = logins(1, 8);
        permits.drainPermits();
        CompletableFuture<Login> running = logins.check("alice", "right", HASH, HERE);
        begun.acquire();
        List<CompletableFuture<Login>> queued = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            queued.add(logins.check("u" + i, "right", HASH, HERE));
        }
        CompletableFuture<Login> refused = logins.check("more", "right", HASH, HERE);
        assertTrue(refused.isDone());
        assertEquals(Result.BUSY, refused.get().result());
        assertTrue(refused.get().retryAfter().toSeconds() > 0);
        for (int i = 0; i < 4; i++) {
            queued.add(logins.check("v" + i, "right", HASH, "10.0.1." + i));
        }
        assertEquals(Result.BUSY, logins.check("more", "right", HASH, "10.0.2.1").get().result());
        queued.forEach(login -> assertFalse(login.isDone()));
        permits.release(1000);
        running.get();
        for (CompletableFuture<Login> login : queued) {
            assertEquals(Result.RIGHT, login.get().result());
        }
        assertEquals(Result.RIGHT, login("more", "right", HASH, HERE).result());
        assertEquals(10, checked.size());
    }

    @Test
    void eachFailureAfterTwoDoublesTheWaitUpToAMinute() throws Exception {
        alice("no");
        alice("no");
        for (int seconds : List.of(1, 2, 4, 8, 16, 32, 60, 60, 60)) {
            assertEquals(Result.WRONG, alice("no"));
            int before = checked.size();
            CompletableFuture<Login> early = logins.check("alice", "right", HASH, HERE);
            assertTrue(early.isDone());
            assertEquals(new Login(Result.WAIT, Duration.ofSeconds(seconds)), early.get());
            pass(Duration.ofSeconds(seconds).minusMillis(1));
            assertEquals(new Login(Result.WAIT, Duration.ofMillis(1)), login("alice", "no", HASH, HERE));
            assertEquals(before, checked.size());
            pass(Duration.ofMillis(1));
        }
        assertEquals(Result.RIGHT, alice("right"));
    }

    @Test
    void othersDoNotWaitForTheFailuresOfOne() throws Exception {
        for (int i = 0; i < 3; i++) {
            alice("no");
        }
        assertEquals(Result.WAIT, alice("no"));
        assertEquals(Result.RIGHT, login("bob", "right", HASH, HERE).result());
        assertEquals(Result.RIGHT, login("alice", "right", HASH, THERE).result());
    }

    @Test
    void aRightPasswordForgetsFailures() throws Exception {
        alice("no");
        alice("no");
        alice("right");
        alice("no");
        alice("no");
        assertEquals(Result.WRONG, alice("no"));
        assertEquals(Result.WAIT, alice("no"));
    }

    @Test
    void failuresAreForgottenTenMinutesAfterTheLast() throws Exception {
        alice("no");
        pass(Duration.ofSeconds(599));
        alice("no");
        pass(Duration.ofSeconds(599));
        alice("no");
        assertEquals(Result.WAIT, alice("no"));
        pass(Duration.ofMinutes(10));
        alice("no");
        alice("no");
        assertEquals(Result.WRONG, alice("no"));
    }

    @Test
    void aRememberedRightIsAnsweredWhileTheAddressWaits() throws Exception {
        alice("right");
        for (int i = 0; i < 3; i++) {
            alice("no");
        }
        assertEquals(Result.WAIT, alice("right2"));
        assertEquals(Result.RIGHT, alice("right"));
        // That answer does not end the wait.
        assertEquals(Result.WAIT, alice("right2"));
    }

    @Test
    void guessesThatArriveAtOnceAreDelayedLikeOthers() throws Exception {
        logins.close();
        logins = logins(1, 200);
        permits.drainPermits();
        List<CompletableFuture<Login>> guesses = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            guesses.add(logins.check("alice", "guess" + i, HASH, HERE));
        }
        // The same guess from elsewhere joins, and is checked for its own address after the first address has to wait.
        CompletableFuture<Login> elsewhere = logins.check("alice", "guess40", HASH, THERE);
        permits.release(1000);
        List<Result> results = new ArrayList<>();
        for (CompletableFuture<Login> guess : guesses) {
            results.add(guess.get().result());
        }
        assertEquals(3, results.stream().filter(Result.WRONG::equals).count());
        assertEquals(47, results.stream().filter(Result.WAIT::equals).count());
        assertEquals(Result.WRONG, elsewhere.get().result());
        assertEquals(4, checked.size());
    }

    @Test
    void impossiblePasswordsCostNothingAndCountAsFailures() throws Exception {
        List<String> impossible = List.of("", "right" + "x".repeat(68), "right" + "é".repeat(34), "right\0");
        for (String hash : new String[] {HASH, null}) {
            for (String password : impossible) {
                String user = "user" + impossible.indexOf(password) + hash;
                CompletableFuture<Login> login = logins.check(user, password, hash, HERE);
                assertTrue(login.isDone());
                assertEquals(new Login(hash == null ? Result.UNKNOWN : Result.WRONG, null), login.get());
            }
        }
        alice("");
        alice("right\0");
        alice("x".repeat(10_000_000));
        assertEquals(Result.WAIT, alice("right"));
        assertEquals(List.of(), List.copyOf(checked));
        assertEquals(Result.RIGHT, login("bob", "right" + "x".repeat(67), HASH, HERE).result());
    }

    @Test
    void aFaultOfOneCheckIsNotThatOfTheNext() throws Exception {
        ExecutionException failure = assertThrows(ExecutionException.class, () -> login("alice", "broken", HASH, HERE));
        assertEquals("for this test", failure.getCause().getMessage());
        assertThrows(ExecutionException.class, () -> login("alice", "broken", HASH, HERE));
        assertEquals(Result.RIGHT, alice("right"));
    }

    @Test
    void closingAnswersAllChecks() throws Exception {
        permits.drainPermits();
        List<CompletableFuture<Login>> open = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            open.add(logins.check("alice", "right" + i, HASH, HERE));
        }
        begun.acquire(2);
        logins.close();
        for (CompletableFuture<Login> login : open) {
            assertSame(Result.BUSY, login.get().result());
        }
        assertSame(Result.BUSY, login("alice", "right", HASH, HERE).result());
    }

    @Test
    void manyUsersFromManyAddressesAreAllAnswered() throws Exception {
        List<CompletableFuture<Login>> all = new ArrayList<>();
        for (int i = 0; i < 20_000; i++) {
            all.add(logins.check("u" + i, i % 2 == 0 ? "right" : "no", i % 3 == 0 ? null : HASH, "10.1." + i % 200 + ".1"));
        }
        for (CompletableFuture<Login> login : all) {
            assertNotNull(login.get(20, TimeUnit.SECONDS));
            assertEquals(Set.of(Result.WAIT, Result.BUSY).contains(login.get().result()), login.get().retryAfter() != null);
        }
        Login after = login("last", "right", HASH, HERE);
        assertEquals(Result.RIGHT, after.result());
        assertNull(after.retryAfter());
    }
}
