package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.registry.StoredBlob;
import java.util.HashMap;
import java.util.Map;

/** Reads, verifies and parses manifests, except those that an earlier catalog has: their digest proves them the same. */
final class ManifestStore {

    /** What registries accept at most, and what the mirror takes from any of them. */
    static final int MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

    private final BlobDirectory blobs;
    private final CatalogBudget budget;
    private final Map<Digest, Manifest> earlier;
    private final Map<Digest, Manifest> used = new HashMap<>();

    ManifestStore(BlobDirectory blobs, Map<Digest, Manifest> earlier, CatalogBudget budget) {
        this.blobs = blobs;
        this.budget = budget;
        this.earlier = earlier;
    }

    /**
     * Returns the manifest that a descriptor points to.
     *
     * @throws DamagedImageException when it is missing, is not what the descriptor says, or is more than the budget allows
     */
    Manifest manifest(Descriptor descriptor) throws DamagedImageException {
        StoredBlob blob = blobs.blob(descriptor);
        Manifest manifest = used.get(descriptor.digest());
        if (manifest != null) {
            requireType(descriptor, manifest);
            return manifest;
        }
        long cost = CatalogBudget.MANIFEST + Math.min(blob.size(), MAX_MANIFEST_BYTES);
        // Before it is read, so that a folder beyond the budget is not read to its end each time.
        budget.take(cost);
        try {
            manifest = earlier.get(descriptor.digest());
            if (manifest == null) {
                manifest = ManifestParser.parse(descriptor.digest(), blobs.verified(blob, MAX_MANIFEST_BYTES));
            }
            requireType(descriptor, manifest);
            budget.take((long) CatalogBudget.PART * (manifest.parts().size() + manifest.annotations().size()));
        } catch (DamagedImageException e) {
            budget.giveBack(cost);
            throw e;
        }
        used.put(descriptor.digest(), manifest);
        return manifest;
    }

    private static void requireType(Descriptor descriptor, Manifest manifest) throws DamagedImageException {
        String mediaType = manifest.stored().mediaType();
        if (!descriptor.mediaType().isEmpty() && !descriptor.mediaType().equals(mediaType)) {
            throw new DamagedImageException("manifest " + descriptor.digest() + " is announced as "
                    + JsonFields.quote(descriptor.mediaType()) + " but is " + JsonFields.quote(mediaType));
        }
    }

    /** Returns the manifests that were asked for, so that the next catalog need not read them. */
    Map<Digest, Manifest> used() {
        return Map.copyOf(used);
    }
}
