package io.mirrorregistry.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.plan.Strategy.PlanRequest;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WeightedStrategyTest {

    private static final List<String> ALL = List.of("hot", "cold", "far");

    private final RegistriesNow registries = new RegistriesNow("hot", "cold", "far");

    private static WeightedStrategy strategy(String shares) {
        WeightedStrategy strategy = new WeightedStrategy();
        strategy.configure(Map.of("shares", shares), ALL);
        return strategy;
    }

    private List<String> order(WeightedStrategy strategy, String repository) {
        return strategy.order(new PlanRequest("", repository, "1.0", ""), registries);
    }

    private String first(WeightedStrategy strategy, int number) {
        return order(strategy, "team/app-" + number).get(0);
    }

    /** Returns how many of 10,000 repositories are asked for at a registry first. */
    private long count(WeightedStrategy strategy, String registry) {
        return IntStream.range(0, 10_000).filter(number -> first(strategy, number).equals(registry)).count();
    }

    @Test
    void sharesNamesThatAreAlmostTheSame() {
        WeightedStrategy strategy = strategy("hot=90, cold=10");
        assertEquals(1000, count(strategy, "cold"), 120);
        assertEquals(0, count(strategy, "far"));
        WeightedStrategy three = strategy("hot=1, cold=1, far=2");
        assertEquals(5000, count(three, "far"), 200);
        assertEquals(2500, count(three, "cold"), 200);
        assertEquals(10_000, count(strategy("hot=0, cold=10000"), "cold"));
    }

    @Test
    void theOthersFollowAsPlanned() {
        assertEquals(List.of("cold", "hot", "far"), order(strategy("cold=1"), "team/app"));
        assertEquals(List.of("far", "hot", "cold"), order(strategy("far=1, hot=0"), "team/app"));
    }

    @Test
    void aRepositoryHasOneRegistryWhateverIsAskedOfIt() {
        WeightedStrategy strategy = strategy("hot=50, cold=50");
        for (int number = 0; number < 100; number++) {
            String repository = "team/app-" + number;
            String registry = first(strategy, number);
            for (String reference : List.of("", "2.0", "sha256:abc")) {
                assertEquals(registry, strategy.order(new PlanRequest("", repository, reference, "10.0.0.1"), registries).get(0));
            }
            // Another process chooses the same.
            assertEquals(registry, first(strategy("hot=50, cold=50"), number));
        }
        assertTrue(IntStream.range(0, 100).anyMatch(number -> !strategy.order(new PlanRequest("docker.io", "team/app-" + number, "", ""), registries).get(0)
                .equals(first(strategy, number))));
    }

    @Test
    void aLargerShareMovesNoMoreThanItHasTo() {
        WeightedStrategy before = strategy("hot=90, cold=10");
        WeightedStrategy after = strategy("hot=80, cold=20");
        for (int number = 0; number < 1000; number++) {
            assertTrue(first(before, number).equals("hot") || first(after, number).equals("cold"));
        }
    }

    @Test
    void onlyRegistriesThatMayBeAskedHaveAShare() {
        registries.serving = Set.of("cold", "far");
        assertEquals(0, count(strategy("hot=98, cold=1, far=1"), "hot"));
        registries.serving = Set.of("far");
        assertEquals(List.of("hot", "cold", "far"), order(strategy("hot=90, cold=10"), "team/app"));
        registries.serving = Set.of("hot");
        assertEquals(List.of("hot", "cold", "far"), order(strategy("hot=0, cold=10"), "team/app"));
    }

    @Test
    void withoutSharesTheOrderIsThePlanned() {
        assertEquals(List.of("hot", "cold", "far"), order(new WeightedStrategy(), "team/app"));
        assertEquals(List.of("hot", "cold", "far"), order(strategy(" "), "team/app"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "hot=90, warm=10 | there is no registry warm, only hot, cold, far",
        "hot=90, hot=10 | hot is there twice",
        "hot=0, cold=0 | at least one share has to be above 0",
        "hot=10001 | a share is REGISTRY=NUMBER with a whole number from 0 to 10000, such as hot=90; hot=10001 is none",
        "hot=-1 | a share is REGISTRY=NUMBER with a whole number from 0 to 10000, such as hot=90; hot=-1 is none",
        "hot=0.5 | a share is REGISTRY=NUMBER with a whole number from 0 to 10000, such as hot=90; hot=0.5 is none",
        "hot | a share is REGISTRY=NUMBER with a whole number from 0 to 10000, such as hot=90; hot is none",
        "=5 | a share is REGISTRY=NUMBER with a whole number from 0 to 10000, such as hot=90; =5 is none",
        "hot=9, | a share is REGISTRY=NUMBER with a whole number from 0 to 10000, such as hot=90; one is empty",
        "hot=1=2 | a share is REGISTRY=NUMBER with a whole number from 0 to 10000, such as hot=90; hot=1=2 is none"})
    void refusesOtherShares(String shares, String why) {
        assertEquals("shares: " + why, assertThrows(IllegalArgumentException.class, () -> strategy(shares)).getMessage());
    }
}
