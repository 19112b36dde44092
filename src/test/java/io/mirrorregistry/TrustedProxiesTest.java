package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestRegistry;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** Whose address the access line tells, when proxies stand before the mirror. */
class TrustedProxiesTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final BlockingQueue<String> remotes = new LinkedBlockingQueue<>();
    private final Logger access = (Logger) LoggerFactory.getLogger("access");
    private final AppenderBase<ILoggingEvent> appender = new AppenderBase<>() {
        @Override
        protected void append(ILoggingEvent event) {
            event.getKeyValuePairs().stream().filter(pair -> pair.key.equals("remote")).forEach(pair -> remotes.add(String.valueOf(pair.value)));
        }
    };

    @BeforeEach
    void listen() {
        appender.setContext(access.getLoggerContext());
        appender.start();
        access.addAppender(appender);
    }

    @AfterEach
    void stop() {
        access.detachAppender(appender);
        hot.close();
    }

    private TestMirror mirror(String trusted) {
        return TestMirror.start("HOT_URL", hot.url(), "MIRROR_LOGGING_LEVEL", "info", "MIRROR_SERVER_TRUSTED_PROXIES", trusted);
    }

    /** Returns the address in the access line of a request with these lines of X-Forwarded-For. */
    private String remote(TestMirror mirror, String... lines) throws Exception {
        StringBuilder request = new StringBuilder("GET /v2/ HTTP/1.1\r\nHost: x\r\n");
        for (String line : lines) {
            request.append("x-forwarded-for: ").append(line).append("\r\n");
        }
        try (Wire wire = new Wire(mirror.port())) {
            assertEquals(200, wire.send(request + "\r\n").answer().status());
        }
        return remotes.poll(10, TimeUnit.SECONDS);
    }

    @Test
    void believesTrustedProxiesAsFarAsTheyGo() throws Exception {
        try (TestMirror mirror = mirror("127.0.0.0/8, 10.0.0.0/8")) {
            assertEquals("127.0.0.1", remote(mirror));
            assertEquals("203.0.113.9", remote(mirror, "203.0.113.9"));
            assertEquals("203.0.113.9", remote(mirror, "203.0.113.9, 10.1.1.1 ,10.2.2.2"));
            assertEquals("203.0.113.9", remote(mirror, "203.0.113.9", "10.1.1.1"));
            // What the client itself has put before it.
            assertEquals("203.0.113.9", remote(mirror, "192.0.2.1, 203.0.113.9"));
            assertEquals("203.0.113.9", remote(mirror, "192.0.2.1", "203.0.113.9, 10.1.1.1"));
            assertEquals("203.0.113.9", remote(mirror, "203.0.113.9:4711"));
            assertEquals("2001:db8:0:0:0:0:0:9", remote(mirror, "2001:db8::9"));
            assertEquals("2001:db8:0:0:0:0:0:9", remote(mirror, "[2001:db8::9]:4711"));
            assertEquals("203.0.113.9", remote(mirror, "::ffff:203.0.113.9"));
            // Everybody on the way is a proxy of ours: the first of them has asked.
            assertEquals("10.1.1.1", remote(mirror, "10.1.1.1, 10.2.2.2"));
        }
    }

    @Test
    void stopsAtWhatIsNoAddress() throws Exception {
        try (TestMirror mirror = mirror("127.0.0.1, 10.0.0.0/8")) {
            for (String odd : new String[] {"", ",", "unknown", "_hidden", "example.com", "1.2.3", "999.1.1.1", "1.2.3.4:x", "[2001:db8::9", "[::1]x",
                "203.0.113.9;x", "\"203.0.113.9\"", "<script>", "203.0.113.9 10.1.1.1", "1".repeat(5000)}) {
                assertEquals("127.0.0.1", remote(mirror, odd), odd);
                assertEquals("10.1.1.1", remote(mirror, "203.0.113.9, " + odd + ", 10.1.1.1"), odd);
            }
        }
    }

    @Test
    void believesNobodyElse() throws Exception {
        for (String trusted : new String[] {"", "10.0.0.0/8, 127.0.0.2"}) {
            try (TestMirror mirror = mirror(trusted)) {
                assertEquals("127.0.0.1", remote(mirror, "203.0.113.9"));
                assertEquals("127.0.0.1", remote(mirror, "203.0.113.9, 10.1.1.1"));
            }
        }
    }

    /** Whoever asks: the mirror's own addresses are paths, and registries' come from the settings, so no header can bend them. */
    @Test
    void hostAndProtoOfAProxyBendNoAddress() throws Exception {
        Image image = hot.image("library/app", "1.0");
        hot.image("library/app", "2.0");
        for (String trusted : new String[] {"", "127.0.0.1"}) {
            try (TestMirror mirror = mirror(trusted); Wire wire = new Wire(mirror.port())) {
                for (String path : new String[] {"/v2/library/app/tags/list?n=1", image.path(image.config()), image.path(), "/v2/", "/v2"}) {
                    Wire.Answer answer = wire.send("GET " + path + " HTTP/1.1\r\nHost: elsewhere.example.com\r\nX-Forwarded-Host: elsewhere.example.com\r\n"
                            + "X-Forwarded-Proto: https\r\nX-Forwarded-Port: 8443\r\nX-Forwarded-Prefix: /elsewhere\r\n"
                            + "Forwarded: host=elsewhere.example.com;proto=https\r\n\r\n").answer();
                    assertTrue(answer.status() == 200 || answer.status() == 307, answer.toString());
                    assertFalse(answer.toString().contains("elsewhere"), answer.toString());
                }
                String[] headers = {"X-Forwarded-Host", "elsewhere.example.com", "X-Forwarded-Proto", "https"};
                assertEquals("</v2/library/app/tags/list?n=1&last=1.0>; rel=\"next\"", mirror.get("/v2/library/app/tags/list?n=1", headers).header("Link"));
                assertEquals(hot.url() + image.path(image.config()), mirror.get(image.path(image.config()), headers).header("Location"));
            }
        }
    }
}
