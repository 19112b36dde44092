package io.mirrorregistry.access;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import io.mirrorregistry.access.IssuerTokens.Verified;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Remembers verified tokens, refused ones for a few seconds, and which verifications run. It holds SHA-256 of the tokens, never the tokens. Thread-safe;
 * no method waits.
 */
final class TokenMemory {

    private static final int MOST_VERIFIED = 10_000;
    /** Refused tokens have a place of their own, so that a flood of them evicts no verified one. */
    private static final int MOST_REFUSED = 1_000;
    private static final Duration VERIFIED_FOR = Duration.ofMinutes(5);
    private static final Duration REFUSED_FOR = Duration.ofSeconds(5);

    private final Supplier<Instant> clock;
    private final Cache<ByteBuffer, Verified> verified;
    private final Cache<ByteBuffer, InvalidTokenException> refused;
    /** Bounded by the queues of those that verify: what they reject ends at once. */
    private final ConcurrentMap<ByteBuffer, CompletableFuture<Verified>> running = new ConcurrentHashMap<>();

    /** One verification that runs. Each of its ends may be called by any thread; the first one counts. */
    final class Attempt {

        private final ByteBuffer hash;
        private final CompletableFuture<Verified> result;

        private Attempt(ByteBuffer hash, CompletableFuture<Verified> result) {
            this.hash = hash;
            this.result = result;
        }

        void verified(Verified known) {
            verified.put(hash, known);
            running.remove(hash, result);
            result.complete(known);
        }

        /** Ends the attempt with a refusal that is remembered for 5 s. */
        void refused(InvalidTokenException why) {
            refused.put(hash, why);
            failed(why);
        }

        /** Ends the attempt without remembering it. */
        void failed(Exception why) {
            running.remove(hash, result);
            result.completeExceptionally(why);
        }
    }

    /**
     * @param clock the time of day
     * @param nanos a clock that never goes back
     */
    TokenMemory(Supplier<Instant> clock, LongSupplier nanos) {
        this.clock = clock;
        this.verified = Caffeine.newBuilder().ticker(nanos::getAsLong).executor(Runnable::run).maximumSize(MOST_VERIFIED)
                .expireAfter(Expiry.<ByteBuffer, Verified>writing((token, known) -> rememberedFor(known))).build();
        this.refused = Caffeine.newBuilder().ticker(nanos::getAsLong).executor(Runnable::run).maximumSize(MOST_REFUSED).expireAfterWrite(REFUSED_FOR).build();
    }

    private Duration rememberedFor(Verified known) {
        Duration left = Duration.between(clock.get(), known.expires());
        return left.isNegative() ? Duration.ZERO : left.compareTo(VERIFIED_FOR) < 0 ? left : VERIFIED_FOR;
    }

    /**
     * Returns what is known of a token, or else joins the verification that runs, or else starts one.
     *
     * @param start starts a verification; must not wait
     * @return a future of the caller's own: completing it changes nothing for others
     */
    CompletableFuture<Verified> get(String token, BiConsumer<String, Attempt> start) {
        ByteBuffer hash = hash(token);
        Verified known = verified.getIfPresent(hash);
        // The two clocks may differ, as after the computer slept.
        if (known != null && clock.get().isBefore(known.expires())) {
            return CompletableFuture.completedFuture(known);
        }
        InvalidTokenException why = refused.getIfPresent(hash);
        if (why != null) {
            return CompletableFuture.failedFuture(why);
        }
        CompletableFuture<Verified> own = new CompletableFuture<>();
        CompletableFuture<Verified> other = running.putIfAbsent(hash, own);
        if (other == null) {
            start.accept(token, new Attempt(hash, own));
        }
        return (other == null ? own : other).copy();
    }

    /** Ends all verifications that run. */
    void endAll(Exception why) {
        running.values().forEach(result -> result.completeExceptionally(why));
    }

    private static ByteBuffer hash(String token) {
        try {
            return ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
