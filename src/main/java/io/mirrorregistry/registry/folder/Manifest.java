package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Map;

/**
 * A manifest or an index, read once and then kept for as long as something in {@code index.json} leads to it.
 *
 * @param stored what a client gets
 * @param index whether it lists manifests, rather than a configuration and layers
 * @param parts what it points to: manifests of an index; configuration and layers of a manifest
 * @param subject the digest of the manifest that this one is about; null where it has none
 * @param artifactType the kind of artifact; empty where nothing tells
 * @param annotations its annotations; never to be changed
 */
record Manifest(StoredManifest stored, boolean index, List<Descriptor> parts, Digest subject, String artifactType,
        JsonObject annotations) {

    private static final int REFERRER_BYTES = 300;
    private static final int PUNCTUATION = 6;

    Digest digest() {
        return stored.digest();
    }

    /** Returns about how many bytes {@link #referrer} has as JSON. */
    int referrerBytes() {
        int bytes = REFERRER_BYTES + artifactType.length();
        for (Map.Entry<String, Object> annotation : annotations) {
            bytes += annotation.getKey().length() + annotation.getValue().toString().length() + PUNCTUATION;
        }
        return bytes;
    }

    /**
     * Makes the descriptor by which this manifest is listed among the referrers of its subject.
     *
     * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers">Listing
     *     referrers</a>
     */
    JsonObject referrer() {
        JsonObject descriptor = new JsonObject()
                .put("mediaType", stored.mediaType())
                .put("digest", stored.digest().value())
                .put("size", stored.content().length);
        if (!artifactType.isEmpty()) {
            descriptor.put("artifactType", artifactType);
        }
        if (!annotations.isEmpty()) {
            descriptor.put("annotations", annotations.copy());
        }
        return descriptor;
    }
}
