package io.mirrorregistry.warm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ClientLoadTest {

    private static final int SECOND = (int) (1000 / ClientLoad.MEASURE_MILLIS);

    private long requests;
    private double load;
    private final ClientLoad clients = new ClientLoad(() -> requests, () -> load);

    private long measure(int more, double now) {
        requests += more;
        load = now;
        clients.measure();
        return clients.limit();
    }

    private long measure(int seconds, int more, double now) {
        for (int i = 0; i < seconds * SECOND; i++) {
            measure(more, now);
        }
        return clients.limit();
    }

    @Test
    void limitsNothingWithoutManyRequests() {
        assertEquals(0, measure(0, 1));
        assertEquals(0, measure(24, 1));
        assertFalse(clients.isHigh());
    }

    @Test
    void limitsCopiesAtOnceWhileClientsNeedTheProcessors() {
        assertEquals(ClientLoad.LEAST_BYTES, measure(1000, 0.9));
        assertTrue(clients.isHigh());
    }

    @Test
    void keepsTheLimitWhileTheLoadIsNeitherHighNorLow() {
        measure(1000, 0.9);

        assertEquals(ClientLoad.LEAST_BYTES, measure(60, 1000, 0.5));
    }

    @Test
    void keepsTheLimitForSomeSecondsAfterTheLastRequests() {
        measure(1000, 0.9);

        assertEquals(ClientLoad.LEAST_BYTES, measure(5, 0, 0.9));
        assertTrue(clients.isHigh());
        measure(1000, 0.9);
        assertEquals(ClientLoad.LEAST_BYTES, measure(5, 0, 0.9));
        assertEquals(2 * ClientLoad.LEAST_BYTES, measure(1, 0, 0.9));
    }

    @Test
    void raisesTheLimitStepByStepWhileTheLoadIsLow() {
        measure(1000, 0.9);

        assertEquals(2 * ClientLoad.LEAST_BYTES, measure(6, 1000, 0.2));
        assertFalse(clients.isHigh());
        assertEquals(4 * ClientLoad.LEAST_BYTES, measure(1, 1000, 0.2));
        assertEquals(0, measure(8, 1000, 0.2));
    }

    @Test
    void lowersTheLimitAtOnceWhenClientsComeBack() {
        measure(1000, 0.9);
        measure(8, 0, 0.9);

        assertEquals(ClientLoad.LEAST_BYTES, measure(1000, 0.9));
    }

    @Test
    void endsTheLimitWhenClientsAreQuiet() {
        measure(1000, 0.9);

        assertEquals(0, measure(15, 3, 0.9));
    }
}
