package io.mirrorregistry.warm.queue;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Tag;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The statements about items. Each method runs in one transaction of its caller's.
 *
 * @param lease how long an item stays its owner's
 */
record ItemTable(Dialect dialect, Duration lease) {

    private static final String SELECT = "SELECT * FROM warm_item WHERE ";
    private static final String KEY = "registry = ? AND repository = ? AND reference = ?";
    private static final Comparator<CopyRequest> BY_KEY = Comparator.comparing((CopyRequest request) -> request.destination().registry())
            .thenComparing(request -> request.destination().name().value()).thenComparing(request -> request.reference().value());
    /** The item is still the owner's. */
    private static final String OWN = "id = ? AND owner = ? AND state = 'running'";
    private static final String LOCK = " FOR UPDATE";
    /** The first column lets both databases read the index in its order. */
    private static final String IN_TURN = " ORDER BY active, priority, created, id";
    /** The columns of a finished item that waits again. */
    private static final String WAITS_AGAIN = "state = 'waiting', active = TRUE, due = " + Sql.NOW + ", owner = NULL, copy_again = FALSE, attempts = 0, bytes_done = 0,"
            + " bytes_total = 0, reason = NULL, message = NULL, created = " + Sql.NOW + ", started = NULL, finished = NULL";
    private static final Duration KEPT = Duration.ofDays(30);

    /** Adds a request to the item of the same image; makes a new item if there is none. Writes nothing if the item has all of the request. */
    Item add(Connection connection, CopyRequest request, boolean again) throws SQLException {
        addOrInsert(connection, request, again);
        return byKey(connection, request, "").item();
    }

    /** Returns whether there was an item of the same image. */
    private static boolean addOrInsert(Connection connection, CopyRequest request, boolean again) throws SQLException {
        ItemRow there = byKey(connection, request, "");
        if (there != null && !Addition.of(there, request, again).isNothing()) {
            there = byKey(connection, request, LOCK);
            if (there != null) {
                update(connection, there.item().id(), Addition.of(there, request, again));
            }
        }
        if (there == null) {
            insert(connection, request);
        }
        return there != null;
    }

    /**
     * Adds all requests in the order of their keys: two transactions that lock in different orders could wait for each other. Returns the items that were there
     * before.
     */
    List<Item> add(Connection connection, List<CopyRequest> requests) throws SQLException {
        List<Item> items = new ArrayList<>();
        for (CopyRequest request : requests.stream().sorted(BY_KEY).toList()) {
            if (addOrInsert(connection, request, false)) {
                items.add(byKey(connection, request, "").item());
            }
        }
        return items;
    }

    private static ItemRow byKey(Connection connection, CopyRequest request, String lock) throws SQLException {
        return Sql.first(connection, ItemRow::of, SELECT + KEY + lock, request.destination().registry(), request.destination().name().value(), request.reference().value());
    }

    /** Two mirrors that insert the same item conflict, so that one of them runs its transaction again. */
    private static void insert(Connection connection, CopyRequest request) throws SQLException {
        Sql.update(connection, "INSERT INTO warm_item (registry, repository, reference, tags, image, sources, source_registries, platforms, priority, state, active, due,"
                + " copy_again, attempts, bytes_done, bytes_total, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', TRUE, " + Sql.NOW + ", FALSE, 0, 0, 0, " + Sql.NOW + ")",
                request.destination().registry(), request.destination().name().value(), request.reference().value(), ItemRow.tags(request), Texts.clean(request.image()),
                ItemRow.sources(request), ItemRow.sourceRegistries(request), Texts.lines(request.platforms()), ItemRow.priority(request.origin()));
    }

    private static void update(Connection connection, long id, Addition addition) throws SQLException {
        CopyRequest request = addition.request();
        Sql.update(connection, "UPDATE warm_item SET tags = ?, image = ?, sources = ?, source_registries = ?, platforms = ?, priority = ? WHERE id = ?", ItemRow.tags(request),
                Texts.clean(request.image()), ItemRow.sources(request), ItemRow.sourceRegistries(request), Texts.lines(request.platforms()), ItemRow.priority(request.origin()), id);
        if (addition.waitsAgain()) {
            Sql.update(connection, "UPDATE warm_item SET " + WAITS_AGAIN + " WHERE id = ?", id);
        } else if (addition.copyAgain()) {
            Sql.update(connection, "UPDATE warm_item SET copy_again = TRUE WHERE id = ?", id);
        } else if (addition.now()) {
            Sql.update(connection, "UPDATE warm_item SET due = " + Sql.NOW + " WHERE id = ? AND due > " + Sql.NOW, id);
        }
    }

    /** Takes the next item. PostgreSQL locks its row. H2 does not: if another thread is first, the next item is taken. */
    Item claim(Connection connection, String owner, String destination, Set<String> paused) throws SQLException {
        List<Object> values = new ArrayList<>();
        values.add(destination);
        String due = "active = TRUE AND due <= " + Sql.NOW;
        String query = "SELECT id FROM warm_item WHERE " + due + " AND registry = ?" + notPaused(paused, values) + IN_TURN + " LIMIT 1" + dialect.skipLocked();
        while (true) {
            Long id = Sql.first(connection, row -> row.getLong(1), query, values.toArray());
            if (id == null) {
                return null;
            }
            int taken = Sql.update(connection, "UPDATE warm_item SET state = 'running', owner = ?, due = " + Sql.NOW + " + ?, started = " + Sql.NOW + ", copy_again = FALSE WHERE id = ? AND "
                    + due, owner, lease.toMillis(), id);
            if (taken == 1) {
                return find(connection, id);
            }
        }
    }

    private static String notPaused(Set<String> paused, List<Object> values) {
        if (paused.isEmpty()) {
            return "";
        }
        values.addAll(paused);
        String left = "source_registries";
        for (String registry : paused) {
            left = "REPLACE(" + left + ", ?, '')";
            values.add(ItemRow.between(registry));
        }
        return " AND registry NOT IN (" + Sql.marks(paused.size()) + ") AND (source_registries = '' OR " + left + " <> '')";
    }

    /** Renews leases in the order of the ids, as all do: two transactions that lock in different orders could wait for each other. */
    Set<Long> renew(Connection connection, String owner, Collection<Store.Progress> running) throws SQLException {
        Set<Long> own = new HashSet<>();
        for (Store.Progress progress : running.stream().sorted(Comparator.comparingLong(Store.Progress::id)).toList()) {
            if (Sql.update(connection, "UPDATE warm_item SET due = " + Sql.NOW + " + ?, bytes_done = ?, bytes_total = ? WHERE " + OWN, lease.toMillis(), progress.bytesDone(),
                    progress.bytesTotal(), progress.id(), owner) == 1) {
                own.add(progress.id());
            }
        }
        return own;
    }

    void resolved(Connection connection, long id, String owner, Digest digest) throws SQLException {
        Sql.update(connection, "UPDATE warm_item SET digest = ? WHERE " + OWN, digest.value(), id, owner);
    }

    void finish(Connection connection, long id, String owner, State state, Set<Tag> tags, Store.Progress progress, String reason, String message) throws SQLException {
        ItemRow row = Sql.first(connection, ItemRow::of, SELECT + OWN + LOCK, id, owner);
        if (row == null) {
            return;
        }
        if (row.copyAgain() || !tags.containsAll(row.item().request().tags())) {
            Sql.update(connection, "UPDATE warm_item SET " + WAITS_AGAIN + " WHERE id = ?", id);
        } else {
            Sql.update(connection, "UPDATE warm_item SET state = ?, active = FALSE, due = NULL, owner = NULL, bytes_done = ?, bytes_total = ?, reason = ?, message = ?, finished = "
                    + Sql.NOW + " WHERE id = ?", state.label(), progress.bytesDone(), progress.bytesTotal(), Texts.message(reason), Texts.message(message), id);
        }
    }

    void retry(Connection connection, long id, String owner, Duration delay, boolean counted, String reason, String message) throws SQLException {
        Sql.update(connection, "UPDATE warm_item SET state = 'waiting', owner = NULL, due = " + Sql.NOW + " + ?, attempts = attempts + ?, reason = ?, message = ? WHERE " + OWN,
                delay.toMillis(), counted ? 1 : 0, Texts.message(reason), Texts.message(message), id, owner);
    }

    Item cancel(Connection connection, long id) throws SQLException {
        Sql.update(connection, "UPDATE warm_item SET state = 'cancelled', active = FALSE, due = NULL, owner = NULL, finished = " + Sql.NOW + " WHERE id = ? AND active = TRUE", id);
        return find(connection, id);
    }

    Item find(Connection connection, long id) throws SQLException {
        ItemRow row = Sql.first(connection, ItemRow::of, SELECT + "id = ?", id);
        return row == null ? null : row.item();
    }

    Map<State, Long> counts(Connection connection) throws SQLException {
        Map<State, Long> counts = new EnumMap<>(State.class);
        for (State state : State.values()) {
            counts.put(state, 0L);
        }
        Sql.list(connection, row -> counts.put(State.of(row.getString(1)), row.getLong(2)), "SELECT state, COUNT(*) FROM warm_item GROUP BY state");
        return counts;
    }

    Instant oldestWaiting(Connection connection, String destination) throws SQLException {
        return Sql.first(connection, row -> Instant.ofEpochMilli(row.getLong(1)), "SELECT created FROM warm_item WHERE state = 'waiting' AND registry = ? ORDER BY state, created LIMIT 1",
                destination);
    }

    List<Item> running(Connection connection, int most) throws SQLException {
        return items(connection, "state = 'running' ORDER BY started, id", most);
    }

    List<Item> waiting(Connection connection, int most) throws SQLException {
        return items(connection, "active = TRUE AND state = 'waiting'" + IN_TURN, most);
    }

    List<Item> finished(Connection connection, Set<State> states, int most) throws SQLException {
        List<Object> values = new ArrayList<>(states.stream().map(State::label).toList());
        values.add(most);
        return Sql.list(connection, row -> ItemRow.of(row).item(), SELECT + "finished IS NOT NULL AND state IN (" + Sql.marks(states.size()) + ") ORDER BY finished DESC LIMIT ?",
                values.toArray());
    }

    private static List<Item> items(Connection connection, String which, int most) throws SQLException {
        return Sql.list(connection, row -> ItemRow.of(row).item(), SELECT + which + " LIMIT ?", most);
    }

    /** Returns the items of an owner to the queue. */
    void release(Connection connection, String owner) throws SQLException {
        Sql.update(connection, "UPDATE warm_item SET state = 'waiting', owner = NULL, due = " + Sql.NOW + " WHERE state = 'running' AND owner = ?", owner);
    }

    /** Returns the items of other owners to the queue. */
    void releaseOthers(Connection connection, String owner) throws SQLException {
        Sql.update(connection, "UPDATE warm_item SET state = 'waiting', owner = NULL, due = " + Sql.NOW + " WHERE state = 'running' AND owner <> ?", owner);
    }

    /** Deletes the items that were finished long ago. */
    void prune(Connection connection) throws SQLException {
        Sql.update(connection, "DELETE FROM warm_item WHERE finished < " + Sql.NOW + " - ?", KEPT.toMillis());
    }
}
