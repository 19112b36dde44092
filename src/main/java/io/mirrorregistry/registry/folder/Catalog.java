package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import java.util.Map;

/**
 * What the folder held at one moment; immutable.
 *
 * @param repositories by name; each has something to serve
 * @param size how many images are served: names of {@code index.json} whose image is whole
 * @param manifests every manifest that was read, for the next catalog
 * @param problems one sentence for each image, or part of one, that is left out; not to be changed
 */
record Catalog(Map<RepositoryName, Repository> repositories, int size, Map<Digest, Manifest> manifests,
        Problems problems) {
}
