package io.mirrorregistry.warm;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Gives blobs back to the queue that this mirror no longer copies. If the database is away, a blob stays in memory until it is given back: other mirrors
 * cannot copy it before. Thread-safe; calls block for the database.
 */
final class BlobReleases {

    private final Store store;
    private final String owner;
    private final Set<Key> left = ConcurrentHashMap.newKeySet();
    private final Set<Key> held = ConcurrentHashMap.newKeySet();

    private record Key(Plan.Target destination, Digest digest) {
    }

    /** @param owner identifies this mirror in the database */
    BlobReleases(Store store, String owner) {
        this.store = store;
        this.owner = owner;
    }

    /** Notes that this mirror copies a blob again. */
    void claimed(Plan.Target destination, Digest digest) {
        Key key = new Key(destination, digest);
        left.remove(key);
        held.add(key);
    }

    /** Notes that the destination has a blob now. */
    void stored(Plan.Target destination, Digest digest) {
        held.remove(new Key(destination, digest));
    }

    /** Returns the blobs that this mirror copies now. */
    List<Store.BlobKey> held() {
        return held.stream().map(key -> new Store.BlobKey(key.destination.registry(), key.digest)).toList();
    }

    /** Gives a blob back, or keeps it for {@link #retry}. */
    void release(Plan.Target destination, Digest digest) {
        Key key = new Key(destination, digest);
        held.remove(key);
        left.add(key);
        try {
            release(key);
        } catch (StoreAwayException e) {
            // The next call of retry gives it back.
        }
    }

    private void release(Key key) throws StoreAwayException {
        store.released(key.destination, key.digest, owner);
        left.remove(key);
    }

    /** Gives the blobs back that could not be given back before. */
    void retry() throws StoreAwayException {
        for (Key key : left) {
            release(key);
        }
    }
}
