package io.mirrorregistry.access;

import com.nimbusds.jose.KeySourceException;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSelector;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.source.JWKSetBasedJWKSource;
import com.nimbusds.jose.jwk.source.JWKSetCacheRefreshEvaluator;
import com.nimbusds.jose.jwk.source.JWKSetSource;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.SecurityContext;
import io.mirrorregistry.work.FatalErrors;
import java.net.URI;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The keys of one issuer: cached for 5 minutes, refreshed ahead, and kept while the issuer is away. Lives longer than one reading of
 * {@code access.yaml}. {@link #get} runs on the issuer's own thread only, because it may wait for the issuer; all else may be called by any thread.
 */
final class IssuerKeys implements JWKSource<SecurityContext> {

    private static final Logger LOG = LoggerFactory.getLogger(IssuerKeys.class);
    private static final long CACHED_MILLIS = TimeUnit.MINUTES.toMillis(5);
    private static final long REFRESHED_AHEAD_MILLIS = TimeUnit.MINUTES.toMillis(1);
    /** Longer than {@link KeyFetch} takes, for which a call may have to wait. */
    private static final long LONGEST_FETCH_MILLIS = TimeUnit.SECONDS.toMillis(30);
    private static final long UNKNOWN_KEY_NANOS = TimeUnit.SECONDS.toNanos(30);

    private final Place place;
    private final ExecutorService fetching;
    private final LongSupplier nanos;
    private final long began;
    /** Null if the keys are those of a file. */
    private final KeyFetch fetch;
    private final JWKSetSource<SecurityContext> cached;
    private final AtomicBoolean retrying = new AtomicBoolean();
    private final VerifierThreads thread;
    /** Used by the issuer's thread only. */
    private boolean askedForUnknown;
    private long askedForUnknownAt;

    /**
     * Where keys come from; two entries with the same one share the keys.
     *
     * @param keys the address of the JWKS; null for text, or for what the discovery document names
     * @param text the JWKS itself; null for none
     */
    record Place(String issuer, URI keys, String text) {

        static Place of(Issuer issuer) {
            return new Place(issuer.issuer(), issuer.keys(), issuer.keysText());
        }
    }

    /**
     * @param fetch fetches the keys; null if they are in the text of the place
     * @param fetching runs what fetches ahead of a token
     */
    IssuerKeys(Place place, KeyFetch fetch, ExecutorService fetching, LongSupplier nanos) {
        this.place = place;
        this.fetch = fetch;
        this.fetching = fetching;
        this.nanos = nanos;
        this.began = nanos.getAsLong();
        this.thread = new VerifierThreads("issuer-" + URI.create(place.issuer()).getHost(), 1);
        this.cached = fetch == null ? new FixedKeys(PublicKeys.usable(PublicKeys.read(place.text()))) : cached(fetch, fetching);
    }

    /** Keys that never change. */
    private record FixedKeys(JWKSet keys) implements JWKSetSource<SecurityContext> {

        @Override
        public JWKSet getJWKSet(JWKSetCacheRefreshEvaluator evaluator, long millis, SecurityContext context) {
            return keys;
        }

        @Override
        public void close() {
            // Nothing is open.
        }
    }

    /**
     * The library's limit of requests stays off: it allows two requests in its interval and counts those of the cache as well, so that tokens with
     * unknown keys could make the cache expire without a refresh. {@link #get} has a limit for unknown keys alone.
     */
    private static JWKSetSource<SecurityContext> cached(KeyFetch fetch, ExecutorService fetching) {
        JWKSource<SecurityContext> built = JWKSourceBuilder.create(fetch).cache(CACHED_MILLIS, LONGEST_FETCH_MILLIS)
                .refreshAheadCache(REFRESHED_AHEAD_MILLIS, null, fetching, false, null, false)
                .rateLimited(false).outageTolerantForever().build();
        // Called without the wrapper, which knows no clock but the system's.
        return ((JWKSetBasedJWKSource<SecurityContext>) built).getJWKSetSource();
    }

    Place place() {
        return place;
    }

    /** Returns the issuer's own thread. */
    VerifierThreads thread() {
        return thread;
    }

    /**
     * Returns the keys that fit the header of a token; never none. If none of the cached ones does, asks the issuer, at most once in 30 s.
     *
     * @throws UnknownKeyException if none does
     * @throws KeySourceException if the issuer is away and either no keys were ever fetched or none of the old ones fits
     */
    @Override
    public List<JWK> get(JWKSelector selector, SecurityContext context) throws KeySourceException {
        JWKSet known = cached.getJWKSet(JWKSetCacheRefreshEvaluator.noRefresh(), millis(), context);
        List<JWK> fitting = selector.select(known);
        if (fitting.isEmpty() && mayAskForUnknown()) {
            fitting = selector.select(cached.getJWKSet(JWKSetCacheRefreshEvaluator.referenceComparison(known), millis(), context));
        }
        if (!fitting.isEmpty()) {
            return fitting;
        }
        KeyFetch.Failure failure = fetch == null ? null : fetch.failure();
        throw failure == null ? new UnknownKeyException() : new KeySourceException(failure.why());
    }

    private boolean mayAskForUnknown() {
        long now = nanos.getAsLong();
        if (fetch == null || askedForUnknown && now - askedForUnknownAt < UNKNOWN_KEY_NANOS) {
            return false;
        }
        askedForUnknown = true;
        askedForUnknownAt = now;
        return true;
    }

    /** Returns a time that never goes back and is not negative, in milliseconds. */
    private long millis() {
        return TimeUnit.NANOSECONDS.toMillis(nanos.getAsLong() - began);
    }

    /**
     * Returns, in a sentence, that the keys cannot be fetched. Asks the issuer again in the background, at most every 30 s: without tokens, nothing
     * else would find it back.
     */
    Optional<String> problem() {
        KeyFetch.Failure failure = fetch == null ? null : fetch.failure();
        if (failure == null) {
            return Optional.empty();
        }
        if (fetch.mayRetry() && retrying.compareAndSet(false, true)) {
            retry();
        }
        return Optional.of("The keys of issuer " + place.issuer() + " cannot be fetched since " + failure.since().truncatedTo(ChronoUnit.SECONDS) + ": "
                + failure.why());
    }

    private void retry() {
        try {
            fetching.execute(() -> {
                try {
                    cached.getJWKSet(JWKSetCacheRefreshEvaluator.forceRefresh(), millis(), null);
                } catch (KeySourceException e) {
                    LOG.debug("Issuer {} is still away", place.issuer(), e);
                } catch (Throwable e) {
                    FatalErrors.check(e);
                    LOG.error("The keys of issuer {} cannot be fetched", place.issuer(), e);
                } finally {
                    retrying.set(false);
                }
            });
        } catch (RejectedExecutionException e) {
            // The mirror stops.
            retrying.set(false);
        }
    }
}
