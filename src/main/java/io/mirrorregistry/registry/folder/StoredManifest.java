package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;

/**
 * A manifest or an index in the folder, verified against its digest.
 *
 * @param digest the digest that its descriptor names
 * @param mediaType one of {@link io.mirrorregistry.protocol.MediaTypes}
 * @param content the bytes as stored, at most 4 MiB; shared by all requests, so never to be changed
 */
public record StoredManifest(Digest digest, String mediaType, byte[] content) {
}
