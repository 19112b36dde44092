package io.mirrorregistry.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * The host names that images belong to, such as {@code docker.io}, and the registries that serve each of them. A namespace is authoritative:
 * an image of a served namespace is asked for at these registries only.
 *
 * @see <a href="https://github.com/containerd/containerd/blob/main/docs/hosts.md">containerd, registry hosts: the parameter ns</a>
 */
public final class Namespaces {

    private static final int LONGEST = 255;
    private static final String LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
    /** A host name, an IPv4 address, or an IPv6 address in brackets; perhaps with a port. */
    private static final Pattern HOST = Pattern.compile("(" + LABEL + "(\\." + LABEL + ")*|\\[[0-9a-f:]{2,39}])(:[0-9]{1,5})?");

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

    /** Returns whether the text, in lower case, is a host name or an IP address, perhaps with a port. */
    public static boolean isHost(String text) {
        if (text.length() > LONGEST || !HOST.matcher(text).matches()) {
            return false;
        }
        int colon = text.lastIndexOf(':');
        return colon < 0 || text.endsWith("]") || Integer.parseInt(text.substring(colon + 1)) <= 65535 && Integer.parseInt(text.substring(colon + 1)) > 0;
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
