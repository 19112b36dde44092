package io.mirrorregistry.warm.queue;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.Tag;
import java.util.List;
import java.util.Set;

/**
 * An image that is to be copied.
 *
 * @param destination the registry to copy to, and the repository's name there
 * @param reference the digest of the image, or a tag that is resolved when the image is copied
 * @param tags further tags that the destination gets; never the reference
 * @param image the image as clients write it, for people, such as {@code ghcr.io/org/app:1}
 * @param sources the registries that may have it, in the order of asking, each with the repository's name there
 * @param platforms the platforms of which an index's images are copied, such as {@code linux/amd64}; empty for all
 */
public record CopyRequest(Plan.Target destination, Reference reference, Set<Tag> tags, String image, List<Plan.Target> sources, List<String> platforms,
        Origin origin) {

    /** Maximum platforms that one request names. */
    public static final int MOST_PLATFORMS = 50;

    public CopyRequest {
        tags = Set.copyOf(tags);
        sources = List.copyOf(sources);
        platforms = List.copyOf(platforms);
    }
}
