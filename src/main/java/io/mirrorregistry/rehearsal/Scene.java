package io.mirrorregistry.rehearsal;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.registry.PushCall;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The responses of all stand-ins to the requests of one rehearsal: what exists is the same for each of them, and how they respond is set for each request. */
final class Scene {

    static final byte[] BLOB = "a blob for rehearsals of routes".getBytes(StandardCharsets.UTF_8);
    static final Digest BLOB_DIGEST = Digest.ofSha256(BLOB);
    static final byte[] MANIFEST = ("{\"schemaVersion\":2,\"mediaType\":\"" + MediaTypes.OCI_MANIFEST + "\",\"config\":" + descriptor("application/vnd.oci.image.config.v1+json")
            + ",\"layers\":[" + descriptor("application/vnd.oci.image.layer.v1.tar+gzip") + "]}").getBytes(StandardCharsets.UTF_8);
    static final Digest MANIFEST_DIGEST = Digest.ofSha256(MANIFEST);

    /** Where an upload goes on, in the place of what a registry would choose. */
    private static final String UPLOAD = "/rehearsed-upload?state=1";

    private final Set<String> called = ConcurrentHashMap.newKeySet();
    private volatile boolean taken;
    private volatile Map<String, Manner> manners = Map.of();

    /**
     * A response.
     *
     * @param body empty for none
     */
    record Response(int status, Map<String, String> headers, byte[] body) {
    }

    private static String descriptor(String type) {
        return "{\"mediaType\":\"" + type + "\",\"digest\":\"" + BLOB_DIGEST + "\",\"size\":" + BLOB.length + "}";
    }

    /** Sets how the registries respond from now on, by their names. */
    void manners(Map<String, Manner> next) {
        manners = Map.copyOf(next);
        called.clear();
        taken = false;
    }

    /** Returns whether the registry has been called since {@link #manners}. */
    boolean isCalled(String registry) {
        return called.contains(registry);
    }

    /** Returns whether any registry has been called since {@link #manners}. */
    boolean isAnyCalled() {
        return !called.isEmpty();
    }

    /** Returns whether a registry has accepted a request of a push since {@link #manners}. */
    boolean isTaken() {
        return taken;
    }

    Manner manner(String registry) {
        return manners.getOrDefault(registry, Manner.LACKS);
    }

    /** Returns the response of a registry; null if its connection breaks. */
    Response response(String registry, ApiPath path) {
        called.add(registry);
        Manner manner = manner(registry);
        if (path.kind() == ApiPath.Kind.API_VERSION) {
            return new Response(200, Map.of("Content-Type", MediaTypes.JSON), "{}".getBytes(StandardCharsets.UTF_8));
        }
        return switch (manner) {
            case HAS, IS_OPEN -> found(path, Map.of());
            case HAS_FOR_TOKENS, BREAKS_OFF -> found(path, Map.of(RegistryAnswers.AUTHORIZED, RegistryAnswers.BEARER));
            case REDIRECTS -> path.kind() == ApiPath.Kind.BLOB
                    ? new Response(307, Map.of("Location", "https://storage.invalid/blob?signature=rehearsal"), new byte[0]) : found(path, Map.of());
            case LACKS, DISLIKES -> error(404, "MANIFEST_UNKNOWN", Map.of());
            case REFUSES -> error(401, "UNAUTHORIZED", Map.of(RegistryAnswers.ACCEPTED, "false"));
            case FORBIDS -> error(403, "DENIED", Map.of(RegistryAnswers.ACCEPTED, "true"));
            case THROTTLES -> error(429, "TOOMANYREQUESTS", Map.of("Retry-After", "7"));
            case FAILS -> error(500, "UNKNOWN", Map.of());
            case BREAKS -> null;
        };
    }

    /**
     * Returns the response of a registry to a request of a push, whose body has been read.
     *
     * @throws RegistryTroubleException for a registry that is in trouble, or does not accept the mirror's account
     */
    PushResponse response(String registry, PushCall call) throws RegistryTroubleException {
        called.add(registry);
        PushResponse response = switch (manner(registry)) {
            case LACKS -> lacking(call);
            case FORBIDS -> refused(403, "DENIED");
            case DISLIKES -> refused(400, call.located() || call.target().contains("/uploads/") ? "BLOB_UPLOAD_INVALID" : "MANIFEST_INVALID");
            case REFUSES -> throw new RegistryTroubleException(registry, call + ": the account is not accepted", RegistryTroubleException.Kind.REFUSED, null, 401);
            case THROTTLES -> throw new RegistryTroubleException(registry, call + " was answered 429", RegistryTroubleException.Kind.THROTTLED, "7", 429);
            case FAILS -> throw new RegistryTroubleException(registry, call + " was answered 500", RegistryTroubleException.Kind.OUTAGE, null, 500);
            case BREAKS -> throw new RegistryTroubleException(registry, call + ": the connection was refused");
            default -> taken(call);
        };
        taken |= response.isSuccess();
        return response;
    }

    private static PushResponse taken(PushCall call) {
        boolean manifest = call.target().contains("/manifests/");
        String digest = (manifest ? MANIFEST_DIGEST : BLOB_DIGEST).value();
        return switch (call.method()) {
            case HEAD -> new PushResponse(200, Map.of("docker-content-digest", digest, "content-type", manifest ? MediaTypes.OCI_MANIFEST : MediaTypes.OCTET_STREAM,
                    "content-length", String.valueOf((manifest ? MANIFEST : BLOB).length)), null, List.of(), false);
            case POST -> new PushResponse(call.target().contains("?") ? 201 : 202, Map.of(), UPLOAD, List.of(), false);
            case PATCH -> new PushResponse(202, Map.of("range", "0-" + (BLOB.length - 1)), UPLOAD, List.of(), false);
            case PUT -> new PushResponse(201, Map.of("docker-content-digest", digest), "/rehearsed", List.of(), false);
            case GET -> new PushResponse(204, Map.of("range", "0-" + (BLOB.length - 1)), UPLOAD, List.of(), false);
            case DELETE -> new PushResponse(call.located() ? 204 : 202, Map.of(), null, List.of(), false);
        };
    }

    /** An upload can begin where nothing is yet. */
    private static PushResponse lacking(PushCall call) {
        return switch (call.method()) {
            case POST -> new PushResponse(202, Map.of(), UPLOAD, List.of(), false);
            case PUT -> refused(404, call.located() ? "BLOB_UPLOAD_UNKNOWN" : "MANIFEST_BLOB_UNKNOWN");
            default -> refused(404, call.located() ? "BLOB_UPLOAD_UNKNOWN" : "MANIFEST_UNKNOWN");
        };
    }

    private static PushResponse refused(int status, String code) {
        return new PushResponse(status, Map.of(), null, List.of(new PushResponse.Problem(code, "rehearsed")), false);
    }

    private static Response error(int status, String code, Map<String, String> more) {
        Map<String, String> headers = new LinkedHashMap<>(more);
        headers.put("Content-Type", MediaTypes.JSON);
        return new Response(status, headers, ("{\"errors\":[{\"code\":\"" + code + "\"}]}").getBytes(StandardCharsets.UTF_8));
    }

    private static Response found(ApiPath path, Map<String, String> more) {
        Map<String, String> headers = new LinkedHashMap<>(more);
        return switch (path.kind()) {
            case MANIFEST -> {
                headers.put("Content-Type", MediaTypes.OCI_MANIFEST);
                headers.put("Docker-Content-Digest", MANIFEST_DIGEST.value());
                yield new Response(200, headers, MANIFEST);
            }
            case BLOB -> {
                headers.put("Content-Type", MediaTypes.OCTET_STREAM);
                headers.put("Docker-Content-Digest", BLOB_DIGEST.value());
                yield new Response(200, headers, BLOB);
            }
            case TAGS -> {
                headers.put("Content-Type", MediaTypes.JSON);
                yield new Response(200, headers, ("{\"name\":\"" + path.repository() + "\",\"tags\":[\"1.0\",\"latest\"]}").getBytes(StandardCharsets.UTF_8));
            }
            default -> {
                headers.put("Content-Type", MediaTypes.OCI_INDEX);
                yield new Response(200, headers, ("{\"schemaVersion\":2,\"mediaType\":\"" + MediaTypes.OCI_INDEX + "\",\"manifests\":[{\"mediaType\":\""
                        + MediaTypes.OCI_MANIFEST + "\",\"artifactType\":\"application/vnd.rehearsal\",\"digest\":\"" + BLOB_DIGEST + "\",\"size\":" + BLOB.length
                        + "}]}").getBytes(StandardCharsets.UTF_8));
            }
        };
    }
}
