package io.mirrorregistry.push;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.PushRequest.Method;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.StoredBlob;
import io.mirrorregistry.registry.folder.ImageLayout;
import io.mirrorregistry.registry.folder.ImageLayoutException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies blobs of a manifest that its target lacks from other registries of the plan: a client that has pulled them through the mirror may take them for
 * present, and not push them. Safe for all threads; {@link #copy} blocks.
 */
final class MissingBlobs {

    private static final Logger LOG = LoggerFactory.getLogger(MissingBlobs.class);
    private static final Duration LONGEST = Duration.ofSeconds(20);

    private final long most;
    private final Map<String, Registry> registries;
    private final Map<String, ImageLayout> folders;

    /**
     * @param most the most bytes for one manifest; 0 for none
     * @param folders the registries that are folders, by name
     */
    MissingBlobs(long most, Map<String, Registry> registries, Map<String, ImageLayout> folders) {
        this.most = most;
        this.registries = registries;
        this.folders = folders;
    }

    /**
     * Copies what the target lacks.
     *
     * @param blobs their sizes in bytes, by their digests
     * @param sources the registries that may have them
     * @return whether the target has all of them now
     */
    boolean copy(Target target, Map<Digest, Long> blobs, List<Plan.Target> sources) throws RegistryTroubleException, PushBodyException {
        long end = System.nanoTime() + LONGEST.toNanos();
        long left = most;
        for (Map.Entry<Digest, Long> blob : blobs.entrySet()) {
            if (System.nanoTime() - end > 0) {
                return false;
            }
            PushResponse found = target.head(target.blob(blob.getKey()), null);
            if (found.isSuccess()) {
                continue;
            }
            left -= blob.getValue();
            if (found.status() != 404 || left < 0 || !copy(target, blob.getKey(), blob.getValue(), sources, end)) {
                return false;
            }
        }
        return true;
    }

    private boolean copy(Target target, Digest digest, long size, List<Plan.Target> sources, long end) throws RegistryTroubleException, PushBodyException {
        for (Plan.Target source : sources) {
            Registry registry = registries.get(source.registry());
            if (registry == null || source.name() == null || source.equals(target.planned()) || !registry.isTried()) {
                continue;
            }
            if (source.registry().equals(target.registry().name()) && mount(target, digest, source)) {
                return true;
            }
            try (InputStream from = open(registry, source, digest)) {
                if (from != null && upload(target, digest, new CopiedBody(from, size, end), end)) {
                    LOG.atInfo().addKeyValue("registry", target.registry().name()).log("Registry {} lacked the blob {} of a manifest that was pushed; copied it from {}",
                            target.registry().name(), digest, source.registry());
                    return true;
                }
            } catch (RegistryTroubleException e) {
                if (e.registry().equals(target.registry().name())) {
                    throw e;
                }
                LOG.debug("registry {} cannot give the blob {}: {}", source.registry(), digest, e.getMessage());
            } catch (IOException e) {
                LOG.debug("registry {} cannot give the blob {}: {}", source.registry(), digest, e.getMessage());
            }
        }
        return false;
    }

    /** Returns whether the target has the blob now, from another repository of the same registry. */
    private static boolean mount(Target target, Digest digest, Plan.Target source) throws RegistryTroubleException, PushBodyException {
        PushResponse response = target.mount(digest, source.name());
        if (response.isSuccess() && response.location() != null) {
            cancel(target, response);
        }
        return response.status() == 201;
    }

    /** Returns the bytes of a blob; null if the registry has not got it. */
    private InputStream open(Registry registry, Plan.Target source, Digest digest) throws IOException {
        ImageLayout folder = folders.get(registry.name());
        if (folder != null) {
            try {
                Optional<StoredBlob> stored = folder.blob(source.name(), digest);
                return stored.isEmpty() ? null : Files.newInputStream(stored.get().file());
            } catch (ImageLayoutException e) {
                throw new IOException(e.getMessage());
            }
        }
        ClassicHttpResponse response = registry.client().ask(Call.get(new ApiPath(ApiPath.Kind.BLOB, source.name(), digest), null));
        if (response.getCode() != 200 || response.getEntity() == null) {
            response.close();
            return null;
        }
        return response.getEntity().getContent();
    }

    private static boolean upload(Target target, Digest digest, CopiedBody body, long end) throws RegistryTroubleException, PushBodyException {
        PushResponse begun = target.begin();
        if (!begun.isSuccess() || begun.location() == null) {
            return false;
        }
        boolean stored = false;
        try {
            Duration left = Duration.ofNanos(Math.max(0, end - System.nanoTime()));
            stored = target.upload(Method.PUT, Target.commit(begun.location(), digest), null, body, begun.authorized(), left).status() == 201;
            return stored;
        } finally {
            if (!stored) {
                cancel(target, begun);
            }
        }
    }

    /** Lets the target drop the bytes of an upload that has failed. */
    private static void cancel(Target target, PushResponse begun) {
        try {
            target.upload(Method.DELETE, begun.location(), null, null, begun.authorized());
        } catch (RegistryTroubleException | PushBodyException e) {
            LOG.debug("registry {} did not cancel an upload: {}", target.registry().name(), e.getMessage());
        }
    }
}
