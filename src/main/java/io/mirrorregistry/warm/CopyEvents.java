package io.mirrorregistry.warm;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Tag;
import java.util.Set;

/** Gets the results of copies. Called by all copying threads; calls do not block. */
interface CopyEvents {

    /** An image was copied. */
    void copied(Copied image);

    /** Bytes were copied from the registry of this name. */
    void bytes(String registry, int count);

    /**
     * An attempt failed.
     *
     * @param reason one word, as in the metrics
     */
    void failed(String reason);

    /**
     * An image that the destination has from now on.
     *
     * @param there the destination and the repository there
     * @param tags the tags of the item, which the destination has now
     */
    record Copied(Plan.Target there, Digest digest, Set<Tag> tags) {
    }
}
