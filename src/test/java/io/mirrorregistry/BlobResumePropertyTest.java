package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.Manner;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Registries that break off and lie in any order: what a client takes for whole is right byte for byte. */
class BlobResumePropertyTest {

    private static final int LARGEST = 400_000;
    private static final int BUFFER = 65_536;
    private static final String NAME = "library/random";

    private static List<TestRegistry> registries;
    private static TestMirror mirror;
    private static final AtomicInteger NUMBER = new AtomicInteger();

    /** What a registry does with a GET of a blob. */
    enum Habit {
        CUTS, CUTS_CHUNKS, CUTS_WITHOUT_LENGTH, SERVES, SERVES_CHUNKS, IGNORES_RANGE, LACKS, FAILS, LIES, LIES_AND_CUTS
    }

    /** @param after how many bytes of the response are sent by one that cuts */
    record Turn(Habit habit, int after) {

        private Fault fault(Body body) {
            return switch (habit) {
                case CUTS -> Fault.cut(after);
                case CUTS_CHUNKS -> Fault.cutChunks(after);
                case CUTS_WITHOUT_LENGTH -> Fault.spoil(answer -> answer.without("Content-Length").with(Manner.cut(after)));
                case SERVES -> Fault.header("X-Served", "true");
                case SERVES_CHUNKS -> Fault.chunked();
                case IGNORES_RANGE -> Fault.spoil(answer -> Answer.of(200, "application/octet-stream", body));
                case LACKS -> Fault.status(404);
                case FAILS -> Fault.status(500);
                case LIES -> Fault.otherBytes();
                case LIES_AND_CUTS -> Fault.spoil(answer -> answer.with(Body.ofSize(answer.body().length(), 666)).with(Manner.cut(after)));
            };
        }

        private boolean isHonest() {
            return habit != Habit.LIES && habit != Habit.LIES_AND_CUTS;
        }
    }

    @BeforeContainer
    static void start() {
        registries = List.of(TestRegistry.start("hot"), TestRegistry.start("cold"), TestRegistry.start("spare"));
        mirror = TestMirror.start("HOT_URL", registries.get(0).url(), "COLD_URL", registries.get(1).url(), "SPARE_URL", registries.get(2).url(),
                "MIRROR_PLAN", "hot, cold, spare", "HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy", "SPARE_BLOBS", "proxy", "SPARE_RESPONSE_TIMEOUT", "700ms");
    }

    @AfterContainer
    static void stop() {
        mirror.close();
        registries.forEach(TestServer::close);
    }

    /** Often around the sizes of the mirror's buffers. */
    private static Arbitrary<Integer> counts(int least) {
        Arbitrary<Integer> buffers = Arbitraries.integers().between(1, LARGEST / BUFFER).map(count -> count * BUFFER);
        return Arbitraries.oneOf(Arbitraries.integers().between(least, LARGEST),
                Combinators.combine(buffers, Arbitraries.integers().between(-1, 1)).as(Integer::sum));
    }

    @Provide
    Arbitrary<Integer> sizes() {
        return counts(1);
    }

    @Provide
    Arbitrary<List<List<Turn>>> turns() {
        Arbitrary<Turn> turn = Combinators.combine(Arbitraries.frequency(
                Tuple.of(6, Habit.CUTS), Tuple.of(4, Habit.CUTS_CHUNKS), Tuple.of(3, Habit.CUTS_WITHOUT_LENGTH),
                Tuple.of(2, Habit.SERVES), Tuple.of(1, Habit.SERVES_CHUNKS), Tuple.of(2, Habit.IGNORES_RANGE),
                Tuple.of(1, Habit.LACKS), Tuple.of(1, Habit.FAILS), Tuple.of(1, Habit.LIES),
                Tuple.of(1, Habit.LIES_AND_CUTS)), counts(0)).as(Turn::new);
        return turn.list().ofSize(2).list().ofMinSize(1).ofMaxSize(3);
    }

    /** Each registry goes through its turns, one for each GET of the blob, and serves well after them. */
    @Property(tries = 300)
    void whatIsWholeIsRight(@ForAll("sizes") int size, @ForAll("turns") List<List<Turn>> turns) {
        Body body = prepare(size, turns);
        byte[] bytes = body.bytes();
        Pulled pulled = Pulled.get(mirror.url() + "/v2/" + NAME + "/blobs/" + body.digest());
        boolean honest = turns.stream().flatMap(List::stream).allMatch(Turn::isHonest);
        if (pulled.status() == 200) {
            assertTrue(!pulled.whole() || Arrays.equals(bytes, pulled.body()), () -> "whole and false: " + pulled);
            if (honest) {
                assertArrayEquals(Arrays.copyOf(bytes, pulled.body().length), pulled.body());
            }
        }
        requireBounded(turns.size());
    }

    /** Nothing proves a part, so that here no registry lies. */
    @Property(tries = 200)
    void whatIsAWholePartIsRight(@ForAll("sizes") int size, @ForAll("turns") List<List<Turn>> turns, @ForAll("sizes") int one, @ForAll("sizes") int other) {
        Body body = prepare(size, turns.stream().map(some -> some.stream().map(turn -> turn.isHonest() ? turn : new Turn(Habit.CUTS, turn.after())).toList()).toList());
        byte[] bytes = body.bytes();
        int first = Math.min(one, other) % size;
        int last = Math.max(first, Math.max(one, other) % size);
        Pulled pulled = Pulled.get(mirror.url() + "/v2/" + NAME + "/blobs/" + body.digest(), "Range", "bytes=" + first + "-" + last);
        byte[] expected = pulled.status() == 206 ? Arrays.copyOfRange(bytes, first, last + 1) : bytes;
        if (pulled.status() < 300) {
            assertTrue(!pulled.whole() || Arrays.equals(expected, pulled.body()), () -> "whole and false: " + pulled);
            assertArrayEquals(Arrays.copyOf(expected, pulled.body().length), pulled.body());
        }
        requireBounded(turns.size());
    }

    private static Body prepare(int size, List<List<Turn>> turns) {
        Body body = Body.ofSize(size, NUMBER.incrementAndGet());
        for (int i = 0; i < registries.size(); i++) {
            TestRegistry registry = registries.get(i);
            registry.heal();
            registry.forget();
            if (i < turns.size()) {
                registry.blob(NAME, body);
                Queue<Fault> faults = new ConcurrentLinkedQueue<>(turns.get(i).stream().map(turn -> turn.fault(body)).toList());
                registry.fault(Fault.instead((call, answer) -> {
                    Fault next = call.method().equals("GET") ? faults.poll() : null;
                    return next == null ? answer : next.change(call, answer);
                }));
            }
        }
        return body;
    }

    /** Each registry is asked once, and one of them once more. */
    private static void requireBounded(int count) {
        int gets = registries.subList(0, count).stream().mapToInt(registry -> registry.calls("GET", Kind.BLOB).size()).sum();
        assertTrue(gets <= count + 1, gets + " calls of " + count + " registries");
        mirror.awaitNoneLeased("hot", "cold", "spare");
    }
}
