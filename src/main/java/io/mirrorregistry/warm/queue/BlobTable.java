package io.mirrorregistry.warm.queue;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;

/**
 * The statements about blobs. A row names a repository that has the blob, or to which a mirror copies the blob. This mirror is the owner of the row until
 * the lease ends. After an interrupted upload the row has no owner. Each method runs in one transaction of its caller's.
 *
 * @param lease how long a blob stays its owner's
 */
record BlobTable(Duration lease) {

    private static final String KEY = "registry = ? AND digest = ?";
    /** The blob is still the owner's, in this repository. */
    private static final String OWN = KEY + " AND repository = ? AND stored = FALSE AND owner = ?";
    private static final Duration KEPT = Duration.ofDays(90);
    /** How exactly the last use of a blob is stored: a write for each use would be too much. */
    private static final Duration USED = Duration.ofDays(1);

    /**
     * A row.
     *
     * @param copying whether a mirror copies the blob now
     * @param old whether the last use is longer ago than {@link #USED}
     */
    private record Row(RepositoryName repository, boolean stored, boolean copying, String location, long offset, boolean old) {

        static Row of(ResultSet row) throws SQLException {
            return new Row(new RepositoryName(row.getString("repository")), row.getBoolean("stored"), row.getBoolean("copying"), row.getString("location"),
                    row.getLong("upload_offset"), row.getBoolean("old"));
        }
    }

    Store.Blob claim(Connection connection, Plan.Target destination, Digest digest, String owner, RepositoryName ignored) throws SQLException {
        Row row = Sql.first(connection, Row::of, "SELECT repository, stored, location, upload_offset, owner IS NOT NULL AND lease > " + Sql.NOW + " AS copying, used < " + Sql.NOW
                + " - ? AS old FROM warm_blob WHERE " + KEY + " FOR UPDATE", USED.toMillis(), destination.registry(), digest.value());
        if (row == null) {
            Sql.update(connection, "INSERT INTO warm_blob (registry, digest, repository, stored, owner, lease, upload_offset, used) VALUES (?, ?, ?, FALSE, ?, " + Sql.NOW + " + ?, 0, "
                    + Sql.NOW + ")", destination.registry(), digest.value(), destination.name().value(), owner, lease.toMillis());
            return new Store.Blob(true, null, null, 0);
        }
        if (row.stored() && !row.repository().equals(ignored) && !row.repository().equals(destination.name())) {
            if (row.old()) {
                Sql.update(connection, "UPDATE warm_blob SET used = " + Sql.NOW + " WHERE " + KEY, destination.registry(), digest.value());
            }
            return new Store.Blob(false, row.repository(), null, 0);
        }
        if (!row.stored() && row.copying()) {
            return new Store.Blob(false, null, null, 0);
        }
        boolean continued = !row.stored() && row.repository().equals(destination.name()) && row.location() != null;
        Store.Blob mine = new Store.Blob(true, null, continued ? row.location() : null, continued ? row.offset() : 0);
        Sql.update(connection, "UPDATE warm_blob SET repository = ?, stored = FALSE, owner = ?, lease = " + Sql.NOW + " + ?, location = ?, upload_offset = ?, used = " + Sql.NOW + " WHERE "
                + KEY, destination.name().value(), owner, lease.toMillis(), mine.location(), mine.offset(), destination.registry(), digest.value());
        return mine;
    }

    void uploaded(Connection connection, Plan.Target destination, Digest digest, String owner, String location, long offset) throws SQLException {
        Sql.update(connection, "UPDATE warm_blob SET location = ?, upload_offset = ? WHERE " + OWN, location, offset, destination.registry(), digest.value(),
                destination.name().value(), owner);
    }

    void stored(Connection connection, Plan.Target destination, Digest digest) throws SQLException {
        int known = Sql.update(connection, "UPDATE warm_blob SET repository = ?, stored = TRUE, owner = NULL, lease = 0, location = NULL, upload_offset = 0, used = " + Sql.NOW
                + " WHERE " + KEY, destination.name().value(), destination.registry(), digest.value());
        if (known == 0) {
            Sql.update(connection, "INSERT INTO warm_blob (registry, digest, repository, stored, lease, upload_offset, used) VALUES (?, ?, ?, TRUE, 0, 0, " + Sql.NOW + ")",
                    destination.registry(), digest.value(), destination.name().value());
        }
    }

    void released(Connection connection, Plan.Target destination, Digest digest, String owner) throws SQLException {
        Sql.update(connection, "UPDATE warm_blob SET owner = NULL, lease = 0 WHERE " + OWN, destination.registry(), digest.value(), destination.name().value(), owner);
    }

    /** Renews leases in the order of the digests: two transactions that lock in different orders could wait for each other. */
    void renew(Connection connection, String owner, Collection<Store.BlobKey> copied) throws SQLException {
        for (Store.BlobKey blob : copied.stream().sorted(Comparator.comparing((Store.BlobKey key) -> key.digest().value())).toList()) {
            Sql.update(connection, "UPDATE warm_blob SET lease = " + Sql.NOW + " + ? WHERE " + KEY + " AND owner = ?", lease.toMillis(), blob.registry(), blob.digest().value(), owner);
        }
    }

    /** Releases the blobs of an owner. */
    void release(Connection connection, String owner) throws SQLException {
        Sql.update(connection, "UPDATE warm_blob SET owner = NULL, lease = 0 WHERE owner = ?", owner);
    }

    /** Releases the blobs of other owners. */
    void releaseOthers(Connection connection, String owner) throws SQLException {
        Sql.update(connection, "UPDATE warm_blob SET owner = NULL, lease = 0 WHERE owner <> ?", owner);
    }

    /** Deletes the rows of blobs that were not used for long. */
    void prune(Connection connection) throws SQLException {
        Sql.update(connection, "DELETE FROM warm_blob WHERE owner IS NULL AND used < " + Sql.NOW + " - ?", KEPT.toMillis());
    }
}
