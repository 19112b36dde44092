package io.mirrorregistry.images;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Makes a {@link Catalog} of the entries of {@code index.json}. What is wrong with one leaves out that one only. */
final class CatalogBuilder {

    private final BlobDirectory blobs;
    private final ManifestStore store;
    private final Map<ImageName, JsonObject> named = new LinkedHashMap<>();
    private final Map<Digest, List<Image>> unnamedReferrers = new HashMap<>();
    private final List<String> problems = new ArrayList<>();

    private CatalogBuilder(BlobDirectory blobs, Map<Digest, Manifest> earlier) {
        this.blobs = blobs;
        this.store = new ManifestStore(blobs, earlier);
    }

    /**
     * Makes the catalog.
     *
     * @param entries {@code manifests} of {@code index.json}
     * @param earlier manifests that need not be read again
     */
    static Catalog build(JsonArray entries, BlobDirectory blobs, Map<Digest, Manifest> earlier) {
        return new CatalogBuilder(blobs, earlier).build(entries);
    }

    private Catalog build(JsonArray entries) {
        for (Object entry : entries) {
            if (entry instanceof JsonObject json) {
                add(json);
            } else {
                problems.add("An entry of index.json is left out: it is no JSON object.");
            }
        }
        if (named.isEmpty() && problems.isEmpty() && !entries.isEmpty()) {
            problems.add("None of the images in index.json has a name (annotation org.opencontainers.image.ref.name).");
        }
        Map<Descriptor, Image> images = new HashMap<>();
        Map<RepositoryName, RepositoryBuilder> builders = new LinkedHashMap<>();
        int size = 0;
        for (Map.Entry<ImageName, JsonObject> entry : named.entrySet()) {
            ImageName name = entry.getKey();
            try {
                Image image = image(name, entry.getValue(), images);
                builders.computeIfAbsent(name.repository(), repository -> new RepositoryBuilder(unnamedReferrers))
                        .add(name.reference(), image);
                size++;
            } catch (DamagedImageException e) {
                problems.add(name + " is left out: " + e.getMessage() + ".");
            }
        }
        Map<RepositoryName, Repository> repositories = new HashMap<>();
        builders.forEach((name, builder) -> repositories.put(name, builder.build()));
        return new Catalog(Map.copyOf(repositories), size, store.used(), List.copyOf(problems));
    }

    private void add(JsonObject entry) {
        String name = ImageName.text(JsonFields.object(entry, "annotations"));
        try {
            if (name.isEmpty()) {
                addUnnamed(entry);
            } else {
                // Where a name stands twice, the last entry wins: crane only appends, and skopeo, which appends as well,
                // takes the name off the older entry.
                named.put(ImageName.parse(name), entry);
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
        } catch (DamagedImageException e) {
            return; // nobody could ask for it, so nobody misses it
        }
        if (subject != null) {
            unnamedReferrers.computeIfAbsent(subject, any -> new ArrayList<>())
                    .add(ImageReader.read(descriptor, blobs, store));
        }
    }

    private Image image(ImageName name, JsonObject entry, Map<Descriptor, Image> images) throws DamagedImageException {
        Descriptor descriptor = Descriptor.read(entry);
        if (name.reference() instanceof Digest digest && !digest.equals(descriptor.digest())) {
            throw new DamagedImageException("the entry of that name stands for " + descriptor.digest());
        }
        Image image = images.get(descriptor);
        if (image == null) {
            image = ImageReader.read(descriptor, blobs, store);
            images.put(descriptor, image);
        }
        for (String problem : image.problems()) {
            problems.add("A part of " + name + " is left out: " + problem + ".");
        }
        return image;
    }
}
