package io.mirrorregistry.push;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryAnswers;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Locale;
import org.apache.camel.Exchange;
import org.apache.camel.Message;

/** Makes a registry's response to a push the client's. Of the registry's headers only those go out that the protocol names. */
final class PushAnswers {

    static final String DIGEST = "Docker-Content-Digest";
    static final String LOCATION = "Location";

    private static final List<String> OF_MANIFEST = List.of("OCI-Subject", "OCI-Tag");

    private PushAnswers() {
    }

    /** Begins an answer without headers and without a body. */
    static Message begin(Exchange exchange, int status) {
        Message message = exchange.getMessage();
        message.removeHeaders("*");
        message.setBody(null);
        message.setHeader(Exchange.HTTP_RESPONSE_CODE, status);
        return message;
    }

    /** Answers that the registry has stored something under a digest. */
    static void created(Exchange exchange, PushResponse response, String location, String digest) {
        Message message = begin(exchange, 201);
        message.setHeader(LOCATION, location);
        message.setHeader(DIGEST, digest);
        OF_MANIFEST.forEach(name -> copy(response, name, message));
    }

    /** Answers how far an upload is, and where it goes on. */
    static void upload(Exchange exchange, int status, PushResponse response, UploadSession session, String location) {
        Message message = begin(exchange, status);
        message.setHeader(LOCATION, location);
        range(exchange, Math.max(0, session.offset() - 1));
        message.setHeader("Docker-Upload-UUID", session.id().toString());
        String least = response.header("oci-chunk-min-length");
        if (RegistryAnswers.digits(least) >= 0) {
            message.setHeader("OCI-Chunk-Min-Length", least);
        }
    }

    /** Sets which bytes the registry has. Camel drops a header of that name from responses, so it goes straight into this one. */
    static void range(Exchange exchange, long last) {
        Pull.of(exchange).response().putHeader("Range", "0-" + last);
    }

    private static void copy(PushResponse response, String name, Message message) {
        String value = response.header(name.toLowerCase(Locale.ROOT));
        if (value != null) {
            message.setHeader(name, value);
        }
    }

    /**
     * Answers with the refusal of a registry: its status, and what its error body says, since nobody else can tell a client what the registry dislikes.
     */
    static void refused(Exchange exchange, PushResponse response) {
        Pull pull = Pull.of(exchange);
        Message message = begin(exchange, response.status());
        JsonArray errors = new JsonArray();
        for (PushResponse.Problem problem : response.errors()) {
            errors.add(new JsonObject().put("code", problem.code()).put("message", problem.message().isEmpty() ? sentence(response.status()) : problem.message())
                    .put("detail", detail(pull)));
        }
        if (errors.isEmpty()) {
            errors.add(new JsonObject().put("code", code(response.status(), pull.push()).name()).put("message", sentence(response.status())).put("detail", detail(pull)));
        }
        message.setHeader(Exchange.CONTENT_TYPE, MediaTypes.JSON);
        message.setBody(ByteBuffer.wrap(new JsonObject().put("errors", errors).toBuffer().getBytes()));
    }

    private static String detail(Pull pull) {
        return pull.push().path().repository().value();
    }

    private static String sentence(int status) {
        return switch (status) {
            case 403 -> "The registry that takes pushes does not allow the mirror's account to do this.";
            case 405 -> "The registry that takes pushes does not support this.";
            case 413 -> "The registry that takes pushes finds this too large.";
            default -> "The registry that takes pushes refused this with the status " + status + ".";
        };
    }

    private static ErrorCode code(int status, PushRequest push) {
        boolean manifest = push.path().kind() == ApiPath.Kind.MANIFEST;
        return switch (status) {
            case 403 -> ErrorCode.DENIED;
            case 404 -> manifest ? ErrorCode.MANIFEST_UNKNOWN : push.upload() == null ? ErrorCode.BLOB_UNKNOWN : ErrorCode.BLOB_UPLOAD_UNKNOWN;
            case 405 -> ErrorCode.UNSUPPORTED;
            case 413 -> ErrorCode.SIZE_INVALID;
            case 416 -> ErrorCode.RANGE_INVALID;
            default -> manifest ? ErrorCode.MANIFEST_INVALID : ErrorCode.BLOB_UPLOAD_INVALID;
        };
    }
}
