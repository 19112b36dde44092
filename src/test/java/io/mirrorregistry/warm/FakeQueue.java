package io.mirrorregistry.warm;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.warm.queue.CopyRequest;
import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.Origin;
import io.mirrorregistry.warm.queue.State;
import io.mirrorregistry.warm.queue.StoreAwayException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** A queue in memory that copies nothing: a test sets the states of its items. */
final class FakeQueue implements WarmQueue {

    static final Instant CREATED = Instant.parse("2026-03-01T10:00:00Z");

    private final Map<Long, Item> items = new TreeMap<>();
    private final List<Overview.Pause> pauses = new ArrayList<>();
    private final AtomicInteger overviews = new AtomicInteger();
    private volatile String problem;
    private volatile RuntimeException failure;
    private volatile CountDownLatch held = new CountDownLatch(0);

    /** From now on the database is away; null: it is back. */
    void away(String sentence) {
        problem = sentence;
    }

    /** From now on every call fails so. */
    void fail(RuntimeException with) {
        failure = with;
    }

    /** From now on every call waits for the latch. */
    void hold(CountDownLatch until) {
        held = until;
    }

    void pause(Overview.Pause pause) {
        pauses.add(pause);
    }

    /** Returns how often the overview was read. */
    int overviews() {
        return overviews.get();
    }

    private void enter() throws StoreAwayException {
        try {
            held.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (failure != null) {
            throw failure;
        }
        if (problem != null) {
            throw new StoreAwayException(problem);
        }
    }

    @Override
    public Item ask(String image, List<String> platforms) throws RefusedException, StoreAwayException {
        enter();
        if (!image.matches("[a-z0-9/.-]+(:[A-Za-z0-9_.-]+)?")) {
            throw new RefusedException(image + " is no name of an image.");
        }
        String[] parts = image.split(":", 2);
        RepositoryName name = new RepositoryName(parts[0]);
        CopyRequest request = new CopyRequest(new Plan.Target("hot", name), new Tag(parts.length == 2 ? parts[1] : "latest"), Set.of(), image,
                List.of(new Plan.Target("cold", name)), platforms, Origin.ASKED);
        synchronized (items) {
            long id = items.size() + 1L;
            return put(new Item(id, request, State.WAITING, null, 0, CREATED, null, 0, 0, null, null, CREATED, null, null));
        }
    }

    private Item put(Item item) {
        synchronized (items) {
            items.put(item.id(), item);
        }
        return item;
    }

    private Item get(long id) {
        synchronized (items) {
            return items.get(id);
        }
    }

    /** An item is copied now, and has so many bytes. */
    Item run(long id, long done, long total) {
        Item old = get(id);
        return put(new Item(id, old.request(), State.RUNNING, Digest.ofSha256(new byte[] {(byte) id}), old.attempts(), null, "this", done, total, null, null,
                old.created(), CREATED.plusSeconds(60), null));
    }

    /** An item ends so; null for no reason and no message. */
    Item end(long id, State state, String reason, String message) {
        Item old = get(id);
        return put(new Item(id, old.request(), state, old.digest(), state == State.FAILED ? 8 : 0, null, null, old.bytesDone(), old.bytesTotal(), reason, message,
                old.created(), old.started(), CREATED.plusSeconds(120)));
    }

    /** An attempt failed, and the item waits for another one. */
    Item retry(long id, Instant notBefore, String reason, String message) {
        Item old = get(id);
        return put(new Item(id, old.request(), State.WAITING, old.digest(), old.attempts() + 1, notBefore, null, 0, 0, reason, message, old.created(),
                CREATED.plusSeconds(60), null));
    }

    @Override
    public Item find(long id) throws StoreAwayException {
        enter();
        return get(id);
    }

    @Override
    public Item cancel(long id) throws StoreAwayException {
        enter();
        Item item = get(id);
        return item == null || item.state().isFinished() ? item : end(id, State.CANCELLED, null, null);
    }

    private List<Item> finished(Set<State> states) {
        return items.values().stream().filter(item -> states.contains(item.state())).toList();
    }

    @Override
    public Overview withoutDatabase(String problem) {
        return new Overview(Map.of(), null, List.of(), List.of(), List.of(), List.of(), List.copyOf(pauses), 3, problem);
    }

    @Override
    public Overview overview() {
        overviews.incrementAndGet();
        try {
            enter();
        } catch (StoreAwayException e) {
            return withoutDatabase(e.getMessage());
        }
        Map<State, Long> counts = new EnumMap<>(State.class);
        synchronized (items) {
            items.values().forEach(item -> counts.merge(item.state(), 1L, Long::sum));
            List<Item> waiting = items.values().stream().filter(item -> item.state() == State.WAITING).toList();
            return new Overview(counts, waiting.isEmpty() ? null : CREATED, items.values().stream().filter(item -> item.state() == State.RUNNING).toList(), waiting,
                    finished(Set.of(State.DONE, State.CANCELLED)), finished(Overview.FAILED), List.copyOf(pauses), 0, null);
        }
    }
}
