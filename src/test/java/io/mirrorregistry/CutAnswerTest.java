package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestCertificate;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestTls;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the access log and the metrics say of clients that leave as soon as they have all bytes, and of those that leave before. */
class CutAnswerTest {

    /** Of a hundred such clients, some ten were counted as cut once. */
    private static final int TIMES = 40;

    @TempDir
    private Path folder;
    private final TestRegistry hot = TestRegistry.start("hot").requireBasic("mirror", "secret");
    private final LogLines log = LogLines.of("access");
    private TestMirror mirror;
    private boolean tls;

    @AfterEach
    void stop() {
        mirror.close();
        log.close();
        hot.close();
    }

    private void start(String... more) {
        TestCertificate certificate = TestTls.certificate();
        String[] settings = {"HOT_URL", hot.url(), "HOT_USERNAME", "mirror", "HOT_PASSWORD", "secret", "MIRROR_LOGGING_LEVEL", "info",
            "MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_TAG_TTL", "1h",
            "MIRROR_SERVER_TLS_CERTIFICATE", tls ? TestCertificate.write(folder, "tls.crt", certificate.pem()) : "",
            "MIRROR_SERVER_TLS_KEY", tls ? TestCertificate.write(folder, "tls.key", certificate.keyPem()) : ""};
        String[] all = Arrays.copyOf(settings, settings.length + more.length);
        System.arraycopy(more, 0, all, settings.length, more.length);
        mirror = TestMirror.start(all);
    }

    /** How a client sends its request. */
    enum Client {
        PLAIN("HTTP/1.1", ""),
        CLOSING("HTTP/1.1", "Connection: close\r\n"),
        OLD("HTTP/1.0", ""),
        OLD_AND_STAYING("HTTP/1.0", "Connection: keep-alive\r\n"),
        SECURE("HTTP/1.1", "");

        private final String version;
        private final String headers;

        Client(String version, String headers) {
            this.version = version;
            this.headers = headers;
        }

        private String request(String method, String path, String more) {
            return method + " " + path + " " + version + "\r\nHost: mirror\r\n" + headers + more + "\r\n";
        }
    }

    private Socket connect() throws IOException {
        Socket socket = tls ? TestTls.context().getSocketFactory().createSocket("127.0.0.1", mirror.port()) : new Socket("127.0.0.1", mirror.port());
        socket.setSoTimeout(10_000);
        // Otherwise each request waits until the mirror's system confirms the end of the handshake, some 40 ms later.
        socket.setTcpNoDelay(true);
        return socket;
    }

    /** Sends a request, reads exactly the bytes of its response, and is gone. */
    private void pull(String request, boolean reset) throws IOException {
        try (Socket socket = connect()) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            InputStream in = new BufferedInputStream(socket.getInputStream(), 4096);
            String head = head(in);
            if (request.startsWith("HEAD")) {
                assertTrue(head.startsWith("HTTP/1.") && head.contains(" 200 "), head);
            } else if (head.toLowerCase().contains("transfer-encoding: chunked")) {
                StringBuilder end = new StringBuilder("....");
                while (!end.toString().equals("0\r\n\r\n")) {
                    end.append((char) in.read());
                    end.delete(0, end.length() - 5);
                }
            } else {
                Matcher length = Pattern.compile("(?i)content-length: ([0-9]+)\r").matcher(head);
                assertTrue(length.find(), head);
                int bytes = Integer.parseInt(length.group(1));
                assertEquals(bytes, in.readNBytes(bytes).length);
            }
            if (reset) {
                socket.setSoLinger(true, 0);
            }
        }
    }

    private static String head(InputStream in) throws IOException {
        StringBuilder head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) {
            int b = in.read();
            assertTrue(b >= 0, head.toString());
            head.append((char) b);
        }
        return head.toString();
    }

    /** Returns how many pulls are counted, those with this outcome only unless it is empty. */
    private int pulls(String outcome) {
        return (int) mirror.management("/observe/metrics").text().lines()
                .filter(line -> line.startsWith("mirror_pulls_total{") && line.contains("outcome=\"" + outcome))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ')))).sum();
    }

    private void awaitPulls(int all) throws InterruptedException {
        for (int i = 0; i < 500 && (pulls("") < all || log.lines().size() < all); i++) {
            Thread.sleep(20);
        }
        assertEquals(all, pulls(""));
        assertEquals(all, log.lines().size());
    }

    private String blob(int size) {
        Digest digest = hot.blob("library/app", Body.ofSize(size, size));
        return "/v2/library/app/blobs/" + digest;
    }

    @ParameterizedTest
    @EnumSource(Client.class)
    void aClientThatLeavesWithTheLastByteIsNotCut(Client client) throws Exception {
        tls = client == Client.SECURE;
        start();
        Image image = hot.image("library/app", "1.0");
        List<String> requests = List.of(client.request("GET", blob(322), ""), client.request("GET", blob(100_000), ""),
                client.request("GET", blob(100_000), "Range: bytes=5-326\r\n"), client.request("HEAD", blob(322), ""),
                client.request("GET", image.path(), ""), client.request("GET", "/v2/library/app/tags/list", ""),
                client.request("GET", "/v2/library/hello/blobs/sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", ""),
                client.request("GET", "/v2/library/none/manifests/1", ""));
        int count = 0;
        for (int i = 0; i < TIMES; i++) {
            for (String request : requests) {
                pull(request, i % 2 == 0);
                count++;
            }
        }
        awaitPulls(count);
        assertEquals(0, pulls("cut"));
        assertEquals(List.of(), log.lines().stream().filter(line -> line.contains(" 499 ")).toList());
        assertEquals(0, log.count("cut", true));
    }

    @Test
    void aClientThatLeavesWithTheLastByteOfALargeBlobIsNotCut() throws Exception {
        start();
        String blob = blob(3_000_000);
        for (int i = 0; i < 40; i++) {
            pull(Client.PLAIN.request("GET", blob, ""), i % 2 == 0);
        }
        awaitPulls(40);
        assertEquals(0, pulls("cut"));
    }

    @Test
    void aClientThatLeavesWithTheEndOfABlobOfUnknownLengthIsNotCut() throws Exception {
        start();
        String blob = blob(100_000);
        hot.fault(Fault.chunked().on(Kind.BLOB).method("GET"));
        for (int i = 0; i < TIMES; i++) {
            pull(Client.PLAIN.request("GET", blob, ""), i % 2 == 0);
        }
        awaitPulls(TIMES);
        assertEquals(0, pulls("cut"));
    }

    @Test
    void aClientThatLeavesBeforeTheLastByteIsCut() throws Exception {
        start("HOT_RESPONSE_TIMEOUT", "20s");
        String blob = blob(322);
        String large = blob(30_000_000);
        hot.fault(Fault.pauseAfter(200_000, Duration.ofSeconds(15)).path(large).method("GET"));
        for (int i = 0; i < 5; i++) {
            try (Socket socket = connect()) {
                socket.getOutputStream().write(Client.PLAIN.request("GET", large, "").getBytes(StandardCharsets.US_ASCII));
                InputStream in = socket.getInputStream();
                head(in);
                in.readNBytes(100_000);
            }
            pull(Client.PLAIN.request("GET", blob, ""), false);
        }
        awaitPulls(10);
        assertEquals(5, pulls("cut"));
        assertEquals(5, log.count("cut", true));
        assertEquals(10, log.count("status", 200));
    }

    @Test
    void aClientThatLeavesBeforeTheFirstByteIsCutAnd499() throws Exception {
        start("HOT_RESPONSE_TIMEOUT", "20s");
        String blob = blob(322);
        CountDownLatch answers = new CountDownLatch(1);
        hot.fault(Fault.heldUntil(answers).path(blob).method("GET"));
        hot.forget();
        try (Socket socket = connect()) {
            socket.getOutputStream().write(Client.PLAIN.request("GET", blob, "").getBytes(StandardCharsets.US_ASCII));
            hot.awaitCalls(2);
        }
        awaitPulls(1);
        answers.countDown();
        assertEquals(1, pulls("cut"));
        assertEquals(1, log.count("status", 499));
    }

    @Test
    void aBlobThatTheRegistryCutsOneByteShortIsCut() throws Exception {
        start();
        String blob = blob(1_000_000);
        hot.fault(Fault.cut(999_999).on(Kind.BLOB).method("GET"), Fault.cut(0).where(call -> call.header("Range") != null));
        for (int i = 0; i < 5; i++) {
            try (Socket socket = connect()) {
                socket.getOutputStream().write(Client.PLAIN.request("GET", blob, "").getBytes(StandardCharsets.US_ASCII));
                InputStream in = socket.getInputStream();
                head(in);
                assertTrue(in.readAllBytes().length < 1_000_000);
            }
        }
        awaitPulls(5);
        assertEquals(5, pulls("cut"));
        assertEquals(5, log.count("cut", true));
    }

    @Test
    void aClientThatTakesNothingForTooLongIsCut() throws Exception {
        start("MIRROR_SERVER_IDLE_TIMEOUT", "500ms");
        String blob = blob(30_000_000);
        try (Socket socket = new Socket()) {
            socket.setReceiveBufferSize(4096);
            socket.connect(new InetSocketAddress("127.0.0.1", mirror.port()));
            socket.getOutputStream().write(Client.PLAIN.request("GET", blob, "").getBytes(StandardCharsets.US_ASCII));
            awaitPulls(1);
        }
        assertEquals(1, pulls("cut"));
    }

    @Test
    void aClientThatTheEndOfTheMirrorCutsIsCut() throws Exception {
        start("MIRROR_SERVER_SHUTDOWN_TIMEOUT", "1s", "HOT_RESPONSE_TIMEOUT", "20s");
        String blob = blob(30_000_000);
        hot.fault(Fault.pauseAfter(200_000, Duration.ofSeconds(15)).path(blob).method("GET"));
        try (Socket socket = connect()) {
            socket.getOutputStream().write(Client.PLAIN.request("GET", blob, "").getBytes(StandardCharsets.US_ASCII));
            head(socket.getInputStream());
            mirror.close();
            assertEquals(1, log.count("cut", true));
        }
    }

    @Test
    void theMirrorEndsAfterABlobThatIsOnItsWay() throws Exception {
        start("HOT_RESPONSE_TIMEOUT", "20s");
        String blob = blob(500_000);
        hot.fault(Fault.pauseAfter(200_000, Duration.ofSeconds(2)).path(blob).method("GET"));
        try (Socket socket = connect()) {
            socket.getOutputStream().write(Client.PLAIN.request("GET", blob, "").getBytes(StandardCharsets.US_ASCII));
            head(socket.getInputStream());
            Thread end = new Thread(mirror::close);
            end.start();
            assertEquals(500_000, socket.getInputStream().readNBytes(500_000).length);
            end.join();
        }
        assertEquals(0, log.count("cut", true));
    }
}
