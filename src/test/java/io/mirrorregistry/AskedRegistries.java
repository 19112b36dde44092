package io.mirrorregistry;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

/** Registries under any names, which note together in which order they are asked. */
final class AskedRegistries implements AutoCloseable {

    private final Map<String, TestRegistry> registries = new LinkedHashMap<>();
    private final List<String> asked = new CopyOnWriteArrayList<>();

    /** @param names in the order of {@code mirror.plan} */
    AskedRegistries(String... names) {
        for (String name : names) {
            registries.put(name, TestRegistry.start(name));
        }
        heal();
    }

    TestRegistry get(String name) {
        return registries.get(name);
    }

    List<String> names() {
        return List.copyOf(registries.keySet());
    }

    /** Puts the same image into some of them. */
    Image put(Image image, String... names) {
        for (String name : names) {
            get(name).put(image);
        }
        return image;
    }

    /** Returns variables that define these registries and the plan; names and values alternate. */
    String[] settings(String... more) {
        List<String> settings = new ArrayList<>(List.of("MIRROR_PLAN", String.join(",", registries.keySet())));
        registries.forEach((name, registry) -> {
            String variable = name.toUpperCase(Locale.ROOT).replace('-', '_');
            settings.addAll(List.of(variable + "_URL", registry.url(), variable + "_CONNECT_TIMEOUT", "2s", variable + "_RESPONSE_TIMEOUT", "2s"));
        });
        settings.addAll(List.of(more));
        return settings.toArray(String[]::new);
    }

    /** Ends all faults. */
    void heal() {
        registries.forEach((name, registry) -> {
            registry.heal();
            registry.fault(Fault.instead((call, answer) -> {
                if (call.kind() != Kind.PING) {
                    asked.add(name);
                }
                return answer;
            }));
        });
    }

    /** Returns who was asked since the start or the last {@link #forget()}, in the order of the calls. Probes do not count. */
    List<String> asked() {
        return List.copyOf(asked);
    }

    void forget() {
        asked.clear();
        registries.values().forEach(TestServer::forget);
    }

    @Override
    public void close() {
        registries.values().forEach(TestRegistry::close);
    }
}
