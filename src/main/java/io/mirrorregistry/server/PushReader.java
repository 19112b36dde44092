package io.mirrorregistry.server;

import io.mirrorregistry.config.PushSettings;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ContentRange;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.protocol.PushRequest.Method;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.push.UploadSessions;
import io.mirrorregistry.registry.PushBody;
import io.mirrorregistry.registry.RegistryAnswers;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpServerRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Reads what a client sent as a request of a push. Safe for all threads. */
public final class PushReader {

    private static final int LONGEST_TYPE = 255;
    private static final int MOST_TAGS = 100;

    private final PushSettings settings;
    private final UploadSessions sessions;
    private final Function<HttpServerRequest, PushBody> bodies;

    /**
     * @param settings null where nobody may push
     * @param sessions opens the uploads that requests go on with; null where nobody may push
     * @param bodies makes the body of a request, which has not been read yet
     */
    public PushReader(PushSettings settings, UploadSessions sessions, Function<HttpServerRequest, PushBody> bodies) {
        this.settings = settings;
        this.sessions = sessions;
        this.bodies = bodies;
    }

    /** Returns whether anybody may push. */
    boolean isOn() {
        return settings != null;
    }

    /**
     * Makes the pull one of a push, if the request is one.
     *
     * @param pull its path is understood
     * @throws ProtocolException for what is outside the protocol, and for a method that is not served there
     */
    void read(Pull pull, HttpServerRequest request) throws ProtocolException {
        ApiPath path = pull.request().path();
        if (settings == null) {
            if (path.kind() == ApiPath.Kind.UPLOAD) {
                throw new ProtocolException(ErrorCode.NOT_FOUND, "This mirror takes no uploads.", path.toString());
            }
            return;
        }
        String method = request.method().name();
        boolean pushes = path.kind() == ApiPath.Kind.UPLOAD || !method.equals("GET") && !method.equals("HEAD");
        // Before anything of it is refused.
        pull.pushAttempted(pushes);
        String upload = path.kind() == ApiPath.Kind.UPLOAD ? upload(request.path()) : null;
        List<String> allowed = allowed(path.kind(), upload != null);
        if (!allowed.contains(method)) {
            pull.allow(String.join(", ", allowed));
            throw new ProtocolException(ErrorCode.UNSUPPORTED, "This is served with " + String.join(", ", allowed) + ".", method);
        }
        if (pushes) {
            PushRequest push = push(request, path, Method.valueOf(method), upload);
            pull.upload(upload == null ? null : sessions.open(upload, path.repository()));
            pull.push(push, push.length() == 0 ? null : bodies.apply(request));
        }
    }

    /** Returns the methods that are served. */
    private List<String> allowed(ApiPath.Kind kind, boolean begun) {
        return switch (kind) {
            case MANIFEST -> settings.delete() ? List.of("GET", "HEAD", "PUT", "DELETE") : List.of("GET", "HEAD", "PUT");
            case BLOB -> settings.delete() ? List.of("GET", "HEAD", "DELETE") : List.of("GET", "HEAD");
            case UPLOAD -> begun ? List.of("GET", "PATCH", "PUT", "DELETE") : List.of("POST");
            default -> List.of("GET", "HEAD");
        };
    }

    /** Returns the name of the upload in a path; null if there is none. */
    private static String upload(String path) {
        String name = path.endsWith("/blobs/uploads") ? "" : path.substring(path.lastIndexOf('/') + 1);
        return name.isEmpty() ? null : name;
    }

    private static PushRequest push(HttpServerRequest request, ApiPath path, Method method, String upload) throws ProtocolException {
        boolean blob = path.kind() == ApiPath.Kind.UPLOAD && (method == Method.POST || method == Method.PUT);
        Digest digest = blob ? digest(request, "digest") : null;
        if (blob && method == Method.PUT && digest == null) {
            throw new ProtocolException(ErrorCode.DIGEST_INVALID, "The request that ends an upload names the digest of the blob: ?digest=sha256:….", null);
        }
        boolean begins = blob && method == Method.POST;
        String range = path.kind() == ApiPath.Kind.UPLOAD ? one(request.headers(), HttpHeaderNames.CONTENT_RANGE) : null;
        return new PushRequest(method, path, upload, digest, begins ? digest(request, "mount") : null, begins ? from(request) : null,
                path.kind() == ApiPath.Kind.MANIFEST && method == Method.PUT ? tags(request, path.reference()) : List.of(), contentType(request),
                range == null ? null : ContentRange.parse(range), RequestBody.lengthOf(request));
    }

    private static Digest digest(HttpServerRequest request, String parameter) throws ProtocolException {
        List<String> values = parameters(request).getAll(parameter);
        if (values.size() > 1) {
            throw new ProtocolException(ErrorCode.DIGEST_INVALID, "The parameter " + parameter + " is given more than once.", null);
        }
        return values.isEmpty() || values.get(0).isEmpty() ? null : Digest.parse(values.get(0));
    }

    private static RepositoryName from(HttpServerRequest request) throws ProtocolException {
        List<String> values = parameters(request).getAll("from");
        if (values.isEmpty() || values.get(0).isEmpty()) {
            return null;
        }
        if (values.size() > 1 || !RepositoryName.isValid(values.get(0))) {
            throw new ProtocolException(ErrorCode.NAME_INVALID, "The parameter from is the name of one repository.", values.get(0));
        }
        return new RepositoryName(values.get(0));
    }

    private static List<Tag> tags(HttpServerRequest request, Reference reference) throws ProtocolException {
        List<String> values = parameters(request).getAll("tag");
        if (values.size() > MOST_TAGS) {
            throw new ProtocolException(ErrorCode.MANIFEST_INVALID, "A manifest gets at most " + MOST_TAGS + " tags at a time.", null);
        }
        List<Tag> tags = new ArrayList<>(values.size());
        for (String value : values) {
            if (value.indexOf(':') >= 0 || !(Reference.parse(value) instanceof Tag tag)) {
                throw new ProtocolException(ErrorCode.MANIFEST_INVALID, "The parameter tag is a tag.", value);
            }
            if (!tags.contains(tag) && !tag.equals(reference)) {
                tags.add(tag);
            }
        }
        return tags;
    }

    private static MultiMap parameters(HttpServerRequest request) {
        return request.params(RequestStep.SEMICOLON_IS_NORMAL);
    }

    private static String contentType(HttpServerRequest request) throws ProtocolException {
        String type = one(request.headers(), HttpHeaderNames.CONTENT_TYPE);
        if (type != null && (type.length() > LONGEST_TYPE || !RegistryAnswers.isPrintable(type))) {
            throw new ProtocolException(ErrorCode.MANIFEST_INVALID, "The Content-Type is no media type.", null);
        }
        return type == null || type.isBlank() ? null : type.strip();
    }

    /** Returns a header that may come once; null for none. */
    private static String one(MultiMap headers, CharSequence name) throws ProtocolException {
        List<String> values = headers.getAll(name);
        if (values.size() > 1) {
            throw new ProtocolException(ErrorCode.BLOB_UPLOAD_INVALID, "The header " + name + " is given more than once.", null);
        }
        return values.isEmpty() ? null : values.get(0);
    }
}
