package io.mirrorregistry.push;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.PushRequest.Method;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.Caller;
import io.mirrorregistry.registry.PushBody;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushCall;
import io.mirrorregistry.registry.PushResponse;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.time.Duration;
import java.util.Map;

/** The registry that takes a push, and the repository there. Each call blocks. Used by one thread at a time. */
public final class Target {

    private final Registry registry;
    private final Caller caller;
    private final RepositoryName name;
    private final String requestId;
    private final String passed;
    private final Duration commitTimeout;

    /**
     * @param caller makes the calls
     * @param requestId identifies the requests at the registry; null for none
     * @param passed the mirrors that the client's request has passed; null for none
     * @param commitTimeout how long the registry may take to respond after the last byte of a blob
     */
    public Target(Registry registry, RepositoryName name, Caller caller, String requestId, String passed, Duration commitTimeout) {
        this.registry = registry;
        this.name = name;
        this.caller = caller;
        this.requestId = requestId;
        this.passed = passed;
        this.commitTimeout = commitTimeout;
    }

    public Registry registry() {
        return registry;
    }

    public RepositoryName name() {
        return name;
    }

    /** Returns the same for plans. */
    public Plan.Target planned() {
        return new Plan.Target(registry.name(), name);
    }

    public ApiPath blob(Digest digest) {
        return new ApiPath(ApiPath.Kind.BLOB, name, digest);
    }

    /** Begins an upload. */
    public PushResponse begin() throws RegistryTroubleException, PushBodyException {
        return post("", null, null);
    }

    /** Mounts a blob from another repository of the registry. The registry may begin an upload instead. */
    public PushResponse mount(Digest digest, RepositoryName from) throws RegistryTroubleException, PushBodyException {
        return post("mount=" + encoded(digest) + "&from=" + from.value().replace("/", "%2F"), from, null);
    }

    /**
     * Sends a blob with one request. The registry may begin an upload instead.
     *
     * @param body null for an empty one
     */
    public PushResponse whole(Digest digest, PushBody body) throws RegistryTroubleException, PushBodyException {
        return post("digest=" + encoded(digest), null, body);
    }

    private PushResponse post(String query, RepositoryName from, PushBody body) throws RegistryTroubleException, PushBodyException {
        String path = new ApiPath(ApiPath.Kind.UPLOAD, name, null) + (query.isEmpty() ? "" : "?" + query);
        return caller.push(new PushCall(Method.POST, name, from, path, false, headers(body, null), body, body == null ? usual() : commitTimeout, false,
                requestId, passed));
    }

    /**
     * Goes on with an upload.
     *
     * @param location where it goes on
     * @param range the value of Content-Range; null for none
     * @param body null for none
     */
    public PushResponse upload(Method method, String location, String range, PushBody body, boolean authorized) throws RegistryTroubleException, PushBodyException {
        return upload(method, location, range, body, authorized, body == null && method != Method.PUT ? usual() : commitTimeout);
    }

    /**
     * Goes on with an upload.
     *
     * @param time how long the registry may take to respond after the last byte
     */
    public PushResponse upload(Method method, String location, String range, PushBody body, boolean authorized, Duration time)
            throws RegistryTroubleException, PushBodyException {
        return caller.push(new PushCall(method, name, null, location, true, headers(body, range), body, time, authorized, requestId, passed));
    }

    /** Returns the location with the digest that ends the upload. */
    public static String commit(String location, Digest digest) {
        return location + (location.indexOf('?') < 0 ? "?" : "&") + "digest=" + encoded(digest);
    }

    private static String encoded(Digest digest) {
        return digest.value().replace(":", "%3A");
    }

    private static Map<String, String> headers(PushBody body, String range) {
        Map<String, String> type = body == null ? Map.of() : Map.of("Content-Type", "application/octet-stream");
        return range == null || body == null ? type : Map.of("Content-Type", "application/octet-stream", "Content-Range", range);
    }

    /** Sends a manifest. */
    public PushResponse manifest(String reference, String query, String contentType, byte[] bytes, Duration time) throws RegistryTroubleException, PushBodyException {
        String path = "/v2/" + name + "/manifests/" + reference + (query.isEmpty() ? "" : "?" + query);
        return call(Method.PUT, path, Map.of("Content-Type", contentType), new BytesBody(bytes), time);
    }

    public PushResponse delete(ApiPath path) throws RegistryTroubleException, PushBodyException {
        return call(Method.DELETE, path.toString(), Map.of(), null, usual());
    }

    /**
     * Asks whether the registry has something.
     *
     * @param accept the media types that the client accepts; null for none
     * @return the response, from 200 to 299 where it is there
     */
    public PushResponse head(ApiPath path, String accept) throws RegistryTroubleException, PushBodyException {
        return call(Method.HEAD, path.toString(), accept == null ? Map.of() : Map.of("Accept", accept), null, usual());
    }

    private PushResponse call(Method method, String path, Map<String, String> headers, PushBody body, Duration time)
            throws RegistryTroubleException, PushBodyException {
        return caller.push(new PushCall(method, name, null, path, false, headers, body, time, false, requestId, passed));
    }

    private Duration usual() {
        return registry.settings().responseTimeout();
    }
}
