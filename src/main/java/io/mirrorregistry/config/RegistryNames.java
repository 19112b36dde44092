package io.mirrorregistry.config;

import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/** Finds the names of registries and refuses those that mean something else. */
final class RegistryNames {

    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]{0,62}");
    /** Words of plans, log lines and pages. */
    private static final Set<String> RESERVED = Set.of("none", "cache", "both", "several", "other", "all", "registry", "registries",
            "plan", "strategy", "strategies", "ask");
    /** The names of beans that routes use. */
    private static final Set<String> STEPS = Set.of("request", "answer", "manifest", "blob", "stream", "tags", "referrers", "failures", "push", "lookahead",
            "cache", "folder", "vertx", "route-files", "route-lines", "warming", "warm-store", "warm-file", "server-certificate", "access-file", "client-headers", "registry-headers", "headers", "event-loop",
            "platform-http-engine");

    private RegistryNames() {
    }

    /**
     * Returns the names of all registries that have a setting, in alphabetical order.
     *
     * @param settings the names of all settings
     * @throws InvalidSettingException for the first name that no registry may have
     */
    static Set<String> of(Set<String> settings) throws InvalidSettingException {
        Set<String> names = new TreeSet<>();
        for (String setting : settings) {
            if (setting.startsWith(RegistryKey.PREFIX)) {
                RegistryKey key = RegistryKey.of(setting);
                if (key == null) {
                    throw new InvalidSettingException(setting + " cannot work: a registry's settings are " + RegistryKey.PREFIX + "NAME.SETTING",
                            setting);
                }
                String refusal = refusal(key.registry());
                if (refusal != null) {
                    throw new InvalidSettingException(setting + " cannot work: " + refusal, RegistryKey.allOf(key.registry()).toString());
                }
                names.add(key.registry());
            }
        }
        return names;
    }

    private static String refusal(String name) {
        if (!NAME.matcher(name).matches()) {
            return "a registry's name is a lower-case letter, then lower-case letters, digits and hyphens, at most 63 characters";
        }
        if (RESERVED.contains(name)) {
            return name + " is a reserved word; give the registry another name";
        }
        return STEPS.contains(name) ? "routes have a step of the name " + name : null;
    }
}
