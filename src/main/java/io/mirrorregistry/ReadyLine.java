package io.mirrorregistry;

import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.config.Settings;
import java.util.StringJoiner;

/** Writes the last line of a start: where clients pull, where people look, and which registries are asked, without any secret. */
final class ReadyLine {

    private ReadyLine() {
    }

    /** Returns the line; of the ports as they are reached on this machine. */
    static String of(Settings settings) {
        StringJoiner line = new StringJoiner(", ", "ready: ", "");
        line.add("pulls on " + (settings.server().tls() == null ? "http" : "https") + "://localhost:" + settings.server().port());
        line.add("status page http://localhost:" + settings.managementPort() + "/");
        for (String name : settings.order()) {
            line.add(name + " " + registry(settings.registries().get(name), settings.isDefaultUrl(name)));
        }
        return line.toString();
    }

    private static String registry(RegistrySettings registry, boolean isDefault) {
        if (registry.isFolder()) {
            String folder = registry.folder().toString();
            return "folder " + folder + (folder.endsWith("/") ? "" : "/");
        }
        Credentials account = registry.account().current();
        return registry.url() + (isDefault ? " (the default, a public registry)" : "") + (account == null ? "" : " as " + account.username())
                + (registry.proxy() == null ? "" : " by way of " + registry.proxy());
    }
}
