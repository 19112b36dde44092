package io.mirrorregistry.warm;

import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.StoreAwayException;
import java.util.List;

/** Copying, as the management port shows and takes it. For any thread; every method but {@link #withoutDatabase} blocks for the database, {@link #ask} for the route of plans too. */
public interface WarmQueue {

    /** An image that cannot be copied; the message is one sentence for a person. */
    final class RefusedException extends Exception {

        public RefusedException(String message) {
            super(message, null, false, false);
        }
    }

    /**
     * Queues an image. An item that exists already becomes urgent. An item that is finished is copied again.
     *
     * @param image as a client writes it: NAME[:TAG] or NAME@DIGEST, with or without a host name
     * @param platforms the platforms of an index that are copied, such as {@code linux/amd64}; empty for all
     * @throws RefusedException if it is no image name, or if pulls of that name do not ask the destination
     */
    Item ask(String image, List<String> platforms) throws RefusedException, StoreAwayException;

    /** Returns an item; null if there is none. Bytes of an item that this mirror copies are of this moment. */
    Item find(long id) throws StoreAwayException;

    /**
     * Cancels an item that is not finished. One that is copied stops soon.
     *
     * @return the item as it is then; null if there is none
     */
    Item cancel(long id) throws StoreAwayException;

    /** Returns the queue and the pauses; while the database is away, {@link Overview#problem} is set. */
    Overview overview();

    /**
     * Returns the pauses and the number of images that were not queued; there are no items in it. Does not block.
     *
     * @param problem why the database cannot be used, as a sentence
     */
    Overview withoutDatabase(String problem);
}
