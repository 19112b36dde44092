package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.TestRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.Logger;

/** The name of an upload, which is all that somebody needs to go on with it, is in no line of the log, whatever becomes of its requests. */
class UploadSecretTest {

    private static final String SECRET = "c2VjcmV0IG9mIGFuIHVwbG9hZA";
    private static final List<String> PATHS = List.of("/v2/app/blobs/uploads/" + SECRET,
            "/v2/library/app/blobs/uploads/" + SECRET + "?digest=sha256:" + "0".repeat(64),
            "/v2/UPPER/blobs/uploads/" + SECRET, "/v2/app/blobs/uploads/" + SECRET + "/", "/v2/app/blobs/uploads/" + SECRET + "/more",
            "/v2//blobs/uploads/" + SECRET, "/v2/app/blobs/uploads/" + SECRET + "?%zz", "http://elsewhere/v2/app/blobs/uploads/" + SECRET,
            "/blobs/uploads/" + SECRET);
    private static final List<String> METHODS = List.of("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS");

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");

    @TempDir
    private Path folder;

    @AfterEach
    void stop() {
        hot.close();
        cold.close();
    }

    private TestMirror start(boolean pushing) throws IOException {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_LOGGING_LEVEL", "debug"));
        if (pushing) {
            Path access = Files.writeString(folder.resolve("access.yaml"), "rules: [{who: anyone, repositories: \"**\", may: [pull, push]}]\n");
            settings.addAll(List.of("MIRROR_PUSH_REGISTRY", "cold", "MIRROR_ACCESS_FILE", access.toString(), "MIRROR_SECRET", "a secret of the tests"));
        }
        return TestMirror.start(settings.toArray(String[]::new));
    }

    private static void await(BooleanSupplier condition, String what) throws InterruptedException {
        for (int i = 0; i < 500 && !condition.getAsBoolean(); i++) {
            Thread.sleep(20);
        }
        assertTrue(condition.getAsBoolean(), what);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void noLineHasIt(boolean pushing) throws Exception {
        try (TestMirror mirror = start(pushing); LogLines all = LogLines.of(Logger.ROOT_LOGGER_NAME)) {
            for (String method : METHODS) {
                for (String path : PATHS) {
                    try (Wire wire = new Wire(mirror.port())) {
                        Wire.Answer answer = wire.send(method + " " + path + " HTTP/1.1\r\nHost: mirror\r\nContent-Length: 5\r\n\r\nhello")
                                .answer(method.equals("HEAD"));
                        assertTrue(answer.status() >= 200, method + " " + path + ": " + answer);
                    }
                }
            }
            // The last one leaves before it has sent its body.
            new Wire(mirror.port()).send("PATCH " + PATHS.get(0) + " HTTP/1.1\r\nHost: mirror\r\nContent-Length: 500000\r\n\r\n").close();
            long expected = METHODS.size() * PATHS.size() + 1;
            await(() -> all.whole().stream().filter(line -> line.contains("user_agent")).count() >= expected, "lines are missing");
            all.whole().forEach(line -> assertTrue(!line.contains(SECRET), line));
            assertTrue(all.lines().stream().anyMatch(line -> line.startsWith("PATCH /v2/app/blobs/uploads/… 4")), () -> String.join("\n", all.lines()));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theLineTellsHowMuchOfABodyHasArrived(boolean pushing) throws Exception {
        try (TestMirror mirror = start(pushing); LogLines access = LogLines.of("access"); Wire wire = new Wire(mirror.port())) {
            wire.send("POST /v2/app/blobs/uploads/ HTTP/1.1\r\nHost: mirror\r\nContent-Length: 0\r\n\r\n").answer();
            wire.send("GET /v2/app/manifests/1 HTTP/1.1\r\nHost: mirror\r\n\r\n").answer();
            wire.send("PUT /v2/app/manifests/1 HTTP/1.1\r\nHost: mirror\r\nContent-Length: 5\r\n\r\nhello").answer();
            await(() -> access.lines().size() == 3, "lines are missing");
            assertEquals(1, access.whole().stream().filter(line -> line.contains("received=")).count(), access.whole().toString());
            assertTrue(access.whole().get(2).contains("received="), access.whole().toString());
        }
    }
}
