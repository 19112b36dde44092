package io.mirrorregistry.config;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Checks the settings of registries, {@code mirror.registry.NAME.*}. */
final class RegistryReader {

    /** What their names begin with. */
    static final String REGISTRY = "mirror.registry.";
    private static final Set<String> SETTINGS = Set.of("url", "username", "password", "blobs", "public-url",
            "connect-timeout", "response-timeout", "token-hosts", "ca-certificate", "proxy");
    /** What routes call their steps, and therefore no registry. */
    private static final Set<String> STEPS = Set.of("request", "answer", "manifest", "blob", "stream", "tags", "referrers", "failures",
            "cache", "folder", "vertx", "route-files", "server-certificate");

    private final Map<String, String> text;
    private final SettingValues values;
    private final CertificateFile certificates;
    private final String version;
    private final List<String> warnings;

    /**
     * @param certificates reads files of certificates
     * @param version this mirror's version, for the User-Agent
     * @param warnings gets a sentence for each setting that can work, but hardly as it was meant
     */
    RegistryReader(Map<String, String> text, SettingValues values, CertificateFile certificates, String version, List<String> warnings) {
        this.text = text;
        this.values = values;
        this.certificates = certificates;
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
        for (String name : names()) {
            registries.put(name, read(name));
        }
        return registries;
    }

    /** Returns whether a setting is one that any registry may have. */
    static boolean isKnown(String setting) {
        return setting.startsWith(REGISTRY)
                && (setting.contains(".headers.") || SETTINGS.contains(setting.substring(setting.lastIndexOf('.') + 1)));
    }

    private Set<String> names() throws InvalidSettingException {
        Set<String> names = new TreeSet<>();
        for (String setting : text.keySet()) {
            if (setting.startsWith(REGISTRY)) {
                int dot = setting.indexOf('.', REGISTRY.length());
                if (dot < 0) {
                    throw new InvalidSettingException(setting + " cannot work: a registry's settings are " + REGISTRY + "NAME.SETTING");
                }
                String name = setting.substring(REGISTRY.length(), dot);
                if (STEPS.contains(name)) {
                    throw new InvalidSettingException(setting + " cannot work: routes have a step of the name " + name);
                }
                names.add(name);
            }
        }
        return names;
    }

    private RegistrySettings read(String name) throws InvalidSettingException {
        String prefix = REGISTRY + name + ".";
        boolean folder = values.value(prefix + "url").isEmpty();
        if (folder && !name.equals("cold")) {
            throw values.invalid(prefix + "url", "only cold may be without a url; write e.g. https://registry.example.com");
        }
        URI url = folder ? null : url(prefix + "url");
        String publicUrl = values.value(prefix + "public-url");
        return new RegistrySettings(
                name,
                url,
                credentials(prefix),
                headers(prefix + "headers."),
                BlobsMode.valueOf(values.oneOf(prefix + "blobs", Set.of("auto", "redirect", "proxy"), "auto").toUpperCase(Locale.ROOT)),
                publicUrl.isEmpty() ? url : url(prefix + "public-url"),
                values.duration(prefix + "connect-timeout", "2s"),
                values.duration(prefix + "response-timeout", "8s"),
                hosts(prefix + "token-hosts"),
                certificates.read(prefix + "ca-certificate", warnings),
                ProxySettings.read(values, prefix + "proxy"));
    }

    private Credentials credentials(String prefix) throws InvalidSettingException {
        String username = values.value(prefix + "username");
        String password = values.value(prefix + "password");
        if (username.isEmpty() && password.isEmpty()) {
            return null;
        }
        if (username.isEmpty()) {
            throw new InvalidSettingException(prefix + "password", "***", prefix + "username is empty");
        }
        if (username.indexOf(':') >= 0) {
            throw values.invalid(prefix + "username", "a user name has no colon");
        }
        if (hasControlCharacter(username) || hasControlCharacter(password)) {
            throw new InvalidSettingException(prefix + "username and " + prefix + "password cannot work: one has a control character");
        }
        return new Credentials(username, password);
    }

    private Map<String, String> headers(String prefix) throws InvalidSettingException {
        Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        headers.put("User-Agent", "mirror-registry/" + version);
        for (Map.Entry<String, String> setting : text.entrySet()) {
            if (setting.getKey().startsWith(prefix)) {
                String header = setting.getKey().substring(prefix.length());
                if (!isToken(header) || hasControlCharacter(setting.getValue())) {
                    throw new InvalidSettingException(setting.getKey(), "***", "it is no HTTP header");
                }
                if (Set.of("authorization", "host", "content-length", "transfer-encoding", "connection", "accept", "range")
                        .contains(header.toLowerCase(Locale.ROOT))) {
                    throw new InvalidSettingException(setting.getKey(), "***", "the mirror sets that header itself");
                }
                headers.put(header, setting.getValue());
            }
        }
        return headers;
    }

    private URI url(String name) throws InvalidSettingException {
        String value = values.value(name);
        String expected = "it is no URL of a registry; write e.g. https://registry.example.com";
        try {
            if (value.indexOf('@') >= 0) {
                throw new InvalidSettingException(name, "***", "an account does not belong into a URL; set "
                        + name.substring(0, name.lastIndexOf('.')) + ".username and .password");
            }
            URI url = new URI(value);
            String host = url.getRawAuthority() == null ? "" : url.getRawAuthority().replaceFirst(":[0-9]*$", "");
            if (url.getHost() == null && host.indexOf('_') >= 0) {
                throw values.invalid(name, "a host name has no underscore (" + host + "); give the registry another name, in compose a network alias");
            }
            boolean http = "http".equalsIgnoreCase(url.getScheme()) || "https".equalsIgnoreCase(url.getScheme());
            if (!http || url.getHost() == null || url.getRawQuery() != null || url.getRawFragment() != null
                    || url.getPort() > 65535 || url.getPort() == 0) {
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

    private static boolean isToken(String header) {
        return !header.isEmpty() && header.chars().allMatch(c -> c > ' ' && c < 127 && "()<>@,;:\\\"/[]?={}".indexOf(c) < 0);
    }

    private static boolean hasControlCharacter(String value) {
        return value.chars().anyMatch(c -> c < ' ' || c == 127);
    }
}
