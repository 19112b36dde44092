package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Manner;
import io.mirrorregistry.testing.TestCertificate;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestTls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What follows a blob of the folder on the same connection. Such a blob is sent as a file, and the server tells of its end in another order than
 * of the end of bytes.
 */
class FileThenStreamTest {

    private static final String LAYER = "application/vnd.oci.image.layer.v1.tar";
    private static final int LARGE = 16_000_000;

    @TempDir
    private Path folder;
    private final TestRegistry hot = TestRegistry.start("hot");
    private TestMirror mirror;

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
    }

    private Wire start(boolean tls) throws IOException {
        TestCertificate certificate = TestTls.certificate();
        mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", "oci:" + folder, "HOT_BLOBS", "proxy", "HOT_RESPONSE_TIMEOUT", "20s",
                "MIRROR_SERVER_IDLE_TIMEOUT", "1500ms",
                "MIRROR_SERVER_TLS_CERTIFICATE", tls ? TestCertificate.write(folder, "tls.crt", certificate.pem()) : "",
                "MIRROR_SERVER_TLS_KEY", tls ? TestCertificate.write(folder, "tls.key", certificate.keyPem()) : "");
        return tls ? new Wire(TestTls.context().getSocketFactory().createSocket("127.0.0.1", mirror.port())) : new Wire(mirror.port());
    }

    /** Makes the folder an image layout with one layer, and returns the layer's path. */
    private String file(int size) throws IOException {
        byte[] layer = new byte[size];
        new Random(size).nextBytes(layer);
        String config = blob("{}".getBytes());
        String manifest = """
                {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
                 "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":2},
                 "layers":[{"mediaType":"%s","digest":"%s","size":%d}]}""".formatted(config, LAYER, blob(layer), size);
        Files.writeString(folder.resolve("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
        Files.writeString(folder.resolve("index.json"), """
                {"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d,
                 "annotations":{"org.opencontainers.image.ref.name":"library/file:1"}}]}""".formatted(blob(manifest.getBytes()), manifest.length()));
        return "/v2/library/file/blobs/" + Digest.ofSha256(layer);
    }

    private String blob(byte[] bytes) throws IOException {
        Digest digest = Digest.ofSha256(bytes);
        Files.write(Files.createDirectories(folder.resolve("blobs/sha256")).resolve(digest.hex()), bytes);
        return digest.value();
    }

    /** Puts an image with one layer on hot, and returns the layer's path. */
    private String streamed(int size) {
        Image image = Image.of("hot", "library/streamed", "1", 0);
        Body layer = Body.ofSize(size, 3);
        hot.put(new Image(image.name(), "1", image.mediaType(), image.manifest(), List.of(image.config(), layer), List.of(), null));
        return image.path(layer);
    }

    private static String request(String method, String path, String more) {
        return method + " " + path + " HTTP/1.1\r\nHost: mirror\r\n" + more + "\r\n";
    }

    /** How a registry takes its time with a stream. */
    enum Slowness {
        DRIPS,
        STALLS,
        BEGINS_LATE
    }

    private void slow(Slowness how, String path) {
        Fault fault = switch (how) {
            case DRIPS -> Fault.drip(Duration.ofMillis(4));
            case STALLS -> Fault.spoil(answer -> answer.with(Manner.stall(998, Duration.ofMillis(2000))));
            case BEGINS_LATE -> Fault.delay(Duration.ofMillis(3000));
        };
        hot.fault(fault.where(call -> call.method().equals("GET") && call.path().equals(path)));
    }

    @ParameterizedTest
    @Execution(ExecutionMode.CONCURRENT)
    @CsvSource({"false, DRIPS, GET, 3000, ''", "false, STALLS, HEAD, 3000, ''", "false, STALLS, GET, 3000, bytes=5-9", "false, STALLS, GET, 0, ''",
        "true, STALLS, GET, 5000000, ''", "false, BEGINS_LATE, GET, 5000000, ''"})
    void aStreamThatWasPipelinedBehindAFileTakesItsTime(boolean tls, Slowness fault, String method, int size, String range) throws Exception {
        String file = file(size);
        String stream = streamed(1000);
        slow(fault, stream);
        try (Wire wire = start(tls)) {
            wire.send(request(method, file, range.isEmpty() ? "" : "Range: " + range + "\r\n") + request("GET", stream, "") + request("GET", file, "")
                    + request("GET", stream, "") + request("GET", "/health", ""));
            assertEquals(range.isEmpty() ? 200 : 206, wire.answer(method.equals("HEAD")).status());
            for (int i = 0; i < 2; i++) {
                assertEquals(1000, wire.slowly(1000, 1000, Duration.ZERO));
                Wire.Answer next = wire.answer();
                assertEquals(200, next.status());
                assertTrue(i == 0 || next.body().equals("{\"status\":\"healthy\"}"), next.body());
            }
        }
    }

    @ParameterizedTest
    @Execution(ExecutionMode.CONCURRENT)
    @CsvSource({"false, STALLS", "true, STALLS"})
    void aStreamThatIsAskedForAfterAFileTakesItsTime(boolean tls, Slowness fault) throws Exception {
        String file = file(5_000_000);
        String stream = streamed(1000);
        slow(fault, stream);
        try (Wire wire = start(tls)) {
            for (String path : List.of(file, stream, file, stream, "/health")) {
                assertEquals(200, wire.send(request("GET", path, "")).answer().status());
            }
        }
    }

    /** A megabyte a second, which the operating system's own buffers would hide for longer than the idle timeout. */
    @ParameterizedTest
    @Execution(ExecutionMode.CONCURRENT)
    @CsvSource({"false, true", "false, false", "true, true"})
    void aSlowClientTakesWhatWasPipelined(boolean tls, boolean behindAFile) throws Exception {
        String file = file(6_000_000);
        int length = behindAFile ? 2_000_000 : 4_000_000;
        String stream = streamed(length);
        try (Wire wire = start(tls)) {
            wire.send(request("GET", behindAFile ? file : stream, "") + request("GET", stream, "") + request("GET", "/health", ""));
            for (int bytes : new int[] {behindAFile ? 6_000_000 : length, length}) {
                assertEquals(bytes, wire.slowly(bytes, 100_000, Duration.ofMillis(100)));
            }
            assertEquals("{\"status\":\"healthy\"}", wire.answer().body());
        }
    }

    /** Nobody waits for a client that takes nothing of a large file. */
    @ParameterizedTest
    @Execution(ExecutionMode.CONCURRENT)
    @CsvSource({"false, false", "false, true", "true, false", "true, true"})
    void aClientThatTakesNothingOfAFileIsCut(boolean tls, boolean pipelined) throws Exception {
        String file = file(LARGE);
        try (Wire wire = start(tls)) {
            wire.send((pipelined ? request("GET", file, "Range: bytes=0-99\r\n") : "") + request("GET", file, ""));
            if (pipelined) {
                assertEquals(206, wire.answer().status());
            }
            TimeUnit.MILLISECONDS.sleep(4000);
            assertTrue(wire.slowly(LARGE, 1_000_000, Duration.ZERO) < LARGE, "it was not cut");
        }
    }
}
