package io.mirrorregistry.warm.queue;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens, reopens and closes the connections to the database, and knows why the database cannot be used. Nothing connects before the first use; after a
 * failure the next use connects again, at most once in {@link #PAUSE}.
 *
 * <p>Thread-safe. The thread that connects, or takes a pool out of use, holds {@link #opening}, which guards writes of {@link #opened} and {@link #connected}.
 * Before the first use, other threads wait for the lock; while there is a problem, they fail at once. Threads that call these methods must not be interrupted.
 */
final class ConnectionPool {

    private static final Logger LOG = LoggerFactory.getLogger(ConnectionPool.class);
    /** Maximum connections. */
    static final int MAX_CONNECTIONS = 6;
    /** The sentence for a database that takes too long. */
    static final String SLOW = "The database does not answer in time";
    /** The sentence for a database that was closed. */
    static final String CLOSED = "The database is closed, as the mirror ends";
    /** How long no thread connects after a failure, in nanoseconds. */
    private static final long PAUSE = TimeUnit.SECONDS.toNanos(1);
    /** How long a thread waits for a connection, in milliseconds. */
    private static final long CONNECTION_TIMEOUT = 4000;

    private final Dialect dialect;
    private final Preparation preparation;
    private final ReentrantLock opening = new ReentrantLock();
    /** Null before the first use, after a failure, and once the pool is closed. */
    private volatile Opened opened;
    /** Why the database could not be used the last time; null if it could. */
    private volatile String problem;
    /** When the problem was noted last, as {@link System#nanoTime}. */
    private volatile long failed;
    private volatile boolean closed;
    private volatile int connected;

    /** Is run with a new connection before the database is used. */
    interface Preparation {

        /** @param mayBeEmpty whether tables are made if there are none */
        void run(Connection connection, boolean mayBeEmpty) throws SQLException, StoreAwayException;
    }

    /**
     * A pool that is open.
     *
     * @param first keeps H2's file open; null for PostgreSQL
     */
    record Opened(HikariDataSource pool, Connection first) implements AutoCloseable {

        @Override
        public void close() {
            pool.close();
            closeSilently(first);
        }
    }

    ConnectionPool(Dialect dialect, Preparation preparation) {
        this.dialect = dialect;
        this.preparation = preparation;
    }

    /** Returns how often connections were made. For tests. */
    int connected() {
        return connected;
    }

    /** Returns why the database could not be used the last time; null if it could. */
    String lastProblem() {
        return problem;
    }

    /**
     * Returns the open pool, and connects if there is none.
     *
     * @throws StoreAwayException if the database cannot be used, or if the pool is closed
     */
    Opened open() throws StoreAwayException {
        Opened there = opened;
        if (there != null && !closed) {
            return there;
        }
        takeOpening();
        try {
            if (closed) {
                throw new StoreAwayException(CLOSED);
            }
            if (opened == null) {
                if (problem != null && System.nanoTime() - failed < PAUSE) {
                    throw new StoreAwayException(problem);
                }
                opened = connect();
                connected++;
            }
            return opened;
        } finally {
            opening.unlock();
        }
    }

    private void takeOpening() throws StoreAwayException {
        try {
            if (opening.tryLock(problem == null ? 2 * CONNECTION_TIMEOUT : 0, TimeUnit.MILLISECONDS)) {
                return;
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException("no thread of the database is interrupted", e);
        }
        String known = problem;
        throw new StoreAwayException(known == null ? SLOW : known);
    }

    /** Connects without the pool at first: the pool would hide the failure until its timeout. */
    private Opened connect() throws StoreAwayException {
        Connection first = null;
        try {
            dialect.check(preparation);
            first = dialect.connect(dialect.url());
            preparation.run(first, dialect.mayBeEmpty());
            first.commit();
            Opened made = new Opened(pool(), dialect.isEmbedded() ? first : null);
            first = dialect.isEmbedded() ? null : first;
            return made;
        } catch (SQLException e) {
            if (first != null) {
                dialect.abandon(first, e);
            }
            throw away(dialect.sentence(e));
        } catch (StoreAwayException e) {
            throw away(e.getMessage());
        } finally {
            closeSilently(first);
        }
    }

    private HikariDataSource pool() {
        HikariConfig config = new HikariConfig();
        config.setPoolName("warm-store");
        config.setDriverClassName(dialect.driver());
        config.setJdbcUrl(dialect.url());
        config.setDataSourceProperties(dialect.properties());
        config.setAutoCommit(false);
        config.setConnectionTimeout(CONNECTION_TIMEOUT);
        config.setValidationTimeout(Duration.ofSeconds(2).toMillis());
        config.setInitializationFailTimeout(-1);
        config.setMaximumPoolSize(MAX_CONNECTIONS);
        dialect.configure(config);
        return new HikariDataSource(config);
    }

    private static void closeSilently(Connection connection) {
        try {
            if (connection != null) {
                connection.close();
            }
        } catch (SQLException e) {
            // The connection is not used again.
        }
    }

    /** Notes why the database cannot be used, and logs it if it is another problem than before. Returns the exception to throw. */
    StoreAwayException away(String sentence) {
        failed = System.nanoTime();
        if (!sentence.equals(problem)) {
            LOG.warn("The database of the queue of copies cannot be used: {}", sentence);
        }
        problem = sentence;
        return new StoreAwayException(sentence);
    }

    /** Notes that the database was written. */
    void written() {
        if (problem != null) {
            problem = null;
            LOG.info("The database of the queue of copies can be used again");
        }
    }

    /** Closes a pool after a failure, so that the next use connects again. Does nothing if another thread has done so. */
    void discard(Opened used, SQLException failure) {
        opening.lock();
        try {
            if (opened != used) {
                return;
            }
            opened = null;
            if (used.first() != null) {
                dialect.abandon(used.first(), failure);
                used.close();
            } else {
                closeInBackground(used);
            }
        } finally {
            opening.unlock();
        }
    }

    /**
     * The next pool for PostgreSQL need not wait for the end of the last one. HikariPool.shutdown holds the pool's monitor while it waits up to 10 s for the
     * thread that closes a broken connection, and that thread may wait for the monitor in HikariPool.fillPool.
     */
    private static void closeInBackground(Opened used) {
        Thread thread = new Thread(used::close, "warm-store-close");
        thread.setDaemon(true);
        thread.start();
    }

    /** From now on {@link #open} fails. Does not block. */
    void refuse() {
        closed = true;
    }

    /** Closes the connections. */
    void close() {
        opening.lock();
        try {
            Opened there = opened;
            opened = null;
            if (there != null) {
                there.close();
            }
        } finally {
            opening.unlock();
        }
    }
}
