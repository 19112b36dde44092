package io.mirrorregistry.metrics;

import com.github.benmanes.caffeine.cache.Cache;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.core.instrument.config.MeterFilter;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.warm.queue.State;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * All that is measured, with its names and labels. A label has few values that the mirror itself gives: none is the name of a
 * repository, a tag, a digest or anything else that a client sends.
 *
 * @see <a href="https://prometheus.io/docs/practices/naming/">Prometheus, metric and label naming</a>
 */
public final class Metrics implements AutoCloseable {

    /** Who served, where nobody did. */
    private static final String NOBODY = "none";
    /** Who served, where the answer is made from those of several. */
    private static final String SEVERAL = "both";
    private static final String API_VERSION = ApiPath.Kind.API_VERSION.asked();
    /** The kind of requests whose responses are kept in memory. */
    private static final String MANIFEST = ApiPath.Kind.MANIFEST.asked();

    private static final Duration[] BUCKETS = {
        Duration.ofMillis(1), Duration.ofMillis(5), Duration.ofMillis(10), Duration.ofMillis(25), Duration.ofMillis(50),
        Duration.ofMillis(100), Duration.ofMillis(250), Duration.ofMillis(500), Duration.ofSeconds(1), Duration.ofMillis(2500),
        Duration.ofSeconds(5), Duration.ofSeconds(10), Duration.ofSeconds(30)};

    /** What came of looking into memory. */
    public enum Lookup {
        /** It was there. */
        HIT,
        /** It was not, and the registries are asked. */
        MISS,
        /** It was not, and another client's question is waited for. */
        JOINED,
        /** What a tag meant last was given, as no registry could tell. */
        STALE
    }

    /** What came of asking a token service. */
    public enum TokenAnswer {
        /** There is a token. */
        GIVEN,
        /** It will not give us one. */
        REFUSED,
        /** It could not be asked, or answered something else. */
        FAILED
    }

    private record Labels(String first, String second, String third) {

        /** Written out, as is {@link #hashCode}: the methods that a record gets by default take longer, and each pull calls them. */
        @Override
        public boolean equals(Object other) {
            return other instanceof Labels labels && first.equals(labels.first) && second.equals(labels.second) && Objects.equals(third, labels.third);
        }

        @Override
        public int hashCode() {
            return 31 * (31 * first.hashCode() + second.hashCode()) + Objects.hashCode(third);
        }
    }

    private final MeterRegistry meters;
    private final RecentPulls recent;
    private final Map<String, Cache<?, ?>> caches = new ConcurrentSkipListMap<>();
    private final JvmGcMetrics garbage = new JvmGcMetrics();
    private final Map<Labels, Counter> pulls = new ConcurrentHashMap<>();
    private final Map<String, Timer> times = new ConcurrentHashMap<>();
    private final Map<Labels, Timer> calls = new ConcurrentHashMap<>();
    private final Map<Labels, Counter> lookups = new ConcurrentHashMap<>();
    private final Map<String, Counter> streamed = new ConcurrentHashMap<>();
    private final Map<String, Counter> copied = new ConcurrentHashMap<>();
    private final AtomicInteger streams = new AtomicInteger();
    private final Counter routesChanged;
    private final Counter routesRefused;

    /** @param meters where all of it is kept and read */
    public Metrics(MeterRegistry meters) {
        this(meters, List.of());
    }

    /** @param registries the names of the registries, in the order in which people are to see them */
    public Metrics(MeterRegistry meters, List<String> registries) {
        this.meters = meters;
        this.recent = new RecentPulls(registries);
        // The names break the rules of Prometheus; CPU time is in ProcessMetrics.
        meters.config().meterFilter(MeterFilter.denyNameStartsWith("process.cpu.time")).meterFilter(MeterFilter.denyNameStartsWith("system.cpu.count"));
        new JvmMemoryMetrics().bindTo(meters);
        new JvmThreadMetrics().bindTo(meters);
        garbage.bindTo(meters);
        new ProcessorMetrics().bindTo(meters);
        new ProcessMetrics().bindTo(meters);
        new UptimeMetrics().bindTo(meters);
        Gauge.builder("mirror.streams.running", streams, AtomicInteger::get)
                .description("Blobs that are written to clients now").register(meters);
        String edits = "Changes of route files, by whether they serve now or were refused";
        routesChanged = Counter.builder("mirror.route.changes").description(edits).tag("result", "changed").register(meters);
        routesRefused = Counter.builder("mirror.route.changes").description(edits).tag("result", "refused").register(meters);
    }

    /** Tells which version this is. */
    public void version(String version) {
        Gauge.builder("mirror.build.info", () -> 1).description("Always 1; the version is a label").tag("version", version).register(meters);
    }

    /** Tells how many requests there are at a time. */
    public void requests(IntSupplier running, IntSupplier waiting) {
        Gauge.builder("mirror.requests.running", running::getAsInt).description("Requests that have a worker now").register(meters);
        Gauge.builder("mirror.requests.waiting", waiting::getAsInt).description("Requests that wait now for a worker, or for their turn at a registry").register(meters);
    }

    /** Tells whether the event loop answers from memory. */
    public void fastPath(BooleanSupplier on) {
        Gauge.builder("mirror.fast.path.on", on, now -> now.getAsBoolean() ? 1 : 0)
                .description("1 while the event loop answers from memory; 0 while every request gets a worker, since a step held the event loop")
                // Nothing else keeps it.
                .strongReference(true).register(meters);
    }

    /** Tells how a registry is. */
    public void registry(String registry, BooleanSupplier up, CircuitBreaker breaker) {
        Gauge.builder("mirror.registry.up", up, found -> found.getAsBoolean() ? 1 : 0)
                .description("1 if the last probe found the registry up").tag("registry", registry)
                // Nothing else keeps it.
                .strongReference(true).register(meters);
        for (CircuitBreaker.State state : new CircuitBreaker.State[] {
            CircuitBreaker.State.CLOSED, CircuitBreaker.State.HALF_OPEN, CircuitBreaker.State.OPEN}) {
            Gauge.builder("mirror.breaker.state", breaker, now -> now.getState() == state ? 1 : 0)
                    .description("1 for the state that the registry's circuit breaker is in; open: it is not asked")
                    .tag("registry", registry).tag("state", label(state)).register(meters);
        }
        for (TokenAnswer answer : TokenAnswer.values()) {
            token(registry, answer);
        }
    }

    /** Shows whether a registry refuses our account, or wants one that is not set. */
    public void account(String registry, BooleanSupplier refused) {
        Gauge.builder("mirror.registry.account.refused", refused, now -> now.getAsBoolean() ? 1 : 0)
                .description("1 while the registry refuses our account, or wants one and none is set").tag("registry", registry)
                // Nothing else keeps it.
                .strongReference(true).register(meters);
    }

    /**
     * Begins to count logins and refusals, from 0, and shows whether all can be checked.
     *
     * @param fileRefused whether changed files of access are refused
     * @param issuerAway whether an issuer's keys cannot be fetched
     */
    public void access(BooleanSupplier fileRefused, BooleanSupplier issuerAway) {
        Gauge.builder("mirror.access.file.refused", fileRefused, now -> now.getAsBoolean() ? 1 : 0)
                .description("1 while a changed access file is refused and the last good one decides").strongReference(true).register(meters);
        Gauge.builder("mirror.access.issuer.away", issuerAway, now -> now.getAsBoolean() ? 1 : 0)
                .description("1 while the keys of an issuer cannot be fetched").strongReference(true).register(meters);
        List.of("accepted", "unknown", "refused", "wait", "busy", "issuer").forEach(this::logins);
        List.of("unauthorized", "denied", "insufficient_scope", "invalid_token").forEach(this::refusals);
    }

    /** Counts a login by what came of it. */
    public void loggedIn(String result) {
        logins(result).increment();
    }

    private Counter logins(String result) {
        return Counter.builder("mirror.logins").description("Passwords and issuers' tokens that were checked, by the result; unknown: a user that is not known, treated as nobody")
                .tag("result", result).register(meters);
    }

    /** Counts a request that its user may not make. */
    public void refused(String reason) {
        refusals(reason).increment();
    }

    private Counter refusals(String reason) {
        return Counter.builder("mirror.refusals").description("Requests under /v2/ that were refused although their credentials, if any, were right, by the reason")
                .tag("reason", reason).register(meters);
    }

    /**
     * Registers the gauge of running uploads.
     *
     * @param running returns the number of uploads that run now
     */
    public void uploads(IntSupplier running) {
        Gauge.builder("mirror.uploads.running", running, IntSupplier::getAsInt).description("Uploads that run now")
                // Nothing else keeps it.
                .strongReference(true).register(meters);
    }

    /**
     * Counts a push request, and the bytes of its body.
     *
     * @param asked the object: {@code manifest}, {@code blob} or {@code upload}
     * @param method the HTTP method in lower case
     * @param servedBy the target; null if the request was refused before its target was known
     * @param status the HTTP status of the response
     * @param cut whether the connection closed before the whole response was sent
     * @param received the number of bytes of the request's body that arrived
     */
    public void pushed(String asked, String method, String servedBy, int status, boolean cut, long received) {
        String registry = servedBy == null ? NOBODY : servedBy;
        String result = cut ? "cut" : status < 400 ? "accepted" : status < 500 ? "refused" : "failed";
        Counter.builder("mirror.pushes").description("Push requests, by object, method, target and result")
                .tag("asked", asked).tag("method", method).tag("registry", registry).tag("result", result).register(meters).increment();
        if (received > 0) {
            Counter.builder("mirror.push").baseUnit("bytes").description("Bytes of the bodies of push requests, by target")
                    .tag("registry", registry).register(meters).increment(received);
        }
    }

    /** Figures of the queue of copies, as they were read from the database some seconds ago. For any thread; nothing blocks. */
    public interface WarmFigures {

        /** Returns how many items are in a state; NaN while that is not known. */
        double items(State state);

        /** Returns for how many seconds the oldest waiting item has waited; 0 if none waits, NaN while that is not known. */
        double oldestSeconds();

        /** Returns how many images were not queued since the start, because the database was away or slow. */
        long dropped();

        /** Returns whether the database can be used. */
        boolean isStoreUp();
    }

    /** Registers the metrics of copying. */
    public void warm(WarmFigures figures) {
        for (State state : State.values()) {
            Gauge.builder("mirror.warm.items", figures, now -> now.items(state)).description("Images to copy and images that were copied, by their state in the queue")
                    .tag("state", state.label()).strongReference(true).register(meters);
        }
        Gauge.builder("mirror.warm.oldest", figures, WarmFigures::oldestSeconds).baseUnit("seconds")
                .description("How long the oldest waiting image has waited to be copied; 0 if none waits").strongReference(true).register(meters);
        FunctionCounter.builder("mirror.warm.dropped", figures, WarmFigures::dropped)
                .description("Images that were not queued for copying, because the database was away or slow").register(meters);
        Gauge.builder("mirror.warm.store.up", figures, now -> now.isStoreUp() ? 1 : 0).description("1 if the database of the queue can be used")
                .strongReference(true).register(meters);
    }

    /** Counts bytes of blobs that were copied from a registry. */
    public void copied(String registry, long bytes) {
        copied.computeIfAbsent(registry, some -> Counter.builder("mirror.warm").baseUnit("bytes")
                .description("Bytes of blobs that were copied, by the registry that they came from").tag("registry", some).register(meters))
                .increment(bytes);
    }

    /**
     * Counts an attempt to copy an image that failed.
     *
     * @param reason why, in one word of few
     */
    public void copyFailed(String reason) {
        Counter.builder("mirror.warm.failures").description("Attempts to copy an image that failed, by the reason").tag("reason", reason).register(meters).increment();
    }

    /** Shows whether a registry is slow. */
    public void slow(String registry, BooleanSupplier slow) {
        Gauge.builder("mirror.registry.slow", slow, now -> now.getAsBoolean() ? 1 : 0)
                .description("1 while the registry responds later than its patience and is asked last").tag("registry", registry)
                // Nothing else keeps it.
                .strongReference(true).register(meters);
    }

    /** Shows when the certificate ends that clients are shown. */
    public void certificate(Supplier<Instant> end) {
        Gauge.builder("mirror.certificate.expiration.timestamp", end, now -> now.get().getEpochSecond()).baseUnit("seconds")
                .description("When the certificate ends that clients are shown, or one that comes with it, as Unix time")
                .strongReference(true).register(meters);
    }

    /**
     * Shows the connections to a registry and its storage.
     *
     * @param leased how many carry a call, or a response body that is not closed yet
     * @param idle how many are kept for the next call
     */
    public void connections(String registry, IntSupplier leased, IntSupplier idle) {
        connections(registry, "leased", leased);
        connections(registry, "idle", idle);
    }

    private void connections(String registry, String state, IntSupplier count) {
        Gauge.builder("mirror.registry.connections", count::getAsInt)
                .description("Connections of a registry's pool; leased: in use, idle: kept for the next call")
                .tag("registry", registry).tag("state", state).register(meters);
    }

    /** Tells what is in a cache that is bounded by bytes. */
    public void cache(String name, Cache<?, ?> cache) {
        caches.put(name, cache);
        Gauge.builder("mirror.cache.entries", cache, Cache::estimatedSize)
                .description("Entries in memory").tag("cache", name).register(meters);
        Gauge.builder("mirror.cache.size", cache, Metrics::size)
                .description("What the entries in memory take").baseUnit("bytes").tag("cache", name).register(meters);
        FunctionCounter.builder("mirror.cache.evictions", cache, kept -> kept.stats().evictionCount())
                .description("Entries that went to make room, or because their time was over").tag("cache", name).register(meters);
    }

    /**
     * Counts a request.
     *
     * @param kind what was asked for, as the variable {@code asked} of routes tells it
     * @param servedBy who served it; null for nobody
     * @param status the answer's
     * @param cut whether the client had gone, or was cut off, before its answer was whole
     * @param nanos from the request's head to the end of its answer
     */
    public void pulled(String kind, String servedBy, int status, boolean cut, long nanos) {
        String registry = servedBy == null ? NOBODY : servedBy.indexOf(',') < 0 ? servedBy : SEVERAL;
        Outcome outcome = Outcome.of(status, cut);
        Labels labels = new Labels(kind, registry, outcome.label());
        Counter counter = pulls.get(labels);
        if (counter == null) {
            counter = pulls.computeIfAbsent(labels, some -> Counter.builder("mirror.pulls").description("Requests under /v2")
                    .tag("kind", some.first).tag("registry", some.second).tag("outcome", some.third).register(meters));
        }
        counter.increment();
        // Clients and load balancers ask for the version of the API without pulling anything; with access control clients do so to learn where they log in.
        boolean isPull = !kind.equals(API_VERSION) || outcome != Outcome.SERVED && outcome != Outcome.REFUSED;
        if (isPull) {
            recent.pulled(registry, servedBy != null && kind.equals(MANIFEST), outcome, nanos);
        }
        Timer timer = times.get(kind);
        if (timer == null) {
            timer = times.computeIfAbsent(kind, some -> Timer.builder("mirror.pull.duration")
                    .description("From a request's head to the end of its answer").tag("kind", some)
                    .serviceLevelObjectives(BUCKETS).register(meters));
        }
        timer.record(nanos, TimeUnit.NANOSECONDS);
    }

    /** Returns how many requests under /v2 have ended since the start. */
    public long requests() {
        long count = 0;
        for (Counter counter : pulls.values()) {
            count += (long) counter.count();
        }
        return count;
    }

    /**
     * Counts that another registry was asked for an image because one could not serve it.
     *
     * @param path what was asked for
     * @param registry the one that could not
     * @param reason why not, in a word
     * @param message what was asked and what happened
     */
    public void fellBack(String path, String registry, String reason, String message) {
        recent.fellBack(path, registry, reason, message);
        Counter.builder("mirror.fallbacks").description("Pulls of manifests and blobs that went on to another registry, by the one that could not serve and why")
                .tag("registry", registry).tag("reason", reason).register(meters).increment();
    }

    /**
     * Counts and times one call to a registry.
     *
     * @param status what was answered; 0 for nothing
     */
    public void called(String registry, String kind, int status, long nanos) {
        String result = status == 0 ? "failed" : status / 100 + "xx";
        calls.computeIfAbsent(new Labels(registry, kind, result), some -> Timer.builder("mirror.registry.calls")
                .description("Calls to registries, until the head of the answer; failed: there was none").tag("registry", some.first)
                .tag("kind", some.second).tag("result", some.third).serviceLevelObjectives(BUCKETS).register(meters))
                .record(nanos, TimeUnit.NANOSECONDS);
    }

    /** Counts what a token service said. */
    public void askedForToken(String registry, TokenAnswer answer) {
        token(registry, answer).increment();
    }

    private Counter token(String registry, TokenAnswer answer) {
        return Counter.builder("mirror.tokens").description("Answers of registries' token services")
                .tag("registry", registry).tag("result", label(answer)).register(meters);
    }

    /** Counts what came of looking into memory for something of this kind. */
    public void lookedUp(String kind, Lookup lookup) {
        Labels labels = new Labels(kind, label(lookup), null);
        Counter counter = lookups.get(labels);
        if (counter == null) {
            counter = lookups.computeIfAbsent(labels, some -> Counter.builder("mirror.cache.lookups")
                    .description("What clients asked of memory").tag("kind", some.first).tag("result", some.second).register(meters));
        }
        counter.increment();
    }

    /** Tells that a blob begins to be written to a client. */
    public void streamBegins() {
        streams.incrementAndGet();
    }

    /** Tells that it is over. */
    public void streamEnds() {
        streams.decrementAndGet();
    }

    /** Counts bytes of a registry's blobs that were written to clients. */
    public void streamed(String registry, long bytes) {
        streamed.computeIfAbsent(registry, some -> Counter.builder("mirror.streamed").baseUnit("bytes")
                .description("Bytes of blobs written to clients").tag("registry", some).register(meters)).increment(bytes);
    }

    /**
     * Counts that a registry sent the rest of a blob which another one, or the same in an earlier response, did not send to its end.
     *
     * @param reason why that one did not, in a word
     */
    public void streamResumed(String registry, String reason, String by) {
        Counter.builder("mirror.streams.resumed").description("Blobs whose rest another response had, after one had broken off")
                .tag("registry", registry).tag("reason", reason).tag("by", by).register(meters).increment();
    }

    /** Tells how many faults keep the routes in the folder from serving. */
    public void routeFaults(IntSupplier faults) {
        Gauge.builder("mirror.route.faults", faults::getAsInt)
                .description("Faults of the routes in the folder, or of those that serve since the start; 0 for none").register(meters);
    }

    /** Tells how many lines of the log were dropped. */
    public void logLinesDropped(LongSupplier dropped) {
        FunctionCounter.builder("mirror.log.lines.dropped", dropped, LongSupplier::getAsLong)
                .description("Lines of the log that were dropped because standard output took none").register(meters);
    }

    /** Counts that changed routes serve. */
    public void routesChanged() {
        routesChanged.increment();
    }

    /** Counts that changed routes were refused. */
    public void routesRefused() {
        routesRefused.increment();
    }

    /** Returns the pulls of the last ten minutes. */
    public RecentPulls recent() {
        return recent;
    }

    /**
     * What a cache has.
     *
     * @param name its name
     * @param entries how many
     * @param bytes what they take
     */
    public record Kept(String name, long entries, long bytes) {
    }

    /** Returns what is in the caches, by their names. */
    public List<Kept> kept() {
        return caches.entrySet().stream().map(one -> new Kept(one.getKey(), one.getValue().estimatedSize(), size(one.getValue()))).toList();
    }

    private static long size(Cache<?, ?> cache) {
        return cache.policy().eviction().map(bound -> bound.weightedSize().orElse(0)).orElse(0L);
    }

    private static String label(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    @Override
    public void close() {
        garbage.close();
        meters.close();
    }
}
