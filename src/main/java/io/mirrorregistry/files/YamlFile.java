package io.mirrorregistry.files;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
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
public class YamlFile {

    private static final int DEEPEST = 20;
    private static final int MOST_VALUES = 200_000;

    private final String name;
    private final List<String> faults;
    private final List<String> wildcards;
    private Node root;

    /**
     * Reads a text. One that is no YAML is one fault.
     *
     * @param name how faults name the file
     * @param faults gets a sentence for each fault
     * @param wildcards what stands for something in the file's patterns, and has a meaning in YAML, too, unless it is in quotes
     */
    public YamlFile(String name, String text, List<String> faults, List<String> wildcards) {
        this.name = name;
        this.faults = faults;
        this.wildcards = List.copyOf(wildcards);
        LoadSettings yaml = LoadSettings.builder().setLabel(name).setAllowNonScalarKeys(true).build();
        Optional<Node> read = Optional.empty();
        try {
            YamlBounds.measure(yaml, text, DEEPEST, MOST_VALUES);
            read = new Compose(yaml).composeString(text);
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
            faults.add(read.map(node -> misfit(yaml, node)).orElseGet(() -> name + ": it is not YAML: " + Printable.of(e.getMessage().lines().findFirst().orElse(""))));
        }
    }

    /** Returns the fault for the innermost value that cannot be built: the library says neither which one it is nor, for a person, why. */
    private String misfit(LoadSettings yaml, Node node) {
        return children(node).filter(child -> !isSound(yaml, child)).findFirst().map(child -> misfit(yaml, child))
                .orElseGet(() -> place(node) + ": the value is none of the type " + Printable.of(node.getTag().getValue()) + "; leave out the type");
    }

    private static Stream<Node> children(Node node) {
        return node instanceof SequenceNode list ? list.getValue().stream()
                : node instanceof MappingNode map ? map.getValue().stream().flatMap(entry -> Stream.of(entry.getKeyNode(), entry.getValueNode())) : Stream.empty();
    }

    private static boolean isSound(LoadSettings yaml, Node node) {
        try {
            new StandardConstructor(yaml).constructSingleDocument(Optional.of(node));
            return true;
        } catch (YamlEngineException e) {
            return false;
        }
    }

    /** Returns the outermost value; null where the text is no YAML, or has no value. */
    public Node root() {
        return root == null || isEmpty(root) ? null : root;
    }

    /**
     * Returns the values of a map by their keys, in the order of the file. A key without a value is a fault.
     *
     * @param what how a fault names the map
     * @param known the keys that it may have
     */
    public Map<String, Node> map(Node node, String what, Set<String> known) {
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
    public Map<ScalarNode, Node> entries(Node node, String what) {
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
    public List<Node> list(Node node, String what) {
        if (node instanceof SequenceNode list) {
            return list.getValue();
        }
        fault(node, what + " is a list");
        return List.of();
    }

    /** Returns a text; null, with a fault, where the value is none. */
    public String text(Node node, String what) {
        if (node instanceof ScalarNode scalar && !isEmpty(scalar) && !scalar.getValue().isBlank()) {
            return scalar.getValue();
        }
        fault(node, node instanceof ScalarNode ? what + " is empty" : what + " is a text");
        return null;
    }

    /** Returns the end of a sentence for what is most often the reason. */
    private String hint(String text, Optional<Mark> place) {
        String line = place.map(mark -> text.lines().skip(mark.getLine()).findFirst().orElse("")).orElse("");
        return wildcards.stream().anyMatch(line::contains) ? "; a pattern with " + String.join(" or ", wildcards) + " has to be in quotes"
                : line.contains("\t") ? "; YAML indents with blanks, not with tabs" : "";
    }

    /** Returns the texts of a list, or a single one that stands for a list of one. */
    public Map<String, Node> texts(Node node, String what) {
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
    public String required(Node map, Map<String, Node> keys, String what, String key) {
        if (keys.containsKey(key)) {
            return text(keys.get(key), key);
        }
        missing(map, what + " has the key " + key);
        return null;
    }

    /** Adds a fault for a key that a map has to have. What is no map has a fault already. */
    public void missing(Node map, String sentence) {
        if (map instanceof MappingNode) {
            fault(map, sentence);
        }
    }

    /** Adds a fault with the place of a value. */
    public void fault(Node node, String sentence) {
        faults.add(place(node) + ": " + sentence);
    }

    /** Returns the file, the line and the column of a value. */
    public String place(Node node) {
        return name + place(node.getStartMark());
    }

    private static String place(Optional<Mark> mark) {
        return mark.map(at -> ":" + (at.getLine() + 1) + ":" + (at.getColumn() + 1)).orElse("");
    }

    /** Returns the line of a value, from 1. */
    public static int line(Node node) {
        return node.getStartMark().map(Mark::getLine).orElse(0) + 1;
    }

    public static boolean isEmptyList(Node node) {
        return node instanceof SequenceNode list && list.getValue().isEmpty();
    }

    public static boolean isEmpty(Node node) {
        return node.getTag().equals(Tag.NULL);
    }
}
