package io.mirrorregistry.registry.folder;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.StoredBlob;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;

/**
 * Serves the images of a folder that is an OCI image layout, as {@code skopeo}, {@code crane}, {@code docker buildx} and
 * {@code umoci} write them. Reads only. May be used by any number of threads; a call costs one file status while the folder
 * stays the same, and sees what is put into it without a restart.
 *
 * <p>The catalog in memory has a bound by the heap ({@link CatalogBudget}): images beyond it are left out, and an {@code index.json} with
 * more names than fit is refused as a whole, so that what was read before stays.
 *
 * <p>A damaged image is left out alone and told by {@link #problem()}. Every method that throws
 * {@link ImageLayoutException} does so when the folder is missing, is no layout, or its {@code index.json} cannot be read,
 * and nothing good was read before; the message is one sentence for a person.
 *
 * @see <a href="https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md">OCI image layout</a>
 */
public final class ImageLayout {

    /** Quotation marks and a comma. */
    private static final int PUNCTUATION = 3;

    private final BlobDirectory blobs;
    private final CatalogKeeper keeper;

    /** @param directory the folder; need not exist yet */
    public ImageLayout(Path directory) {
        this(directory, InstantSource.system(), CatalogBudget.ofHeap());
    }

    ImageLayout(Path directory, InstantSource clock) {
        this(directory, clock, CatalogBudget.ofHeap());
    }

    /** @param mostBytes how much memory the catalog may take */
    ImageLayout(Path directory, InstantSource clock, long mostBytes) {
        CatalogReader reader = new CatalogReader(directory, mostBytes);
        this.blobs = reader.blobs();
        this.keeper = new CatalogKeeper(reader, clock);
    }

    /**
     * Returns the manifest of a tag, or that of a digest which one of the repository's references leads to.
     *
     * @throws ImageLayoutException when the folder cannot be served
     */
    public Optional<StoredManifest> manifest(RepositoryName repository, Reference reference) throws ImageLayoutException {
        return repository(repository).map(found -> found.manifest(reference)).map(Manifest::stored);
    }

    /**
     * Returns a configuration, layer or manifest which one of the repository's references leads to. The bytes are not
     * hashed; their number is what the descriptor says.
     *
     * @throws ImageLayoutException when the folder cannot be served, or the file has changed since it was read
     */
    public Optional<StoredBlob> blob(RepositoryName repository, Digest digest) throws ImageLayoutException {
        Optional<StoredBlob> known = repository(repository).map(found -> found.blobs().get(digest));
        if (known.isEmpty()) {
            return known;
        }
        try {
            return Optional.of(blobs.blob(digest, known.get().size()));
        } catch (DamagedImageException e) {
            keeper.suspect();
            throw new ImageLayoutException("In the folder of images, " + e.getMessage() + ".");
        }
    }

    /**
     * Returns the repository's tags in the order of their characters, none where there is no such repository.
     *
     * @throws ImageLayoutException when the folder cannot be served
     */
    public List<String> tags(RepositoryName repository) throws ImageLayoutException {
        return repository(repository).map(found -> List.copyOf(found.tags().keySet())).orElse(List.of());
    }

    /**
     * Returns about how many bytes {@link #tags} has as JSON.
     *
     * @throws ImageLayoutException when the folder cannot be served
     */
    int tagsBytes(RepositoryName repository) throws ImageLayoutException {
        return repository(repository).map(found -> found.tags().keySet().stream().mapToInt(tag -> tag.length() + PUNCTUATION).sum()).orElse(0);
    }

    /**
     * Returns whether the folder has an image of that repository.
     *
     * @throws ImageLayoutException when the folder cannot be served
     */
    public boolean hasRepository(RepositoryName repository) throws ImageLayoutException {
        return repository(repository).isPresent();
    }

    /**
     * Returns a descriptor of each of the repository's manifests that has the subject: mediaType, digest, size,
     * artifactType and annotations. The objects are the caller's own.
     *
     * @throws ImageLayoutException when the folder cannot be served
     * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers">Listing
     *     referrers</a>
     */
    public List<JsonObject> referrers(RepositoryName repository, Digest subject) throws ImageLayoutException {
        return repository(repository).map(found -> found.referrers().getOrDefault(subject, List.of())).orElse(List.of())
                .stream().map(Manifest::referrer).toList();
    }

    /**
     * Returns about how many bytes {@link #referrers} has as JSON.
     *
     * @throws ImageLayoutException when the folder cannot be served
     */
    int referrersBytes(RepositoryName repository, Digest subject) throws ImageLayoutException {
        return repository(repository).map(found -> found.referrers().getOrDefault(subject, List.of())).orElse(List.of())
                .stream().mapToInt(Manifest::referrerBytes).sum();
    }

    /**
     * Returns what is wrong now, in one line: the folder cannot be read, or images in it are left out. Reads the folder
     * where it has changed, like every other method.
     */
    public Optional<String> problem() {
        return Optional.ofNullable(keeper.problem());
    }

    /** Returns how many images are served: names that can be pulled; 0 where the folder cannot be served. */
    public int size() {
        return keeper.size();
    }

    /**
     * Returns the name of an image that can be pulled, such as {@code library/hello:latest}, as known from the last time that the folder was
     * read. Empty where no image has a tag. Reads no file; may be called on the event loop.
     */
    public Optional<String> example() {
        Catalog last = keeper.last();
        return last == null ? Optional.empty() : last.repositories().entrySet().stream()
                .filter(entry -> !entry.getValue().tags().isEmpty())
                .map(entry -> entry.getKey() + ":" + entry.getValue().tags().firstKey())
                .findFirst();
    }

    private Optional<Repository> repository(RepositoryName name) throws ImageLayoutException {
        return Optional.ofNullable(keeper.catalog().repositories().get(name));
    }
}
