package io.mirrorregistry.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.mirrorregistry.plan.Strategy.PlanRequest;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ByClientStrategyTest {

    private static final List<String> ALL = List.of("hot-bj", "hot-sh", "cold");

    private static ByClientStrategy strategy(String networks) {
        ByClientStrategy strategy = new ByClientStrategy();
        strategy.configure(Map.of("networks", networks), ALL);
        return strategy;
    }

    private static String order(ByClientStrategy strategy, String client) {
        return String.join(" ", strategy.order(new PlanRequest("", "library/app", "1.0", client), new RegistriesNow("cold", "hot-bj")));
    }

    @ParameterizedTest
    @CsvSource({
        "10.1.2.3, hot-bj hot-sh",
        "10.2.2.3, hot-sh",
        "10.3.2.3, cold",
        "::ffff:10.2.2.3, hot-sh",
        "fd00:0:0:0:0:0:0:1, hot-sh hot-bj",
        "2001:db8::1, cold hot-bj",
        "::1, cold",
        "192.0.2.7, cold hot-bj",
        "'', cold hot-bj",
        "-, cold hot-bj"})
    void theFirstNetworkThatHoldsTheClientCounts(String client, String order) {
        ByClientStrategy strategy = strategy("10.1.0.0/16: hot-bj hot-sh; 10.2.0.0/16:hot-sh; 10.0.0.0/8, ::1 :  cold ;fd00::/8: hot-sh, hot-bj");
        assertEquals(order, order(strategy, client));
    }

    @Test
    void withoutNetworksTheOrderIsThePlanned() {
        assertEquals("cold hot-bj", order(new ByClientStrategy(), "10.1.2.3"));
        assertEquals("cold hot-bj", order(strategy(" "), "10.1.2.3"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "10.1.0.0/16: hot-bj hot | there is no registry hot, only hot-bj, hot-sh, cold",
        "10.1.0.0/33: cold | 10.1.0.0/33 is no IP address and no range of addresses",
        "office: cold | office is no IP address and no range of addresses",
        "fd00::/8 | a rule is NETWORK: REGISTRIES, such as 10.1.0.0/16: hot cold, with semicolons between rules; fd00::/8 is none",
        "10.1.0.0/16: cold cold | 10.1.0.0/16: cold cold names a registry twice",
        ", : cold | , : cold has no network",
        "10.1.0.0/16 | a rule is NETWORK: REGISTRIES, such as 10.1.0.0/16: hot cold, with semicolons between rules; 10.1.0.0/16 is none",
        "10.1.0.0/16: | a rule is NETWORK: REGISTRIES, such as 10.1.0.0/16: hot cold, with semicolons between rules; 10.1.0.0/16: is none",
        "10.1.0.0/16: cold; | a rule is NETWORK: REGISTRIES, such as 10.1.0.0/16: hot cold, with semicolons between rules; one is empty",
        ": cold | a rule is NETWORK: REGISTRIES, such as 10.1.0.0/16: hot cold, with semicolons between rules; : cold is none"})
    void refusesOtherNetworks(String networks, String why) {
        assertEquals("networks: " + why, assertThrows(IllegalArgumentException.class, () -> strategy(networks)).getMessage());
    }
}
