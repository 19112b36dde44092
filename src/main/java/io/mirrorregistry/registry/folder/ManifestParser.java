package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Makes a {@link Manifest} of its bytes.
 *
 * @see <a href="https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md">Image manifest</a>
 * @see <a href="https://github.com/opencontainers/image-spec/blob/v1.1.0/image-index.md">Image index</a>
 */
final class ManifestParser {

    private static final Set<String> INDEXES = Set.of(MediaTypes.OCI_INDEX, MediaTypes.DOCKER_LIST);
    private static final Set<String> MANIFESTS = Set.of(MediaTypes.OCI_MANIFEST, MediaTypes.DOCKER_MANIFEST);

    private ManifestParser() {
    }

    /** Returns whether content of this media type is a manifest or an index; anything else is only a blob. */
    static boolean isManifest(String mediaType) {
        return INDEXES.contains(mediaType) || MANIFESTS.contains(mediaType);
    }

    /**
     * Parses a manifest or an index.
     *
     * @param digest the digest of the content
     * @throws DamagedImageException when the content is neither, or could be taken for both
     */
    static Manifest parse(Digest digest, byte[] content) throws DamagedImageException {
        JsonObject json;
        try {
            json = JsonFields.parse(content);
        } catch (JsonStream.TooManyPartsException e) {
            throw new DamagedImageException("manifest " + digest + " has more than " + JsonFields.MOST_PARTS + " names and values");
        }
        if (json == null) {
            throw new DamagedImageException("manifest " + digest + " is not JSON");
        }
        boolean index = isIndex(digest, json);
        String mediaType = mediaType(digest, json, index);
        String artifactType = JsonFields.text(json, "artifactType");
        if (artifactType.isEmpty() && !index) {
            artifactType = JsonFields.text(JsonFields.object(json, "config"), "mediaType");
        }
        return new Manifest(new StoredManifest(digest, mediaType, content), index, parts(json, index), subject(json),
                artifactType, JsonFields.texts(JsonFields.object(json, "annotations")));
    }

    /** Tells the two kinds apart by their fields and refuses what clients could read in two ways (CVE-2021-41190). */
    private static boolean isIndex(Digest digest, JsonObject json) throws DamagedImageException {
        boolean listsManifests = JsonFields.hasArray(json, "manifests");
        boolean hasConfig = json.getValue("config") instanceof JsonObject;
        if (listsManifests && (hasConfig || json.containsKey("layers"))) {
            throw new DamagedImageException("manifest " + digest + " is both an index and a manifest");
        }
        if (!listsManifests && !hasConfig) {
            throw new DamagedImageException("manifest " + digest + " has neither a config nor manifests");
        }
        return listsManifests;
    }

    /** Returns the media type it gives itself; without one it can only be OCI's, whose field is optional. */
    private static String mediaType(Digest digest, JsonObject json, boolean index) throws DamagedImageException {
        String own = JsonFields.text(json, "mediaType");
        if (own.isEmpty()) {
            return index ? MediaTypes.OCI_INDEX : MediaTypes.OCI_MANIFEST;
        }
        if (!(index ? INDEXES : MANIFESTS).contains(own)) {
            throw new DamagedImageException("manifest " + digest + " is of the unsuitable type " + JsonFields.quote(own));
        }
        return own;
    }

    private static List<Descriptor> parts(JsonObject json, boolean index) throws DamagedImageException {
        List<Descriptor> parts = new ArrayList<>();
        if (!index) {
            parts.add(Descriptor.read(json.getValue("config")));
        }
        for (Object part : JsonFields.array(json, index ? "manifests" : "layers")) {
            parts.add(Descriptor.read(part));
        }
        return List.copyOf(parts);
    }

    private static Digest subject(JsonObject json) throws DamagedImageException {
        return json.containsKey("subject") && json.getValue("subject") != null
                ? Descriptor.read(json.getValue("subject")).digest()
                : null;
    }
}
