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
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
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
            byte[] body;
            try (InputStream in = exchange.getRequestBody()) {
                body = in.readAllBytes();
            }
            calls.add(new Call(method, target, Map.copyOf(exchange.getRequestHeaders()), body.length));
            if (authorization != null && !authorization.equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
                send(exchange, 401, Map.of("WWW-Authenticate", "Basic realm=\"test\""), error("UNAUTHORIZED"));
                return;
            }
            answer(exchange, method, exchange.getRequestURI().getRawPath(), query(exchange), body);
        }
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
                Matcher digests = Pattern.compile("\"digest\" *: *\"(sha256:[0-9a-f]{64})\"").matcher(new String(body, StandardCharsets.UTF_8));
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
            send(exchange, 202, position(repository, id, uploads.get(id)), new byte[0]);
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
