package io.mirrorregistry.access;

import io.mirrorregistry.config.NearestName;
import io.mirrorregistry.files.YamlBounds;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.constructor.StandardConstructor;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.ReaderException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;

/** The values of a YAML file and their places. What is not as it should be becomes a fault with its line and column, and reading goes on. */
final class YamlFile {

    private static final String ACTIONS = "pull, push and delete";
    private static final int DEEPEST = 20;
    private static final int MOST_VALUES = 200_000;

    private final String name;
    private final List<String> faults;
    private Node root;

    /**
     * Reads a text. One that is no YAML is one fault.
     *
     * @param name how faults name the file
     * @param faults gets a sentence for each fault
     */
    YamlFile(String name, String text, List<String> faults) {
        this.name = name;
        this.faults = faults;
        try {
            LoadSettings yaml = LoadSettings.builder().setLabel(name).build();
            YamlBounds.measure(yaml, text, DEEPEST, MOST_VALUES);
            Optional<Node> read = new Compose(yaml).composeString(text);
            // Refuses what the nodes alone allow, such as the same key twice.
            new StandardConstructor(yaml).constructSingleDocument(read);
            root = read.orElse(null);
        } catch (YamlBounds.Exceeded e) {
            faults.add(name + place(e.getProblemMark()) + ": " + e.getProblem());
        } catch (MarkedYamlEngineException e) {
            faults.add(name + place(e.getProblemMark()) + ": it is not YAML: " + Printable.of(e.getProblem()) + hint(text, e.getProblemMark()));
        } catch (ReaderException e) {
            String before = text.substring(0, Math.min(e.getPosition(), text.length()));
            faults.add(name + ":" + (before.lines().count() + (before.isEmpty() || before.endsWith("\n") ? 1 : 0)) + ":" + (before.length() - before.lastIndexOf('\n'))
                    + ": it is not YAML: it has a control character");
        } catch (YamlEngineException e) {
            faults.add(name + ": it is not YAML: " + Printable.of(e.getMessage().lines().findFirst().orElse("")));
        }
    }

    /** Returns the outermost value; null where the text is no YAML, or has no value. */
    Node root() {
        return root == null || isEmpty(root) ? null : root;
    }

    /**
     * Returns the values of a map by their keys, in the order of the file. A key without a value is a fault.
     *
     * @param what how a fault names the map
     * @param known the keys that it may have
     */
    Map<String, Node> map(Node node, String what, Set<String> known) {
        Map<String, Node> values = new LinkedHashMap<>();
        entries(node, what).forEach((key, value) -> {
            if (known.contains(key.getValue())) {
                values.put(key.getValue(), value);
            } else {
                fault(key, Printable.of(key.getValue()) + " is no key of " + what + NearestName.question(Printable.of(key.getValue()), known));
            }
        });
        return values;
    }

    /** Returns the values of a map with any keys. */
    Map<ScalarNode, Node> entries(Node node, String what) {
        Map<ScalarNode, Node> values = new LinkedHashMap<>();
        if (node instanceof MappingNode map) {
            for (NodeTuple entry : map.getValue()) {
                if (!(entry.getKeyNode() instanceof ScalarNode key)) {
                    fault(entry.getKeyNode(), "a key of " + what + " is a word");
                } else if (isEmpty(entry.getValueNode())) {
                    // Without this, "from:" would be about all addresses.
                    fault(key, Printable.of(key.getValue()) + " has no value; give it one, or remove the line");
                } else {
                    values.put(key, entry.getValueNode());
                }
            }
        } else {
            fault(node, what + " is a map of keys and values");
        }
        return values;
    }

    /** Returns the items of a list. */
    List<Node> list(Node node, String what) {
        if (node instanceof SequenceNode list) {
            return list.getValue();
        }
        fault(node, what + " is a list");
        return List.of();
    }

    /** Returns a text; null, with a fault, where the value is none. */
    String text(Node node, String what) {
        if (node instanceof ScalarNode scalar && !isEmpty(scalar) && !scalar.getValue().isBlank()) {
            return scalar.getValue();
        }
        fault(node, node instanceof ScalarNode ? what + " is empty" : what + " is a text");
        return null;
    }

    /** Returns the end of a sentence for what is most often the reason. */
    private static String hint(String text, Optional<Mark> place) {
        String line = place.map(mark -> text.lines().skip(mark.getLine()).findFirst().orElse("")).orElse("");
        return line.contains("*") || line.contains("{user}") ? "; a pattern with * or {user} has to be in quotes" : line.contains("\t") ? "; YAML indents with blanks, not with tabs" : "";
    }

    /** Returns the texts of a list, or a single one that stands for a list of one. */
    Map<String, Node> texts(Node node, String what) {
        Map<String, Node> texts = new LinkedHashMap<>();
        for (Node item : node instanceof SequenceNode list ? list.getValue() : List.of(node)) {
            String text = text(item, what);
            if (text != null) {
                texts.put(text, item);
            }
        }
        return texts;
    }

    /** Returns the text of a key that a map has to have; null, with a fault, where there is none. */
    String required(Node map, Map<String, Node> keys, String what, String key) {
        if (keys.containsKey(key)) {
            return text(keys.get(key), key);
        }
        missing(map, what + " has the key " + key);
        return null;
    }

    /** Adds a fault for a key that a map has to have. What is no map has a fault already. */
    private void missing(Node map, String sentence) {
        if (map instanceof MappingNode) {
            fault(map, sentence);
        }
    }

    /** Returns the patterns that the key {@code repositories} of a map has, at least one; a fault for each that fits no repository. */
    List<NamePattern> patterns(Node map, Map<String, Node> keys, String what) {
        List<NamePattern> patterns = new ArrayList<>();
        if (!keys.containsKey("repositories")) {
            missing(map, what + " has the key repositories, such as \"team/**\", or \"**\" for all");
            return patterns;
        }
        if (isEmptyList(keys.get("repositories"))) {
            fault(keys.get("repositories"), "repositories names at least one repository");
        }
        texts(keys.get("repositories"), "repositories").forEach((text, at) -> {
            String fault = NamePattern.fault(text);
            if (fault != null) {
                fault(at, fault);
            }
            patterns.add(NamePattern.of(text));
        });
        return List.copyOf(patterns);
    }

    /** Returns the actions that the key {@code may} of a map has. */
    Set<Action> actions(Node map, Map<String, Node> keys, String what) {
        Set<Action> actions = EnumSet.noneOf(Action.class);
        if (!keys.containsKey("may")) {
            missing(map, what + " has the key may: a list of " + ACTIONS);
            return actions;
        }
        for (Node item : list(keys.get("may"), "may")) {
            String word = text(item, "may");
            Action action = word == null ? null : Action.of(word);
            if (word != null && action == null) {
                fault(item, Printable.of(word) + " is none of " + ACTIONS);
            } else if (action != null) {
                actions.add(action);
            }
        }
        return Collections.unmodifiableSet(actions);
    }

    void fault(Node node, String sentence) {
        faults.add(place(node) + ": " + sentence);
    }

    /** Returns the file, the line and the column of a value. */
    String place(Node node) {
        return name + place(node.getStartMark());
    }

    private static String place(Optional<Mark> mark) {
        return mark.map(at -> ":" + (at.getLine() + 1) + ":" + (at.getColumn() + 1)).orElse("");
    }

    static int line(Node node) {
        return node.getStartMark().map(Mark::getLine).orElse(0) + 1;
    }

    static boolean isEmptyList(Node node) {
        return node instanceof SequenceNode list && list.getValue().isEmpty();
    }

    static boolean isEmpty(Node node) {
        return node.getTag().equals(Tag.NULL);
    }
}
