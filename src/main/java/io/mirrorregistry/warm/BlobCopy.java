package io.mirrorregistry.warm;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.push.Target;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.warm.CopyFailedException.Reason;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies the blobs of one image to the destination. A blob that another repository of the destination has is mounted. A long blob is sent in chunks, and
 * the database keeps where its upload continues: after a kill, the mirror does not send all of the blob again. Used by one thread; every call blocks.
 */
final class BlobCopy {

    private static final Logger LOG = LoggerFactory.getLogger(BlobCopy.class);

    private final Target target;
    private final Sources sources;
    private final Store store;
    private final String owner;
    private final BlobReleases releases;
    private final CopyProgress progress;
    private final Throttle throttle;

    /** @param releases gives back the blobs that are no longer copied */
    BlobCopy(Target target, Sources sources, Store store, String owner, BlobReleases releases, CopyProgress progress, Throttle throttle) {
        this.target = target;
        this.sources = sources;
        this.store = store;
        this.owner = owner;
        this.releases = releases;
        this.progress = progress;
        this.throttle = throttle;
    }

    /**
     * Copies a blob, unless the destination has it.
     *
     * @param size how many bytes it has
     * @param mount whether it may be mounted from another repository of the destination
     * @return false if another copy of the same blob runs now
     */
    boolean copy(Digest digest, long size, boolean mount) throws RegistryTroubleException, CopyFailedException, StoreAwayException {
        if (isThere(digest)) {
            store.stored(target.planned(), digest);
            progress.skipped(size);
            return true;
        }
        RepositoryName ignored = null;
        boolean again = false;
        while (true) {
            Store.Blob blob = store.claimBlob(target.planned(), digest, owner, ignored);
            if (blob.mine()) {
                try {
                    upload(digest, size, blob);
                    return true;
                } catch (RegistryTroubleException e) {
                    if (again || e.status() != 401 || !e.registry().equals(target.registry().name())) {
                        throw e;
                    }
                    // The token expired while the blob was sent. The next request gets another token.
                    again = true;
                    continue;
                }
            }
            if (blob.place() == null) {
                return false;
            }
            if (mount && isMounted(digest, blob.place())) {
                progress.skipped(size);
                return true;
            }
            ignored = blob.place();
        }
    }

    private boolean isThere(Digest digest) throws RegistryTroubleException, CopyFailedException {
        PushResponse response = DestinationRequests.send(() -> target.head(target.blob(digest), null));
        if (response.status() == 403) {
            throw DestinationRequests.failure(target, "HEAD of the blob " + digest, response);
        }
        return response.isSuccess();
    }

    /** Mounts a blob. Returns false if the destination does not do it: then the blob is sent. */
    private boolean isMounted(Digest digest, RepositoryName from) throws RegistryTroubleException, CopyFailedException {
        PushResponse response;
        try {
            response = DestinationRequests.send(() -> target.mount(digest, from));
        } catch (RegistryTroubleException e) {
            if (e.throttled()) {
                throw e;
            }
            LOG.debug("the blob {} of {} is not mounted: {}", digest, from, e.getMessage());
            return false;
        }
        if (response.status() != 201 && response.isSuccess() && response.location() != null) {
            BlobUpload.cancel(target, response.location(), response.authorized());
        }
        return response.status() == 201;
    }

    private void upload(Digest digest, long size, Store.Blob claimed) throws RegistryTroubleException, CopyFailedException, StoreAwayException {
        releases.claimed(target.planned(), digest);
        boolean stored = false;
        try {
            if (!isContinued(digest, size, claimed)) {
                sendFromAnySource(digest, size);
            }
            store.stored(target.planned(), digest);
            stored = true;
            releases.stored(target.planned(), digest);
        } finally {
            if (!stored) {
                releases.release(target.planned(), digest);
            }
        }
    }

    /** Continues an interrupted upload. Returns false if there is no such upload, or if the destination refuses the rest: then the whole blob is sent. */
    private boolean isContinued(Digest digest, long size, Store.Blob claimed) throws RegistryTroubleException, CopyFailedException {
        BlobUpload upload = claimed.location() == null ? null : BlobUpload.resume(target, digest, size, claimed);
        if (upload == null) {
            return false;
        }
        LOG.info("The copy of the blob {} to registry {} continues after {} bytes", digest, target.registry().name(), upload.offset());
        progress.skipped(upload.offset());
        long began = upload.offset();
        try (SourceBody body = body(digest, size, began); ProgressRollback rollback = new ProgressRollback(body)) {
            PushResponse refusal = remainingChunks(digest, size, upload, body);
            if (refusal == null) {
                PushResponse response = upload.commit(body);
                refusal = response.status() == 201 ? null : response;
            }
            if (refusal == null) {
                rollback.stored();
                return true;
            }
            LOG.info("{} The whole blob is sent again", DestinationRequests.sentence(target, "rest of the blob " + digest, refusal));
            upload.cancel();
            return false;
        }
    }

    /**
     * Sends the next chunks. If the destination fails before it has confirmed a chunk, the upload is not continued again: the registry may have lost it.
     */
    private PushResponse remainingChunks(Digest digest, long size, BlobUpload upload, SourceBody body) throws RegistryTroubleException, CopyFailedException {
        long before = upload.offset();
        try {
            return chunks(digest, size, upload, body);
        } catch (RegistryTroubleException e) {
            if (upload.offset() > before) {
                progress.advances();
            } else if (e.registry().equals(target.registry().name()) && !e.throttled()) {
                forget(digest, upload);
            }
            throw e;
        }
    }

    private void forget(Digest digest, BlobUpload upload) {
        upload.cancel();
        try {
            store.uploaded(target.planned(), digest, owner, null, 0);
        } catch (StoreAwayException e) {
            LOG.debug("the upload of {} stays in the database: {}", digest, e.getMessage());
        }
    }

    /** Subtracts the bytes of a body from the progress, unless the destination has stored the blob. */
    private final class ProgressRollback implements AutoCloseable {

        private final SourceBody body;
        private boolean stored;

        private ProgressRollback(SourceBody body) {
            this.body = body;
        }

        private void stored() {
            stored = true;
        }

        @Override
        public void close() {
            if (!stored) {
                progress.skipped(-body.position());
            }
        }
    }

    private SourceBody body(Digest digest, long size, long offset) {
        return new SourceBody(sources, digest, size, offset, throttle, progress::isCancelled, progress::copied);
    }

    /** Sends the whole blob. If a source sends bytes of another digest, the next source is asked. */
    private void sendFromAnySource(Digest digest, long size) throws RegistryTroubleException, CopyFailedException {
        CopyFailedException wrongBytes = null;
        for (int i = 0; i < sources.count(); i++) {
            try {
                send(digest, size);
                return;
            } catch (CopyFailedException e) {
                if (e.reason() != Reason.DIGEST) {
                    throw e;
                }
                wrongBytes = wrongBytes == null ? e : wrongBytes;
                if (i + 1 < sources.count()) {
                    LOG.warn("{} The next source is asked", e.getMessage());
                }
            }
        }
        throw wrongBytes;
    }

    private void send(Digest digest, long size) throws RegistryTroubleException, CopyFailedException {
        if (!isSent(digest, size, true)) {
            // The destination takes no chunks.
            isSent(digest, size, false);
        }
    }

    /** Returns false if the destination refuses a chunk: some registries take the first chunk only. */
    private boolean isSent(Digest digest, long size, boolean chunked) throws RegistryTroubleException, CopyFailedException {
        BlobUpload upload = BlobUpload.begin(target, digest, size);
        try (SourceBody body = body(digest, size, 0); ProgressRollback rollback = new ProgressRollback(body)) {
            try {
                PushResponse refusal = chunked && !upload.isShort() ? chunks(digest, size, upload, body) : null;
                if (refusal != null && refusal.status() == 403) {
                    throw DestinationRequests.failure(target, "PATCH of the blob " + digest, refusal);
                } else if (refusal != null) {
                    upload.cancel();
                    return false;
                }
                PushResponse response = upload.commit(body);
                if (response.status() != 201) {
                    throw DestinationRequests.failure(target, "PUT of the blob " + digest, response);
                }
                rollback.stored();
                return true;
            } catch (RegistryTroubleException | CopyFailedException e) {
                // This upload is not continued. If the destination is in trouble, no request is sent to it.
                if (body.hasFailed() && (upload.offset() == 0 || e instanceof CopyFailedException failed && failed.reason() == Reason.DIGEST)) {
                    upload.cancel();
                }
                throw e;
            }
        }
    }

    /** Sends the rest in chunks. Returns the response that refuses a chunk; null if no chunk is refused. */
    private PushResponse chunks(Digest digest, long size, BlobUpload upload, SourceBody body) throws RegistryTroubleException, CopyFailedException {
        while (upload.offset() < size) {
            PushResponse response = upload.chunk(body);
            if (!response.isSuccess()) {
                return response;
            }
            try {
                store.uploaded(target.planned(), digest, owner, upload.location(), upload.offset());
            } catch (StoreAwayException e) {
                LOG.debug("the progress of the upload of {} is not stored: {}", digest, e.getMessage());
            }
        }
        return null;
    }
}
