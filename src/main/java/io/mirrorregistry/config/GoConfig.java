package io.mirrorregistry.config;

import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.YamlBounds;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/** Reads {@code config.yaml} in the format of the Go version: its keys are ours without {@code mirror.}. */
final class GoConfig {

    private static final int DEEPEST = 20;
    private static final int MOST_VALUES = 10_000;
    private static final Set<String> REGISTRY_KEYS = Set.of("url", "username", "password", "headers");

    private GoConfig() {
    }

    /**
     * @param warnings gets a sentence for each key that has no meaning
     * @throws InvalidSettingException when the file is no YAML, or has a list or map where a value belongs
     */
    static Map<String, String> read(Path file, List<String> warnings) throws InvalidSettingException {
        Object root;
        try {
            LoadSettings yaml = LoadSettings.builder().setLabel(file.toString()).build();
            String text = BoundedFile.readText(file);
            YamlBounds.measure(yaml, text, DEEPEST, MOST_VALUES);
            root = new Load(yaml).loadFromString(text);
        } catch (YamlBounds.Exceeded e) {
            throw new InvalidSettingException(file + e.getProblemMark().map(mark -> " line " + (mark.getLine() + 1)).orElse("")
                    + InvalidSettingException.beginning(e.getProblem().replaceFirst("^it", "")));
        } catch (MarkedYamlEngineException e) {
            String place = e.getProblemMark().map(mark -> " line " + (mark.getLine() + 1) + ", column " + (mark.getColumn() + 1))
                    .orElse("");
            throw new InvalidSettingException(file + place + " is not YAML: " + InvalidSettingException.beginning(e.getProblem()));
        } catch (IOException e) {
            throw new InvalidSettingException(file + " cannot be read as YAML: " + firstLine(BoundedFile.reason(e)));
        } catch (YamlEngineException e) {
            throw new InvalidSettingException(file + " cannot be read as YAML: " + firstLine(e.getMessage()));
        }
        Map<String, String> settings = new TreeMap<>();
        if (root != null) {
            flatten(file, "", root, settings, warnings);
        }
        if ("text".equals(settings.get("mirror.logging.format"))) {
            settings.put("mirror.logging.format", "console");
        }
        return settings;
    }

    private static void flatten(Path file, String prefix, Object node, Map<String, String> settings,
            List<String> warnings) throws InvalidSettingException {
        if (!(node instanceof Map<?, ?> map)) {
            throw new InvalidSettingException(file + ": " + (prefix.isEmpty() ? "the file" : prefix) + " is to be a map of settings");
        }
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            String key = prefix + entry.getKey();
            Object value = entry.getValue();
            if (isSection(key)) {
                if (value != null) {
                    flatten(file, key + ".", value, settings, warnings);
                }
            } else if (!isKnown(key)) {
                warnings.add(file + ": " + InvalidSettingException.beginning(key) + " is not a setting of this mirror and is ignored");
            } else if (value instanceof Map || value instanceof Iterable) {
                throw new InvalidSettingException(file + ": " + InvalidSettingException.beginning(key) + " is to be a single value");
            } else {
                settings.put("mirror." + key, value == null ? "" : value.toString());
            }
        }
    }

    private static boolean isSection(String key) {
        return switch (key) {
            case "server", "logging", "registry", "registry.hot", "registry.cold",
                    "registry.hot.headers", "registry.cold.headers" -> true;
            default -> false;
        };
    }

    private static boolean isKnown(String key) {
        if (key.startsWith("registry.hot.headers.") || key.startsWith("registry.cold.headers.")) {
            return true;
        }
        int dot = key.lastIndexOf('.');
        return switch (dot < 0 ? "" : key.substring(0, dot)) {
            case "server" -> key.equals("server.port");
            case "logging" -> key.equals("logging.level") || key.equals("logging.format");
            case "registry.hot", "registry.cold" -> REGISTRY_KEYS.contains(key.substring(dot + 1));
            default -> false;
        };
    }

    private static String firstLine(String message) {
        return message == null ? "unknown cause" : InvalidSettingException.beginning(message.lines().findFirst().orElse(""));
    }
}
