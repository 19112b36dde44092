package io.mirrorregistry.config;

import io.mirrorregistry.files.BoundedFile;
import io.mirrorregistry.files.Denied;
import io.mirrorregistry.files.NearestName;
import io.mirrorregistry.files.YamlBounds;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.constructor.StandardConstructor;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.Tag;

/** Reads {@code config.yaml} in the format of the Go version: its keys are ours without {@code mirror.}. */
final class GoConfig {

    private static final int DEEPEST = 20;
    private static final int MOST_VALUES = 10_000;
    /** All keys that are not headers. */
    private static final Set<String> KEYS = Set.of("server.port", "logging.level", "logging.format", "registry.hot.url", "registry.hot.username",
            "registry.hot.password", "registry.cold.url", "registry.cold.username", "registry.cold.password");
    private static final Set<String> SECTIONS = Set.of("server", "logging", "registry", "registry.hot", "registry.cold", "registry.hot.headers",
            "registry.cold.headers");

    private static final String PREFIX = "mirror.";

    private final Path file;
    private final Map<String, String> settings;
    private final Map<String, Integer> lines;
    private final List<String> warnings;

    private GoConfig(Path file, Map<String, String> settings, Map<String, Integer> lines, List<String> warnings) {
        this.file = file;
        this.settings = settings;
        this.lines = lines;
        this.warnings = warnings;
    }

    /**
     * Reads the file.
     *
     * @param settings gets each setting that the file gives a value, as text; a key without a value is as if it were not there
     * @param lines gets the line of each of these, from 1
     * @param warnings gets a sentence for each key that has no meaning
     * @throws InvalidSettingException when the file is no YAML, or has a list or map where a value belongs
     */
    static void read(Path file, Map<String, String> settings, Map<String, Integer> lines, List<String> warnings) throws InvalidSettingException {
        Optional<Node> root;
        try {
            LoadSettings yaml = LoadSettings.builder().setLabel(file.toString()).build();
            String text = BoundedFile.readText(file);
            YamlBounds.measure(yaml, text, DEEPEST, MOST_VALUES);
            root = new Compose(yaml).composeString(text);
            // Refuses what the nodes alone allow, such as the same key twice.
            new StandardConstructor(yaml).constructSingleDocument(root);
        } catch (YamlBounds.Exceeded e) {
            throw new InvalidSettingException(file + e.getProblemMark().map(mark -> " line " + (mark.getLine() + 1)).orElse("")
                    + InvalidSettingException.beginning(e.getProblem().replaceFirst("^it", "")));
        } catch (MarkedYamlEngineException e) {
            String place = e.getProblemMark().map(mark -> " line " + (mark.getLine() + 1) + ", column " + (mark.getColumn() + 1))
                    .orElse("");
            throw new InvalidSettingException(file + place + " is not YAML: " + InvalidSettingException.beginning(e.getProblem()));
        } catch (IOException e) {
            throw new InvalidSettingException(file + " cannot be read as YAML: " + firstLine(Denied.reason(file, e)));
        } catch (YamlEngineException e) {
            throw new InvalidSettingException(file + " cannot be read as YAML: " + firstLine(e.getMessage()));
        }
        GoConfig config = new GoConfig(file, settings, lines, warnings);
        if (root.isPresent() && !isEmpty(root.get())) {
            config.flatten("", root.get());
        }
        settings.computeIfPresent("mirror.logging.format", (name, format) -> format.equals("text") ? "console" : format);
    }

    private void flatten(String prefix, Node node) throws InvalidSettingException {
        if (!(node instanceof MappingNode map)) {
            throw new InvalidSettingException(place(node) + (prefix.isEmpty() ? "the file" : prefix.substring(0, prefix.length() - 1)) + " is to be a map of settings");
        }
        for (NodeTuple entry : map.getValue()) {
            String key = prefix + (entry.getKeyNode() instanceof ScalarNode name ? name.getValue() : "(a list or a map)");
            Node value = entry.getValueNode();
            if (SECTIONS.contains(key)) {
                if (!isEmpty(value)) {
                    flatten(key + ".", value);
                }
            } else if (!isKnown(key)) {
                warnings.add(place(entry.getKeyNode()) + InvalidSettingException.beginning(key) + " is not a setting of this mirror and is ignored"
                        + NearestName.question(key, KEYS));
            } else if (!(value instanceof ScalarNode scalar)) {
                throw new InvalidSettingException(place(entry.getKeyNode()) + InvalidSettingException.beginning(key) + " is to be a single value");
            } else if (!isEmpty(value)) {
                settings.put(PREFIX + key, scalar.getValue());
                lines.put(PREFIX + key, line(entry.getKeyNode()));
            }
        }
    }

    private static boolean isEmpty(Node node) {
        return node.getTag().equals(Tag.NULL);
    }

    private String place(Node node) {
        return file + ", line " + line(node) + ": ";
    }

    private static int line(Node node) {
        return node.getStartMark().map(Mark::getLine).orElse(0) + 1;
    }

    /** Returns the key, in the file, of a setting. */
    static String key(String setting) {
        return setting.substring(PREFIX.length());
    }

    /** Returns whether the file may have this key with a value. */
    static boolean isKnown(String key) {
        return KEYS.contains(key) || key.startsWith("registry.hot.headers.") || key.startsWith("registry.cold.headers.");
    }

    private static String firstLine(String message) {
        return message == null ? "unknown cause" : InvalidSettingException.beginning(message.lines().findFirst().orElse(""));
    }
}
