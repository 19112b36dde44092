package io.mirrorregistry;

import io.mirrorregistry.access.Access;
import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.config.SettingsReader;
import io.mirrorregistry.files.Denied;
import io.mirrorregistry.health.RoutesHealthCheck;
import io.mirrorregistry.logging.Logs;
import io.mirrorregistry.plan.FullNames;
import io.mirrorregistry.rehearsal.Rehearsal;
import io.mirrorregistry.reload.RouteCheck;
import io.mirrorregistry.reload.RouteEnvironment;
import io.mirrorregistry.reload.RouteFault;
import io.mirrorregistry.reload.RouteWatcher;
import io.mirrorregistry.reload.StartRoutes;
import io.mirrorregistry.server.ClientsServer;
import io.mirrorregistry.server.ManagementServer;
import io.mirrorregistry.server.tls.ClientsTls;
import io.mirrorregistry.status.HealthPage;
import io.mirrorregistry.status.MetricsPage;
import io.mirrorregistry.status.StatusPage;
import io.mirrorregistry.warm.list.WarmFileKeeper;
import io.mirrorregistry.work.FatalErrors;
import io.vertx.ext.web.Router;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.apache.camel.CamelContext;
import org.apache.camel.component.platform.http.vertx.VertxPlatformHttpRouter;
import org.apache.camel.main.BaseMainSupport;
import org.apache.camel.main.Main;
import org.apache.camel.main.MainListenerSupport;
import org.apache.camel.main.SimpleMainShutdownStrategy;
import org.apache.camel.support.LifecycleStrategySupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A mirror: starts its {@link Parts} and Camel, serves, and stops. */
public final class Mirror implements AutoCloseable {

    /** The folder of routes in the working directory. */
    static final String ROUTES = "routes";

    /** How long the line that the mirror is ready waits for the first probe of each registry. The mirror serves meanwhile. */
    private static final Duration FIRST_PROBES = Duration.ofSeconds(1);

    private static final Logger LOG = LoggerFactory.getLogger(Mirror.class);

    private final Settings settings;
    private final Parts parts;
    private final Main main = new Main();
    /** Null where the routes are those that the jar carries. */
    private final StartRoutes start;
    private final RouteEnvironment routeEnvironment;
    private final RouteCheck check;
    /** Null where the routes are those that the jar carries, or changes are not to be noticed. */
    private final RouteWatcher watcher;

    /**
     * Reads the settings and puts the mirror together.
     *
     * @param directory the working directory, with application.properties, routes and images
     * @param environment the environment variables
     * @throws InvalidSettingException when a setting cannot work, or a port is not to be had
     */
    public Mirror(Path directory, Map<String, String> environment) throws InvalidSettingException {
        settings = SettingsReader.read(directory, environment, Version.current());
        Logs.apply(settings.logging());
        ClientsTls tls = settings.server().tls() == null ? null : new ClientsTls(settings.server().tls());
        Access access = settings.access() == null ? null : new Access(settings.access(), FullNames.of(settings));
        WarmFileKeeper lists = settings.warm() == null || settings.warm().file() == null ? null : new WarmFileKeeper(settings.warm().file());
        Path routes = directory.resolve(ROUTES);
        main.configure().setRoutesIncludePattern(pattern(routes));
        requireFree("mirror.server.port", settings.server().port());
        requireFree("mirror.management.port", settings.managementPort());
        // From here on there is something to close.
        parts = new Parts(settings, Version.current(), tls, access, lists);
        routeEnvironment = parts.environment(main.configure());
        check = new RouteCheck(parts.beans(), routeEnvironment, new Rehearsal(settings));
        start = Files.isDirectory(routes) ? new StartRoutes(routes) : null;
        watcher = settings.routes().reload() && start != null ? new RouteWatcher(routes, check, parts.live(), parts.metrics()) : null;
        if (watcher != null) {
            parts.beans().bind("route-files", new RoutesHealthCheck(watcher));
        }
        configureMain();
    }

    private void configureMain() {
        // Camel's own strategy stops at the end of the process by itself, perhaps after the log, and is never forgotten by the process.
        main.setShutdownStrategy(new SimpleMainShutdownStrategy());
        Properties placeholders = new Properties();
        placeholders.putAll(settings.placeholders());
        main.setOverrideProperties(placeholders);
        main.setDefaultPropertyPlaceholderLocation("false");
        if (start != null) {
            main.setRoutesCollector(start);
        }
        main.configure().setShutdownLogInflightExchangesOnTimeout(false);
        parts.beans().keySet().forEach(name -> main.bind(name, parts.beans().lookupByName(name)));
        main.addMainListener(new MainListenerSupport() {
            @Override
            public void beforeConfigure(BaseMainSupport starting) {
                parts.live().begin(starting.getCamelContext(), routeEnvironment);
                serve(starting.getCamelContext());
            }
        });
    }

    /** Adds the servers, and what begins once the routes run. */
    private void serve(CamelContext camel) {
        StatusPage page = new StatusPage(Version.current(), settings, parts.registries(), parts.folders(), parts.probes(), parts.metrics(), watcher,
                parts.tls(), parts.access(), parts.warming());
        try {
            // Before the other: Camel's management service takes the first server for its own if it has its port.
            camel.addService(new ManagementServer(settings.managementPort(), settings.server()));
            camel.addService(new ClientsServer(settings.server(), parts.tls(), parts.access(), parts.live(), parts.metrics(), parts.eventLoop(),
                    settings.push() != null));
            camel.addLifecycleStrategy(new LifecycleStrategySupport() {
                @Override
                public void onContextStarted(CamelContext started) {
                    Router management = VertxPlatformHttpRouter.lookup(started, VertxPlatformHttpRouter.getRouterNameFromPort(settings.managementPort()));
                    page.serve(management);
                    new HealthPage(started).serve(management);
                    new MetricsPage(parts.prometheus()).serve(management);
                    parts.explain().serve(management);
                    parts.warm().serve(management);
                    parts.probes().start(settings.healthInterval(), settings.breaker().probeInterval());
                    if (watcher != null) {
                        watcher.start(settings.routes().interval());
                    }
                    if (parts.warming() != null) {
                        parts.warming().start();
                    }
                }

                @Override
                public void onContextStopping(CamelContext stopping) {
                    long end = System.nanoTime() + settings.server().shutdownTimeout().toNanos();
                    if (watcher != null) {
                        watcher.close(settings.server().shutdownTimeout());
                    }
                    // The first routes get what is left of the time. Zero would be no bound.
                    stopping.getShutdownStrategy().setTimeUnit(TimeUnit.MILLISECONDS);
                    stopping.getShutdownStrategy().setTimeout(Math.max(1, TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime())));
                }
            });
        } catch (Exception e) {
            throw new IllegalStateException("Camel refused the clients' server", e);
        }
    }

    /**
     * Returns where routes are read from: the working directory if it has a folder of them, the jar otherwise.
     *
     * @throws InvalidSettingException when there is a folder without any
     */
    static String pattern(Path folder) throws InvalidSettingException {
        if (Files.isDirectory(folder)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.camel.yaml")) {
                if (!files.iterator().hasNext()) {
                    throw new InvalidSettingException("The folder " + folder + " cannot work: it holds no *.camel.yaml; put the routes there, "
                            + "or take the folder away for those that the jar carries");
                }
            } catch (IOException e) {
                throw new InvalidSettingException("The folder " + folder + " cannot be read: " + Denied.reason(folder, e));
            }
        } else if (Denied.isHidden(folder)) {
            throw new InvalidSettingException("The folder " + folder + " cannot be read: " + Denied.reason(folder, new AccessDeniedException(folder.toString())));
        }
        return Files.isDirectory(folder) ? StartRoutes.PATTERN : "classpath:routes/*.camel.yaml";
    }

    private void requireFree(String setting, int port) throws InvalidSettingException {
        try {
            new ServerSocket(port).close();
        } catch (IOException e) {
            throw settings.places().locate(new InvalidSettingException(setting, String.valueOf(port),
                    "the port cannot be listened on (" + e.getMessage() + "); choose another, or stop what uses it"));
        }
    }

    /** Returns the setting, with its value, that makes a registry a folder of images. */
    static String folderSetting(Settings settings, String registry) {
        Path folder = settings.registries().get(registry).folder();
        return folder.equals(settings.imagesDirectory()) ? "mirror.images.directory=" + folder : "mirror.registry." + registry + ".url=oci:" + folder;
    }

    private void prepare() throws InvalidSettingException {
        LOG.info("Mirror Registry {} is starting on Java {}", Version.current(), Runtime.version());
        settings.warnings().forEach(LOG::warn);
        requireSound(start == null ? check.faultsWithoutFolder() : start.read(check));
        if (watcher != null) {
            watcher.remember(start);
        }
    }

    /** Camel starts with a route that leads nowhere, and finds out when a request comes by. */
    private void requireSound(List<RouteFault> faults) throws InvalidSettingException {
        if (!faults.isEmpty()) {
            parts.close();
            throw new InvalidSettingException(faults.get(0)
                    + (faults.size() == 1 ? "" : " (and " + (faults.size() - 1) + " more; the command check tells them all)"));
        }
    }

    /**
     * Serves until the process is told to stop. Returns the exit code.
     *
     * @throws InvalidSettingException when a route cannot work
     */
    int run() throws Exception {
        prepare();
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
        main.addMainListener(new MainListenerSupport() {
            @Override
            public void afterStart(BaseMainSupport started) {
                // Probes that end soon log first, so that this line is the last of the start.
                parts.probes().awaitFirst(FIRST_PROBES);
                logReady();
            }
        });
        main.run();
        return main.getExitCode();
    }

    /**
     * Starts to serve and returns.
     *
     * @throws InvalidSettingException when a route cannot work
     */
    public void start() throws InvalidSettingException {
        prepare();
        main.start();
        logReady();
    }

    /** All ports listen, unless the mirror was stopped in the meantime. */
    private void logReady() {
        if (main.getCamelContext().isStarted()) {
            LOG.info(ReadyLine.of(settings));
        }
    }

    /** Stops: running requests end first, for as long as the settings allow. */
    @Override
    public void close() {
        main.stop();
        parts.close();
    }
}
