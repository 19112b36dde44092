package io.mirrorregistry.cache;

import io.mirrorregistry.pull.Blobs;
import io.mirrorregistry.registry.Registry;

/**
 * Where a blob is.
 *
 * @param registry the registry that has it
 * @param found what the registry's answer to the HEAD told
 */
record KnownBlob(Registry registry, Blobs.Found found) {
}
