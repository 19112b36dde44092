package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Long lists of tags, and registries that list them in their own ways, over real HTTP. */
class TagListTest {

    private static final String LIST = "/v2/library/long/tags/list";
    private static final byte[] BYTES = {1};

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "5s", "COLD_RESPONSE_TIMEOUT", "5s");

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
    }

    private static void put(TestRegistry registry, String tag) {
        registry.manifest("library/long", tag, "application/json", BYTES);
    }

    private static List<String> tags(Reply reply) {
        assertEquals(200, reply.status(), reply.text());
        assertNull(reply.header("Warning"));
        return new JsonObject(reply.text()).getJsonArray("tags").stream().map(Object::toString).toList();
    }

    private static String next(Reply reply) {
        String link = reply.header("Link");
        return link == null ? null : link.substring(1, link.indexOf('>'));
    }

    /** Follows the links of the mirror from here to the end. */
    private List<String> walk(String first) {
        List<String> all = new ArrayList<>();
        for (String next = first; next != null;) {
            Reply reply = mirror.get(next);
            all.addAll(tags(reply));
            next = next(reply);
        }
        return all;
    }

    private static String tag(int i) {
        return "v%07d-%031d".formatted(i, i);
    }

    private static void putMany(TestRegistry registry, int count) {
        for (int i = 0; i < count; i++) {
            put(registry, tag(i));
        }
    }

    @Test
    void readsNoMoreOfALongListThanTheClientWants() {
        putMany(hot, 120_000);
        put(cold, "z");
        Reply first = mirror.get(LIST + "?n=100");
        assertEquals(tag(0), tags(first).get(0));
        assertEquals(100, tags(first).size());
        Reply second = mirror.get(next(first));
        assertEquals(tag(199), tags(second).get(99));
        assertEquals(200, mirror.head(LIST + "?n=100").status());
        assertEquals(3, hot.calls("GET", Kind.TAGS).size());
        assertTrue(hot.bytesSent() < 200_000, hot.bytesSent() + " bytes");

        // A page that the mirror has not led to is right, too.
        assertEquals(List.of(tag(119_999), "z"), tags(mirror.get(LIST + "?n=100&last=" + tag(119_998))));
        assertEquals(List.of("z"), tags(mirror.get(LIST + "?last=" + tag(119_999))));
        assertEquals(List.of(), tags(mirror.get(LIST + "?n=7&last=zz")));
        assertEquals(120_001, tags(mirror.get(LIST)).size());
        assertEquals(120_001, tags(mirror.get(LIST + "?n=1000000")).size());
        assertEquals(List.of(), tags(mirror.get(LIST + "?n=0")));
    }

    @Test
    void takesALongListAtOnceFromARegistryThatIgnoresN() {
        putMany(hot.ignoreN(), 120_000);
        Reply first = mirror.get(LIST + "?n=100");
        assertEquals(100, tags(first).size());
        assertEquals(tag(199), tags(mirror.get(next(first))).get(99));
        assertEquals(120_000, tags(mirror.get(LIST)).size());
        hot.fault(Fault.chunked());
        assertEquals(120_000, tags(mirror.get(LIST)).size());
    }

    @Test
    void asksWithoutNWhereTheRegistryRefusesIt() {
        putMany(hot, 1500);
        hot.fault(Fault.status(400).where(call -> call.parameter("n") != null));
        assertEquals(1500, walk(LIST + "?n=400").size());
        hot.fault(Fault.status(400).on(Kind.TAGS));
        assertEquals(503, mirror.get(LIST + "?n=400").status());
        put(cold, "1");
        assertNotNull(mirror.get(LIST + "?n=400").header("Warning"));
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 404})
    void asksFromTheBeginningWhereTheRegistryDoesNotKnowTheLastTag(int status) {
        putMany(hot, 2500);
        put(cold, "a");
        hot.fault(Fault.status(status).where(call -> "a".equals(call.parameter("last")) || tag(599).equals(call.parameter("last"))));
        assertEquals(2501, walk(LIST + "?n=300").size());
        assertEquals(300, tags(mirror.get(LIST + "?n=300&last=a")).size());
    }

    @Test
    void asksOnWhereAListEndsWithAFullPage() {
        putMany(hot.noLinks(), 2500);
        assertEquals(2500, walk(LIST + "?n=700").size());
        assertEquals(1500, tags(mirror.get(LIST + "?n=2000&last=" + tag(999))).size());
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 404, 0})
    void aListOfExactlyOnePageIsWhole(int status) {
        putMany(hot, 1000);
        if (status > 0) {
            hot.fault(Fault.status(status).where(call -> call.parameter("last") != null));
        } else {
            hot.ignoreLast();
        }
        assertEquals(1000, tags(mirror.get(LIST + "?n=5000")).size());
        assertEquals(1000, walk(LIST + "?n=600").size());
    }

    static Stream<Arguments> habits() {
        List<Arguments> habits = new ArrayList<>();
        List<Comparator<String>> orders = List.of(Comparator.naturalOrder(), Comparator.reverseOrder(),
                String.CASE_INSENSITIVE_ORDER.thenComparing(Comparator.naturalOrder()),
                Comparator.comparingInt(String::length).thenComparing(Comparator.naturalOrder()),
                Comparator.comparing((String tag) -> Integer.reverse(tag.hashCode())).thenComparing(Comparator.naturalOrder()));
        List<String> names = List.of("in order", "backwards", "without case", "by length", "in no order");
        for (int most : new int[] {70, 1000, Integer.MAX_VALUE}) {
            for (boolean heedsLast : new boolean[] {true, false}) {
                for (int i = 0; i < orders.size(); i++) {
                    habits.add(Arguments.of(names.get(i) + ", at most " + most + (heedsLast ? "" : ", without last"), orders.get(i), most, heedsLast));
                }
            }
        }
        return habits.stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("habits")
    void pagesHaveNoGapsWhateverTheOrder(String name, Comparator<String> order, int most, boolean heedsLast) {
        hot.tagOrder(order).pageSize(most);
        cold.tagOrder(order).pageSize(Math.min(900, most));
        if (!heedsLast) {
            hot.ignoreLast();
            cold.ignoreLast();
        }
        Random random = new Random(7);
        Set<String> all = new TreeSet<>();
        for (int i = 0; i < 2600; i++) {
            String tag = (random.nextBoolean() ? "v" : random.nextBoolean() ? "V" : "") + random.nextInt(3000) + (random.nextBoolean() ? "-A" : ".b");
            all.add(tag);
            put(random.nextBoolean() ? hot : cold, tag);
            if (random.nextInt(10) == 0) {
                put(cold, tag);
            }
        }
        for (int n : new int[] {250, 1000, 5000}) {
            assertEquals(List.copyOf(all), walk(LIST + "?n=" + n));
        }
        assertEquals(List.copyOf(all), tags(mirror.get(LIST)));
        assertEquals(List.copyOf(all).subList(1000, 1100), tags(mirror.get(LIST + "?n=100&last=" + List.copyOf(all).get(999))));
        assertEquals(((TreeSet<String>) all).tailSet("between").stream().limit(3).toList(), tags(mirror.get(LIST + "?n=3&last=between")));
    }

    @Test
    void anOutageOnALaterPageIsNoShorterList() {
        putMany(hot, 3000);
        put(cold, "z");
        hot.fault(Fault.status(404).where(call -> tag(1999).equals(call.parameter("last"))));
        Reply reply = mirror.get(LIST + "?n=2500");
        assertEquals(200, reply.status());
        assertNotNull(reply.header("Warning"));
        assertNull(mirror.get(LIST + "?n=100").header("Warning"));
    }
}
