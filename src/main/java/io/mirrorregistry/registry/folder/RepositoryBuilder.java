package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.registry.StoredBlob;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.SortedMap;
import java.util.TreeMap;

/** Gathers the images of one repository. */
final class RepositoryBuilder {

    private final Map<Digest, List<Image>> unnamedReferrers;
    private final CatalogBudget budget;
    private final SortedMap<String, Manifest> tags = new TreeMap<>();
    private final Map<Digest, Manifest> manifests = new LinkedHashMap<>();
    private final Map<Digest, StoredBlob> blobs = new HashMap<>();

    /**
     * @param unnamedReferrers images that no name leads to, by the digest of their subject: they belong to each repository
     *     that has the subject ({@code oras attach --oci-layout} writes signatures and the like this way)
     */
    RepositoryBuilder(Map<Digest, List<Image>> unnamedReferrers, CatalogBudget budget) {
        this.unnamedReferrers = unnamedReferrers;
        this.budget = budget;
    }

    /**
     * Adds an image and all that leads on from it.
     *
     * @throws DamagedImageException when the budget does not allow it; the name does not lead to the image then
     */
    void add(Reference reference, Image image) throws DamagedImageException {
        Queue<Image> images = new ArrayDeque<>(List.of(image));
        while (!images.isEmpty()) {
            Image next = images.remove();
            int before = blobs.size() + manifests.size();
            blobs.putAll(next.blobs());
            for (Manifest manifest : next.manifests()) {
                if (manifests.put(manifest.digest(), manifest) == null) {
                    images.addAll(unnamedReferrers.getOrDefault(manifest.digest(), List.of()));
                }
            }
            budget.take((long) CatalogBudget.REFERENCE * (blobs.size() + manifests.size() - before));
        }
        if (reference instanceof Tag tag) {
            tags.put(tag.value(), image.root());
        }
    }

    Repository build() {
        Map<Digest, List<Manifest>> referrers = new HashMap<>();
        for (Manifest manifest : manifests.values()) {
            if (manifest.subject() != null) {
                referrers.computeIfAbsent(manifest.subject(), subject -> new ArrayList<>()).add(manifest);
            }
        }
        referrers.replaceAll((subject, found) -> List.copyOf(found));
        return new Repository(Collections.unmodifiableSortedMap(tags), Collections.unmodifiableMap(manifests),
                Collections.unmodifiableMap(blobs), Collections.unmodifiableMap(referrers));
    }
}
