package io.mirrorregistry.push;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.SizeLimits;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.apache.camel.Exchange;

/** Sends manifests to the target. Safe for all threads; its methods block. */
final class ManifestPush {

    /** With these codes a registry says that it lacks a blob of the manifest; which code it takes differs between registries. */
    private static final Set<String> BLOB_UNKNOWN = Set.of("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN");

    /** Manifests are small: a client that takes longer for one would keep others from their turn. */
    private static final Duration LONGEST_READ = Duration.ofSeconds(60);

    private final MissingBlobs missing;
    private final TagLocks locks = new TagLocks();

    ManifestPush(MissingBlobs missing) {
        this.missing = missing;
    }

    /**
     * Sends the manifest of the request.
     *
     * @param kept the tags among its own that may not be overwritten
     * @param sources the registries that may have blobs that the target lacks
     * @return the digest of the manifest that the target has from now on; null if it refused
     */
    Digest put(Exchange exchange, Target target, List<Tag> kept, List<Plan.Target> sources) throws ProtocolException, RegistryTroubleException, PushBodyException {
        Pull pull = Pull.of(exchange);
        PushRequest push = pull.push();
        byte[] bytes = read(pull);
        ManifestContent content = ManifestContent.read(bytes);
        Reference reference = push.path().reference();
        if (reference instanceof Digest digest && !digest.matches(bytes)) {
            throw new ProtocolException(ErrorCode.DIGEST_INVALID, "The manifest has another digest than the one it is sent under.", digest.value());
        }
        Digest own = reference instanceof Digest digest ? digest : Digest.ofSha256(bytes);
        try (TagLocks.Lock lock = kept.isEmpty() ? null : locks.take(target.planned(), kept, pull.answerTime().left())) {
            if (lock == null && !kept.isEmpty()) {
                pull.response().putHeader("Retry-After", "5");
                throw new ProtocolException(ErrorCode.UNAVAILABLE, "Another push of the same tag takes too long; try again.", kept.get(0).value());
            }
            for (Tag tag : kept) {
                requireFree(target, tag, own);
            }
            return put(exchange, target, bytes, content, own, sources);
        }
    }

    private Digest put(Exchange exchange, Target target, byte[] bytes, ManifestContent content, Digest own, List<Plan.Target> sources)
            throws RegistryTroubleException, PushBodyException {
        Pull pull = Pull.of(exchange);
        PushRequest push = pull.push();
        String inside = content.mediaType() != null && RegistryAnswers.isPrintable(content.mediaType()) ? content.mediaType() : MediaTypes.OCI_MANIFEST;
        String type = push.contentType() != null ? push.contentType() : inside;
        String query = String.join("&", push.tags().stream().map(tag -> "tag=" + tag.value()).toList());
        Duration time = Duration.ofNanos(Math.max(target.registry().settings().responseTimeout().toNanos(), pull.answerTime().left()));
        PushResponse response = target.manifest(push.path().reference().value(), query, type, bytes, time);
        boolean lacksBlob = !response.isSuccess() && response.errors().stream().anyMatch(problem -> BLOB_UNKNOWN.contains(problem.code()));
        if (lacksBlob && missing.copy(target, content.blobs(), sources)) {
            response = target.manifest(push.path().reference().value(), query, type, bytes, time);
        }
        if (!response.isSuccess()) {
            PushAnswers.refused(exchange, response);
            return null;
        }
        if (response.status() != 201) {
            throw new RegistryTroubleException(target.registry().name(), "PUT " + push.path() + " was answered " + response.status());
        }
        String stated = response.header("docker-content-digest");
        if (stated != null && Digest.isValid(stated) && !new Digest(stated).matches(bytes)) {
            throw new RegistryTroubleException(target.registry().name(), "PUT " + push.path() + " was answered with the digest of another manifest");
        }
        Digest digest = stated != null && Digest.isValid(stated) ? new Digest(stated) : own;
        PushAnswers.created(exchange, response, ApiPath.manifest(push.path().repository(), digest).toString(), digest.value());
        return digest;
    }

    /** @throws ProtocolException DENIED if the tag is another manifest's */
    private static void requireFree(Target target, Tag tag, Digest digest) throws ProtocolException, RegistryTroubleException, PushBodyException {
        PushResponse found = target.head(ApiPath.manifest(target.name(), tag), MediaTypes.ANY_MANIFEST);
        String present = found.header("docker-content-digest");
        if (found.status() == 404 || found.isSuccess() && digest.value().equals(present)) {
            return;
        }
        if (!found.isSuccess()) {
            throw new RegistryTroubleException(target.registry().name(), "HEAD of the tag " + tag + " of " + target.name() + " was answered " + found.status());
        }
        throw new ProtocolException(ErrorCode.DENIED, "The tag " + tag + " may not be overwritten.", present == null ? tag.value() : present);
    }

    /**
     * Returns the body.
     *
     * @throws ProtocolException SIZE_INVALID if it is longer than a manifest may be, UNAVAILABLE if there is no memory for it
     */
    private static byte[] read(Pull pull) throws ProtocolException, PushBodyException {
        if (pull.body() == null) {
            return new byte[0];
        }
        try {
            byte[] bytes = pull.body().readAll(SizeLimits.MANIFEST_BYTES, LONGEST_READ, pull.share()::take);
            pull.share().keep(bytes.length);
            // A route may send it to another registry if this one fails.
            pull.push(pull.push(), new BytesBody(bytes));
            return bytes;
        } catch (ProtocolException e) {
            if (e.code() == ErrorCode.UNAVAILABLE) {
                pull.response().putHeader("Retry-After", "1");
            }
            throw e;
        } catch (PushBodyException e) {
            throw e;
        } catch (IOException e) {
            throw new PushBodyException("The manifest broke off.", true);
        }
    }
}
