package io.mirrorregistry.warm;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Json;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.KeptManifest;
import io.mirrorregistry.push.Target;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.warm.CopyFailedException.Reason;
import io.mirrorregistry.warm.queue.StoreAwayException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Copies the referrers of a manifest: signatures, attestations and lists of software. A registry lists them, or clients keep that list under the
 * tag {@link Tag#ofReferrers}; cosign uses tags of its own. Used by one thread.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers">Listing referrers</a>
 * @see <a href="https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md">cosign's tags</a>
 */
final class ReferrerCopy {

    private static final List<String> SUFFIXES = List.of(".sig", ".att", ".sbom");
    /** A referrer may have referrers, such as the signature of a list of software. */
    private static final int DEEPEST = 3;
    private static final int MOST_REFERRERS = 500;

    private final Target target;
    private final Sources sources;
    private final Source source;
    private final Source destination;
    private final ImageCopy copy;
    private final Set<Digest> subjects = new HashSet<>();

    /**
     * @param sources have the manifests
     * @param source the one that has the image, and so what refers to it
     * @param destination reads the destination
     */
    ReferrerCopy(Target target, Sources sources, Source source, Source destination, ImageCopy copy) {
        this.target = target;
        this.sources = sources;
        this.source = source;
        this.destination = destination;
        this.copy = copy;
    }

    /** Copies the referrers of the manifest. Returns whether it has any. */
    boolean copy(Digest subject) throws RegistryTroubleException, CopyFailedException, StoreAwayException {
        boolean found = copyReferrers(subject, 0);
        for (String suffix : SUFFIXES) {
            String tag = subject.algorithm() + "-" + subject.hex() + suffix;
            // For a sha512 the tag would be too long: cosign has none.
            found |= Tag.isValid(tag) && copyTag(new Tag(tag));
        }
        return found;
    }

    private boolean copyReferrers(Digest subject, int depth) throws RegistryTroubleException, CopyFailedException, StoreAwayException {
        if (depth > DEEPEST || !subjects.add(subject)) {
            return false;
        }
        List<JsonObject> referrers;
        try {
            referrers = source.referrers(subject);
        } catch (RegistryTroubleException e) {
            copy.incomplete(e);
            return false;
        }
        if (referrers.size() > MOST_REFERRERS) {
            copy.incomplete(new CopyFailedException(Reason.UNSUPPORTED, "More than " + MOST_REFERRERS + " manifests refer to " + subject + ", and none of them is copied."));
            return false;
        }
        List<JsonObject> copied = new ArrayList<>();
        for (JsonObject descriptor : referrers) {
            Digest digest = digest(descriptor);
            if (isCopied(() -> sources.ask("the manifest " + digest, one -> one.manifest(digest)))) {
                copied.add(descriptor);
                copyReferrers(digest, depth + 1);
            }
        }
        if (!copied.isEmpty()) {
            list(subject, copied);
        }
        return !referrers.isEmpty();
    }

    /** Finds a manifest. */
    private interface Search {

        KeptManifest run() throws RegistryTroubleException, CopyFailedException;
    }

    /** Copies a manifest that refers to the image. Returns whether the destination has it now: the image gets its tag even if a referrer cannot be copied. */
    private boolean isCopied(Search search) throws RegistryTroubleException, CopyFailedException, StoreAwayException {
        try {
            return copy.copy(search.run(), 0, new ArrayList<>());
        } catch (CopyFailedException e) {
            copy.referrerFailed(e);
            return false;
        } catch (RegistryTroubleException e) {
            copy.incomplete(e);
            return false;
        }
    }

    private static Digest digest(JsonObject descriptor) {
        return new Digest(descriptor.getString("digest"));
    }

    /** Returns the manifest of a tag; null if the source has no such tag. */
    private KeptManifest manifest(Tag tag) throws RegistryTroubleException {
        try {
            return source.manifest(tag);
        } catch (NotHereException e) {
            return null;
        } catch (RegistryTroubleException e) {
            copy.incomplete(e);
            return null;
        }
    }

    /** Copies the manifest of a tag, and gives it the tag. Returns whether a source has it. */
    private boolean copyTag(Tag tag) throws RegistryTroubleException, CopyFailedException, StoreAwayException {
        KeptManifest manifest = manifest(tag);
        if (manifest == null) {
            return false;
        }
        // The destination may have signatures of its own under the tag, which its clients trust.
        if ((!copy.hasTag(tag) || isExtended(tag, manifest)) && isCopied(() -> manifest)) {
            put(manifest, tag);
        }
        return true;
    }

    /** Gives a manifest its tag. The image gets its own tag even if the destination refuses this one. */
    private void put(KeptManifest manifest, Tag tag) throws RegistryTroubleException, CopyFailedException {
        try {
            copy.put(manifest, tag.value());
        } catch (CopyFailedException e) {
            copy.referrerFailed(e);
        } catch (RegistryTroubleException e) {
            copy.incomplete(e);
        }
    }

    /** Returns whether the manifest has all signatures that the destination has under the tag, and more. cosign adds a signature as a layer, and moves the tag. */
    private boolean isExtended(Tag tag, KeptManifest manifest) throws RegistryTroubleException {
        try {
            KeptManifest there = destination.manifest(tag);
            Set<ByteBuffer> known = layers(there.bytes());
            return !known.isEmpty() && !there.digest().equals(manifest.digest()) && layers(manifest.bytes()).containsAll(known);
        } catch (NotHereException e) {
            // The destination responded 200 to HEAD, and does not return the manifest.
            return false;
        } catch (RegistryTroubleException e) {
            copy.incomplete(e);
            return false;
        }
    }

    /**
     * Returns the bytes of each descriptor of a layer; empty for none, for a manifest that cannot be read, and for one that clients may read otherwise. The
     * signatures are in their annotations: the layers of two signatures may be equal.
     */
    private static Set<ByteBuffer> layers(byte[] manifest) {
        Set<ByteBuffer> layers = new HashSet<>();
        try (JsonParser parser = Json.TOKENS.createParser(manifest)) {
            parser.nextToken();
            boolean before = false;
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                boolean listed = parser.currentName().equalsIgnoreCase("layers");
                if (listed && before) {
                    return Set.of();
                }
                before |= listed;
                if (parser.nextToken() == JsonToken.START_ARRAY && listed) {
                    while (parser.nextToken() != JsonToken.END_ARRAY) {
                        int from = (int) parser.currentTokenLocation().getByteOffset();
                        parser.skipChildren();
                        layers.add(ByteBuffer.wrap(manifest, from, (int) parser.currentLocation().getByteOffset() - from));
                    }
                } else {
                    parser.skipChildren();
                }
            }
        } catch (IOException | IndexOutOfBoundsException e) {
            return Set.of();
        }
        return layers;
    }

    /** Adds referrers that the destination does not list to the list under the tag, as clients do at a registry without the referrers API. */
    private void list(Digest subject, List<JsonObject> referrers) throws RegistryTroubleException, CopyFailedException {
        List<JsonObject> all;
        try {
            all = new ArrayList<>(destination.referrers(subject));
        } catch (RegistryTroubleException e) {
            copy.incomplete(e);
            return;
        }
        Set<Digest> known = new HashSet<>();
        all.forEach(descriptor -> known.add(digest(descriptor)));
        int before = all.size();
        referrers.stream().filter(descriptor -> known.add(digest(descriptor))).forEach(all::add);
        if (all.size() > before) {
            byte[] bytes = new JsonObject().put("schemaVersion", 2).put("mediaType", MediaTypes.OCI_INDEX).put("manifests", new JsonArray(all)).encode()
                    .getBytes(StandardCharsets.UTF_8);
            put(new KeptManifest(Digest.ofSha256(bytes), MediaTypes.OCI_INDEX, bytes.length, bytes, target.registry().name()), Tag.ofReferrers(subject));
        }
    }
}
