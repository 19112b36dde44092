package io.mirrorregistry.config;

import java.util.Set;

/**
 * The name of a setting of a registry, {@code mirror.registry.REGISTRY.SETTING}.
 *
 * @param registry the registry's name; whether it follows the grammar is checked elsewhere
 * @param setting the rest, such as {@code public-url} or {@code headers.X-Key}
 */
record RegistryKey(String registry, String setting) {

    /** The beginning of each such name. */
    static final String PREFIX = "mirror.registry.";
    /** The beginning of a setting that is a header. */
    static final String HEADERS = "headers.";
    /** The settings of a registry, without headers. */
    static final Set<String> SETTINGS = Set.of("url", "username", "password", "password-file", "blobs", "public-url",
            "connect-timeout", "response-timeout", "patience", "token-hosts", "ca-certificate", "proxy", "serves", "prefix", "library");
    private static final Set<String> SECRETS = Set.of("username", "password", "proxy");
    private static final String ALL = "*";

    /** Splits a name; returns null for the name of any other setting. */
    static RegistryKey of(String name) {
        int dot = name.startsWith(PREFIX) ? name.indexOf('.', PREFIX.length()) : -1;
        return dot < 0 ? null : new RegistryKey(name.substring(PREFIX.length(), dot), name.substring(dot + 1));
    }

    /** Stands for all settings of a registry. */
    static RegistryKey allOf(String registry) {
        return new RegistryKey(registry, ALL);
    }

    boolean isAll() {
        return setting.equals(ALL);
    }

    boolean isHeader() {
        return setting.startsWith(HEADERS);
    }

    boolean isKnown() {
        return isHeader() || SETTINGS.contains(setting);
    }

    /** Returns whether routes may read it. An unknown setting may be a secret with a misspelled name. */
    boolean isPublic() {
        return SETTINGS.contains(setting) && !SECRETS.contains(setting);
    }

    /** Returns the whole name. */
    @Override
    public String toString() {
        return PREFIX + registry + "." + setting;
    }
}
