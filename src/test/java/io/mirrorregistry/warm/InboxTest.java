package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.warm.queue.CopyRequest;
import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.Origin;
import io.mirrorregistry.warm.queue.State;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Images that pulls hand over, on their way to the database. */
@Timeout(30)
class InboxTest {

    private static final RepositoryName NAME = new RepositoryName("team/app");
    private static final CopyRequest UNWRITABLE = request(List.of("linux/unwritable"));

    /** The platforms and the parameter {@code again} of each addition. */
    private final List<String> added = new CopyOnWriteArrayList<>();
    /** How many images each transaction wrote. */
    private final List<Integer> transactions = new CopyOnWriteArrayList<>();
    private volatile boolean away;
    private volatile State state = State.WAITING;
    private volatile Instant finished;
    private volatile long millis;
    private final Store store = (Store) Proxy.newProxyInstance(Store.class.getClassLoader(), new Class<?>[] {Store.class}, (proxy, method, arguments) -> {
        assertEquals("add", method.getName());
        if (away) {
            throw new StoreAwayException("away");
        }
        return arguments[0] instanceof List<?> requests ? addAll(requests) : add((CopyRequest) arguments[0], (boolean) arguments[1]);
    });
    private final Inbox inbox = new Inbox(store, () -> { }, () -> false);
    private final Thread thread = new Thread(inbox);

    @AfterEach
    void stop() throws InterruptedException {
        thread.interrupt();
        thread.join();
    }

    private List<Item> addAll(List<?> requests) {
        if (requests.contains(UNWRITABLE)) {
            throw new IllegalStateException("this image cannot be written");
        }
        transactions.add(requests.size());
        return requests.stream().map(request -> add((CopyRequest) request, false)).toList();
    }

    private Item add(CopyRequest request, boolean again) {
        if (request.equals(UNWRITABLE)) {
            throw new IllegalStateException("this image cannot be written");
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
        added.add(request.platforms() + " " + again);
        return new Item(1, request(List.of("linux/amd64")), state, null, 0, null, null, 0, 0, null, null, Instant.EPOCH, null, finished);
    }

    private static CopyRequest request(List<String> platforms) {
        return new CopyRequest(new Plan.Target("hot", NAME), Digest.ofSha256(new byte[] {1}), Set.of(), "team/app", List.of(new Plan.Target("cold", NAME)), platforms, Origin.PULL);
    }

    private void awaitAdded(int count) {
        WarmWait.until(() -> added.size() == count);
    }

    @Test
    void dropsAndCountsBeyondTenThousandAndNeverBlocks() {
        away = true;
        thread.start();
        long began = System.nanoTime();
        for (int i = 0; i < 10_200; i++) {
            inbox.offer(request(List.of()));
        }

        assertTrue(System.nanoTime() - began < TimeUnit.SECONDS.toNanos(2));
        assertEquals(200, inbox.dropped());
        away = false;
        awaitAdded(10_000);
    }

    @Test
    void writesImagesThatWaitTogether() {
        away = true;
        thread.start();
        for (int i = 0; i < 50; i++) {
            inbox.offer(request(List.of()));
        }
        away = false;

        awaitAdded(50);
        assertEquals(List.of(20, 20, 10), transactions);
    }

    @Test
    void dropsTheOneImageThatTheDatabaseDoesNotTake() {
        away = true;
        thread.start();
        for (int i = 0; i < 10; i++) {
            inbox.offer(request(List.of()));
        }
        inbox.offer(UNWRITABLE);
        away = false;

        awaitAdded(10);
        WarmWait.until(() -> inbox.dropped() == 1);
        inbox.offer(request(List.of()));
        awaitAdded(11);
    }

    @Test
    void addsAnImageAgainThatTheDestinationHasLost() {
        state = State.DONE;
        finished = Instant.now().minus(Duration.ofMinutes(11));
        thread.start();

        inbox.offer(request(List.of()));

        awaitAdded(2);
        assertEquals(List.of("[] false", "[linux/amd64] true"), added);
    }

    @Test
    void addsAnImageAgainThatWasCopiedInPartADayAgo() {
        state = State.PARTIAL;
        finished = Instant.now().minus(Duration.ofHours(25));
        thread.start();

        inbox.offer(request(List.of()));

        awaitAdded(2);
        assertEquals(List.of("[] false", "[linux/amd64] true"), added);
    }

    @Test
    void addsAnImageOnceThatWasCopiedJustNowOrThatHotRefuses() {
        thread.start();
        state = State.DONE;
        finished = Instant.now().minus(Duration.ofMinutes(9));
        inbox.offer(request(List.of()));
        awaitAdded(1);
        state = State.PARTIAL;
        finished = Instant.now().minus(Duration.ofHours(23));
        inbox.offer(request(List.of()));
        awaitAdded(2);
        state = State.WAITING;
        finished = null;
        inbox.offer(request(List.of()));
        awaitAdded(3);

        assertEquals(List.of("[] false", "[] false", "[] false"), added);
    }

    @Test
    void writesWhatWaitsAtTheEndButNotForLong() {
        millis = 20;
        for (int i = 0; i < 1000; i++) {
            inbox.offer(request(List.of()));
        }
        long began = System.nanoTime();

        inbox.drain();

        assertTrue(System.nanoTime() - began < TimeUnit.SECONDS.toNanos(4));
        assertFalse(added.isEmpty());
    }
}
