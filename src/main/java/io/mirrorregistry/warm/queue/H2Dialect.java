package io.mirrorregistry.warm.queue;

import com.zaxxer.hikari.HikariConfig;
import io.mirrorregistry.files.Denied;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Properties;
import org.h2.api.ErrorCode;

/**
 * H2 in this process, in one file.
 *
 * @param name the path of the file without its extension
 */
record H2Dialect(Path name, H2File file) implements Dialect {

    private static final String OPTIONS = ";DB_CLOSE_ON_EXIT=FALSE;TRACE_LEVEL_FILE=0;TRACE_LEVEL_SYSTEM_OUT=0;CACHE_SIZE=2048;LOCK_TIMEOUT=3000;RETENTION_TIME=5000";

    H2Dialect(Path name) {
        this(name, new H2File(name));
    }

    @Override
    public String url() {
        return url(name);
    }

    private static String url(Path name) {
        return "jdbc:h2:file:" + name + OPTIONS;
    }

    @Override
    public String driver() {
        return "org.h2.Driver";
    }

    /** Returns a fixed user without a password: the permissions of the file decide who may use it. */
    @Override
    public Properties properties() {
        Properties properties = new Properties();
        properties.setProperty("user", "mirror");
        properties.setProperty("password", "");
        return properties;
    }

    @Override
    public void configure(HikariConfig pool) {
        pool.setMinimumIdle(1);
        pool.setMaxLifetime(0);
    }

    /** Makes a new file under another name, then renames it. So a file of the final name always has the tables, even if the process is killed. */
    @Override
    public void check(ConnectionPool.Preparation preparation) throws SQLException, StoreAwayException {
        file.check();
        if (!file.isMissing()) {
            return;
        }
        Path made = name.resolveSibling(name.getFileName() + ".new");
        Path madeFile = new H2File(made).path();
        try {
            Files.deleteIfExists(madeFile);
            try (Connection connection = connect(url(made))) {
                preparation.run(connection, true);
                connection.commit();
            }
            Files.move(madeFile, file.path(), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new StoreAwayException("The database file " + file.path() + " cannot be made: " + Denied.reason(file.path(), e));
        }
    }

    @Override
    public boolean mayBeEmpty() {
        return false;
    }

    @Override
    public String withoutTables() {
        return file.withoutTables();
    }

    @Override
    public boolean isEmbedded() {
        return true;
    }

    /** With SKIP LOCKED, H2 locks all rows that fit before it sorts them. Its claim therefore checks at the update that the item is still due. */
    @Override
    public String skipLocked() {
        return "";
    }

    @Override
    public void lockSchema(Connection connection) {
        // No other process has the file open, and in this process one thread opens it.
    }

    /** Without it, H2 writes half a second later. */
    @Override
    public void flush(Connection connection) throws SQLException {
        Sql.update(connection, "CHECKPOINT");
    }

    @Override
    public boolean isMissingTable(SQLException failure) {
        return Dialect.state(failure).startsWith("42S0");
    }

    /** H2 closes the file after most failures of reading and writing, and reports it by many codes. */
    @Override
    public boolean isBroken(SQLException failure) {
        return !H2File.isSlow(failure);
    }

    /** Leaves a damaged file as it is: when H2 closes a file normally, it moves the readable content to the beginning of the file. */
    @Override
    public void abandon(Connection connection, SQLException failure) {
        if (!H2File.isDamage(failure)) {
            return;
        }
        try {
            Sql.update(connection, "SHUTDOWN IMMEDIATELY");
        } catch (SQLException e) {
            // It fails always, as the connection is gone then.
        }
        file.rememberDamage(failure);
    }

    @Override
    public boolean isConflict(SQLException failure) {
        return Dialect.super.isConflict(failure) || failure.getErrorCode() == ErrorCode.CONCURRENT_UPDATE_1 || failure.getErrorCode() == ErrorCode.DEADLOCK_1;
    }

    @Override
    public String sentence(SQLException failure) {
        return file.sentence(failure);
    }
}
