package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.access.IssuerTokens.Verified;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;

class TokenMemoryTest {

    private static final Instant BEGIN = Instant.parse("2026-03-01T12:00:00Z");

    private Instant now = BEGIN;
    private long nanos = -7;
    private final TokenMemory memory = new TokenMemory(() -> now, () -> nanos);
    private final List<TokenMemory.Attempt> attempts = new ArrayList<>();

    private void pass(Duration time) {
        now = now.plus(time);
        nanos += time.toNanos();
    }

    private CompletableFuture<Verified> get(String token) {
        return memory.get(token, (text, attempt) -> attempts.add(attempt));
    }

    private static Verified until(Instant expires) {
        return new Verified(new Subject(Subject.Kind.ISSUER, "ci:alice"), expires);
    }

    private static Throwable failure(CompletableFuture<Verified> result) {
        assertTrue(result.isDone());
        return assertThrows(ExecutionException.class, result::get).getCause();
    }

    @Test
    void remembersAVerifiedTokenForFiveMinutes() throws Exception {
        CompletableFuture<Verified> first = get("a");
        assertFalse(first.isDone());
        Verified verified = until(BEGIN.plusSeconds(3600));
        attempts.get(0).verified(verified);
        assertSame(verified, first.get());
        pass(Duration.ofMinutes(5).minusNanos(1));
        assertSame(verified, get("a").get());
        assertFalse(get("b").isDone());
        assertEquals(2, attempts.size());
        pass(Duration.ofNanos(1));
        assertFalse(get("a").isDone());
    }

    @Test
    void forgetsAVerifiedTokenWhenItExpires() {
        get("a");
        attempts.get(0).verified(until(BEGIN.plusSeconds(100)));
        pass(Duration.ofSeconds(100));
        assertFalse(get("a").isDone());
        // It was verified within the clock skew.
        attempts.get(1).verified(until(BEGIN.plusSeconds(100)));
        assertFalse(get("a").isDone());
    }

    @Test
    void forgetsAVerifiedTokenWhenTheTimeOfDayJumps() {
        get("a");
        attempts.get(0).verified(until(BEGIN.plusSeconds(100)));
        now = BEGIN.plusSeconds(100);
        assertFalse(get("a").isDone());
    }

    @Test
    void remembersARefusalForFiveSeconds() {
        get("a");
        InvalidTokenException why = new InvalidTokenException("it is wrong");
        attempts.get(0).refused(why);
        pass(Duration.ofMillis(4999));
        assertSame(why, failure(get("a")));
        pass(Duration.ofMillis(1));
        assertFalse(get("a").isDone());
    }

    @Test
    void remembersNoFailure() {
        CompletableFuture<Verified> first = get("a");
        IssuerAwayException why = new IssuerAwayException("away");
        attempts.get(0).failed(why);
        assertSame(why, failure(first));
        assertFalse(get("a").isDone());
        assertEquals(2, attempts.size());
    }

    @Test
    void joinsAVerificationThatRunsWithoutSharingTheFuture() throws Exception {
        CompletableFuture<Verified> first = get("a");
        CompletableFuture<Verified> second = get("a");
        assertEquals(1, attempts.size());
        assertNotSame(first, second);
        first.cancel(true);
        Verified verified = until(BEGIN.plusSeconds(100));
        attempts.get(0).verified(verified);
        assertSame(verified, second.get());
    }

    @Test
    void endsAllVerificationsThatRun() {
        List<CompletableFuture<Verified>> results = List.of(get("a"), get("b"));
        IssuerAwayException why = new IssuerAwayException("The mirror stops");
        memory.endAll(why);
        results.forEach(result -> assertSame(why, failure(result)));
    }

    @Test
    void keepsVerifiedTokensDuringAFloodOfRefusedOnes() throws Exception {
        get("good");
        attempts.get(0).verified(until(BEGIN.plusSeconds(3600)));
        for (int i = 0; i < 30_000; i++) {
            memory.get("bad " + i, (token, attempt) -> attempt.refused(new InvalidTokenException("it is wrong")));
        }
        assertTrue(get("good").isDone());
        attempts.clear();
        for (int i = 0; i < 30_000; i++) {
            get("bad " + i);
        }
        assertTrue(attempts.size() >= 29_000, () -> "remembered " + (30_000 - attempts.size()));
    }
}
