package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.mirrorregistry.config.StoreSettings;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.warm.list.Entry;
import io.mirrorregistry.warm.list.TagPattern;
import io.mirrorregistry.warm.list.WarmList;
import io.mirrorregistry.warm.queue.CopyRequest;
import io.mirrorregistry.warm.queue.JdbcStore;
import io.mirrorregistry.warm.queue.ListClock;
import io.mirrorregistry.warm.queue.Origin;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import io.mirrorregistry.work.MemoryBudget;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** When entries of lists are read, and how often the database is asked. The database is real; no registry has the images, so that each tag is only planned. */
class ListReaderTest {

    private static final String OWNER = "mirror-one";
    private static final String OTHER = "mirror-two";
    private static final Duration HOUR = Duration.ofHours(1);

    @TempDir
    Path folder;
    private JdbcStore database;
    private final List<String> asked = new ArrayList<>();
    private final List<String> planned = new ArrayList<>();
    private final Set<String> refused = new HashSet<>();
    private final Set<String> broken = new HashSet<>();
    /** The methods of the database whose next response is lost. */
    private final Set<String> lost = new HashSet<>();
    /** The methods of the database that fail the next time. */
    private final Set<String> failing = new HashSet<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger(ListReader.class);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private WarmList list = new WarmList(List.of());
    /** The nearest overflow of the clock is not far. */
    private long now = Long.MAX_VALUE - HOUR.toNanos();
    private ListReader reader;

    @BeforeEach
    void open() {
        Path file = folder.resolve("mirror");
        database = new JdbcStore(new StoreSettings("jdbc:h2:file:" + file, file, "", ""), OWNER);
        Store store = (Store) Proxy.newProxyInstance(Store.class.getClassLoader(), new Class<?>[] {Store.class}, (proxy, method, arguments) -> {
            asked.add(method.getName());
            if (failing.remove(method.getName())) {
                throw new StoreAwayException("The database is away");
            }
            try {
                Object result = method.invoke(database, arguments);
                if (lost.remove(method.getName())) {
                    throw new StoreAwayException("The response was lost");
                }
                return result;
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        });
        reader = new ListReader(OWNER, store, () -> list, new ListedImages(store, this::plan, target -> null, new MemoryBudget(0), () -> { }), () -> now);
        log.start();
        // A mirror of an earlier test may have set another level.
        logger.setLevel(Level.INFO);
        logger.setAdditive(false);
        logger.addAppender(log);
    }

    @AfterEach
    void close() {
        logger.detachAppender(log);
        logger.setLevel(null);
        logger.setAdditive(true);
        database.close();
    }

    private CopyRequest plan(String image, List<String> platforms) throws WarmQueue.RefusedException {
        planned.add(image);
        if (broken.contains(image)) {
            throw new IllegalStateException("a mistake");
        }
        if (refused.contains(image)) {
            throw new WarmQueue.RefusedException("Not now.");
        }
        Plan.Target hot = new Plan.Target("hot", new RepositoryName("team/app"));
        return new CopyRequest(hot, new Tag("1"), Set.of(), image, List.of(new Plan.Target("cold", new RepositoryName("team/app"))), platforms, Origin.LIST);
    }

    private static Entry entry(String name, Duration every, String... tags) {
        return new Entry(name, Stream.of(tags).map(TagPattern::new).toList(), 0, List.of(), every);
    }

    private void pass(Duration time) {
        now += time.toNanos();
    }

    /** Reads the entries that are due. Returns the images that were planned. */
    private List<String> readDue() {
        planned.clear();
        asked.clear();
        reader.readDueEntries();
        return List.copyOf(planned);
    }

    private long count(String method) {
        return asked.stream().filter(method::equals).count();
    }

    private List<String> lines() {
        return log.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
    }

    @Test
    void doublesTheDelayAfterEachFailure() {
        list = new WarmList(List.of(entry("team/app", HOUR, "1")));
        refused.add("team/app:1");
        assertEquals(List.of("team/app:1"), readDue());
        for (int minutes : new int[] {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
            pass(Duration.ofMinutes(minutes).minusNanos(1));
            assertEquals(List.of(), readDue(), minutes + " minutes");
            pass(Duration.ofNanos(1));
            assertEquals(List.of("team/app:1"), readDue(), minutes + " minutes");
        }
        assertEquals(List.of("The list of team/app cannot be read now: Not now."), lines());
    }

    @Test
    void doesNotDelayAnEntryLongerThanBetweenTwoReadings() {
        list = new WarmList(List.of(entry("team/app", Duration.ofMinutes(3), "1")));
        refused.add("team/app:1");
        readDue();
        for (int minutes : new int[] {1, 2, 3, 3}) {
            pass(Duration.ofMinutes(minutes));
            assertEquals(1, readDue().size());
        }
    }

    @Test
    void beginsWithTheShortestDelayAfterACompleteReading() throws Exception {
        list = new WarmList(List.of(entry("team/app", Duration.ofMinutes(3), "1")));
        refused.add("team/app:1");
        readDue();
        pass(Duration.ofMinutes(1));
        readDue();
        refused.clear();
        pass(Duration.ofMinutes(2));
        assertEquals(1, readDue().size());
        assertEquals(1, count("read"));
        age(Duration.ofMinutes(3));
        refused.add("team/app:1");
        pass(Duration.ofMinutes(3));
        assertEquals(1, readDue().size());
        pass(Duration.ofMinutes(1));
        assertEquals(1, readDue().size());
    }

    /** Lets time pass in the database. */
    private void age(Duration time) throws Exception {
        ListClock.pass(database, time);
    }

    @Test
    void continuesAfterTheTagThatFailed() {
        list = new WarmList(List.of(entry("team/app", HOUR, "1", "2", "3", "4", "5")));
        refused.add("team/app:3");
        assertEquals(List.of("team/app:1", "team/app:2", "team/app:3"), readDue());
        pass(Duration.ofMinutes(1));
        assertEquals(List.of("team/app:4", "team/app:5", "team/app:3"), readDue());
        pass(Duration.ofMinutes(2));
        refused.clear();
        assertEquals(List.of("team/app:3"), readDue());
        assertEquals(1, count("read"));
        assertTrue(lines().contains("The list of team/app was read: 5 tags, 0 of them are to be copied"), () -> lines().toString());
        assertTrue(lines().contains("The list of team/app names tags that no source has: [1, 2, 4, 5, 3]"), () -> lines().toString());
    }

    @Test
    void choosesTheTagsAgainIfTheyAreOldAndReadsThoseFirstThatWereLeft() {
        list = new WarmList(List.of(entry("team/app", Duration.ofMinutes(3), "1", "2", "3", "4")));
        refused.add("team/app:3");
        readDue();
        pass(Duration.ofMinutes(3));
        assertEquals(List.of("team/app:4", "team/app:3"), readDue());
        pass(Duration.ofMinutes(3));
        refused.clear();
        assertEquals(List.of("team/app:1", "team/app:2", "team/app:3", "team/app:4"), readDue());
    }

    @Test
    void aMistakeInOneEntryDoesNotKeepTheNextFromBeingRead() {
        list = new WarmList(List.of(entry("team/a", HOUR, "1"), entry("team/b", HOUR, "1")));
        broken.add("team/a:1");
        assertEquals(List.of("team/a:1", "team/b:1"), readDue());
        pass(Duration.ofMinutes(1));
        assertEquals(List.of("team/a:1"), readDue());
        List<ILoggingEvent> errors = log.list.stream().filter(line -> line.getLevel() == Level.ERROR).toList();
        assertEquals(1, errors.size());
        assertEquals("a mistake", errors.get(0).getThrowableProxy().getMessage());
    }

    @Test
    void asksTheDatabaseForNothingWhileNothingIsDue() {
        list = new WarmList(IntStream.range(0, 100).mapToObj(i -> entry("team/app-" + i, HOUR, "1")).toList());
        assertEquals(100, readDue().size());
        assertEquals(100, count("untilDue"));
        for (int i = 0; i < 100; i++) {
            pass(Duration.ofSeconds(5));
            readDue();
            assertEquals(List.of(), asked);
        }
        refused.add("team/app-7:1");
        list = new WarmList(Stream.concat(list.entries().stream(), Stream.of(entry("team/new", HOUR, "1"))).toList());
        assertEquals(List.of("team/new:1"), readDue());
        assertEquals(List.of("claimLists", "untilDue", "read", "releaseLists"), asked);
    }

    @Test
    void claimsTheListsOncePerReadingAndOncePerTwentyTags() {
        list = new WarmList(IntStream.range(0, 10).mapToObj(i -> entry("team/app-" + i, HOUR, "1", "2", "3", "4", "5", "6")).toList());
        assertEquals(60, readDue().size());
        assertEquals(3, count("claimLists"));
    }

    @Test
    void leavesTheListsToTheMirrorThatReadsThem() throws Exception {
        list = new WarmList(List.of(entry("team/app", HOUR, "1")));
        assertTrue(database.claimLists(OTHER));
        assertEquals(List.of(), readDue());
        assertEquals(List.of("claimLists"), asked);
        database.release(OTHER);
        assertEquals(List.of("team/app:1"), readDue());
    }

    /** This mirror cannot reach the source. It renews its leases meanwhile. */
    @Test
    void anotherMirrorReadsAnEntryThatThisOneCannotRead() throws Exception {
        Entry entry = entry("team/app", HOUR, "1");
        list = new WarmList(List.of(entry));
        refused.add("team/app:1");
        assertEquals(List.of("team/app:1"), readDue());
        database.renew(OWNER, List.of(), List.of());
        List<String> others = new ArrayList<>();
        ListedImages images = new ListedImages(database, (image, platforms) -> {
            others.add(image);
            refused.clear();
            return plan(image, platforms);
        }, target -> null, new MemoryBudget(0), () -> { });
        new ListReader(OTHER, database, () -> list, images, () -> now).readDueEntries();
        assertEquals(List.of("team/app:1"), others);
        pass(Duration.ofMinutes(1));
        assertEquals(List.of(), readDue());
        assertEquals(List.of("claimLists", "untilDue", "releaseLists"), asked);
    }

    @Test
    void anotherMirrorReadsNothingWhileThisOneReads() throws Exception {
        list = new WarmList(List.of(entry("team/app", HOUR, "1")));
        List<Boolean> claims = new ArrayList<>();
        ListedImages images = new ListedImages(database, (image, platforms) -> {
            try {
                claims.add(database.claimLists(OTHER));
            } catch (StoreAwayException e) {
                throw new IllegalStateException(e);
            }
            return plan(image, platforms);
        }, target -> null, new MemoryBudget(0), () -> { });
        new ListReader(OWNER, database, () -> list, images, () -> now).readDueEntries();
        assertEquals(List.of(false), claims);
        assertTrue(database.claimLists(OTHER));
    }

    /** Otherwise the mirror would renew its lease until its next reading, hours later. */
    @ParameterizedTest
    @ValueSource(strings = {"claimLists", "untilDue"})
    void releasesTheListsOnceTheDatabaseResponds(String method) throws Exception {
        list = new WarmList(List.of(entry("team/app", HOUR, "1")));
        lost.add(method);
        failing.add("releaseLists");
        assertEquals(List.of(), readDue());
        assertFalse(database.claimLists(OTHER));
        list = new WarmList(List.of());
        readDue();
        assertEquals(List.of("releaseLists"), asked);
        assertTrue(database.claimLists(OTHER));
        readDue();
        assertEquals(List.of(), asked);
    }

    /** The database knows of the other mirror's reading; its clock decides, whatever this mirror's is. */
    @Test
    void doesNotReadWhatAnotherMirrorHasJustRead() throws Exception {
        Entry entry = entry("team/app", HOUR, "1");
        list = new WarmList(List.of(entry));
        assertEquals(1, readDue().size());
        age(Duration.ofMinutes(50));
        database.read(entry.id());
        age(Duration.ofMinutes(10));
        pass(HOUR);
        assertEquals(List.of(), readDue());
        assertEquals(1, count("untilDue"));
        pass(Duration.ofMinutes(49));
        readDue();
        assertEquals(List.of(), asked);
        pass(Duration.ofMinutes(1));
        age(Duration.ofMinutes(50));
        assertEquals(1, readDue().size());
    }

    @Test
    void aChangedTimeBetweenReadingsCountsAtOnce() throws Exception {
        list = new WarmList(List.of(entry("team/app", HOUR, "1")));
        readDue();
        age(Duration.ofMinutes(5));
        list = new WarmList(List.of(entry("team/app", Duration.ofMinutes(5), "1")));
        assertEquals(List.of("team/app:1"), readDue());
    }

    @Test
    void readsNoMoreOfAListThatWasReplaced() {
        list = new WarmList(List.of(entry("team/a", HOUR, "1"), entry("team/b", HOUR, "1")));
        WarmList next = new WarmList(List.of(list.entries().get(0)));
        ListedImages images = new ListedImages(database, (image, platforms) -> {
            list = next;
            return plan(image, platforms);
        }, target -> null, new MemoryBudget(0), () -> { });
        reader = new ListReader(OWNER, database, () -> list, images, () -> now);
        assertEquals(List.of("team/a:1"), readDue());
        assertEquals(List.of(), readDue());
    }

    @Test
    void endsSilentlyIfTheMirrorEnds() {
        list = new WarmList(List.of(entry("team/a", HOUR, "1"), entry("team/b", HOUR, "1")));
        ListedImages images = new ListedImages(database, (image, platforms) -> {
            planned.add(image);
            Thread.currentThread().interrupt();
            throw new WarmQueue.RefusedException("Interrupted.");
        }, target -> null, new MemoryBudget(0), () -> { });
        reader = new ListReader(OWNER, database, () -> list, images, () -> now);
        List<String> read = readDue();
        assertTrue(Thread.interrupted());
        assertEquals(List.of("team/a:1"), read);
        assertEquals(List.of(), lines());
    }

    @Test
    void remembersTheTagsOfNotTooManyEntries() {
        String[] tags = IntStream.range(0, 15_000).mapToObj(i -> "t" + i).toArray(String[]::new);
        list = new WarmList(List.of(entry("team/a", HOUR, tags), entry("team/b", HOUR, tags)));
        refused.addAll(Set.of("team/a:t1", "team/b:t1"));
        assertEquals(List.of("team/a:t0", "team/a:t1", "team/b:t0", "team/b:t1"), readDue());
        refused.clear();
        pass(Duration.ofMinutes(1));
        List<String> read = readDue();
        assertFalse(read.contains("team/a:t0"));
        assertTrue(read.contains("team/b:t0"));
        assertTrue(lines().stream().anyMatch(line -> line.endsWith("t18, t19, t20] and 14980 more")), () -> lines().toString());
    }
}
