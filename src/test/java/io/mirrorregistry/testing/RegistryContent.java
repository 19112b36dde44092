package io.mirrorregistry.testing;

import io.mirrorregistry.protocol.Digest;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** What a {@link TestRegistry} holds, and how a test puts it in; it may change at any time. */
public abstract class RegistryContent extends TestServer {

    private final String salt;
    private final Map<String, Repository> repositories = new ConcurrentHashMap<>();

    RegistryContent(String salt, boolean tls) {
        super(tls);
        this.salt = salt;
    }

    /** Makes and stores an image of two layers; the registry's name goes into its bytes. */
    public Image image(String name, String tag) {
        return put(Image.of(salt, name, tag, 2));
    }

    /** Makes and stores an index over images, and these too. */
    public Image index(String name, String tag, Image... images) {
        return put(Image.index(name, tag, images));
    }

    /** Makes and stores an artifact that refers to a subject. */
    public Image referrer(String name, Image subject, String artifactType) {
        Image referrer = put(Image.referrer(name, subject, artifactType));
        repository(name).refer(subject.digest(), referrer);
        return referrer;
    }

    /** Stores an image, byte for byte, with its blobs and children: what another registry has, this one has too. */
    public Image put(Image image) {
        image.children().forEach(child -> put(new Image(image.name(), null, child.mediaType(), child.manifest(),
                child.blobs(), child.children(), child.artifactType())));
        image.blobs().forEach(blob -> blob(image.name(), blob));
        manifest(image.name(), image.tag() == null ? image.digest().value() : image.tag(), image.mediaType(), image.manifest());
        return image;
    }

    /** Stores any bytes as a manifest under a tag or digest (not necessarily theirs). */
    public Digest manifest(String name, String reference, String mediaType, byte[] bytes) {
        repository(name).put(reference, new Repository.Manifest(mediaType, bytes));
        return Digest.ofSha256(bytes);
    }

    public Digest blob(String name, byte[] bytes) {
        return blob(name, Body.of(bytes));
    }

    /** Stores a blob, such as {@code Body.ofSize(400_000_000, 1)}. */
    public Digest blob(String name, Body body) {
        return blob(name, body.digest(), body);
    }

    /** Stores a blob under any digest, such as its sha512 or a wrong one. */
    public Digest blob(String name, Digest digest, Body body) {
        repository(name).put(digest, body);
        return digest;
    }

    /** Removes a tag, a manifest by digest, or a blob. */
    public void remove(String name, String reference) {
        repository(name).remove(reference);
    }

    /** Returns the repository of this name, or null. */
    Repository find(String name) {
        return repositories.get(name);
    }

    private Repository repository(String name) {
        return repositories.computeIfAbsent(name, any -> new Repository());
    }
}
