package io.mirrorregistry.warm.queue;

import com.zaxxer.hikari.HikariConfig;
import io.mirrorregistry.config.StoreSettings;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;

/** PostgreSQL, which replicas share. */
record PostgresDialect(StoreSettings settings) implements Dialect {

    /** Any number that no other program is likely to lock in the same database: "warm" as bytes. */
    private static final long SCHEMA_LOCK = 0x7761726dL;

    @Override
    public String url() {
        return settings.url();
    }

    @Override
    public String driver() {
        return "org.postgresql.Driver";
    }

    /** Returns the driver's settings. The address has precedence; times are in seconds. */
    @Override
    public Properties properties() {
        Properties properties = new Properties();
        properties.putAll(Map.of("ApplicationName", "mirror-registry", "tcpKeepAlive", "true", "connectTimeout", "3", "loginTimeout", "4", "socketTimeout", "8",
                "cancelSignalTimeout", "2"));
        if (!settings.username().isEmpty()) {
            properties.setProperty("user", settings.username());
        }
        if (!settings.password().isEmpty()) {
            properties.setProperty("password", settings.password());
        }
        return properties;
    }

    @Override
    public void configure(HikariConfig pool) {
        // With none that must be there, the pool does not connect in the background while the database is away.
        pool.setMinimumIdle(0);
        pool.setIdleTimeout(Duration.ofMinutes(1).toMillis());
        // If a mirror hangs in a transaction, its row locks end after this time.
        pool.setConnectionInitSql("SET idle_in_transaction_session_timeout = '30s'");
    }

    @Override
    public void check(ConnectionPool.Preparation preparation) {
        // There is nothing to check without a connection.
    }

    @Override
    public boolean mayBeEmpty() {
        return true;
    }

    @Override
    public String withoutTables() {
        throw new IllegalStateException("a database may be empty");
    }

    @Override
    public boolean isEmbedded() {
        return false;
    }

    @Override
    public String skipLocked() {
        return " FOR UPDATE SKIP LOCKED";
    }

    @Override
    public void lockSchema(Connection connection) throws SQLException {
        Sql.first(connection, row -> true, "SELECT pg_advisory_xact_lock(?)", SCHEMA_LOCK);
    }

    @Override
    public void flush(Connection connection) {
        // A commit does that.
    }

    @Override
    public boolean isMissingTable(SQLException failure) {
        return Dialect.state(failure).equals("42P01");
    }

    @Override
    public boolean isBroken(SQLException failure) {
        String state = Dialect.state(failure);
        return state.startsWith("08") || state.startsWith("57P0") || state.equals("25P03") || isMissingTable(failure) || failure.getCause() instanceof SQLException;
    }

    /** @see <a href="https://www.postgresql.org/docs/current/errcodes-appendix.html">PostgreSQL's error codes</a> */
    @Override
    public String sentence(SQLException failure) {
        if (failure instanceof SQLTransientConnectionException && failure.getCause() == null) {
            return "All connections to PostgreSQL are in use: its answers take too long";
        }
        SQLException cause = Dialect.causes(failure).filter(SQLException.class::isInstance).map(SQLException.class::cast)
                .filter(e -> !Dialect.state(e).isEmpty()).reduce((first, second) -> second).orElse(failure);
        String said = " (" + Dialect.firstLine(cause) + ")";
        String state = Dialect.state(cause);
        switch (state) {
            case "28P01":
                return "PostgreSQL refuses the user or the password: check mirror.store.username and mirror.store.password" + said;
            case "28000":
                return "PostgreSQL refuses the user, or connections from this host (pg_hba.conf)" + said;
            case "3D000":
                return "The database does not exist: create it, or change " + StoreSettings.URL + said;
            case "42501":
                return "PostgreSQL does not permit the user to make or use the tables: grant CREATE on the schema, or make the user the owner of the tables" + said;
            case "3F000":
                return "The database has no schema in which tables can be made: create one that is in the user's search_path" + said;
            case "53100":
                return "The disk of PostgreSQL is full" + said;
            case "53300":
                return "PostgreSQL has no connection left: raise its max_connections, or use fewer replicas" + said;
            case "25006":
                return "The database is read-only: it may be a standby, so let " + StoreSettings.URL + " name the primary" + said;
            case "57014":
                return "PostgreSQL did not answer a query within " + Sql.TIMEOUT + " s";
            default:
                return unexpected(cause, state, said);
        }
    }

    private String unexpected(SQLException cause, String state, String said) {
        if (state.startsWith("08") || state.startsWith("57P0")) {
            if (Dialect.causes(cause).anyMatch(UnknownHostException.class::isInstance)) {
                return "The host name of PostgreSQL is not known: check " + StoreSettings.URL + " (" + settings.url() + ")";
            }
            return Dialect.causes(cause).anyMatch(SocketTimeoutException.class::isInstance) ? "PostgreSQL does not answer in time (" + settings.url() + ")"
                    : "PostgreSQL cannot be reached" + said;
        }
        return state.isEmpty() ? "PostgreSQL cannot be used" + said : "PostgreSQL failed with SQLSTATE " + state + said;
    }
}
