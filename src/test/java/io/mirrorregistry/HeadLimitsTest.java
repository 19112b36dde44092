package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A head, or trailers, of more than 64 lines or 64 kB are the trouble of the server that sends them. */
class HeadLimitsTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestStorage storage = TestStorage.start();
    private final TokenService tokens = TokenService.start();
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_BLOBS", "proxy", "COLD_BLOBS", "proxy",
            "HOT_RESPONSE_TIMEOUT", "10s", "HOT_CONNECT_TIMEOUT", "10s");
    private Image image;

    @BeforeEach
    void copies() {
        image = hot.image("library/app", "1.0");
    }

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
        storage.close();
        tokens.close();
    }

    /** Adds header lines: so many long ones, and short ones until there are so many in all. */
    private static Fault lines(int all, int longOnes, int length) {
        return Fault.instead((call, answer) -> {
            Answer more = answer;
            for (int i = 0; i < longOnes || more.headers().size() < all; i++) {
                more = more.and("X-" + i, "x".repeat(i < longOnes ? length : 10));
            }
            return more;
        });
    }

    private void assertServed(boolean served, String path) {
        assertEquals(served ? 200 : 503, mirror.get(path).status(), path);
    }

    @ParameterizedTest
    @CsvSource({"64, 0, 0, true", "65, 0, 0, false", "0, 190, 16000, false", "0, 4, 16000, true", "64, 4, 16000, true", "0, 5, 16000, false",
        "10000, 0, 0, false", "0, 1, 17000, false"})
    void aRegistrysHeadHasAtMostSixtyFourLinesAndKilobytes(int all, int longOnes, int length, boolean served) {
        // A connection that was used before, too.
        assertServed(true, image.path());
        hot.fault(lines(all, longOnes, length));
        for (String path : List.of(image.path(), image.path(image.layers().get(0)), "/v2/library/app/tags/list")) {
            assertServed(served, path);
        }
        assertEquals(served ? 200 : 503, mirror.head(image.path()).status());
        assertEquals(served ? 200 : 503, mirror.head(image.path(image.layers().get(0))).status());
        cold.put(image);
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        assertServed(true, image.path(image.layers().get(0)));
    }

    @ParameterizedTest
    @CsvSource({"64, 0, 0, true", "65, 0, 0, false", "0, 5, 16000, false"})
    void soHasThatOfAStorageAndOfATokenService(int all, int longOnes, int length, boolean served) {
        hot.redirectBlobsTo(storage);
        storage.fault(lines(all, longOnes, length));
        assertServed(served, image.path(image.layers().get(0)));
        hot.requireBearer(tokens);
        tokens.fault(lines(all, longOnes, length));
        assertServed(served, image.path());
    }

    @ParameterizedTest
    @CsvSource({"3, 100, true", "500, 10, true", "5, 15000, false", "100000, 10, false"})
    void interimAnswersCountToo(int count, int length, boolean served) {
        String interim = "HTTP/1.1 103 Early Hints\r\nLink: " + "x".repeat(length) + "\r\n\r\n";
        hot.fault(Fault.raw(interim.repeat(count) + "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: "
                + image.manifest().length + "\r\n\r\n" + manifest()).on(Kind.MANIFEST));
        assertServed(served, image.path());
    }

    private String manifest() {
        return new String(image.manifest(), StandardCharsets.ISO_8859_1);
    }

    @ParameterizedTest
    @CsvSource({"0, 0, true", "64, 10, true", "65, 10, false", "4, 16000, true", "5, 16000, false", "63, 16000, false"})
    void soHaveTrailers(int lines, int length, boolean served) {
        StringBuilder trailers = new StringBuilder();
        for (int i = 0; i < lines; i++) {
            trailers.append("X-").append(i).append(": ").append("x".repeat(length)).append("\r\n");
        }
        String body = Integer.toHexString(image.manifest().length) + ";a=b\r\n" + manifest() + "\r\n0\r\n" + trailers + "\r\n";
        hot.fault(Fault.raw("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nTransfer-Encoding: chunked\r\n\r\n"
                + body).on(Kind.MANIFEST));
        assertServed(served, image.path());
    }

    @Test
    void aBodyOfManyChunksHasNoSuchLimit() {
        StringBuilder body = new StringBuilder();
        for (char c : manifest().toCharArray()) {
            body.append("1;").append("x".repeat(1000)).append("\r\n").append(c).append("\r\n");
        }
        assertTrue(body.length() > 128 * 1024, body.length() + " bytes");
        hot.fault(Fault.raw("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nTransfer-Encoding: chunked\r\n\r\n"
                + body + "0\r\n\r\n").on(Kind.MANIFEST));
        assertServed(true, image.path());
    }

    /** A challenge in a header line of letters took a thousand times its bytes. */
    @Test
    void challengesWithoutEndAreReadInPart() {
        hot.fault(Fault.instead((call, answer) -> {
            Answer more = Answer.of(401).with(Body.of("{}"));
            for (int i = 0; i < 4; i++) {
                more = more.and("WWW-Authenticate", "a ".repeat(7000));
            }
            return more;
        }).on(Kind.MANIFEST));
        // To whom it gives no challenge that anybody understands it will not give the image.
        assertEquals(404, mirror.get(image.path()).status());
        cold.put(image);
        assertServed(true, image.path());
    }
}
