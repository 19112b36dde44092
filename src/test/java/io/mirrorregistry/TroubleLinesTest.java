package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import java.io.UncheckedIOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What fails with each request is a few lines in the log. */
class TroubleLinesTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final Image image = cold.image("library/app", "1.0");
    private final LogLines log = LogLines.of("io.mirrorregistry");
    private TestMirror mirror;

    @AfterEach
    void stop() {
        mirror.close();
        log.close();
        hot.close();
        cold.close();
    }

    private void start(String... settings) {
        String[] all = new String[settings.length + 6];
        System.arraycopy(new String[] {"HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_LOGGING_LEVEL", "info"}, 0, all, 0, 6);
        System.arraycopy(settings, 0, all, 6, settings.length);
        mirror = TestMirror.start(all);
    }

    private List<String> lines() {
        return log.lines().stream().filter(line -> line.startsWith("Registry ")).toList();
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 429, 500, 503})
    void aRegistryThatFailsEachCallIsOneWarningAndOneLineWhenItServesAgain(int status) {
        start();
        hot.image("library/app", "1.0");
        hot.fault(Fault.status(status).on(Kind.MANIFEST));
        for (int i = 0; i < 30; i++) {
            assertEquals(200, mirror.get(image.path(), "X-Request-ID", "pull-" + i).status());
        }
        List<String> warnings = lines().stream().filter(line -> line.contains("is in trouble")).toList();
        assertEquals(List.of("Registry hot is in trouble: GET " + image.path() + " answered " + status + "; asking cold"), warnings);
        assertTrue(log.linesOf("pull-0").containsAll(warnings), "the line has the id of the request");
        hot.heal();
        assertEquals(200, mirror.get(image.path()).status());
        assertEquals(200, mirror.get(image.path()).status());
        assertTrue(lines().get(lines().size() - 1).matches("Registry hot responds again: 30 calls failed in .*"), lines().toString());
        assertEquals(1, lines().stream().filter(line -> line.contains("responds again")).count(), lines().toString());
    }

    /** A 404 is a response as well. */
    @Test
    void aRegistryThatHasNotGotItRespondsAgain() {
        start();
        hot.fault(Fault.close().on(Kind.MANIFEST));
        assertEquals(200, mirror.get(image.path()).status());
        hot.heal();
        assertEquals(200, mirror.get(image.path()).status());
        assertEquals(2, lines().size(), lines().toString());
        assertTrue(lines().get(1).matches("Registry hot responds again: 1 call failed in .*"), lines().toString());
    }

    @Test
    void aRegistryThatFailsEachSecondCallIsTwoLines() {
        start();
        for (int i = 0; i < 40; i++) {
            hot.heal();
            if (i % 2 == 0) {
                hot.fault(Fault.status(500).on(Kind.MANIFEST));
            }
            assertEquals(200, mirror.get(image.path()).status());
        }
        assertEquals(2, lines().size(), lines().toString());
    }

    /** Its head is a success, and its bytes are another's. */
    @Test
    void aRegistryThatSendsOtherBytesDoesNotRespondAgainInBetween() {
        start();
        hot.put(image);
        hot.fault(Fault.otherBytes().on(Kind.MANIFEST));
        for (int i = 0; i < 20; i++) {
            assertEquals(200, mirror.get(image.pathByDigest()).status());
        }
        assertEquals(1, lines().size(), lines().toString());
    }

    @Test
    void aListIsAUsefulResponseAsWell() {
        start();
        hot.image("library/app", "2.0");
        hot.fault(Fault.status(500).on(Kind.TAGS));
        mirror.get("/v2/library/app/tags/list");
        mirror.get("/v2/library/app/tags/list");
        hot.heal();
        assertEquals(200, mirror.get("/v2/library/app/tags/list").status());
        assertTrue(lines().size() == 2 && lines().get(1).startsWith("Registry hot responds again: 2 calls failed"), lines().toString());
    }

    @Test
    void whereNoRegistryIsLeftTheLineSaysSo() {
        start();
        hot.fault(Fault.status(500).on(Kind.MANIFEST));
        cold.fault(Fault.status(502).on(Kind.MANIFEST));
        assertEquals(503, mirror.get(image.path()).status());
        assertEquals(List.of("Registry hot is in trouble: GET " + image.path() + " answered 500; asking cold",
                "Registry cold is in trouble: GET " + image.path() + " answered 502; no other registry is left"), lines());
    }

    @Test
    void streamsThatARegistryCutsAreOneWarning() {
        start("HOT_BLOBS", "proxy", "HOT_RESPONSE_TIMEOUT", "20s");
        byte[] large = new byte[3_000_000];
        String blob = "/v2/library/app/blobs/" + hot.blob("library/app", large);
        hot.fault(Fault.cut(1_000_000).on(Kind.BLOB).method("GET"));
        for (int i = 0; i < 5; i++) {
            try {
                mirror.get(blob);
            } catch (UncheckedIOException e) {
                // Cut, as it has to be.
            }
        }
        assertEquals(List.of("Registry hot is in trouble: GET " + blob + " broke off after 1000000 of 3000000 bytes; asking cold",
                "Registry hot sends the rest of GET " + blob + " after 1000000 bytes, since hot broke off",
                "Registry hot broke off after 2000000 of 3000000 bytes: GET " + blob + "; the client's response is cut",
                "Registry hot responds again: 2 calls failed"), lines().stream().map(line -> line.replaceFirst("(responds again: .*) in .*", "$1")).toList());
    }
}
