package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.registry.StoredBlob;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/**
 * One repository of a {@link Catalog}; immutable.
 *
 * @param tags what each tag stands for, by the tag's text
 * @param manifests every manifest that one of its references leads to
 * @param blobs every blob of these manifests, and the manifests themselves
 * @param referrers the manifests among them that have a subject, by its digest
 */
record Repository(SortedMap<String, Manifest> tags, Map<Digest, Manifest> manifests, Map<Digest, StoredBlob> blobs,
        Map<Digest, List<Manifest>> referrers) {

    /** Returns the manifest, or null where there is none. */
    Manifest manifest(Reference reference) {
        return reference instanceof Tag tag ? tags.get(tag.value()) : manifests.get(reference);
    }
}
