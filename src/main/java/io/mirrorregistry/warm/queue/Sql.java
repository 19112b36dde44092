package io.mirrorregistry.warm.queue;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Runs statements, each with a time limit. */
final class Sql {

    /** The time now, in milliseconds since 1970: the database's, as the clocks of replicas may differ. In both dialects it is when the transaction began. */
    static final String NOW = "CAST(EXTRACT(EPOCH FROM CURRENT_TIMESTAMP) * 1000 AS BIGINT)";
    /** Maximum seconds that a statement may take, locks of other transactions included. */
    static final int TIMEOUT = 5;

    /** Reads a row. */
    interface Row<T> {

        T read(ResultSet row) throws SQLException;
    }

    private Sql() {
    }

    /** Returns how many rows were changed. */
    static int update(Connection connection, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = statement(connection, sql, values)) {
            return statement.executeUpdate();
        }
    }

    /** Returns all rows. */
    static <T> List<T> list(Connection connection, Row<T> reader, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = statement(connection, sql, values); ResultSet rows = statement.executeQuery()) {
            List<T> list = new ArrayList<>();
            while (rows.next()) {
                list.add(reader.read(rows));
            }
            return list;
        }
    }

    /** Returns the first row; null for none. */
    static <T> T first(Connection connection, Row<T> reader, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = statement(connection, sql, values); ResultSet rows = statement.executeQuery()) {
            return rows.next() ? reader.read(rows) : null;
        }
    }

    /** Returns {@code ?, ?, ?} for so many values. */
    static String marks(int count) {
        return String.join(", ", Collections.nCopies(count, "?"));
    }

    private static PreparedStatement statement(Connection connection, String sql, Object... values) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        try {
            // H2 keeps it in the connection, and runs a statement to change it.
            if (statement.getQueryTimeout() != TIMEOUT) {
                statement.setQueryTimeout(TIMEOUT);
            }
            for (int i = 0; i < values.length; i++) {
                statement.setObject(i + 1, values[i]);
            }
            return statement;
        } catch (SQLException e) {
            statement.close();
            throw e;
        }
    }
}
