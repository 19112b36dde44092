package io.mirrorregistry.registry;

import io.mirrorregistry.protocol.Digest;
import java.nio.file.Path;

/**
 * A blob of a registry that is a folder: a configuration, a layer, or a manifest.
 *
 * @param digest the digest that its descriptor names
 * @param file where the bytes are
 * @param size its length in bytes, as its descriptor says and as the file has
 */
public record StoredBlob(Digest digest, Path file, long size) {
}
