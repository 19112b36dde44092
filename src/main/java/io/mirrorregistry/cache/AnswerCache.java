package io.mirrorregistry.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import io.mirrorregistry.config.Settings.CacheSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.pull.Blobs;
import io.mirrorregistry.pull.KeptManifest;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.OnWorker;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.apache.camel.Exchange;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The step {@code cache} of routes: remembers manifests, which registry has a blob, and that nobody has something. */
public final class AnswerCache {

    /** Who serves what comes from memory, in the access log. */
    private static final String NAME = "cache";
    /** The variable that tells whether there is no need to look for it at the registries. */
    private static final String KNOWN = "known";
    /** The property for what a leader has to end. */
    private static final String FLIGHT = "mirror.flight";
    /** The property for the blob that the registries were asked for, whose length may be known later. */
    private static final String ASKED_BLOB = "mirror.asked-blob";
    /** An Accept that is longer than any client sends; its answer is not cached. */
    private static final int LONGEST_ACCEPT = 2048;
    /** The bound for each kind of name that is remembered. */
    private static final int NAMES_BYTES = 4 * 1024 * 1024;
    /** The objects of an entry, and those of each failure, without their characters; rounded up. */
    private static final int ENTRY_BYTES = 500;
    private static final int FAILURE_BYTES = 100;

    private static final Logger LOG = LoggerFactory.getLogger(AnswerCache.class);

    /** What a client wants, as far as registries may answer differently. */
    private record CacheKey(ApiPath path, String accept, boolean head) {

        /** What is not there is so for GET and HEAD. */
        CacheKey miss() {
            return head ? new CacheKey(path, accept, false) : this;
        }
    }

    /** What a tag meant when a registry could last tell. */
    private record Stale(KeptManifest manifest) {

        void answer(Exchange exchange) {
            manifest.answer(exchange);
            exchange.getMessage().setHeader("Warning", "299 - \"No registry could tell what the tag means now; this is what it meant last.\"");
            Pull.of(exchange).servedBy(NAME);
        }
    }

    private final ManifestMemory manifests;
    private final Cache<ApiPath, KnownBlob> blobs;
    private final Cache<CacheKey, List<Exception>> misses;
    private final SingleFlight<Object> inFlight = new SingleFlight<>();
    private final Executor workers;
    private final Metrics metrics;

    /**
     * @param workers goes on with requests that have waited for another
     * @param metrics counts what comes of looking into memory
     */
    public AnswerCache(CacheSettings settings, Executor workers, Metrics metrics) {
        this(settings, workers, metrics, Ticker.systemTicker());
    }

    AnswerCache(CacheSettings settings, Executor workers, Metrics metrics, Ticker ticker) {
        this.metrics = metrics;
        this.workers = workers;
        this.manifests = new ManifestMemory(settings, ticker);
        this.blobs = names(settings.blobTtl(), ticker).weigher((ApiPath path, KnownBlob blob) -> weight(path)).build();
        this.misses = names(settings.missTtl(), ticker).weigher((CacheKey key, List<Exception> failures) ->
                weight(key.path) + (key.accept == null ? 0 : key.accept.length()) + weight(failures)).build();
        manifests.measure(metrics);
        metrics.cache("blobs", blobs);
        metrics.cache("misses", misses);
    }

    private static Caffeine<Object, Object> names(Duration ttl, Ticker ticker) {
        return Caffeine.newBuilder().ticker(ticker).expireAfterWrite(ttl).executor(Runnable::run).recordStats()
                .maximumWeight(ttl.isZero() ? 0 : NAMES_BYTES);
    }

    private static int weight(List<Exception> failures) {
        int bytes = 0;
        for (Exception failure : failures) {
            bytes += FAILURE_BYTES + (failure.getMessage() == null ? 0 : failure.getMessage().length());
        }
        return bytes;
    }

    private static int weight(ApiPath path) {
        return ENTRY_BYTES + path.repository().value().length() + path.reference().value().length();
    }

    /**
     * Answers a manifest from memory, or says which registry has a blob, and sets the variable {@code known} to true; otherwise to
     * false, for the one client that is to ask the registries. Others that want the same at the same time wait for what comes of it.
     *
     * @return what completes when the variable is set, exceptionally when nobody has what is asked for
     */
    public CompletionStage<Void> recall(Exchange exchange) {
        ApiRequest request = Pull.of(exchange).request();
        return recall(exchange, key(request));
    }

    private static CacheKey key(ApiRequest request) {
        return new CacheKey(request.path(), request.path().kind() == ApiPath.Kind.MANIFEST ? request.accept() : null, request.head());
    }

    private CompletableFuture<Void> recall(Exchange exchange, CacheKey key) {
        if (key.accept != null && key.accept.length() > LONGEST_ACCEPT) {
            exchange.setVariable(KNOWN, false);
            return OnWorker.now(workers);
        }
        Object found = find(key);
        if (found != null) {
            metrics.lookedUp(key.path.kind().asked(), Metrics.Lookup.HIT);
            return take(exchange, key, found);
        }
        SingleFlight<Object>.Flight own = inFlight.flight(key);
        SingleFlight<Object>.Flight other = inFlight.join(own);
        if (other != null) {
            metrics.lookedUp(key.path.kind().asked(), Metrics.Lookup.JOINED);
            CompletableFuture<Void> next = new OnWorker(workers);
            other.outcome().whenComplete((outcome, never) -> workers.execute(() -> follow(exchange, key, outcome, next)));
            return next;
        }
        lead(exchange, key, own);
        // Another flight may have ended since the first look.
        found = find(key);
        if (found != null) {
            own.end(new SingleFlight.Outcome<>(found, List.of()));
            metrics.lookedUp(key.path.kind().asked(), Metrics.Lookup.HIT);
            return take(exchange, key, found);
        }
        KeptManifest last = manifest(key) ? manifests.last(key.path, key.accept, key.head) : null;
        if (last != null && !key.head) {
            last.toBeConfirmed(exchange);
        }
        metrics.lookedUp(key.path.kind().asked(), Metrics.Lookup.MISS);
        exchange.setVariable(KNOWN, false);
        return OnWorker.now(workers);
    }

    private static boolean manifest(CacheKey key) {
        return key.path.kind() == ApiPath.Kind.MANIFEST;
    }

    /** Returns whether the answer is in memory and nothing has to be asked for or waited for. */
    public boolean isAtHand(ApiRequest request) {
        Object found = find(key(request));
        return found != null && !(found instanceof KnownBlob blob && !blob.isAtHand(request.head()));
    }

    /** Returns a {@link KeptManifest}, a {@link KnownBlob}, the failures of a miss, or null. */
    private Object find(CacheKey key) {
        if (manifest(key)) {
            KeptManifest fresh = manifests.fresh(key.path, key.accept, key.head);
            return fresh != null ? fresh : misses.getIfPresent(key.miss());
        }
        KnownBlob blob = blobs.getIfPresent(key.path);
        if (blob == null) {
            return misses.getIfPresent(key.miss());
        }
        return blob.registry().isAvailable() && (!key.head || blob.found().length() >= 0) ? blob : null;
    }

    /** Makes what was found the answer, or the way to it. */
    private CompletableFuture<Void> take(Exchange exchange, CacheKey key, Object found) {
        if (found instanceof KeptManifest kept) {
            kept.answer(exchange);
            Pull.of(exchange).servedBy(NAME);
        } else if (found instanceof KnownBlob blob) {
            Blobs.at(exchange, blob.registry(), blob.found());
        } else if (found instanceof Stale stale) {
            stale.answer(exchange);
        } else {
            return fail(exchange, (List<?>) found);
        }
        exchange.setVariable(KNOWN, true);
        return CompletableFuture.completedFuture(null);
    }

    private static CompletableFuture<Void> fail(Exchange exchange, List<?> failures) {
        failures.forEach(failure -> Pull.of(exchange).failed((Exception) failure));
        return CompletableFuture.failedFuture((Exception) failures.get(failures.size() - 1));
    }

    /** Does with one client what came of another's flight. */
    private void follow(Exchange exchange, CacheKey key, SingleFlight.Outcome<Object> outcome, CompletableFuture<Void> next) {
        CompletableFuture<Void> taken;
        try {
            if (outcome.found() != null) {
                taken = take(exchange, key, outcome.found());
            } else if (!outcome.failures().isEmpty()) {
                taken = fail(exchange, outcome.failures());
            } else {
                taken = recall(exchange, key);
            }
        } catch (Throwable e) {
            // A follower that went without an end would wait for ever.
            FatalErrors.check(e);
            taken = CompletableFuture.failedFuture(e);
        }
        taken.whenComplete((nothing, failure) -> {
            if (failure == null) {
                next.complete(null);
            } else {
                next.completeExceptionally(failure);
            }
        });
    }

    /** Sees to it that the flight ends, whatever becomes of the exchange. */
    private void lead(Exchange exchange, CacheKey key, SingleFlight<Object>.Flight flight) {
        exchange.setProperty(FLIGHT, flight);
        RouteEnd.run(exchange, () -> {
            Pull pull = Pull.of(exchange);
            if (pull.servedBy() != null) {
                // A routes folder from before the step keepLength does not call it.
                keepLength(exchange);
            }
            flight.end(new SingleFlight.Outcome<>(null, pull.servedBy() == null ? List.copyOf(pull.failures()) : List.of()));
        });
    }

    /** Remembers a registry's answer: a manifest that was verified, or that it has a blob. */
    public void keep(Exchange exchange) {
        ApiRequest request = Pull.of(exchange).request();
        Object found;
        if (request.path().kind() == ApiPath.Kind.MANIFEST) {
            KeptManifest manifest = KeptManifest.answered(exchange);
            if (request.accept() == null || request.accept().length() <= LONGEST_ACCEPT) {
                manifests.keep(request.path(), request.accept(), manifest);
            }
            found = manifest;
        } else {
            KnownBlob blob = new KnownBlob(Registry.lastAsked(exchange), Blobs.Found.of(exchange));
            exchange.setProperty(ASKED_BLOB, blob);
            // While one that is asked before it is in trouble, it is a stopgap.
            if (Pull.of(exchange).troubles().isEmpty()) {
                blobs.put(request.path(), blob);
            }
            found = blob.found().length() >= 0 || !request.head() ? blob : null;
        }
        if (found != null) {
            endFlight(exchange, found);
        }
    }

    /**
     * Remembers the length of a blob whose registry did not tell it, and shares it with the clients that wait for it. For how long it is
     * believed that the registry has the blob does not change.
     */
    public void keepLength(Exchange exchange) {
        Blobs.Found found = Blobs.Found.of(exchange);
        if (exchange.getProperty(ASKED_BLOB) instanceof KnownBlob blob && blob.registry() == Registry.lastAsked(exchange)
                && found != null && found.length() >= 0) {
            blob.learned(found.length());
            endFlight(exchange, blob);
        }
    }

    private void endFlight(Exchange exchange, Object found) {
        if (exchange.getProperty(FLIGHT) instanceof SingleFlight<?>.Flight) {
            flight(exchange).end(new SingleFlight.Outcome<>(found, List.of()));
        }
    }

    @SuppressWarnings("unchecked")
    private SingleFlight<Object>.Flight flight(Exchange exchange) {
        return (SingleFlight<Object>.Flight) exchange.getProperty(FLIGHT);
    }

    /** Remembers that no registry has what was asked for, if they were asked for this exchange: what is remembered stays no longer. */
    public void keepMissing(Exchange exchange) {
        if (exchange.getProperty(FLIGHT) == null) {
            return;
        }
        CacheKey key = key(Pull.of(exchange).request());
        boolean listed = key.path.kind() == ApiPath.Kind.MANIFEST || key.path.kind() == ApiPath.Kind.BLOB;
        if (listed && (key.accept == null || key.accept.length() <= LONGEST_ACCEPT)) {
            misses.put(key.miss(), List.copyOf(Pull.of(exchange).failures()));
        }
    }

    /** Forgets that a registry has the blob: it did not give it. */
    public void forget(Exchange exchange) {
        blobs.invalidate(Pull.of(exchange).request().path());
    }

    /**
     * Answers with what a tag meant when it was last asked for, where a registry is in trouble. Where all say that they have not got
     * it, it is forgotten.
     *
     * @throws Exception the failure that was caught, where there is nothing to answer with
     */
    public void recallStale(Exchange exchange) throws Exception {
        Pull pull = Pull.of(exchange);
        ApiRequest request = pull.request();
        if (pull.troubles().isEmpty()) {
            manifests.forget(request.path(), request.accept());
        } else if (manifests.mayBeStale()) {
            KeptManifest last = manifests.last(request.path(), request.accept(), request.head());
            if (last != null) {
                LOG.debug("answered with what was known last: {}", request.path());
                Stale stale = new Stale(last);
                stale.answer(exchange);
                // Otherwise each follower would ask the registries again, one after the other.
                endFlight(exchange, stale);
                metrics.lookedUp(request.path().kind().asked(), Metrics.Lookup.STALE);
                return;
            }
        }
        throw exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
    }
}
