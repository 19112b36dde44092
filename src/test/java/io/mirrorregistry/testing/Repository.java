package io.mirrorregistry.testing;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CopyOnWriteArrayList;

/** What a {@link TestRegistry} holds under one name. */
final class Repository {

    /** A manifest with the type it was stored under. */
    record Manifest(String mediaType, byte[] bytes) {
    }

    private final Map<String, Manifest> manifests = new ConcurrentHashMap<>();
    private final Map<String, Body> blobs = new ConcurrentHashMap<>();
    private final Map<Digest, List<Image>> referrers = new ConcurrentHashMap<>();
    private final NavigableSet<String> tags = new ConcurrentSkipListSet<>();

    void put(String reference, Manifest manifest) {
        manifests.put(Digest.ofSha256(manifest.bytes()).value(), manifest);
        manifests.put(reference, manifest);
        if (!Digest.isValid(reference)) {
            tags.add(reference);
        }
    }

    void put(Digest digest, Body blob) {
        blobs.put(digest.value(), blob);
    }

    void refer(Digest subject, Image referrer) {
        referrers.computeIfAbsent(subject, any -> new CopyOnWriteArrayList<>()).add(referrer);
    }

    void remove(String reference) {
        manifests.remove(reference);
        blobs.remove(reference);
        tags.remove(reference);
    }

    Manifest manifest(String reference) {
        return manifests.get(reference);
    }

    /** Returns the manifest, or the index of referrers that stands under the tag {@code sha256-<hex>} of their subject. */
    Manifest manifestOrReferrers(String reference) {
        Manifest manifest = manifest(reference);
        List<Image> referrers = referrers(reference.replaceFirst("^(sha\\d+)-", "$1:"));
        return manifest != null || referrers.isEmpty() ? manifest
                : new Manifest(MediaTypes.OCI_INDEX, Image.indexOf(referrers));
    }

    Body blob(String digest) {
        return blobs.get(digest);
    }

    List<Image> referrers(String subject) {
        return Digest.isValid(subject) ? List.copyOf(referrers.getOrDefault(new Digest(subject), List.of())) : List.of();
    }

    /** Returns at most so many tags after the given one, or from the first on for null, in this order. */
    List<String> tagsAfter(String last, Comparator<String> order, int most) {
        NavigableSet<String> ordered = tags;
        if (order != Comparator.<String>naturalOrder()) {
            ordered = new TreeSet<>(order);
            ordered.addAll(tags);
        }
        return (last == null ? ordered : ordered.tailSet(last, false)).stream().limit(most).toList();
    }
}
