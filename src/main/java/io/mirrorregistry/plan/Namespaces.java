package io.mirrorregistry.plan;

import io.mirrorregistry.config.Settings;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The host names that images belong to, such as {@code docker.io}, and the registries that serve each of them. A namespace is authoritative:
 * an image of a served namespace is asked for at these registries only.
 *
 * @see <a href="https://github.com/containerd/containerd/blob/main/docs/hosts.md">containerd, registry hosts: the parameter ns</a>
 */
public final class Namespaces {

    private final Map<String, List<String>> registries = new TreeMap<>();
    private final List<String> otherwise;

    /**
     * @param otherwise the registries for what no namespace claims, in the order of asking
     * @param serves the namespaces of each registry; the registries in the order of asking
     */
    public Namespaces(List<String> otherwise, Map<String, List<String>> serves) {
        this.otherwise = List.copyOf(otherwise);
        serves.forEach((registry, namespaces) ->
                namespaces.forEach(namespace -> registries.computeIfAbsent(namespace, some -> new ArrayList<>()).add(registry)));
        registries.replaceAll((namespace, names) -> List.copyOf(names));
    }

    public static Namespaces of(Settings settings) {
        Map<String, List<String>> serves = new LinkedHashMap<>();
        settings.order().forEach(name -> serves.put(name, settings.registries().get(name).serves()));
        return new Namespaces(settings.plan(), serves);
    }

    /** Returns whether a registry serves the namespace. */
    public boolean isServed(String namespace) {
        return registries.containsKey(namespace);
    }

    /** Returns whether no registry serves any. */
    public boolean isEmpty() {
        return registries.isEmpty();
    }

    /** Returns the registries for a namespace, in the order of asking: those that serve it, or those for everything else if there are none. */
    public List<String> registriesFor(String namespace) {
        return registries.getOrDefault(namespace, otherwise);
    }
}
