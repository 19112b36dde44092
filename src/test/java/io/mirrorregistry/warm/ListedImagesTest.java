package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings.BreakerSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.SizeLimits;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.OutsideCall;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.http.RegistryClient;
import io.mirrorregistry.reload.GenerationParts;
import io.mirrorregistry.reload.LiveRoutes;
import io.mirrorregistry.reload.RouteEnvironment;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.warm.list.Entry;
import io.mirrorregistry.warm.list.TagPattern;
import io.mirrorregistry.warm.queue.CopyRequest;
import io.mirrorregistry.warm.queue.Origin;
import io.mirrorregistry.work.Bulkhead;
import io.mirrorregistry.work.MemoryBudget;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.main.MainConfigurationProperties;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The tags of an entry, chosen among those of a registry over real HTTP. */
class ListedImagesTest {

    private static final RepositoryName NAME = new RepositoryName("team/long");
    private static final int TAGS = 120_000;
    /** The bytes of a tag in the JSON of a list, with its quotes and its comma. */
    private static final int BYTES_PER_TAG = 43;
    /** What an entry of a list takes in memory, against its bytes in JSON, as {@link MemoryBudget} counts it. */
    private static final int EXPANSION = 10;

    private final TestRegistry cold = TestRegistry.start("cold");
    private final URI url = URI.create(cold.url());
    private final RegistrySettings settings = new RegistrySettings("cold", url, Account.NONE, Map.of("User-Agent", "test"), BlobsMode.AUTO, url,
            Duration.ofSeconds(5), Duration.ofSeconds(5), Duration.ZERO, List.of(), List.of(), null, List.of(), "", false, null);
    private final RegistryClient client = new RegistryClient(settings, 2, new Metrics(new SimpleMeterRegistry()), new MirrorIdentity());
    private final Registry registry = new Registry(settings, new BreakerSettings(50, 20, 4, Duration.ofSeconds(1), 3), client, Runnable::run, new MirrorIdentity(),
            new Bulkhead(1, Duration.ZERO));
    private final DefaultCamelContext camel = new DefaultCamelContext();

    @AfterEach
    void stop() throws Exception {
        client.shutDown();
        cold.close();
        camel.close();
    }

    private LiveRoutes routes() {
        LiveRoutes live = new LiveRoutes();
        live.begin(camel, new RouteEnvironment(Map.of(), new MainConfigurationProperties(), Map.of(), Set.of("cold"), Set.of(), () -> GenerationParts.NONE));
        return live;
    }

    /** The budget holds a third of the whole list, of which another share takes all but one megabyte. */
    @Test
    void readsALongListInTheMemoryOfOnePage() throws Exception {
        for (int i = 0; i < TAGS; i++) {
            cold.manifest(NAME.value(), "v%07d-%031d".formatted(i, i), "application/json", new byte[] {1});
        }
        MemoryBudget memory = new MemoryBudget(0);
        int budget = 4 * SizeLimits.MANIFEST_BYTES;
        int free = 1024 * 1024;
        assertTrue(1000 * BYTES_PER_TAG * EXPANSION < free && TAGS * BYTES_PER_TAG * EXPANSION > 3 * budget);
        Plan.Target target = new Plan.Target("cold", NAME);
        Source source = new Source(registry, target, new OutsideCall(Map.of(), (asked, call) -> client.askUncounted(call)), routes());
        CopyRequest request = new CopyRequest(new Plan.Target("hot", NAME), new Tag("latest"), Set.of(), NAME.value(), List.of(target), List.of(), Origin.LIST);
        ListedImages images = new ListedImages(null, (image, platforms) -> request, asked -> source, memory, () -> { });
        EntryProgress progress = new EntryProgress(Duration.ofHours(1), System::nanoTime);

        try (MemoryBudget.Share others = memory.share()) {
            assertTrue(others.takeForList((budget - free) / EXPANSION));
            images.choose(new Entry(NAME.value(), List.of(new TagPattern("v*")), 3, List.of(), Duration.ofHours(1)), progress);
        }

        assertEquals(TAGS / 1000, cold.calls("GET", Kind.TAGS).size());
        assertEquals(3, progress.remaining());
        assertEquals("v%07d-%031d".formatted(TAGS - 1, TAGS - 1), progress.tag().value());
        try (MemoryBudget.Share all = memory.share()) {
            assertTrue(all.takeForList(budget / EXPANSION), "the reading has given its memory back");
        }
    }
}
