package io.mirrorregistry.health;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Registry;
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
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks every registry from time to time how it is, in the background, and remembers the answers. */
public final class RegistryProbes implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(RegistryProbes.class);
    private static final Call VERSION = Call.get(new ApiPath(ApiPath.Kind.API_VERSION, null, null), null);

    private final Map<String, Probe> last = new ConcurrentHashMap<>();
    private final List<Registry> registries;
    private final Map<String, ImageLayout> folders;
    /** The names of the registries with which the mirror can serve. */
    private final List<String> serving;
    private final ProbeThreads threads = new ProbeThreads();

    /**
     * @param folders the folders of images, by the names of the registries that they are
     * @param plan the names of the registries that are asked for what no namespace claims
     */
    public RegistryProbes(Collection<Registry> registries, Map<String, ImageLayout> folders, List<String> plan) {
        this.registries = List.copyOf(registries);
        this.folders = Map.copyOf(folders);
        this.serving = serving(plan);
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
            AtomicBoolean trial = new AtomicBoolean();
            Runnable probe = threads.oneAtATime(new Guarded("probe " + registry.name(), () -> probe(registry, trial)));
            probe.run();
            // Spread over the interval, so that registries that respond share a thread.
            Duration first = interval.multipliedBy(i + 1).dividedBy(registries.size());
            threads.every("start probes of " + registry.name(), first, interval, probe);
            threads.every("try " + registry.name() + " again", whileNotAsked, whileNotAsked, () -> {
                if (isNotAsked(registry)) {
                    // Also for a probe that runs already.
                    trial.set(true);
                    probe.run();
                }
            });
        }
    }

    private static boolean isNotAsked(Registry registry) {
        return registry.breaker().getState() == CircuitBreaker.State.OPEN;
    }

    /**
     * Asks a registry.
     *
     * @param trial whether the registry gets some calls again if its circuit breaker is open and it is found up; false afterwards
     */
    private void probe(Registry registry, AtomicBoolean trial) {
        remember(registry);
        if (trial.getAndSet(false) && isNotAsked(registry) && isUp(registry.name())) {
            registry.breaker().transitionToHalfOpenState();
        }
    }

    /** Returns the last answer of a registry; null before the first. */
    public Probe last(String registry) {
        return last.get(registry);
    }

    /** Returns whether a registry was up when it was last asked. */
    public boolean isUp(String registry) {
        Probe probe = last.get(registry);
        return probe != null && probe.up();
    }

    /** Returns whether any registry of {@code mirror.plan}, or any that serves a namespace, was up when it was last asked. */
    boolean anyUp() {
        return serving.stream().anyMatch(this::isUp);
    }

    /** Other registries are asked only if a route or strategy names them. They count where there are none but such. */
    private List<String> serving(List<String> plan) {
        List<String> names = registries.stream().filter(registry -> plan.contains(registry.name()) || !registry.settings().serves().isEmpty())
                .map(Registry::name).toList();
        return names.isEmpty() ? registries.stream().map(Registry::name).toList() : names;
    }

    private void remember(Registry registry) {
        Probe now = registry.settings().isFolder() ? lookAt(folders.get(registry.name())) : ask(registry);
        Probe before = last.put(registry.name(), now);
        if (before == null ? !now.up() : before.up() != now.up()) {
            LOG.atLevel(now.up() ? org.slf4j.event.Level.INFO : org.slf4j.event.Level.WARN)
                    .log("{} is {}: {} {}", registry.name(), now.up() ? "up" : "down", now.whom(), now.status());
        }
    }

    /** Many registries want a token even for this, and give it for repositories only. */
    private static Probe ask(Registry registry) {
        String whom = registry.settings().url().getRawAuthority();
        String asked = "GET " + registry.settings().url() + VERSION.path();
        try (ClassicHttpResponse response = registry.client().ask(VERSION)) {
            int status = response.getCode();
            boolean up = status < 400 || status == 401 || status == 403;
            return new Probe(whom, asked, up, "answered " + status, Instant.now());
        } catch (RegistryTroubleException e) {
            FatalErrors.check(e);
            return new Probe(whom, asked, false, e.getMessage().replace(VERSION + ": ", ""), Instant.now());
        } catch (IOException e) {
            FatalErrors.check(e);
            return new Probe(whom, asked, false, e.getClass().getSimpleName(), Instant.now());
        }
    }

    private static Probe lookAt(ImageLayout images) {
        String problem = images.problem().orElse(null);
        boolean up = problem == null || images.size() > 0;
        String status = problem == null ? "has " + images.size() + (images.size() == 1 ? " name" : " names") : problem;
        return new Probe("the folder of images", "read index.json", up, status, Instant.now());
    }

    /** Stops asking. */
    @Override
    public void close() {
        threads.close();
    }
}
