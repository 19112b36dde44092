package io.mirrorregistry.config;

import io.mirrorregistry.files.NearestName;
import io.mirrorregistry.protocol.UrlHost;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Checks settings that are text and gives them their types. */
public final class SettingsReader {

    /** The setting with the folder of images. */
    static final String IMAGES = "mirror.images.directory";
    private static final int MOST_LOOKAHEAD_CALLS = 50;
    private static final Set<String> LEVELS = Set.of("error", "warn", "info", "debug", "trace");
    private static final Set<String> FORMATS = Set.of("json", "console");

    private final Map<String, String> text;
    private final SettingValues values;
    private final SettingPlaces places;
    private final Path directory;
    private final String version;
    private final List<String> warnings = new ArrayList<>();

    private SettingsReader(SettingsSource source, Path directory, String version, Set<String> broken) throws InvalidSettingException {
        this.text = source.read(warnings);
        this.places = source.places();
        this.values = new SettingValues(text, broken);
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
        return read(directory, environment, version, Set.of());
    }

    /**
     * Reads the settings for a check that goes on after one that cannot work.
     *
     * @param broken settings that are known not to work, in the place of which something is taken that does
     * @throws InvalidSettingException for the first other one
     */
    public static Settings read(Path directory, Map<String, String> environment, String version, Set<String> broken)
            throws InvalidSettingException {
        Map<String, String> variables = new HashMap<>(environment);
        // MIRROR_CONFIG is a variable only.
        variables.keySet().removeAll(broken);
        SettingsReader reader = new SettingsReader(new SettingsSource(directory, variables), directory, version, broken);
        broken.forEach(reader::replace);
        try {
            return reader.settings();
        } catch (InvalidSettingException e) {
            throw reader.places.locate(e);
        }
    }

    private void replace(String setting) {
        RegistryKey key = RegistryKey.of(setting);
        if (key != null && key.isAll()) {
            text.keySet().removeIf(name -> RegistryKey.of(name) != null && RegistryKey.of(name).registry().equals(key.registry()));
            return;
        }
        String otherwise = setting.endsWith(".url") ? "http://127.0.0.1" : SettingsSource.carried().get(setting);
        if (otherwise == null) {
            text.remove(setting);
        } else {
            text.put(setting, otherwise);
        }
    }

    /** Returns the same as text for Camel, for placeholders in routes: Camel's own settings, and the mirror's without secrets. */
    private Map<String, String> placeholders(Settings.ServerSettings server, Map<String, RegistrySettings> registries) {
        Map<String, String> all = new TreeMap<>(text);
        all.keySet().removeIf(name -> name.startsWith(RegistryKey.PREFIX) && (RegistryKey.of(name) == null || !RegistryKey.of(name).isPublic()));
        all.keySet().removeAll(Set.of(AccessSettings.SECRET, StoreSettings.PASSWORD, StoreSettings.URL));
        // Only the strategy knows which of its settings are secrets.
        all.keySet().removeIf(name -> name.startsWith(StrategyKeys.STRATEGY + "."));
        all.put("mirror.server.calls-per-registry", String.valueOf(server.callsPerRegistry()));
        for (RegistrySettings registry : registries.values()) {
            all.put(RegistryKey.PREFIX + registry.name() + ".url", registry.isFolder() ? "" : UrlHost.standIn(registry.url()).toString());
        }
        return all;
    }

    private Settings settings() throws InvalidSettingException {
        Path images = values.folder(IMAGES, directory);
        RegistryReader reader = new RegistryReader(text, values, directory, images, version, warnings);
        Map<String, RegistrySettings> registries = reader.read();
        PlanReader plan = new PlanReader(values);
        plan.requireSomebody(registries.values());
        warnOfUnknown();
        int port = values.port("mirror.server.port");
        int managementPort = values.port("mirror.management.port");
        if (port == managementPort && !values.isBroken("mirror.management.port")) {
            throw values.invalid("mirror.management.port", "it is the clients' port, mirror.server.port; choose another");
        }
        Settings.ServerSettings server = server(port, registries);
        AccessSettings access = AccessSettings.read(values, directory, server.trustedProxies());
        List<String> order = plan.plan(RegistryNames.of(text.keySet()));
        WarmSettings warm = WarmSettings.read(values, directory, registries, order, warnings);
        if (warm != null && !values.isBroken(PlanReader.PLAN)) {
            WarmNamespaces.check(values, warm.to(), registries, order);
        }
        return new Settings(
                server,
                managementPort,
                values.duration("mirror.health.interval"),
                breaker(),
                registries,
                reader.leftOut(),
                order,
                plan.strategy(),
                StrategyKeys.read(text),
                values.folder("mirror.plugins.directory", directory),
                new Settings.RouteSettings(values.bool("mirror.routes.reload"),
                        values.duration("mirror.routes.reload-interval")),
                images,
                cache(),
                new Settings.LookaheadSettings(values.number("mirror.lookahead.calls", 0, MOST_LOOKAHEAD_CALLS),
                        values.durationOrZero("mirror.lookahead.min-latency")),
                access,
                PushSettings.read(values, registries, access, order, warnings),
                warm,
                new Settings.LoggingSettings(values.oneOf("mirror.logging.level", LEVELS), values.oneOf("mirror.logging.format", FORMATS)),
                placeholders(server, registries),
                warnings.stream().map(places::locate).toList(),
                places);
    }

    private Settings.ServerSettings server(int port, Map<String, RegistrySettings> registries) throws InvalidSettingException {
        int workers = values.number("mirror.server.workers", 1, 10_000);
        return new Settings.ServerSettings(
                port,
                workers,
                values.number("mirror.server.requests", workers, 1_000_000),
                values.duration("mirror.server.queue-time"),
                values.duration("mirror.server.answer-time"),
                values.value("mirror.server.calls-per-registry").isEmpty() ? callsPerRegistry(workers, registries)
                        : values.number("mirror.server.calls-per-registry", 1, workers),
                values.duration("mirror.server.idle-timeout"),
                values.duration("mirror.server.head-timeout"),
                values.number("mirror.server.max-request-line", 512, 1024 * 1024),
                values.number("mirror.server.max-headers", 1024, 1024 * 1024),
                values.number("mirror.server.max-header-lines", 10, 10_000),
                values.value("mirror.server.max-connections").isEmpty() ? 0 : values.number("mirror.server.max-connections", 1, 1_000_000),
                values.number("mirror.server.max-pipelined", 1, 10_000),
                values.duration("mirror.server.shutdown-timeout"),
                TlsSettings.read(values, directory),
                Networks.read(values, "mirror.server.trusted-proxies"));
    }

    /** Returns a share of the workers that leaves some for a registry while all others hang; unless there are fewer workers than registries. */
    private static int callsPerRegistry(int workers, Map<String, RegistrySettings> registries) {
        int called = (int) registries.values().stream().filter(registry -> !registry.isFolder()).count();
        return Math.max(1, workers / Math.max(2, called));
    }

    private Settings.BreakerSettings breaker() throws InvalidSettingException {
        int calls = values.number("mirror.breaker.calls", 1, 100_000);
        return new Settings.BreakerSettings(
                values.number("mirror.breaker.failure-rate", 1, 100),
                calls,
                values.number("mirror.breaker.minimum-calls", 1, calls),
                values.duration("mirror.breaker.probe-interval"),
                values.number("mirror.breaker.trial-calls", 1, 1000));
    }

    private Settings.CacheSettings cache() throws InvalidSettingException {
        long size = values.bytes("mirror.cache.size");
        if (size > Runtime.getRuntime().maxMemory() / 2 && !values.isBroken("mirror.cache.size")) {
            throw values.invalid("mirror.cache.size", "it is more than half of the memory that Java may use ("
                    + Runtime.getRuntime().maxMemory() / SettingValues.MEGABYTE + "MB); lower it, or raise -Xmx");
        }
        return new Settings.CacheSettings(size, values.durationOrZero("mirror.cache.tag-ttl"), values.durationOrZero("mirror.cache.miss-ttl"),
                values.durationOrZero("mirror.cache.blob-ttl"), values.durationOrZero("mirror.cache.stale-if-error"));
    }

    private void warnOfUnknown() {
        Set<String> known = SettingsSource.carried().keySet();
        Set<String> names = SettingsSource.knownNames(text.keySet());
        for (String name : text.keySet()) {
            RegistryKey key = RegistryKey.of(name);
            boolean meant = known.contains(name) || key != null && key.isKnown() || StrategyKeys.isKey(name);
            if (name.startsWith("mirror.") && !meant) {
                warnings.add(InvalidSettingException.beginning(name) + " is not a setting of this mirror and is ignored"
                        + NearestName.question(name, names));
            }
        }
    }
}
