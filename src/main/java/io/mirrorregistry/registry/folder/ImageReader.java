package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.registry.StoredBlob;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;

/**
 * Follows one entry of {@code index.json} through its indexes down to the layers. Breadth first and without recursion:
 * every digest is visited once, at its least depth, so that neither a cycle nor a ladder of indexes makes it run long.
 *
 * <p>A part of an index that is missing or damaged is left out alone. Layouts with some of an image's platforms are common
 * (containerd and docker export them), and a registry may hold only a part of what an index lists as well.
 */
final class ImageReader {

    /** How many indexes may stand one within the other; real images have one or two. */
    static final int MAX_DEPTH = 8;

    private record Step(Descriptor descriptor, int depth) {
    }

    private final BlobDirectory blobDirectory;
    private final ManifestStore store;
    private final CatalogBudget budget;
    private final Queue<Step> steps = new ArrayDeque<>();
    private final Set<Digest> visited = new HashSet<>();
    private final List<Manifest> manifests = new ArrayList<>();
    private final Map<Digest, StoredBlob> blobs = new HashMap<>();
    private final Problems problems = new Problems();
    private long taken;

    private ImageReader(BlobDirectory blobDirectory, ManifestStore store, CatalogBudget budget) {
        this.blobDirectory = blobDirectory;
        this.store = store;
        this.budget = budget;
    }

    /**
     * Reads an image.
     *
     * @param root what the entry of {@code index.json} points to
     * @param budget what its blobs take of it is given back where the image cannot be served
     * @throws DamagedImageException when the manifest cannot be served, or nothing of what the index lists
     */
    static Image read(Descriptor root, BlobDirectory blobs, ManifestStore store, CatalogBudget budget) throws DamagedImageException {
        ImageReader reader = new ImageReader(blobs, store, budget);
        try {
            return reader.read(root);
        } catch (DamagedImageException e) {
            budget.giveBack(reader.taken);
            throw e;
        }
    }

    private Image read(Descriptor root) throws DamagedImageException {
        visited.add(root.digest());
        visitManifest(new Step(root, 0));
        while (!steps.isEmpty()) {
            Step step = steps.remove();
            try {
                visit(step);
            } catch (DamagedImageException e) {
                problems.add(e.getMessage());
            }
        }
        if (!problems.isEmpty() && manifests.stream().allMatch(Manifest::index)) {
            throw new DamagedImageException(problems.first());
        }
        return new Image(List.copyOf(manifests), Collections.unmodifiableMap(blobs), problems);
    }

    private void visit(Step step) throws DamagedImageException {
        if (!visited.add(step.descriptor().digest())) {
            return;
        }
        // An index may list content of any type; what is no manifest is served as a blob, if it is there.
        String mediaType = step.descriptor().mediaType();
        if (mediaType.isEmpty() || ManifestParser.isManifest(mediaType)) {
            visitManifest(step);
        } else {
            take(CatalogBudget.BLOB);
            addBlob(step.descriptor(), blobs);
        }
    }

    private void visitManifest(Step step) throws DamagedImageException {
        Manifest manifest = store.manifest(step.descriptor());
        Map<Digest, StoredBlob> found = new HashMap<>();
        if (manifest.index()) {
            if (step.depth() >= MAX_DEPTH) {
                throw new DamagedImageException(
                        "index " + manifest.digest() + " lies deeper than " + MAX_DEPTH + " indexes");
            }
            manifest.parts().forEach(part -> steps.add(new Step(part, step.depth() + 1)));
        } else {
            for (Descriptor part : manifest.parts()) {
                addBlob(part, found);
            }
        }
        addBlob(step.descriptor(), found);
        take((long) CatalogBudget.BLOB * found.size());
        blobs.putAll(found);
        manifests.add(manifest);
    }

    private void take(long bytes) throws DamagedImageException {
        budget.take(bytes);
        taken += bytes;
    }

    private void addBlob(Descriptor descriptor, Map<Digest, StoredBlob> found) throws DamagedImageException {
        try {
            found.put(descriptor.digest(), blobDirectory.blob(descriptor));
        } catch (DamagedImageException e) {
            if (!descriptor.external()) {
                throw e;
            }
        }
    }
}
