package io.mirrorregistry.warm.queue;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The queue. For any thread; every method blocks for the database. */
public interface Store extends AutoCloseable {

    /** How long an item, a blob or the reading of lists stays a mirror's own after its last {@link #renew}. */
    Duration LEASE = Duration.ofMinutes(1);

    /**
     * How far this mirror is with an item.
     *
     * @param bytesDone how many bytes the destination has
     * @param bytesTotal how many bytes the image has, as far as is known
     */
    record Progress(long id, long bytesDone, long bytesTotal) {
    }

    /**
     * What a mirror may do with a blob that a repository of the destination does not have.
     *
     * @param mine whether this mirror is to copy it now
     * @param place a repository of the destination that is believed to have the blob; null if none is known
     * @param location where an upload to the same repository was interrupted; null for none
     * @param offset how many bytes that upload had
     */
    record Blob(boolean mine, RepositoryName place, String location, long offset) {
    }

    /**
     * Queues an image, or adds to the item that is there already: unique by destination, repository and reference. It gets the tags, the sources and the
     * more urgent origin of both. An item that is not finished gets the platforms of both, one that waits again those of the request, and one that stays
     * finished keeps its own. If a running item gets other platforms or tags, it waits again when it is finished.
     *
     * @param again whether an item that is finished waits again, with all its attempts. With false, it waits again only if it failed for a reason
     *     that may be over, or if it does not have all tags of the request. With true, an item that waits for its next attempt is due at
     *     once, and one that is running waits again when it is finished
     * @return the item as it is then
     */
    Item add(CopyRequest request, boolean again) throws StoreAwayException;

    /**
     * Queues several images by one transaction, each as {@link #add(CopyRequest, boolean)} does with false.
     *
     * @return the items that were there before, in no order
     */
    List<Item> add(List<CopyRequest> requests) throws StoreAwayException;

    /**
     * Takes the next item that is due: by origin, then by time of creation. An item whose lease has ended is due as well, even if it
     * is this mirror's and could not be renewed: the caller must know the items that it still copies.
     *
     * @param destination the registry that the mirror copies to: replicas may have other settings for a while
     * @param paused the registries that are not to be asked now: an item is left out if its destination or all of its sources are among them
     * @return the item, which is running and the owner's for {@link #LEASE}; null if none is due
     */
    Item claim(String owner, String destination, Set<String> paused) throws StoreAwayException;

    /** A blob at a destination, whichever repository has it. */
    record BlobKey(String registry, Digest digest) {
    }

    /**
     * Renews the leases of an owner's items and blobs, and stores how far they are. Leases of others of its blobs end: the mirror may not know that they are
     * its own.
     *
     * @param blobs the blobs that the mirror copies now
     * @return the ids of the items that are still the owner's: the others were cancelled, or claimed by another mirror after the lease had ended
     */
    Set<Long> renew(String owner, Collection<Progress> running, Collection<BlobKey> blobs) throws StoreAwayException;

    /** Stores the digest that the reference means. Does nothing if the item is no longer the owner's. */
    void resolved(long id, String owner, Digest digest) throws StoreAwayException;

    /**
     * Ends an item. Does nothing if the item is no longer the owner's. If other tags were added meanwhile, the item waits again.
     *
     * @param state {@code DONE}, {@code PARTIAL} or {@code FAILED}
     * @param tags the tags that the item had when it was claimed
     * @param reason null for none
     * @param message null for none
     */
    void finish(long id, String owner, State state, Set<Tag> tags, Progress progress, String reason, String message) throws StoreAwayException;

    /**
     * Lets an item wait for another attempt. Does nothing if the item is no longer the owner's.
     *
     * @param delay how long
     * @param counted whether this was one of its attempts
     */
    void retry(long id, String owner, Duration delay, boolean counted, String reason, String message) throws StoreAwayException;

    /** Cancels an item that is not finished. Returns it as it is then; null if there is none. */
    Item cancel(long id) throws StoreAwayException;

    /** Returns an item; null if there is none. */
    Item find(long id) throws StoreAwayException;

    /** Returns how many items there are, by their state; every state is there. */
    Map<State, Long> counts() throws StoreAwayException;

    /**
     * Returns when the item was created that has waited longest; null if none waits.
     *
     * @param destination the name of its registry: items of a former destination wait for ever
     */
    Instant oldestWaiting(String destination) throws StoreAwayException;

    /** Returns the items that are running, in the order in which they began; at most {@code most}. */
    List<Item> running(int most) throws StoreAwayException;

    /** Returns the waiting items in the order in which {@link #claim} takes them once they are due; at most {@code most}. */
    List<Item> waiting(int most) throws StoreAwayException;

    /** Returns the finished items that are in one of the states, the latest first; at most {@code most}. */
    List<Item> finished(Set<State> states, int most) throws StoreAwayException;

    /**
     * Asks for a blob that a repository of the destination does not have. The mirror that gets it as its own has it for {@link #LEASE} and as long as it renews.
     *
     * @param ignored a repository that was believed to have it and has not; null for none
     * @return not mine and without a place while another copy of the same blob runs, in any mirror, this one included
     */
    Blob claimBlob(Plan.Target destination, Digest digest, String owner, RepositoryName ignored) throws StoreAwayException;

    /** Stores where the upload of a blob continues after its first bytes. Does nothing if the blob is no longer the owner's. */
    void uploaded(Plan.Target destination, Digest digest, String owner, String location, long offset) throws StoreAwayException;

    /** Stores that a repository has a blob, whoever copied it. */
    void stored(Plan.Target destination, Digest digest) throws StoreAwayException;

    /** Gives a blob back that was not copied; the interrupted upload stays. Does nothing if the blob is not the owner's. */
    void released(Plan.Target destination, Digest digest, String owner) throws StoreAwayException;

    /**
     * Takes the reading of lists, so that only one of the replicas does it at a time.
     *
     * @return whether it is this mirror's, for {@link #LEASE} and as long as it renews
     */
    boolean claimLists(String owner) throws StoreAwayException;

    /** Releases the reading of lists, so that another mirror can take it. Does nothing if it is not the owner's. */
    void releaseLists(String owner) throws StoreAwayException;

    /**
     * Returns how long it takes until an entry of the lists is due, by the clock of the database: zero if it was never read, or longer ago than
     * {@code every}; {@code every} at most.
     */
    Duration untilDue(String entry, Duration every) throws StoreAwayException;

    /** Stores that an entry of the lists was read now. */
    void read(String entry) throws StoreAwayException;

    /** Releases all items, blobs and lists of an owner, so that other mirrors need not wait for the end of its leases. */
    void release(String owner) throws StoreAwayException;

    /** Returns why the database could not be used the last time, as a sentence; null if it could, and before the first use. Does not block. */
    String lastProblem();

    /** Closes the connections. */
    @Override
    void close();
}
