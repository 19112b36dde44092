package io.mirrorregistry.warm.queue;

import io.mirrorregistry.config.StoreSettings;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/** The queue in H2 or PostgreSQL. Connects at the first use, and again at the next use after a failure. For any thread. */
public final class JdbcStore implements Store {

    /** How often old rows are deleted, in nanoseconds. */
    private static final long PRUNE = TimeUnit.HOURS.toNanos(1);

    private final Database database;
    private final ItemTable items;
    private final BlobTable blobs;
    private final ListTable lists;
    private final AtomicBoolean opened = new AtomicBoolean();
    private final AtomicLong nextPrune = new AtomicLong(System.nanoTime());

    /** @param owner this mirror's name in the queue */
    public JdbcStore(StoreSettings settings, String owner) {
        Dialect dialect = settings.isEmbedded() ? new H2Dialect(settings.file()) : new PostgresDialect(settings);
        database = new Database(dialect, (connection, mayBeEmpty) -> prepare(connection, dialect, mayBeEmpty, owner));
        items = new ItemTable(dialect, LEASE);
        blobs = new BlobTable(LEASE);
        lists = new ListTable(LEASE);
    }

    /** Returns the connections. For tests. */
    Database database() {
        return database;
    }

    /**
     * Makes the tables. In an embedded database, ends the leases of other owners, which cannot be running; at the first time also those of this owner,
     * which an earlier process of the same name had.
     */
    private void prepare(Connection connection, Dialect dialect, boolean mayBeEmpty, String owner) throws SQLException, StoreAwayException {
        Schema.prepare(connection, dialect, mayBeEmpty);
        if (dialect.isEmbedded()) {
            String living = opened.get() ? owner : "";
            items.releaseOthers(connection, living);
            blobs.releaseOthers(connection, living);
            lists.releaseOthers(connection, living);
            connection.commit();
            opened.set(true);
        }
    }

    @Override
    public Item add(CopyRequest request, boolean again) throws StoreAwayException {
        return database.writeDurably(connection -> items.add(connection, request, again));
    }

    @Override
    public List<Item> add(List<CopyRequest> requests) throws StoreAwayException {
        return database.writeDurably(connection -> items.add(connection, requests));
    }

    @Override
    public Item claim(String owner, String destination, Set<String> paused) throws StoreAwayException {
        return database.read(connection -> items.claim(connection, owner, destination, paused));
    }

    @Override
    public Set<Long> renew(String owner, Collection<Progress> running, Collection<BlobKey> copied) throws StoreAwayException {
        Set<Long> own = database.write(connection -> {
            lists.renew(connection, owner);
            blobs.renew(connection, owner, copied);
            return items.renew(connection, owner, running);
        });
        long due = nextPrune.get();
        if (System.nanoTime() - due >= 0 && nextPrune.compareAndSet(due, System.nanoTime() + PRUNE)) {
            prune();
        }
        return own;
    }

    /** Deletes old rows. */
    private void prune() {
        try {
            run(connection -> {
                items.prune(connection);
                blobs.prune(connection);
                lists.prune(connection);
            });
        } catch (StoreAwayException e) {
            // The next use reports the problem. The rows are deleted an hour later.
        }
    }

    @Override
    public void resolved(long id, String owner, Digest digest) throws StoreAwayException {
        run(connection -> items.resolved(connection, id, owner, digest));
    }

    @Override
    public void finish(long id, String owner, State state, Set<Tag> tags, Progress progress, String reason, String message) throws StoreAwayException {
        database.writeDurably(connection -> {
            items.finish(connection, id, owner, state, tags, progress, reason, message);
            return null;
        });
    }

    @Override
    public void retry(long id, String owner, Duration delay, boolean counted, String reason, String message) throws StoreAwayException {
        run(connection -> items.retry(connection, id, owner, delay, counted, reason, message));
    }

    @Override
    public Item cancel(long id) throws StoreAwayException {
        return database.writeDurably(connection -> items.cancel(connection, id));
    }

    @Override
    public Item find(long id) throws StoreAwayException {
        return database.read(connection -> items.find(connection, id));
    }

    @Override
    public Map<State, Long> counts() throws StoreAwayException {
        return database.read(items::counts);
    }

    @Override
    public Instant oldestWaiting(String destination) throws StoreAwayException {
        return database.read(connection -> items.oldestWaiting(connection, destination));
    }

    @Override
    public List<Item> running(int most) throws StoreAwayException {
        return database.read(connection -> items.running(connection, most));
    }

    @Override
    public List<Item> waiting(int most) throws StoreAwayException {
        return database.read(connection -> items.waiting(connection, most));
    }

    @Override
    public List<Item> finished(Set<State> states, int most) throws StoreAwayException {
        return database.read(connection -> items.finished(connection, states, most));
    }

    @Override
    public Blob claimBlob(Plan.Target destination, Digest digest, String owner, RepositoryName ignored) throws StoreAwayException {
        return database.read(connection -> blobs.claim(connection, destination, digest, owner, ignored));
    }

    @Override
    public void uploaded(Plan.Target destination, Digest digest, String owner, String location, long offset) throws StoreAwayException {
        run(connection -> blobs.uploaded(connection, destination, digest, owner, location, offset));
    }

    @Override
    public void stored(Plan.Target destination, Digest digest) throws StoreAwayException {
        run(connection -> blobs.stored(connection, destination, digest));
    }

    @Override
    public void released(Plan.Target destination, Digest digest, String owner) throws StoreAwayException {
        run(connection -> blobs.released(connection, destination, digest, owner));
    }

    @Override
    public boolean claimLists(String owner) throws StoreAwayException {
        return database.read(connection -> lists.claim(connection, owner));
    }

    @Override
    public void releaseLists(String owner) throws StoreAwayException {
        run(connection -> lists.release(connection, owner));
    }

    @Override
    public Duration untilDue(String entry, Duration every) throws StoreAwayException {
        return database.read(connection -> lists.untilDue(connection, entry, every));
    }

    @Override
    public void read(String entry) throws StoreAwayException {
        run(connection -> lists.read(connection, entry));
    }

    @Override
    public void release(String owner) throws StoreAwayException {
        database.writeDurably(connection -> {
            items.release(connection, owner);
            blobs.release(connection, owner);
            lists.release(connection, owner);
            return null;
        });
    }

    @Override
    public String lastProblem() {
        return database.lastProblem();
    }

    @Override
    public void close() {
        database.close();
    }

    /** Changes that return nothing. */
    private interface Change {

        void run(Connection connection) throws SQLException;
    }

    private void run(Change change) throws StoreAwayException {
        database.write(connection -> {
            change.run(connection);
            return null;
        });
    }
}
