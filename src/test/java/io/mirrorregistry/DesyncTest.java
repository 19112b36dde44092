package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A registry that sends more than it says: what is left on the connection is nobody's answer. */
class DesyncTest {

    private static final String EVIL = "{\"schemaVersion\":2,\"evil\":true}";

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url());

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"x", "more and more", "line\r\n", "\r\n", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: 31\r\n\r\n" + EVIL})
    void isNotTakenForTheNextAnswer(String leftover) {
        // What is read of a small answer includes what is left; what is left of a large one is still to be read.
        for (Image first : List.of(hot.image("library/first", "1.0"), hot.put(Image.ofManifestSize("library/first", "2.0", 100_000)))) {
            isNotTakenForTheNextAnswer(first, leftover);
        }
    }

    private void isNotTakenForTheNextAnswer(Image first, String leftover) {
        Image second = hot.image("library/second", "1.0");
        for (String method : new String[] {"GET", "HEAD"}) {
            for (int i = 0; i < 5; i++) {
                hot.fault(Fault.leftover(leftover).on(Kind.MANIFEST).where(call -> "library/first".equals(call.name())).times(1));
                assertEquals(200, mirror.send(method, first.path()).status());
                Reply next = mirror.get(second.path());
                assertEquals(200, next.status(), next.text());
                assertArrayEquals(second.manifest(), next.body(), next.text());
            }
        }
        assertEquals(0, cold.calls("GET", Kind.MANIFEST).size());
    }
}
