package io.mirrorregistry.config;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;

/** Checks the settings that say which registries are asked, and in which order. */
final class PlanReader {

    /** The setting with the registries for everything that no namespace claims. */
    static final String PLAN = "mirror.plan";

    private final SettingValues values;

    PlanReader(SettingValues values) {
        this.values = values;
    }

    /**
     * Reads {@code mirror.plan}; maybe empty.
     *
     * @param registries the names of all registries
     * @throws InvalidSettingException for a name that no registry has, and for one that is there twice
     */
    List<String> plan(Set<String> registries) throws InvalidSettingException {
        List<String> plan = new ArrayList<>();
        for (String name : values.list(PLAN)) {
            if (values.isBroken(RegistryKey.allOf(name).toString())) {
                // The name itself is refused already.
                continue;
            }
            if (!registries.contains(name)) {
                throw values.invalid(PLAN, "it is a list of registries with commas between; "
                        + (name.isEmpty() ? "one is empty" : "there is no registry " + name + ", only " + String.join(", ", registries)));
            }
            if (plan.contains(name)) {
                throw values.invalid(PLAN, name + " is there twice");
            }
            plan.add(name);
        }
        return List.copyOf(plan);
    }

    /**
     * Requires a registry that is asked for anything. Does nothing where a setting that says so is known not to work.
     *
     * @throws InvalidSettingException when {@code mirror.plan} is empty and no registry serves a namespace
     */
    void requireSomebody(Collection<RegistrySettings> registries) throws InvalidSettingException {
        boolean meant = values.isAnyBroken(name -> RegistryKey.of(name) != null && (RegistryKey.of(name).isAll() || RegistryKey.of(name).setting().equals("serves")));
        if (values.value(PLAN).isEmpty() && !meant && registries.stream().allMatch(registry -> registry.serves().isEmpty())) {
            throw new InvalidSettingException(PLAN + " is empty and no registry serves anything, so that no image can be pulled: name registries in " + PLAN
                    + ", or the hosts of images in mirror.registry.NAME.serves", PLAN);
        }
    }

    /** Reads the name of the strategy. Whether there is one of that name shows when strategies are loaded. */
    String strategy() throws InvalidSettingException {
        String strategy = values.value(StrategyKeys.STRATEGY);
        if (!StrategyKeys.isName(strategy)) {
            throw values.invalid(StrategyKeys.STRATEGY, "a strategy's name is a lower-case letter, then lower-case letters, digits and hyphens");
        }
        return strategy;
    }
}
