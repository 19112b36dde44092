package io.mirrorregistry.testing;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.mirrorregistry.protocol.Digest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A registry that takes pushes, in memory, over plain http, with habits that are set by one line and take effect at once. */
public final class PushRegistry implements AutoCloseable {

    private static final Pattern PATH = Pattern.compile("/v2/(.+)/(manifests|blobs|blobs/uploads)/([^/]*)");

    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Map<String, byte[]> blobs = new ConcurrentHashMap<>();
    private final Map<String, byte[]> manifests = new ConcurrentHashMap<>();
    private final Map<String, String> types = new ConcurrentHashMap<>();
    private final Map<String, ByteArrayOutputStream> uploads = new ConcurrentHashMap<>();
    private final List<Call> calls = new CopyOnWriteArrayList<>();
    private volatile UnaryOperator<String> locations = location -> location;
    private volatile String authorization;
    private volatile Reply next;
    private volatile String nextFor;
    private volatile boolean mounts = true;
    private volatile boolean checksBlobs = true;
    private final List<Refusal> refusals = new CopyOnWriteArrayList<>();
    private final Map<String, String> refusedTypes = new ConcurrentHashMap<>();
    private final AtomicReference<Cut> cut = new AtomicReference<>();
    private volatile int chunkMinLength;
    private volatile Access access = Access.open();
    private volatile String heldMethod;
    private volatile CountDownLatch held;
    private volatile boolean isHeld;

    /**
     * What was asked.
     *
     * @param target path and query
     * @param bytes how many bytes of a body arrived
     */
    public record Call(String method, String target, Map<String, List<String>> headers, int bytes) {

        /** Returns the first value of a header; null for none. */
        public String header(String name) {
            List<String> values = headers.get(name);
            return values == null || values.isEmpty() ? null : values.get(0);
        }

        @Override
        public String toString() {
            return method + " " + target;
        }
    }

    private record Reply(int status, Map<String, String> headers, String body) {
    }

    /** A reply to requests of a method whose target fits, so many times. */
    private record Refusal(String method, Pattern target, AtomicInteger left, Reply reply) {

        boolean fits(String asked, String path) {
            return method.equals(asked) && target.matcher(path).find() && left.getAndUpdate(times -> Math.max(0, times - 1)) > 0;
        }
    }

    /** Closes the connection after so many bytes of the body of the next request of a method. */
    private record Cut(String method, int bytes, boolean kept) {
    }

    private PushRegistry() {
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    public static PushRegistry start() {
        return new PushRegistry();
    }

    public String url() {
        return "http://" + host();
    }

    public String host() {
        return "127.0.0.1:" + server.getAddress().getPort();
    }

    /** Writes the Location of uploads so; the function gets an absolute path with a query. */
    public PushRegistry locations(UnaryOperator<String> written) {
        locations = written;
        return this;
    }

    /** Refuses every request without this header. */
    public PushRegistry requireBasic(String header) {
        authorization = header;
        return this;
    }

    /** Mounts no blob. */
    public PushRegistry withoutMounts() {
        mounts = false;
        return this;
    }

    /** Takes manifests whose blobs are missing. */
    public PushRegistry withoutChecks() {
        checksBlobs = false;
        return this;
    }

    /** Answers the next request of a method so, once; the body is not read. */
    public void next(String method, int status, Map<String, String> headers, String body) {
        next = new Reply(status, headers, body);
        nextFor = method;
    }

    /** Answers requests of a method whose path and query contain the pattern so, the first so many of them; the body is read. */
    public void refuse(String method, String target, int times, int status, Map<String, String> headers, String body) {
        refusals.add(new Refusal(method, Pattern.compile(target), new AtomicInteger(times), new Reply(status, headers, body)));
    }

    /** Refuses manifests of a media type with 400 and this error body. */
    public void refuseManifests(String mediaType, String body) {
        refusedTypes.put(mediaType, body);
    }

    /** Refuses nothing any more. */
    public void heal() {
        refusals.clear();
        refusedTypes.clear();
        cut.set(null);
    }

    /** Closes the connection after so many bytes of the body of the next request of this method; keeps these bytes of an upload if {@code kept}. */
    public void cut(String method, int bytes, boolean kept) {
        cut.set(new Cut(method, bytes, kept));
    }

    /** Holds the answer to the next request of a method back until the latch opens. */
    public void hold(String method, CountDownLatch until) {
        heldMethod = method;
        held = until;
    }

    /** Returns whether a request is held back, or was. */
    public boolean isHeld() {
        return isHeld;
    }

    /** Tells this as OCI-Chunk-Min-Length; 0 for none. */
    public void chunkMinLength(int bytes) {
        chunkMinLength = bytes;
    }

    /** Forgets all uploads. */
    public void loseUploads() {
        uploads.clear();
    }

    /** Lets in who shows a token of the service with the scope: pull for GET and HEAD, else {@code pull,push}. */
    public PushRegistry requireBearer(TokenService tokens) {
        access = Access.bearer(tokens);
        return this;
    }

    /** Adds a manifest under a tag or its digest. */
    public void addManifest(String repository, String reference, String type, byte[] bytes) {
        for (String under : List.of(reference, Digest.ofSha256(bytes).value())) {
            manifests.put(repository + ":" + under, bytes);
            types.put(repository + ":" + under, type);
        }
    }

    /** Removes a manifest by tag or digest, or a blob. */
    public void remove(String repository, String reference) {
        manifests.remove(repository + ":" + reference);
        blobs.remove(repository + "@" + reference);
    }

    /** Returns what was asked, without probes. */
    public List<Call> calls() {
        return calls.stream().filter(call -> !call.target().equals("/v2/")).toList();
    }

    /** Returns the calls as "METHOD path", without queries. */
    public List<String> asked() {
        return calls().stream().map(call -> call.toString().replaceFirst("\\?.*", "")).toList();
    }

    public void forget() {
        calls.clear();
    }

    /** Returns a blob; null if it is not there. */
    public byte[] blob(String repository, String digest) {
        return blobs.get(repository + "@" + digest);
    }

    /** Returns a manifest by tag or digest; null if it is not there. */
    public byte[] manifest(String repository, String reference) {
        return manifests.get(repository + ":" + reference);
    }

    /** Adds a blob and returns its digest. */
    public String addBlob(String repository, byte[] bytes) {
        String digest = Digest.ofSha256(bytes).value();
        blobs.put(repository + "@" + digest, bytes);
        return digest;
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            String method = exchange.getRequestMethod();
            String target = exchange.getRequestURI().toString();
            Reply planned = next;
            if (planned != null && method.equals(nextFor)) {
                next = null;
                calls.add(new Call(method, target, Map.copyOf(exchange.getRequestHeaders()), 0));
                send(exchange, planned.status, planned.headers, planned.body.getBytes(StandardCharsets.UTF_8));
                return;
            }
            Cut now = cut.get();
            if (now != null && method.equals(now.method) && cut.compareAndSet(now, null)) {
                cutOff(exchange, method, target, now);
                return;
            }
            byte[] body;
            try (InputStream in = exchange.getRequestBody()) {
                body = in.readAllBytes();
            }
            calls.add(new Call(method, target, Map.copyOf(exchange.getRequestHeaders()), body.length));
            CountDownLatch until = held;
            if (until != null && method.equals(heldMethod)) {
                held = null;
                isHeld = true;
                try {
                    until.await();
                } catch (InterruptedException e) {
                    return;
                }
            }
            for (Refusal refusal : refusals) {
                if (refusal.fits(method, target)) {
                    if (refusal.reply.status == 0) {
                        throw new IOException("the connection is closed on purpose");
                    }
                    send(exchange, refusal.reply.status, refusal.reply.headers, refusal.reply.body.getBytes(StandardCharsets.UTF_8));
                    return;
                }
            }
            if (!isLetIn(exchange, method, target)) {
                return;
            }
            if (authorization != null && !authorization.equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
                send(exchange, 401, Map.of("WWW-Authenticate", "Basic realm=\"test\""), error("UNAUTHORIZED"));
                return;
            }
            answer(exchange, method, exchange.getRequestURI().getRawPath(), query(exchange), body);
        }
    }

    private void cutOff(HttpExchange exchange, String method, String target, Cut now) throws IOException {
        // Not closed: its end would wait for the rest of the body.
        byte[] body = exchange.getRequestBody().readNBytes(now.bytes);
        calls.add(new Call(method, target, Map.copyOf(exchange.getRequestHeaders()), body.length));
        Matcher parts = PATH.matcher(exchange.getRequestURI().getRawPath());
        ByteArrayOutputStream upload = now.kept && parts.matches() ? uploads.get(parts.group(3)) : null;
        if (upload != null) {
            upload.writeBytes(body);
        }
        throw new IOException("the connection is cut on purpose");
    }

    private boolean isLetIn(HttpExchange exchange, String method, String target) throws IOException {
        List<Map.Entry<String, String>> headers = exchange.getRequestHeaders().entrySet().stream()
                .flatMap(line -> line.getValue().stream().map(value -> Map.entry(line.getKey(), value))).toList();
        String path = exchange.getRequestURI().getRawPath();
        Matcher parts = PATH.matcher(path);
        String scope = parts.matches() ? "repository:" + parts.group(1) + ":pull,push" : null;
        boolean reads = method.equals("GET") || method.equals("HEAD");
        io.mirrorregistry.testing.Call call = new io.mirrorregistry.testing.Call(method, path, exchange.getRequestURI().getRawQuery(), headers, "");
        if (access.allows(call, scope) || reads && scope != null && access.allows(call, scope.replace(",push", ""))) {
            return true;
        }
        String wanted = reads && scope != null ? scope.replace(",push", "") : scope;
        send(exchange, 401, Map.of("WWW-Authenticate", access.challenges(wanted).get(0)), error("UNAUTHORIZED"));
        return false;
    }

    private static Map<String, String> query(HttpExchange exchange) {
        Map<String, String> parameters = new ConcurrentHashMap<>();
        String query = exchange.getRequestURI().getQuery();
        for (String part : query == null ? new String[0] : query.split("&")) {
            int equals = part.indexOf('=');
            parameters.put(part.substring(0, Math.max(0, equals)), part.substring(equals + 1));
        }
        return parameters;
    }

    private void answer(HttpExchange exchange, String method, String path, Map<String, String> query, byte[] body) throws IOException {
        if (path.equals("/v2/")) {
            send(exchange, 200, Map.of(), "{}".getBytes(StandardCharsets.UTF_8));
            return;
        }
        Matcher parts = PATH.matcher(path.startsWith("/elsewhere") ? path.substring("/elsewhere".length()) : path);
        if (!parts.matches()) {
            send(exchange, 404, Map.of(), error("NOT_FOUND"));
            return;
        }
        String repository = parts.group(1);
        String name = parts.group(3).replace("%3A", ":").replace("%3a", ":");
        switch (parts.group(2)) {
            case "manifests" -> manifest(exchange, method, repository, name, query, body);
            case "blobs" -> blob(exchange, method, repository, name);
            default -> upload(exchange, method, repository, name, query, body);
        }
    }

    private void manifest(HttpExchange exchange, String method, String repository, String reference, Map<String, String> query, byte[] body) throws IOException {
        String key = repository + ":" + reference;
        switch (method) {
            case "PUT" -> {
                String refused = refusedTypes.get(String.valueOf(exchange.getRequestHeaders().getFirst("Content-Type")));
                if (refused != null) {
                    send(exchange, 400, Map.of(), refused.getBytes(StandardCharsets.UTF_8));
                    return;
                }
                Matcher digests = Pattern.compile("\"digest\" *: *\"(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\"").matcher(new String(body, StandardCharsets.UTF_8));
                while (checksBlobs && digests.find()) {
                    if (blob(repository, digests.group(1)) == null && manifest(repository, digests.group(1)) == null) {
                        send(exchange, 400, Map.of(), error("MANIFEST_BLOB_UNKNOWN"));
                        return;
                    }
                }
                String digest = Digest.ofSha256(body).value();
                for (String under : List.of(reference, digest, query.getOrDefault("tag", digest))) {
                    manifests.put(repository + ":" + under, body);
                    types.put(repository + ":" + under, exchange.getRequestHeaders().getFirst("Content-Type"));
                }
                send(exchange, 201, Map.of("Docker-Content-Digest", digest, "Location", "/v2/" + repository + "/manifests/" + digest), new byte[0]);
            }
            case "DELETE" -> send(exchange, manifests.remove(key) == null ? 404 : 202, Map.of(), new byte[0]);
            default -> {
                byte[] found = manifests.get(key);
                if (found == null) {
                    send(exchange, 404, Map.of(), error("MANIFEST_UNKNOWN"));
                } else {
                    send(exchange, 200, Map.of("Content-Type", types.get(key), "Docker-Content-Digest", Digest.ofSha256(found).value()), found);
                }
            }
        }
    }

    private void blob(HttpExchange exchange, String method, String repository, String digest) throws IOException {
        byte[] found = blob(repository, digest);
        if (found == null) {
            send(exchange, 404, Map.of(), error("BLOB_UNKNOWN"));
        } else if (method.equals("DELETE")) {
            blobs.remove(repository + "@" + digest);
            send(exchange, 202, Map.of(), new byte[0]);
        } else {
            send(exchange, 200, Map.of("Docker-Content-Digest", digest, "Content-Type", "application/octet-stream"), found);
        }
    }

    private void upload(HttpExchange exchange, String method, String repository, String id, Map<String, String> query, byte[] body) throws IOException {
        if (method.equals("POST")) {
            begin(exchange, repository, query, body);
            return;
        }
        ByteArrayOutputStream upload = uploads.get(id);
        if (upload == null) {
            send(exchange, 404, Map.of(), error("BLOB_UPLOAD_UNKNOWN"));
            return;
        }
        switch (method) {
            case "PATCH" -> {
                upload.writeBytes(body);
                send(exchange, 202, position(repository, id, upload), new byte[0]);
            }
            case "GET" -> send(exchange, 204, position(repository, id, upload), new byte[0]);
            case "DELETE" -> {
                uploads.remove(id);
                send(exchange, 204, Map.of(), new byte[0]);
            }
            default -> {
                upload.writeBytes(body);
                uploads.remove(id);
                store(exchange, repository, query.getOrDefault("digest", ""), upload.toByteArray());
            }
        }
    }

    private void begin(HttpExchange exchange, String repository, Map<String, String> query, byte[] body) throws IOException {
        byte[] mounted = mounts && query.containsKey("mount") ? blob(query.getOrDefault("from", ""), query.get("mount")) : null;
        if (mounted != null) {
            store(exchange, repository, query.get("mount"), mounted);
        } else if (query.containsKey("digest") && body.length > 0) {
            store(exchange, repository, query.get("digest"), body);
        } else {
            String id = UUID.randomUUID().toString();
            uploads.put(id, new ByteArrayOutputStream());
            Map<String, String> headers = new HashMap<>(position(repository, id, uploads.get(id)));
            if (chunkMinLength > 0) {
                headers.put("OCI-Chunk-Min-Length", String.valueOf(chunkMinLength));
            }
            send(exchange, 202, headers, new byte[0]);
        }
    }

    private void store(HttpExchange exchange, String repository, String digest, byte[] bytes) throws IOException {
        if (!Digest.isValid(digest) || !new Digest(digest).matches(bytes)) {
            send(exchange, 400, Map.of(), error("DIGEST_INVALID"));
            return;
        }
        blobs.put(repository + "@" + digest, bytes);
        send(exchange, 201, Map.of("Docker-Content-Digest", digest, "Location", "/v2/" + repository + "/blobs/" + digest), new byte[0]);
    }

    private Map<String, String> position(String repository, String id, ByteArrayOutputStream upload) {
        return Map.of("Location", locations.apply("/v2/" + repository + "/blobs/uploads/" + id + "?_state=" + "x".repeat(40)), "Range",
                "0-" + Math.max(0, upload.size() - 1), "Docker-Upload-UUID", id);
    }

    private static byte[] error(String code) {
        return ("{\"errors\":[{\"code\":\"" + code + "\",\"message\":\"" + code.toLowerCase(Locale.ROOT) + " says the registry\"}]}").getBytes(StandardCharsets.UTF_8);
    }

    private static void send(HttpExchange exchange, int status, Map<String, String> headers, byte[] body) throws IOException {
        exchange.getResponseHeaders().set("Docker-Distribution-Api-Version", "registry/2.0");
        if (status >= 400) {
            exchange.getResponseHeaders().set("Content-Type", "application/json");
        }
        headers.forEach(exchange.getResponseHeaders()::set);
        boolean head = exchange.getRequestMethod().equals("HEAD");
        if (head && body.length > 0) {
            exchange.getResponseHeaders().set("Content-Length", String.valueOf(body.length));
        }
        exchange.sendResponseHeaders(status, head || body.length == 0 ? -1 : body.length);
        if (!head && body.length > 0) {
            exchange.getResponseBody().write(body);
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }

    /** Returns so many bytes, the same for the same seed. */
    public static byte[] bytes(int count, int seed) {
        byte[] bytes = new byte[count];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }
}
