package io.mirrorregistry;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.testing.TestClient;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ref.WeakReference;
import java.net.ServerSocket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/** A mirror inside the test, with the real routes of this repository, on free ports. */
final class TestMirror implements AutoCloseable {

    private static final int LAST_PORT = 32_000;
    private static final AtomicInteger NEXT_PORT = new AtomicInteger(12_000 + new Random().nextInt(10_000));

    private final Mirror mirror;
    private final int port;
    private final int managementPort;
    private final TestClient client = new TestClient();

    private TestMirror(Path directory, Map<String, String> settings) {
        port = freePort();
        managementPort = freePort();
        Map<String, String> environment = new HashMap<>(Map.of(
                "MIRROR_SERVER_PORT", String.valueOf(port),
                "MIRROR_MANAGEMENT_PORT", String.valueOf(managementPort),
                "MIRROR_REGISTRY_HOT_CONNECT_TIMEOUT", "500ms",
                "MIRROR_REGISTRY_HOT_RESPONSE_TIMEOUT", "700ms",
                "MIRROR_REGISTRY_COLD_CONNECT_TIMEOUT", "500ms",
                "MIRROR_REGISTRY_COLD_RESPONSE_TIMEOUT", "700ms",
                "MIRROR_HEALTH_INTERVAL", "1h",
                "MIRROR_LOGGING_LEVEL", "error",
                // Tests of single answers are not to be cut short by the circuit breaker.
                "MIRROR_BREAKER_CALLS", "100000",
                "MIRROR_BREAKER_MINIMUM_CALLS", "100000"));
        // Tests of single answers ask the registries each time.
        environment.putAll(Map.of("MIRROR_CACHE_SIZE", "0", "MIRROR_CACHE_MISS_TTL", "0", "MIRROR_CACHE_BLOB_TTL", "0", "MIRROR_LOOKAHEAD_CALLS", "0"));
        environment.putAll(settings);
        try {
            mirror = new Mirror(directory, environment);
            mirror.start();
        } catch (InvalidSettingException e) {
            throw new IllegalArgumentException(e);
        }
    }

    /** Starts one; names and values of environment variables without {@code MIRROR_REGISTRY_} alternate. */
    static TestMirror start(String... settings) {
        return startIn(Path.of(""), settings);
    }

    /** Starts one in another working directory than this repository. */
    static TestMirror startIn(Path directory, String... settings) {
        Map<String, String> environment = new HashMap<>();
        for (int i = 0; i < settings.length; i += 2) {
            environment.put(settings[i].startsWith("MIRROR_") ? settings[i] : "MIRROR_REGISTRY_" + settings[i], settings[i + 1]);
        }
        return new TestMirror(directory, environment);
    }

    /** Returns a reference to the mirror that keeps nothing of it in memory. */
    WeakReference<Mirror> reference() {
        return new WeakReference<>(mirror);
    }

    /** Never the same twice, and below those that connections of this machine begin with, which might take it in the meantime. */
    static int freePort() {
        while (true) {
            int port = NEXT_PORT.getAndIncrement();
            try (ServerSocket socket = new ServerSocket(port)) {
                return socket.getLocalPort();
            } catch (IOException e) {
                if (port > LAST_PORT) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    int port() {
        return port;
    }

    int managementPort() {
        return managementPort;
    }

    String url() {
        return "http://127.0.0.1:" + port;
    }

    /** Returns the address of a mirror that serves TLS. */
    String secureUrl() {
        return "https://127.0.0.1:" + port;
    }

    /** Sends a request to the clients' port; header names and values alternate. */
    Reply send(String method, String path, String... headers) {
        return new Reply(client.send(method, url() + path, headers));
    }

    Reply get(String path, String... headers) {
        return send("GET", path, headers);
    }

    Reply head(String path, String... headers) {
        return send("HEAD", path, headers);
    }

    Reply management(String path, String... headers) {
        return new Reply(client.send("GET", "http://127.0.0.1:" + managementPort + path, headers));
    }

    Reply managementHead(String path, String... headers) {
        return new Reply(client.send("HEAD", "http://127.0.0.1:" + managementPort + path, headers));
    }

    /** Returns how many connections of the registry's pool are leased, as the metrics tell. */
    int leased(String registry) {
        return connections(registry, "leased");
    }

    /** Returns the value of a metric without labels. */
    int metric(String name) {
        return value(name + " ");
    }

    /** Returns how many connections of the registry's pool are in this state: leased or idle. */
    int connections(String registry, String state) {
        return value("mirror_registry_connections{registry=\"" + registry + "\",state=\"" + state + "\"} ");
    }

    private int value(String series) {
        return management("/observe/metrics").text().lines().filter(line -> line.startsWith(series))
                .mapToInt(line -> (int) Double.parseDouble(line.substring(series.length()))).findFirst()
                .orElseThrow(() -> new AssertionError("no " + series));
    }

    /** Waits until no connection of these registries' pools is leased: an exchange ends a little later than its answer. */
    void awaitNoneLeased(String... registries) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        for (String registry : registries) {
            for (int leased = leased(registry); leased > 0; leased = leased(registry)) {
                if (System.nanoTime() > end) {
                    throw new AssertionError(leased + " connections to " + registry + " are leased still");
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
            }
        }
    }

    @Override
    public void close() {
        mirror.close();
    }

    /** What came back. */
    record Reply(HttpResponse<byte[]> response) {

        int status() {
            return response.statusCode();
        }

        byte[] body() {
            return response.body();
        }

        String text() {
            return new String(response.body(), StandardCharsets.UTF_8);
        }

        String header(String name) {
            return response.headers().firstValue(name).orElse(null);
        }
    }
}
