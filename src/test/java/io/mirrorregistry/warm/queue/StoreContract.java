package io.mirrorregistry.warm.queue;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.StoreSettings;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What holds for the store in each database. */
abstract class StoreContract {

    static final String ONE = "mirror-one";
    static final String TWO = "mirror-two";
    static final Plan.Target HOT = target("hot", "library/app");
    static final Plan.Target COLD = target("cold", "library/app");
    static final Plan.Target QUAY = target("quay", "org/app");
    static final Digest DIGEST = digest("image");

    private static final Duration HOUR = Duration.ofHours(1);
    private static final Duration WAIT = Duration.ofSeconds(20);

    StoreSettings settings;
    JdbcStore store;

    /** Returns the settings of an empty database. */
    abstract StoreSettings newDatabase() throws Exception;

    @BeforeEach
    void open() throws Exception {
        settings = newDatabase();
        store = new JdbcStore(settings, ONE);
    }

    @AfterEach
    void close() {
        if (store != null) {
            store.close();
        }
    }

    static Plan.Target target(String registry, String name) {
        return new Plan.Target(registry, new RepositoryName(name));
    }

    static Digest digest(String content) {
        return Digest.ofSha256(content.getBytes(StandardCharsets.UTF_8));
    }

    static Set<Tag> tags(String... tags) {
        return Arrays.stream(tags).map(Tag::new).collect(Collectors.toSet());
    }

    static CopyRequest request(Reference reference, Set<Tag> tags, Origin origin) {
        return new CopyRequest(HOT, reference, tags, "app:1", List.of(COLD), List.of(), origin);
    }

    static CopyRequest request(String tag, Origin origin) {
        return request(new Tag(tag), Set.of(), origin);
    }

    static CopyRequest platforms(String... platforms) {
        return new CopyRequest(HOT, DIGEST, Set.of(), "app:1", List.of(COLD), List.of(platforms), Origin.LIST);
    }

    /** Returns why the database cannot be written, as a sentence; null if it can. */
    static String problem(JdbcStore store) {
        try {
            store.database().writeDurably(connection -> Sql.update(connection, "UPDATE warm_schema SET version = version"));
            return null;
        } catch (StoreAwayException e) {
            return e.getMessage();
        }
    }

    static <T> T await(String what, Callable<T> condition) throws Exception {
        long end = System.nanoTime() + WAIT.toNanos();
        while (true) {
            T value = condition.call();
            if (value != null && !Boolean.FALSE.equals(value)) {
                return value;
            }
            assertTrue(System.nanoTime() < end, () -> "waited " + WAIT + " for " + what);
            Thread.sleep(20);
        }
    }

    private void finish(Item item, State state) throws StoreAwayException {
        store.finish(item.id(), ONE, state, item.request().tags(), new Store.Progress(item.id(), 10, 10), state == State.DONE ? null : "throttled", state == State.DONE ? null : "No.");
    }

    private Item finished(CopyRequest request, State state) throws StoreAwayException {
        store.add(request, false);
        Item item = store.claim(ONE, "hot", Set.of());
        finish(item, state);
        return store.find(item.id());
    }

    /** Changes rows as time would. */
    void sql(String statement) throws StoreAwayException {
        store.database().write(connection -> Sql.update(connection, statement));
    }

    @Test
    void keepsAllOfAnItem() throws Exception {
        String name = "a".repeat(255);
        Tag tag = new Tag("t".repeat(128));
        CopyRequest request = new CopyRequest(target("hot", name), digest("long"), Set.of(tag, new Tag("1")), "host/" + name, List.of(target("quay", name), COLD),
                List.of("linux/amd64", "linux/arm/v7"), Origin.PULL);
        Item item = store.add(request, false);
        assertEquals(request, item.request());
        assertEquals(item, store.find(item.id()));
        assertEquals(State.WAITING, item.state());
        assertEquals(digest("long"), item.digest());
        assertEquals(0, item.attempts());
        assertNull(item.owner());
        assertNull(item.reason());
        assertNull(item.started());
        assertNull(item.finished());
        assertTrue(Duration.between(item.created(), Instant.now()).abs().compareTo(Duration.ofMinutes(1)) < 0, item::toString);
        assertEquals(item.created(), item.notBefore());
        assertNull(store.find(item.id() + 1));
    }

    @Test
    void addsToTheItemThatIsThere() throws Exception {
        Item first = store.add(new CopyRequest(HOT, DIGEST, tags("1"), "app:1", List.of(COLD), List.of(), Origin.LIST), false);
        Item both = store.add(new CopyRequest(HOT, DIGEST, tags("1.27"), "app:1.27", List.of(QUAY), List.of(), Origin.PULL), false);
        assertEquals(first.id(), both.id());
        assertEquals(tags("1", "1.27"), both.request().tags());
        assertEquals(List.of(QUAY, COLD), both.request().sources());
        assertEquals(Origin.PULL, both.request().origin());
        Item same = store.add(new CopyRequest(HOT, DIGEST, tags("1"), "app:1", List.of(COLD, QUAY), List.of(), Origin.LIST), false);
        assertEquals(both, same);
        Item other = store.add(new CopyRequest(target("hot", "library/other"), DIGEST, Set.of(), "other", List.of(COLD), List.of(), Origin.LIST), false);
        assertNotEquals(first.id(), other.id());
        assertEquals(2L, store.counts().get(State.WAITING));
    }

    @Test
    void takesThePlatformsOfAllRequestsUntilTheItemIsFinished() throws Exception {
        store.add(platforms("linux/amd64"), false);
        assertEquals(List.of("linux/amd64", "linux/arm64"), store.add(platforms("linux/arm64"), false).request().platforms());
        assertEquals(List.of("linux/amd64", "linux/arm64"), store.add(platforms("linux/amd64"), true).request().platforms());
        assertEquals(List.of(), store.add(platforms(), false).request().platforms());
        assertEquals(List.of(), store.add(platforms("linux/arm64"), false).request().platforms());
        finish(store.claim(ONE, "hot", Set.of()), State.DONE);
        assertEquals(List.of(), store.add(platforms("linux/arm64"), false).request().platforms());
        assertEquals(List.of("linux/arm64"), store.add(platforms("linux/arm64"), true).request().platforms());
    }

    @Test
    void takesAllPlatformsInPlaceOfTooMany() throws Exception {
        String[] many = IntStream.range(0, CopyRequest.MOST_PLATFORMS).mapToObj(i -> "linux/p" + i).toArray(String[]::new);
        store.add(platforms(many), false);
        assertEquals(List.of(many), store.add(platforms(many), false).request().platforms());
        assertEquals(List.of(), store.add(platforms("linux/amd64"), false).request().platforms());
    }

    @Test
    void isDueAtOnceIfAPersonAsksAfterAFailedAttempt() throws Exception {
        store.add(request("1", Origin.PULL), false);
        Item throttled = store.claim(ONE, "hot", Set.of());
        store.retry(throttled.id(), ONE, Duration.ofHours(1), false, "throttled", "429");
        store.add(request("1", Origin.PULL), false);
        assertNull(store.claim(ONE, "hot", Set.of()));
        store.add(request("1", Origin.ASKED), true);
        assertEquals(throttled.id(), store.claim(ONE, "hot", Set.of()).id());
    }

    @Test
    void copiesAgainIfOtherPlatformsAreAskedForMeanwhile() throws Exception {
        store.add(platforms("linux/amd64"), false);
        Item running = store.claim(ONE, "hot", Set.of());
        store.add(platforms("linux/arm64"), false);
        finish(running, State.DONE);
        Item again = store.claim(ONE, "hot", Set.of());
        assertEquals(List.of("linux/amd64", "linux/arm64"), again.request().platforms());
        finish(again, State.DONE);
        assertEquals(State.DONE, store.find(again.id()).state());
    }

    /** The tag may mean another image by now, and a person's request checks each blob. */
    @Test
    void copiesAgainIfAPersonAsksMeanwhile() throws Exception {
        store.add(request("1", Origin.LIST), false);
        Item running = store.claim(ONE, "hot", Set.of());
        store.add(request("1", Origin.LIST), false);
        store.add(request("1", Origin.ASKED), true);
        finish(running, State.DONE);
        Item again = store.claim(ONE, "hot", Set.of());
        assertEquals(Origin.ASKED, again.request().origin());
        store.add(request("1", Origin.LIST), false);
        finish(again, State.DONE);
        assertEquals(State.DONE, store.find(again.id()).state());
    }

    @Test
    void claimsByUrgencyThenByAge() throws Exception {
        store.add(request("list", Origin.LIST), false);
        store.add(request("pull-1", Origin.PULL), false);
        store.add(request("pull-2", Origin.PULL), false);
        store.add(request("asked", Origin.ASKED), false);
        assertEquals(List.of("asked", "pull-1", "pull-2", "list"), store.waiting(10).stream().map(item -> item.request().reference().value()).toList());
        assertEquals(List.of("asked", "pull-1"), store.waiting(2).stream().map(item -> item.request().reference().value()).toList());
        store.add(request("list", Origin.ASKED), false);
        List<String> claimed = new ArrayList<>();
        for (Item item = store.claim(ONE, "hot", Set.of()); item != null; item = store.claim(ONE, "hot", Set.of())) {
            assertEquals(State.RUNNING, item.state());
            assertEquals(ONE, item.owner());
            assertNull(item.notBefore());
            assertNotNull(item.started());
            claimed.add(item.request().reference().value());
        }
        assertEquals(List.of("list", "asked", "pull-1", "pull-2"), claimed);
        assertEquals(4, store.running(10).size());
        assertEquals(List.of(), store.waiting(10));
    }

    @Test
    void leavesOutWhatIsPaused() throws Exception {
        store.add(new CopyRequest(HOT, new Tag("two"), Set.of(), "app", List.of(COLD, QUAY), List.of(), Origin.ASKED), false);
        store.add(new CopyRequest(HOT, new Tag("one"), Set.of(), "app", List.of(target("quay-2", "app")), List.of(), Origin.LIST), false);
        assertNull(store.claim(ONE, "hot", Set.of("hot")));
        assertNull(store.claim(ONE, "hot", Set.of("cold", "quay", "quay-2")));
        assertEquals(new Tag("one"), store.claim(ONE, "hot", Set.of("cold", "quay")).request().reference());
        assertEquals(new Tag("two"), store.claim(ONE, "hot", Set.of("cold", "other")).request().reference());
    }

    @Test
    void keepsAnItemThatIsRenewed() throws Exception {
        store.add(request("1", Origin.PULL), false);
        Item item = store.claim(ONE, "hot", Set.of());
        sql("UPDATE warm_item SET due = due - 70000");
        assertEquals(Set.of(item.id()), store.renew(ONE, List.of(new Store.Progress(item.id(), 5, 9)), List.of()));
        assertNull(store.claim(TWO, "hot", Set.of()));
        Item there = store.find(item.id());
        assertEquals(5, there.bytesDone());
        assertEquals(9, there.bytesTotal());
        assertEquals(Set.of(), store.renew(TWO, List.of(new Store.Progress(item.id(), 1, 1)), List.of()));
        assertEquals(5, store.find(item.id()).bytesDone());
    }

    @Test
    void leavesTheItemsOfAnotherOwnerAlone() throws Exception {
        Item item = store.add(request("1", Origin.PULL), false);
        store.claim(ONE, "hot", Set.of());
        Item before = store.find(item.id());
        store.resolved(item.id(), TWO, DIGEST);
        store.retry(item.id(), TWO, Duration.ZERO, true, "timeout", "Late.");
        store.finish(item.id(), TWO, State.DONE, Set.of(), new Store.Progress(item.id(), 1, 1), null, null);
        assertEquals(before, store.find(item.id()));
        store.resolved(item.id(), ONE, DIGEST);
        assertEquals(DIGEST, store.find(item.id()).digest());
        store.cancel(item.id());
        store.finish(item.id(), ONE, State.DONE, Set.of(), new Store.Progress(item.id(), 1, 1), null, null);
        assertEquals(State.CANCELLED, store.find(item.id()).state());
        assertEquals(Set.of(), store.renew(ONE, List.of(new Store.Progress(item.id(), 1, 1)), List.of()));
    }

    @Test
    void triesAgainAfterTheDelay() throws Exception {
        store.add(request("1", Origin.PULL), false);
        Item item = store.claim(ONE, "hot", Set.of());
        store.retry(item.id(), ONE, Duration.ofMinutes(5), true, "throttled", "Too\u0000 many\nrequests.");
        Item waiting = store.find(item.id());
        assertEquals(State.WAITING, waiting.state());
        assertEquals(1, waiting.attempts());
        assertEquals("throttled", waiting.reason());
        assertEquals("Too  many requests.", waiting.message());
        assertNull(waiting.owner());
        assertTrue(waiting.notBefore().isAfter(waiting.created().plusSeconds(290)), waiting::toString);
        assertNull(store.claim(ONE, "hot", Set.of()));
        sql("UPDATE warm_item SET due = due - 301000");
        assertEquals(item.id(), store.claim(TWO, "hot", Set.of()).id());
        store.retry(item.id(), TWO, Duration.ZERO, false, "paused", "x".repeat(3000));
        assertEquals(1, store.find(item.id()).attempts());
        assertEquals(1000, store.find(item.id()).message().length());
        store.retry(store.claim(ONE, "hot", Set.of()).id(), ONE, Duration.ofHours(1), true, "timeout", "Late.");
        store.add(request("1", Origin.PULL), false);
        assertNull(store.claim(ONE, "hot", Set.of()));
        store.add(request("1", Origin.ASKED), true);
        assertEquals(2, store.claim(ONE, "hot", Set.of()).attempts());
    }

    @Test
    void copiesFinishedImagesAgainOnlyIfNeeded() throws Exception {
        CopyRequest request = request(DIGEST, tags("1"), Origin.PULL);
        Item done = finished(request, State.DONE);
        assertEquals(done, store.add(request, false));
        assertNotNull(done.finished());
        assertEquals(10, done.bytesDone());
        assertEquals(State.WAITING, store.add(request(DIGEST, tags("2"), Origin.PULL), false).state());
        Item partial = finished(request, State.PARTIAL);
        assertEquals(tags("1", "2"), partial.request().tags());
        assertEquals("throttled", partial.reason());
        assertEquals(State.PARTIAL, store.add(request, false).state());
        store.add(request, true);
        store.retry(store.claim(ONE, "hot", Set.of()).id(), ONE, Duration.ZERO, true, "timeout", "Late.");
        assertEquals(1, finished(request, State.FAILED).attempts());
        sql("UPDATE warm_item SET created = created - 1000000");
        Item again = store.add(request, false);
        assertEquals(State.WAITING, again.state());
        assertEquals(0, again.attempts());
        assertNull(again.message());
        assertNull(again.finished());
        assertTrue(again.created().isAfter(Instant.now().minusSeconds(500)), again::toString);
        assertEquals(again.created(), store.oldestWaiting("hot"));
        assertEquals(State.CANCELLED, store.cancel(again.id()).state());
        assertEquals(State.CANCELLED, store.add(request, false).state());
        assertEquals(State.CANCELLED, store.add(request(DIGEST, tags("3"), Origin.PULL), false).state());
        Item asked = store.add(request, true);
        assertEquals(State.WAITING, asked.state());
        assertEquals(tags("1", "2", "3"), asked.request().tags());
    }

    @Test
    void copiesNothingAgainThatTheDestinationRefused() throws Exception {
        CopyRequest request = request("1", Origin.LIST);
        store.add(request, false);
        Item running = store.claim(ONE, "hot", Set.of());
        store.finish(running.id(), ONE, State.FAILED, Set.of(), new Store.Progress(running.id(), 0, 0), "refused", "No.");
        assertEquals(State.FAILED, store.add(request, false).state());
        assertEquals(State.WAITING, store.add(request, true).state());
    }

    @Test
    void copiesAgainIfTagsWereAddedMeanwhile() throws Exception {
        store.add(request(DIGEST, tags("1"), Origin.PULL), false);
        Item running = store.claim(ONE, "hot", Set.of());
        assertEquals(State.RUNNING, store.add(request(DIGEST, tags("2"), Origin.PULL), false).state());
        finish(running, State.DONE);
        Item again = store.claim(ONE, "hot", Set.of());
        assertEquals(tags("1", "2"), again.request().tags());
        finish(again, State.DONE);
        assertEquals(State.DONE, store.find(again.id()).state());
    }

    @Test
    void countsAndListsItems() throws Exception {
        assertEquals(Arrays.stream(State.values()).collect(Collectors.toMap(state -> state, state -> 0L)), store.counts());
        assertNull(store.oldestWaiting("hot"));
        for (int i = 0; i < 4; i++) {
            finished(request("done-" + i, Origin.PULL), i == 3 ? State.FAILED : State.DONE);
            sql("UPDATE warm_item SET finished = finished - 1000 WHERE finished IS NOT NULL");
        }
        store.add(request("running", Origin.PULL), false);
        store.claim(ONE, "hot", Set.of());
        Item waiting = store.add(request("waiting", Origin.PULL), false);
        store.add(request("later", Origin.ASKED), false);
        sql("UPDATE warm_item SET created = created - 1000 WHERE reference = 'waiting'");
        assertEquals(Map.of(State.DONE, 3L, State.FAILED, 1L, State.RUNNING, 1L, State.WAITING, 2L, State.PARTIAL, 0L, State.CANCELLED, 0L), store.counts());
        assertEquals(waiting.created().minusMillis(1000), store.oldestWaiting("hot"));
        assertNull(store.oldestWaiting("another"));
        assertEquals(List.of("done-3", "done-2", "done-1"), store.finished(Set.of(State.DONE, State.FAILED), 3).stream().map(item -> item.request().reference().value()).toList());
        assertEquals(List.of("done-3"), store.finished(Set.of(State.FAILED, State.PARTIAL), 3).stream().map(item -> item.request().reference().value()).toList());
        assertEquals(List.of("running"), store.running(5).stream().map(item -> item.request().reference().value()).toList());
    }

    @Test
    void cancelsWhatIsNotFinished() throws Exception {
        assertNull(store.cancel(1));
        Item item = store.add(request("1", Origin.PULL), false);
        assertEquals(State.CANCELLED, store.cancel(item.id()).state());
        assertNull(store.claim(ONE, "hot", Set.of()));
        Item done = finished(request("2", Origin.PULL), State.DONE);
        assertEquals(done, store.cancel(done.id()));
    }

    @Test
    void givesABlobToOneCopyAtATime() throws Exception {
        Plan.Target other = target("hot", "library/other");
        Store.Blob mine = new Store.Blob(true, null, null, 0);
        Store.Blob wait = new Store.Blob(false, null, null, 0);
        assertEquals(mine, store.claimBlob(HOT, DIGEST, ONE, null));
        assertEquals(wait, store.claimBlob(HOT, DIGEST, ONE, null));
        assertEquals(wait, store.claimBlob(other, DIGEST, TWO, HOT.name()));
        assertEquals(mine, store.claimBlob(target("hot-2", "library/app"), DIGEST, TWO, null));
        store.uploaded(HOT, DIGEST, TWO, "/not-mine", 1);
        store.uploaded(HOT, DIGEST, ONE, "/upload/1", 17);
        store.released(HOT, DIGEST, TWO);
        assertEquals(wait, store.claimBlob(HOT, DIGEST, TWO, null));
        store.released(HOT, DIGEST, ONE);
        assertEquals(new Store.Blob(true, null, "/upload/1", 17), store.claimBlob(HOT, DIGEST, TWO, null));
        store.uploaded(HOT, DIGEST, ONE, "/late", 99);
        store.released(HOT, DIGEST, TWO);
        assertEquals(mine, store.claimBlob(other, DIGEST, TWO, null));
        store.released(other, DIGEST, TWO);
        assertEquals(mine, store.claimBlob(HOT, DIGEST, ONE, null));
    }

    @Test
    void mountsWhatARepositoryHas() throws Exception {
        Plan.Target other = target("hot", "library/other");
        store.claimBlob(HOT, DIGEST, ONE, null);
        store.stored(HOT, DIGEST);
        assertEquals(new Store.Blob(false, HOT.name(), null, 0), store.claimBlob(other, DIGEST, TWO, null));
        assertEquals(new Store.Blob(true, null, null, 0), store.claimBlob(other, DIGEST, TWO, HOT.name()));
        store.stored(other, DIGEST);
        assertEquals(new Store.Blob(false, other.name(), null, 0), store.claimBlob(HOT, DIGEST, TWO, HOT.name()));
        assertTrue(store.claimBlob(other, DIGEST, TWO, null).mine(), "the repository does not have it, although the database says so");
        Digest fresh = digest("never copied by a mirror");
        store.stored(HOT, fresh);
        assertEquals(HOT.name(), store.claimBlob(other, fresh, ONE, null).place());
    }

    @Test
    void takesABlobWhoseLeaseHasEnded() throws Exception {
        store.claimBlob(HOT, DIGEST, ONE, null);
        store.uploaded(HOT, DIGEST, ONE, "/upload/1", 17);
        sql("UPDATE warm_blob SET lease = lease - 61000");
        store.renew(ONE, List.of(), List.of(new Store.BlobKey("hot", DIGEST)));
        assertFalse(store.claimBlob(HOT, DIGEST, TWO, null).mine());
        sql("UPDATE warm_blob SET lease = lease - 61000");
        // One that the mirror does not copy, such as one whose claim was answered while the connection broke.
        store.renew(ONE, List.of(), List.of(new Store.BlobKey("hot", digest("another"))));
        assertTrue(store.claimBlob(HOT, DIGEST, TWO, null).mine());
        store.released(HOT, DIGEST, TWO);
        store.claimBlob(HOT, DIGEST, ONE, null);
        sql("UPDATE warm_blob SET lease = lease - 61000");
        assertEquals(new Store.Blob(true, null, "/upload/1", 17), store.claimBlob(HOT, DIGEST, TWO, null));
    }

    @Test
    void letsOneMirrorReadTheLists() throws Exception {
        assertTrue(store.claimLists(ONE));
        assertTrue(store.claimLists(ONE));
        assertFalse(store.claimLists(TWO));
        sql("UPDATE warm_lease SET lease = lease - 61000");
        store.renew(ONE, List.of(), List.of());
        assertFalse(store.claimLists(TWO));
        sql("UPDATE warm_lease SET lease = lease - 61000");
        assertTrue(store.claimLists(TWO));
        assertEquals(Duration.ZERO, store.untilDue("library/nginx", HOUR));
        String longEntry = "entry ".repeat(1000);
        store.read("library/nginx");
        store.read(longEntry + "1");
        assertTrue(store.untilDue("library/nginx", HOUR).compareTo(HOUR.minusMinutes(1)) > 0);
        assertTrue(store.untilDue("library/nginx", HOUR).compareTo(HOUR) <= 0);
        assertFalse(store.untilDue(longEntry + "1", HOUR).isZero());
        assertTrue(store.untilDue(longEntry + "2", HOUR).isZero());
        sql("UPDATE warm_entry SET read_at = 1");
        assertTrue(store.untilDue("library/nginx", HOUR).isZero());
        store.read("library/nginx");
        assertFalse(store.untilDue("library/nginx", HOUR).isZero());
    }

    @Test
    void releasesTheReadingOfListsAlone() throws Exception {
        store.add(request("1", Origin.PULL), false);
        store.claim(ONE, "hot", Set.of());
        store.claimBlob(HOT, DIGEST, ONE, null);
        store.claimLists(ONE);
        store.releaseLists(TWO);
        assertFalse(store.claimLists(TWO));
        store.releaseLists(ONE);
        store.renew(ONE, List.of(), List.of());
        assertTrue(store.claimLists(TWO));
        assertNull(store.claim(TWO, "hot", Set.of()));
        assertFalse(store.claimBlob(HOT, DIGEST, TWO, null).mine());
    }

    @Test
    void decidesByItsOwnClockWhenAnEntryIsDue() throws Exception {
        store.read("library/nginx");
        sql("UPDATE warm_entry SET read_at = read_at - 1800000");
        Duration left = store.untilDue("library/nginx", HOUR);
        assertTrue(left.toMinutes() >= 29 && left.toMinutes() <= 30, left::toString);
        assertTrue(store.untilDue("library/nginx", Duration.ofMinutes(30)).isZero());
        // The clock of the database was set back by a day.
        sql("UPDATE warm_entry SET read_at = read_at + 86400000");
        assertEquals(HOUR, store.untilDue("library/nginx", HOUR));
    }

    @Test
    void givesUpWhatAnOwnerHas() throws Exception {
        store.add(request("1", Origin.PULL), false);
        store.claim(ONE, "hot", Set.of());
        store.claimBlob(HOT, DIGEST, ONE, null);
        store.claimLists(ONE);
        store.release(TWO);
        assertNull(store.claim(TWO, "hot", Set.of()));
        assertFalse(store.claimBlob(HOT, DIGEST, TWO, null).mine());
        assertFalse(store.claimLists(TWO));
        store.release(ONE);
        assertNotNull(store.claim(TWO, "hot", Set.of()));
        assertTrue(store.claimBlob(HOT, DIGEST, TWO, null).mine());
        assertTrue(store.claimLists(TWO));
    }

    @Test
    void deletesWhatIsOld() throws Exception {
        Item old = finished(request("old", Origin.PULL), State.DONE);
        sql("UPDATE warm_item SET finished = finished - CAST(31 AS BIGINT) * 86400000");
        Item recent = finished(request("recent", Origin.PULL), State.DONE);
        Item waiting = store.add(request("waiting", Origin.PULL), false);
        store.stored(HOT, DIGEST);
        sql("UPDATE warm_blob SET used = used - CAST(91 AS BIGINT) * 86400000");
        store.stored(HOT, digest("recent"));
        // The first renewal after the start deletes.
        store.renew(ONE, List.of(), List.of());
        assertNull(store.find(old.id()));
        assertNotNull(store.find(recent.id()));
        assertNotNull(store.find(waiting.id()));
        assertTrue(store.claimBlob(target("hot", "b"), DIGEST, ONE, null).mine());
        assertFalse(store.claimBlob(target("hot", "b"), digest("recent"), ONE, null).mine());
    }

    @Test
    void takesAnItemAfterTheLease() throws Exception {
        Item item = store.add(request("1", Origin.PULL), false);
        store.claim(ONE, "hot", Set.of());
        assertNull(store.claim(TWO, "hot", Set.of()));
        sql("UPDATE warm_item SET due = due - 70000");
        Item taken = store.claim(TWO, "hot", Set.of());
        assertEquals(item.id(), taken.id());
        assertEquals(TWO, taken.owner());
        assertEquals(0, taken.attempts());
        assertEquals(Set.of(), store.renew(ONE, List.of(new Store.Progress(item.id(), 1, 1)), List.of()));
    }

    @Test
    void addsTheSameItemFromManyThreadsOnce() throws Exception {
        CyclicBarrier together = new CyclicBarrier(4);
        List<Long> ids = new CopyOnWriteArrayList<>();
        List<Boolean> mine = new CopyOnWriteArrayList<>();
        inThreads(4, thread -> {
            for (int i = 0; i < 50; i++) {
                Digest digest = digest("image " + i);
                together.await(WAIT.toSeconds(), TimeUnit.SECONDS);
                ids.add(store.add(request(digest, tags("t" + thread), Origin.PULL), false).id());
                together.await(WAIT.toSeconds(), TimeUnit.SECONDS);
                mine.add(store.claimBlob(HOT, digest, ONE, null).mine());
            }
            return null;
        });
        assertEquals(50, ids.stream().distinct().count());
        for (long id : ids) {
            assertEquals(4, store.find(id).request().tags().size());
        }
        assertEquals(50, mine.stream().filter(Boolean::booleanValue).count());
    }

    @Test
    void addsTheSameItemsInAnyOrderFromManyThreadsOnce() throws Exception {
        AtomicInteger inserted = new AtomicInteger();
        inThreads(4, thread -> {
            List<CopyRequest> requests = IntStream.range(0, 40).mapToObj(i -> request(digest("image " + i), tags("t" + thread), Origin.PULL)).collect(Collectors.toList());
            for (int i = 0; i < 10; i++) {
                Collections.shuffle(requests, new Random(10 * thread + i));
                List<Item> before = store.add(requests);
                assertEquals(before.size(), before.stream().map(Item::id).distinct().count());
                inserted.addAndGet(40 - before.size());
            }
            return null;
        });
        assertEquals(40, inserted.get());
        List<Item> items = store.waiting(100);
        assertEquals(40, items.size());
        items.forEach(item -> assertEquals(tags("t0", "t1", "t2", "t3"), item.request().tags()));
    }

    @Test
    void returnsTheItemsThatWereThereAsTheyAreAfterAnAddition() throws Exception {
        store.add(request(digest("done"), tags("a"), Origin.PULL), false);
        Item done = store.claim(ONE, "hot", Set.of());
        store.finish(done.id(), ONE, State.DONE, tags("a"), new Store.Progress(done.id(), 1, 1), null, null);
        store.add(request(digest("more"), tags("a"), Origin.PULL), false);
        Item more = store.claim(ONE, "hot", Set.of());
        store.finish(more.id(), ONE, State.DONE, tags("a"), new Store.Progress(more.id(), 1, 1), null, null);
        List<Item> items = store.add(List.of(request(digest("new"), tags("a"), Origin.PULL), request(digest("more"), tags("b"), Origin.PULL),
                request(digest("done"), tags("a"), Origin.PULL)));
        assertEquals(Map.of(done.id(), State.DONE, more.id(), State.WAITING), items.stream().collect(Collectors.toMap(Item::id, Item::state)));
    }

    @Test
    void claimsEachItemOnceFromManyThreads() throws Exception {
        inThreads(4, thread -> {
            for (int i = 0; i < 50; i++) {
                store.add(request("t" + thread + "-" + i, Origin.values()[i % 3]), false);
            }
            return null;
        });
        List<List<Long>> claimed = claimAll(8, store, store);
        List<Long> ids = claimed.stream().flatMap(List::stream).toList();
        assertEquals(200, ids.size());
        assertEquals(200, new HashSet<>(ids).size());
        assertEquals(200L, store.counts().get(State.DONE));
    }

    /** Claims and finishes items in threads, each of the two stores in half of them, until there is none. */
    static List<List<Long>> claimAll(int threads, Store one, Store two) throws Exception {
        return inThreads(threads, thread -> {
            Store store = thread % 2 == 0 ? one : two;
            String owner = thread % 2 == 0 ? ONE : TWO;
            List<Long> ids = new ArrayList<>();
            for (Item item = store.claim(owner, "hot", Set.of()); item != null; item = store.claim(owner, "hot", Set.of())) {
                ids.add(item.id());
                store.renew(owner, List.of(new Store.Progress(item.id(), 1, 1)), List.of());
                store.finish(item.id(), owner, State.DONE, item.request().tags(), new Store.Progress(item.id(), 1, 1), null, null);
            }
            return ids;
        });
    }

    /** What a thread does. */
    interface Task<T> {

        T run(int thread) throws Exception;
    }

    static <T> List<T> inThreads(int threads, Task<T> task) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            List<Future<T>> futures = IntStream.range(0, threads).mapToObj(thread -> executor.submit(() -> task.run(thread))).toList();
            List<T> results = new ArrayList<>();
            for (Future<T> future : futures) {
                results.add(future.get());
            }
            return results;
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void keepsTenThousandItems() throws Exception {
        long start = System.nanoTime();
        inThreads(2, thread -> {
            for (int i = 0; i < 5000; i++) {
                store.add(new CopyRequest(target("hot", "org/app-" + thread + "-" + i), DIGEST, tags("1"), "app", List.of(i % 2 == 0 ? COLD : QUAY), List.of(), Origin.LIST), false);
            }
            return null;
        });
        long added = System.nanoTime();
        for (int i = 0; i < 100; i++) {
            assertEquals("quay", store.claim(ONE, "hot", Set.of("cold")).request().sources().get(0).registry());
        }
        long claimed = System.nanoTime();
        for (int i = 0; i < 10; i++) {
            assertNull(store.claim(ONE, "hot", Set.of("cold", "quay")));
        }
        long refused = System.nanoTime();
        for (int i = 0; i < 10; i++) {
            assertEquals(9900L, store.counts().get(State.WAITING));
            assertEquals(50, store.waiting(50).size());
            assertNotNull(store.oldestWaiting("hot"));
        }
        System.out.printf("%s: 10000 items added in %d ms, 100 claimed in %d ms, 10 claims without a result in %d ms, 10 looks in %d ms%n", getClass().getSimpleName(),
                (added - start) / 1000000, (claimed - added) / 1000000, (refused - claimed) / 1000000, (System.nanoTime() - refused) / 1000000);
    }

    @Test
    void worksInInterruptedThreads() throws Exception {
        for (int i = 0; i < 50; i++) {
            Thread.currentThread().interrupt();
            store.add(request("t" + i, Origin.PULL), false);
            assertTrue(Thread.interrupted(), "the thread is still interrupted");
        }
        assertEquals(50L, store.counts().get(State.WAITING));
        assertNull(problem(store));
    }

    @Test
    void refusesTheTablesOfANewerProgram() throws Exception {
        store.add(request("1", Origin.PULL), false);
        sql("UPDATE warm_schema SET version = 7");
        store.close();
        store = new JdbcStore(settings, ONE);
        String sentence = "The database has schema version 7, this mirror knows up to 1; update the mirror, or give it another database";
        assertEquals(sentence, problem(store));
        assertEquals(sentence, assertThrows(StoreAwayException.class, () -> store.counts()).getMessage());
    }

    @Test
    void keepsItemsOverARestart() throws Exception {
        Item item = store.add(request("1", Origin.PULL), false);
        store.close();
        assertEquals("The database is closed, as the mirror ends", problem(store));
        store = new JdbcStore(settings, ONE);
        assertEquals(item, store.find(item.id()));
    }
}
