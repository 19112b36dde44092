package io.mirrorregistry.cache;

import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.pull.BlobStep;
import io.mirrorregistry.registry.Registry;

/**
 * Where a blob is.
 *
 * @param registry the registry that has it
 * @param found what the registry's answer to the HEAD told
 */
record KnownBlob(Registry registry, BlobStep.Found found) {

    /** Returns whether a client can be answered without asking the registry. */
    boolean isAtHand(boolean head) {
        return head ? found.length() >= 0
                : !found.redirects() && !registry.settings().isFolder() && (registry.settings().blobs() == BlobsMode.REDIRECT
                        || registry.settings().blobs() == BlobsMode.AUTO && found.open());
    }
}
