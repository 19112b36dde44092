package io.mirrorregistry.plan;

import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.protocol.RepositoryName;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The names by which {@code access.yaml} knows repositories. A name begins with its namespace if a registry serves that. Registries with {@code library=true}
 * know {@code app} as {@code library/app}: if all registries that are asked have this setting, that is the only name; if only some have it, both
 * names count. Safe for all threads.
 */
public final class FullNames {

    private final Namespaces namespaces;
    private final Set<String> withLibrary;

    /** @param withLibrary the names of the registries with {@code library=true} */
    public FullNames(Namespaces namespaces, Set<String> withLibrary) {
        this.namespaces = namespaces;
        this.withLibrary = Set.copyOf(withLibrary);
    }

    public static FullNames of(Settings settings) {
        return new FullNames(Namespaces.of(settings),
                settings.registries().values().stream().filter(RegistrySettings::library).map(RegistrySettings::name).collect(Collectors.toSet()));
    }

    /**
     * Returns the names, at least one, the first for messages. A request needs a right to each of them.
     *
     * @param written the name as a client writes it, such as {@code docker.io/app}
     */
    public List<String> of(String written) {
        int slash = written.indexOf('/');
        boolean served = slash > 0 && isServed(written.substring(0, slash));
        return served ? of(written.substring(0, slash), written.substring(slash + 1)) : of("", written);
    }

    /**
     * Returns the same for a repository in a request with the parameter {@code ns}.
     *
     * @param given the parameter, in lower case; null for none
     */
    public List<String> of(String given, RepositoryName written) {
        Namespaces.Image image = namespaces.find(given, written);
        return of(image.namespace(), image.within().value());
    }

    /**
     * Returns the same.
     *
     * @param namespace the host name that the image belongs to; empty for none
     * @param within the name there
     */
    public List<String> of(String namespace, String within) {
        String before = isServed(namespace) ? namespace + "/" : "";
        if (within.indexOf('/') >= 0) {
            return List.of(before + within);
        }
        List<String> asked = namespaces.registriesFor(namespace);
        List<String> names = new ArrayList<>(2);
        if (!withLibrary.containsAll(asked)) {
            names.add(before + within);
        }
        if (asked.stream().anyMatch(withLibrary::contains)) {
            names.add(before + "library/" + within);
        }
        return names.isEmpty() ? List.of(before + within) : names;
    }

    /** Returns whether a registry serves the namespace. */
    public boolean isServed(String namespace) {
        return namespaces.isServed(namespace);
    }
}
