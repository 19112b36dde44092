package io.mirrorregistry.warm;

import io.mirrorregistry.protocol.ContentRange;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.PushRequest.Method;
import io.mirrorregistry.push.Target;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.warm.CopyFailedException.Reason;
import io.mirrorregistry.warm.queue.Store;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An upload of one blob at the destination. Used by one thread; every call blocks.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pushing-a-blob-in-chunks">Pushing a blob in chunks</a>
 */
final class BlobUpload {

    private static final Logger LOG = LoggerFactory.getLogger(BlobUpload.class);
    /** The bytes that are sent again after a kill, at most: some registries drop a chunk that was interrupted. */
    private static final long CHUNK_BYTES = 32L * 1024 * 1024;

    private final Target target;
    private final Digest digest;
    private final long size;
    private final boolean authorized;
    private final long chunk;
    private String location;
    private long offset;

    private BlobUpload(Target target, Digest digest, long size, PushResponse response, String location, long offset) {
        this.target = target;
        this.digest = digest;
        this.size = size;
        this.authorized = response.authorized();
        this.chunk = Math.max(CHUNK_BYTES, RegistryAnswers.digits(response.header("oci-chunk-min-length")));
        this.location = location;
        this.offset = offset;
    }

    /** Begins an upload. */
    static BlobUpload begin(Target target, Digest digest, long size) throws RegistryTroubleException, CopyFailedException {
        PushResponse response = DestinationRequests.send(target::begin);
        if (!response.isSuccess()) {
            throw DestinationRequests.failure(target, "POST of an upload", response);
        }
        if (response.location() == null) {
            throw new CopyFailedException(Reason.PROTOCOL, "Registry " + target.registry().name() + " began an upload without a Location.");
        }
        return new BlobUpload(target, digest, size, response, response.location(), 0);
    }

    /** Returns an upload that was interrupted; null if the destination does not continue it. */
    static BlobUpload resume(Target target, Digest digest, long size, Store.Blob claimed) throws RegistryTroubleException, CopyFailedException {
        PushResponse response = state(target, claimed.location(), true);
        if (response == null) {
            return null;
        }
        long offset = response.isSuccess() ? offset(response) : -1;
        if (offset <= 0 || offset > size) {
            LOG.debug("registry {} does not continue an upload of {} bytes: {}", target.registry().name(), claimed.offset(), response.status());
            return null;
        }
        return new BlobUpload(target, digest, size, response, response.location() == null ? claimed.location() : response.location(), offset);
    }

    /**
     * Asks for the state of an upload. Returns null if it cannot be known: some registries respond 5xx, or with a page for people, to an upload that they have
     * dropped. If the registry is away, the request that begins another upload fails, too, and the next attempt asks again.
     */
    private static PushResponse state(Target target, String location, boolean again) throws RegistryTroubleException, CopyFailedException {
        try {
            return DestinationRequests.send(() -> target.upload(Method.GET, location, null, null, true));
        } catch (RegistryTroubleException e) {
            if (e.throttled()) {
                throw e;
            }
            // Without a response, one connection may have failed.
            if (again && e.status() == 0) {
                return state(target, location, false);
            }
            LOG.info("An upload is not continued: {}", e.getMessage());
            return null;
        }
    }

    /** Returns how many bytes the destination has of an upload; -1 if the response does not contain it. "0-0" stands for zero bytes or for one byte. */
    private static long offset(PushResponse response) {
        String range = response.header("range");
        try {
            ContentRange stored = range == null ? null : ContentRange.parse(range);
            return stored == null ? -1 : stored.last() == 0 ? 0 : stored.last() + 1;
        } catch (ProtocolException e) {
            return -1;
        }
    }

    /** Returns whether the blob is sent with the request that ends the upload. */
    boolean isShort() {
        return offset == 0 && size <= chunk;
    }

    /** Returns how many bytes the destination has confirmed. */
    long offset() {
        return offset;
    }

    String location() {
        return location;
    }

    /** Sends the next chunk. The response may be a refusal. */
    PushResponse chunk(SourceBody body) throws RegistryTroubleException, CopyFailedException {
        long length = Math.min(chunk, size - offset);
        String range = new ContentRange(offset, offset + length - 1).toString();
        PushResponse response = send(body, () -> target.upload(Method.PATCH, location, range, body.part(length), authorized));
        if (response.isSuccess()) {
            offset += length;
            location = response.location() == null ? location : response.location();
        }
        return response;
    }

    /**
     * Ends the upload, with the bytes that were not sent in chunks. The response may be a refusal: then the upload is cancelled.
     */
    PushResponse commit(SourceBody body) throws RegistryTroubleException, CopyFailedException {
        String end = Target.commit(location, digest);
        PushResponse response = send(body, () -> target.upload(Method.PUT, end, null, offset < size ? body.part(size - offset) : null, authorized));
        if (response.status() != 201) {
            cancel();
        }
        return response;
    }

    private static PushResponse send(SourceBody body, DestinationRequests.Request request) throws RegistryTroubleException, CopyFailedException {
        try {
            return DestinationRequests.send(request);
        } catch (RegistryTroubleException | CopyFailedException e) {
            body.throwFailure();
            throw e;
        }
    }

    /** Lets the destination drop the bytes that it has of the blob. A failure is ignored. */
    void cancel() {
        cancel(target, location, authorized);
    }

    static void cancel(Target target, String location, boolean authorized) {
        try {
            target.upload(Method.DELETE, location, null, null, authorized);
        } catch (RegistryTroubleException | PushBodyException e) {
            LOG.debug("registry {} did not cancel an upload: {}", target.registry().name(), e.getMessage());
        }
    }
}
