package io.mirrorregistry.push;

import io.mirrorregistry.protocol.RepositoryName;
import java.time.Instant;
import java.util.UUID;

/**
 * An upload that has begun: all that a mirror has to know to go on with it.
 *
 * @param id names the upload in logs and to the client
 * @param registry the registry that takes it
 * @param location where it goes on there, as {@link io.mirrorregistry.registry.PushResponse#location} returned it
 * @param there the repository's name there
 * @param repository the repository's name as the client wrote it
 * @param user who began it; empty for nobody
 * @param started when it began
 * @param offset how many bytes the registry has; -1 if that is not known
 * @param authorized whether the registry wanted an authorization
 */
public record UploadSession(UUID id, String registry, String location, RepositoryName there, String repository, String user, Instant started, long offset,
        boolean authorized) {

    /** Returns the same upload after a response of the registry. */
    UploadSession at(String newLocation, long newOffset, boolean wantsAuthorization) {
        return new UploadSession(id, registry, newLocation == null ? location : newLocation, there, repository, user, started, newOffset, authorized || wantsAuthorization);
    }

    /** Tells the upload without its location, which is a secret of the registry. */
    @Override
    public String toString() {
        return "UploadSession[" + id + " to " + registry + " as " + there + "]";
    }
}
