package io.mirrorregistry.warm.queue;

import io.mirrorregistry.protocol.Digest;
import java.time.Instant;

/**
 * One image in the queue, as the database has it.
 *
 * @param request the image; its tags and sources are the union of all requests for it; its origin is the most urgent origin
 * @param digest the digest of the image: the request's reference, or what its tag meant at the last attempt; null before the first
 * @param attempts how many attempts have failed
 * @param notBefore when the next attempt is due; of a waiting item only
 * @param owner the mirror that copies it; null if none does
 * @param bytesDone how many bytes of blobs and manifests the destination has, including the bytes that it had before
 * @param bytesTotal how many bytes the image has, as far as its manifests have been read
 * @param reason why the last attempt failed, in one word as in the metrics, such as {@code throttled}; null for no failure
 * @param message the same as a sentence; null for no failure
 * @param started when the last attempt began; null before the first
 * @param finished when the item was finished; null if it is not
 */
public record Item(long id, CopyRequest request, State state, Digest digest, int attempts, Instant notBefore, String owner, long bytesDone, long bytesTotal,
        String reason, String message, Instant created, Instant started, Instant finished) {

    /** Returns the item with other bytes. */
    public Item at(long done, long total) {
        return new Item(id, request, state, digest, attempts, notBefore, owner, done, total, reason, message, created, started, finished);
    }
}
