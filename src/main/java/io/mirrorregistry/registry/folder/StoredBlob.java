package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import java.nio.file.Path;

/**
 * A blob in the folder: a configuration, a layer, or a manifest.
 *
 * @param digest the digest that its descriptor names
 * @param file where the bytes are
 * @param size its length in bytes, as its descriptor says and as the file has
 */
public record StoredBlob(Digest digest, Path file, long size) {
}
