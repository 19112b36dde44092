package io.mirrorregistry.reload;

import io.mirrorregistry.files.YamlBounds;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/** Where things stand in a file of routes: Camel tells what is wrong, and often not where. */
final class RouteText {

    /** Routes that somebody can read have a dozen levels or two; building the values recurs for each, and would come to the end of the stack. */
    private static final int DEEPEST = 200;

    /** The keys that hold the id of a route or routeTemplate, and of a templatedRoute. */
    private static final Set<String> IDS = Set.of("id", "routeId");

    private final RouteFile file;
    private final int values;
    /** The items of the list that the file is: a route each, or what is common to routes. */
    private final List<Item> items = new ArrayList<>();

    private record Item(String id, Place start, List<Word> words) {
    }

    /**
     * A scalar.
     *
     * @param key the key that it is the value of, itself or in a list; empty for a key
     */
    record Word(String key, String value, Place place) {
    }

    /** Both count from 1. */
    record Place(int line, int column) {

        static Place of(Mark mark) {
            return new Place(mark.getLine() + 1, mark.getColumn() + 1);
        }
    }

    /**
     * Reads a file. Its bounds are checked here because Camel, which parses the text again, has none.
     *
     * @param mostValues how many values it may have
     * @throws YamlEngineException when it is no YAML, is beyond the bounds, or is no list
     */
    RouteText(RouteFile file, int mostValues) {
        this.file = file;
        LoadSettings yaml = LoadSettings.builder().setLabel(file.name()).build();
        values = YamlBounds.measure(yaml, file.text(), DEEPEST, mostValues);
        Optional<Node> root = new Compose(yaml).composeString(file.text());
        if (root.isEmpty() || !(root.get() instanceof SequenceNode list)) {
            throw new YamlEngineException("this is no list of routes");
        }
        list.getValue().forEach(item -> items.add(item(item)));
    }

    private static Item item(Node node) {
        List<Word> words = new ArrayList<>();
        collect("", node, words);
        String id = null;
        if (node instanceof MappingNode map && !map.getValue().isEmpty() && map.getValue().get(0).getValueNode() instanceof MappingNode route) {
            for (NodeTuple entry : route.getValue()) {
                if (entry.getKeyNode() instanceof ScalarNode key && IDS.contains(key.getValue()) && entry.getValueNode() instanceof ScalarNode value) {
                    id = value.getValue();
                }
            }
        }
        return new Item(id, place(node.getStartMark()), words);
    }

    private static void collect(String key, Node node, List<Word> words) {
        if (node instanceof ScalarNode scalar) {
            words.add(new Word(key, scalar.getValue(), place(scalar.getStartMark())));
        } else if (node instanceof SequenceNode list) {
            list.getValue().forEach(value -> collect(key, value, words));
        } else if (node instanceof MappingNode map) {
            map.getValue().forEach(entry -> {
                collect("", entry.getKeyNode(), words);
                collect(entry.getKeyNode() instanceof ScalarNode name ? name.getValue() : "", entry.getValueNode(), words);
            });
        }
    }

    private static Place place(Optional<Mark> mark) {
        return mark.map(Place::of).orElse(new Place(1, 1));
    }

    /** Returns how many values it has, with what aliases stand for. */
    int values() {
        return values;
    }

    /**
     * Says that something is wrong with a route.
     *
     * @param id the route or template; null for the whole file
     * @param near where it was found to be wrong, roughly
     * @param tokens what the fault is about, the most telling first: the place is that of the first one that stands there
     */
    RouteFault fault(String id, Optional<Place> near, Collection<String> tokens, String cause) {
        List<Item> about = items.stream().filter(item -> id == null || id.equals(item.id)).toList();
        Place start = near.orElse(about.isEmpty() ? new Place(1, 1) : about.get(0).start);
        return fault(file, find(about, tokens, start).orElse(start), cause);
    }

    /** Returns whether a word stands in a route or template; in the whole file where the id is null. */
    boolean has(String id, String word) {
        return items.stream().filter(item -> id == null || id.equals(item.id)).flatMap(item -> item.words.stream()).anyMatch(at -> at.value.equals(word));
    }

    /** Returns all scalars, in their order. */
    List<Word> words() {
        return items.stream().flatMap(item -> item.words.stream()).toList();
    }

    /** Says that something is wrong with one of the {@link #words}. */
    RouteFault fault(Word word, String cause) {
        return fault(file, word.place, cause);
    }

    /** Says that the second route of the same id is one too many. */
    RouteFault duplicate(String id, String cause) {
        List<Item> same = items.stream().filter(item -> id.equals(item.id)).toList();
        return fault(file, find(same.subList(Math.max(0, same.size() - 1), same.size()), List.of(id), new Place(1, 1)).orElse(new Place(1, 1)), cause);
    }

    /**
     * Says that something is wrong with a step.
     *
     * @param line the line at which Camel saw the step begin
     * @param tokens what the fault is about, the most telling first; the place is that of the first one that stands from that line on
     */
    RouteFault fault(int line, Collection<String> tokens, String cause) {
        List<Word> words = items.stream().flatMap(item -> item.words.stream()).filter(word -> word.place.line >= line).toList();
        Place start = words.isEmpty() ? new Place(Math.max(1, line), 1) : words.get(0).place;
        Item rest = new Item(null, start, words);
        return fault(file, find(List.of(rest), tokens, start).orElse(start), cause);
    }

    /** Returns where the first of the tokens that is there at all stands nearest. */
    private static Optional<Place> find(List<Item> about, Collection<String> tokens, Place near) {
        for (String token : tokens) {
            for (boolean whole : new boolean[] {true, false}) {
                Optional<Place> found = about.stream().flatMap(item -> item.words.stream())
                        .filter(word -> whole ? word.value.equals(token) : word.value.contains(token)).map(Word::place)
                        .min(Comparator.comparingInt(place -> Math.abs(place.line - near.line)));
                if (found.isPresent()) {
                    return found;
                }
            }
        }
        return Optional.empty();
    }

    /** Says that a file is not even YAML. */
    static RouteFault noYaml(RouteFile file, Throwable failure) {
        return fault(file, FaultCauses.place(failure).orElse(new Place(1, 1)), FaultCauses.describe(failure));
    }

    private static RouteFault fault(RouteFile file, Place place, String cause) {
        return new RouteFault(file.name(), place.line, place.column, cause);
    }
}
