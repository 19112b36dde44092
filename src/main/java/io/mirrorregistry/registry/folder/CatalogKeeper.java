package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.work.FatalErrors;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the newest good {@link Catalog}. Each call compares the stamp of {@code index.json}; when it is another, one
 * thread reads the folder while the others go on with the catalog there is.
 */
final class CatalogKeeper {

    /**
     * How long a catalog is believed although it may change with {@code index.json} staying the same: something was left out
     * that may have come meanwhile, or the file was written within the tick of a coarse clock.
     */
    static final Duration RECHECK = Duration.ofSeconds(2);

    /** A folder that takes long to read is left alone for so many times as long, so that rechecks cost 2 % at the most. */
    static final int REST = 50;

    private static final Logger LOG = LoggerFactory.getLogger(ImageLayout.class);

    /**
     * One look at the folder.
     *
     * @param began when it began
     * @param ended when it ended
     * @param settled whether it need not be looked at again before {@code index.json} changes
     * @param catalog the last good one; null where there has been none
     * @param failure why the folder could not be read this time; null where it could
     */
    private record Look(IndexStamp stamp, Instant began, Instant ended, boolean settled, Catalog catalog, String failure) {

        boolean isCurrent(IndexStamp now, Instant time) {
            return stamp.equals(now) && (settled || Duration.between(ended, time).abs().compareTo(rest()) < 0);
        }

        private Duration rest() {
            Duration rest = Duration.between(began, ended).multipliedBy(REST);
            return rest.compareTo(RECHECK) > 0 ? rest : RECHECK;
        }

        /** Returns the current problems in one line; null where there are none. */
        String problem() {
            if (failure != null) {
                return catalog == null ? failure : failure + " What was read before is still served.";
            }
            return catalog.problems().isEmpty() ? null : catalog.problems().toString();
        }
    }

    private final CatalogReader reader;
    private final InstantSource clock;
    private final ReentrantLock reading = new ReentrantLock();
    private volatile Look latest;
    private volatile boolean suspect;

    CatalogKeeper(CatalogReader reader, InstantSource clock) {
        this.reader = reader;
        this.clock = clock;
    }

    /** @throws ImageLayoutException when there is nothing to serve, and never was */
    Catalog catalog() throws ImageLayoutException {
        Look look = look();
        if (look.catalog() == null) {
            throw new ImageLayoutException(look.failure());
        }
        return look.catalog();
    }

    /** Returns the catalog that was read last, without looking at the folder; null where there is none. */
    Catalog last() {
        Look seen = latest;
        return seen == null ? null : seen.catalog();
    }

    /** Returns what is wrong now, in one line; null where nothing is. */
    String problem() {
        return look().problem();
    }

    /** Returns how many images are served. */
    int size() {
        Look look = look();
        return look.catalog() == null ? 0 : look.catalog().size();
    }

    /** Has the folder read again at the next call, because a file in it is not what the catalog says. */
    void suspect() {
        suspect = true;
    }

    private Look look() {
        Look seen = latest;
        IndexStamp stamp = reader.stamp();
        if (seen != null && !suspect && seen.isCurrent(stamp, clock.instant())) {
            return seen;
        }
        if (seen == null) {
            reading.lock();
        } else if (!reading.tryLock()) {
            return seen;
        }
        try {
            if (latest == seen) {
                suspect = false;
                Look next = read(stamp, seen);
                report(seen, next);
                latest = next;
            }
            return latest;
        } finally {
            reading.unlock();
        }
    }

    /** The stamp is older than what is read, so that a change meanwhile shows at the next call. */
    private Look read(IndexStamp stamp, Look before) {
        Catalog last = before == null ? null : before.catalog();
        Map<Digest, Manifest> known = last == null ? Map.of() : last.manifests();
        Instant began = clock.instant();
        try {
            Catalog catalog = reader.read(known);
            boolean settled = catalog.problems().isEmpty() && !stamp.isYoung(began, RECHECK);
            return new Look(stamp, began, clock.instant(), settled, catalog, null);
        } catch (ImageLayoutException e) {
            boolean settled = e.lasting() && !stamp.isYoung(began, RECHECK);
            return new Look(stamp, began, clock.instant(), settled, last, e.getMessage());
        } catch (RuntimeException | Error e) {
            // Kept as a failed look, too: otherwise every request would read the folder again.
            FatalErrors.check(e);
            LOG.debug("The folder of images cannot be read", e);
            return new Look(stamp, began, clock.instant(), false, last, "The folder of images cannot be read (" + e.getClass().getSimpleName() + ").");
        }
    }

    private static void report(Look before, Look now) {
        String problem = now.problem();
        if (before != null && before.stamp().equals(now.stamp()) && Objects.equals(before.problem(), problem)) {
            return;
        }
        int images = now.catalog() == null ? 0 : now.catalog().size();
        int repositories = now.catalog() == null ? 0 : now.catalog().repositories().size();
        if (problem == null) {
            LOG.info("Folder of images: images {}, repositories {}.", images, repositories);
        } else {
            LOG.warn("Folder of images: images {}, repositories {}. {}", images, repositories, problem);
        }
    }
}
