package io.mirrorregistry.config;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;

/** Checks settings that are text and gives them their types. */
public final class SettingsReader {

    private static final String REGISTRY = "mirror.registry.";
    private static final Set<String> REGISTRY_SETTINGS = Set.of("url", "username", "password", "blobs", "public-url",
            "connect-timeout", "response-timeout", "token-hosts");
    /** What routes call their steps, and therefore no registry. */
    private static final Set<String> STEPS = Set.of("request", "answer", "manifest", "blob", "stream", "tags", "referrers", "failures",
            "cache", "folder", "vertx", "route-files");
    private static final long MEGABYTE = 1024 * 1024;
    private static final Set<String> LEVELS = Set.of("error", "warn", "info", "debug", "trace");
    private static final Set<String> FORMATS = Set.of("json", "console");

    private final Map<String, String> text;
    private final Path directory;
    private final String version;
    private final List<String> warnings = new ArrayList<>();

    private SettingsReader(SettingsSource source, Path directory, String version) throws InvalidSettingException {
        this.text = source.read(warnings);
        this.directory = directory;
        this.version = version;
    }

    /**
     * Reads the settings.
     *
     * @param directory the working directory: files are looked for there, and relative paths start there
     * @param environment the environment variables
     * @param version this mirror's version, for the User-Agent
     * @throws InvalidSettingException for the first setting that cannot work
     */
    public static Settings read(Path directory, Map<String, String> environment, String version)
            throws InvalidSettingException {
        return new SettingsReader(new SettingsSource(directory, environment), directory, version).settings();
    }

    /** Returns the same as text for Camel, for placeholders in routes: Camel's own settings, and the mirror's without secrets. */
    private Map<String, String> placeholders(Settings.ServerSettings server, Map<String, RegistrySettings> registries) {
        Map<String, String> all = new TreeMap<>(text);
        all.keySet().removeIf(name -> name.startsWith(REGISTRY) && (name.contains(".headers.") || name.endsWith(".password")));
        all.put("mirror.server.calls-per-registry", String.valueOf(server.callsPerRegistry()));
        for (RegistrySettings registry : registries.values()) {
            all.put(REGISTRY + registry.name() + ".url", registry.isFolder() ? "" : registry.url().toString());
        }
        return all;
    }

    private Settings settings() throws InvalidSettingException {
        Map<String, RegistrySettings> registries = new LinkedHashMap<>();
        for (String name : registryNames()) {
            registries.put(name, registry(name));
        }
        warnOfUnknown();
        int port = port("mirror.server.port");
        int managementPort = port("mirror.management.port");
        if (port == managementPort) {
            throw invalid("mirror.management.port", "it is the clients' port; choose another");
        }
        Settings.ServerSettings server = server(port);
        return new Settings(
                server,
                managementPort,
                duration("mirror.health.interval"),
                breaker(),
                registries,
                new Settings.RouteSettings(oneOf("mirror.routes.reload", Set.of("true", "false")).equals("true"),
                        duration("mirror.routes.reload-interval")),
                imagesDirectory(),
                cache(),
                new Settings.LoggingSettings(oneOf("mirror.logging.level", LEVELS), oneOf("mirror.logging.format", FORMATS)),
                placeholders(server, registries),
                List.copyOf(warnings));
    }

    private Settings.ServerSettings server(int port) throws InvalidSettingException {
        int workers = number("mirror.server.workers", 1, 10_000);
        return new Settings.ServerSettings(
                port,
                workers,
                number("mirror.server.requests", workers, 1_000_000),
                duration("mirror.server.queue-time"),
                value("mirror.server.calls-per-registry").isEmpty() ? Math.max(1, workers / 2)
                        : number("mirror.server.calls-per-registry", 1, workers),
                duration("mirror.server.idle-timeout"),
                number("mirror.server.max-request-line", 512, 1024 * 1024),
                number("mirror.server.max-headers", 1024, 1024 * 1024),
                duration("mirror.server.shutdown-timeout"));
    }

    private Settings.BreakerSettings breaker() throws InvalidSettingException {
        int calls = number("mirror.breaker.calls", 1, 100_000);
        return new Settings.BreakerSettings(
                number("mirror.breaker.failure-rate", 1, 100),
                calls,
                number("mirror.breaker.minimum-calls", 1, calls),
                duration("mirror.breaker.probe-interval"),
                number("mirror.breaker.trial-calls", 1, 1000));
    }

    private Settings.CacheSettings cache() throws InvalidSettingException {
        long size = bytes("mirror.cache.size");
        if (size > Runtime.getRuntime().maxMemory() / 2) {
            throw invalid("mirror.cache.size", "it is more than half of the memory that Java may use ("
                    + Runtime.getRuntime().maxMemory() / MEGABYTE + "MB); lower it, or raise -Xmx");
        }
        return new Settings.CacheSettings(size, durationOrZero("mirror.cache.tag-ttl"), durationOrZero("mirror.cache.miss-ttl"),
                durationOrZero("mirror.cache.blob-ttl"), durationOrZero("mirror.cache.stale-if-error"));
    }

    private Set<String> registryNames() throws InvalidSettingException {
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

    private RegistrySettings registry(String name) throws InvalidSettingException {
        String prefix = REGISTRY + name + ".";
        boolean folder = value(prefix + "url").isEmpty();
        if (folder && !name.equals("cold")) {
            throw invalid(prefix + "url", "only cold may be without a url; write e.g. https://registry.example.com");
        }
        URI url = folder ? null : url(prefix + "url");
        String publicUrl = value(prefix + "public-url");
        return new RegistrySettings(
                name,
                url,
                credentials(prefix),
                headers(prefix + "headers."),
                BlobsMode.valueOf(oneOf(prefix + "blobs", Set.of("auto", "redirect", "proxy"), "auto").toUpperCase(Locale.ROOT)),
                publicUrl.isEmpty() ? url : url(prefix + "public-url"),
                duration(prefix + "connect-timeout", "2s"),
                duration(prefix + "response-timeout", "8s"),
                hosts(prefix + "token-hosts"));
    }

    private Credentials credentials(String prefix) throws InvalidSettingException {
        String username = value(prefix + "username");
        String password = value(prefix + "password");
        if (username.isEmpty() && password.isEmpty()) {
            return null;
        }
        if (username.isEmpty()) {
            throw new InvalidSettingException(prefix + "password=*** cannot work: " + prefix + "username is empty");
        }
        if (username.indexOf(':') >= 0) {
            throw invalid(prefix + "username", "a user name has no colon");
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
                    throw new InvalidSettingException(setting.getKey() + "=*** cannot work: it is no HTTP header");
                }
                if (Set.of("authorization", "host", "content-length", "transfer-encoding", "connection", "accept", "range")
                        .contains(header.toLowerCase(Locale.ROOT))) {
                    throw new InvalidSettingException(setting.getKey() + "=*** cannot work: the mirror sets that header itself");
                }
                headers.put(header, setting.getValue());
            }
        }
        return headers;
    }

    private URI url(String name) throws InvalidSettingException {
        String value = value(name);
        String expected = "it is no URL of a registry; write e.g. https://registry.example.com";
        try {
            if (value.indexOf('@') >= 0) {
                throw new InvalidSettingException(name, "***", "an account does not belong into a URL; set "
                        + name.substring(0, name.lastIndexOf('.')) + ".username and .password");
            }
            URI url = new URI(value);
            String host = url.getRawAuthority() == null ? "" : url.getRawAuthority().replaceFirst(":[0-9]*$", "");
            if (url.getHost() == null && host.indexOf('_') >= 0) {
                throw invalid(name, "a host name has no underscore (" + host + "); give the registry another name, in compose a network alias");
            }
            boolean http = "http".equalsIgnoreCase(url.getScheme()) || "https".equalsIgnoreCase(url.getScheme());
            if (!http || url.getHost() == null || url.getRawQuery() != null || url.getRawFragment() != null
                    || url.getPort() > 65535 || url.getPort() == 0) {
                throw invalid(name, expected);
            }
            String path = url.getRawPath() == null ? "" : url.getRawPath();
            while (path.endsWith("/")) {
                path = path.substring(0, path.length() - 1);
            }
            if (path.endsWith("/v2")) {
                throw invalid(name, "leave out /v2, the mirror adds it");
            }
            return new URI(url.getScheme().toLowerCase(Locale.ROOT) + "://" + url.getRawAuthority() + path);
        } catch (URISyntaxException e) {
            throw invalid(name, expected);
        }
    }

    private List<String> hosts(String name) throws InvalidSettingException {
        List<String> hosts = new ArrayList<>();
        for (String host : value(name).split(",")) {
            String stripped = host.strip().toLowerCase(Locale.ROOT);
            if (!stripped.isEmpty()) {
                if (stripped.indexOf('/') >= 0 || stripped.indexOf(' ') >= 0) {
                    throw invalid(name, "it is a list of host names with commas between, such as auth.example.com");
                }
                hosts.add(stripped);
            }
        }
        return List.copyOf(hosts);
    }

    private Path imagesDirectory() throws InvalidSettingException {
        try {
            return directory.resolve(value("mirror.images.directory"));
        } catch (InvalidPathException e) {
            throw invalid("mirror.images.directory", "it is no path");
        }
    }

    private int port(String name) throws InvalidSettingException {
        return number(name, 1, 65535);
    }

    private int number(String name, int least, int most) throws InvalidSettingException {
        try {
            int number = Integer.parseInt(value(name));
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // refused below, like a number outside the bounds
        }
        throw invalid(name, "it is to be a number from " + least + " to " + most);
    }

    private long bytes(String name) throws InvalidSettingException {
        String value = value(name);
        int digits = digits(value);
        long unit = switch (value.substring(digits)) {
            case "KB" -> 1024;
            case "MB" -> MEGABYTE;
            case "GB" -> 1024 * MEGABYTE;
            case "" -> value.equals("0") ? 1 : 0;
            default -> 0;
        };
        if (digits == 0 || unit == 0) {
            throw invalid(name, "a size is a number with KB, MB or GB, such as " + SettingsSource.carried().get(name) + ", or 0");
        }
        return Long.parseLong(value.substring(0, digits)) * unit;
    }

    private Duration durationOrZero(String name) throws InvalidSettingException {
        String value = value(name);
        return value.equals("0") || value.equals("0s") ? Duration.ZERO : duration(name);
    }

    private static int digits(String value) {
        int digits = 0;
        while (digits < value.length() && Character.isDigit(value.charAt(digits)) && digits < 9) {
            digits++;
        }
        return digits;
    }

    private Duration duration(String name) throws InvalidSettingException {
        return duration(name, SettingsSource.carried().get(name));
    }

    private Duration duration(String name, String otherwise) throws InvalidSettingException {
        String value = text.getOrDefault(name, otherwise);
        int digits = digits(value);
        TimeUnit unit = switch (value.substring(digits)) {
            case "ms" -> TimeUnit.MILLISECONDS;
            case "s" -> TimeUnit.SECONDS;
            case "m" -> TimeUnit.MINUTES;
            case "h" -> TimeUnit.HOURS;
            default -> null;
        };
        if (digits == 0 || unit == null || Long.parseLong(value.substring(0, digits)) == 0) {
            throw invalid(name, "a time is a number above 0 with ms, s, m or h, such as " + otherwise);
        }
        return Duration.of(Long.parseLong(value.substring(0, digits)), unit.toChronoUnit());
    }

    private String oneOf(String name, Set<String> choices) throws InvalidSettingException {
        return oneOf(name, choices, SettingsSource.carried().get(name));
    }

    private String oneOf(String name, Set<String> choices, String otherwise) throws InvalidSettingException {
        String value = text.getOrDefault(name, otherwise).toLowerCase(Locale.ROOT);
        if (!choices.contains(value)) {
            throw invalid(name, "it is one of " + String.join(", ", new TreeSet<>(choices)));
        }
        return value;
    }

    private void warnOfUnknown() {
        Set<String> known = SettingsSource.carried().keySet();
        for (String name : text.keySet()) {
            boolean registrys = name.startsWith(REGISTRY)
                    && (name.contains(".headers.") || REGISTRY_SETTINGS.contains(name.substring(name.lastIndexOf('.') + 1)));
            if (name.startsWith("mirror.") && !known.contains(name) && !registrys) {
                warnings.add(name + " is not a setting of this mirror and is ignored");
            }
        }
    }

    private String value(String name) {
        return text.getOrDefault(name, "");
    }

    private InvalidSettingException invalid(String name, String expected) {
        return new InvalidSettingException(name, value(name).isEmpty() ? "(empty)" : value(name), expected);
    }

    private static boolean isToken(String header) {
        return !header.isEmpty() && header.chars().allMatch(c -> c > ' ' && c < 127 && "()<>@,;:\\\"/[]?={}".indexOf(c) < 0);
    }

    private static boolean hasControlCharacter(String value) {
        return value.chars().anyMatch(c -> c < ' ' || c == 127);
    }
}
