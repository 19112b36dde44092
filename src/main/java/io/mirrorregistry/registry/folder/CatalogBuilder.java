package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Makes a {@link Catalog} of the entries of {@code index.json}. What is wrong with one leaves out that one only. */
final class CatalogBuilder {

    private final BlobDirectory blobs;
    private final CatalogBudget budget;
    private final ManifestStore store;
    private final Map<ImageName, Entry> named = new LinkedHashMap<>();
    private final Map<Digest, List<Image>> unnamedReferrers = new HashMap<>();
    private final Problems problems = new Problems();
    private int entries;

    /** What is kept of an entry: its descriptor, or why it has none. */
    private record Entry(Descriptor descriptor, String fault) {

        static Entry of(JsonObject json) {
            try {
                return new Entry(Descriptor.read(json), null);
            } catch (DamagedImageException e) {
                return new Entry(null, e.getMessage());
            }
        }
    }

    /**
     * Begins a catalog.
     *
     * @param earlier manifests that need not be read again
     * @param mostBytes how much memory the catalog may take
     */
    CatalogBuilder(BlobDirectory blobs, Map<Digest, Manifest> earlier, long mostBytes) {
        this.blobs = blobs;
        this.budget = new CatalogBudget(mostBytes);
        this.store = new ManifestStore(blobs, earlier, budget);
    }

    /** Returns how many names there are so far. */
    int names() {
        return named.size();
    }

    /** Adds one of {@code manifests} of {@code index.json}. */
    void add(Object entry) {
        entries++;
        if (entry instanceof JsonObject json) {
            add(json);
        } else {
            problems.add("An entry of index.json is left out: it is no JSON object.");
        }
    }

    /** Makes the catalog of all that was added. */
    Catalog build() {
        if (named.isEmpty() && problems.isEmpty() && entries > 0) {
            problems.add("None of the images in index.json has a name (annotation org.opencontainers.image.ref.name).");
        }
        Map<Descriptor, Image> images = new HashMap<>();
        Map<RepositoryName, RepositoryBuilder> builders = new LinkedHashMap<>();
        int size = 0;
        for (Map.Entry<ImageName, Entry> entry : named.entrySet()) {
            ImageName name = entry.getKey();
            try {
                budget.take(CatalogBudget.NAME);
                Image image = image(name, entry.getValue(), images);
                builders.computeIfAbsent(name.repository(), repository -> new RepositoryBuilder(unnamedReferrers, budget))
                        .add(name.reference(), image);
                size++;
            } catch (DamagedImageException e) {
                problems.add(name + " is left out: " + e.getMessage() + ".");
            }
        }
        Map<RepositoryName, Repository> repositories = new HashMap<>();
        builders.forEach((name, builder) -> repositories.put(name, builder.build()));
        return new Catalog(Map.copyOf(repositories), size, store.used(), problems);
    }

    private void add(JsonObject entry) {
        String name = ImageName.text(JsonFields.object(entry, "annotations"));
        try {
            if (name.isEmpty()) {
                addUnnamed(entry);
            } else {
                // Where a name stands twice, the last entry wins: crane only appends, and skopeo, which appends as well,
                // takes the name off the older entry.
                named.put(ImageName.parse(name), Entry.of(entry));
            }
        } catch (DamagedImageException e) {
            String what = name.isEmpty() ? "A referrer" : JsonFields.quote(name);
            problems.add(what + " is left out: " + e.getMessage() + ".");
        }
    }

    /** Keeps an entry without a name only if it refers to another; else it is what skopeo leaves of a replaced image. */
    private void addUnnamed(JsonObject entry) throws DamagedImageException {
        Descriptor descriptor;
        Digest subject;
        try {
            descriptor = Descriptor.read(entry);
            subject = store.manifest(descriptor).subject();
        } catch (CatalogBudget.SpentException e) {
            throw e;
        } catch (DamagedImageException e) {
            return; // nobody could ask for it, so nobody misses it
        }
        if (subject != null) {
            unnamedReferrers.computeIfAbsent(subject, any -> new ArrayList<>())
                    .add(ImageReader.read(descriptor, blobs, store, budget));
        }
    }

    private Image image(ImageName name, Entry entry, Map<Descriptor, Image> images) throws DamagedImageException {
        Descriptor descriptor = entry.descriptor();
        if (descriptor == null) {
            throw new DamagedImageException(entry.fault());
        }
        if (name.reference() instanceof Digest digest && !digest.equals(descriptor.digest())) {
            throw new DamagedImageException("the entry of that name stands for " + descriptor.digest());
        }
        Image image = images.get(descriptor);
        if (image == null) {
            image = ImageReader.read(descriptor, blobs, store, budget);
            images.put(descriptor, image);
        }
        problems.addAll(image.problems(), "A part of " + name + " is left out: ", ".");
        return image;
    }
}
