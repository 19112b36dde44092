package io.mirrorregistry.health;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.registry.AccountState;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.folder.ImageLayout;
import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.Guarded;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpHeaders;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** Asks every registry from time to time how it is, in the background, and remembers the answers. */
public final class RegistryProbes implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(RegistryProbes.class);
    /** How often a registry is tried whose probes do not tell whether it serves images. The trial calls are clients' calls, and may fail. */
    private static final Duration BLIND_TRIALS = Duration.ofSeconds(10);
    private static final Call VERSION = Call.get(new ApiPath(ApiPath.Kind.API_VERSION, null, null), null);

    private static final String FOLDER = "the folder of images";
    private static final String READ = "read index.json";
    private static final int NOT_IMPLEMENTED = 501;

    /** What the last probes found. */
    private final Map<String, Probe> last = new ConcurrentHashMap<>();
    /** The names of the registries that a probe has found up, or serving images. */
    private final Set<String> onceUp = ConcurrentHashMap.newKeySet();
    private final List<Registry> registries;
    private final Map<String, Registry> byName;
    private final Map<String, ImageLayout> folders;
    /** The names of the registries with which the mirror can serve. */
    private final List<String> serving;
    private final ProbeThreads threads = new ProbeThreads();
    /** Counts the registries without a result. */
    private final CountDownLatch first;

    /**
     * @param folders the folders of images, by the names of the registries that they are
     * @param plan the names of the registries that are asked for what no namespace claims
     */
    public RegistryProbes(Collection<Registry> registries, Map<String, ImageLayout> folders, List<String> plan) {
        this.registries = List.copyOf(registries);
        this.byName = registries.stream().collect(Collectors.toMap(Registry::name, registry -> registry));
        this.folders = Map.copyOf(folders);
        this.serving = serving(plan);
        this.first = new CountDownLatch(registries.size());
    }

    /**
     * Begins to ask.
     *
     * @param interval how often
     * @param whileNotAsked how often a registry whose circuit breaker is open
     */
    public void start(Duration interval, Duration whileNotAsked) {
        for (int i = 0; i < registries.size(); i++) {
            Registry registry = registries.get(i);
            Trials trial = new Trials();
            Runnable probe = threads.oneAtATime(new Guarded("probe " + registry.name(), () -> probe(registry, trial)));
            probe.run();
            new SlowRegistryProbe(registry, threads).start();
            // Spread over the interval, so that registries that respond share a thread.
            Duration first = interval.multipliedBy(i + 1).dividedBy(registries.size());
            threads.every("start probes of " + registry.name(), first, interval, probe);
            threads.every("try " + registry.name() + " again", whileNotAsked, whileNotAsked, () -> {
                if (isNotAsked(registry)) {
                    // Also for a probe that runs already.
                    trial.due.set(true);
                    probe.run();
                }
            });
        }
    }

    /** Waits until each registry has been probed once, or this time is over. */
    public void awaitFirst(Duration longest) {
        try {
            first.await(longest.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean isNotAsked(Registry registry) {
        return registry.breaker().getState() == CircuitBreaker.State.OPEN;
    }

    /** When a registry whose circuit breaker is open gets some calls again. */
    private static final class Trials {

        /** Whether the next probe may begin a trial. */
        private final AtomicBoolean due = new AtomicBoolean();
        /** The {@link System#nanoTime} of the last trial that was begun without knowing the registry up; null before. One probe at a time uses it. */
        private volatile Long lastBlind;

        private boolean isBlindTrialDue() {
            long now = System.nanoTime();
            if (lastBlind != null && now - lastBlind < BLIND_TRIALS.toNanos()) {
                return false;
            }
            lastBlind = now;
            return true;
        }
    }

    /** Asks a registry, and has its open circuit breaker let some calls through if a trial is due and the response allows it. */
    private void probe(Registry registry, Trials trial) {
        RuntimeException failure = null;
        Probe now;
        try {
            now = registry.settings().isFolder() ? lookAt(folders.get(registry.name())) : ask(registry);
        } catch (RuntimeException e) {
            // A fault of the mirror itself, which says nothing of the registry.
            failure = e;
            now = new Probe(whom(registry), asked(registry), Probe.Finding.UNCLEAR, "could not be probed: " + e.getClass().getSimpleName(), Instant.now());
        }
        remember(registry, now);
        if (trial.due.getAndSet(false) && isNotAsked(registry)
                && (now.finding() == Probe.Finding.UP || now.finding().isWorthATrial() && trial.isBlindTrialDue())) {
            registry.breaker().transitionToHalfOpenState();
        }
        if (failure != null) {
            throw failure;
        }
    }

    /** Returns the last answer of a registry, which is up also if it has served images since; null before the first. */
    public Probe last(String registry) {
        Probe probe = last.get(registry);
        return probe == null || probe.up() || !hasServedSince(byName.get(registry), probe) ? probe : probe.servingImages();
    }

    private static boolean hasServedSince(Registry registry, Probe probe) {
        return registry.servedAtMillis() >= probe.at().toEpochMilli() && !isNotAsked(registry);
    }

    /** Returns whether a registry was up when it was last asked, and lets the mirror in. */
    public boolean isUp(String registry) {
        return responds(registry) && byName.get(registry).accountState() == AccountState.FINE;
    }

    /** Returns whether a registry was up when it was last asked. One that refuses our account may serve images to anybody. */
    private boolean responds(String registry) {
        Probe probe = last(registry);
        return probe != null && probe.up();
    }

    /** Returns the names of the registries of {@code mirror.plan}, and of those that serve a namespace, that were up when they were last asked, or may serve images. */
    List<String> mayServe() {
        return serving.stream().filter(name -> responds(name) || isUnknown(byName.get(name))).toList();
    }

    /**
     * Returns whether only a pull can show how a registry is: it responds, perhaps as a static file server without a {@code /v2/}, and has never been
     * up. Without readiness no pull would come. If pulls fail, its circuit breaker opens, and it is known.
     */
    private boolean isUnknown(Registry registry) {
        Probe probe = last.get(registry.name());
        return probe != null && probe.finding().isWorthATrial() && !onceUp.contains(registry.name()) && !isNotAsked(registry);
    }

    /** Other registries are asked only if a route or strategy names them. They count where there are none but such. */
    private List<String> serving(List<String> plan) {
        List<String> names = registries.stream().filter(registry -> plan.contains(registry.name()) || !registry.settings().serves().isEmpty())
                .map(Registry::name).toList();
        return names.isEmpty() ? registries.stream().map(Registry::name).toList() : names;
    }

    /**
     * A registry whose probes do not tell is up if it has served images since the last probe, and stays so until its circuit breaker opens. If
     * somebody else responds to probes, it has to serve images between any two of them.
     */
    private void remember(Registry registry, Probe found) {
        Probe before = last(registry.name());
        Probe earlier = last.get(registry.name());
        boolean stillServing = earlier != null && earlier.finding() == Probe.Finding.UNCLEAR && earlier.up() && found.finding() == Probe.Finding.UNCLEAR;
        boolean serves = earlier != null && found.finding().isWorthATrial() && (stillServing || hasServedSince(registry, earlier)) && !isNotAsked(registry);
        Probe now = serves && !found.up() ? found.servingImages() : found;
        if (now.up() || before != null && before.up()) {
            onceUp.add(registry.name());
        }
        last.put(registry.name(), now);
        // A refused account is logged where it is found out.
        boolean logged = now.finding() == Probe.Finding.UNCLEAR && registry.accountState() != AccountState.FINE;
        if (!logged && registry.troubles().probed(now.up())) {
            LOG.atLevel(now.up() ? Level.INFO : Level.WARN).addKeyValue("registry", registry.name())
                    .log("Registry {} is {}: {} {}", registry.name(), now.up() ? "up" : "down", now.whom(), now.status());
        }
        if (earlier == null) {
            first.countDown();
        }
    }

    private static String whom(Registry registry) {
        return registry.settings().isFolder() ? FOLDER : registry.settings().url().getRawAuthority();
    }

    private static String asked(Registry registry) {
        return registry.settings().isFolder() ? READ : "GET " + registry.settings().url() + VERSION.path();
    }

    private static Probe ask(Registry registry) {
        String whom = whom(registry);
        String asked = asked(registry);
        try (ClassicHttpResponse response = registry.client().ask(VERSION)) {
            return new Probe(whom, asked, finding(response), "answered " + response.getCode(), Instant.now());
        } catch (RegistryTroubleException e) {
            FatalErrors.check(e);
            Probe.Finding finding = e.kind() == RegistryTroubleException.Kind.OUTAGE ? Probe.Finding.DOWN : Probe.Finding.UNCLEAR;
            return new Probe(whom, asked, finding, e.getMessage().replace(VERSION + ": ", ""), Instant.now());
        } catch (IOException e) {
            FatalErrors.check(e);
            return new Probe(whom, asked, Probe.Finding.DOWN, e.getClass().getSimpleName(), Instant.now());
        }
    }

    /** Many registries want a token even for this, and give it for repositories only. */
    private static Probe.Finding finding(ClassicHttpResponse response) {
        int status = response.getCode();
        boolean page = RegistryAnswers.isWebPage(RegistryAnswers.value(response, HttpHeaders.CONTENT_TYPE));
        if (page && (status == 200 || status == 401 || status == 403) || "false".equals(RegistryAnswers.value(response, RegistryAnswers.RECOGNIZED))) {
            return Probe.Finding.FOREIGN;
        }
        if (status < 400 || status == 401 || status == 403) {
            return Probe.Finding.UP;
        }
        boolean outage = status != NOT_IMPLEMENTED && RegistryAnswers.kind(status) == RegistryTroubleException.Kind.OUTAGE;
        return outage ? Probe.Finding.DOWN : Probe.Finding.UNCLEAR;
    }

    private static Probe lookAt(ImageLayout images) {
        String problem = images.problem().orElse(null);
        boolean up = problem == null || images.size() > 0;
        String status = problem == null ? "has " + images.size() + (images.size() == 1 ? " name" : " names") : problem;
        return new Probe(FOLDER, READ, up ? Probe.Finding.UP : Probe.Finding.DOWN, status, Instant.now());
    }

    /** Stops asking. */
    @Override
    public void close() {
        threads.close();
    }
}
