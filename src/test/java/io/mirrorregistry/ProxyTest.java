package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestCertificate;
import io.mirrorregistry.testing.TestProxy;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestTls;
import io.mirrorregistry.testing.TokenService;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Registries that are called by way of a proxy. */
class ProxyTest {

    @TempDir
    private Path directory;
    private final List<AutoCloseable> toClose = new ArrayList<>();

    private <T extends AutoCloseable> T open(T closeable) {
        toClose.add(closeable);
        return closeable;
    }

    private TestMirror mirror(String hotUrl, String proxy, String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hotUrl, "HOT_PROXY", proxy, "HOT_CA_CERTIFICATE",
                TestCertificate.write(directory, "ca.pem", TestTls.certificate().authorityPem()), "MIRROR_LOGGING_LEVEL", "debug"));
        Collections.addAll(settings, more);
        return open(TestMirror.start(settings.toArray(String[]::new)));
    }

    @AfterEach
    void stop() throws Exception {
        Collections.reverse(toClose);
        for (AutoCloseable closeable : toClose) {
            closeable.close();
        }
    }

    @Test
    void callsARegistryThatOnlyTheProxyKnows() {
        TestRegistry hot = open(TestRegistry.start("hot"));
        Image image = hot.image("library/app", "1.0");
        TestProxy proxy = open(TestProxy.start().alwaysTo(hot.port()).requireAccount("me", "se cret@:/+%"));
        TestMirror mirror = mirror("http://registry.invalid:5000", "http://me:se%20cret%40%3A%2F+%25@" + proxy.host(), "HOT_USERNAME", "reader",
                "HOT_PASSWORD", "ours", "HOT_BLOBS", "proxy");
        hot.requireBasic("reader", "ours");
        hot.awaitCalls(1);
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        assertEquals(200, mirror.get(image.path(image.layers().get(0))).status());
        assertEquals(0, proxy.count("CONNECT"));
        assertTrue(proxy.calls().stream().allMatch(call -> call.path().startsWith("http://registry.invalid:5000/v2/")), proxy.calls().toString());
        // The proxy has never had to ask who we are.
        assertTrue(proxy.calls().stream().allMatch(call -> call.header("Proxy-Authorization") != null));
        assertTrue(hot.calls().stream().allMatch(call -> call.header("Proxy-Authorization") == null && call.header("Host").equals("registry.invalid:5000")));
    }

    /** Networks of docker and compose have such names. */
    @ParameterizedTest
    @ValueSource(strings = {"auto", "proxy"})
    void callsAHostWithAnUnderscore(String blobs) {
        TestRegistry hot = open(TestRegistry.start("hot").under("/base_1"));
        Image image = hot.image("library/app", "1.0");
        TestProxy proxy = open(TestProxy.start().alwaysTo(hot.port()));
        TestMirror mirror = mirror("http://my_registry:5000/base_1", "http://" + proxy.host(), "HOT_USERNAME", "reader", "HOT_PASSWORD", "ours", "HOT_BLOBS", blobs);
        hot.requireBasic("reader", "ours");
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        assertArrayEquals(image.manifest(), mirror.get(image.pathByDigest()).body());
        assertEquals(200, mirror.head(image.path()).status());
        assertEquals(200, mirror.get("/v2/library/app/tags/list").status());
        assertEquals(200, mirror.get("/v2/library/app/referrers/" + image.digest()).status());
        assertEquals(200, mirror.get(image.path(image.layers().get(0))).status());
        assertEquals(404, mirror.get("/v2/library/none/manifests/1.0").status());
        // A redirect to the same host, of which the path alone is told, and one that tells all of it.
        for (String location : List.of("/base_1/v2/library/app/manifests/1.0", "http://my_registry:5000/base_1/v2/library/app/manifests/1.0", "1.0")) {
            hot.fault(Fault.redirect(307, location).path("/base_1/v2/library/app/manifests/moved"));
            assertArrayEquals(image.manifest(), mirror.get("/v2/library/app/manifests/moved").body());
            hot.heal();
        }
        assertTrue(hot.calls().stream().allMatch(call -> call.header("Host").equals("my_registry:5000")), hot.calls().toString());
        assertTrue(mirror.management("/observe/health").text().contains("my_registry:5000"), mirror.management("/observe/health").text());
        // To a storage with such a name.
        hot.fault(Fault.redirect(307, "http://my_storage:9000/x_y?sig=a_b").on(Kind.BLOB));
        hot.forget();
        assertEquals(blobs.equals("auto") ? "http://my_storage:9000/x_y?sig=a_b" : null, mirror.get(image.path(image.config())).header("Location"));
        List<Call> toStorage = hot.calls().stream().filter(call -> call.header("Host").equals("my_storage:9000")).toList();
        assertEquals(blobs.equals("proxy"), !toStorage.isEmpty());
        assertTrue(toStorage.stream().allMatch(call -> call.header("Authorization") == null));
    }

    @Test
    void sendsClientsToAPublicUrlWithAnUnderscore() {
        TestRegistry hot = open(TestRegistry.start("hot"));
        Image image = hot.image("library/app", "1.0");
        TestProxy proxy = open(TestProxy.start().alwaysTo(hot.port()));
        TestMirror mirror = mirror("http://my_registry:5000", "http://" + proxy.host(), "HOT_PUBLIC_URL", "https://public_name.example.com/x");
        assertEquals("https://public_name.example.com/x" + image.path(image.config()), mirror.get(image.path(image.config())).header("Location"));
    }

    @Test
    void asksATokenServiceWhoseHostHasAnUnderscore() {
        TestRegistry hot = open(TestRegistry.start("hot"));
        Image image = hot.image("library/app", "1.0");
        TokenService tokens = open(TokenService.start());
        TestProxy proxy = open(TestProxy.start().alwaysTo(hot.port()));
        tokens.calledAs("my_auth");
        hot.requireBearer(tokens);
        proxy.sends("my_auth", tokens.port());
        TestMirror mirror = mirror("http://my_registry:5000", "http://" + proxy.host(), "HOT_USERNAME", "reader", "HOT_PASSWORD", "ours", "HOT_TOKEN_HOSTS", "my_auth");
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        assertTrue(tokens.calls().stream().allMatch(call -> call.header("Authorization") != null && call.header("Host").startsWith("my_auth:")));
        assertTrue(tokens.issued() > 0);
    }

    @Test
    void tunnelsToARegistryWithTlsAndToItsTokenService() {
        TestRegistry hot = open(TestRegistry.startTls("hot"));
        TokenService tokens = open(TokenService.startTls());
        hot.requireBearer(tokens);
        Image image = hot.image("library/app", "1.0");
        TestProxy proxy = open(TestProxy.start().requireAccount("me", "hunter2"));
        try (LogLines lines = LogLines.of("io.mirrorregistry")) {
            TestMirror mirror = mirror(hot.url(), "http://me:hunter2@" + proxy.host(), "HOT_HEADERS_X_KEY", "ours");
            for (int i = 0; i < 3; i++) {
                assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            }
            assertTrue(lines.lines().toString().contains("by way of http://" + proxy.host()), lines.lines().toString());
            assertFalse(lines.lines().toString().contains("hunter2"), lines.lines().toString());
        }
        assertTrue(proxy.calls().stream().anyMatch(call -> call.path().equals(hot.host())));
        assertTrue(proxy.calls().stream().anyMatch(call -> call.path().equals(tokens.host())));
        for (Call call : proxy.calls()) {
            assertEquals("CONNECT", call.method());
            assertNull(call.header("X-Key"));
            assertNull(call.header("Authorization"));
            assertTrue(call.header("Proxy-Authorization") != null, call.toString());
        }
        assertTrue(hot.calls().stream().allMatch(call -> call.header("Proxy-Authorization") == null));
        // Kept tunnels are used again: the probe, three manifests, a token for each of both.
        assertTrue(proxy.calls().size() < hot.calls().size() + tokens.calls().size(), proxy.calls().size() + " tunnels");
    }

    @Test
    void aProxyMaySpeakTlsItself() {
        TestRegistry plain = open(TestRegistry.start("hot"));
        TestRegistry secure = open(TestRegistry.startTls("cold"));
        Image image = plain.image("library/app", "1.0");
        Image other = secure.image("library/other", "1.0");
        TestProxy proxy = open(TestProxy.startTls());
        String authority = TestCertificate.write(directory, "other.pem", TestTls.certificate().authorityPem());
        TestMirror mirror = mirror(plain.url(), "https://" + proxy.host(), "COLD_URL", secure.url(), "COLD_PROXY", "https://" + proxy.host() + "/",
                "COLD_CA_CERTIFICATE", authority);
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        assertArrayEquals(other.manifest(), mirror.get(other.path()).body());
        assertTrue(proxy.count("GET") > 0);
        assertTrue(proxy.count("CONNECT") > 0);
    }

    /** Said by the registry, 401, 403 and 404 would mean that it has not got the image. */
    @ParameterizedTest
    @ValueSource(ints = {301, 401, 403, 404, 502})
    void aRefusedTunnelIsNeverToldAsMissing(int status) {
        TestRegistry hot = open(TestRegistry.startTls("hot"));
        Image image = hot.image("library/app", "1.0");
        TestProxy proxy = open(TestProxy.start().refuse(status));
        TestMirror mirror = mirror(hot.url(), "http://" + proxy.host(), "MIRROR_SERVER_WORKERS", "3");
        // More often than the mirror may have connections: each is given back.
        for (int i = 0; i < 5; i++) {
            assertEquals(503, mirror.get(image.path()).status());
        }
        proxy.refuse(0);
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
    }

    @Test
    void aProxyThatRefusesUsOrIsAwayIsTroubleOfTheRegistry() {
        TestRegistry hot = open(TestRegistry.startTls("hot"));
        TestRegistry cold = open(TestRegistry.start("cold"));
        Image image = hot.image("library/app", "1.0");
        Image copy = cold.image("library/copy", "1.0");
        TestProxy proxy = open(TestProxy.start().requireAccount("me", "hunter2"));
        try (LogLines lines = LogLines.of("io.mirrorregistry")) {
            TestMirror mirror = mirror(hot.url(), "http://me:wrong@" + proxy.host(), "COLD_URL", cold.url());
            assertEquals(503, mirror.get(image.path()).status());
            assertArrayEquals(copy.manifest(), mirror.get(copy.path()).body());
            assertTrue(lines.lines().toString().contains("the proxy refuses to connect us, with 407 (by way of the proxy " + proxy.host() + ")"),
                    lines.lines().toString());
            proxy.close();
            assertEquals(503, mirror.get(image.path()).status());
            assertTrue(lines.lines().toString().contains("connection refused (by way of the proxy " + proxy.host() + ")"), lines.lines().toString());
            assertFalse(lines.lines().toString().contains("wrong"), lines.lines().toString());
        }
    }
}
