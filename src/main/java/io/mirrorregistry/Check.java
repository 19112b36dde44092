package io.mirrorregistry;

import io.mirrorregistry.access.Access;
import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.config.SettingsReader;
import io.mirrorregistry.config.TlsSettings;
import io.mirrorregistry.rehearsal.Rehearsal;
import io.mirrorregistry.reload.RouteCheck;
import io.mirrorregistry.server.tls.ClientsTls;
import io.mirrorregistry.warm.list.WarmFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.camel.main.MainConfigurationProperties;

/** The command {@code check}: finds all that is wrong with the settings, the certificates, the files of access and warming, the folders of images and the routes, without serving anything. */
final class Check {

    /**
     * What a check finds, a line each.
     *
     * @param faults what keeps the mirror from working as it is meant to
     * @param warnings what is found in settings and has no meaning
     */
    record Findings(List<String> faults, List<String> warnings) {
    }

    private final Path directory;
    private final Map<String, String> environment;
    private final List<String> faults = new ArrayList<>();
    private final Set<String> broken = new HashSet<>();

    private Check(Path directory, Map<String, String> environment) {
        this.directory = directory;
        this.environment = environment;
    }

    /**
     * Checks a working directory.
     *
     * @param environment the environment variables
     */
    static Findings run(Path directory, Map<String, String> environment) {
        return new Check(directory, environment).run();
    }

    /** A setting that cannot work is replaced by one that does, so that the check goes on. */
    private Findings run() {
        while (true) {
            try {
                Settings settings = SettingsReader.read(directory, environment, Version.current(), broken);
                ClientsTls tls = settings.server().tls() == null ? null : new ClientsTls(settings.server().tls());
                Mirror.pattern(directory.resolve(Mirror.ROUTES));
                try (Parts parts = new Parts(settings, Version.current(), tls, null, null)) {
                    faults.addAll(faults(parts));
                }
                List<String> warnings = new ArrayList<>(settings.warnings());
                if (settings.access() != null) {
                    Access.check(settings.access(), faults, warnings);
                }
                if (settings.warm() != null && settings.warm().file() != null) {
                    WarmFile.check(settings.warm().file(), faults, warnings);
                }
                if (tls != null && tls.fault().isEmpty()) {
                    tls.problem().ifPresent(warnings::add);
                }
                return new Findings(faults, warnings);
            } catch (InvalidSettingException e) {
                if (broken.contains(e.setting())) {
                    // Nothing that works could take its place.
                    return new Findings(faults, List.of());
                }
                faults.add(e.getMessage());
                if (e.setting() == null) {
                    return new Findings(faults, List.of());
                }
                broken.add(e.setting());
                if (TlsSettings.BOTH.contains(e.setting())) {
                    // Where one is at fault, nothing can be said of the other.
                    broken.addAll(TlsSettings.BOTH);
                }
            }
        }
    }

    private List<String> faults(Parts parts) {
        List<String> found = new ArrayList<>();
        if (parts.tls() != null) {
            parts.tls().fault().ifPresent(found::add);
        }
        parts.folders().forEach((name, images) -> images.problem().ifPresent(problem -> found.add(
                parts.settings().places().locate(Mirror.folderSetting(parts.settings(), name) + ": " + problem))));
        Path routes = directory.resolve(Mirror.ROUTES);
        RouteCheck check = new RouteCheck(parts.beans(), parts.environment(new MainConfigurationProperties()), new Rehearsal(parts.settings()));
        (Files.isDirectory(routes) ? check.faults(routes) : check.faultsWithoutFolder()).forEach(fault -> found.add(fault.toString()));
        return found;
    }
}
