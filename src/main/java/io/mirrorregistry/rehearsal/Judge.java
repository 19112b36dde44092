package io.mirrorregistry.rehearsal;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;
import org.apache.camel.Exchange;
import org.apache.camel.Message;

/**
 * Judges the answer to a rehearsed request. Any 4xx, any redirect with a Location, and a 5xx that a route makes without a failure are decisions of
 * the operator. A failure of the mirror itself, no answer, and a 2xx that clients cannot use are faults.
 */
final class Judge {

    private static final String VERSION = "Docker-Distribution-Api-Version";
    private static final String DIGEST = "Docker-Content-Digest";
    private static final int LONGEST_SHOWN = 40;

    private final RehearsedRequest request;
    private final Exchange exchange;
    private final RehearsedClient client;
    private final Scene scene;

    Judge(RehearsedRequest request, Exchange exchange, RehearsedClient client, Scene scene) {
        this.scene = scene;
        this.request = request;
        this.exchange = exchange;
        this.client = client;
    }

    /** Returns the failure of the mirror itself that the request ended with; null for none. */
    Exception failure() {
        if (exchange.getException() != null) {
            return exchange.getException();
        }
        Exception caught = exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
        return caught == null || status() != 500 || isOfPulls(caught) ? null : caught;
    }

    /** Returns whether a failure is one that steps throw for a registry or a client, rather than the mirror's own. */
    static boolean isOfPulls(Throwable caught) {
        return caught instanceof NotHereException || caught instanceof RegistryTroubleException || caught instanceof ProtocolException;
    }

    /** Returns the status; 0 where there is no answer. */
    int status() {
        Message message = exchange.getMessage();
        if (client.isWritten()) {
            return client.status();
        }
        boolean none = message.getHeader(Exchange.HTTP_RESPONSE_CODE) == null && message.getBody() == null && message.getHeader(Exchange.CONTENT_LENGTH) == null;
        return none ? 0 : message.getHeader(Exchange.HTTP_RESPONSE_CODE, 200, Integer.class);
    }

    String header(String name) {
        return client.isWritten() ? client.header(name) : exchange.getMessage().getHeader(name, String.class);
    }

    private byte[] body() {
        if (client.isWritten()) {
            return client.body();
        }
        if (exchange.getMessage().getBody() instanceof ByteBuffer buffer) {
            byte[] bytes = new byte[buffer.remaining()];
            buffer.duplicate().get(bytes);
            return bytes;
        }
        byte[] bytes = exchange.getMessage().getBody(byte[].class);
        return bytes == null ? new byte[0] : bytes;
    }

    /** Returns what is wrong with the answer, a clause that follows the request; null for nothing. Call it where {@link #failure} is null. */
    String fault() {
        int status = status();
        if (status == 0) {
            return "ends without an answer";
        }
        if (client.isCut()) {
            // That nobody fetches the rest is a decision of the operator.
            return request.manners().containsValue(Manner.BREAKS_OFF) ? null : "ends in the middle of a response";
        }
        if (request.push() && status < 300) {
            return faultOfTaken(status);
        }
        if (status >= 400) {
            Exception misjudged = misjudged();
            return misjudged == null ? null : "is answered " + status + ", for a step took this for " + (misjudged instanceof NotHereException ? "missing" : "trouble")
                    + ": " + misjudged.getMessage();
        }
        if (status >= 300) {
            return header("Location") != null ? null : "is answered " + status + " without a Location";
        }
        if (status != 200 && request.kind() != null) {
            return "is answered " + status;
        }
        return request.kind() == null ? null : faultOfFound();
    }

    /**
     * Returns the failure of a registry for which the request failed though every registry has the image; null for none. A plan that cannot work for a
     * request, and a route that calls no registry, are the operator's.
     */
    Exception misjudged() {
        Exception caught = exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
        boolean called = caught instanceof RegistryTroubleException trouble ? scene.isCalled(trouble.registry())
                : caught instanceof NotHereException && scene.isAnyCalled();
        return called && status() >= 400 && request.manners().values().stream().allMatch(Manner.HAS::equals) ? caught : null;
    }

    /** A push that a registry has taken has one or two statuses; one that no registry has taken has none of them. */
    private String faultOfTaken(int status) {
        Set<Integer> right = switch (request.method()) {
            case "POST" -> Set.of(201, 202);
            case "PUT" -> Set.of(201);
            case "HEAD" -> Set.of(200);
            case "GET" -> Set.of(204);
            case "DELETE" -> Set.of(request.kind() == ApiPath.Kind.UPLOAD ? 204 : 202);
            default -> Set.of(202);
        };
        if (!right.contains(status)) {
            return "is answered " + status + shown(body()) + ", which is no answer to a push";
        }
        if (!scene.isTaken()) {
            return "is answered " + status + ", and no registry has taken it";
        }
        boolean located = !request.method().equals("HEAD") && !request.method().equals("DELETE");
        return located && header("Location") == null ? "is answered " + status + " without a Location" : faultOfHead();
    }

    private String faultOfHead() {
        return header(VERSION) == null ? "is answered " + status() + " without the header " + VERSION + ", which the step answer.finish sets" : null;
    }

    private String faultOfFound() {
        if (faultOfHead() != null) {
            return faultOfHead();
        }
        byte[] body = body();
        return switch (request.kind()) {
            case MANIFEST -> faultOfManifest(body);
            case BLOB -> faultOfBlob(body);
            case TAGS -> faultOfList(body, "tags");
            case REFERRERS -> faultOfList(body, "manifests");
            default -> null;
        };
    }

    private String faultOfManifest(byte[] body) {
        String digest = header(DIGEST);
        if (digest == null || !Digest.isValid(digest)) {
            return "is answered 200" + shown(body) + ", which is no manifest: it has no " + DIGEST;
        }
        if (!request.head() && !new Digest(digest).matches(body)) {
            return "is answered 200" + shown(body) + ", which is not the manifest of its " + DIGEST;
        }
        if (!isAskedFor(digest)) {
            return "is answered 200 with another manifest than the one asked for";
        }
        if (header("Content-Type") == null) {
            return "is answered 200 with a manifest without a Content-Type";
        }
        return request.head() && header("Content-Length") == null ? "is answered 200 without a Content-Length" : null;
    }

    private boolean isAskedFor(String digest) {
        return !request.uri().contains("sha256:") || request.uri().contains(digest);
    }

    private String faultOfBlob(byte[] body) {
        if (request.head()) {
            return header("Content-Length") == null ? "is answered 200 without a Content-Length" : null;
        }
        return Arrays.equals(body, Scene.BLOB) ? null : "is answered 200" + shown(body) + ", which is not the blob of that digest";
    }

    private String faultOfList(byte[] body, String field) {
        if (request.head()) {
            return null;
        }
        try {
            return new JsonObject(new String(body, StandardCharsets.UTF_8)).getJsonArray(field) == null ? "is answered 200" + shown(body) + ", which is no list of " + field : null;
        } catch (DecodeException | ClassCastException e) {
            return "is answered 200" + shown(body) + ", which is no list of " + field;
        }
    }

    private static String shown(byte[] body) {
        String text = new String(body, 0, Math.min(LONGEST_SHOWN, body.length), StandardCharsets.UTF_8);
        return body.length == 0 ? " without a body" : " with " + text + (body.length > LONGEST_SHOWN ? "…" : "");
    }

}
