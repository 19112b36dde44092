package io.mirrorregistry.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PushMetricsTest {

    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final Metrics metrics = new Metrics(meters);

    @AfterEach
    void stop() {
        metrics.close();
    }

    private double pushes(String result) {
        return meters.get("mirror.pushes").tags("asked", "upload", "method", "patch", "registry", "cold", "result", result).counter().count();
    }

    @ParameterizedTest
    @CsvSource({"201, false, accepted", "202, false, accepted", "307, false, accepted", "400, false, refused", "404, false, refused", "429, false, refused",
        "500, false, failed", "503, false, failed", "201, true, cut", "499, true, cut"})
    void aPushIsCountedByWhatCameOfIt(int status, boolean cut, String result) {
        metrics.pushed("upload", "patch", "cold", status, cut, 0);
        metrics.pushed("upload", "patch", "cold", status, cut, 0);
        assertEquals(2, pushes(result));
        assertEquals(1, meters.find("mirror.pushes").counters().size());
        assertNull(meters.find("mirror.push").counter());
    }

    @Test
    void bytesAreCountedByRegistry() {
        metrics.pushed("upload", "patch", "cold", 202, false, 1000);
        metrics.pushed("manifest", "put", "cold", 201, false, 7);
        metrics.pushed("upload", "patch", null, 401, false, 5);
        assertEquals(1007, meters.get("mirror.push").tags("registry", "cold").counter().count());
        assertEquals(5, meters.get("mirror.push").tags("registry", "none").counter().count());
        assertEquals(0, metrics.recent().snapshot().total(), "a push is no pull");
    }

    @Test
    void uploadsThatRunAreShown() {
        AtomicInteger running = new AtomicInteger(3);
        metrics.uploads(running::get);
        assertEquals(3, meters.get("mirror.uploads.running").gauge().value());
        running.set(0);
        assertEquals(0, meters.get("mirror.uploads.running").gauge().value());
    }
}
