package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.FaultCase.Situation;
import io.mirrorregistry.FaultTable.Asked;
import io.mirrorregistry.FaultTable.Row;
import io.mirrorregistry.testing.Blackhole;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TokenService;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The table of answers (faults x what is asked for x methods x who has it), generated, over real HTTP. The cases share mirrors
 * and registries and run side by side, since many of them wait.
 */
@Tag("table")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FaultTableTest {

    private static final int SIDE_BY_SIDE = 16;
    /** 600 ms to connect and for the head, and what a busy machine adds; twice as long would be too long. */
    private static final long GIVEN_UP_MILLIS = 1100;

    private final TestRegistry cold = TestRegistry.start("cold");
    private final TokenService tokens = TokenService.start();
    private final TokenService shortLived = TokenService.start().uses(1).expiresIn("999999999");
    private final List<AutoCloseable> toClose = new ArrayList<>(List.of(cold, tokens, shortLived));
    private final ExecutorService clients = Executors.newFixedThreadPool(SIDE_BY_SIDE);

    /** Mirrors, one for each mode of blobs, of the same registries; tokens is null where hot wants none, warm where there are two registries. */
    record Pair(TestRegistry hot, TestRegistry warm, TestRegistry cold, TokenService tokens, TestMirror auto, TestMirror proxy) {

        static Pair start(TestRegistry hot, String hotUrl, TestRegistry cold, TokenService tokens, String timeout) {
            return start(hot, hotUrl, null, cold, tokens, timeout, "hot,cold");
        }

        static Pair start(TestRegistry hot, String hotUrl, TestRegistry warm, TestRegistry cold, TokenService tokens, String timeout, String plan) {
            List<String> settings = new ArrayList<>(List.of("HOT_URL", hotUrl, "COLD_URL", cold.url(), "HOT_CONNECT_TIMEOUT", "300ms",
                    "HOT_RESPONSE_TIMEOUT", timeout, "COLD_RESPONSE_TIMEOUT", timeout, "MIRROR_PLAN", plan));
            if (warm != null) {
                Collections.addAll(settings, "WARM_URL", warm.url(), "WARM_CONNECT_TIMEOUT", "500ms", "WARM_RESPONSE_TIMEOUT", timeout, "WARM_BLOBS", "proxy");
            }
            List<String> proxied = new ArrayList<>(settings);
            Collections.addAll(proxied, "HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy");
            return new Pair(hot, warm, cold, tokens, TestMirror.start(settings.toArray(String[]::new)), TestMirror.start(proxied.toArray(String[]::new)));
        }

        String[] names() {
            return warm == null ? new String[] {"hot", "cold"} : new String[] {"hot", "warm", "cold"};
        }

        Stream<TestRegistry> registries() {
            return warm == null ? Stream.of(hot, cold) : Stream.of(hot, warm, cold);
        }

        TestMirror mirror(Asked asked) {
            return asked == Asked.PROXIED_BLOB ? proxy : auto;
        }
    }

    /** A timeout that a busy machine keeps where the registry answers, and that is short where it does not. */
    private Pair pair(TestRegistry hot, String url, TokenService theirs) {
        Pair pair = Pair.start(hot, url, cold, theirs, "1s");
        Collections.addAll(toClose, hot, pair.auto(), pair.proxy());
        return pair;
    }

    @AfterAll
    void stop() throws Exception {
        clients.shutdownNow();
        // First the registries: a mirror waits for the calls that run.
        for (AutoCloseable closeable : toClose) {
            if (closeable instanceof TestServer || closeable instanceof Blackhole) {
                closeable.close();
            }
        }
        for (AutoCloseable closeable : toClose) {
            closeable.close();
        }
    }

    @TestFactory
    Stream<DynamicTest> everyFaultHasItsAnswer() throws IOException {
        List<FaultCase> cases = new ArrayList<>();
        Pair calls = pair(TestRegistry.start("hot"), null);
        Pair bearer = pair(TestRegistry.start("hot").requireBearer(tokens), tokens);
        List<Row> rows = FaultTable.rows();
        for (Row row : rows) {
            add(cases, row, row.ofTokens() ? bearer : calls);
        }
        connections().forEach((name, pair) ->
                add(cases, new Row(name, null, null, (asked, head) -> FaultTable.Effect.TROUBLE, null), pair));
        coldConnections().forEach((name, pair) -> add(cases, new Row("cold: " + name, null, null,
                (asked, head) -> FaultTable.Effect.TROUBLE, null), pair, Situation.ONLY_COLD_IS_LIKE_THIS));
        add(cases, new Row("token service promises more than it keeps", null, null,
                (asked, head) -> FaultTable.Effect.HARMLESS, null),
                pair(TestRegistry.start("hot").requireBearer(shortLived), shortLived));
        addThree(cases, rows, calls.hot(), bearer.hot());
        System.out.println("FaultTableTest: " + cases.size() + " cases of "
                + cases.stream().map(FaultCase::row).distinct().count() + " faults");

        List<FaultCase> mixed = new ArrayList<>(cases);
        Collections.shuffle(mixed, new Random(4));
        Map<FaultCase, Future<?>> results = new LinkedHashMap<>();
        mixed.forEach(one -> results.put(one, clients.submit(one::run)));
        return Stream.concat(cases.stream().map(one -> DynamicTest.dynamicTest(one.toString(), () -> get(results.get(one)))),
                Stream.of(DynamicTest.dynamicTest("no fault has taken a connection of a pool away", () -> requireNoneLeased(cases))));
    }

    /** A connection that is leased when all is over is lost to the pool, until no call to that registry gets any. */
    private static void requireNoneLeased(List<FaultCase> cases) throws InterruptedException {
        List<String> lost = new ArrayList<>();
        for (Pair pair : new LinkedHashSet<>(cases.stream().map(FaultCase::pair).toList())) {
            for (TestMirror mirror : List.of(pair.auto(), pair.proxy())) {
                try {
                    mirror.awaitNoneLeased(pair.names());
                } catch (AssertionError e) {
                    lost.add(e.getMessage() + (mirror == pair.auto() ? " (auto)" : " (proxy)") + ", after " + culprits(cases, pair, mirror));
                }
            }
        }
        assertEquals(List.of(), lost);
    }

    /** Waits until the pool has closed what it keeps for the next call: what is open then is what was lost. */
    private static List<String> culprits(List<FaultCase> cases, Pair pair, TestMirror mirror) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
        while (Stream.of(pair.names()).anyMatch(name -> mirror.connections(name, "idle") > 0) && System.nanoTime() < end) {
            Thread.sleep(500);
        }
        Set<String> names = pair.registries().flatMap(registry -> registry.lastCalls().stream())
                .map(call -> String.valueOf(call.name())).collect(Collectors.toSet());
        return cases.stream().filter(one -> names.contains(one.repository())).map(FaultCase::toString).toList();
    }

    private Pair pair(TestRegistry hot, TokenService theirs) {
        return pair(hot, hot.url(), theirs);
    }

    private void add(List<FaultCase> cases, Row row, Pair pair) {
        for (Situation situation : Situation.OF_TWO) {
            if (row.registry() != null || situation != Situation.ONLY_COLD_IS_LIKE_THIS) {
                add(cases, row, pair, situation);
            }
        }
    }

    private static void add(List<FaultCase> cases, Row row, Pair pair, Situation situation) {
        for (Asked asked : Asked.values()) {
            for (boolean head : new boolean[] {false, true}) {
                add(cases, row, pair, situation, asked, head);
            }
        }
    }

    private static void add(List<FaultCase> cases, Row row, Pair pair, Situation situation, Asked asked, boolean head) {
        cases.add(new FaultCase(row, asked, head, situation, pair, "library/case-" + cases.size() + "-x"));
    }

    /**
     * The table with three registries. What a fault comes to does not depend on the third registry, so not each case is run again. Of the
     * faults that come to the same (one object of {@link FaultTable.Effects}) the first is run with everything: what is asked for, methods and
     * situations. Each of the others meets each thing that is asked for once, and its situations and methods take turns, so that every pair
     * of fault and situation, and of fault and method, is there.
     */
    private void addThree(List<FaultCase> cases, List<Row> rows, TestRegistry hot, TestRegistry guarded) throws IOException {
        TestRegistry warm = TestRegistry.start("warm");
        toClose.add(warm);
        Map<Situation, Pair> plain = three(hot, hot.url(), warm, null);
        Map<Situation, Pair> bearer = three(guarded, guarded.url(), warm, tokens);
        Set<Object> whole = new HashSet<>();
        int number = 0;
        for (Row row : rows) {
            Map<Situation, Pair> pairs = row.ofTokens() ? bearer : plain;
            if (whole.add(List.of(row.effects(), row.ofTokens()))) {
                Situation.OF_THREE.forEach(situation -> add(cases, row, pairs.get(situation), situation));
                continue;
            }
            for (Asked asked : Asked.values()) {
                Situation situation = Situation.OF_THREE.get((number + asked.ordinal()) % Situation.OF_THREE.size());
                add(cases, row, pairs.get(situation), situation, asked, (number + asked.ordinal() / 2) % 2 == 1);
            }
            number++;
        }
        TestRegistry refusing = TestRegistry.start("hot");
        refusing.stop();
        TestRegistry silent = TestRegistry.start("hot");
        silent.fault(Fault.silenceOnAccept());
        for (TestRegistry broken : List.of(refusing, silent)) {
            toClose.add(broken);
            Row row = new Row(broken == refusing ? "refused connection" : "silence after connect", null, null, (asked, head) -> FaultTable.Effect.TROUBLE, null);
            three(broken, broken.url(), warm, null).forEach((situation, pair) -> add(cases, row, pair, situation));
        }
    }

    /** Returns mirrors for each situation: those that differ only in what registries have are the same. */
    private Map<Situation, Pair> three(TestRegistry hot, String url, TestRegistry warm, TokenService theirs) {
        Map<String, Pair> byPlan = new LinkedHashMap<>();
        Map<Situation, Pair> pairs = new EnumMap<>(Situation.class);
        for (Situation situation : Situation.OF_THREE) {
            pairs.put(situation, byPlan.computeIfAbsent(situation.plan(), plan -> Pair.start(hot, url, warm, cold, theirs, "1s", plan)));
        }
        byPlan.values().forEach(pair -> Collections.addAll(toClose, pair.auto(), pair.proxy()));
        return pairs;
    }

    /** Registries of which each connection comes to nothing. */
    private Map<String, Pair> connections() throws IOException {
        TestRegistry refusing = TestRegistry.start("hot");
        refusing.stop();
        TestRegistry silent = TestRegistry.start("hot");
        silent.fault(Fault.silenceOnAccept());
        TestRegistry closing = TestRegistry.start("hot");
        closing.fault(Fault.closeOnAccept());
        TestRegistry untrusted = TestRegistry.startTls("hot");
        TestRegistry silentTls = TestRegistry.startTls("hot");
        silentTls.fault(Fault.silenceOnAccept());
        TestRegistry plain = TestRegistry.start("hot");
        Blackhole hole = Blackhole.open();
        toClose.add(hole);
        Map<String, Pair> pairs = new LinkedHashMap<>();
        pairs.put("refused connection", pair(refusing, null));
        pairs.put("unknown host", pair(TestRegistry.start("hot"), "http://no-such-host.invalid", null));
        pairs.put("connect timeout", pair(TestRegistry.start("hot"), hole.url(), null));
        pairs.put("silence after connect", pair(silent, null));
        pairs.put("connection closed after connect", pair(closing, null));
        pairs.put("untrusted certificate", pair(untrusted, null));
        pairs.put("silence instead of TLS", pair(silentTls, null));
        pairs.put("no TLS where it should be", pair(plain, plain.url().replace("http:", "https:"), null));
        return pairs;
    }

    /** The same with cold, after a hot that has nothing. */
    private Map<String, Pair> coldConnections() throws IOException {
        TestRegistry refusing = TestRegistry.start("cold");
        refusing.stop();
        TestRegistry silent = TestRegistry.start("cold");
        silent.fault(Fault.silenceOnAccept());
        TestRegistry untrusted = TestRegistry.startTls("cold");
        Map<String, Pair> pairs = new LinkedHashMap<>();
        for (TestRegistry broken : List.of(refusing, silent, untrusted)) {
            toClose.add(broken);
            TestRegistry hot = TestRegistry.start("hot");
            Pair pair = Pair.start(hot, hot.url(), broken, null, "1s");
            Collections.addAll(toClose, hot, pair.auto(), pair.proxy());
            pairs.put(broken == refusing ? "refused connection" : broken == silent ? "silence after connect" : "untrusted certificate", pair);
        }
        return pairs;
    }

    /** Timeouts begin anew with each byte; a call as a whole has its time nevertheless, also on a connection that was kept. */
    @ParameterizedTest
    @EnumSource(Asked.class)
    void aCallThatStallsOrDripsIsGivenUpAtItsDeadline(Asked asked) {
        TestRegistry hot = TestRegistry.start("hot");
        Pair pair = Pair.start(hot, hot.url(), cold, null, "300ms");
        Collections.addAll(toClose, hot, pair.auto(), pair.proxy());
        Image image = Image.of("same", "library/late-" + asked.name().toLowerCase(), "1.0", 1);
        hot.put(image);
        cold.put(image);
        String path = switch (asked) {
            case MANIFEST_BY_TAG -> image.path();
            case MANIFEST_BY_DIGEST -> image.pathByDigest();
            case TAGS -> "/v2/" + image.name() + "/tags/list";
            case REFERRERS -> "/v2/" + image.name() + "/referrers/" + image.digest();
            default -> image.path(image.layers().get(0));
        };
        for (Fault fault : List.of(Fault.silence(), Fault.dripFromTheStart(Duration.ofMillis(40)),
                Fault.drip(Duration.ofMillis(40)))) {
            long best = Long.MAX_VALUE;
            for (int attempt = 0; attempt < 3 && best > GIVEN_UP_MILLIS; attempt++) {
                hot.heal();
                assertEquals(200, Heard.ask(pair.mirror(asked).url() + image.pathByDigest(), true).status());
                hot.fault(fault);
                best = Math.min(best, Heard.ask(pair.mirror(asked).url() + path, asked.isBlob()).milliseconds());
            }
            assertTrue(best <= GIVEN_UP_MILLIS, best + " ms");
        }
    }

    private static void get(Future<?> result) throws Throwable {
        try {
            result.get();
        } catch (ExecutionException e) {
            throw e.getCause();
        }
    }
}
