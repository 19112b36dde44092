package io.mirrorregistry.warm.queue;

import com.zaxxer.hikari.HikariConfig;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.SQLException;
import java.util.Properties;
import java.util.stream.Stream;

/** The differences between the two databases. All other statements are the same. */
interface Dialect {

    /** Returns the address for the driver. */
    String url();

    /** Returns the driver's class. */
    String driver();

    /** Returns the properties for the driver, the password included. */
    Properties properties();

    /** Sets how many connections there are, and for how long. */
    void configure(HikariConfig pool);

    /**
     * Checks the database before connecting, and makes it if it is a file that does not exist.
     *
     * @param preparation makes the tables
     * @throws StoreAwayException if the database cannot be used
     */
    void check(ConnectionPool.Preparation preparation) throws SQLException, StoreAwayException;

    /** Connects without the pool, and without automatic commits. The address is {@link #url} or one like it. */
    default Connection connect(String url) throws SQLException {
        try {
            Connection connection = ((Driver) Class.forName(driver()).getConstructor().newInstance()).connect(url, properties());
            if (connection == null) {
                throw new SQLException("the driver does not understand the address " + url);
            }
            connection.setAutoCommit(false);
            return connection;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("the driver is a dependency", e);
        }
    }

    /** Returns whether missing tables are made. If false, missing tables are a fault, with the sentence {@link #withoutTables}. */
    boolean mayBeEmpty();

    /** Returns the sentence for a database that has lost its tables. */
    String withoutTables();

    /** Returns whether only this process can use the database while it is open. */
    boolean isEmbedded();

    /** Returns the end of a query that locks the rows it returns and leaves out those that others have locked; empty if the dialect does not need it. */
    String skipLocked();

    /** Waits until no other mirror upgrades the tables, and keeps others from it until the end of the transaction. */
    void lockSchema(Connection connection) throws SQLException;

    /** Writes the committed changes to the file, so that the change outlives this process. */
    void flush(Connection connection) throws SQLException;

    /** Returns whether a table does not exist. */
    boolean isMissingTable(SQLException failure);

    /** Returns whether the connections and the tables are to be made again after a failure. */
    boolean isBroken(SQLException failure);

    /** Is called with a connection before that is closed because of a failure. */
    default void abandon(Connection connection, SQLException failure) {
    }

    /** Returns whether two transactions were in conflict, so that the same transaction can succeed when it is run again. */
    default boolean isConflict(SQLException failure) {
        String state = state(failure);
        return state.equals("23505") || state.equals("40001") || state.equals("40P01");
    }

    /** Returns the failure as one sentence for a person, without secrets. */
    String sentence(SQLException failure);

    /** Returns the SQLSTATE; empty for none. */
    static String state(SQLException failure) {
        return failure.getSQLState() == null ? "" : failure.getSQLState();
    }

    /** Returns a failure, its causes, and the causes of these. */
    static Stream<Throwable> causes(Throwable failure) {
        return Stream.iterate(failure, cause -> cause != null, Throwable::getCause).limit(20);
    }

    /** Returns whether a failure or one of its causes has a word in its message. */
    static boolean mentions(Throwable failure, String words) {
        return causes(failure).anyMatch(cause -> cause.getMessage() != null && cause.getMessage().contains(words));
    }

    /** Returns the first line of a failure's message, at most 300 characters of it, without a period at the end. */
    static String firstLine(Throwable failure) {
        String message = failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage().strip();
        String line = Texts.cut(Texts.clean(message.lines().findFirst().orElse("")), 300);
        return line.endsWith(".") ? line.substring(0, line.length() - 1) : line;
    }
}
