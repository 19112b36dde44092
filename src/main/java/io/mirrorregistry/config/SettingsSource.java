package io.mirrorregistry.config;

import io.mirrorregistry.files.BoundedFile;
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

/**
 * Gathers the settings as text, the strongest last: what the jar carries, {@code application.properties} in the working
 * directory, {@code config.yaml} in the format of the Go version, and the environment.
 */
final class SettingsSource {

    private static final String PREFIX = "mirror.";
    private static final String VARIABLE_PREFIX = "MIRROR_";
    private static final String HEADERS = ".headers.";
    private static final String CONFIG_VARIABLE = "MIRROR_CONFIG";
    /** Kubernetes and docker set these for a service or container that is called mirror-something. */
    private static final Pattern SERVICE_LINK = Pattern.compile("[^=]*_(SERVICE_HOST|SERVICE_PORT(_[^=]*)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_[^=]*)?)=.*|[^=]*_PORT=(tcp|udp|sctp)://.*");
    static final String FILE = "application.properties";

    private final Path directory;
    private final Map<String, String> environment;

    SettingsSource(Path directory, Map<String, String> environment) {
        this.directory = directory;
        this.environment = environment;
    }

    /**
     * Reads all of them, those that are Camel's own included.
     *
     * @param warnings gets a sentence for each thing that has no meaning
     */
    Map<String, String> read(List<String> warnings) throws InvalidSettingException {
        Map<String, String> all = new TreeMap<>(carried());
        Path file = directory.resolve(FILE);
        if (Files.exists(file)) {
            try {
                all.putAll(properties(new StringReader(BoundedFile.readText(file))));
            } catch (IOException e) {
                throw new InvalidSettingException(file + " cannot be read as a properties file: " + BoundedFile.reason(e));
            } catch (IllegalArgumentException e) {
                throw new InvalidSettingException(file + " cannot be read as a properties file: " + e.getMessage());
            }
        }
        String config = environment.get(CONFIG_VARIABLE);
        Path yaml = directory.resolve(config == null || config.isBlank() ? "config.yaml" : config);
        if (Files.exists(yaml)) {
            all.putAll(GoConfig.read(yaml, warnings));
        } else if (config != null && !config.isBlank()) {
            throw new InvalidSettingException(CONFIG_VARIABLE, config, "there is no such file");
        }
        overrideFromEnvironment(all);
        warnOfUnknownVariables(all, warnings);
        all.replaceAll((name, value) -> value.strip());
        return all;
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

    private void overrideFromEnvironment(Map<String, String> all) {
        for (String name : List.copyOf(all.keySet())) {
            if (name.startsWith(PREFIX)) {
                String value = environment.get(variable(name));
                if (value != null) {
                    all.put(name, value);
                }
            }
        }
        environment.forEach((variable, value) -> addHeader(all, variable, value));
    }

    /** A variable with a slip of the pen in its name would silently change nothing. */
    private void warnOfUnknownVariables(Map<String, String> all, List<String> warnings) {
        Set<String> known = new HashSet<>(Set.of(CONFIG_VARIABLE));
        all.keySet().forEach(name -> known.add(variable(name)));
        new TreeSet<>(environment.keySet()).stream()
                .filter(name -> name.startsWith(VARIABLE_PREFIX) && !known.contains(name) && !SERVICE_LINK.matcher(name + "=" + environment.get(name)).matches())
                .forEach(name -> warnings.add(name + " is the variable of no setting of this mirror and is ignored"));
    }

    /** Headers have names of their own choice, so their variables are not found by asking for known settings. */
    private static void addHeader(Map<String, String> all, String variable, String value) {
        String registryPrefix = VARIABLE_PREFIX + "REGISTRY_";
        int headers = variable.indexOf("_HEADERS_");
        if (variable.startsWith(registryPrefix) && headers > registryPrefix.length()) {
            String registry = variable.substring(registryPrefix.length(), headers).toLowerCase(Locale.ROOT).replace('_', '-');
            String header = variable.substring(headers + "_HEADERS_".length()).replace('_', '-');
            String prefix = PREFIX + "registry." + registry + HEADERS;
            all.keySet().removeIf(name -> name.startsWith(prefix) && name.substring(prefix.length()).equalsIgnoreCase(header));
            all.put(prefix + header, value);
        }
    }

    /** Returns the environment variable that overrides a setting. */
    static String variable(String name) {
        return name.toUpperCase(Locale.ROOT).replace('.', '_').replace('-', '_');
    }
}
