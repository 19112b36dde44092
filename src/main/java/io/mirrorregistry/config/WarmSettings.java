package io.mirrorregistry.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The settings {@code mirror.warm.*}.
 *
 * @param to the name of the registry to which images are copied
 * @param after the number of pulls after which an image is copied, from 1 to 1000
 * @param file the lists of images that are copied without a pull, which need not be there; null for none
 * @param parallel maximum images that are copied at a time, from 1 to 100
 * @param bandwidth maximum bytes a second that are copied; 0 for no limit
 * @param store the database of the queue
 */
public record WarmSettings(String to, int after, Path file, int parallel, long bandwidth, StoreSettings store) {

    /** The name of the setting that names the registry. */
    public static final String TO = "mirror.warm.to";
    /** The name of the setting with the file of lists. */
    public static final String FILE = "mirror.warm.file";

    private static final String BANDWIDTH = "mirror.warm.bandwidth";
    private static final String ORDERED = "ordered";
    private static final int MOST_PULLS = 1000;
    private static final int MOST_PARALLEL = 100;
    private static final long LEAST_BANDWIDTH = 64 * 1024;

    /**
     * Reads the settings.
     *
     * @param directory where relative paths start
     * @param registries all defined registries, by name
     * @param plan the names of the registries in {@code mirror.plan}
     * @param warnings receives a sentence if the file is ignored, or if pulls ask the registry never or last
     * @return null if no registry is set, or if a setting that is needed here was already reported as invalid
     * @throws InvalidSettingException if a setting is invalid
     */
    static WarmSettings read(SettingValues values, Path directory, Map<String, RegistrySettings> registries, List<String> plan, List<String> warnings)
            throws InvalidSettingException {
        String to = values.value(TO);
        int after = values.number("mirror.warm.after", 1, MOST_PULLS);
        int parallel = values.number("mirror.warm.parallel", 1, MOST_PARALLEL);
        long bandwidth = values.value(BANDWIDTH).isEmpty() ? 0 : values.bytes(BANDWIDTH, "20MB");
        if (bandwidth != 0 && bandwidth < LEAST_BANDWIDTH) {
            throw values.invalid(BANDWIDTH, "it is at least " + LEAST_BANDWIDTH / 1024 + "KB");
        }
        // Without a registry nothing uses the database. A registry that is invalid was reported before.
        StoreSettings store = to.isEmpty() && !values.isBroken(TO) ? null : StoreSettings.read(values, directory);
        if (to.isEmpty() && !values.isBroken(TO) && !values.value(FILE).isEmpty()) {
            warnings.add(FILE + "=" + InvalidSettingException.beginning(values.value(FILE)) + ": the file is ignored, because " + TO
                    + " is not set, so nothing is copied");
        }
        if (to.isEmpty() || values.isBroken(TO) || values.isBroken(RegistryKey.allOf(to).toString())) {
            return null;
        }
        RegistrySettings target = registries.get(to);
        if (target == null) {
            throw values.invalid(TO, "no setting defines a registry of that name; there are: " + String.join(", ", registries.keySet()));
        }
        if (target.isFolder()) {
            throw values.invalid(TO, "that registry is a folder of images, which takes no copies; set mirror.registry." + to + ".url");
        }
        if (!values.isBroken(PlanReader.PLAN)) {
            warnOfOrder(to, target, plan, values.value(StrategyKeys.STRATEGY).equals(ORDERED), warnings);
        }
        return new WarmSettings(to, after, values.value(FILE).isEmpty() ? null : values.folder(FILE, directory), parallel, bandwidth, store);
    }

    /**
     * Warns if pulls ask the registry never, or after all others: then clients hardly get a copy.
     *
     * @param ordered whether pulls ask the registries in the order of the plan
     */
    private static void warnOfOrder(String to, RegistrySettings target, List<String> plan, boolean ordered, List<String> warnings) {
        if (!plan.contains(to) && target.serves().isEmpty()) {
            warnings.add(TO + "=" + to + ": " + PlanReader.PLAN + " does not name that registry, so pulls never ask it, and nothing is copied unless a route"
                    + " plans it");
        } else if (ordered && plan.size() > 1 && plan.indexOf(to) == plan.size() - 1) {
            warnings.add(TO + "=" + to + ": " + PlanReader.PLAN + " names that registry last, so pulls find an image at the others first, and hardly use the copies"
                    + "; name it first");
        }
    }
}
