package io.mirrorregistry.rehearsal;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.MediaTypes;
import io.mirrorregistry.registry.RegistryAnswers;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
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

    private final Set<String> called = ConcurrentHashMap.newKeySet();
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
    }

    /** Returns whether the registry has been called since {@link #manners}. */
    boolean isCalled(String registry) {
        return called.contains(registry);
    }

    /** Returns whether any registry has been called since {@link #manners}. */
    boolean isAnyCalled() {
        return !called.isEmpty();
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
            case LACKS -> error(404, "MANIFEST_UNKNOWN", Map.of());
            case REFUSES -> error(401, "UNAUTHORIZED", Map.of(RegistryAnswers.ACCEPTED, "false"));
            case FORBIDS -> error(403, "DENIED", Map.of(RegistryAnswers.ACCEPTED, "true"));
            case THROTTLES -> error(429, "TOOMANYREQUESTS", Map.of("Retry-After", "7"));
            case FAILS -> error(500, "UNKNOWN", Map.of());
            case BREAKS -> null;
        };
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
