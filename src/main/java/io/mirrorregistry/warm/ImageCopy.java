package io.mirrorregistry.warm;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.KeptManifest;
import io.mirrorregistry.push.Target;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.warm.CopyFailedException.Reason;
import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.Origin;
import io.mirrorregistry.warm.queue.State;
import io.mirrorregistry.warm.queue.StoreAwayException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Copies one image: blobs, then the manifests that list them, then the index, then its referrers, and the tags last, so that a tag at the destination
 * never means an incomplete image. Bytes and digests stay as they are. Used by one thread, once.
 */
final class ImageCopy {

    /** An index may list indexes. Build tools make no deeper ones. */
    private static final int DEEPEST = 4;
    private static final int MOST_MANIFESTS = 1000;
    private static final Set<String> BLOB_UNKNOWN = Set.of("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN");
    /** From this attempt on the image gets its tags even if a source does not return its referrers. */
    private static final int ATTEMPTS_FOR_REFERRERS = 5;
    private static final long BUSY_MILLIS = 300;
    private static final long LONGEST_BUSY_MILLIS = 3000;
    private static final Duration MANIFEST_TIME = Duration.ofSeconds(60);

    private final Item item;
    private final Target target;
    private final Sources sources;
    private final Source destination;
    private final BlobCopy blobs;
    private final CopyProgress progress;
    private final boolean allSources;
    /** The source that has the image. Later requests may find their blobs at another one. */
    private Source origin;
    /** Whether the destination has a manifest, for each manifest that was copied. */
    private final Map<Digest, Boolean> seen = new HashMap<>();
    /** Why the copy is not complete: the destination has refused a manifest, or a referrer cannot be copied. Null for a complete copy. */
    private CopyFailedException incomplete;
    private boolean stored;
    /** Whether a manifest was sent. */
    private boolean changed;

    /**
     * How an attempt ended.
     *
     * @param reason why the copy is not complete, in a word; null for a complete copy
     * @param message the same as a sentence
     */
    record Outcome(State state, String reason, String message) {

        private static final Outcome DONE = new Outcome(State.DONE, null, null);
    }

    /**
     * @param allSources whether all sources of the item are asked: none of them is away
     * @param destination reads the destination
     */
    ImageCopy(Item item, Target target, Sources sources, boolean allSources, Source destination, BlobCopy blobs, CopyProgress progress) {
        this.item = item;
        this.target = target;
        this.sources = sources;
        this.allSources = allSources;
        this.destination = destination;
        this.blobs = blobs;
        this.progress = progress;
    }

    /** Returns the manifest that the reference of the item means now. */
    KeptManifest resolve() throws RegistryTroubleException, CopyFailedException {
        Reference reference = item.request().reference();
        KeptManifest root = reference instanceof Tag ? sources.askInOrder(item.request().image(), source -> source.manifest(reference))
                : sources.ask(item.request().image(), source -> source.manifest(reference));
        origin = sources.first();
        return root;
    }

    /**
     * Copies the image.
     *
     * @param root its manifest, as {@link #resolve} returned it
     */
    Outcome run(KeptManifest root) throws RegistryTroubleException, CopyFailedException, StoreAwayException {
        List<Digest> parts = new ArrayList<>();
        boolean accepted = copy(root, 0, parts);
        if (accepted && isCompleteAlready(root)) {
            return Outcome.DONE;
        }
        ReferrerCopy referrers = new ReferrerCopy(target, sources, origin, destination, this);
        if (accepted && referrers.copy(root.digest())) {
            // Images of an index are signed together with the index, or not at all.
            for (Digest part : parts) {
                referrers.copy(part);
            }
        }
        if (accepted) {
            tag(root);
        }
        if (incomplete != null && !stored) {
            throw incomplete;
        }
        return incomplete == null ? Outcome.DONE : new Outcome(State.PARTIAL, incomplete.reason().label(), incomplete.getMessage());
    }

    /**
     * Returns whether a pull has queued an image that the destination had before: after an outage, there may be many. The tags are set last, so that the
     * destination has the referrers as well.
     */
    private boolean isCompleteAlready(KeptManifest root) throws RegistryTroubleException, CopyFailedException {
        if (changed || item.request().origin() != Origin.PULL || tags().isEmpty()) {
            return false;
        }
        for (Tag tag : tags()) {
            if (!means(root.digest(), head(tag))) {
                return false;
            }
        }
        return true;
    }

    /** Only 404 means that there is no such tag. Some registries refuse to return a tag, such as the tag of an image with vulnerabilities. */
    private void requireKnown(Tag tag, PushResponse response) throws CopyFailedException {
        if (!response.isSuccess() && response.status() != 404) {
            throw DestinationRequests.failure(target, "HEAD of the tag " + tag, response);
        }
    }

    /** Returns whether the destination has a tag. */
    boolean hasTag(Tag tag) throws RegistryTroubleException, CopyFailedException {
        PushResponse response = head(tag);
        requireKnown(tag, response);
        return response.isSuccess();
    }

    /** Asks the destination for a manifest. Returns the response, which has no body. */
    private PushResponse head(Reference reference) throws RegistryTroubleException, CopyFailedException {
        return DestinationRequests.send(() -> target.head(ApiPath.manifest(target.name(), reference), MediaTypes.ANY_MANIFEST));
    }

    private static boolean means(Digest digest, PushResponse response) {
        return response.isSuccess() && digest.value().equals(response.header("docker-content-digest"));
    }

    /**
     * Copies a manifest, and the blobs and manifests that it lists.
     *
     * @param depth how many indexes are above it
     * @param parts gets the manifests of an index
     * @return whether the destination has the manifest now; false if it refuses it
     */
    boolean copy(KeptManifest manifest, int depth, List<Digest> parts) throws RegistryTroubleException, CopyFailedException, StoreAwayException {
        Boolean before = seen.putIfAbsent(manifest.digest(), false);
        if (before != null) {
            return before;
        }
        requireNotCancelled();
        ImageManifest content = ImageManifest.read(manifest.bytes());
        if (depth > DEEPEST || seen.size() + content.children().size() > MOST_MANIFESTS) {
            throw new CopyFailedException(Reason.UNSUPPORTED, "The index is too large: it has more than " + MOST_MANIFESTS + " manifests, or " + DEEPEST + " indexes inside each other.");
        }
        boolean accepted = copy(manifest, content, depth, parts);
        seen.put(manifest.digest(), accepted);
        return accepted;
    }

    private boolean copy(KeptManifest manifest, ImageManifest content, int depth, List<Digest> parts) throws RegistryTroubleException, CopyFailedException, StoreAwayException {
        progress.expect(manifest.length());
        boolean index = MediaTypes.isIndex(manifest.type());
        // A registry takes the manifest of an image only with its blobs. If a person asks, the blobs are checked as well: one may be lost.
        boolean there = isThere(manifest.digest());
        if (there && !index && item.request().origin() != Origin.ASKED) {
            progress.skipped(manifest.length());
            return true;
        }
        copyBlobs(content.blobs(), !index);
        boolean complete = true;
        for (ImageManifest.Child child : chosen(content.children())) {
            parts.add(child.digest());
            if (!isSkipped(child.digest())) {
                complete &= isCopied(child.digest(), depth + 1, parts);
            }
        }
        // A registry may take an index without the images that it has refused before.
        boolean accepted = there || complete && put(manifest, manifest.digest().value());
        progress.skipped(manifest.length());
        return accepted;
    }

    /** Copies a manifest of an index. Returns whether the destination has it: a source may have only some of the images of an index, and some may be no images. */
    private boolean isCopied(Digest digest, int depth, List<Digest> parts) throws RegistryTroubleException, CopyFailedException, StoreAwayException {
        KeptManifest part;
        try {
            part = sources.ask("the manifest " + digest, source -> source.manifest(digest));
        } catch (CopyFailedException e) {
            incomplete(e);
            return false;
        }
        try {
            return copy(part, depth, parts);
        } catch (CopyFailedException e) {
            if (e.reason() != Reason.UNSUPPORTED) {
                throw e;
            }
            note(e);
            return false;
        }
    }

    /** Returns whether the destination has a manifest of an index, and therefore its blobs. If a person asks, nothing is skipped: a blob may be lost. */
    private boolean isSkipped(Digest digest) throws RegistryTroubleException, CopyFailedException {
        return item.request().origin() != Origin.ASKED && isThere(digest);
    }

    private List<ImageManifest.Child> chosen(List<ImageManifest.Child> children) throws CopyFailedException {
        List<String> platforms = item.request().platforms();
        if (platforms.isEmpty() || children.isEmpty()) {
            return children;
        }
        Set<String> images = new HashSet<>();
        for (ImageManifest.Child child : children) {
            if (child.platform() != null && platforms.stream().anyMatch(wanted -> isOf(child.platform(), wanted))) {
                images.add(child.digest().value());
            }
        }
        if (images.isEmpty()) {
            throw new CopyFailedException(Reason.NOT_FOUND, "The index has no image of " + String.join(", ", platforms) + ".");
        }
        return children.stream().filter(child -> images.contains(child.digest().value()) || images.contains(child.about())).toList();
    }

    /** Returns whether a platform is the wanted one, or a variant of it. The only variant of arm64 is v8, and it may be left out. */
    private static boolean isOf(String platform, String wanted) {
        String name = platform.replace("/arm64/v8", "/arm64");
        String plain = wanted.replace("/arm64/v8", "/arm64");
        return name.equals(plain) || name.startsWith(plain + "/");
    }

    /** @param mount whether blobs are mounted from other repositories: registries take an index also if their source lacks its blobs */
    private void copyBlobs(Map<Digest, Long> all, boolean mount) throws RegistryTroubleException, CopyFailedException, StoreAwayException {
        all.values().forEach(progress::expect);
        Map<Digest, Long> left = new LinkedHashMap<>(all);
        long wait = BUSY_MILLIS;
        while (!left.isEmpty()) {
            int before = left.size();
            for (Map.Entry<Digest, Long> blob : List.copyOf(left.entrySet())) {
                requireNotCancelled();
                if (blobs.copy(blob.getKey(), blob.getValue(), mount)) {
                    left.remove(blob.getKey());
                }
            }
            if (left.size() == before) {
                // Other copies of the same blobs run.
                pause(wait);
                wait = Math.min(LONGEST_BUSY_MILLIS, 2 * wait);
            }
        }
    }

    private static void pause(long millis) throws CopyFailedException {
        try {
            TimeUnit.MILLISECONDS.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CopyFailedException(Reason.CANCELLED, "The mirror is stopping.");
        }
    }

    private void requireNotCancelled() throws CopyFailedException {
        if (progress.isCancelled()) {
            throw new CopyFailedException(Reason.CANCELLED, "The copy was cancelled.");
        }
    }

    private boolean isThere(Digest digest) throws RegistryTroubleException, CopyFailedException {
        boolean there = head(digest).isSuccess();
        stored |= there;
        return there;
    }

    /** Sends a manifest. Returns false if the destination refuses it. */
    boolean put(KeptManifest manifest, String reference) throws RegistryTroubleException, CopyFailedException {
        PushResponse response = DestinationRequests.send(() -> target.manifest(reference, "", manifest.type(), manifest.bytes(), MANIFEST_TIME));
        if (response.isSuccess()) {
            stored = true;
            changed = true;
            return true;
        }
        String why = DestinationRequests.sentence(target, "PUT of the manifest " + reference + " (" + manifest.type() + ")", response);
        if (response.status() == 403) {
            throw new CopyFailedException(Reason.DENIED, why);
        }
        if (!MediaTypes.isIndex(manifest.type()) && response.errors().stream().anyMatch(problem -> BLOB_UNKNOWN.contains(problem.code()))) {
            // The destination had the blobs a moment ago. They may have been deleted meanwhile.
            throw new CopyFailedException(Reason.PROTOCOL, why);
        }
        incomplete = incomplete == null ? new CopyFailedException(Reason.REFUSED, why) : incomplete;
        return false;
    }

    /**
     * Notes that a manifest of the index, or a part of the referrers, was not copied. The image can be used without it.
     *
     * @throws CopyFailedException the same, if another attempt may end otherwise
     */
    void incomplete(CopyFailedException failure) throws CopyFailedException {
        if (!isLasting(failure)) {
            throw failure;
        }
        note(failure);
    }

    private boolean isLasting(CopyFailedException failure) {
        return failure.reason() == Reason.UNSUPPORTED || failure.reason() == Reason.NOT_FOUND && allSources;
    }

    private void note(CopyFailedException failure) {
        incomplete = incomplete == null ? failure : incomplete;
    }

    /**
     * Notes that a referrer was not copied. The image can be used without it.
     *
     * @throws CopyFailedException the same, if another attempt follows soon, or when sources respond that are away
     */
    void referrerFailed(CopyFailedException failure) throws CopyFailedException {
        boolean ends = failure.reason() == Reason.CANCELLED || failure.reason() == Reason.NOT_FOUND;
        if (!isLasting(failure) && (ends || item.attempts() < ATTEMPTS_FOR_REFERRERS)) {
            throw failure;
        }
        note(failure);
    }

    /**
     * Notes that a registry was in trouble when it was asked for the referrers, or got them.
     *
     * @throws RegistryTroubleException the same, if another attempt follows soon
     */
    void incomplete(RegistryTroubleException trouble) throws RegistryTroubleException {
        if (trouble.throttled() || item.attempts() < ATTEMPTS_FOR_REFERRERS) {
            throw trouble;
        }
        note(new CopyFailedException(Reason.NOT_FOUND, "What refers to the image is not copied: " + trouble.getMessage()));
    }

    /** Returns the tags that the image gets. */
    Set<Tag> tags() {
        Set<Tag> tags = new HashSet<>(item.request().tags());
        if (item.request().reference() instanceof Tag tag) {
            tags.add(tag);
        }
        return tags;
    }

    /** Gives the image its tags at the destination. */
    private void tag(KeptManifest root) throws RegistryTroubleException, CopyFailedException {
        for (Tag tag : tags()) {
            requireNotCancelled();
            PushResponse response = head(tag);
            requireKnown(tag, response);
            boolean meant = tag.equals(item.request().reference());
            if (response.isSuccess() && (!meant || means(root.digest(), response))) {
                // A pull does not overwrite a tag: the destination is asked first, so that clients get its image.
                continue;
            }
            if (stillMeans(tag, root.digest())) {
                put(root, tag.value());
            } else if (meant) {
                // The destination may have the newer image under the tag already, by a pull or by another mirror.
                throw new CopyFailedException(Reason.MOVED, "The tag " + tag + " no longer means this image at the sources: it was moved or deleted while the image was copied.");
            }
        }
    }

    /** Returns whether the tag still means the image at the sources. */
    private boolean stillMeans(Tag tag, Digest digest) throws RegistryTroubleException, CopyFailedException {
        try {
            return sources.askInOrder("the tag " + tag, source -> source.digest(tag)).equals(digest);
        } catch (CopyFailedException e) {
            if (!allSources) {
                throw new CopyFailedException(Reason.SOURCE_AWAY, "Whether the tag " + tag + " still means the image is not known.");
            }
            return false;
        }
    }
}
