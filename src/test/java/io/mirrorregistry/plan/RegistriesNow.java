package io.mirrorregistry.plan;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Registries in a test, whose state the test sets. */
final class RegistriesNow implements Strategy.Registries {

    final List<String> planned;
    final Map<String, Double> millis = new HashMap<>();
    final Set<String> away = new HashSet<>();
    /** The registries that may be asked; null for all. */
    Set<String> serving;

    RegistriesNow(String... planned) {
        this.planned = List.of(planned);
    }

    @Override
    public List<String> planned() {
        return planned;
    }

    @Override
    public boolean mayAsk(String registry) {
        return serving == null || serving.contains(registry);
    }

    @Override
    public boolean isAvailable(String registry) {
        return !away.contains(registry);
    }

    @Override
    public double millisToFirstByte(String registry) {
        return millis.getOrDefault(registry, Double.NaN);
    }
}
