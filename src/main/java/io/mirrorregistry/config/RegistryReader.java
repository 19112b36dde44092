package io.mirrorregistry.config;

import io.mirrorregistry.protocol.Namespace;
import io.mirrorregistry.protocol.RepositoryName;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Checks the settings of registries, {@code mirror.registry.NAME.*}. */
final class RegistryReader {

    /** The registry that may be without a url. */
    private static final String COLD = "cold";
    private static final Set<String> BOOLEANS = Set.of("true", "false");
    private static final Set<String> OWN_HEADERS = Set.of("authorization", "host", "content-length", "transfer-encoding", "connection", "accept", "range");
    /** Settings that need a connection. Those with a default are not among them: they are set for each registry. */
    private static final List<String> MEANINGLESS_FOR_A_FOLDER = List.of("username", "password", "password-file", "public-url", "token-hosts",
            "ca-certificate", "proxy");

    private final Map<String, String> text;
    private final SettingValues values;
    private final CertificateFile certificates;
    private final RegistryUrls urls;
    private final AccountReader accounts;
    private final Path images;
    private final String version;
    private final List<String> warnings;
    private final Set<String> leftOut = new TreeSet<>();

    /**
     * @param directory where relative paths start
     * @param images the folder of images that is cold while that has no url
     * @param version this mirror's version, for the User-Agent
     * @param warnings gets a sentence for each setting that can work, but hardly as it was meant
     */
    RegistryReader(Map<String, String> text, SettingValues values, Path directory, Path images, String version, List<String> warnings) {
        this.text = text;
        this.values = values;
        this.certificates = new CertificateFile(values, directory);
        this.urls = new RegistryUrls(values, directory);
        this.accounts = new AccountReader(values, directory);
        this.images = images;
        this.version = version;
        this.warnings = warnings;
    }

    /**
     * Reads those of all registries, in the order of their names.
     *
     * @throws InvalidSettingException for the first setting that cannot work
     */
    Map<String, RegistrySettings> read() throws InvalidSettingException {
        Map<String, RegistrySettings> registries = new LinkedHashMap<>();
        for (String name : RegistryNames.of(text.keySet())) {
            if (isUnused(name)) {
                leftOut.add(name);
            } else {
                registries.put(name, read(name));
            }
        }
        for (RegistrySettings registry : registries.values()) {
            refuseContradiction(registry, registries);
        }
        return registries;
    }

    /** Returns the names of the registries that {@link #read()} left out, since nothing uses them. */
    Set<String> leftOut() {
        return Set.copyOf(leftOut);
    }

    /**
     * Returns whether the registry is one of those that the jar carries, all its settings are the defaults, and {@code mirror.plan} does not
     * name it: a mirror of other registries does not probe these. The folder of images is a setting of cold, while that has no url.
     */
    private boolean isUnused(String name) {
        String prefix = RegistryKey.PREFIX + name + ".";
        Map<String, String> carried = SettingsSource.carried();
        return carried.containsKey(prefix + "url") && Arrays.stream(values.value(PlanReader.PLAN).split(",")).noneMatch(planned -> planned.strip().equals(name))
                && text.entrySet().stream().filter(setting -> setting.getKey().startsWith(prefix))
                        .allMatch(setting -> setting.getValue().equals(carried.get(setting.getKey())))
                && !(name.equals(COLD) && !values.value(SettingsReader.IMAGES).equals(carried.get(SettingsReader.IMAGES)));
    }

    private RegistrySettings read(String name) throws InvalidSettingException {
        String prefix = RegistryKey.PREFIX + name + ".";
        Path folder = folder(name, prefix + "url");
        URI url = folder != null ? null : urls.url(prefix + "url");
        RegistrySettings registry = new RegistrySettings(
                name,
                url,
                accounts.read(name),
                headers(prefix + RegistryKey.HEADERS),
                BlobsMode.valueOf(values.oneOf(prefix + "blobs", Set.of("auto", "redirect", "proxy"), "auto").toUpperCase(Locale.ROOT)),
                values.value(prefix + "public-url").isEmpty() ? url : urls.url(prefix + "public-url"),
                values.duration(prefix + "connect-timeout", "2s"),
                values.duration(prefix + "response-timeout", "8s"),
                values.durationOrZero(prefix + "patience", "2s"),
                hosts(prefix + "token-hosts"),
                certificates.read(prefix + "ca-certificate", warnings),
                ProxySettings.read(values, prefix + "proxy"),
                serves(prefix + "serves"),
                prefix(prefix + "prefix"),
                library(prefix + "library", url),
                folder);
        if (registry.isFolder()) {
            warnOfCalls(prefix);
        }
        return registry;
    }

    private Path folder(String name, String setting) throws InvalidSettingException {
        if (!values.value(setting).isEmpty()) {
            return urls.folder(setting);
        }
        if (!name.equals(COLD)) {
            throw values.invalid(setting, "only cold may be without a url; write e.g. https://registry.example.com");
        }
        return images;
    }

    /** A folder is not called, so what belongs to calls is likely meant for another registry. */
    private void warnOfCalls(String prefix) {
        for (String setting : text.keySet()) {
            boolean header = setting.startsWith(prefix + RegistryKey.HEADERS);
            if (header || setting.startsWith(prefix) && MEANINGLESS_FOR_A_FOLDER.contains(setting.substring(prefix.length())) && !values.value(setting).isEmpty()) {
                warnings.add(setting + " has no meaning for a folder of images and is ignored");
            }
        }
    }

    private Map<String, String> headers(String prefix) throws InvalidSettingException {
        Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        headers.put("User-Agent", "mirror-registry/" + version);
        for (Map.Entry<String, String> setting : text.entrySet()) {
            if (setting.getKey().startsWith(prefix)) {
                String header = setting.getKey().substring(prefix.length());
                if (!isToken(header) || SettingValues.hasControlCharacter(setting.getValue())) {
                    throw new InvalidSettingException(setting.getKey(), "***", "it is no HTTP header");
                }
                if (OWN_HEADERS.contains(header.toLowerCase(Locale.ROOT))) {
                    throw new InvalidSettingException(setting.getKey(), "***", "the mirror sets that header itself");
                }
                headers.put(header, setting.getValue());
            }
        }
        return headers;
    }

    private List<String> hosts(String name) throws InvalidSettingException {
        List<String> hosts = new ArrayList<>();
        for (String host : values.value(name).split(",")) {
            String stripped = host.strip().toLowerCase(Locale.ROOT);
            if (!stripped.isEmpty()) {
                if (stripped.indexOf('/') >= 0 || stripped.indexOf(' ') >= 0) {
                    throw values.invalid(name, "it is a list of host names with commas between, such as auth.example.com");
                }
                hosts.add(stripped);
            }
        }
        return List.copyOf(hosts);
    }

    private List<String> serves(String name) throws InvalidSettingException {
        List<String> namespaces = values.list(name).stream().map(Namespace::toLowerCase).distinct().toList();
        for (String namespace : namespaces) {
            if (!Namespace.isValid(namespace)) {
                throw values.invalid(name, "it is a list of host names with commas between, such as docker.io, localhost:5000; "
                        + (namespace.isEmpty() ? "one is empty" : namespace + " is none"));
            }
            if (!isHostOfImages(namespace)) {
                throw values.invalid(name, namespace + " is not the host of an image; such a host has a dot or a port, or is localhost");
            }
        }
        return namespaces;
    }

    /**
     * Returns whether the first part of an image's name can be this host. Otherwise it is a part of the repository's name, as in library/alpine.
     *
     * @see <a href="https://github.com/distribution/reference/blob/v0.6.0/normalize.go">distribution/reference, splitDockerDomain</a>
     */
    private static boolean isHostOfImages(String namespace) {
        return namespace.indexOf('.') >= 0 || namespace.indexOf(':') >= 0 || namespace.equals("localhost");
    }

    private String prefix(String name) throws InvalidSettingException {
        String prefix = values.value(name);
        if (!prefix.isEmpty() && !(prefix.endsWith("/") && RepositoryName.isValid(prefix + "a"))) {
            throw values.invalid(name, "it is the beginning of a repository's name, in lower case and with / at its end, such as dockerhub-proxy/");
        }
        return prefix;
    }

    private boolean library(String name, URI url) throws InvalidSettingException {
        if (values.value(name).isEmpty()) {
            return url != null && RegistryUrls.isDockerHub(url);
        }
        return values.oneOf(name, BOOLEANS).equals("true");
    }

    /** A name with such a prefix would belong to the namespace, and so to other registries than the one that was asked. */
    private void refuseContradiction(RegistrySettings registry, Map<String, RegistrySettings> all) throws InvalidSettingException {
        String first = registry.prefix().substring(0, Math.max(0, registry.prefix().indexOf('/')));
        for (RegistrySettings other : all.values()) {
            if (other.serves().contains(first) && !registry.serves().equals(List.of(first))) {
                throw values.invalid(RegistryKey.PREFIX + registry.name() + ".prefix", other == registry
                        ? "a registry whose prefix begins with the namespace " + first + " serves that namespace only"
                        : first + " is a namespace that the registry " + other.name() + " serves; only a registry that serves it, "
                                + "and nothing else, may have that prefix");
            }
        }
    }

    private static boolean isToken(String header) {
        return !header.isEmpty() && header.chars().allMatch(c -> c > ' ' && c < 127 && "()<>@,;:\\\"/[]?={}".indexOf(c) < 0);
    }
}
