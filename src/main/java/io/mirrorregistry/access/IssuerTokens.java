package io.mirrorregistry.access;

import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import io.mirrorregistry.work.FatalErrors;
import java.text.ParseException;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Verifies tokens of the issuers that {@code access.yaml} names. Thread-safe; no method waits.
 *
 * <p>Two threads read tokens and find the issuer. One thread for each issuer verifies, because it may have to wait for that issuer's keys: an issuer
 * that hangs holds up its own tokens only.
 */
final class IssuerTokens implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(IssuerTokens.class);
    private static final int READING_THREADS = 2;
    private static final int IDLE_SECONDS = 5;

    private final Supplier<Instant> clock;
    private final LongSupplier nanos;
    private final VerifierThreads reading = new VerifierThreads("issuer-tokens", READING_THREADS);
    private final ExecutorService fetching = new ThreadPoolExecutor(0, Integer.MAX_VALUE, IDLE_SECONDS, TimeUnit.SECONDS, new SynchronousQueue<>(),
            IssuerTokens::fetchingThread);
    private final DocumentFetch documents = new DocumentFetch(fetching);
    /** Replaced by {@link #use} as a whole. A verification that has begun goes on with the state that it began with. */
    private volatile State state;

    /**
     * A verified token.
     *
     * @param subject the user, with a name as the issuer's {@code user} makes it
     * @param expires the token's {@code exp}; it may have passed up to 60 s ago, because clocks differ
     */
    public record Verified(Subject subject, Instant expires) {
    }

    /** The issuers, and what is known of their tokens. */
    private record State(List<Issuer> issuers, List<IssuerVerifier> verifiers, TokenMemory memory) {
    }

    public IssuerTokens() {
        this(Instant::now, System::nanoTime);
    }

    /**
     * @param clock the time of day
     * @param nanos a clock that never goes back
     */
    IssuerTokens(Supplier<Instant> clock, LongSupplier nanos) {
        this.clock = clock;
        this.nanos = nanos;
        this.state = new State(List.of(), List.of(), new TokenMemory(clock, nanos));
    }

    private static Thread fetchingThread(Runnable task) {
        Thread thread = new Thread(task, "issuer-keys");
        thread.setDaemon(true);
        return thread;
    }

    /**
     * Sets the issuers. If they are not the same as before, all verified tokens are forgotten. Keys that were fetched from the same place are kept.
     *
     * @param issuers each without a {@linkplain #fault fault}
     * @throws IllegalArgumentException for one with a fault; then nothing has changed
     */
    public synchronized void use(List<Issuer> issuers) {
        if (issuers.equals(state.issuers)) {
            return;
        }
        Map<IssuerKeys.Place, IssuerKeys> keys = new HashMap<>();
        state.verifiers.forEach(verifier -> keys.put(verifier.keys().place(), verifier.keys()));
        List<IssuerVerifier> verifiers = issuers.stream()
                .map(issuer -> new IssuerVerifier(issuer, keys.computeIfAbsent(IssuerKeys.Place.of(issuer), this::keys), clock)).toList();
        state = new State(List.copyOf(issuers), verifiers, new TokenMemory(clock, nanos));
    }

    private IssuerKeys keys(IssuerKeys.Place place) {
        KeyFetch fetch = place.text() != null ? null : new KeyFetch(place.issuer(), place.keys(), documents, clock, nanos);
        return new IssuerKeys(place, fetch, fetching, nanos);
    }

    /** Returns what is wrong with an issuer's entry, as a sentence without the full stop that begins with the key in {@code access.yaml}. */
    public static Optional<String> fault(Issuer issuer) {
        return IssuerCheck.fault(issuer);
    }

    /** Returns whether a text, such as a password, has the form of a token of at most 16 KiB. Does not verify it. */
    public static boolean looksLikeToken(String text) {
        return TokenText.looksLikeToken(text);
    }

    /**
     * Verifies a token. A token that was verified within the last 5 minutes is answered at once.
     *
     * @return fails with {@link InvalidTokenException} if the token proves nothing, and with {@link IssuerAwayException} if it cannot be verified now
     */
    public CompletableFuture<Verified> verify(String token) {
        if (token == null || token.length() > TokenText.MOST_CHARACTERS) {
            return CompletableFuture.failedFuture(new InvalidTokenException("it is no signed token of at most " + TokenText.MOST_CHARACTERS + " characters"));
        }
        State now = state;
        return now.memory.get(token, (text, attempt) -> run(reading, attempt, () -> {
            SignedJWT read = TokenText.parse(text);
            IssuerVerifier verifier = verifier(now, read);
            run(verifier.keys().thread(), attempt, () -> attempt.verified(verifier.verify(read)));
        }));
    }

    /** A step of a verification. */
    private interface Step {

        void run() throws Exception;
    }

    private static IssuerVerifier verifier(State now, SignedJWT token) throws InvalidTokenException {
        try {
            JWTClaimsSet claims = token.getJWTClaimsSet();
            List<IssuerVerifier> named = now.verifiers.stream().filter(verifier -> verifier.isNamedBy(claims)).toList();
            if (named.isEmpty()) {
                throw new InvalidTokenException("its issuer is not one of those in access.yaml");
            }
            // An issuer may have several entries. With no right audience, the first entry refuses the token.
            return named.stream().filter(verifier -> verifier.isFor(claims)).findFirst().orElse(named.get(0));
        } catch (ParseException e) {
            throw new InvalidTokenException("its claims are malformed");
        }
    }

    /** Runs a step on another thread. If it fails, the attempt is over. */
    private static void run(Executor threads, TokenMemory.Attempt attempt, Step step) {
        try {
            threads.execute(() -> {
                try {
                    step.run();
                } catch (Throwable e) {
                    FatalErrors.check(e);
                    end(attempt, e);
                }
            });
        } catch (RejectedExecutionException e) {
            attempt.failed(new IssuerAwayException("Too many tokens wait for verification"));
        }
    }

    private static void end(TokenMemory.Attempt attempt, Throwable failure) {
        if (failure instanceof InvalidTokenException invalid) {
            attempt.refused(invalid);
        } else if (failure instanceof IssuerAwayException away) {
            attempt.failed(away);
        } else if (failure instanceof UnknownKeyException) {
            attempt.failed(new InvalidTokenException("its issuer has no key that fits it"));
        } else {
            // The message of the failure may hold a part of the token, so it is not logged.
            LOG.error("A token cannot be verified because of {} at {}", failure.getClass().getName(), Arrays.toString(failure.getStackTrace()));
            attempt.refused(new InvalidTokenException("it cannot be read"));
        }
    }

    /**
     * Returns, in a sentence without the full stop, which issuers' keys cannot be fetched, since when, and why; empty while all can. Asks such an issuer
     * again in the background, at most every 30 s.
     */
    public Optional<String> problem() {
        String problems = state.verifiers.stream().map(IssuerVerifier::keys).distinct().map(IssuerKeys::problem).flatMap(Optional::stream)
                .collect(Collectors.joining("; "));
        return problems.isEmpty() ? Optional.empty() : Optional.of(problems);
    }

    /** Ends the threads. Tokens that wait are answered with {@link IssuerAwayException}, and so is every token afterwards that is not remembered. */
    @Override
    public void close() {
        State last = state;
        reading.close();
        last.verifiers.forEach(verifier -> verifier.keys().thread().close());
        fetching.shutdownNow();
        last.memory.endAll(new IssuerAwayException("The mirror stops"));
    }
}
