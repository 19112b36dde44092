package io.mirrorregistry.config;

import java.util.Comparator;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Decides which setting an environment variable {@code MIRROR_REGISTRY_NAME_SETTING} sets. Both parts may have underscores:
 * {@code MIRROR_REGISTRY_X_PUBLIC_URL} is the public-url of x if x has a url, and otherwise the url of x-public. So a variable belongs
 * to the registry with the shortest name that has a url, in a file or by a variable.
 */
final class RegistryVariables {

    private static final String PREFIX = "MIRROR_REGISTRY_";
    private static final String URL = "_URL";
    private static final String HEADERS = "HEADERS_";
    private static final Map<String, String> SETTINGS = RegistryKey.SETTINGS.stream()
            .collect(Collectors.toMap(SettingsSource::variable, Function.identity()));

    /** The registries that have a url. */
    private final Set<String> registries = new HashSet<>();

    /**
     * @param settings the names of all settings in files
     * @param variables the names of the variables that may define a registry
     */
    RegistryVariables(Set<String> settings, Set<String> variables) {
        settings.stream().map(RegistryKey::of).filter(key -> key != null && key.setting().equals("url")).forEach(key -> registries.add(key.registry()));
        // The shorter ones first: x decides whether X_PUBLIC_URL defines a registry.
        variables.stream().filter(variable -> variable.startsWith(PREFIX) && variable.endsWith(URL) && variable.length() > PREFIX.length() + URL.length())
                .sorted(Comparator.comparing(String::length))
                .filter(variable -> key(variable) == null)
                .map(variable -> variable.substring(PREFIX.length(), variable.length() - URL.length()))
                .filter(name -> name.equals(SettingsSource.variable(name)))
                .forEach(name -> registries.add(registry(name)));
    }

    /** Returns the setting of a variable; null for a variable that sets nothing of a registry with a url. */
    RegistryKey key(String variable) {
        if (!variable.startsWith(PREFIX)) {
            return null;
        }
        for (int end = variable.indexOf('_', PREFIX.length()); end >= 0; end = variable.indexOf('_', end + 1)) {
            String name = variable.substring(PREFIX.length(), end);
            String setting = setting(variable.substring(end + 1));
            if (setting != null && registries.contains(registry(name)) && name.equals(SettingsSource.variable(name))) {
                return new RegistryKey(registry(name), setting);
            }
        }
        return null;
    }

    /** Returns the variable that is missing for this one to set something of a registry: the one with the registry's url. */
    static Optional<String> missingUrl(String variable, Set<String> variables) {
        return SETTINGS.keySet().stream().map(setting -> variable.lastIndexOf("_" + setting)).filter(end -> end > PREFIX.length())
                .filter(end -> SETTINGS.containsKey(variable.substring(end + 1)))
                .min(Comparator.naturalOrder()).or(() -> Optional.of(variable.indexOf("_" + HEADERS)).filter(end -> end > PREFIX.length()))
                .filter(end -> variable.startsWith(PREFIX) && variable.equals(SettingsSource.variable(variable)))
                .map(end -> variable.substring(0, end) + URL).filter(url -> !variables.contains(url));
    }

    private static String setting(String variable) {
        return variable.startsWith(HEADERS) ? RegistryKey.HEADERS + variable.substring(HEADERS.length()).replace('_', '-') : SETTINGS.get(variable);
    }

    private static String registry(String variable) {
        return variable.toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
