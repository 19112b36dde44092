package io.mirrorregistry.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The patience for a registry that takes several calls to serve one request. */
class CallContextTest {

    private final CallContext context = new CallContext(null, false, null);

    @Test
    void allCallsToARegistryShareItsPatience() {
        context.patience(Duration.ofMinutes(1));
        long end = context.patienceEnd();
        context.patience(Duration.ofMinutes(1));
        assertEquals(end, context.patienceEnd());
    }

    @Test
    void noCallHasLessThanHalfOfIt() throws Exception {
        context.patience(Duration.ofMillis(20));
        Thread.sleep(20);
        long now = System.nanoTime();
        context.patience(Duration.ofMillis(20));
        assertTrue(context.patienceEnd() - now >= Duration.ofMillis(10).toNanos());
    }

    @Test
    void theNextRegistryHasItsOwn() {
        context.patience(Duration.ofMinutes(1));
        long end = context.patienceEnd();
        context.plannedRegistry("cold");
        assertNull(context.patienceEnd());
        context.patience(Duration.ofMinutes(2));
        assertTrue(context.patienceEnd() - end > 0);
        context.patience(Duration.ZERO);
        assertNull(context.patienceEnd());
    }
}
