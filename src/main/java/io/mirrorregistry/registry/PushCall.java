package io.mirrorregistry.registry;

import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.protocol.RepositoryName;
import java.time.Duration;
import java.util.Map;

/**
 * A request of a push to one registry.
 *
 * @param method what it does
 * @param repository the repository's name there
 * @param from the name there of the repository that a blob is mounted from; null for none
 * @param target path and query: below the registry's URL and beginning with {@code /v2/}, or what {@link PushResponse#location} returned
 * @param located whether the target is such a location
 * @param headers what is sent beside the registry's own headers, such as Content-Type
 * @param body what is sent; null for none
 * @param answerTime how long the head of the response may take after the last byte of the body
 * @param authorized whether the registry is known to want authorization for this repository. A body that cannot be sent twice is sent only with it, so that
 *     it may be asked for first
 * @param requestId identifies the request at the registry; null for none
 * @param passed the mirrors that the request has passed, as {@link MirrorIdentity#passed} returns them; null for none
 */
public record PushCall(PushRequest.Method method, RepositoryName repository, RepositoryName from, String target, boolean located, Map<String, String> headers,
        PushBody body, Duration answerTime, boolean authorized, String requestId, String passed) {

    /** Tells the call as it stands in logs: a location is a secret. */
    @Override
    public String toString() {
        int query = target.indexOf('?');
        return method + " " + (located ? "an upload to " + repository : query < 0 ? target : target.substring(0, query));
    }
}
