package io.mirrorregistry.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.mirrorregistry.protocol.ApiPath;
import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** When the event loop is taken from answers in memory, and when it is given back. */
class FastPathHoldsTest {

    private static final Duration WINDOW = Duration.ofMinutes(10);

    private final Logger logger = (Logger) LoggerFactory.getLogger(EventLoopFastPath.class);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    /** Near the overflow, which the clock of a machine may pass. */
    private long now = Long.MAX_VALUE - Duration.ofMinutes(1).toNanos();
    private final EventLoopFastPath fastPath = new EventLoopFastPath((path, namespace, accept, head) -> "found", () -> now);

    @BeforeEach
    void listen() {
        logger.setLevel(Level.INFO);
        log.start();
        logger.addAppender(log);
        logger.setAdditive(false);
    }

    @AfterEach
    void stopListening() {
        logger.detachAppender(log);
        logger.setLevel(null);
        logger.setAdditive(true);
    }

    @Test
    void aLongPauseTakesTheEventLoopForOneWindow() throws Exception {
        holds(Duration.ofMillis(1001), 1);
        assertFalse(fastPath.isOn());
        assertNull(guess());
        passes(WINDOW.minusNanos(1));
        assertNull(guess());
        assertLines(1);
        passes(Duration.ofNanos(1));
        assertNotNull(guess());
        assertTrue(fastPath.isOn());
        assertLines(2);
    }

    @Test
    void fivePausesInOneWindowCountAndFiveInALifeDoNot() throws Exception {
        for (int i = 0; i < 100; i++) {
            holds(Duration.ofMillis(500), 1);
            passes(WINDOW.dividedBy(4));
        }
        assertNotNull(guess());
        assertLines(0);
        // Three of those are in the window still.
        holds(Duration.ofMillis(101), 2);
        assertFalse(fastPath.isOn());
        assertNull(guess());
    }

    @Test
    void shortAnswersAreNoPauses() throws Exception {
        holds(Duration.ofMillis(100), 1000);
        assertNotNull(guess());
    }

    @Test
    void aStepThatGoesOnWaitingIsNoticedAfterEachWindowAndLoggedOnceAChange() throws Exception {
        for (int i = 1; i <= 10; i++) {
            holds(Duration.ofMillis(1200), 1);
            // Those that were under way.
            holds(Duration.ofMillis(1200), 3);
            assertNull(guess());
            passes(WINDOW);
            assertNotNull(guess());
            assertLines(2 * i);
        }
    }

    @Test
    void pausesOfTheWindowBeforeDoNotCountAgain() throws Exception {
        holds(Duration.ofMillis(200), 5);
        assertNull(guess());
        passes(WINDOW);
        assertNotNull(guess());
        holds(Duration.ofMillis(200), 4);
        assertNotNull(guess());
    }

    private void holds(Duration time, int times) {
        for (int i = 0; i < times; i++) {
            fastPath.took(time.toNanos());
        }
    }

    private void passes(Duration time) {
        now += time.toNanos();
    }

    private void assertLines(int count) {
        assertEquals(count, log.list.size(), () -> List.copyOf(log.list).toString());
    }

    private Object guess() throws Exception {
        HttpServerRequest request = (HttpServerRequest) Proxy.newProxyInstance(getClass().getClassLoader(), new Class<?>[] {HttpServerRequest.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "method" -> HttpMethod.GET;
                    case "headers" -> MultiMap.caseInsensitiveMultiMap();
                    default -> null;
                });
        return fastPath.guess(request, ApiPath.parse("/v2/library/app/manifests/1"));
    }
}
