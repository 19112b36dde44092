package io.mirrorregistry.explain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings.BreakerSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.http.RegistryClient;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.work.Bulkhead;
import io.mirrorregistry.work.MemoryBudget;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.camel.impl.DefaultCamelContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The calls of an explanation, against a registry that answers HEAD with too little, so that the manifest is read. */
class RegistryAskerTest {

    private final TestRegistry registry = TestRegistry.start("hot");
    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final URI url = URI.create(registry.url());
    private final RegistrySettings settings = new RegistrySettings("hot", url, Account.NONE, Map.of("User-Agent", "test"), BlobsMode.AUTO, url,
            Duration.ofSeconds(5), Duration.ofSeconds(5), Duration.ZERO, List.of(), List.of(), null, List.of(), "", false, null);
    private final RegistryClient client = new RegistryClient(settings, 2, new Metrics(meters), new MirrorIdentity());
    private final Registry hot = new Registry(settings, new BreakerSettings(50, 20, 4, Duration.ofSeconds(1), 3), client, Runnable::run, new MirrorIdentity(),
            new Bulkhead(1, Duration.ZERO));
    private final MemoryBudget memory = new MemoryBudget(0);
    private final RegistryAsker asker = new RegistryAsker(Map.of("hot", hot), Map.of(), memory);

    @AfterEach
    void stop() {
        client.shutDown();
        registry.close();
    }

    private RegistryAnswer ask() throws Exception {
        Image image = registry.image("library/app", "1.0");
        registry.fault(Fault.without("Docker-Content-Digest"));
        ApiPath path = ApiPath.parse(image.path());
        try (DefaultCamelContext camel = new DefaultCamelContext()) {
            return asker.ask(camel, new Plan.Target("hot", path.repository()), path);
        }
    }

    @Test
    void takesItsMemoryFromTheBudgetOfPulls() throws Exception {
        long free = memory.freeBytes();
        assertNull(ask().failure());
        assertEquals(free, memory.freeBytes(), "all is given back");
        try (MemoryBudget.Share others = memory.share()) {
            while (memory.freeBytes() > 0) {
                assertTrue(others.take((int) Math.min(memory.freeBytes(), MemoryBudget.SMALL_BYTES)));
            }
            String message = ask().failure().getMessage();
            assertTrue(message.endsWith("was not read: other answers have the memory"), message);
        }
        assertEquals(free, memory.freeBytes());
    }

    @Test
    void countsNeitherInTheAverageNorInTheMetricsOfCalls() throws Exception {
        assertNull(ask().failure());
        assertEquals(List.of("HEAD", "GET"), registry.calls().stream().filter(call -> call.kind() == Kind.MANIFEST).map(call -> call.method()).toList());
        assertTrue(Double.isNaN(hot.millisToFirstByte()));
        registry.heal();
        registry.fault(Fault.status(405).method("HEAD"));
        assertNull(ask().failure());
        assertTrue(Double.isNaN(hot.millisToFirstByte()), "nor does the GET that stands in for a HEAD");
        assertTrue(meters.find("mirror.registry.calls").timers().isEmpty());
    }
}
