package io.mirrorregistry.push;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ContentRange;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.PushBody;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.camel.Exchange;

/** Makes the requests of an upload at the target, and answers with where it goes on. Safe for all threads; its methods block. */
final class BlobPush {

    private final UploadSessions sessions;

    BlobPush(UploadSessions sessions) {
        this.sessions = sessions;
    }

    /**
     * Begins an upload; mounts the blob instead, or takes it whole, as the client wants it.
     *
     * @return the digest of the blob that the target has from now on; null if the upload goes on
     */
    Digest begin(Exchange exchange, Target target, RepositoryName mountFrom) throws RegistryTroubleException, PushBodyException {
        Pull pull = Pull.of(exchange);
        PushRequest push = pull.push();
        Digest whole = mountFrom == null ? push.digest() : push.mount();
        PushResponse response = mountFrom != null ? target.mount(whole, mountFrom)
                : whole != null ? target.whole(whole, push.length() == 0 ? null : pull.body()) : target.begin();
        if (mountFrom != null && response.status() >= 400) {
            // The mirror's account may not mount; the client uploads the blob.
            response = target.begin();
        }
        if (!response.isSuccess()) {
            PushAnswers.refused(exchange, response);
            return null;
        }
        if (response.status() == 201 && whole != null) {
            return stored(exchange, target, response, whole);
        }
        if (response.status() != 202 || response.location() == null) {
            throw trouble(target, "POST of an upload", response);
        }
        UploadSession session = new UploadSession(UUID.randomUUID(), target.registry().name(), response.location(), target.name(), push.path().repository().value(),
                pull.user() == null ? "" : pull.user(), Instant.now().truncatedTo(ChronoUnit.SECONDS), 0, response.authorized());
        answer(exchange, 202, response, session);
        return null;
    }

    /**
     * Sends a part of an upload, ends it, cancels it, or asks how far it is.
     *
     * @return the digest of the blob that the target has from now on; null for none
     */
    Digest goOn(Exchange exchange, Target target, UploadSession session) throws RegistryTroubleException, PushBodyException, ProtocolException {
        PushRequest push = Pull.of(exchange).push();
        if (push.range() != null && push.length() >= 0 && push.length() != push.range().length()) {
            throw new ProtocolException(ErrorCode.BLOB_UPLOAD_INVALID, "The body has " + push.length() + " bytes, and its Content-Range names " + push.range().length() + ".",
                    push.range().toString());
        }
        if (push.range() != null && session.offset() >= 0 && push.range().first() != session.offset()) {
            outOfOrder(exchange, session);
            return null;
        }
        String location = push.method() == PushRequest.Method.PUT ? Target.commit(session.location(), push.digest()) : session.location();
        PushBody body = push.isStreamed() ? Pull.of(exchange).body() : null;
        PushResponse response = target.upload(push.method(), location, push.range() == null ? null : push.range().toString(), body, session.authorized());
        if (body != null && push.range() != null && response.isSuccess() && body.written() != push.range().length()) {
            throw new ProtocolException(ErrorCode.BLOB_UPLOAD_INVALID, "The body had " + body.written() + " bytes, and its Content-Range names " + push.range().length() + ".",
                    push.range().toString());
        }
        if (!response.isSuccess()) {
            PushAnswers.refused(exchange, response);
            if (response.status() == 416) {
                position(exchange, response, session);
            }
            return null;
        }
        return switch (push.method()) {
            case PUT -> {
                if (response.status() != 201) {
                    throw trouble(target, "PUT of an upload", response);
                }
                yield stored(exchange, target, response, push.digest());
            }
            case DELETE -> {
                PushAnswers.begin(exchange, 204);
                yield null;
            }
            default -> {
                answer(exchange, push.method() == PushRequest.Method.PATCH ? 202 : 204, response, session.at(response.location(), offset(push, body, response, session),
                        response.authorized()));
                yield null;
            }
        };
    }

    /** Answers that the target has the blob now. */
    private static Digest stored(Exchange exchange, Target target, PushResponse response, Digest digest) throws RegistryTroubleException {
        String stated = response.header("docker-content-digest");
        if (stated != null && Digest.isValid(stated) && stated.startsWith(digest.algorithm() + ":") && !stated.equals(digest.value())) {
            throw new RegistryTroubleException(target.registry().name(), "an upload to " + target.name() + " ended with another digest than it was sent with");
        }
        ApiPath path = Pull.of(exchange).push().path();
        PushAnswers.created(exchange, response, new ApiPath(ApiPath.Kind.BLOB, path.repository(), digest).toString(), digest.value());
        return digest;
    }

    private void answer(Exchange exchange, int status, PushResponse response, UploadSession session) throws RegistryTroubleException {
        PushAnswers.upload(exchange, status, response, session, path(exchange, session));
    }

    private String path(Exchange exchange, UploadSession session) throws RegistryTroubleException {
        String sealed = sessions.seal(session);
        if (sealed == null) {
            throw new RegistryTroubleException(session.registry(), "an upload to " + session.there() + " goes on at an address that is too long");
        }
        return Pull.of(exchange).push().path() + sealed;
    }

    /** Refuses a chunk that does not begin where the registry's bytes end. */
    private void outOfOrder(Exchange exchange, UploadSession session) throws RegistryTroubleException {
        PushAnswers.refused(exchange, new PushResponse(416, Map.of(), null, List.of(new PushResponse.Problem(ErrorCode.RANGE_INVALID.name(),
                "The chunk does not begin where the chunk before it ended, which is at " + session.offset() + ".")), false));
        position(exchange, null, session);
    }

    private void position(Exchange exchange, PushResponse response, UploadSession session) throws RegistryTroubleException {
        ContentRange range = response == null ? null : range(response);
        long last = range != null ? range.last() : Math.max(0, session.offset() - 1);
        PushAnswers.range(exchange, last);
        exchange.getMessage().setHeader(PushAnswers.LOCATION, path(exchange, session));
    }

    /** Returns how many bytes the registry has; -1 if "0-0" leaves open whether it is none or one. */
    private static long offset(PushRequest push, PushBody body, PushResponse response, UploadSession session) {
        ContentRange range = range(response);
        if (range != null && range.last() > 0) {
            return range.last() + 1;
        }
        if (push.method() == PushRequest.Method.GET) {
            return session.offset() == 1 ? 1 : range == null ? session.offset() : -1;
        }
        return session.offset() < 0 ? -1 : session.offset() + (body == null ? 0 : body.written());
    }

    /** Returns the range of stored bytes that the response states; null if it states none. */
    private static ContentRange range(PushResponse response) {
        String value = response.header("range");
        try {
            return value == null ? null : ContentRange.parse(value);
        } catch (ProtocolException e) {
            return null;
        }
    }

    private static RegistryTroubleException trouble(Target target, String what, PushResponse response) {
        return new RegistryTroubleException(target.registry().name(), what + " to " + target.name() + " was answered " + response.status()
                + (response.status() == 202 ? " without a usable Location" : ""));
    }
}
