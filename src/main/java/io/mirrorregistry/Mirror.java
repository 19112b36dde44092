package io.mirrorregistry;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.mirrorregistry.cache.AnswerCache;
import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.config.SettingsReader;
import io.mirrorregistry.config.TlsSettings;
import io.mirrorregistry.health.CertificateHealthCheck;
import io.mirrorregistry.health.EventLoopHealthCheck;
import io.mirrorregistry.health.RegistryHealthCheck;
import io.mirrorregistry.health.RegistryProbes;
import io.mirrorregistry.health.RoutesHealthCheck;
import io.mirrorregistry.logging.Logs;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.pull.Blobs;
import io.mirrorregistry.pull.Failures;
import io.mirrorregistry.pull.Manifests;
import io.mirrorregistry.pull.Referrers;
import io.mirrorregistry.pull.Tags;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.folder.FolderRegistry;
import io.mirrorregistry.registry.folder.ImageLayout;
import io.mirrorregistry.registry.http.RegistryClient;
import io.mirrorregistry.registry.http.RegistryHeaders;
import io.mirrorregistry.reload.GenerationParts;
import io.mirrorregistry.reload.LiveRoutes;
import io.mirrorregistry.reload.RouteCheck;
import io.mirrorregistry.reload.RouteEnvironment;
import io.mirrorregistry.reload.RouteFault;
import io.mirrorregistry.reload.RouteWatcher;
import io.mirrorregistry.reload.StartRoutes;
import io.mirrorregistry.server.AcceptedConnections;
import io.mirrorregistry.server.Answers;
import io.mirrorregistry.server.BlobStream;
import io.mirrorregistry.server.ClientHeaders;
import io.mirrorregistry.server.ClientsEngine;
import io.mirrorregistry.server.ClientsServer;
import io.mirrorregistry.server.EdgeHandlers;
import io.mirrorregistry.server.EventLoopFastPath;
import io.mirrorregistry.server.ManagementServer;
import io.mirrorregistry.server.Requests;
import io.mirrorregistry.server.tls.ClientsTls;
import io.mirrorregistry.status.StatusPage;
import io.mirrorregistry.work.EventLoopWatch;
import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.MemoryBudget;
import io.mirrorregistry.work.Workers;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.file.FileSystemOptions;
import java.io.IOException;
import java.io.InputStream;
import java.net.ServerSocket;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.camel.CamelContext;
import org.apache.camel.component.micrometer.MicrometerConstants;
import org.apache.camel.component.platform.http.PlatformHttpConstants;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpRouter;
import org.apache.camel.main.BaseMainSupport;
import org.apache.camel.main.Main;
import org.apache.camel.main.MainListenerSupport;
import org.apache.camel.main.SimpleMainShutdownStrategy;
import org.apache.camel.support.LifecycleStrategySupport;
import org.apache.camel.support.SimpleRegistry;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A mirror, put together: settings, registries, the beans that routes name, and Camel. */
public final class Mirror implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Mirror.class);

    private static final int VERTX_WORKERS = 4;

    /** The names of failures in routes. */
    private static final Map<String, Class<?>> FAILURES = Map.of("NotHere", NotHereException.class, "Trouble", RegistryTroubleException.class,
            "Refused", ProtocolException.class, "Failure", Exception.class);

    private final String version;
    private final Settings settings;
    private final Main main = new Main();
    private final List<Registry> registries = new ArrayList<>();
    private final ImageLayout images;
    private final RegistryProbes probes;
    private final Vertx vertx;
    private final Workers workers;
    private final PrometheusMeterRegistry prometheus = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final Metrics metrics = new Metrics(prometheus);
    private final SimpleRegistry beans = new SimpleRegistry();
    private final Path routes;
    /** Null where the routes are those that the jar carries. */
    private final StartRoutes start;
    private final MirrorIdentity self;
    private final LiveRoutes live = new LiveRoutes();
    private final RouteEnvironment forRoutes;
    private final EventLoopWatch eventLoop = new EventLoopWatch();
    /** Null for plain http. */
    private final ClientsTls tls;
    /** Null where the routes are those that the jar carries, or changes are not to be noticed. */
    private final RouteWatcher watcher;

    /**
     * Reads the settings and puts the mirror together.
     *
     * @param directory the working directory, with application.properties, routes and images
     * @param environment the environment variables
     * @throws InvalidSettingException when a setting cannot work
     */
    public Mirror(Path directory, Map<String, String> environment) throws InvalidSettingException {
        this(directory, environment, Set.of());
    }

    private Mirror(Path directory, Map<String, String> environment, Set<String> broken) throws InvalidSettingException {
        version = version();
        routes = directory.resolve("routes");
        settings = SettingsReader.read(directory, environment, version, broken);
        Logs.apply(settings.logging());
        tls = settings.server().tls() == null ? null : new ClientsTls(settings.server().tls());
        AcceptedConnections.enable();
        vertx = Vertx.vertx(new VertxOptions()
                // Linux's epoll, where its library can be loaded: less work for each answer than Java's own way.
                .setPreferNativeTransport(true)
                // Requests have workers of their own.
                .setWorkerPoolSize(VERTX_WORKERS)
                .setFileSystemOptions(new FileSystemOptions().setFileCachingEnabled(false).setClassPathResolvingEnabled(false)));
        vertx.exceptionHandler(failure -> {
            FatalErrors.check(failure);
            LOG.error("A task of the event loop failed", failure);
        });
        workers = new Workers(vertx, settings.server(), EdgeHandlers::busy);
        metrics.version(version);
        metrics.logLinesDropped(Logs::dropped);
        metrics.requests(workers::working, workers::waiting);
        self = new MirrorIdentity(settings.server().port(), settings.managementPort());
        for (RegistrySettings registry : settings.registries().values()) {
            RegistryClient client = registry.isFolder() ? null : new RegistryClient(registry, settings.server().workers(), metrics, self);
            registries.add(new Registry(registry, settings.breaker(), client, workers, self));
        }
        images = new ImageLayout(settings.registries().values().stream().filter(RegistrySettings::isFolder).map(RegistrySettings::folder).findFirst()
                .orElse(settings.imagesDirectory()));
        probes = new RegistryProbes(registries, images);
        registries.forEach(registry -> metrics.registry(registry.name(), () -> probes.isUp(registry.name()), registry.breaker()));

        Properties placeholders = new Properties();
        placeholders.putAll(settings.placeholders());
        main.setOverrideProperties(placeholders);
        main.setDefaultPropertyPlaceholderLocation("false");
        main.configure().setRoutesIncludePattern(pattern(routes));
        start = Files.isDirectory(routes) ? new StartRoutes(routes) : null;
        if (start != null) {
            main.setRoutesCollector(start);
        }
        main.configure().setShutdownTimeout((int) Math.max(1, settings.server().shutdownTimeout().toSeconds()));
        main.configure().setShutdownLogInflightExchangesOnTimeout(false);
        forRoutes = new RouteEnvironment(settings.placeholders(), main.configure(), FAILURES, settings.registries().keySet(),
                () -> GenerationParts.NONE);
        watcher = settings.routes().reload() && start != null
                ? new RouteWatcher(routes, new RouteCheck(beans, forRoutes), live, metrics) : null;
        bindBeans(images);
        main.addMainListener(new MainListenerSupport() {
            @Override
            public void beforeConfigure(BaseMainSupport starting) {
                live.begin(starting.getCamelContext(), forRoutes);
                serveClients(starting.getCamelContext());
            }
        });
    }

    private void serveClients(CamelContext camel) {
        StatusPage page = new StatusPage(version, settings, registries, probes, metrics, watcher, tls);
        try {
            // Before the other: Camel's management service takes the first server for its own if it has its port.
            camel.addService(new ManagementServer(settings.managementPort(), settings.server()));
            camel.addService(new ClientsServer(settings.server(), tls, live, metrics, eventLoop));
            camel.addLifecycleStrategy(new LifecycleStrategySupport() {
                @Override
                public void onContextStarted(CamelContext started) {
                    page.serve(VertxPlatformHttpRouter.lookup(started,
                            VertxPlatformHttpRouter.getRouterNameFromPort(settings.managementPort())));
                    probes.start(settings.healthInterval(), settings.breaker().probeInterval());
                    if (watcher != null) {
                        watcher.start(settings.routes().interval());
                    }
                }

                @Override
                public void onContextStopping(CamelContext stopping) {
                    if (watcher != null) {
                        watcher.close(settings.server().shutdownTimeout());
                    }
                }
            });
        } catch (Exception e) {
            throw new IllegalStateException("Camel refused the clients' server", e);
        }
    }

    /** The beans by the names that routes use; the README lists them. */
    private void bindBeans(ImageLayout images) {
        beans.bind("request", new Requests(self));
        beans.bind("answer", new Answers());
        beans.bind("manifest", new Manifests());
        beans.bind("blob", new Blobs());
        beans.bind("stream", new BlobStream(settings.server().callsPerRegistry(), settings.server().workers(), metrics));
        beans.bind("tags", new Tags());
        beans.bind("referrers", new Referrers());
        beans.bind("failures", new Failures());
        beans.bind("folder", new FolderRegistry(images));
        beans.bind("client-headers", new ClientHeaders());
        beans.bind("registry-headers", new RegistryHeaders());
        for (Registry registry : registries) {
            beans.bind(registry.name(), registry);
            if (registry.client() != null) {
                beans.bind(registry.name() + "-client", registry.client());
                beans.bind(registry.name() + "-breaker", registry.breaker());
            }
            beans.bind("registry-" + registry.name(), new RegistryHealthCheck(registry, probes));
        }
        beans.bind("vertx", vertx);
        beans.bind(MicrometerConstants.METRICS_REGISTRY_NAME, prometheus);
        AnswerCache cache = new AnswerCache(settings.cache(), workers, metrics);
        beans.bind("cache", cache);
        beans.bind(PlatformHttpConstants.PLATFORM_HTTP_ENGINE_NAME,
                new ClientsEngine(settings.server().port(), workers, MemoryBudget.beside(settings.cache().size()),
                        new EventLoopFastPath(cache::isAtHand), live));
        beans.bind("event-loop", new EventLoopHealthCheck(eventLoop));
        if (watcher != null) {
            beans.bind("route-files", new RoutesHealthCheck(watcher));
        }
        if (tls != null) {
            beans.bind("server-certificate", new CertificateHealthCheck(tls));
        }
        beans.keySet().forEach(name -> main.bind(name, beans.lookupByName(name)));
    }

    /**
     * Returns where routes are read from: the working directory if it has a folder of them, the jar otherwise.
     *
     * @throws InvalidSettingException when there is a folder without any
     */
    private static String pattern(Path folder) throws InvalidSettingException {
        if (Files.isDirectory(folder)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.camel.yaml")) {
                if (!files.iterator().hasNext()) {
                    throw new InvalidSettingException("The folder " + folder + " cannot work: it holds no *.camel.yaml; put the routes there, "
                            + "or take the folder away for those that the jar carries");
                }
            } catch (IOException e) {
                throw new InvalidSettingException("The folder " + folder + " cannot be read: " + e.getMessage());
            }
        }
        return Files.isDirectory(folder) ? StartRoutes.PATTERN : "classpath:routes/*.camel.yaml";
    }

    private static void requireFree(String setting, int port) throws InvalidSettingException {
        try {
            new ServerSocket(port).close();
        } catch (IOException e) {
            throw new InvalidSettingException(setting, String.valueOf(port),
                    "the port cannot be listened on (" + e.getMessage() + "); choose another, or stop what uses it");
        }
    }

    private static String version() {
        Properties properties = new Properties();
        try (InputStream in = Mirror.class.getResourceAsStream("/version.properties")) {
            properties.load(in);
        } catch (IOException e) {
            throw new IllegalStateException("the jar carries no version.properties", e);
        }
        return properties.getProperty("version");
    }

    /**
     * Returns all that is wrong with the certificate, the folder of images and the routes, a line each, without serving anything. What is
     * wrong with settings the constructor has told.
     */
    public List<String> check() {
        List<String> faults = new ArrayList<>();
        if (tls != null) {
            tls.problem().ifPresent(faults::add);
        }
        settings.registries().values().stream().filter(RegistrySettings::isFolder).findFirst().ifPresent(registry -> images.problem()
                .ifPresent(problem -> faults.add((registry.folder().equals(settings.imagesDirectory()) ? "mirror.images.directory="
                        : "mirror.registry." + registry.name() + ".url=oci:") + registry.folder() + ": " + problem)));
        routeFaults().forEach(fault -> faults.add(fault.toString()));
        return faults;
    }

    /**
     * What a check finds, a line each.
     *
     * @param faults what keeps the mirror from working as it is meant to
     * @param warnings what is found in settings and has no meaning
     */
    record Findings(List<String> faults, List<String> warnings) {
    }

    /** Returns all that is wrong with the settings, the certificates, the folder of images and the routes, without serving anything. */
    static Findings check(Path directory, Map<String, String> environment) {
        List<String> faults = new ArrayList<>();
        Set<String> broken = new HashSet<>();
        while (true) {
            try {
                Mirror mirror = new Mirror(directory, environment, broken);
                Logs.silence();
                faults.addAll(mirror.check());
                return new Findings(faults, mirror.settings.warnings());
            } catch (InvalidSettingException e) {
                if (broken.contains(e.setting())) {
                    // Nothing that works could take its place.
                    return new Findings(faults, List.of());
                }
                faults.add(e.getMessage());
                if (e.setting() == null) {
                    return new Findings(faults, List.of());
                }
                broken.add(e.setting());
                if (TlsSettings.BOTH.contains(e.setting())) {
                    // Where one is at fault, nothing can be said of the other.
                    broken.addAll(TlsSettings.BOTH);
                }
            }
        }
    }

    private List<RouteFault> routeFaults() {
        return Files.isDirectory(routes) ? new RouteCheck(beans, forRoutes).faults(routes) : List.of();
    }

    private void prepare() throws InvalidSettingException {
        settings.warnings().forEach(LOG::warn);
        requireFree("mirror.server.port", settings.server().port());
        requireFree("mirror.management.port", settings.managementPort());
        if (start != null) {
            requireSound(start.read(new RouteCheck(beans, forRoutes)));
        }
        for (RegistrySettings registry : settings.registries().values()) {
            LOG.info("Mirror Registry {}: {}", version, registry);
        }
        if (watcher != null) {
            watcher.remember(start);
        }
    }

    /** Camel starts with a route that leads nowhere, and finds out when a request comes by. */
    private static void requireSound(List<RouteFault> faults) throws InvalidSettingException {
        if (!faults.isEmpty()) {
            throw new InvalidSettingException(faults.get(0)
                    + (faults.size() == 1 ? "" : " (and " + (faults.size() - 1) + " more; the command check tells them all)"));
        }
    }

    /**
     * Serves until the process is told to stop. Returns the exit code.
     *
     * @throws InvalidSettingException when a port is not to be had, or a route cannot work
     */
    int run() throws Exception {
        prepare();
        // Camel would stop by itself, and so would the log, whoever is first.
        main.setShutdownStrategy(new SimpleMainShutdownStrategy());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                LOG.info("Shutting down");
                close();
            } catch (Throwable e) {
                FatalErrors.check(e);
                LOG.error("The mirror does not stop in good order", e);
            } finally {
                Logs.finish();
            }
        }, "shutdown"));
        main.run();
        return main.getExitCode();
    }

    /**
     * Starts to serve and returns.
     *
     * @throws InvalidSettingException when a port is not to be had
     */
    public void start() throws InvalidSettingException {
        prepare();
        main.start();
    }

    /** Stops: running requests end first, for as long as the settings allow. */
    @Override
    public void close() {
        main.stop();
        probes.close();
        workers.close();
        registries.forEach(Registry::close);
        metrics.close();
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }
}
