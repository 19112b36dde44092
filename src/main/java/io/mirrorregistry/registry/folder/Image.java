package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.registry.StoredBlob;
import java.util.List;
import java.util.Map;

/**
 * All that can be served of what one entry of {@code index.json} leads to.
 *
 * @param manifests the manifest that the entry points to, then those in its indexes, nearest first
 * @param blobs configurations, layers, and the manifests themselves
 * @param problems why parts of its indexes are left out, one phrase each; mostly empty; not to be changed
 */
record Image(List<Manifest> manifests, Map<Digest, StoredBlob> blobs, Problems problems) {

    Manifest root() {
        return manifests.get(0);
    }
}
