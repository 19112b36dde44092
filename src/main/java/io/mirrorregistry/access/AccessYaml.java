package io.mirrorregistry.access;

import io.mirrorregistry.files.Printable;
import io.mirrorregistry.files.YamlFile;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.snakeyaml.engine.v2.nodes.Node;

/** A YAML file with patterns of repositories and with actions. */
final class AccessYaml extends YamlFile {

    private static final String ACTIONS = "pull, push and delete";

    /**
     * Reads a text. One that is no YAML is one fault.
     *
     * @param name how faults name the file
     * @param faults gets a sentence for each fault
     */
    AccessYaml(String name, String text, List<String> faults) {
        super(name, text, faults, List.of("*", NamePattern.USER));
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
}
