package io.mirrorregistry.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Checks that an image that is copied cannot be taken for another one: a registry has one repository of a name, whichever namespace a pull has. Images of
 * different namespaces may have the same name, if different registries serve them.
 */
final class WarmNamespaces {

    private WarmNamespaces() {
    }

    /**
     * @param to the name of the registry to which images are copied
     * @param registries all defined registries, by name
     * @param plan the names of the registries in {@code mirror.plan}
     * @throws InvalidSettingException if images of two namespaces would have the same name at that registry
     */
    static void check(SettingValues values, String to, Map<String, RegistrySettings> registries, List<String> plan) throws InvalidSettingException {
        Map<String, Set<String>> sources = new LinkedHashMap<>();
        if (plan.contains(to)) {
            sources.put("images without a host name (" + PlanReader.PLAN + ")", others(plan, to));
        }
        for (String namespace : registries.get(to).serves()) {
            sources.put("images of " + namespace, others(registries.values().stream().filter(registry -> registry.serves().contains(namespace))
                    .map(RegistrySettings::name).toList(), to));
        }
        if (sources.values().stream().distinct().count() > 1) {
            throw values.invalid(WarmSettings.TO, "pulls ask it for " + String.join(" and for ", sources.keySet()) + ", which do not come from the same other registries: a copy of one"
                    + " image could be taken for another of the same name. Let it serve only one of them, or let the same other registries serve all");
        }
    }

    private static Set<String> others(List<String> registries, String to) {
        return registries.stream().filter(name -> !name.equals(to)).collect(Collectors.toCollection(TreeSet::new));
    }
}
