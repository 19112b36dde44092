package io.mirrorregistry.warm.queue;

import io.mirrorregistry.protocol.Digest;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;

/**
 * The statements about lists: which mirror reads them, and when each entry was read. Each method runs in one transaction of its caller's.
 *
 * @param lease how long the reading stays its owner's
 */
record ListTable(Duration lease) {

    /** Maximum characters of an entry as it is stored; PostgreSQL's indexes take no longer ones. */
    private static final int MOST = 500;
    private static final Duration KEPT = Duration.ofDays(90);

    boolean claim(Connection connection, String owner) throws SQLException {
        return Sql.update(connection, "UPDATE warm_lease SET owner = ?, lease = " + Sql.NOW + " + ? WHERE name = 'lists'"
                + " AND (owner IS NULL OR owner = ? OR lease <= " + Sql.NOW + ")", owner, lease.toMillis(), owner) == 1;
    }

    Duration untilDue(Connection connection, String entry, Duration every) throws SQLException {
        Long left = Sql.first(connection, row -> row.getLong(1), "SELECT read_at + ? - " + Sql.NOW + " FROM warm_entry WHERE entry = ?",
                every.toMillis(), key(entry));
        // A time in the future is from before the database's clock was set back.
        return Duration.ofMillis(left == null ? 0 : Math.max(0, Math.min(left, every.toMillis())));
    }

    void read(Connection connection, String entry) throws SQLException {
        if (Sql.update(connection, "UPDATE warm_entry SET read_at = " + Sql.NOW + " WHERE entry = ?", key(entry)) == 0) {
            Sql.update(connection, "INSERT INTO warm_entry (entry, read_at) VALUES (?, " + Sql.NOW + ")", key(entry));
        }
    }

    private static String key(String entry) {
        String clean = Texts.clean(entry);
        return clean.length() <= MOST ? clean : Digest.ofSha256(entry.getBytes(StandardCharsets.UTF_8)).value();
    }

    void renew(Connection connection, String owner) throws SQLException {
        Sql.update(connection, "UPDATE warm_lease SET lease = " + Sql.NOW + " + ? WHERE owner = ?", lease.toMillis(), owner);
    }

    /** Releases the lists if an owner has them. */
    void release(Connection connection, String owner) throws SQLException {
        Sql.update(connection, "UPDATE warm_lease SET owner = NULL WHERE owner = ?", owner);
    }

    /** Releases the lists if another owner has them. */
    void releaseOthers(Connection connection, String owner) throws SQLException {
        Sql.update(connection, "UPDATE warm_lease SET owner = NULL WHERE owner <> ?", owner);
    }

    /** Deletes the rows of entries that were not read for long. */
    void prune(Connection connection) throws SQLException {
        Sql.update(connection, "DELETE FROM warm_entry WHERE read_at < " + Sql.NOW + " - ?", KEPT.toMillis());
    }
}
