package io.mirrorregistry.warm.queue;

import io.mirrorregistry.config.StoreSettings;
import io.mirrorregistry.files.Denied;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.util.Optional;
import java.util.Set;
import org.h2.api.ErrorCode;
import org.h2.mvstore.DataUtils;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.MVStoreException;

/** The file of an H2 database: checks it, and words its failures. Thread-safe. */
final class H2File {

    /** The end of the name, which H2 adds. */
    static final String EXTENSION = ".mv.db";

    private static final Set<Integer> DAMAGE = Set.of(DataUtils.ERROR_FILE_CORRUPT, DataUtils.ERROR_READING_FAILED, DataUtils.ERROR_UNSUPPORTED_FORMAT,
            DataUtils.ERROR_CHUNK_NOT_FOUND);

    private final Path path;
    private volatile Damage damage;

    /**
     * Damage that was found.
     *
     * @param state the file's when it was found
     */
    private record Damage(String sentence, String state) {
    }

    /** @param name the path without the extension */
    H2File(Path name) {
        path = name.resolveSibling(name.getFileName() + EXTENSION);
    }

    Path path() {
        return path;
    }

    /** Returns whether there is no file, or one without a byte. */
    boolean isMissing() {
        return path.toFile().length() == 0;
    }

    /**
     * Makes the folder, and checks the file without changing it.
     *
     * @throws StoreAwayException if the file cannot be used, or if it has not changed since damage was found
     */
    void check() throws StoreAwayException {
        Path folder = path.getParent();
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new StoreAwayException("The folder " + folder + " of the database file cannot be created: " + Denied.reason(folder, e));
        }
        if (Files.exists(path) && !Files.isWritable(path)) {
            throw new StoreAwayException(readOnly());
        }
        if (isMissing() && !Files.isWritable(folder)) {
            throw new StoreAwayException("The database file " + path + " cannot be made: the folder is read-only for this mirror");
        }
        Damage found = damage;
        if (found != null && found.state().equals(state())) {
            throw new StoreAwayException(found.sentence());
        }
        if (!isMissing() && isEmpty()) {
            throw new StoreAwayException(withoutTables());
        }
    }

    /** Returns whether nothing can be read but the beginning of the file. H2 would take that for a new database, and fill it. */
    private boolean isEmpty() {
        try (MVStore content = new MVStore.Builder().fileName(path.toString()).readOnly().open()) {
            return content.getMapNames().isEmpty();
        } catch (MVStoreException e) {
            return false;
        }
    }

    /** Returns a text that changes when another file is put in its place. */
    private String state() {
        try {
            BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
            return attributes.fileKey() + " " + attributes.size() + " " + attributes.lastModifiedTime();
        } catch (IOException e) {
            return "";
        }
    }

    /** Returns whether damage is the cause of a failure. */
    static boolean isDamage(SQLException failure) {
        return cause(failure).isPresent() || failure.getErrorCode() == ErrorCode.FILE_CORRUPTED_1 || failure.getErrorCode() == ErrorCode.FILE_VERSION_ERROR_1;
    }

    private static Optional<Throwable> cause(SQLException failure) {
        return Dialect.causes(failure).filter(cause -> cause instanceof MVStoreException e && DAMAGE.contains(e.getErrorCode())).findFirst();
    }

    /** Remembers damage, so that the file is not opened again as it is: H2 would continue with an older state of it that it can read. */
    void rememberDamage(SQLException failure) {
        damage = new Damage(sentence(failure), state());
    }

    /** Returns whether a query was too slow, or had to wait too long, while nothing is wrong with the file. */
    static boolean isSlow(SQLException failure) {
        return failure.getErrorCode() == ErrorCode.LOCK_TIMEOUT_1 || failure.getErrorCode() == ErrorCode.STATEMENT_WAS_CANCELED
                || failure instanceof SQLTransientConnectionException;
    }

    /** Returns a failure as one sentence for a person. */
    String sentence(SQLException failure) {
        if (Dialect.mentions(failure, "No space left on device") || Dialect.mentions(failure, "Disk quota exceeded") || Dialect.mentions(failure, "File too large")) {
            return "The disk is full: the database file " + path + " cannot grow";
        }
        if (isDamage(failure)) {
            // The message of H2 without the name of the file and the version of H2.
            return damaged(Dialect.firstLine(cause(failure).orElse(failure)).replaceFirst(" \\[[^\\[]*]$", "").replace(": " + path, "").replace(": file:" + path, ""));
        }
        if (isSlow(failure)) {
            return "The database file " + path + " was too slow: a query took longer than " + Sql.TIMEOUT + " s";
        }
        switch (failure.getErrorCode()) {
            case ErrorCode.DATABASE_ALREADY_OPEN_1:
                return "The database file " + path + " is in use by another process: give each mirror a file of its own, or a PostgreSQL for all, in " + StoreSettings.URL;
            case ErrorCode.DATABASE_IS_READ_ONLY:
                return readOnly();
            case ErrorCode.WRONG_USER_OR_PASSWORD:
                return "The database file " + path + " was not made by a mirror, as it has another user; set another " + StoreSettings.URL;
            default:
                return "The database file " + path + " cannot be used (" + Dialect.firstLine(failure) + ")";
        }
    }

    /** Returns the sentence for a file that has none of the tables: each file has them from the beginning. */
    String withoutTables() {
        return damaged("it has none of the tables of a queue");
    }

    private String readOnly() {
        return "The database file " + path + " is read-only for this mirror: let its user write the file, or set another " + StoreSettings.URL;
    }

    private String damaged(String how) {
        return "The database file " + path + " is damaged: " + how
                + "; move it aside (its images are then copied when they are pulled again), then the mirror makes a new one";
    }
}
