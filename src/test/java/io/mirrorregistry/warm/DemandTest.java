package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.Settings;
import io.mirrorregistry.config.SettingsReader;
import io.mirrorregistry.plan.Namespaces;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.pull.KeptManifest;
import io.mirrorregistry.pull.PlanStep;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.warm.queue.CopyRequest;
import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.State;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import io.mirrorregistry.work.Bulkhead;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.support.DefaultExchange;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which pulls are handed over. */
@Timeout(30)
class DemandTest {

    /** The images and tags that are in the database. */
    private final List<String> written = new CopyOnWriteArrayList<>();
    private volatile boolean away;
    private final Store store = (Store) Proxy.newProxyInstance(Store.class.getClassLoader(), new Class<?>[] {Store.class}, (proxy, method, arguments) -> {
        if (away) {
            throw new StoreAwayException("away");
        }
        return ((List<?>) arguments[0]).stream().map(request -> write((CopyRequest) request)).toList();
    });
    private final Inbox inbox = new Inbox(store, () -> { }, () -> false);
    private final Thread writer = new Thread(inbox);
    private final CamelContext camel = new DefaultCamelContext();
    private PlanStep plan;

    @BeforeEach
    void make() throws Exception {
        Settings settings = SettingsReader.read(Path.of(""), Map.of("MIRROR_REGISTRY_HOT_URL", "http://127.0.0.1:1", "MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:2"), "test");
        Map<String, Registry> registries = new HashMap<>();
        for (String name : List.of("hot", "cold")) {
            registries.put(name, new Registry(settings.registries().get(name), settings.breaker(), null, Runnable::run, new MirrorIdentity(),
                    new Bulkhead(9, Duration.ofSeconds(1))));
        }
        plan = new PlanStep(registries, new Namespaces(List.of("hot", "cold"), Map.of()));
        writer.start();
    }

    @AfterEach
    void stop() throws InterruptedException {
        writer.interrupt();
        writer.join();
    }

    private Item write(CopyRequest request) {
        written.add(request.image() + " " + request.tags());
        return new Item(1, request, State.WAITING, null, 0, null, null, 0, 0, null, null, Instant.EPOCH, null, null);
    }

    private static KeptManifest manifest(String content) {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        return new KeptManifest(Digest.ofSha256(bytes), "application/json", bytes.length, bytes, "cold");
    }

    private Pull pull(String image) throws Exception {
        String[] parts = image.split(":");
        Pull pull = new Pull(new ApiRequest(false, ApiPath.parse("/v2/" + parts[0] + "/manifests/" + parts[1]), null, null, ApiRequest.Page.ALL, null), null);
        Exchange exchange = new DefaultExchange(camel);
        pull.on(exchange);
        plan.begin(pull, null);
        plan.ordered(exchange);
        return pull;
    }

    private void awaitWritten(String... images) {
        WarmWait.until(() -> written.size() >= images.length);
        assertEquals(List.of(images), written);
        written.clear();
    }

    @Test
    void handsAnImageOverOnceAndEachOfItsTagsOnce() throws Exception {
        Demand demand = new Demand("hot", 1, inbox);
        KeptManifest app = manifest("app");

        demand.served(pull("team/app:1"), app);
        awaitWritten("team/app:1 [1]");
        demand.served(pull("team/app:1"), app);
        demand.recalled(pull("team/app:1"), app);
        demand.served(pull("team/app:2"), app);
        WarmWait.until(() -> written.size() == 1);

        assertTrue(written.get(0).contains("1") && written.get(0).contains("2"), written::toString);
    }

    @Test
    void handsTheTagsOverAgainOfAnImageWithMany() throws Exception {
        Demand demand = new Demand("hot", 1, inbox);
        KeptManifest app = manifest("app");
        for (int i = 1; i <= 4; i++) {
            demand.served(pull("team/app:" + i), app);
            WarmWait.until(() -> written.size() == 1);
            written.clear();
        }

        demand.served(pull("team/app:5"), app);
        awaitWritten("team/app:5 [5]");
        demand.served(pull("team/app:1"), app);
        WarmWait.until(() -> written.size() == 1);
    }

    @Test
    void countsThePullsOfImagesOfOneDigestApart() throws Exception {
        Demand demand = new Demand("hot", 2, inbox);
        KeptManifest both = manifest("both");
        demand.served(pull("team/one:1"), both);
        demand.served(pull("team/two:1"), both);

        demand.recalled(pull("team/one:1"), both);
        awaitWritten("team/one:1 [1]");
        demand.recalled(pull("team/two:1"), both);
        awaitWritten("team/two:1 [1]");
    }

    @Test
    void doesNotCountWhileTooManyImagesWait() throws Exception {
        Demand demand = new Demand("hot", 1, inbox);
        KeptManifest known = manifest("known");
        demand.served(pull("team/known:1"), known);
        awaitWritten("team/known:1 [1]");
        away = true;
        KeptManifest many = manifest("many");
        int waiting = 0;
        while (!inbox.isFull()) {
            demand.served(pull("team/many:" + waiting), many);
            waiting++;
        }
        assertEquals(0, inbox.dropped());
        KeptManifest late = manifest("late");

        demand.served(pull("team/known:1"), known);
        assertEquals(0, inbox.dropped());
        demand.served(pull("team/late:1"), late);
        demand.served(pull("team/known:2"), known);
        assertEquals(2, inbox.dropped());

        away = false;
        int all = waiting;
        WarmWait.until(() -> written.size() == all);
        written.clear();
        demand.served(pull("team/late:1"), late);
        awaitWritten("team/late:1 [1]");
    }
}
