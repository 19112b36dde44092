package io.mirrorregistry.protocol;

import java.util.List;
import java.util.stream.Stream;

/**
 * A request of a push as the mirror understands it. The names are as the client wrote them.
 *
 * @param method the HTTP method
 * @param path a manifest, a blob, or the uploads of a repository
 * @param upload which upload goes on: the last part of the path; null for a request that begins one, and where the path names no upload
 * @param digest the digest of the blob that the upload ends with; null for none
 * @param mount the digest of a blob that is to be mounted; null for none
 * @param from the repository to mount it from; null for none
 * @param tags the tags that a manifest gets beside its reference
 * @param contentType the media type of the body; null for none
 * @param range the bytes of the chunk; null for none
 * @param length how many bytes the body has; -1 where it says so only at its end
 */
public record PushRequest(Method method, ApiPath path, String upload, Digest digest, Digest mount, RepositoryName from, List<Tag> tags, String contentType,
        ContentRange range, long length) {

    /** The methods of a push. */
    public enum Method {
        /** By somebody who pushes: whether the target has a manifest or a blob. */
        HEAD,
        /** How far an upload is. */
        GET,
        POST, PATCH, PUT, DELETE
    }

    /** Returns the same request without the wish to mount a blob. */
    public PushRequest withoutMount() {
        return new PushRequest(method, path, upload, digest, null, null, tags, contentType, range, length);
    }

    /** Returns the tags that a manifest gets, or loses: its reference, if that is a tag, and the tags beside it. */
    public List<Tag> allTags() {
        Stream<Tag> reference = path.reference() instanceof Tag tag ? Stream.of(tag) : Stream.empty();
        return Stream.concat(reference, tags.stream()).distinct().toList();
    }

    /** Returns the request of somebody who wants to know before a push whether the target has a manifest or a blob. */
    public static PushRequest head(ApiPath path) {
        return new PushRequest(Method.HEAD, path, null, null, null, null, List.of(), null, null, 0);
    }

    /** Returns whether the body is a blob's, or a part of one: it may be long, and is never kept. */
    public boolean isStreamed() {
        return path.kind() == ApiPath.Kind.UPLOAD && length != 0 && (method == Method.POST || method == Method.PATCH || method == Method.PUT);
    }
}
