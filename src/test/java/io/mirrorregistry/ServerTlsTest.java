package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestCertificate;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestTls;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** TLS on the clients' port. */
class ServerTlsTest {

    @TempDir
    private Path directory;
    private final TestCertificate certificate = TestTls.certificate();
    private final TestRegistry hot = TestRegistry.start("hot");
    private final Image image = hot.image("library/app", "1.0");

    @AfterEach
    void stop() {
        hot.close();
    }

    private String file(String name) {
        return directory.resolve(name).toAbsolutePath().toString();
    }

    private void write(String pem, String key) throws IOException {
        Files.writeString(directory.resolve("tls.crt"), pem);
        Files.writeString(directory.resolve("tls.key"), key);
    }

    private TestMirror start(TestCertificate first) throws IOException {
        write(first.pem(), first.keyPem());
        return TestMirror.start("HOT_URL", hot.url(), "HOT_BLOBS", "proxy", "MIRROR_SERVER_TLS_CERTIFICATE", file("tls.crt"),
                "MIRROR_SERVER_TLS_KEY", file("tls.key"), "MIRROR_LOGGING_LEVEL", "info");
    }

    private static HttpResponse<byte[]> get(TestMirror mirror, TestCertificate trusted, String path) throws IOException, InterruptedException {
        HttpClient client = HttpClient.newBuilder().sslContext(trusted.context()).build();
        return client.send(HttpRequest.newBuilder(URI.create(mirror.secureUrl() + path)).timeout(Duration.ofSeconds(30)).build(),
                HttpResponse.BodyHandlers.ofByteArray());
    }

    private static boolean shows(TestMirror mirror, TestCertificate expected) {
        try {
            return get(mirror, expected, "/health").statusCode() == 200;
        } catch (SSLException e) {
            return false;
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 500 && !condition.getAsBoolean(); i++) {
            Thread.sleep(20);
        }
        assertTrue(condition.getAsBoolean());
    }

    @Test
    void servesAllThatIsServedInPlainHttp() throws Exception {
        try (TestMirror mirror = start(certificate)) {
            assertArrayEquals(image.manifest(), get(mirror, certificate, image.path()).body());
            HttpResponse<byte[]> streamed = get(mirror, certificate, image.path(image.layers().get(0)));
            assertEquals(200, streamed.statusCode());
            // Clients that can would speak HTTP/2.
            assertEquals(HttpClient.Version.HTTP_1_1, streamed.version());
            Path blob = biggest(Path.of("images/blobs/sha256"));
            HttpResponse<byte[]> file = get(mirror, certificate, "/v2/library/hello/blobs/sha256:" + blob.getFileName());
            assertArrayEquals(Files.readAllBytes(blob), file.body());
            assertEquals(200, mirror.management("/observe/health/ready").status());
            assertThrows(Exception.class, () -> mirror.get("/health"));
        }
    }

    /** What a client prints of a connection that just ends says nothing. */
    @Test
    void theLogNamesAClientThatSendsPlainHttpOnceAMinute() throws Exception {
        try (TestMirror mirror = start(certificate); LogLines lines = LogLines.of("io.mirrorregistry.server.PlainHttpNotice")) {
            assertEquals(200, get(mirror, certificate, "/health").statusCode());
            assertEquals(List.of(), lines.lines());
            for (String method : List.of("GET", "HEAD", "POST")) {
                assertThrows(Exception.class, () -> mirror.send(method, "/v2/"));
            }
            assertEquals(List.of("Client 127.0.0.1 sends plain http to port " + mirror.port() + ", which speaks TLS: it has to use https"), lines.lines());
            assertEquals(200, get(mirror, certificate, "/health").statusCode());
        }
    }

    private static Path biggest(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            return files.max((one, other) -> Long.compare(one.toFile().length(), other.toFile().length())).orElseThrow();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
    void speaks(String version) throws Exception {
        try (TestMirror mirror = start(certificate); SSLSocket socket = socket(mirror)) {
            socket.setEnabledProtocols(new String[] {version});
            assertEquals("HTTP/1.1 200 OK", ask(socket));
            assertEquals(version, socket.getSession().getProtocol());
        }
    }

    @Test
    void aClientThatDoesNotBeginTlsIsGivenUp() throws Exception {
        write(certificate.pem(), certificate.keyPem());
        try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "MIRROR_SERVER_TLS_CERTIFICATE", file("tls.crt"), "MIRROR_SERVER_TLS_KEY",
                file("tls.key"), "MIRROR_SERVER_IDLE_TIMEOUT", "1s"); Socket silent = new Socket("127.0.0.1", mirror.port());
                Socket dripping = new Socket("127.0.0.1", mirror.port())) {
            silent.setSoTimeout(6_000);
            dripping.setSoTimeout(300);
            // The head of a ClientHello of 512 bytes, of which one comes at a time.
            dripping.getOutputStream().write(new byte[] {22, 3, 1, 2, 0, 1, 0, 1, (byte) 252, 3, 3});
            assertThrows(SocketException.class, () -> {
                for (int i = 0; i < 20; i++) {
                    dripping.getOutputStream().write(0);
                    try {
                        if (dripping.getInputStream().read() < 0) {
                            throw new SocketException("closed");
                        }
                    } catch (SocketTimeoutException e) {
                        // still open
                    }
                }
            });
            assertEquals(-1, silent.getInputStream().read());
        }
    }

    @Test
    void renewedFilesAreShownToNewConnectionsAndOldOnesGoOn() throws Exception {
        try (TestMirror mirror = start(certificate); SSLSocket before = socket(mirror)) {
            assertEquals("HTTP/1.1 200 OK", ask(before));
            TestCertificate renewed = TestCertificate.make();
            write(renewed.pem(), renewed.keyPem());
            await(() -> shows(mirror, renewed));
            assertFalse(shows(mirror, certificate));
            assertEquals("HTTP/1.1 200 OK", ask(before));
        }
    }

    @Test
    void aBrokenRenewalChangesNothingAndIsSaidOnce() throws Exception {
        try (LogLines lines = LogLines.of("io.mirrorregistry.server.tls.ClientsTls"); TestMirror mirror = start(certificate)) {
            await(() -> mirror.management("/observe/health").text().contains("up: CN=test registry, valid until"));
            TestCertificate renewed = TestCertificate.make();
            // The new key is yet to come.
            Files.writeString(directory.resolve("tls.crt"), renewed.pem());
            await(() -> lines.lines().stream().anyMatch(line -> line.contains("refused")));
            assertTrue(shows(mirror, certificate));
            assertEquals(503, mirror.management("/observe/health").status());
            assertTrue(mirror.management("/observe/health").text().contains("a change is refused, the last good one serves: CN=test registry"));
            assertEquals(200, mirror.management("/observe/health/ready").status());
            assertEquals(200, mirror.management("/observe/health/live").status());
            // Several looks later.
            Thread.sleep(2500);
            List<String> refusals = lines.lines().stream().filter(line -> line.contains("refused")).toList();
            assertEquals(List.of("The changed certificate is refused, the last good one goes on serving: mirror.server.tls.key=" + file("tls.key")
                    + " cannot work: the file is to hold the key of the certificate in " + file("tls.crt") + ", and holds another"), refusals);

            Files.delete(directory.resolve("tls.crt"));
            await(() -> lines.lines().stream().anyMatch(line -> line.endsWith("there is no such file")));
            assertTrue(shows(mirror, certificate));

            TestCertificate over = expired();
            write(over.pem(), over.keyPem());
            await(() -> lines.lines().stream().anyMatch(line -> line.contains("the certificate is CN=test registry, expired on 2024-01-31")));
            assertTrue(shows(mirror, certificate));

            write(renewed.pem(), renewed.keyPem());
            await(() -> shows(mirror, renewed));
            await(() -> mirror.management("/observe/health").status() == 200);
        }
    }

    private static TestCertificate expired() {
        return TestCertificate.make("-startdate", "2024/01/01 12:00:00", "-validity", "30");
    }

    @Test
    void anExpiredCertificateIsServedAndSaid() throws Exception {
        TestCertificate over = expired();
        try (LogLines lines = LogLines.of("io.mirrorregistry.server.tls.ClientsTls"); TestMirror mirror = start(over)) {
            await(() -> lines.lines().contains("Clients refuse the certificate in " + file("tls.crt") + ": CN=test registry, expired on 2024-01-31"));
            await(() -> mirror.management("/observe/health").text().contains("CN=test registry, expired on 2024-01-31"));
            assertEquals(503, mirror.management("/observe/health").status());
            assertThrows(SSLException.class, () -> get(mirror, over, "/health"));
        }
        assertEquals(List.of("mirror.server.tls.certificate=" + file("tls.crt") + ": CN=test registry, expired on 2024-01-31"), check());
    }

    /** Once for each certificate, and not each time that somebody looks. */
    @Test
    void aCertificateThatEndsSoonIsServedAndSaidOnce() throws Exception {
        TestCertificate soon = TestCertificate.make("-validity", "13");
        try (LogLines lines = LogLines.of("io.mirrorregistry.server.tls.ClientsTls"); TestMirror mirror = start(soon)) {
            await(() -> mirror.management("/observe/health").status() == 503);
            String checks = mirror.management("/observe/health?data=true").text();
            assertTrue(checks.contains("valid until") && checks.contains("it ends within 14 days, renew it"), checks);
            assertEquals(200, mirror.management("/observe/health/live").status());
            await(() -> mirror.management("/observe/health/ready").status() == 200);
            assertTrue(mirror.management("/observe/metrics").text().matches("(?s).*\nmirror_certificate_expiration_timestamp_seconds 1\\.[0-9]+E9\n.*"));

            TestCertificate renewed = TestCertificate.make();
            write(renewed.pem(), renewed.keyPem());
            await(() -> shows(mirror, renewed));
            await(() -> mirror.management("/observe/health").status() == 200);
            assertEquals(1, lines.lines().stream().filter(line -> line.startsWith("The certificate in " + file("tls.crt") + " ends within 14 days, renew it: "
                    + "CN=test registry, valid until ")).count(), lines.lines().toString());
        }
    }

    private Map<String, String> environment(String... settings) {
        Map<String, String> environment = new HashMap<>(Map.of("MIRROR_SERVER_TLS_CERTIFICATE", file("tls.crt"),
                "MIRROR_SERVER_TLS_KEY", file("tls.key"), "MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1"));
        for (int i = 0; i < settings.length; i += 2) {
            environment.put(settings[i], settings[i + 1]);
        }
        return environment;
    }

    private List<String> check(String... settings) {
        return Check.run(directory, environment(settings)).faults();
    }

    private void assertStops(String expected, String... settings) {
        String message = assertThrows(InvalidSettingException.class, () -> new Mirror(directory, environment(settings))).getMessage();
        assertTrue(message.contains(expected), message);
        assertEquals(1, message.lines().count(), message);
    }

    @Test
    void filesThatCannotWorkStopTheStartWithOneSentence() throws Exception {
        write(certificate.pem(), certificate.keyPem());
        assertEquals(List.of(), check());
        assertStops("mirror.server.tls.key=(empty) cannot work: mirror.server.tls.certificate is set; set both", "MIRROR_SERVER_TLS_KEY", "");
        assertStops("mirror.server.tls.certificate=(empty) cannot work: mirror.server.tls.key is set", "MIRROR_SERVER_TLS_CERTIFICATE", "");
        assertStops("mirror.server.tls.key=none.key cannot work: there is no such file", "MIRROR_SERVER_TLS_KEY", "none.key");
        write(certificate.pem(), TestCertificate.make().keyPem());
        assertStops("mirror.server.tls.key=" + file("tls.key") + " cannot work: the file is to hold the key of the certificate in " + file("tls.crt")
                + ", and holds another");
        write(certificate.pem(), TestCertificate.make("-keyalg", "RSA").keyPem());
        assertStops("the file is to hold the key of the certificate in " + file("tls.crt") + ", in PEM (");
        write(certificate.pem(), certificate.pem());
        assertStops("mirror.server.tls.key=" + file("tls.key") + " cannot work: the file is to hold the key of the certificate in " + file("tls.crt") + ", in PEM (");
        write(certificate.keyPem(), certificate.keyPem());
        assertStops("mirror.server.tls.certificate=" + file("tls.crt") + " cannot work: the file is to hold certificates in PEM");
        write("", certificate.keyPem());
        assertStops("mirror.server.tls.certificate=" + file("tls.crt") + " cannot work: the file is to hold certificates in PEM");
        write(certificate.pem(), "");
        assertStops("mirror.server.tls.key=" + file("tls.key") + " cannot work: the file is to hold the key of the certificate in " + file("tls.crt") + ", in PEM (");
        write(certificate.pem(), certificate.keyPem().replace("PRIVATE", "ENCRYPTED PRIVATE"));
        assertStops("the key is encrypted");
    }

    /** The format that openssl wrote before 3.0, and that Kubernetes' cert-manager writes. */
    @Test
    void takesRsaKeysOfTheirOwnFormat() throws Exception {
        TestCertificate rsa = TestCertificate.make("-keyalg", "RSA", "-keysize", "2048");
        byte[] pkcs8 = Base64.getMimeDecoder().decode(rsa.keyPem().replaceAll("-----.*-----", ""));
        byte[] pkcs1 = Arrays.copyOfRange(pkcs8, 26, pkcs8.length);
        String key = "-----BEGIN RSA PRIVATE KEY-----\n" + Base64.getMimeEncoder().encodeToString(pkcs1) + "\n-----END RSA PRIVATE KEY-----\n";
        try (TestMirror mirror = start(certificate)) {
            write(rsa.pem() + rsa.authorityPem(), key);
            await(() -> shows(mirror, rsa));
        }
    }

    private SSLSocket socket(TestMirror mirror) throws IOException {
        SSLSocket socket = (SSLSocket) certificate.context().getSocketFactory().createSocket("127.0.0.1", mirror.port());
        socket.setSoTimeout(10_000);
        return socket;
    }

    /** Returns the status line of an answer; the connection can be used again. */
    private static String ask(SSLSocket socket) throws IOException {
        socket.getOutputStream().write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        InputStream in = socket.getInputStream();
        StringBuilder answer = new StringBuilder();
        while (!answer.toString().endsWith("\"healthy\"}")) {
            int c = in.read();
            if (c < 0) {
                throw new IOException("cut after " + answer);
            }
            answer.append((char) c);
        }
        return answer.toString().lines().findFirst().orElseThrow();
    }
}
