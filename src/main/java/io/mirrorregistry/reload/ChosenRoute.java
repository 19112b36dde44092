package io.mirrorregistry.reload;

import java.util.Collection;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * A route that a setting names.
 *
 * @param setting the setting, such as {@code mirror.strategy}
 * @param kind the thing that the setting names, such as {@code strategy}
 * @param prefix the address of the route without the name, such as {@code direct:strategy-}
 * @param name the value of the setting
 */
public record ChosenRoute(String setting, String kind, String prefix, String name) {

    /** Returns the address that a route has to begin with. */
    String address() {
        return prefix + name;
    }

    /**
     * Returns the fault where no route begins with the address.
     *
     * @param beginnings the addresses that routes begin with
     */
    RouteFault missing(Collection<String> beginnings) {
        String names = beginnings.stream().filter(from -> from.startsWith(prefix)).map(from -> from.substring(prefix.length()))
                .collect(Collectors.toCollection(TreeSet::new)).stream().collect(Collectors.joining(", "));
        return RouteFault.ofPart("", setting + "=" + name + " cannot work: there is no " + kind + " of that name"
                + (names.isEmpty() ? "" : "; there are " + names));
    }
}
