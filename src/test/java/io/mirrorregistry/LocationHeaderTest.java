package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestProxy;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Locations of blobs that strict parsers refuse, and those on a host that clients know by another name.
 *
 * @see <a href="https://github.com/sonatype/nexus-public/issues/1061">sonatype/nexus-public#1061</a>
 */
class LocationHeaderTest {

    private final TestStorage storage = TestStorage.start();
    private final TestRegistry hot = TestRegistry.start("hot");
    private final Image image = hot.image("library/app", "1");
    private final Body layer = image.layers().get(0);
    private final String path = image.path(layer);
    private final TestMirror auto = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", hot.url(), "MIRROR_PLAN", "hot", "HOT_PUBLIC_URL", "https://hot.example.com");
    private final TestMirror proxy = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", hot.url(), "MIRROR_PLAN", "hot", "HOT_BLOBS", "proxy");

    @AfterEach
    void stop() {
        List.of(auto, proxy).forEach(TestMirror::close);
        List.of(hot, storage).forEach(TestServer::close);
    }

    private void redirectTo(String location) {
        hot.fault(Fault.redirect(307, location).on(Kind.BLOB).where(call -> call.query() == null));
    }

    /** Returns the Location that a client is sent to, each byte a character. */
    private static String location(TestMirror mirror, String path) throws IOException {
        try (Socket client = new Socket("127.0.0.1", mirror.port())) {
            client.getOutputStream().write(("GET " + path + " HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            String answer = new String(client.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
            assertTrue(answer.startsWith("HTTP/1.1 307 "), answer);
            return answer.lines().filter(line -> line.toLowerCase(Locale.ROOT).startsWith("location: ")).findFirst().orElseThrow().substring("location: ".length());
        }
    }

    /** What follows the host; the second is what is sent where that differs, since HTTP has no other way. */
    @ParameterizedTest
    @CsvSource(delimiter = ' ', value = {
        "/a|b?sig=x|y /a|b?sig=x|y", "/a{b}?sig={x} /a{b}?sig={x}", "/a\"b\"?sig=\"x\" /a\"b\"?sig=\"x\"", "/a^b?sig=^x /a^b?sig=^x", "/a`b?sig=`x /a`b?sig=`x",
        "/a\\b?sig=\\x /a\\b?sig=\\x", "/a<b>?sig=<x> /a<b>?sig=<x>", "/a%zz?sig=%x /a%zz?sig=%x", "/a%?sig=% /a%?sig=%", "/a[b]?sig=[x] /a[b]?sig=[x]",
        "//a//b //a//b", "/a/../b/./c /a/../b/./c", "?sig=x /?sig=x", "/a_b /a%20b", "/a?sig=x_y /a?sig=x%20y", "/a?sig=x%2By+z%20 /a?sig=x%2By+z%20",
    })
    void anythingIsHandedOnAndCalled(String written, String sent) throws IOException {
        String target = written.replace('_', ' ');
        redirectTo(storage.url() + target);
        assertServes(storage.url() + target, sent);
    }

    @Test
    void bytesBeyondAsciiAreHandedOnAndEncoded() throws IOException {
        // é in UTF-8, each character a byte.
        redirectTo(storage.url() + "/caf\u00c3\u00a9?sig=\u0080\u00ff");
        assertServes(storage.url() + "/caf\u00c3\u00a9?sig=\u0080\u00ff", "/caf%C3%A9?sig=%80%FF");
    }

    @Test
    void severalLocationsAreTrouble() {
        hot.fault(Fault.instead((call, answer) -> Answer.of(307).and("Location", storage.url() + "/x").and("Location", storage.url() + "/y")).on(Kind.BLOB));
        try (TestMirror redirect = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", hot.url(), "MIRROR_PLAN", "hot", "HOT_BLOBS", "redirect")) {
            for (TestMirror mirror : List.of(auto, proxy, redirect)) {
                assertEquals(503, mirror.get(path).status());
                assertEquals(503, mirror.head(path).status());
            }
        }
    }

    @Test
    void aVeryLongOneIsHandedOnAndCalled() throws IOException {
        String target = "/x?sig=" + "s".repeat(15_000);
        redirectTo(storage.url() + target);
        assertServes(storage.url() + target, target);
    }

    private void assertServes(String location, String sent) throws IOException {
        storage.fault(Fault.instead((call, answer) -> Answer.of(200, "application/octet-stream", layer)));
        assertEquals(location, location(auto, path));
        assertEquals(0, storage.calls().size());
        assertArrayEquals(layer.bytes(), proxy.get(path).body());
        for (TestMirror mirror : List.of(auto, proxy)) {
            Reply head = mirror.head(path);
            assertEquals(200, head.status());
            assertEquals(String.valueOf(layer.length()), head.header("Content-Length"));
        }
        assertEquals(List.of(sent, sent, sent), storage.calls().stream().map(Call::target).toList());
    }

    @ParameterizedTest
    @ValueSource(strings = {"/storage/x", "x?a=b", "?node=2", "../x", "//HOST/x", "http://HOST/x?y=|z"})
    void whatIsOnTheRegistrysHostIsWhereClientsReachIt(String location) throws IOException {
        redirectTo(location.replace("HOST", hot.host()));
        String below = path.substring(0, path.lastIndexOf('/'));
        String expected = switch (location) {
            case "/storage/x" -> "/storage/x";
            case "x?a=b" -> below + "/x?a=b";
            case "?node=2" -> path + "?node=2";
            case "../x" -> below.substring(0, below.lastIndexOf('/')) + "/x";
            case "//HOST/x" -> "/x";
            default -> "/x?y=|z";
        };
        assertEquals("https://hot.example.com" + expected, location(auto, path));
    }

    /** By way of a proxy, which knows such names, as other machines in a network of containers do. */
    @Test
    void aHostWithAnUnderscoreIsCalled() throws IOException {
        try (TestProxy network = TestProxy.start().alwaysTo(storage.port());
                TestMirror there = TestMirror.start("COLD_URL", hot.url(), "HOT_URL", "http://registry.invalid", "HOT_PROXY", "http://" + network.host(), "MIRROR_PLAN", "hot",
                        "HOT_BLOBS", "proxy")) {
            storage.fault(Fault.instead((call, answer) -> "my_storage:9000".equals(call.header("Host")) ? Answer.of(200, "application/octet-stream", layer)
                    : Answer.of(307).with("Location", "http://my_storage:9000/a b")));
            assertArrayEquals(layer.bytes(), there.get(path).body());
            assertEquals(200, there.head(path).status());
            assertTrue(network.calls().stream().anyMatch(call -> call.target().equals("http://my_storage:9000/a%20b")), network.calls().toString());
        }
        redirectTo("http://my_storage:9000/a|b");
        assertEquals("http://my_storage:9000/a|b", location(auto, path));
    }

    /** The mirror's own ports, and addresses that only this machine has, however they are written. */
    @ParameterizedTest
    @ValueSource(strings = {"http://127.0.0.1:PORT/a|b", "http://localhost:PORT/a b", "//127.1:PORT/a|b", "http://me:pw@[::1]:PORT/|", "http://169.254.169.254/a|b"})
    void whatIsNeverCalledIsNotCalledLikeThisEither(String location) {
        for (TestMirror mirror : List.of(auto, proxy)) {
            hot.heal();
            redirectTo(location.replace("PORT", String.valueOf(mirror.managementPort())));
            try (LogLines log = LogLines.of("io.mirrorregistry.pull")) {
                assertEquals(503, mirror.head(path).status());
                assertEquals(503, proxy.get(path).status());
                assertTrue(log.lines().stream().allMatch(line -> line.contains("refused to call")), log.lines().toString());
            }
        }
    }
}
