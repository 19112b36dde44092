package io.mirrorregistry.registry;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings.BreakerSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.testing.TestRegistry;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.junit.jupiter.api.Test;

class RegistryClientTest {

    private static RegistrySettings settings(TestRegistry registry, Duration timeout) {
        URI url = URI.create(registry.url());
        return new RegistrySettings("hot", url, null, Map.of("User-Agent", "test"), BlobsMode.AUTO, url, timeout, timeout, List.of(), List.of(), null);
    }

    @Test
    void aDeadlineThatEndsAtAnyMomentIsTrouble() throws IOException {
        Call call = Call.get(new ApiPath(ApiPath.Kind.API_VERSION, null, null), null);
        int troubles = 0;
        try (TestRegistry registry = TestRegistry.start()) {
            Registry hot = new Registry(settings(registry, Duration.ofMillis(1)), new BreakerSettings(50, 20, 5, Duration.ofSeconds(1), 3), 10, Runnable::run, new Metrics(new SimpleMeterRegistry()));
            for (int i = 0; i < 1000; i++) {
                registry.dropConnections();
                try (ClassicHttpResponse response = hot.client().ask(call)) {
                    assertTrue(response.getCode() == 200);
                } catch (RegistryTroubleException e) {
                    troubles++;
                }
            }
            hot.close();
        }
        assertTrue(troubles > 0, "the deadline never ended");
    }
}
