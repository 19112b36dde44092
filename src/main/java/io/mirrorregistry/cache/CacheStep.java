package io.mirrorregistry.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import io.mirrorregistry.config.Settings.CacheSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.pull.BlobStep;
import io.mirrorregistry.pull.KeptManifest;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.AnswerTime;
import io.mirrorregistry.registry.ClientLeftException;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.Step;
import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.OnWorker;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.apache.camel.Exchange;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The step {@code cache} of routes: remembers manifests, which registry has a blob, and that nobody has something. */
public final class CacheStep {

    /** Who serves what comes from memory, in the access log. */
    private static final String NAME = "cache";
    /** The variable that tells whether there is no need to look for it at the registries. */
    private static final String KNOWN = "known";
    /** The bound for each kind of name that is remembered. */
    private static final int NAMES_BYTES = 4 * 1024 * 1024;
    private static final int MOST_PUSHES = 10_000;
    /** The objects of a failure without their characters, in bytes; rounded up. */
    private static final int FAILURE_BYTES = 100;

    private static final Logger LOG = LoggerFactory.getLogger(CacheStep.class);

    /**
     * What the event loop has found in memory for the plan that it has guessed.
     *
     * @param found a {@link KeptManifest}, a {@link Stale} one, a {@link KnownBlob} or the failures of a miss
     */
    private record Guess(CacheKey key, Object found) {
    }

    private record Pushed(Plan.Target target, Reference reference) {
    }

    /** What is kept of the look-up for one request: its key, and the flight that it leads. */
    private static final class Lookup {

        private final CacheKey key;
        /** The number of pushes that had ended when the look-up began. A response from before a push must not be cached after it. */
        private final long pushes;
        private SingleFlight<Object>.Flight flight;

        private Lookup(CacheKey key, long pushes) {
            this.key = key;
            this.pushes = pushes;
        }

        private static Lookup of(Pull pull) {
            return pull.lookup() instanceof Lookup lookup ? lookup : null;
        }

        /** Shares the answer with the requests that wait for it. */
        private void share(Object found) {
            if (flight != null) {
                flight.end(SingleFlight.Outcome.of(found));
            }
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
    private final Cache<CacheKey, KnownBlob> blobs;
    private final Cache<CacheKey, List<Exception>> misses;
    private final PlanHints hints = new PlanHints();
    private final SingleFlight<Object> inFlight = new SingleFlight<>();
    private final AtomicLong pushes = new AtomicLong();
    /** The pushes of the last minutes, by what they changed: how many pushes had ended then. A pull that began before one of them may still be under way. */
    private final Cache<Pushed, Long> lately = Caffeine.newBuilder().expireAfterWrite(Duration.ofMinutes(2)).maximumSize(MOST_PUSHES).executor(Runnable::run).build();
    private final boolean keepsBlobs;
    private final Executor workers;
    private final Metrics metrics;
    /** Null for no action. */
    private BiConsumer<Pull, KeptManifest> recalled;

    /**
     * @param workers goes on with requests that have waited for another
     * @param metrics counts what comes of looking into memory
     */
    public CacheStep(CacheSettings settings, Executor workers, Metrics metrics) {
        this(settings, workers, metrics, Ticker.systemTicker());
    }

    CacheStep(CacheSettings settings, Executor workers, Metrics metrics, Ticker ticker) {
        this.metrics = metrics;
        this.workers = workers;
        this.keepsBlobs = !settings.blobTtl().isZero();
        this.manifests = new ManifestMemory(settings, ticker);
        this.blobs = names(settings.blobTtl(), ticker).weigher((CacheKey key, KnownBlob blob) -> key.weight()).build();
        this.misses = names(settings.missTtl(), ticker).weigher((CacheKey key, List<Exception> failures) -> key.weight() + weight(failures)).build();
        manifests.measure(metrics);
        metrics.cache("blobs", blobs);
        metrics.cache("misses", misses);
    }

    /** Sets the action that runs for each manifest that is served from memory, on the event loop or a worker. Called before the first request. */
    public void whenRecalled(BiConsumer<Pull, KeptManifest> action) {
        this.recalled = action;
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

    /**
     * Answers a manifest from memory, or says which registry has a blob, and sets the variable {@code known} to true; otherwise to
     * false, for the one client that is to ask the registries. Others that want the same at the same time wait for what comes of it.
     *
     * @return what completes when the variable is set, exceptionally when nobody has what is asked for
     */
    @Step(needs = "plan", sets = {"known", "answer", "target", "registry", "call", "response", "found", "blobs", "redirects", "open", "streamed"},
            fails = {NotHereException.class, RegistryTroubleException.class, ClientLeftException.class})
    public CompletionStage<Void> recall(Exchange exchange) {
        Pull pull = Pull.of(exchange);
        if (pull.lookup() instanceof Guess guess && guess.key.plan().equals(pull.plan())) {
            metrics.lookedUp(guess.key.kind().asked(), lookup(guess.found));
            return take(exchange, guess.found);
        }
        CacheKey key = CacheKey.of(pull.plan(), pull.request());
        hints.keep(PlanHints.hash(pull.request().path(), pull.givenNamespace() == null ? "" : pull.givenNamespace()), key.plan());
        return recall(exchange, key);
    }

    private CompletableFuture<Void> recall(Exchange exchange, CacheKey key) {
        if (!key.isCached()) {
            exchange.setVariable(KNOWN, false);
            return OnWorker.now(workers);
        }
        Object found = find(key);
        if (found != null) {
            metrics.lookedUp(key.kind().asked(), lookup(found));
            return take(exchange, found);
        }
        SingleFlight<Object>.Flight own = inFlight.flight(key);
        SingleFlight<Object>.Flight other = inFlight.join(own);
        if (other != null) {
            metrics.lookedUp(key.kind().asked(), Metrics.Lookup.JOINED);
            CompletableFuture<Void> next = new OnWorker(workers);
            CompletableFuture<SingleFlight.Outcome<Object>> outcome = inTime(exchange, other.outcome());
            // Otherwise clients that come and go would leave one waiting request each behind.
            Pull.of(exchange).whenAbandoned(() -> outcome.cancel(false));
            outcome.whenComplete((ended, late) -> workers.execute(() -> follow(exchange, key, ended, next)));
            return next;
        }
        lead(exchange, key, own);
        // Another flight may have ended since the first look.
        found = find(key);
        if (found != null) {
            own.end(SingleFlight.Outcome.of(found));
            metrics.lookedUp(key.kind().asked(), lookup(found));
            return take(exchange, found);
        }
        KeptManifest last = key.isManifest() && !key.head() ? manifests.last(key) : null;
        if (last != null) {
            Pull.of(exchange).toBeConfirmed(last);
        }
        metrics.lookedUp(key.kind().asked(), Metrics.Lookup.MISS);
        exchange.setVariable(KNOWN, false);
        return OnWorker.now(workers);
    }

    /**
     * Looks into memory before a route has made the plan, for the plan that such a request had last.
     *
     * @param namespace the parameter ns; empty for none
     * @return what the request's pull is to carry as {@link Pull#lookup}; null unless it can be answered without asking or waiting
     */
    public Object guess(ApiPath path, String namespace, String accept, boolean head) {
        Plan plan = hints.find(PlanHints.hash(path, namespace));
        CacheKey key = plan == null ? null : CacheKey.of(plan, path, accept, head);
        Object found = key == null || !key.isCached() ? null : find(key);
        return found == null || found instanceof KnownBlob blob && !blob.isAtHand(head) ? null : new Guess(key, found);
    }

    /** Returns whether it is remembered which registry has a blob. */
    public boolean keepsBlobs() {
        return keepsBlobs;
    }

    /**
     * Begins to look for a blob that no client has asked for: leads a flight that clients join. {@link #land} has to end it.
     *
     * @param pull that of the look; {@link #keep} ends the flight with what it has found
     * @return false if there is no need to look: memory knows about the blob, or a client or another look asks for it
     */
    public boolean lookAhead(Pull pull) {
        CacheKey key = CacheKey.of(pull.plan(), pull.request());
        if (isKnown(key)) {
            return false;
        }
        Lookup lookup = new Lookup(key, pushes.get());
        lookup.flight = inFlight.flight(key);
        if (inFlight.join(lookup.flight) != null) {
            return false;
        }
        pull.lookup(lookup);
        // Another flight may have ended since the first look.
        if (isKnown(key)) {
            land(pull);
            return false;
        }
        return true;
    }

    private boolean isKnown(CacheKey blob) {
        return blobs.policy().getIfPresentQuietly(blob) != null || misses.policy().getIfPresentQuietly(blob) != null;
    }

    /** Ends the flight that {@link #lookAhead} began. The clients that have joined it ask for themselves, unless the blob was found. */
    public void land(Pull pull) {
        Lookup.of(pull).flight.end(new SingleFlight.Outcome<>(null, List.of(), false));
    }

    private static Metrics.Lookup lookup(Object found) {
        return found instanceof Stale ? Metrics.Lookup.STALE : Metrics.Lookup.HIT;
    }

    /** Returns a {@link KeptManifest}, a {@link Stale} one, a {@link KnownBlob}, the failures of a miss, or null. */
    private Object find(CacheKey key) {
        if (key.isManifest()) {
            KeptManifest fresh = manifests.fresh(key);
            KeptManifest stale = fresh == null ? manifests.believedStale(key) : null;
            return fresh != null ? fresh : stale != null ? new Stale(stale) : misses.getIfPresent(key.miss());
        }
        KnownBlob blob = blobs.getIfPresent(key.miss());
        if (blob == null) {
            return misses.getIfPresent(key.miss());
        }
        // Another registry may have it as well, and respond sooner.
        boolean passedOver = blob.registry().slowness().isSlow() && key.plan().targets().size() > 1 && !blob.isAtHand(key.head());
        return blob.registry().isAvailable() && !passedOver && (!key.head() || blob.found().length() >= 0) ? blob : null;
    }

    /**
     * Returns the best of what is kept of a manifest, for GET and whatever clients accept. The look has no effect on what is kept, nor on its
     * counts. It reads the whole memory of names, which takes some milliseconds.
     *
     * @param reference a tag or digest
     */
    public Remembered remembered(Plan plan, Reference reference) {
        List<Remembered> all = new ArrayList<>(manifests.remembered(plan, reference));
        misses.asMap().forEach((key, failures) -> {
            if (key.isManifest() && key.reference().equals(reference) && key.plan().equals(plan)) {
                Duration ttl = misses.policy().expireAfterWrite().orElseThrow().getExpiresAfter();
                Duration age = misses.policy().expireAfterWrite().orElseThrow().ageOf(key).orElse(ttl);
                all.add(new Remembered(Remembered.State.MISS, age, ttl.minus(age), null, null, key.accept()));
            }
        });
        return all.stream().min(Comparator.comparing(Remembered::state)
                .thenComparing(Remembered::age, Comparator.nullsFirst(Comparator.naturalOrder()))).orElse(Remembered.NOTHING);
    }

    /** Makes what was found the answer, or the way to it. */
    private CompletableFuture<Void> take(Exchange exchange, Object found) {
        if (found instanceof KeptManifest kept) {
            kept.answer(exchange);
            Pull.of(exchange).servedBy(NAME);
            if (recalled != null) {
                recalled.accept(Pull.of(exchange), kept);
            }
        } else if (found instanceof KnownBlob blob) {
            BlobStep.at(exchange, blob.registry(), blob.found());
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

    /** Returns the outcome, or a failure at the end of this client's own time for an answer. */
    private static CompletableFuture<SingleFlight.Outcome<Object>> inTime(Exchange exchange, CompletableFuture<SingleFlight.Outcome<Object>> outcome) {
        AnswerTime time = Pull.of(exchange).answerTime();
        return time == null ? outcome.copy() : outcome.copy().orTimeout(Math.max(0, time.left()), TimeUnit.NANOSECONDS);
    }

    /** Answers a client whose time is over before another's flight is. */
    private CompletableFuture<Void> late(Exchange exchange, CacheKey key) {
        KeptManifest last = key.isManifest() && manifests.mayBeStale() ? manifests.stale(key) : null;
        if (last != null) {
            metrics.lookedUp(key.kind().asked(), Metrics.Lookup.STALE);
            return take(exchange, new Stale(last));
        }
        Pull pull = Pull.of(exchange);
        String registry = pull.plan().targets().isEmpty() ? Pull.NOBODY : pull.plan().targets().get(0).registry();
        return fail(exchange, List.of(new RegistryTroubleException(registry, pull.request().path()
                + " was not asked: what another client asked for did not arrive within the time for an answer", RegistryTroubleException.Kind.NOT_ASKED, null)));
    }

    /**
     * Does with one client what came of another's flight.
     *
     * @param outcome null where this client's time was over first, or the client has left
     */
    private void follow(Exchange exchange, CacheKey key, SingleFlight.Outcome<Object> outcome, CompletableFuture<Void> next) {
        CompletableFuture<Void> taken;
        try {
            AnswerTime time = Pull.of(exchange).answerTime();
            if (outcome == null && Pull.of(exchange).abandoned()) {
                taken = CompletableFuture.failedFuture(new ClientLeftException());
            } else if (outcome == null) {
                taken = late(exchange, key);
            } else if (outcome.found() != null) {
                taken = take(exchange, outcome.found());
            } else if (!outcome.failures().isEmpty() && !(outcome.late() && time != null && time.isYoung())) {
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
        Lookup lookup = new Lookup(key, pushes.get());
        lookup.flight = flight;
        Pull.of(exchange).lookup(lookup);
        RouteEnd.run(exchange, () -> {
            Pull pull = Pull.of(exchange);
            boolean failed = pull.servedBy() == null && !pull.isTurnGivenUp();
            AnswerTime time = pull.answerTime();
            boolean late = time != null && (time.isOver() || pull.isTurnMissed() && !time.isYoung());
            flight.end(new SingleFlight.Outcome<>(null, failed ? List.copyOf(pull.failures()) : List.of(), late));
        });
    }

    /**
     * Returns whether no push has changed something since the look-up of a request began. Ask before it is kept, and again afterwards: a push that comes
     * between does not find it yet.
     *
     * @param lookup null where nothing was looked up, so that nobody can tell
     */
    private boolean isCurrent(Lookup lookup, Plan plan, Reference reference) {
        if (lookup == null || lookup.pushes == pushes.get()) {
            return true;
        }
        for (Plan.Target target : plan.targets()) {
            Long pushed = lately.getIfPresent(new Pushed(target, reference));
            if (pushed != null && pushed > lookup.pushes) {
                return false;
            }
        }
        return true;
    }

    /** Remembers a registry's answer: a manifest that was verified, or that it has a blob. */
    @Step(needs = {"plan", "answer or found"})
    public void keep(Exchange exchange) {
        Pull pull = Pull.of(exchange);
        Lookup begun = Lookup.of(pull);
        Lookup lookup = begun;
        if (lookup != null && !lookup.key.plan().equals(pull.plan())) {
            // A route has planned again since the look-up: those who wait for that plan's answer ask for themselves.
            lookup = null;
        }
        CacheKey key = lookup == null ? CacheKey.of(pull.plan(), pull.request()) : lookup.key;
        Object found;
        if (key.isManifest()) {
            KeptManifest manifest = KeptManifest.answered(exchange);
            BooleanSupplier current = () -> isCurrent(begun, key.plan(), key.reference()) && isCurrent(begun, key.plan(), manifest.digest());
            if (key.isCached() && current.getAsBoolean()) {
                manifests.keep(key, manifest);
                if (!current.getAsBoolean()) {
                    manifests.forget(key, manifest.digest());
                }
            }
            found = manifest;
        } else {
            KnownBlob blob = new KnownBlob(pull.registry(), pull.found());
            if (!pull.isStopgap() && isCurrent(begun, key.plan(), key.reference())) {
                blobs.put(key.miss(), blob);
                if (!isCurrent(begun, key.plan(), key.reference())) {
                    blobs.invalidate(key.miss());
                }
            }
            found = blob.found().length() >= 0 || !key.head() ? blob : null;
        }
        if (found != null && lookup != null) {
            lookup.share(found);
        }
    }

    /**
     * Remembers that no registry has what was asked for, if a client had them asked for this exchange: what is remembered stays no longer.
     */
    @Step(needs = "failures")
    public void keepMissing(Exchange exchange) {
        Lookup lookup = Lookup.of(Pull.of(exchange));
        if (lookup != null && isCurrent(lookup, lookup.key.plan(), lookup.key.reference()) && !Pull.of(exchange).isLookahead()) {
            misses.put(lookup.key.miss(), List.copyOf(Pull.of(exchange).failures()));
            if (!isCurrent(lookup, lookup.key.plan(), lookup.key.reference())) {
                misses.invalidate(lookup.key.miss());
            }
        }
    }

    /** Returns after which time the first of the registries in trouble may be asked again; null if none has told. */
    private static Duration retryAfter(Pull pull) {
        Instant now = Instant.now();
        return pull.troubles().stream().map(RegistryTroubleException::retryAfter).filter(Objects::nonNull)
                .map(value -> RegistryAnswers.delay(value, now)).min(Comparator.naturalOrder()).orElse(null);
    }

    /** Forgets that a registry has the blob: it did not give it. A registry that was not asked may have it still. */
    @Step(needs = {"plan", "failure"})
    public void forget(Exchange exchange) {
        if (exchange.getProperty(Exchange.EXCEPTION_CAUGHT) instanceof RegistryTroubleException trouble
                && trouble.kind() == RegistryTroubleException.Kind.NOT_ASKED) {
            return;
        }
        Pull pull = Pull.of(exchange);
        blobs.invalidate(CacheKey.of(pull.plan(), pull.request()).miss());
    }

    /**
     * Evicts a pushed or deleted manifest or blob, so that the next pull asks the registries. Scans all keys, which takes some milliseconds.
     *
     * @param target the registry and the repository there
     * @param changed the pushed or deleted tags and digests
     * @param deleted whether it is gone
     */
    public void forget(Plan.Target target, Collection<Reference> changed, boolean deleted) {
        Predicate<CacheKey> affected = key -> changed.contains(key.reference()) && key.plan().targets().contains(target);
        long number = pushes.incrementAndGet();
        changed.forEach(reference -> lately.put(new Pushed(target, reference), number));
        inFlight.forget(key -> affected.test((CacheKey) key));
        misses.asMap().keySet().removeIf(affected);
        manifests.forget(target, changed, deleted);
        if (deleted) {
            blobs.asMap().keySet().removeIf(affected);
        }
    }

    /**
     * Answers with what a tag meant when it was last asked for, where a registry is in trouble. That is believed for mirror.cache.tag-ttl, or for
     * the registry's Retry-After if that is less; until then no client asks. Where all say that they have not got it, it is forgotten.
     *
     * @throws Exception the failure that was caught, where there is nothing to answer with
     */
    @Step(needs = {"plan", "failure"}, sets = "answer")
    public void recallStale(Exchange exchange) throws Exception {
        Pull pull = Pull.of(exchange);
        CacheKey key = CacheKey.of(pull.plan(), pull.request());
        if (pull.troubles().isEmpty()) {
            manifests.forget(key);
        } else if (manifests.mayBeStale()) {
            KeptManifest last = manifests.stale(key);
            if (last != null) {
                LOG.debug("answered with what was known last: {}", pull.request().path());
                Stale stale = new Stale(last);
                stale.answer(exchange);
                manifests.believeStale(key, retryAfter(pull));
                // Otherwise each follower would ask the registries again, one after the other.
                if (Lookup.of(pull) != null) {
                    Lookup.of(pull).share(stale);
                }
                metrics.lookedUp(key.kind().asked(), Metrics.Lookup.STALE);
                return;
            }
        }
        throw exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
    }
}
