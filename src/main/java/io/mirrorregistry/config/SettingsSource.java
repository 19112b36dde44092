package io.mirrorregistry.config;

import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.Denied;
import io.mirrorregistry.files.NearestName;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Gathers the settings as text, the strongest last: what the jar carries, {@code application.properties} in the working
 * directory, {@code config.yaml} in the format of the Go version, and the environment.
 */
final class SettingsSource {

    private static final String PREFIX = "mirror.";
    private static final String VARIABLE_PREFIX = "MIRROR_";
    private static final String CONFIG_VARIABLE = "MIRROR_CONFIG";
    /** Kubernetes and docker set these for a service or container that is called mirror-something. */
    private static final Pattern SERVICE_LINK = Pattern.compile("[^=]*_(SERVICE_HOST|SERVICE_PORT(_[^=]*)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_[^=]*)?)=.*|[^=]*_PORT=(tcp|udp|sctp)://.*");
    static final String FILE = "application.properties";

    private final Path directory;
    private final Map<String, String> environment;
    /** The lines of the settings that config.yaml sets and no variable overrides. */
    private final Map<String, Integer> lines = new TreeMap<>();

    /**
     * @param environment the variables. An empty one is as if not given, because compose makes one of {@code ${X:-}} where X is not set;
     *     one that is a space sets the empty value
     */
    SettingsSource(Path directory, Map<String, String> environment) {
        this.directory = directory;
        this.environment = new TreeMap<>(environment);
        this.environment.values().removeIf(String::isEmpty);
        this.environment.computeIfPresent(CONFIG_VARIABLE, (name, value) -> value.isBlank() ? null : value);
    }

    /**
     * Reads all of them, those that are Camel's own included.
     *
     * @param warnings gets a sentence for each thing that has no meaning
     */
    Map<String, String> read(List<String> warnings) throws InvalidSettingException {
        Map<String, String> all = new TreeMap<>(carried());
        Path file = directory.resolve(FILE);
        if (!Files.notExists(file)) {
            try {
                all.putAll(properties(new StringReader(BoundedFile.readText(file))));
            } catch (IOException e) {
                throw new InvalidSettingException(file + " cannot be read as a properties file: " + Denied.reason(file, e));
            } catch (IllegalArgumentException e) {
                throw new InvalidSettingException(file + " cannot be read as a properties file: " + e.getMessage());
            }
        }
        Path yaml = configYaml();
        if (!Files.notExists(yaml)) {
            GoConfig.read(yaml, all, lines, warnings);
        } else if (environment.containsKey(CONFIG_VARIABLE)) {
            throw new InvalidSettingException(CONFIG_VARIABLE, environment.get(CONFIG_VARIABLE), "there is no such file");
        }
        warnOfUnknownVariables(overrideFromEnvironment(all), knownNames(all.keySet()), warnings);
        all.replaceAll((name, value) -> value.strip());
        return all;
    }

    private Path configYaml() {
        return directory.resolve(environment.getOrDefault(CONFIG_VARIABLE, "config.yaml"));
    }

    /** Returns where the settings of config.yaml are that {@link #read} has read. */
    SettingPlaces places() {
        return new SettingPlaces(configYaml(), lines);
    }

    /** Returns the settings that the jar carries: the defaults. */
    static Map<String, String> carried() {
        try (InputStream in = SettingsSource.class.getResourceAsStream("/" + FILE)) {
            return properties(new InputStreamReader(in, StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new IllegalStateException("the jar carries no " + FILE, e);
        }
    }

    private static Map<String, String> properties(Reader in) throws IOException {
        Properties properties = new Properties();
        properties.load(in);
        Map<String, String> all = new TreeMap<>();
        properties.forEach((name, value) -> all.put((String) name, (String) value));
        return all;
    }

    /** Returns the names of the variables that have a meaning. */
    private Set<String> overrideFromEnvironment(Map<String, String> all) {
        Set<String> known = new HashSet<>(Set.of(CONFIG_VARIABLE));
        for (String name : List.copyOf(all.keySet())) {
            if (name.startsWith(PREFIX) && RegistryKey.of(name) == null) {
                String value = environment.get(variable(name));
                if (value != null) {
                    all.put(name, value);
                    lines.remove(name);
                }
                known.add(variable(name));
            }
        }
        Set<String> defining = new TreeSet<>(environment.keySet());
        defining.removeIf(this::isServiceLink);
        RegistryVariables registries = new RegistryVariables(all.keySet(), defining);
        environment.forEach((variable, value) -> {
            RegistryKey registry = registries.key(variable);
            String strategy = known.contains(variable) || isServiceLink(variable) ? null : StrategyKeys.key(variable, all);
            if (registry != null && registry.isHeader()) {
                all.keySet().removeIf(name -> name.equalsIgnoreCase(registry.toString()));
                lines.keySet().removeIf(name -> name.equalsIgnoreCase(registry.toString()));
            }
            if (registry != null || strategy != null) {
                String name = registry != null ? registry.toString() : strategy;
                all.put(name, value);
                lines.remove(name);
                known.add(variable);
            }
        });
        return known;
    }

    /** A variable with a slip of the pen in its name would silently change nothing. */
    private void warnOfUnknownVariables(Set<String> meant, Set<String> names, List<String> warnings) {
        Set<String> variables = names.stream().map(SettingsSource::variable).collect(Collectors.toCollection(TreeSet::new));
        variables.add(CONFIG_VARIABLE);
        environment.keySet().stream().filter(name -> name.startsWith(VARIABLE_PREFIX) && !meant.contains(name) && !isServiceLink(name))
                .forEach(name -> warnings.add(InvalidSettingException.beginning(name) + " is the variable of no setting of this mirror and is ignored"
                        + RegistryVariables.missingUrl(name, environment.keySet()).map(url -> "; " + url + " is not set")
                                .orElseGet(() -> NearestName.question(name, variables))));
    }

    /**
     * Returns the names that a setting may have: those of the defaults, and those of each registry that has a url.
     *
     * @param given the names of the settings that are set
     */
    static Set<String> knownNames(Set<String> given) {
        Set<String> names = new TreeSet<>(carried().keySet());
        names.removeIf(name -> !name.startsWith(PREFIX));
        given.stream().map(RegistryKey::of).filter(key -> key != null && key.setting().equals("url"))
                .forEach(key -> RegistryKey.SETTINGS.forEach(setting -> names.add(new RegistryKey(key.registry(), setting).toString())));
        return names;
    }

    private boolean isServiceLink(String variable) {
        return SERVICE_LINK.matcher(variable + "=" + environment.get(variable)).matches();
    }

    /** Returns the environment variable that overrides a setting. */
    static String variable(String name) {
        return name.toUpperCase(Locale.ROOT).replace('.', '_').replace('-', '_');
    }
}
