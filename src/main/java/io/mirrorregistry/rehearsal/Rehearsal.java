package io.mirrorregistry.rehearsal;

import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.mirrorregistry.cache.CacheStep;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.config.Settings.BreakerSettings;
import io.mirrorregistry.logging.Logs;
import io.mirrorregistry.lookahead.LookaheadStep;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.pull.FailuresStep;
import io.mirrorregistry.pull.PlanStep;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.push.BytesBody;
import io.mirrorregistry.push.PushStep;
import io.mirrorregistry.push.UploadSessions;
import io.mirrorregistry.registry.AnswerTime;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.reload.RouteRehearsal;
import io.mirrorregistry.server.AnswerWriter;
import io.mirrorregistry.server.PushReader;
import io.mirrorregistry.server.RequestStep;
import io.mirrorregistry.server.StreamStep;
import io.mirrorregistry.warm.WarmStep;
import io.mirrorregistry.work.Bulkhead;
import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.MemoryBudget;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangePattern;
import org.apache.camel.NamedNode;
import org.apache.camel.component.micrometer.MicrometerConstants;
import org.apache.camel.component.platform.http.PlatformHttpConstants;
import org.apache.camel.component.platform.http.vertx.HttpMessage;

/**
 * Rehearses routes: sends requests of each kind through them, with stand-ins for the registries, and judges the answers. Breakers, memory,
 * metrics and ids are its own, and so are its threads, whose names begin with {@link Logs#REHEARSAL} so that nothing is logged of it.
 * For one thread at a time.
 */
public final class Rehearsal implements RouteRehearsal {

    private static final Duration LONGEST_REQUEST = Duration.ofSeconds(5);
    /** For pulls, and again for pushes. Routes that are slow and end are not refused: requests that are not rehearsed by then are left out. */
    private static final Duration LONGEST = Duration.ofSeconds(8);
    /** A request calls a registry less often. Breakers are made anew for each, which takes the longer the more calls they count. */
    private static final int MOST_CALLS_COUNTED = 1000;

    private final Settings settings;
    private final Duration longestRequest;

    public Rehearsal(Settings settings) {
        this(settings, LONGEST_REQUEST);
    }

    Rehearsal(Settings settings, Duration longestRequest) {
        this.settings = settings;
        this.longestRequest = longestRequest;
    }

    @Override
    public Play prepare(CamelContext camel) {
        return new Run(camel);
    }

    /** One rehearsal. */
    private final class Run implements Play {

        private final CamelContext camel;
        /** Each request has another client, so that a bound on the requests of one client holds none of them up. */
        private int nextClient;
        private final Scene scene = new Scene();
        private final Entrances entrances = new Entrances();
        private final Map<String, Registry> registries = new HashMap<>();
        private final ExecutorService threads = Executors.newCachedThreadPool(task -> {
            Thread thread = new Thread(task, Logs.REHEARSAL);
            thread.setDaemon(true);
            return thread;
        });
        private final Metrics metrics = new Metrics(new CompositeMeterRegistry());
        private final MemoryBudget memory = MemoryBudget.beside(settings.cache().size());
        private final PushStep pushes;
        /** What runs now. */
        private volatile RehearsedRequest request;
        /** The address of the upload that was begun last; null for none. */
        private String upload;

        Run(CamelContext camel) {
            this.camel = camel;
            MirrorIdentity self = new MirrorIdentity();
            for (RegistrySettings registry : settings.registries().values()) {
                String name = registry.name();
                StandInClient client = registry.isFolder() ? null : new StandInClient(name, registry.url(), scene);
                registries.put(name, new Registry(registry, breaker(), client, threads, self,
                        new Bulkhead(settings.server().callsPerRegistry(), settings.server().queueTime())));
                bind(name, registries.get(name));
                if (client == null) {
                    bind(name + ".folder", new StandInFolder(name, scene));
                } else {
                    bind(name + ".client", client);
                    bind(name + ".breaker", registries.get(name).breaker());
                }
            }
            bind("failures", new FailuresStep(registries));
            UploadSessions sessions = settings.push() == null ? null : new UploadSessions(null, settings.server().maxRequestLine());
            bind("request", camel.getRegistry().lookupByNameAndType("request", RequestStep.class)
                    .rehearsed(new PushReader(settings.push(), sessions, sent -> new BytesBody(request.body())), () -> request.push()));
            CacheStep cache = new CacheStep(settings.cache(), threads, metrics);
            bind("cache", cache);
            PlanStep plan = camel.getRegistry().lookupByNameAndType("plan", PlanStep.class);
            pushes = new PushStep(settings, registries, Map.of(), sessions, plan, cache, Logs.REHEARSAL);
            bind("push", pushes);
            bind("lookahead", LookaheadStep.off(cache));
            bind("warming", WarmStep.off());
            bind("stream", new StreamStep(settings.server(), threads, metrics));
            bind(PlatformHttpConstants.PLATFORM_HTTP_ENGINE_NAME, entrances);
            bind(MicrometerConstants.METRICS_REGISTRY_NAME, new CompositeMeterRegistry());
            // As in the mirror, where a stream is read by the step that sends it.
            camel.setStreamCaching(false);
            camel.getCamelContextExtension().registerEndpointCallback(new OutsideEndpoints());
            camel.getCamelContextExtension().addInterceptStrategy(Trace.interceptor());
            camel.getShutdownStrategy().setTimeUnit(TimeUnit.MILLISECONDS);
            camel.getShutdownStrategy().setTimeout(1);
            camel.getShutdownStrategy().setLogInflightExchangesOnTimeout(false);
        }

        private BreakerSettings breaker() {
            BreakerSettings breaker = settings.breaker();
            return new BreakerSettings(breaker.failureRate(), Math.min(breaker.calls(), MOST_CALLS_COUNTED), Math.min(breaker.minimumCalls(), MOST_CALLS_COUNTED),
                    breaker.probeInterval(), breaker.trialCalls());
        }

        private void bind(String name, Object bean) {
            camel.getRegistry().bind(name, bean);
        }

        @Override
        public Optional<Mishap> run(Collection<String> words) {
            TreeSet<String> namespaces = new TreeSet<>();
            settings.registries().values().forEach(registry -> namespaces.addAll(registry.serves()));
            Optional<Mishap> mishap = rehearse(RehearsedRequest.all(settings.order(), namespaces, words));
            return mishap.isPresent() || settings.push() == null ? mishap
                    : rehearse(RehearsedPushes.all(settings.order(), namespaces, words, settings.push().delete()));
        }

        private Optional<Mishap> rehearse(List<RehearsedRequest> requests) {
            long end = System.nanoTime() + LONGEST.toNanos();
            for (RehearsedRequest next : requests) {
                if (next.goesOn() && upload == null) {
                    // Routes refuse the uploads of that repository.
                    continue;
                }
                request = next.goesOn() ? next.at(upload) : next;
                Optional<Mishap> mishap = rehearse();
                if (mishap.isPresent() || System.nanoTime() > end) {
                    return mishap;
                }
            }
            return Optional.empty();
        }

        private Optional<Mishap> rehearse() {
            Entrances.Entrance entrance = entrances.find(request.method(), request.uri().replaceFirst("\\?.*", ""));
            if (entrance == null) {
                return Optional.empty();
            }
            scene.manners(request.manners());
            registries.forEach((name, registry) -> {
                registry.breaker().reset();
                if (scene.manner(name) == Manner.IS_OPEN) {
                    registry.breaker().transitionToOpenState();
                }
            });
            CompletableFuture<Void> ended = new CompletableFuture<>();
            Trace trace = new Trace(() -> ended.complete(null));
            RehearsedClient client = new RehearsedClient(request);
            Exchange exchange = entrance.createExchange(false);
            try (Pull pull = new Pull(client.request(), client.response(), "rehearsal", true, memory.share())) {
                exchange.setPattern(ExchangePattern.InOnly);
                pull.clientAddress("10.0.0." + nextClient++ % 256);
                pull.on(exchange);
                if (request.push()) {
                    pull.answerTime(AnswerTime.of(System.nanoTime(), settings.server().answerTime()));
                }
                trace.on(exchange);
                exchange.setIn(new HttpMessage(exchange, client.request(), client.response()));
                entrance.createUoW(exchange);
                Future<?> running = threads.submit(() -> {
                    try {
                        entrance.getAsyncProcessor().process(exchange, doneSync -> ended.complete(null));
                    } catch (Throwable e) {
                        FatalErrors.check(e);
                        ended.completeExceptionally(e);
                    }
                });
                return await(ended, running, trace, exchange, client, entrance);
            } catch (Exception e) {
                FatalErrors.check(e);
                return Optional.of(new Mishap(trace.stepOf(e) != null ? trace.stepOf(e) : trace.last(), e, null, request.toString(), exchange));
            } finally {
                trace.end();
                if (ended.isDone() && trace.endless() == null) {
                    entrance.doneUoW(exchange);
                }
            }
        }

        private Optional<Mishap> await(CompletableFuture<Void> ended, Future<?> running, Trace trace, Exchange exchange, RehearsedClient client,
                Entrances.Entrance entrance) throws InterruptedException {
            Throwable failure = null;
            try {
                ended.get(longestRequest.toMillis(), TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                trace.end();
                running.cancel(true);
                return Optional.of(new Mishap(trace.last(), null, "has not ended within " + longestRequest.toSeconds() + " s", request.toString(), exchange));
            } catch (ExecutionException e) {
                failure = e.getCause();
            }
            if (trace.endless() != null) {
                return Optional.of(new Mishap(trace.endless(), null, "goes through steps without end", request.toString(), exchange));
            }
            if (trace.isOutside()) {
                return Optional.empty();
            }
            if (failure == null && exchange.getException() == null) {
                try {
                    AnswerWriter.rehearse(client.request(), exchange, entrance.getEndpoint().getHeaderFilterStrategy());
                } catch (IllegalArgumentException e) {
                    // A header that no response can have.
                    failure = e;
                }
            }
            Judge judge = new Judge(request, exchange, client, scene);
            failure = failure != null ? failure : judge.failure();
            if (Judge.isOfPulls(failure)) {
                return Optional.of(new Mishap(trace.last(), null, "ends with a failure that no step handles: " + failure.getMessage(), request.toString(), exchange));
            }
            if (failure != null) {
                return Optional.of(new Mishap(trace.stepOf(failure) != null ? trace.stepOf(failure) : trace.last(), failure, null, request.toString(), exchange));
            }
            String fault = judge.fault();
            if (fault == null) {
                if (request.method().equals("POST") && judge.status() == 202) {
                    upload = judge.header("Location");
                }
                return Optional.empty();
            }
            NamedNode step = judge.misjudged() != null ? trace.stepOf(judge.misjudged()) : trace.lastToAnswer();
            return Optional.of(new Mishap(step != null ? step : trace.last(), null, fault, request.toString(), exchange));
        }

        @Override
        public void close() {
            pushes.close();
            threads.shutdownNow();
            metrics.close();
        }
    }
}
