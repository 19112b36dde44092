package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.Manner;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A call that its deadline has ended is told as a timeout, wherever that was, and not as the closed socket by which it was ended. */
class TimeoutWordsTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TokenService tokens = TokenService.start();
    private final TestStorage storage = TestStorage.start();
    private final Image image = hot.image("library/app", "1.0");
    private TestMirror mirror;

    @AfterEach
    void stop() {
        List.of(hot, cold, tokens, storage).forEach(TestServer::close);
        mirror.close();
    }

    @ParameterizedTest
    @CsvSource({"silence,MANIFEST", "dribbling-head,MANIFEST", "dribbling-head,BLOB", "dribbling-head,TAGS", "dribbling-body,MANIFEST", "dribbling-body,TAGS",
        "chunked-body,MANIFEST", "token,MANIFEST", "token-body,MANIFEST", "token-body,BLOB", "redirects,MANIFEST", "storage,BLOB", "storage-head,BLOB",
        "tunnel,MANIFEST", "tunnel-head,MANIFEST"})
    void tellsTheTime(String how, Kind kind) {
        Fault drip = Fault.drip(Duration.ofMillis(50));
        Fault dripHead = Fault.dripFromTheStart(Duration.ofMillis(50));
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_CONNECT_TIMEOUT", "250ms", "HOT_RESPONSE_TIMEOUT", "350ms",
                "MIRROR_LOGGING_LEVEL", "debug"));
        switch (how) {
            case "silence" -> hot.fault(Fault.silence());
            case "dribbling-head" -> hot.fault(dripHead.on(kind));
            case "dribbling-body" -> hot.fault(drip.on(kind));
            case "chunked-body" -> hot.fault(Fault.spoil(answer -> answer.without("Content-Length")), drip.on(kind));
            case "token" -> {
                hot.requireBearer(tokens);
                tokens.fault(dripHead);
            }
            case "token-body" -> {
                hot.requireBearer(tokens);
                tokens.fault(drip);
            }
            case "redirects" -> hot.fault(Fault.redirectLoop(), Fault.delay(Duration.ofMillis(250)));
            case "storage" -> {
                hot.redirectBlobsTo(storage);
                storage.fault(Fault.silence());
                settings.addAll(List.of("HOT_BLOBS", "proxy"));
            }
            case "storage-head" -> {
                hot.redirectBlobsTo(storage);
                storage.fault(dripHead);
                settings.addAll(List.of("HOT_BLOBS", "proxy"));
            }
            default -> {
                // below
            }
        }
        try (LogLines log = LogLines.of("io.mirrorregistry.pull.FailuresStep"); TestServer between = proxy(how)) {
            if (between != null) {
                settings.addAll(List.of("HOT_URL", "https://hot.example.com", "HOT_PROXY", between.url()));
            }
            mirror = TestMirror.start(settings.toArray(String[]::new));
            mirror.get(switch (kind) {
                case BLOB -> image.path(image.layers().get(0));
                case TAGS -> "/v2/library/app/tags/list";
                default -> image.path();
            });
            List<String> told = log.lines().stream().filter(line -> line.startsWith("Registry hot is in trouble: ")).toList();
            assertTrue(told.stream().anyMatch(line -> line.matches(".* timed out after [0-9.]+ s( \\(by way of the proxy [^;]*)?; (asking cold|no other registry is left)")), log.lines().toString());
            assertTrue(told.stream().noneMatch(line -> line.contains("ocket") || line.contains("failed:")), told.toString());
        }
    }

    /** Returns a proxy that takes a call for a tunnel and does not open it; null for none. */
    private static TestServer proxy(String how) {
        if (!how.startsWith("tunnel")) {
            return null;
        }
        TestServer proxy = TestRegistry.start("proxy");
        proxy.fault(how.equals("tunnel") ? Fault.silence() : Fault.instead((call, answer) -> answer.with(Manner.drip(Duration.ofMillis(50), true))));
        return proxy;
    }
}
