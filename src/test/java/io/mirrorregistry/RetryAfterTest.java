package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TokenService;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A registry's Retry-After, wherever it enters, is handed on only if a client can use it. */
class RetryAfterTest {

    private TestRegistry hot;
    private TestRegistry cold;
    private TokenService tokens;
    private TestMirror mirror;
    private Image image;

    @BeforeEach
    void start() {
        hot = TestRegistry.start("hot");
        cold = TestRegistry.start("cold");
        tokens = TokenService.start();
        image = Image.of("none", "library/app", "1.0", 1);
        mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_BLOBS", "proxy");
    }

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
        tokens.close();
    }

    private static Fault says(int status, String... values) {
        return Fault.instead((call, answer) -> {
            Answer changed = Answer.of(status);
            for (String value : values) {
                changed = changed.and("Retry-After", value);
            }
            return changed;
        });
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "soon | 5", "later today | 5", "'' | 5", "-1 | 5", "+5 | 5", "1.5 | 5", "1e3 | 5", "5s | 5", "0x10 | 5", "5; x=y | 5", "'5, 6' | 5", "99999999999999999999 | 5",
        "2147483648 | 5", "Wed, 21 Oct 2015 07:28:00 GMT | 5", "Wed, 99 Oct 2037 07:28:00 GMT | 5", "2037-10-21T07:28:00Z | 5", "\u0665 | 5",
        "' 7 ' | 7", "0 | 0", "999999999 | 999999999", "Wed, 21 Oct 2037 07:28:00 GMT | Wed, 21 Oct 2037 07:28:00 GMT"})
    void isHandedOnIfItIsANumberOrADateToCome(String sent, String handedOn) {
        for (int status : new int[] {429, 503}) {
            for (TestRegistry registry : List.of(hot, cold)) {
                check(registry, status, sent, handedOn);
            }
            hot.requireBearer(tokens);
            check(tokens, status, sent, handedOn);
            hot.requireNothing();
        }
    }

    private void check(TestServer server, int status, String sent, String handedOn) {
        server.fault(says(status, sent));
        for (String path : List.of(image.path(), image.pathByDigest(), image.path(image.config()), "/v2/library/app/tags/list")) {
            for (String method : List.of("GET", "HEAD")) {
                TestMirror.Reply reply = mirror.send(method, path);
                assertEquals(status, reply.status(), path);
                assertEquals(handedOn, reply.header("Retry-After"), () -> method + " " + path + " with " + status);
            }
        }
        server.heal();
    }

    @Test
    void ofSeveralLinesNoneIsHandedOn() {
        hot.fault(says(429, "7", "8"));
        assertEquals("5", mirror.get(image.path()).header("Retry-After"));
    }

    @Test
    void aPresentImageIsServedWithoutAny() {
        hot.image("library/app", "1.0");
        hot.fault(Fault.header("Retry-After", "7"));
        assertNull(mirror.get("/v2/library/app/manifests/1.0").header("Retry-After"));
    }
}
