package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TokenService;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A password file that changes while the mirror runs. */
class AccountChangeTest {

    @TempDir
    Path directory;

    private TestRegistry hot;
    private TestRegistry cold;
    private TokenService tokens;
    private Image image;

    @BeforeEach
    void start() throws IOException {
        hot = TestRegistry.start("hot");
        cold = TestRegistry.start("cold");
        tokens = TokenService.start();
        image = hot.image("library/app", "1.0");
        replace("hunter1");
    }

    @AfterEach
    void stop() {
        hot.close();
        cold.close();
        tokens.close();
    }

    private Path file() {
        return directory.resolve("password");
    }

    private void replace(String text) throws IOException {
        Files.writeString(directory.resolve("new"), text);
        Files.move(directory.resolve("new"), file(), StandardCopyOption.ATOMIC_MOVE);
    }

    private TestMirror mirror() {
        return TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "reader", "HOT_PASSWORD_FILE", file().toString(),
                "HOT_RESPONSE_TIMEOUT", "5s", "MIRROR_LOGGING_LEVEL", "info");
    }

    @ParameterizedTest
    @ValueSource(strings = {"hunter2", "hunter2\n", "hunter2\r\n"})
    void triesANewPasswordAtOnceWhereBasicIsRefused(String text) throws Exception {
        for (int status : new int[] {0, 401, 403, 404}) {
            replace("hunter1");
            hot.requireBasic("reader", "hunter1").challengesAtVersionOnly(status);
            try (TestMirror mirror = mirror()) {
                assertEquals(200, mirror.get(image.path()).status());
                hot.requireBasic("reader", "hunter2");
                replace(text);
                assertEquals(200, mirror.get(image.path()).status(), "silent with " + status);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 400, 403, 404})
    void triesANewPasswordAtOnceWhereATokenHasEnded(int status) throws Exception {
        tokens.requireAccount("reader", "hunter1");
        hot.requireBearer(tokens).refusesTokensWith(status);
        try (TestMirror mirror = mirror()) {
            assertEquals(200, mirror.get(image.path()).status());
            tokens.requireAccount("reader", "hunter2").revokeAll();
            replace("hunter2");
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(200, mirror.head(image.path(image.layers().get(0))).status());
        }
    }

    /** Its last token is still accepted, but is of the old account. */
    @Test
    void dropsTheTokensOfTheOldPassword() throws Exception {
        tokens.requireAccount("reader", "hunter1");
        hot.requireBearer(tokens);
        try (TestMirror mirror = mirror()) {
            assertEquals(200, mirror.get(image.path()).status());
            tokens.requireAccount("reader", "hunter2").forget();
            replace("hunter2");
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
            while (tokens.calls().stream().noneMatch(call -> call.parameter("scope") != null)) {
                assertEquals(200, mirror.get(image.path()).status());
                assertTrue(System.nanoTime() < end, "the old token is still used");
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
            }
            assertEquals(200, mirror.get(image.path()).status());
            assertEquals(1, tokens.calls().stream().filter(call -> call.parameter("scope") != null).count());
        }
    }

    @Test
    void keepsTheOldPasswordWhileTheFileIsEmptyOrMissing() throws Exception {
        hot.requireBasic("reader", "hunter1");
        try (LogLines log = LogLines.of("io.mirrorregistry.config"); TestMirror mirror = mirror()) {
            assertEquals(200, mirror.get(image.path()).status());
            Files.writeString(file(), "");
            // The refusal of what is missing has the mirror look at the file.
            hot.fault(Fault.status(401).path("/v2/library/app/manifests/refused"));
            assertEquals(404, mirror.get("/v2/library/app/manifests/refused").status());
            assertEquals(200, mirror.get(image.path()).status());
            Files.delete(file());
            assertEquals(404, mirror.get("/v2/library/app/manifests/refused").status());
            assertEquals(200, mirror.get(image.path()).status());
            hot.requireBasic("reader", "hunter3");
            replace("hunter3\n");
            assertEquals(200, mirror.get(image.path()).status());
            List<String> lines = log.lines();
            assertTrue(lines.stream().anyMatch(line -> line.contains("keeps its last password") && line.contains("it is empty")), lines.toString());
            assertTrue(lines.stream().anyMatch(line -> line.contains("there is no such file")), lines.toString());
            assertTrue(lines.stream().anyMatch(line -> line.contains("uses the new password")), lines.toString());
            assertFalse(lines.toString().contains("hunter"), lines.toString());
        }
    }
}
