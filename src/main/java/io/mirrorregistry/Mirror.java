package io.mirrorregistry;

import io.mirrorregistry.cache.AnswerCache;
import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.config.SettingsReader;
import io.mirrorregistry.edge.Answers;
import io.mirrorregistry.edge.BlobStream;
import io.mirrorregistry.edge.ClientHeaders;
import io.mirrorregistry.edge.ClientsEngine;
import io.mirrorregistry.edge.ClientsServer;
import io.mirrorregistry.edge.Requests;
import io.mirrorregistry.edge.Workers;
import io.mirrorregistry.health.RegistryHealthCheck;
import io.mirrorregistry.health.RegistryProbes;
import io.mirrorregistry.images.FolderRegistry;
import io.mirrorregistry.images.ImageLayout;
import io.mirrorregistry.logging.Logs;
import io.mirrorregistry.pull.Blobs;
import io.mirrorregistry.pull.Failures;
import io.mirrorregistry.pull.Manifests;
import io.mirrorregistry.pull.Referrers;
import io.mirrorregistry.pull.Tags;
import io.mirrorregistry.registry.AnswerMemory;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryHeaders;
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
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.camel.CamelContext;
import org.apache.camel.component.platform.http.PlatformHttpConstants;
import org.apache.camel.main.BaseMainSupport;
import org.apache.camel.main.Main;
import org.apache.camel.main.MainListenerSupport;
import org.apache.camel.main.SimpleMainShutdownStrategy;
import org.apache.camel.support.LifecycleStrategySupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A mirror, put together: settings, registries, the beans that routes name, and Camel. */
public final class Mirror implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Mirror.class);

    private static final int VERTX_WORKERS = 4;

    private final Settings settings;
    private final Main main = new Main();
    private final List<Registry> registries = new ArrayList<>();
    private final RegistryProbes probes;
    private final Vertx vertx;
    private final Workers workers;

    /**
     * Reads the settings and puts the mirror together.
     *
     * @param directory the working directory, with application.properties, routes and images
     * @param environment the environment variables
     * @throws InvalidSettingException when a setting cannot work
     */
    public Mirror(Path directory, Map<String, String> environment) throws InvalidSettingException {
        String version = version();
        settings = SettingsReader.read(directory, environment, version);
        Logs.apply(settings.logging());
        settings.warnings().forEach(LOG::warn);
        requireFree("mirror.server.port", settings.server().port());
        requireFree("mirror.management.port", settings.managementPort());

        for (RegistrySettings registry : settings.registries().values()) {
            LOG.info("Mirror Registry {}: {}", version, registry);
            registries.add(new Registry(registry, settings.breaker(), settings.server().workers()));
        }
        ImageLayout images = new ImageLayout(settings.imagesDirectory());
        probes = new RegistryProbes(registries, images);

        vertx = Vertx.vertx(new VertxOptions()
                // Requests have workers of their own.
                .setWorkerPoolSize(VERTX_WORKERS)
                .setFileSystemOptions(new FileSystemOptions().setFileCachingEnabled(false).setClassPathResolvingEnabled(false)));
        workers = new Workers(vertx, settings.server());
        Properties placeholders = new Properties();
        placeholders.putAll(settings.placeholders());
        main.setOverrideProperties(placeholders);
        main.setDefaultPropertyPlaceholderLocation("false");
        main.configure().setRoutesIncludePattern(routes(directory));
        main.configure().setShutdownTimeout((int) Math.max(1, settings.server().shutdownTimeout().toSeconds()));
        main.configure().setShutdownLogInflightExchangesOnTimeout(false);
        bindBeans(images);
        main.addMainListener(new MainListenerSupport() {
            @Override
            public void beforeConfigure(BaseMainSupport starting) {
                serveClients(starting.getCamelContext());
            }
        });
    }

    private void serveClients(CamelContext camel) {
        try {
            camel.addService(new ClientsServer(settings.server()));
            camel.addLifecycleStrategy(new LifecycleStrategySupport() {
                @Override
                public void onContextStarted(CamelContext started) {
                    probes.start(settings.healthInterval(), settings.breaker().probeInterval());
                }
            });
        } catch (Exception e) {
            throw new IllegalStateException("Camel refused the clients' server", e);
        }
    }

    /** The beans by the names that routes use; the README lists them. */
    private void bindBeans(ImageLayout images) {
        main.bind("request", new Requests());
        main.bind("answer", new Answers());
        main.bind("manifest", new Manifests());
        main.bind("blob", new Blobs());
        main.bind("stream", new BlobStream());
        main.bind("tags", new Tags());
        main.bind("referrers", new Referrers());
        main.bind("failures", new Failures());
        main.bind("folder", new FolderRegistry(images));
        main.bind("client-headers", new ClientHeaders());
        main.bind("registry-headers", new RegistryHeaders());
        for (Registry registry : registries) {
            main.bind(registry.name(), registry);
            if (registry.client() != null) {
                main.bind(registry.name() + "-client", registry.client());
                main.bind(registry.name() + "-breaker", registry.breaker());
            }
            main.bind("registry-" + registry.name(), new RegistryHealthCheck(registry, probes));
        }
        main.bind("vertx", vertx);
        main.bind("cache", new AnswerCache(settings.cache(), workers));
        main.bind(PlatformHttpConstants.PLATFORM_HTTP_ENGINE_NAME,
                new ClientsEngine(settings.server().port(), workers, AnswerMemory.beside(settings.cache().size())));
    }

    /**
     * Returns where routes are read from: the working directory if it has a folder of them, the jar otherwise.
     *
     * @throws InvalidSettingException when there is a folder without any
     */
    private static String routes(Path directory) throws InvalidSettingException {
        Path folder = directory.resolve("routes");
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
        return (Files.isDirectory(folder) ? "file:" + folder.toAbsolutePath() : "classpath:routes") + "/*.camel.yaml";
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

    /** Serves until the process is told to stop. Returns the exit code. */
    int run() throws Exception {
        // Camel would stop by itself, and so would the log, whoever is first.
        main.setShutdownStrategy(new SimpleMainShutdownStrategy());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            LOG.info("Shutting down");
            close();
            Logs.finish();
        }, "shutdown"));
        main.run();
        return main.getExitCode();
    }

    /** Starts to serve and returns. */
    public void start() {
        main.start();
    }

    /** Stops: running requests end first, for as long as the settings allow. */
    @Override
    public void close() {
        main.stop();
        probes.close();
        workers.close();
        registries.forEach(Registry::close);
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }
}
