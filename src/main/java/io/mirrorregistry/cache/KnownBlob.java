package io.mirrorregistry.cache;

import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.pull.BlobStep;
import io.mirrorregistry.registry.Registry;

/**
 * Where a blob is. The length may become known later than the rest, and is set in place: a new cache entry would be believed longer
 * than the registry's answer allows. Thread-safe.
 */
final class KnownBlob {

    private final Registry registry;
    private volatile BlobStep.Found found;

    /**
     * @param registry the registry that has it
     * @param found what the registry's answer to the HEAD told
     */
    KnownBlob(Registry registry, BlobStep.Found found) {
        this.registry = registry;
        this.found = found;
    }

    Registry registry() {
        return registry;
    }

    BlobStep.Found found() {
        return found;
    }

    /** Adds the length, in bytes. */
    void learned(long length) {
        found = found.withLength(length);
    }

    /** Returns whether a client can be answered without asking the registry. */
    boolean isAtHand(boolean head) {
        BlobStep.Found now = found;
        return head ? now.length() >= 0
                : !now.redirects() && !registry.settings().isFolder() && (registry.settings().blobs() == BlobsMode.REDIRECT
                        || registry.settings().blobs() == BlobsMode.AUTO && now.open());
    }
}
