package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.vertx.core.json.JsonObject;

/**
 * What points to a piece of content and says what it has to be.
 *
 * @param digest names the content and proves it
 * @param mediaType the kind of content, empty where nobody said
 * @param size its length in bytes
 * @param external whether the bytes may be absent because {@code urls} says where else they are, as with the base layers of
 *     Windows images
 * @see <a href="https://github.com/opencontainers/image-spec/blob/v1.1.0/descriptor.md">Descriptors</a>
 */
record Descriptor(Digest digest, String mediaType, long size, boolean external) {

    /**
     * Reads a descriptor.
     *
     * @param value any JSON value
     * @throws DamagedImageException when it is no descriptor, or its digest is not one that can be checked
     */
    static Descriptor read(Object value) throws DamagedImageException {
        if (!(value instanceof JsonObject json)) {
            throw new DamagedImageException("it has a descriptor that is no JSON object");
        }
        String digest = JsonFields.text(json, "digest");
        if (!Digest.isValid(digest)) {
            throw new DamagedImageException(JsonFields.quote(digest) + " is no sha256 or sha512 digest");
        }
        return new Descriptor(new Digest(digest), JsonFields.text(json, "mediaType"), size(json, digest),
                !JsonFields.array(json, "urls").isEmpty());
    }

    private static long size(JsonObject json, String digest) throws DamagedImageException {
        Object size = json.getValue("size");
        if (size instanceof Integer || size instanceof Long) {
            long bytes = ((Number) size).longValue();
            if (bytes >= 0) {
                return bytes;
            }
        }
        throw new DamagedImageException("the descriptor of " + digest + " has no size");
    }
}
