package io.mirrorregistry;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.mirrorregistry.access.Access;
import io.mirrorregistry.cache.CacheStep;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.explain.ExplainPage;
import io.mirrorregistry.explain.Explainer;
import io.mirrorregistry.explain.ImagePlanner;
import io.mirrorregistry.health.AccessHealthCheck;
import io.mirrorregistry.health.CertificateHealthCheck;
import io.mirrorregistry.health.EventLoopHealthCheck;
import io.mirrorregistry.health.ProblemHealthCheck;
import io.mirrorregistry.health.RegistriesHealthCheck;
import io.mirrorregistry.health.RegistryHealthCheck;
import io.mirrorregistry.health.RegistryProbes;
import io.mirrorregistry.logging.Logs;
import io.mirrorregistry.logging.RepeatedFault;
import io.mirrorregistry.logging.RouteLines;
import io.mirrorregistry.lookahead.LookaheadStep;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.plan.Namespaces;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.pull.BlobStep;
import io.mirrorregistry.pull.FailuresStep;
import io.mirrorregistry.pull.ManifestStep;
import io.mirrorregistry.pull.PlanStep;
import io.mirrorregistry.pull.ReferrersStep;
import io.mirrorregistry.pull.TagsStep;
import io.mirrorregistry.push.PushStep;
import io.mirrorregistry.push.UploadSessions;
import io.mirrorregistry.registry.AccountState;
import io.mirrorregistry.registry.CallContext;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.folder.FolderRegistry;
import io.mirrorregistry.registry.folder.ImageLayout;
import io.mirrorregistry.registry.http.RegistryClient;
import io.mirrorregistry.registry.http.RegistryHeaders;
import io.mirrorregistry.reload.LiveRoutes;
import io.mirrorregistry.reload.RouteEnvironment;
import io.mirrorregistry.server.AcceptedConnections;
import io.mirrorregistry.server.AccessCheck;
import io.mirrorregistry.server.AnswerStep;
import io.mirrorregistry.server.ClientHeaders;
import io.mirrorregistry.server.ClientsEngine;
import io.mirrorregistry.server.EdgeHandlers;
import io.mirrorregistry.server.EventLoopFastPath;
import io.mirrorregistry.server.PushReader;
import io.mirrorregistry.server.RequestBody;
import io.mirrorregistry.server.RequestStep;
import io.mirrorregistry.server.StreamStep;
import io.mirrorregistry.server.tls.ClientsTls;
import io.mirrorregistry.warm.WarmPage;
import io.mirrorregistry.warm.WarmStep;
import io.mirrorregistry.warm.Warming;
import io.mirrorregistry.warm.list.WarmFileKeeper;
import io.mirrorregistry.warm.queue.JdbcStore;
import io.mirrorregistry.work.Bulkhead;
import io.mirrorregistry.work.EventLoopWatch;
import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.MemoryBudget;
import io.mirrorregistry.work.Workers;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.file.FileSystemOptions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.camel.component.micrometer.MicrometerConstants;
import org.apache.camel.component.platform.http.PlatformHttpConstants;
import org.apache.camel.main.MainConfigurationProperties;
import org.apache.camel.support.SimpleRegistry;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** What lives as long as the mirror and is made once: registries, caches, metrics, workers, and the beans that routes name. Refuses nothing: settings are checked before. */
final class Parts implements AutoCloseable {

    private static final int VERTX_WORKERS = 4;
    /** The names of failures in routes. */
    private static final Map<String, Class<?>> FAILURES = Map.of("NotHere", NotHereException.class, "Trouble", RegistryTroubleException.class,
            "Refused", ProtocolException.class, "Failure", Exception.class);

    private final RepeatedFault faults = new RepeatedFault(LoggerFactory.getLogger(Parts.class), Level.ERROR);
    private final Settings settings;
    private final Vertx vertx;
    private final Workers workers;
    private final PrometheusMeterRegistry prometheus = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final Metrics metrics;
    /** In the order of asking, as all maps here. */
    private final Map<String, Registry> registries = new LinkedHashMap<>();
    private final Map<String, ImageLayout> folders = new LinkedHashMap<>();
    private final RegistryProbes probes;
    private final SimpleRegistry beans = new SimpleRegistry();
    private final GenerationSource parts;
    private final LiveRoutes live = new LiveRoutes();
    private final EventLoopWatch eventLoop = new EventLoopWatch();
    private final ClientsTls tls;
    private final Access access;
    private final ExplainPage explain;
    private final WarmPage warm;
    private PushStep push;
    /** Null if nothing is copied. */
    private Warming warming;

    /**
     * @param tls with what clients are served TLS; null for plain http
     * @param access who may pull; null where everybody may
     * @param lists the images that are copied without a pull; null for none
     */
    Parts(Settings settings, String version, ClientsTls tls, Access access, WarmFileKeeper lists) {
        this.settings = settings;
        this.tls = tls;
        this.access = access;
        AcceptedConnections.enable();
        vertx = Vertx.vertx(new VertxOptions()
                // Linux's epoll, where its library can be loaded: less work for each answer than Java's own way.
                .setPreferNativeTransport(true)
                // Requests have workers of their own.
                .setWorkerPoolSize(VERTX_WORKERS)
                .setFileSystemOptions(new FileSystemOptions().setFileCachingEnabled(false).setClassPathResolvingEnabled(false)));
        vertx.exceptionHandler(failure -> {
            FatalErrors.check(failure);
            faults.log(failure.getClass().getName(), null, null, failure, "A task of the event loop failed");
        });
        workers = new Workers(vertx, settings.server(), EdgeHandlers::busy);
        metrics = new Metrics(prometheus, settings.order());
        metrics.version(version);
        metrics.logLinesDropped(Logs::dropped);
        StreamStep stream = new StreamStep(settings.server(), workers, metrics);
        metrics.requests(workers::working,
                () -> workers.waiting() + stream.waiting() + registries.values().stream().mapToInt(Registry::waiting).sum());
        MirrorIdentity self = new MirrorIdentity(settings.server().port(), settings.managementPort());
        for (String name : settings.order()) {
            RegistrySettings registry = settings.registries().get(name);
            RegistryClient client = registry.isFolder() ? null : client(registry, self);
            registries.put(name, new Registry(registry, settings.breaker(), client, workers, self,
                    new Bulkhead(settings.server().callsPerRegistry(), settings.server().queueTime())));
            beans.bind(name, registries.get(name));
            if (client == null) {
                folders.put(name, new ImageLayout(registry.folder()));
                beans.bind(name + ".folder", new FolderRegistry(folders.get(name)));
            } else {
                beans.bind(name + ".client", client);
                beans.bind(name + ".breaker", registries.get(name).breaker());
            }
        }
        probes = new RegistryProbes(registries.values(), folders, settings.plan());
        for (Registry registry : registries.values()) {
            metrics.registry(registry.name(), () -> probes.isUp(registry.name()), registry.breaker());
            metrics.account(registry.name(), () -> registry.accountState() != AccountState.FINE);
            metrics.slow(registry.name(), registry.slowness()::isSlow);
            beans.bind(registry.name() + ".health", new RegistryHealthCheck(registry, probes));
        }
        beans.bind("registries.health", new RegistriesHealthCheck(probes));
        Namespaces namespaces = Namespaces.of(settings);
        PlanStep plan = new PlanStep(registries, namespaces);
        parts = new GenerationSource(settings, plan);
        beans.bind("stream", stream);
        explain = bindSteps(self, namespaces, plan, lists);
        warm = new WarmPage(warming, vertx);
        bindServices();
    }

    private RegistryClient client(RegistrySettings registry, MirrorIdentity self) {
        return new RegistryClient(registry, settings.server().workers(), metrics, self);
    }

    /** The steps of routes; docs/routes.md lists them. Returns the page that looks at the same plan and cache. */
    private ExplainPage bindSteps(MirrorIdentity self, Namespaces namespaces, PlanStep plan, WarmFileKeeper lists) {
        CacheStep cache = new CacheStep(settings.cache(), workers, metrics);
        beans.bind("plan", plan);
        boolean pushing = settings.push() != null;
        UploadSessions sessions = pushing ? new UploadSessions(settings.access().secret(), settings.server().maxRequestLine()) : null;
        PushReader pushes = new PushReader(settings.push(), sessions, RequestBody::of);
        beans.bind("request", new RequestStep(self, plan, access == null ? null : new AccessCheck(access, settings.access(), metrics, workers), pushes));
        push = new PushStep(settings, registries, folders, sessions, plan, cache, "push");
        beans.bind("push", push);
        metrics.uploads(push::running);
        beans.bind("cache", cache);
        beans.bind("lookahead", new LookaheadStep(settings.lookahead(), cache, workers, live));
        beans.bind("manifest", new ManifestStep());
        beans.bind("blob", new BlobStep());
        beans.bind("tags", new TagsStep());
        beans.bind("referrers", new ReferrersStep());
        beans.bind("failures", new FailuresStep(registries));
        beans.bind("answer", new AnswerStep());
        MemoryBudget memory = MemoryBudget.beside(settings.cache().size());
        EventLoopFastPath fastPath = new EventLoopFastPath(cache::guess);
        metrics.fastPath(fastPath::isOn);
        beans.bind(PlatformHttpConstants.PLATFORM_HTTP_ENGINE_NAME,
                new ClientsEngine(settings.server().port(), workers, memory, settings.server().answerTime(), fastPath, live));
        Map<String, FolderRegistry> folderSteps = new LinkedHashMap<>();
        folders.keySet().forEach(name -> folderSteps.put(name, beans.lookupByNameAndType(name + ".folder", FolderRegistry.class)));
        if (settings.warm() != null) {
            warming = warming(self, cache, folderSteps, lists, new ImagePlanner(vertx, live, plan, memory, namespaces), memory);
        }
        beans.bind("warming", warming == null ? WarmStep.off() : warming.step());
        return new ExplainPage(new Explainer(vertx, live, plan, cache, registries, folderSteps, memory), namespaces);
    }

    private Warming warming(MirrorIdentity self, CacheStep cache, Map<String, FolderRegistry> folderSteps, WarmFileKeeper lists, ImagePlanner planner,
            MemoryBudget memory) {
        String owner = UUID.randomUUID().toString();
        Warming made = new Warming(settings.warm(), new JdbcStore(settings.warm().store(), owner), owner, registries, folderSteps, planner, self, live, cache, metrics,
                lists, memory);
        cache.whenRecalled(made::recalled);
        metrics.warm(made);
        beans.bind("warm-store", new ProblemHealthCheck("warm-store", made::problem));
        if (lists != null) {
            beans.bind("warm-file", new ProblemHealthCheck("warm-file", () -> lists.problem().map(fault -> "the file is refused, the last good list is used: " + fault).orElse(null)));
        }
        return made;
    }

    private void bindServices() {
        beans.bind("client-headers", new ClientHeaders());
        beans.bind("registry-headers", new RegistryHeaders());
        beans.bind("vertx", vertx);
        beans.bind(MicrometerConstants.METRICS_REGISTRY_NAME, prometheus);
        beans.bind("route-lines", new RouteLines(exchange -> CallContext.of(exchange) == null ? null : CallContext.of(exchange).requestId()));
        beans.bind("event-loop", new EventLoopHealthCheck(eventLoop));
        if (tls != null) {
            beans.bind("server-certificate", new CertificateHealthCheck(tls));
            metrics.certificate(tls::end);
        }
        if (access != null) {
            beans.bind("access-file", new AccessHealthCheck(access));
            metrics.access(access::isFileRefused, access::isIssuerAway);
        }
    }

    /**
     * Returns the names that routes may use besides beans.
     *
     * @param main Camel's own settings
     */
    RouteEnvironment environment(MainConfigurationProperties main) {
        return new RouteEnvironment(settings.placeholders(), main, FAILURES, settings.registries().keySet(), settings.leftOut(), parts);
    }

    Settings settings() {
        return settings;
    }

    /** Returns where all metrics are read. */
    PrometheusMeterRegistry prometheus() {
        return prometheus;
    }

    Metrics metrics() {
        return metrics;
    }

    /** Returns all registries in the order of asking. */
    List<Registry> registries() {
        return List.copyOf(registries.values());
    }

    /** Returns the folders of images, by the names of the registries that they are. */
    Map<String, ImageLayout> folders() {
        return folders;
    }

    RegistryProbes probes() {
        return probes;
    }

    /** Returns the beans that routes name, and those that Camel looks for. */
    SimpleRegistry beans() {
        return beans;
    }

    LiveRoutes live() {
        return live;
    }

    ExplainPage explain() {
        return explain;
    }

    /** Returns null if nothing is copied. */
    Warming warming() {
        return warming;
    }

    WarmPage warm() {
        return warm;
    }

    EventLoopWatch eventLoop() {
        return eventLoop;
    }

    /** Returns null for plain http. */
    ClientsTls tls() {
        return tls;
    }

    /** Returns null where everybody may pull. */
    Access access() {
        return access;
    }

    @Override
    public void close() {
        if (access != null) {
            access.close();
        }
        if (warming != null) {
            warming.close();
        }
        explain.close();
        warm.close();
        push.close();
        probes.close();
        workers.close();
        registries.values().forEach(Registry::close);
        metrics.close();
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }
}
