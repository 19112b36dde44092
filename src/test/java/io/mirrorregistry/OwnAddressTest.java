package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestProxy;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A registry that has the mirror call addresses which the registry itself could not reach: the mirror's own ports, and the mirror's machine. */
class OwnAddressTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestStorage storage = TestStorage.start();
    private final TokenService tokens = TokenService.start();
    private final TestProxy proxy = TestProxy.start().alwaysTo(hot.port());
    private final Image image = hot.image("library/app", "1.0");
    private final String layer = image.path(image.layers().get(0));
    private TestMirror mirror;

    private void start(String... hotUrlAndMore) {
        String[] settings = Stream.concat(Stream.of("COLD_URL", cold.url(), "COLD_BLOBS", "proxy", "MIRROR_LOGGING_LEVEL", "debug", "HOT_URL"),
                Stream.of(hotUrlAndMore)).toArray(String[]::new);
        mirror = TestMirror.start(settings);
    }

    @AfterEach
    void stop() {
        mirror.close();
        proxy.close();
        List.of(hot, cold, storage, tokens).forEach(TestServer::close);
    }

    /** Each host that leads to this machine. */
    static Stream<String> hosts() throws Exception {
        Stream<String> networks = Collections.list(NetworkInterface.getNetworkInterfaces()).stream()
                .flatMap(network -> Collections.list(network.getInetAddresses()).stream()).filter(address -> address.getAddress().length == 4)
                .map(InetAddress::getHostAddress);
        return Stream.concat(networks, Stream.of("localhost", "127.1.2.3", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "2130706433")).distinct();
    }

    @ParameterizedTest
    @MethodSource("hosts")
    void noRedirectLeadsToTheMirrorsOwnPorts(String host) {
        start(hot.url(), "HOT_BLOBS", "proxy");
        cold.close();
        for (String target : List.of(host + ":" + mirror.managementPort() + "/observe/metrics", host + ":" + mirror.port() + "/health")) {
            hot.heal();
            hot.fault(Fault.instead((call, answer) -> call.kind() == Kind.PING ? answer : Answer.of(307).with("Location", "http://" + target + "?Signature=secret")));
            try (LogLines log = LogLines.of("io.mirrorregistry.pull")) {
                for (String path : List.of(image.path(), layer, "/v2/library/app/tags/list", "/v2/library/app/referrers/" + image.digest())) {
                    Reply reply = mirror.get(path);
                    assertEquals(503, reply.status(), path);
                    assertFalse(reply.text().contains("mirror_") || reply.text().contains("healthy"), path + ": " + reply.text());
                    assertEquals(503, mirror.head(image.path()).status());
                    assertEquals(503, mirror.head(layer).status());
                }
                List<String> hots = log.lines().stream().filter(line -> line.startsWith("Registry hot ")).toList();
                assertTrue(hots.size() > 3, log.lines().toString());
                for (String line : hots) {
                    assertTrue(line.contains("refused to call " + host + ":") && line.contains("which leads to a port of this mirror"), line);
                    assertFalse(line.contains("Signature") || line.contains("?"), line);
                }
            }
        }
    }

    @Test
    void anotherRegistryServesInstead() {
        start(hot.url(), "HOT_BLOBS", "proxy");
        cold.put(image);
        hot.fault(Fault.redirect(307, "http://127.0.0.1:" + mirror.managementPort() + "/observe/metrics"));
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        assertEquals(200, mirror.get(layer).status());
        assertEquals(200, mirror.head(layer).status());
        assertEquals(200, mirror.get("/v2/library/app/tags/list").status());
    }

    @ParameterizedTest
    @ValueSource(strings = {"auto", "redirect", "proxy"})
    void theLengthOfABlobIsNotAskedThereInAnyMode(String mode) {
        start(hot.url(), "HOT_BLOBS", mode);
        hot.fault(Fault.redirect(307, "http://127.0.0.1:" + mirror.managementPort() + "/observe/metrics").on(Kind.BLOB));
        assertEquals(503, mirror.head(layer).status());
        // Nor where the storage leads on.
        storage.fault(Fault.redirect(307, "http://127.0.0.1:" + mirror.managementPort() + "/observe/metrics"));
        hot.heal();
        hot.redirectBlobsTo(storage);
        assertEquals(503, mirror.head(layer).status());
    }

    @Test
    void noTokenServiceIsThere() {
        try (LogLines log = LogLines.of("io.mirrorregistry.pull")) {
            start(hot.url());
            hot.requireBearer(tokens).challenges("Bearer realm=\"http://localhost:" + mirror.managementPort() + "/observe/health\",service=\"x\"");
            assertEquals(503, mirror.get(image.path()).status());
            assertTrue(log.lines().toString().contains("refused to call localhost:" + mirror.managementPort() + ", which leads to a port of this mirror"),
                    log.lines().toString());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"})
    void aRegistryOnLoopbackLeadsToNoLinkLocalAddress(String host) {
        start(hot.url(), "HOT_BLOBS", "proxy");
        hot.fault(Fault.redirect(307, "http://" + host + "/latest/meta-data?Signature=secret"));
        try (LogLines log = LogLines.of("io.mirrorregistry.pull")) {
            assertEquals(503, mirror.get(image.path()).status());
            assertEquals(503, mirror.get(layer).status());
            for (String line : log.lines()) {
                assertTrue(!line.startsWith("Registry hot ") || line.contains("refused to call " + host + ":80, which leads to a link-local address"), line);
            }
        }
    }

    /** A proxy looks names up, so that the text of a host decides. */
    @ParameterizedTest
    @ValueSource(strings = {"localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.1", "0x7f.1", "2130706433", "0.0.0.0", "[::1]", "[::ffff:7f00:1]",
        "169.254.169.254", "[fe80::1]", "1.2.3.0xff"})
    void byWayOfAProxyTheTextIsChecked(String host) {
        start("http://registry.invalid:5000", "HOT_PROXY", "http://" + proxy.host(), "HOT_BLOBS", "proxy");
        hot.fault(Fault.redirect(307, "http://" + host + ":6379/").where(call -> call.path().startsWith("/v2/library/app/")));
        try (LogLines log = LogLines.of("io.mirrorregistry.pull")) {
            assertEquals(503, mirror.get(image.path()).status());
            assertEquals(503, mirror.get(layer).status());
            assertEquals(503, mirror.head(layer).status());
            assertTrue(log.lines().stream().filter(line -> line.startsWith("Registry hot ")).allMatch(line -> line.contains("refused to call " + host + ":6379")
                            || line.contains("redirects to nowhere")),
                    log.lines().toString());
        }
        hot.heal();
        hot.requireBearer(tokens).challenges("Bearer realm=\"http://" + host + ":6379/token\"");
        assertEquals(503, mirror.get(image.path()).status());
        assertTrue(proxy.calls().stream().allMatch(call -> call.path().startsWith("http://registry.invalid:5000/")), proxy.calls().toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"storage.invalid", "192.0.2.1", "[2001:db8::1]", "registry.invalid", "s3.eu-1.invalid"})
    void byWayOfAProxyOtherHostsAreCalled(String host) {
        start("http://registry.invalid:5000", "HOT_PROXY", "http://" + proxy.host());
        hot.fault(Fault.redirect(307, "http://" + host + ":80" + image.path()).on(Kind.MANIFEST).times(1));
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
    }
}
