package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestCertificate;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TestTls;
import io.mirrorregistry.testing.TokenService;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Registries whose certificates are of an authority that Java does not know. */
class PrivateAuthorityTest {

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.startTls("hot");
    private final Image image = hot.image("library/app", "1.0");

    private String authority(TestCertificate certificate) {
        return TestCertificate.write(directory, "ca.pem", "Ours:\n" + TestCertificate.make().authorityPem() + certificate.authorityPem());
    }

    @AfterEach
    void stop() {
        hot.close();
    }

    @Test
    void isTrustedByTheRegistryItsTokenServiceAndItsStorage() {
        try (TokenService tokens = TokenService.startTls(); TestStorage storage = TestStorage.startTls();
                TestMirror mirror = TestMirror.start("HOT_URL", hot.requireBearer(tokens).redirectBlobsTo(storage).url(), "HOT_BLOBS", "proxy",
                        "HOT_CA_CERTIFICATE", authority(TestTls.certificate()))) {
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            assertEquals(200, mirror.get(image.path(image.layers().get(0))).status());
            assertTrue(tokens.issued() > 0);
        }
    }

    /** harbor#3114: a registry behind a proxy that ends TLS writes http into its challenges. */
    @Test
    void aTokenServiceOnHttpIsAskedAnonymouslyAndTheLogSaysWhy() {
        try (TokenService tokens = TokenService.start(); TokenService secure = TokenService.startTls(); LogLines lines = LogLines.of("io.mirrorregistry.registry.auth");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.requireBearer(tokens).url(), "HOT_CA_CERTIFICATE", authority(TestTls.certificate()),
                        "HOT_USERNAME", "reader", "HOT_PASSWORD", "hunter2", "HOT_TOKEN_HOSTS", "127.0.0.1", "MIRROR_LOGGING_LEVEL", "warn")) {
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            assertTrue(tokens.issued() > 0);
            assertTrue(tokens.calls().stream().allMatch(call -> call.header("Authorization") == null));
            assertEquals(Set.of("Registry hot: the token service 127.0.0.1 is asked anonymously because its address is http while the registry is https; "
                    + "correct the realm in the registry's own settings"), Set.copyOf(lines.lines()));
            // On another domain, and https.
            secure.calledAs("localhost");
            hot.requireBearer(secure);
            assertArrayEquals(image.manifest(), mirror.get("/v2/library/app/manifests/" + image.digest()).body());
            assertTrue(lines.lines().get(lines.lines().size() - 1).contains("localhost is not on the registry's domain"), lines.lines().toString());
        }
    }

    @Test
    void isNotTrustedByAnotherRegistry() {
        try (TestRegistry cold = TestRegistry.start("cold");
                TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "COLD_CA_CERTIFICATE", authority(TestTls.certificate()))) {
            assertEquals(503, mirror.get(image.path()).status());
        }
    }

    @Test
    void anotherAuthorityDoesNotHelp() {
        try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "HOT_CA_CERTIFICATE", authority(TestCertificate.make()))) {
            assertEquals(503, mirror.get(image.path()).status());
        }
    }

    @Test
    void aNameThatTheCertificateHasNotGotIsStillRefused() {
        hot.calledAs("[::ffff:127.0.0.1]");
        try (TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "HOT_CA_CERTIFICATE", authority(TestTls.certificate()))) {
            assertEquals(503, mirror.get(image.path()).status());
            assertTrue(hot.accepted() > 0);
            assertEquals(0, hot.calls().size());
        }
    }
}
