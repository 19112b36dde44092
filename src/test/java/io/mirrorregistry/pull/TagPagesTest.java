package io.mirrorregistry.pull;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings.BreakerSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ApiRequest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.SizeLimits;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.http.RegistryClient;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.work.Bulkhead;
import io.mirrorregistry.work.MemoryBudget;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.camel.Exchange;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.support.DefaultExchange;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** All tags of a repository, from registries that list them in their own ways, over real HTTP. */
class TagPagesTest {

    private static final RepositoryName NAME = new RepositoryName("library/long");
    private static final String LIST = "/v2/library/long/tags/list";
    private static final byte[] BYTES = {1};

    private final TestRegistry cold = TestRegistry.start("cold");
    private final URI url = URI.create(cold.url());
    private final RegistrySettings settings = new RegistrySettings("cold", url, Account.NONE, Map.of("User-Agent", "test"), BlobsMode.AUTO, url,
            Duration.ofSeconds(5), Duration.ofSeconds(5), Duration.ZERO, List.of(), List.of(), null, List.of(), "", false, null);
    private final RegistryClient client = new RegistryClient(settings, 2, new Metrics(new SimpleMeterRegistry()), new MirrorIdentity());
    private final Registry registry = new Registry(settings, new BreakerSettings(50, 20, 4, Duration.ofSeconds(1), 3), client, Runnable::run,
            new MirrorIdentity(), new Bulkhead(1, Duration.ZERO));
    private final DefaultCamelContext camel = new DefaultCamelContext();
    private MemoryBudget memory = new MemoryBudget(256L * 1024 * 1024);

    @AfterEach
    void stop() throws Exception {
        client.shutDown();
        cold.close();
        camel.close();
    }

    private void read(Consumer<String> tags) throws NotHereException, RegistryTroubleException {
        ApiRequest request = new ApiRequest(false, new ApiPath(ApiPath.Kind.TAGS, NAME, null), null, null, ApiRequest.Page.ALL, null);
        try (Pull pull = new Pull(request, memory.share())) {
            Exchange exchange = new DefaultExchange(camel);
            pull.on(exchange);
            pull.target(new Plan.Target("cold", NAME));
            pull.registry(registry);
            new TagPages(new OutsideCall(Map.of(), (asked, call) -> client.askUncounted(call)), exchange, tags).read();
        }
    }

    private List<String> read() throws NotHereException, RegistryTroubleException {
        List<String> tags = new ArrayList<>();
        read(tags::add);
        return tags;
    }

    private static String tag(int i) {
        return "v%07d-%031d".formatted(i, i);
    }

    private static List<String> tags(int count) {
        return IntStream.range(0, count).mapToObj(TagPagesTest::tag).toList();
    }

    private TestRegistry putMany(int count) {
        tags(count).forEach(tag -> cold.manifest(NAME.value(), tag, "application/json", BYTES));
        return cold;
    }

    private int calls() {
        return cold.calls("GET", Kind.TAGS).size();
    }

    @Test
    void handsOverEachPageBeforeItAsksForTheNext() throws Exception {
        putMany(120_000);
        AtomicInteger count = new AtomicInteger();

        read(tag -> {
            assertEquals(tag(count.get()), tag);
            assertEquals(count.getAndIncrement() / 1000 + 1, calls());
        });

        assertEquals(120_000, count.get());
        assertEquals(120, calls());
        assertTrue(cold.calls("GET", Kind.TAGS).stream().allMatch(call -> "1000".equals(call.parameter("n"))));
    }

    /** Quay has at most 50 or 100 tags on a page. */
    @Test
    void readsMoreThanTwoHundredPages() throws Exception {
        putMany(12_000).pageSize(50);
        assertEquals(tags(12_000), read());
        assertEquals(240, calls());
    }

    static Stream<Arguments> habits() {
        List<Arguments> habits = new ArrayList<>();
        Map<String, Comparator<String>> orders = Map.of("in order", Comparator.naturalOrder(), "backwards", Comparator.reverseOrder(), "in no order",
                Comparator.comparing((String tag) -> Integer.reverse(tag.hashCode())).thenComparing(Comparator.naturalOrder()));
        for (int most : new int[] {70, 1000, Integer.MAX_VALUE}) {
            for (boolean heedsLast : new boolean[] {true, false}) {
                String more = ", at most " + most + (heedsLast ? "" : ", without last");
                orders.forEach((name, order) -> habits.add(Arguments.of(name + more, order, most, heedsLast)));
            }
        }
        return habits.stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("habits")
    void hasNoGapsWhateverTheOrder(String name, Comparator<String> order, int most, boolean heedsLast) throws Exception {
        cold.tagOrder(order).pageSize(most);
        if (!heedsLast) {
            cold.ignoreLast();
        }
        Random random = new Random(7);
        TreeSet<String> all = new TreeSet<>();
        for (int i = 0; i < 2600; i++) {
            all.add((random.nextBoolean() ? "v" : "V") + random.nextInt(3000) + (random.nextBoolean() ? "-A" : ".b"));
        }
        all.forEach(tag -> cold.manifest(NAME.value(), tag, "application/json", BYTES));

        assertEquals(all.stream().sorted(order).toList(), read());
        // The order of a registry is no reason to ask for a page twice.
        int page = Math.min(most, 1000);
        assertEquals((all.size() + page - 1) / page, calls());
    }

    @Test
    void takesAListWholeFromARegistryThatIgnoresN() throws Exception {
        putMany(12_000).ignoreN();
        assertEquals(tags(12_000), read());
        assertEquals(1, calls());
    }

    @Test
    void asksWithoutNWhereTheRegistryRefusesIt() throws Exception {
        putMany(1500);
        cold.fault(Fault.status(400).where(call -> call.parameter("n") != null));
        assertEquals(tags(1500), read());
        cold.fault(Fault.status(400).on(Kind.TAGS));
        assertEquals(400, assertThrows(RegistryTroubleException.class, this::read).status());
    }

    @Test
    void asksOnWhereAListEndsWithAFullPage() throws Exception {
        putMany(2500).noLinks();
        assertEquals(tags(2500), read());
        assertEquals(3, calls());
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 404, 0})
    void aListOfExactlyOnePageIsWhole(int status) throws Exception {
        putMany(1000);
        if (status > 0) {
            cold.fault(Fault.status(status).where(call -> call.parameter("last") != null));
        } else {
            cold.ignoreLast();
        }
        assertEquals(new TreeSet<>(tags(1000)), new TreeSet<>(read()));
        assertEquals(2, calls());
    }

    @Test
    void anEmptyListAndNoneAreToldApart() throws Exception {
        assertThrows(NotHereException.class, this::read);
        cold.fault(Fault.instead((call, answer) -> Answer.of(200, "application/json", "{\"name\":\"library/long\",\"tags\":null}")).on(Kind.TAGS));
        assertEquals(List.of(), read());
    }

    @Test
    void anOutageOnALaterPageIsNoShorterList() {
        putMany(3000);
        cold.fault(Fault.status(404).where(call -> tag(1999).equals(call.parameter("last"))));
        assertTrue(assertThrows(RegistryTroubleException.class, this::read).getMessage().contains("on page 3"));
        cold.heal();
        cold.fault(Fault.instead((call, answer) -> Answer.of(200, "application/json", "[]")).where(call -> tag(1999).equals(call.parameter("last"))));
        assertThrows(RegistryTroubleException.class, this::read);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void endsAListWithoutEnd(boolean sameLink) {
        AtomicInteger count = new AtomicInteger();
        cold.fault(Fault.instead((call, answer) -> Answer.of(200, "application/json", "{\"tags\":[\"1\"]}")
                .with("Link", "<" + LIST + "?page=" + (sameLink ? 1 : count.incrementAndGet()) + ">; rel=\"next\"")).on(Kind.TAGS));
        String message = assertThrows(RegistryTroubleException.class, this::read).getMessage();
        assertTrue(message.contains(sameLink ? "leads nowhere" : "does not end"), message);
    }

    @Test
    void aLinkThatIsNoAddressIsTheRegistrysTrouble() {
        cold.fault(Fault.instead((call, answer) -> Answer.of(200, "application/json", "{\"tags\":[\"1\"]}")
                .with("Link", "<" + LIST + "?last=%zz>; rel=\"next\"")).on(Kind.TAGS));
        assertTrue(assertThrows(RegistryTroubleException.class, this::read).getMessage().endsWith("has a link to a next page that is no URI"));
    }

    @Test
    void takesNoMoreMemoryThanThereIs() throws Exception {
        memory = new MemoryBudget(0);
        putMany(80_000);
        MemoryBudget.Share other = memory.share();
        assertEquals(80_000, read().size());
        assertTrue(other.takeForList(SizeLimits.TAG_LIST_BYTES), "all is given back");
        assertTrue(assertThrows(RegistryTroubleException.class, this::read).getMessage().contains("other answers have the memory"));
        other.close();
        assertEquals(80_000, read().size());
    }
}
