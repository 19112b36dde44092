package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.vertx.core.json.JsonObject;

/**
 * What an entry of {@code index.json} is called: {@code library/hello:latest}.
 *
 * @param repository the repository, without the host that a tool may have written before it
 * @param reference the tag, or the digest where the name has no tag
 */
record ImageName(RepositoryName repository, Reference reference) {

    private static final String REF_NAME = "org.opencontainers.image.ref.name";
    private static final String CONTAINERD_NAME = "io.containerd.image.name";
    private static final String DEFAULT_TAG = "latest";

    /**
     * Returns the text that names an entry, empty where it has none. That is {@code org.opencontainers.image.ref.name};
     * where it holds only a tag, as from {@code docker buildx} and {@code docker save}, it is their
     * {@code io.containerd.image.name}.
     */
    static String text(JsonObject annotations) {
        String refName = JsonFields.text(annotations, REF_NAME);
        String containerdName = JsonFields.text(annotations, CONTAINERD_NAME);
        return containerdName.isEmpty() || !isOnlyTag(refName) ? refName : containerdName;
    }

    /**
     * Parses a name such as {@code library/hello:latest}, {@code docker.io/library/hello},
     * {@code localhost:5000/team/app:1} or {@code library/hello@sha256:…}.
     *
     * @throws DamagedImageException when the name has no repository, or cannot be asked for
     */
    static ImageName parse(String text) throws DamagedImageException {
        if (isOnlyTag(text)) {
            throw new DamagedImageException("the name has no repository, it should be like library/hello:latest");
        }
        int at = text.indexOf('@');
        String digest = at < 0 ? "" : text.substring(at + 1);
        String named = withoutHost(at < 0 ? text : text.substring(0, at));
        int colon = named.indexOf(':');
        String repository = colon < 0 ? named : named.substring(0, colon);
        String tag = colon < 0 ? DEFAULT_TAG : named.substring(colon + 1);
        if (!RepositoryName.isValid(repository) || !Tag.isValid(tag) || at >= 0 && !Digest.isValid(digest)) {
            throw new DamagedImageException("nobody can ask for that name, it should be like library/hello:latest");
        }
        return new ImageName(new RepositoryName(repository),
                at >= 0 && colon < 0 ? new Digest(digest) : new Tag(tag));
    }

    private static boolean isOnlyTag(String text) {
        return text.indexOf('/') < 0 && text.indexOf(':') < 0 && text.indexOf('@') < 0;
    }

    /** Takes off a first component that is a host by Docker's rule: it has a period or a port, or is localhost. */
    private static String withoutHost(String text) {
        int slash = text.indexOf('/');
        if (slash < 0) {
            return text;
        }
        String first = text.substring(0, slash);
        boolean host = first.indexOf('.') > 0 || first.indexOf(':') > 0 || first.equals("localhost");
        return host ? text.substring(slash + 1) : text;
    }

    @Override
    public String toString() {
        return repository + (reference instanceof Tag ? ":" : "@") + reference;
    }
}
