package io.mirrorregistry.warm.queue;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Runs transactions, and runs them again after conflicts and broken connections.
 *
 * <p>The transactions run on threads of this class, which are never interrupted: H2 closes its file when a thread is interrupted in a read or write.
 *
 * <p>Thread-safe.
 */
final class Database implements AutoCloseable {

    /** How often a transaction is run again after a conflict with another one. */
    private static final int MOST_CONFLICTS = 10;
    /** How long a caller waits at most, in nanoseconds: longer than a query and a connection may take. */
    private static final long CALLER_TIMEOUT = TimeUnit.SECONDS.toNanos(20);

    private final Dialect dialect;
    private final ConnectionPool connections;
    private final ThreadPoolExecutor threads;

    /** Statements that are run in one transaction, perhaps several times. */
    interface Work<T> {

        T run(Connection connection) throws SQLException;
    }

    /** What a successful transaction shows of the database. */
    private enum Kind {
        /** It can be read; whether it can be written is not known. */
        READ,
        /** It can be written. */
        WRITE,
        /** It can be written, and the changes outlive this process. */
        DURABLE
    }

    Database(Dialect dialect, ConnectionPool.Preparation preparation) {
        this.dialect = dialect;
        this.connections = new ConnectionPool(dialect, preparation);
        AtomicInteger number = new AtomicInteger();
        threads = new ThreadPoolExecutor(ConnectionPool.MAX_CONNECTIONS, ConnectionPool.MAX_CONNECTIONS, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> {
            Thread thread = new Thread(work, "warm-store-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
        threads.allowCoreThreadTimeOut(true);
    }

    /** Returns how often connections were made. For tests. */
    int connected() {
        return connections.connected();
    }

    /** Runs a transaction that changes nothing, or that may find nothing to change. */
    <T> T read(Work<T> work) throws StoreAwayException {
        return run(Kind.READ, work);
    }

    /** Runs a transaction that changes something. H2 may lose the change if this process is killed within the next second. */
    <T> T write(Work<T> work) throws StoreAwayException {
        return run(Kind.WRITE, work);
    }

    /** Runs a transaction whose changes outlive this process, however it ends. */
    <T> T writeDurably(Work<T> work) throws StoreAwayException {
        return run(Kind.DURABLE, work);
    }

    /** Returns why the database could not be used the last time; null if it could. */
    String lastProblem() {
        return connections.lastProblem();
    }

    /** Runs the work on a thread of the database. If this thread is interrupted, it continues to wait, and is interrupted again afterwards. */
    private <T> T run(Kind kind, Work<T> work) throws StoreAwayException {
        Future<T> result;
        try {
            result = threads.submit(() -> attempts(kind, work));
        } catch (RejectedExecutionException e) {
            throw new StoreAwayException(ConnectionPool.CLOSED);
        }
        boolean interrupted = false;
        long end = System.nanoTime() + CALLER_TIMEOUT;
        try {
            while (true) {
                try {
                    return result.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } catch (TimeoutException e) {
            result.cancel(false);
            throw new StoreAwayException(ConnectionPool.SLOW);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof StoreAwayException away) {
                throw new StoreAwayException(away.getMessage());
            }
            throw new IllegalStateException(e.getCause());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private <T> T attempts(Kind kind, Work<T> work) throws StoreAwayException {
        int conflicts = 0;
        boolean reopened = false;
        while (true) {
            ConnectionPool.Opened used = connections.open();
            try {
                T result = transaction(used, kind, work);
                if (kind != Kind.READ) {
                    connections.written();
                }
                return result;
            } catch (SQLException e) {
                if (dialect.isConflict(e) && conflicts++ < MOST_CONFLICTS) {
                    continue;
                }
                boolean broken = used.pool().isClosed() || dialect.isBroken(e);
                if (broken) {
                    connections.discard(used, e);
                }
                if (!broken || reopened || isLate(e)) {
                    throw connections.away(dialect.sentence(e));
                }
                reopened = true;
            }
        }
    }

    /** Returns whether the thread has waited for a connection already. */
    private static boolean isLate(SQLException failure) {
        return failure instanceof SQLTransientConnectionException;
    }

    private <T> T transaction(ConnectionPool.Opened used, Kind kind, Work<T> work) throws SQLException {
        try (Connection connection = used.pool().getConnection()) {
            try {
                T result = work.run(connection);
                connection.commit();
                if (kind == Kind.DURABLE) {
                    dialect.flush(connection);
                }
                return result;
            } catch (SQLException e) {
                rollBack(connection, e);
                throw e;
            } catch (RuntimeException e) {
                // A row that cannot be read, as after damage.
                rollBack(connection, e);
                throw new SQLException(e.getMessage(), e);
            }
        }
    }

    private static void rollBack(Connection connection, Exception failure) {
        try {
            connection.rollback();
        } catch (SQLException e) {
            failure.addSuppressed(e);
        }
    }

    /** Closes the connections once the transactions that run have ended; transactions that wait fail. */
    @Override
    public void close() {
        connections.refuse();
        try {
            threads.execute(connections::close);
        } catch (RejectedExecutionException e) {
            return;
        }
        threads.shutdown();
        boolean interrupted = false;
        long end = System.nanoTime() + CALLER_TIMEOUT;
        while (!threads.isTerminated() && System.nanoTime() < end) {
            try {
                threads.awaitTermination(end - System.nanoTime(), TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
