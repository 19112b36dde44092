package io.mirrorregistry.plan;

import io.mirrorregistry.config.Networks;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The strategy {@code by-client}: the client's network decides, such as {@code 10.1.0.0/16: hot-bj hot-sh; 10.2.0.0/16: hot-sh}. The first network
 * that holds the client's address counts; a client in none of them is served as planned.
 */
public final class ByClientStrategy implements Strategy {

    private static final String NETWORKS = "networks";

    /** In the order of the setting. Written once, before the first request. */
    private volatile List<Rule> rules = List.of();

    private record Rule(Networks networks, List<String> registries) {
    }

    @Override
    public String name() {
        return "by-client";
    }

    /** Reads the setting {@code networks}; an empty one means that no client is in any. */
    @Override
    public void configure(Map<String, String> settings, List<String> registries) {
        List<Rule> read = new ArrayList<>();
        String text = settings.getOrDefault(NETWORKS, "");
        for (String part : text.isBlank() ? new String[0] : text.split(";", -1)) {
            read.add(rule(part.strip(), registries));
        }
        rules = List.copyOf(read);
    }

    /** The last colon separates: addresses have colons, names of registries have none. */
    private static Rule rule(String part, List<String> registries) {
        int colon = part.lastIndexOf(':');
        List<String> names = Stream.of(part.substring(colon + 1).strip().split("[\\s,]+")).filter(name -> !name.isEmpty()).toList();
        if (colon < 0 || names.isEmpty() || !names.stream().allMatch(name -> name.matches("[a-z][a-z0-9-]*")) || part.substring(0, colon).isBlank()) {
            throw refused("a rule is NETWORK: REGISTRIES, such as 10.1.0.0/16: hot cold, with semicolons between rules; "
                    + (part.isEmpty() ? "one is empty" : part + " is none"));
        }
        Networks networks;
        try {
            networks = Networks.parse(part.substring(0, colon));
        } catch (IllegalArgumentException e) {
            throw refused(e.getMessage());
        }
        if (networks.isEmpty()) {
            throw refused(part + " has no network");
        }
        for (String name : names) {
            if (!registries.contains(name)) {
                throw refused("there is no registry " + name + ", only " + String.join(", ", registries));
            }
        }
        if (names.stream().distinct().count() < names.size()) {
            throw refused(part + " names a registry twice");
        }
        return new Rule(networks, names);
    }

    private static IllegalArgumentException refused(String why) {
        return new IllegalArgumentException(NETWORKS + ": " + why);
    }

    @Override
    public List<String> order(PlanRequest request, Registries registries) {
        InetAddress client = request.client().isEmpty() ? null : Networks.address(request.client());
        for (Rule rule : rules) {
            if (rule.networks.contain(client)) {
                return rule.registries;
            }
        }
        return registries.planned();
    }
}
