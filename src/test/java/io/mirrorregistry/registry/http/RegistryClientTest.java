package io.mirrorregistry.registry.http;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.BlobsMode;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.RegistryTroubleException;
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
        return new RegistrySettings("hot", url, Account.NONE, Map.of("User-Agent", "test"), BlobsMode.AUTO, url, timeout, timeout, List.of(), List.of(),
                null, List.of(), "", false, null);
    }

    @Test
    void aDeadlineThatEndsAtAnyMomentIsTrouble() throws IOException {
        Call call = Call.get(new ApiPath(ApiPath.Kind.API_VERSION, null, null), null);
        int troubles = 0;
        try (TestRegistry registry = TestRegistry.start()) {
            RegistryClient hot = new RegistryClient(settings(registry, Duration.ofMillis(1)), 10, new Metrics(new SimpleMeterRegistry()), new MirrorIdentity());
            for (int i = 0; i < 1000; i++) {
                registry.dropConnections();
                try (ClassicHttpResponse response = hot.ask(call)) {
                    assertTrue(response.getCode() == 200);
                } catch (RegistryTroubleException e) {
                    troubles++;
                }
            }
            hot.shutDown();
        }
        assertTrue(troubles > 0, "the deadline never ended");
    }
}
