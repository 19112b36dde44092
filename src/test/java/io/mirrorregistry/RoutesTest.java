package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.cache.AnswerCache;
import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings.BreakerSettings;
import io.mirrorregistry.config.Settings.CacheSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.pull.Blobs;
import io.mirrorregistry.pull.Failures;
import io.mirrorregistry.pull.Manifests;
import io.mirrorregistry.pull.Referrers;
import io.mirrorregistry.pull.Tags;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.http.RegistryClient;
import io.mirrorregistry.registry.http.RegistryHeaders;
import io.mirrorregistry.server.Answers;
import io.mirrorregistry.server.BlobStream;
import io.mirrorregistry.server.ClientHeaders;
import io.mirrorregistry.server.Requests;
import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.io.ByteArrayInputStream;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.camel.Route;
import org.apache.camel.builder.AdviceWith;
import org.apache.camel.component.platform.http.vertx.HttpMessage;
import org.apache.camel.model.ToDefinition;
import org.apache.camel.spi.Resource;
import org.apache.camel.support.PluginHelper;
import org.apache.camel.support.ResourceHelper;
import org.apache.camel.test.junit5.CamelTestSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The real files of {@code routes/}, with registries that are a status each: what is decided where. */
class RoutesTest extends CamelTestSupport {

    private static final Metrics METRICS = new Metrics(new SimpleMeterRegistry());

    private static final byte[] MANIFEST = "{\"schemaVersion\":2}".getBytes(StandardCharsets.UTF_8);

    private static final CacheSettings NOTHING_KEPT = new CacheSettings(0, Duration.ZERO, Duration.ZERO, Duration.ZERO, Duration.ZERO);

    private final List<String> asked = new ArrayList<>();
    private int hotStatus;
    private int coldStatus;

    @Override
    protected CamelContext createCamelContext() throws Exception {
        CamelContext camel = super.createCamelContext();
        Properties settings = new Properties();
        settings.put("mirror.registry.hot.url", "http://hot");
        settings.put("mirror.registry.cold.url", "http://cold");
        settings.put("mirror.server.calls-per-registry", "10");
        camel.getPropertiesComponent().setOverrideProperties(settings);
        Map<String, Object> beans = Map.of("request", new Requests(), "answer", new Answers(), "manifest", new Manifests(),
                "blob", new Blobs(), "stream", new BlobStream(1, 1, METRICS), "tags", new Tags(), "referrers", new Referrers(),
                "failures", new Failures(), "client-headers", new ClientHeaders(), "registry-headers", new RegistryHeaders());
        beans.forEach(camel.getRegistry()::bind);
        camel.getRegistry().bind("cache", new AnswerCache(NOTHING_KEPT, Runnable::run, METRICS));
        for (String name : List.of("hot", "cold")) {
            RegistrySettings settingsThere = new RegistrySettings(name, URI.create("http://" + name), Account.NONE, Map.of(), BlobsMode.AUTO,
                    URI.create("http://" + name), Duration.ofSeconds(1), Duration.ofSeconds(1), List.of(), List.of(), null, List.of(), "", false, null);
            Registry registry = new Registry(settingsThere, new BreakerSettings(50, 20, 5, Duration.ofSeconds(1), 1),
                    new RegistryClient(settingsThere, 1, METRICS, new MirrorIdentity()), Runnable::run, new MirrorIdentity());
            camel.getRegistry().bind(name, registry);
            camel.getRegistry().bind(name + "-client", registry.client());
            camel.getRegistry().bind(name + "-breaker", registry.breaker());
        }
        PluginHelper.getRoutesLoader(camel).loadRoutes(files(camel));
        AdviceWith.adviceWith(camel, "front-door", advice -> advice.replaceFromWith("direct:front-door"));
        AdviceWith.adviceWith(camel, "health", advice -> advice.replaceFromWith("direct:health"));
        AdviceWith.adviceWith(camel, "hot", advice -> advice.weaveByType(ToDefinition.class).replace().process(answering("hot")));
        AdviceWith.adviceWith(camel, "cold", advice -> advice.weaveByType(ToDefinition.class).replace().process(answering("cold")));
        return camel;
    }

    private static List<Resource> files(CamelContext camel) throws Exception {
        try (Stream<Path> files = Files.list(Path.of("routes"))) {
            // As camel-main does: what is common to all routes is loaded before them.
            return files.sorted(Comparator.comparing(file -> !file.endsWith("errors.camel.yaml"))).map(file -> ResourceHelper.resolveResource(camel, "file:" + file)).toList();
        }
    }

    private Processor answering(String registry) {
        return exchange -> {
            asked.add(registry);
            int status = registry.equals("hot") ? hotStatus : coldStatus;
            exchange.getMessage().setHeader(Exchange.HTTP_RESPONSE_CODE, status);
            exchange.getMessage().setHeader("Content-Type", "application/json");
            exchange.getMessage().setBody(new ByteArrayInputStream(MANIFEST));
        };
    }

    /** Sends a GET in by the front door. */
    private Exchange ask(String path) {
        return template.send("direct:front-door", exchange -> exchange.setMessage(new HttpMessage(exchange, get(path), null)));
    }

    private static HttpServerRequest get(String path) {
        return (HttpServerRequest) Proxy.newProxyInstance(RoutesTest.class.getClassLoader(), new Class<?>[] {HttpServerRequest.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "method" -> HttpMethod.GET;
                    case "path" -> path;
                    case "headers" -> MultiMap.caseInsensitiveMultiMap();
                    default -> null;
                });
    }

    @ParameterizedTest(name = "hot {0}, cold {1}")
    @CsvSource({
        "200, 200, hot, 200", "404, 200, 'hot,cold', 200", "401, 200, 'hot,cold', 200", "403, 200, 'hot,cold', 200",
        "408, 200, 'hot,cold', 200", "429, 200, 'hot,cold', 200", "500, 200, 'hot,cold', 200", "503, 200, 'hot,cold', 200",
        "404, 404, 'hot,cold', 404", "401, 403, 'hot,cold', 404", "429, 404, 'hot,cold', 429", "404, 429, 'hot,cold', 429",
        "429, 429, 'hot,cold', 429", "500, 404, 'hot,cold', 503", "404, 500, 'hot,cold', 503", "429, 500, 'hot,cold', 503",
        "302, 200, 'hot,cold', 200", "204, 404, 'hot,cold', 503"})
    void manifestComesFromTheFirstThatHasIt(int hot, int cold, String who, int status) {
        hotStatus = hot;
        coldStatus = cold;
        Exchange answer = ask("/v2/a/manifests/1");
        assertEquals(who, String.join(",", asked));
        assertEquals(status, answer.getMessage().getHeader(Exchange.HTTP_RESPONSE_CODE));
    }

    @ParameterizedTest(name = "hot {0}, cold {1}")
    @CsvSource({"200, 200, hot, 307", "404, 200, 'hot,cold', 307", "500, 200, 'hot,cold', 307", "404, 404, 'hot,cold', 404",
        "500, 404, 'hot,cold', 503", "429, 401, 'hot,cold', 429"})
    void blobIsAskedForInTheSameOrder(int hot, int cold, String who, int status) {
        hotStatus = hot;
        coldStatus = cold;
        Exchange answer = ask("/v2/a/blobs/sha256:" + "0".repeat(64));
        assertEquals(who, String.join(",", asked));
        assertEquals(status, answer.getMessage().getHeader(Exchange.HTTP_RESPONSE_CODE));
    }

    @Test
    void everyRouteTellsItsPurposeAndIsNamedInKebabCase() {
        List<Route> routes = context.getRoutes();
        assertEquals(16, routes.size());
        for (Route route : routes) {
            assertNotNull(route.getDescription(), route.getId());
            assertTrue(route.getId().matches("[a-z]+(-[a-z]+)*"), route.getId());
        }
    }
}
