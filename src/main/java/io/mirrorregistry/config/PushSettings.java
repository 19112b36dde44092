package io.mirrorregistry.config;

import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * The settings {@code mirror.push.*}.
 *
 * @param registry the name of the registry that takes pushes, unless a route sets another one
 * @param delete whether manifests and blobs may be deleted
 * @param uploads maximum concurrent uploads, from 1 to 1000
 * @param commitTimeout how long a registry may take to respond after the last byte of a blob
 * @param complete maximum bytes of missing blobs that the mirror copies to the registry for one manifest; 0 copies nothing
 */
public record PushSettings(String registry, boolean delete, int uploads, Duration commitTimeout, long complete) {

    /** The name of the setting that names the registry. */
    public static final String REGISTRY = "mirror.push.registry";

    private static final int MOST_UPLOADS = 1000;

    /**
     * Reads the settings.
     *
     * @param registries all defined registries, by name
     * @param access the settings of access control; null if it is off
     * @param plan the names of the registries in {@code mirror.plan}
     * @param warnings receives a sentence if pulls cannot get the pushed images
     * @return null if no registry is set, or if a setting that is needed here was already reported as invalid
     * @throws InvalidSettingException if a setting is invalid
     */
    static PushSettings read(SettingValues values, Map<String, RegistrySettings> registries, AccessSettings access, List<String> plan,
            List<String> warnings) throws InvalidSettingException {
        PushSettings settings = new PushSettings(values.value(REGISTRY), values.bool("mirror.push.delete"), values.number("mirror.push.uploads", 1, MOST_UPLOADS),
                values.duration("mirror.push.commit-timeout"), values.bytes("mirror.push.complete"));
        if (settings.registry.isEmpty() || values.isBroken(REGISTRY) || values.isBroken(RegistryKey.allOf(settings.registry).toString())) {
            return null;
        }
        RegistrySettings target = registries.get(settings.registry);
        if (target == null) {
            throw values.invalid(REGISTRY, "no setting defines a registry of that name; there are: " + String.join(", ", registries.keySet()));
        }
        if (target.isFolder()) {
            throw values.invalid(REGISTRY, "that registry is a folder of images, which takes no pushes; set mirror.registry." + target.name() + ".url");
        }
        if (access == null) {
            if (values.isBroken(AccessSettings.FILE)) {
                return null;
            }
            throw values.invalid(REGISTRY, "pushing needs " + AccessSettings.FILE + ", which says who may; a file with the one line"
                    + " 'rules: [{who: anyone, repositories: \"**\", may: [pull, push]}]' lets everybody push");
        }
        if (!plan.contains(target.name()) && !values.isBroken(PlanReader.PLAN)) {
            warnings.add(REGISTRY + "=" + target.name() + ": " + PlanReader.PLAN + " does not name that registry, so "
                    + (target.serves().isEmpty() ? "pulls never ask it" : "it takes only images of " + String.join(", ", target.serves())));
        }
        return settings;
    }
}
