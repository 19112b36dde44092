package io.mirrorregistry.config;

import io.mirrorregistry.protocol.UrlHost;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;

/** Checks settings that say where a registry is. */
final class RegistryUrls {

    private static final String FOLDER = "oci:";
    private static final Set<String> DOCKER_HUB = Set.of("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com");

    private final SettingValues values;
    private final Path directory;

    /** @param directory where relative paths start */
    RegistryUrls(SettingValues values, Path directory) {
        this.values = values;
        this.directory = directory;
    }

    /** Returns whether a registry is Docker Hub itself, where images without a namespace are in {@code library/}. */
    static boolean isDockerHub(URI url) {
        return DOCKER_HUB.contains(UrlHost.of(url).toLowerCase(Locale.ROOT));
    }

    /**
     * Reads {@code oci:FOLDER}; returns null for anything else.
     *
     * @throws InvalidSettingException when no path follows
     */
    Path folder(String name) throws InvalidSettingException {
        String value = values.value(name);
        if (!value.regionMatches(true, 0, FOLDER, 0, FOLDER.length())) {
            return null;
        }
        String path = value.substring(FOLDER.length()).strip();
        if (path.isEmpty() || path.startsWith("//")) {
            throw values.invalid(name, "the path of a folder follows " + FOLDER + ", such as oci:images; write https://… for a registry");
        }
        try {
            return directory.resolve(path);
        } catch (InvalidPathException e) {
            throw values.invalid(name, "the path of a folder follows " + FOLDER + ", and this is no path");
        }
    }

    /**
     * Reads the base URL of a registry, without a slash at its end.
     *
     * @throws InvalidSettingException for anything but an http or https URL of a host, a port and a path
     */
    URI url(String name) throws InvalidSettingException {
        String value = values.value(name);
        String expected = "it is no URL of a registry; write e.g. https://registry.example.com";
        try {
            if (value.indexOf('@') >= 0) {
                throw new InvalidSettingException(name, "***", "an account does not belong into a URL; set "
                        + name.substring(0, name.lastIndexOf('.')) + ".username and .password");
            }
            URI url = new URI(value);
            boolean http = "http".equalsIgnoreCase(url.getScheme()) || "https".equalsIgnoreCase(url.getScheme());
            if (!http || UrlHost.of(url) == null || url.getRawQuery() != null || url.getRawFragment() != null
                    || UrlHost.port(url) > 65535 || UrlHost.port(url) == 0) {
                throw values.invalid(name, expected);
            }
            String path = url.getRawPath() == null ? "" : url.getRawPath();
            while (path.endsWith("/")) {
                path = path.substring(0, path.length() - 1);
            }
            if (path.endsWith("/v2")) {
                throw values.invalid(name, "leave out /v2, the mirror adds it");
            }
            return new URI(url.getScheme().toLowerCase(Locale.ROOT) + "://" + url.getRawAuthority() + path);
        } catch (URISyntaxException e) {
            throw values.invalid(name, expected);
        }
    }
}
