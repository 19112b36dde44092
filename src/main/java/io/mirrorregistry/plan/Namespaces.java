package io.mirrorregistry.plan;

import io.mirrorregistry.config.Settings;
import io.mirrorregistry.protocol.RepositoryName;
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

    /**
     * A repository as the mirror knows it.
     *
     * @param namespace the host name that it belongs to; empty for none
     * @param within its name there
     */
    public record Image(String namespace, RepositoryName within) {
    }

    /**
     * Finds the namespace of a repository: the parameter {@code ns}, or else the first part of the name where a registry serves that. A parameter that no
     * registry serves gives way to a first part that one does. Whatever is checked, pulled or mounted is found by this method.
     *
     * @param given the parameter ns, in lower case; null for none
     * @param written the name as the client writes it
     */
    public Image find(String given, RepositoryName written) {
        String namespace = given == null ? "" : given;
        int slash = written.value().indexOf('/');
        if (!isServed(namespace) && slash > 0 && isServed(written.value().substring(0, slash))) {
            return new Image(written.value().substring(0, slash), new RepositoryName(written.value().substring(slash + 1)));
        }
        return new Image(namespace, written);
    }

    /** Returns the registries for a namespace, in the order of asking: those that serve it, or those for everything else if there are none. */
    public List<String> registriesFor(String namespace) {
        return registries.getOrDefault(namespace, otherwise);
    }

    /**
     * Returns whether an image of a namespace may be pushed to a registry: pulls of that namespace ask it, or neither of them has anything to do with
     * namespaces. The repositories of any other registry are another namespace's, whose images a push would overwrite.
     */
    public boolean isPushable(String namespace, String registry) {
        return registriesFor(namespace).contains(registry)
                || !isServed(namespace) && registries.values().stream().noneMatch(serving -> serving.contains(registry));
    }
}
