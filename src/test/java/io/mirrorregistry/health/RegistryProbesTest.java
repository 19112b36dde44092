package io.mirrorregistry.health;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.github.resilience4j.circuitbreaker.CircuitBreaker.State;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.config.SettingsReader;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Caller;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.work.Guarded;
import io.mirrorregistry.work.Bulkhead;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.message.BasicClassicHttpResponse;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** When registries are probed, and on how many threads, with callers that answer or hang as the test wants. */
class RegistryProbesTest {

    private static final Duration NEVER = Duration.ofHours(1);

    /** Answers 200, once it is let go. */
    private static final class Probed implements Caller {

        private final CountDownLatch letGo = new CountDownLatch(1);
        private final List<Long> asked = new CopyOnWriteArrayList<>();
        private volatile RuntimeException failure;

        @Override
        public ClassicHttpResponse askUncounted(Call call) {
            return ask(call);
        }

        @Override
        public ClassicHttpResponse ask(Call call) {
            asked.add(System.nanoTime());
            try {
                letGo.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            RuntimeException thrown = failure;
            if (thrown != null) {
                throw thrown;
            }
            return new BasicClassicHttpResponse(200);
        }

        /** Returns the longest time between two probes, in milliseconds. */
        private long longestGap() {
            long longest = 0;
            for (int i = 1; i < asked.size(); i++) {
                longest = Math.max(longest, asked.get(i) - asked.get(i - 1));
            }
            return longest / 1_000_000;
        }

        @Override
        public double millisToFirstByte() {
            return Double.NaN;
        }

        @Override
        public void shutDown() {
        }
    }

    @TempDir
    private Path directory;
    private final List<Registry> registries = new ArrayList<>();
    private final List<Probed> probed = new ArrayList<>();
    private RegistryProbes probes;

    /** @param hanging how many of them hang, the first ones */
    private void start(int count, int hanging, Duration interval, Duration whileNotAsked) throws Exception {
        Map<String, String> variables = new HashMap<>();
        for (int i = 0; i < count; i++) {
            variables.put("MIRROR_REGISTRY_R" + i + "_URL", "http://r" + i);
        }
        Settings settings = SettingsReader.read(directory, variables, "9.9");
        for (int i = 0; i < count; i++) {
            Probed caller = new Probed();
            if (i >= hanging) {
                caller.letGo.countDown();
            }
            probed.add(caller);
            registries.add(new Registry(settings.registries().get("r" + i), settings.breaker(), caller, Runnable::run, new MirrorIdentity(),
                    new Bulkhead(1, Duration.ZERO)));
        }
        probes = new RegistryProbes(registries, Map.of(), List.of());
        probes.start(interval, whileNotAsked);
    }

    @AfterEach
    void stop() throws Exception {
        probes.close();
        await(() -> threads() == 0);
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 1000 && !condition.getAsBoolean(); i++) {
            Thread.sleep(10);
        }
        assertTrue(condition.getAsBoolean());
    }

    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().startsWith("registry-probe")).count();
    }

    @Test
    void registriesThatHangDelayNoOtherAndHoldAThreadEach() throws Exception {
        start(20, 10, Duration.ofMillis(500), Duration.ofMillis(50));
        List<Probed> hanging = probed.subList(0, 10);
        List<Probed> others = probed.subList(10, 20);
        registries.forEach(registry -> registry.breaker().transitionToOpenState());
        // Those that respond are tried.
        await(() -> registries.subList(10, 20).stream().allMatch(registry -> registry.breaker().getState() == State.HALF_OPEN));
        await(() -> others.stream().allMatch(caller -> caller.asked.size() >= 8));
        long delay = others.stream().mapToLong(Probed::longestGap).max().orElseThrow() - 500;
        assertTrue(delay < 500, delay + " ms late");
        hanging.forEach(caller -> assertEquals(1, caller.asked.size()));
        assertNull(probes.last("r0"));
        // One for the times, one or two for those that respond.
        await(() -> threads() <= 10 + 3);

        hanging.forEach(caller -> caller.letGo.countDown());
        await(() -> registries.stream().allMatch(registry -> registry.breaker().getState() == State.HALF_OPEN));
        await(() -> threads() <= 3);
    }

    /** Where both times are the same, the probe of the one is that of the other. */
    @Test
    void aRegistryWhoseBreakerIsOpenIsTriedAlsoIfProbesAreAsFrequent() throws Exception {
        start(1, 0, Duration.ofMillis(20), Duration.ofMillis(20));
        for (int i = 0; i < 20; i++) {
            registries.get(0).breaker().transitionToOpenState();
            await(() -> registries.get(0).breaker().getState() == State.HALF_OPEN);
        }
    }

    @Test
    void onlyTheTimeForItTriesARegistryWhoseBreakerIsOpen() throws Exception {
        start(1, 0, Duration.ofMillis(20), NEVER);
        registries.get(0).breaker().transitionToOpenState();
        await(() -> probed.get(0).asked.size() >= 10);
        assertEquals(State.OPEN, registries.get(0).breaker().getState());
    }

    @Test
    void eachRegistryIsProbedAtOnce() throws Exception {
        start(3, 1, NEVER, NEVER);
        await(() -> probes.isUp("r1") && probes.isUp("r2") && probed.get(0).asked.size() == 1);
        assertFalse(probes.isUp("r0"));
        assertFalse(probes.mayServe().isEmpty());
    }

    @Test
    void aProbeThatFailsByAFaultOfTheMirrorEndsNeitherProbesNorTrials() throws Exception {
        start(1, 1, Duration.ofMillis(20), Duration.ofMillis(20));
        Logger logger = (Logger) LoggerFactory.getLogger(Guarded.class);
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        log.start();
        logger.addAppender(log);
        try {
            probed.get(0).failure = new IllegalArgumentException("for this test");
            probed.get(0).letGo.countDown();
            registries.get(0).breaker().transitionToOpenState();
            await(() -> registries.get(0).breaker().getState() == State.HALF_OPEN);
            await(() -> probed.get(0).asked.size() >= 10);
            assertFalse(probes.isUp("r0"));
            assertEquals(1, log.list.stream().filter(line -> line.getLevel() == Level.ERROR).count(), log.list.toString());
            probed.get(0).failure = null;
            await(() -> probes.isUp("r0"));
        } finally {
            logger.detachAppender(log);
        }
    }
}
