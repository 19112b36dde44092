package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings.BreakerSettings;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.work.Bulkhead;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hc.core5.http.message.BasicClassicHttpResponse;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How long copying pauses at a registry. */
class RegistryPausesTest {

    private static final RegistrySettings SETTINGS = new RegistrySettings("cold", URI.create("http://127.0.0.1:1"), Account.NONE, Map.of(), BlobsMode.AUTO, null,
            Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ZERO, List.of(), List.of(), null, List.of(), "", false, null);

    private final RegistryPauses pauses = new RegistryPauses(List.of());

    @ParameterizedTest
    @CsvSource({"1, 2", "2, 4", "3, 8", "5, 32", "11, 2048", "12, 3600", "8000, 3600"})
    void backsOffTwiceAsLongEachTime(int count, int seconds) {
        assertEquals(Duration.ofSeconds(seconds), RegistryPauses.backoff(count, Duration.ofHours(1)));
    }

    private static void assertAbout(int seconds, Duration pause) {
        assertTrue(pause.toMillis() > seconds * 1000L - 500 && pause.toMillis() <= seconds * 1000L, pause::toString);
    }

    @Test
    void pausesForAsLongAsTheRegistrySays() {
        assertAbout(300, pauses.throttled("hot", "300", "429"));
        assertAbout(2, pauses.throttled("cold", null, "429"));
        assertAbout(2, pauses.throttled("far", "0", "429"));
        assertEquals(Set.of("hot", "cold", "far"), pauses.paused());
        assertEquals(List.of("cold", "far", "hot"), pauses.overview().stream().map(Overview.Pause::registry).toList());
    }

    @Test
    void pausesAtMostAnHour() {
        assertAbout(3600, pauses.throttled("hot", "100000000", "429"));
    }

    @Test
    void shortensNoPause() {
        pauses.throttled("hot", "300", "429");

        assertAbout(300, pauses.throttled("hot", "10", "429"));
        assertAbout(300, pauses.away("hot", "away"));
        assertEquals("429", pauses.overview().get(0).why());
    }

    @Test
    void aSuccessThatCameTooLateEndsNoPause() {
        pauses.throttled("hot", "300", "429");

        pauses.served("hot");

        assertEquals(Set.of("hot"), pauses.paused());
    }

    /** The background probe of the registry closes the circuit breaker, so that the end of the pause is not known. */
    @Test
    void pausesWithoutAnEndWhileACircuitBreakerIsOpen() {
        Registry cold = new Registry(SETTINGS, new BreakerSettings(50, 20, 4, Duration.ofSeconds(1), 3), null, Runnable::run, new MirrorIdentity(),
                new Bulkhead(1, Duration.ZERO));
        RegistryPauses breakers = new RegistryPauses(List.of(cold));
        assertEquals(List.of(), breakers.overview());
        breakers.throttled("cold", "300", "429");

        cold.breaker().transitionToOpenState();

        assertEquals(List.of(new Overview.Pause("cold", null, "Registry cold fails: its circuit breaker is open")), breakers.overview());
        assertEquals(Set.of("cold"), breakers.paused());
    }

    private Duration pauseAfterResponse(String limit, String remaining, String reset) {
        BasicClassicHttpResponse response = new BasicClassicHttpResponse(200);
        response.setHeader("RateLimit-Limit", limit);
        response.setHeader("RateLimit-Remaining", remaining);
        if (reset != null) {
            response.setHeader("RateLimit-Reset", reset);
        }
        pauses.readLimit("hot", response);
        return pauses.overview().isEmpty() ? Duration.ZERO : Duration.between(Instant.now(), pauses.overview().get(0).until());
    }

    @ParameterizedTest
    @CsvSource({"100;w=21600, 29;w=21600, , 2160", "100, 29, , 360", "100;w=600, 29, , 60", "100, 29;w=60, , 6", "10, 0, 5, 5", "10, 0, 99999, 3600", "100;W=5, 0, , 360",
        "100; w=100, 0, , 10"})
    void pausesIfFewRequestsAreLeft(String limit, String remaining, String reset, int seconds) {
        assertAbout(seconds, pauseAfterResponse(limit, remaining, reset));
    }

    @ParameterizedTest
    @CsvSource({"100, 30", "0, 0", "-1, 0", "'', ''", "100, -1", "100, 1.5", "9999999999999999999, 1"})
    void doesNotPauseOtherwise(String limit, String remaining) {
        assertEquals(Duration.ZERO, pauseAfterResponse(limit, remaining, "60"));
    }
}
