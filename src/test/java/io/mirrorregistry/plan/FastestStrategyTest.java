package io.mirrorregistry.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.mirrorregistry.plan.Strategy.PlanRequest;
import java.util.List;
import org.junit.jupiter.api.Test;

class FastestStrategyTest {

    private static final PlanRequest REQUEST = new PlanRequest("", "library/app", "1.0", "");

    private long now;
    private final FastestStrategy strategy = new FastestStrategy(() -> now);
    private final RegistriesNow registries = new RegistriesNow("a", "b", "c", "d");

    private String order() {
        return String.join(" ", strategy.order(REQUEST, registries));
    }

    private void passes(long seconds) {
        now += seconds * 1_000_000_000L;
    }

    @Test
    void sortsByTimeAndLeavesWhatWasNotMeasuredInItsPlace() {
        assertEquals("a b c d", order());
        registries.millis.put("a", 300.0);
        registries.millis.put("c", 20.0);
        registries.millis.put("d", 100.0);
        passes(10);
        assertEquals("c b d a", order());
    }

    @Test
    void keepsAnOrderForTenSeconds() {
        registries.millis.put("a", 300.0);
        registries.millis.put("b", 20.0);
        assertEquals("b a c d", order());
        registries.millis.put("a", 1.0);
        passes(9);
        assertEquals("b a c d", order());
        passes(1);
        assertEquals("a b c d", order());
    }

    @Test
    void keepsAnOrderForEachListOfRegistries() {
        registries.millis.put("a", 300.0);
        registries.millis.put("b", 20.0);
        assertEquals("b a c d", order());
        RegistriesNow others = new RegistriesNow("d", "a");
        others.millis.put("d", 2.0);
        others.millis.put("a", 1.0);
        assertEquals(List.of("a", "d"), strategy.order(REQUEST, others));
        assertEquals("b a c d", order());
    }

    @Test
    void asksAnUnavailableRegistryLastAtOnceAndTakesItBack() {
        registries.millis.put("a", 300.0);
        registries.millis.put("b", 20.0);
        assertEquals("b a c d", order());
        registries.away.add("b");
        assertEquals("a c d b", order());
        registries.away.clear();
        assertEquals("b a c d", order());
        registries.away.add("b");
        passes(10);
        assertEquals("a c d b", order());
    }

    @Test
    void hasNoPlaceForRegistriesThatAreNotThere() {
        assertEquals(List.of(), strategy.order(REQUEST, new RegistriesNow()));
    }
}
