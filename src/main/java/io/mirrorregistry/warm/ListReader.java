package io.mirrorregistry.warm;

import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.warm.list.Entry;
import io.mirrorregistry.warm.list.WarmList;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import io.mirrorregistry.work.FatalErrors;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Queues the images that lists name and that the destination does not have, or has in another version. Only one replica reads lists at a time. It
 * releases them at the end, so that another replica may read the entries that this one could not read. The time when an entry is due next is kept in memory:
 * the database is asked only for entries that may be due. Used by one thread; {@link #readDueEntries} blocks for registries and the database.
 */
final class ListReader {

    private static final Logger LOG = LoggerFactory.getLogger(ListReader.class);
    /** The lease is renewed after this number of tags. */
    private static final int TAGS_PER_LEASE = 20;
    /** Maximum tags of all entries that are remembered for the next attempt. */
    private static final int MOST_REMAINING = 20_000;
    /** Maximum tags in a line of the log. */
    private static final int MOST_SHOWN = 20;

    private final String owner;
    private final Store store;
    private final Supplier<WarmList> list;
    private final ListedImages images;
    private final LongSupplier nanos;
    private final Map<Entry, EntryProgress> progress = new HashMap<>();
    /** The list that {@link #progress} is about. */
    private WarmList current;
    /** Whether the database may have this mirror as the reader of the lists: it is asked again after a failed release. */
    private boolean claimed;
    /** How many tags were read since the lease was renewed. */
    private int tagsOfLease;

    ListReader(String owner, Store store, Supplier<WarmList> list, ListedImages images) {
        this(owner, store, list, images, System::nanoTime);
    }

    /** @param nanos the clock, as {@link System#nanoTime} */
    ListReader(String owner, Store store, Supplier<WarmList> list, ListedImages images, LongSupplier nanos) {
        this.owner = owner;
        this.store = store;
        this.list = list;
        this.images = images;
        this.nanos = nanos;
    }

    /** Reads the entries that are due. */
    void readDueEntries() {
        WarmList read = list.get();
        if (read != current) {
            progress.keySet().retainAll(Set.copyOf(read.entries()));
            current = read;
        }
        try {
            readDueEntries(read);
        } catch (StoreAwayException e) {
            LOG.debug("the lists are not read: {}", e.getMessage());
        } finally {
            release();
        }
    }

    private void readDueEntries(WarmList read) throws StoreAwayException {
        boolean mine = false;
        for (Entry entry : read.entries()) {
            EntryProgress at = progress.computeIfAbsent(entry, added -> new EntryProgress(added.every(), nanos));
            if (!at.mayBeDue()) {
                continue;
            }
            mine = mine || claim();
            // A list that was replaced meanwhile is read by the next call.
            if (!mine || isStopping() || list.get() != read || !read(entry, at)) {
                return;
            }
        }
    }

    private boolean claim() throws StoreAwayException {
        tagsOfLease = 0;
        // The database may have stored a claim although its response was lost.
        claimed = true;
        claimed = store.claimLists(owner);
        return claimed;
    }

    private void release() {
        if (claimed) {
            try {
                store.releaseLists(owner);
                claimed = false;
            } catch (StoreAwayException e) {
                LOG.debug("the lists are released later: {}", e.getMessage());
            }
        }
    }

    /** Returns whether the mirror is stopping. */
    private static boolean isStopping() {
        return Thread.currentThread().isInterrupted();
    }

    /**
     * Reads an entry if it is due.
     *
     * @return false if this mirror must not read other entries now: another mirror reads the lists, or this mirror is stopping
     */
    private boolean read(Entry entry, EntryProgress at) throws StoreAwayException {
        try {
            Duration wait = store.untilDue(entry.id(), entry.every());
            if (!wait.isZero()) {
                at.dueIn(wait);
                return true;
            }
            return readDue(entry, at);
        } catch (WarmQueue.RefusedException | NotHereException | RegistryTroubleException | RuntimeException e) {
            FatalErrors.check(e);
            if (isStopping()) {
                return false;
            }
            failed(entry, at, e);
            return true;
        }
    }

    private boolean readDue(Entry entry, EntryProgress at) throws StoreAwayException, WarmQueue.RefusedException, NotHereException, RegistryTroubleException {
        if (at.wantsTags()) {
            images.choose(entry, at);
        }
        for (Tag tag = at.tag(); tag != null; tag = at.tag()) {
            if (isStopping() || tagsOfLease == TAGS_PER_LEASE && !claim()) {
                return false;
            }
            tagsOfLease++;
            at.read(images.queue(entry, tag, at));
        }
        store.read(entry.id());
        LOG.info("The list of {} was read: {} tags, {} of them are to be copied", entry.name(), at.tags(), at.queued());
        if (!at.missing().isEmpty()) {
            int more = Math.max(0, at.missing().size() - MOST_SHOWN);
            LOG.warn("The list of {} names tags that no source has: {}{}", entry.name(), at.missing().subList(0, at.missing().size() - more),
                    more == 0 ? "" : " and " + more + " more");
        }
        at.dueIn(entry.every());
        return true;
    }

    private void failed(Entry entry, EntryProgress at, Exception failure) {
        if (at.failed()) {
            if (failure instanceof RuntimeException) {
                LOG.error("The list of {} cannot be read now", entry.name(), failure);
            } else {
                LOG.warn("The list of {} cannot be read now: {}", entry.name(), failure.getMessage());
            }
        }
        if (progress.values().stream().mapToInt(EntryProgress::remaining).sum() > MOST_REMAINING) {
            at.forget();
        }
    }
}
