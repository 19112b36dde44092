package io.mirrorregistry.files;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.common.Anchor;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.CollectionEndEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.ParserException;

/**
 * Measures a YAML text before anything is built from it. A few hundred bytes of aliases can stand for millions of values, and nesting
 * ends the stack of whoever builds the values. The parser reads one event at a time, so that measuring needs little memory.
 */
public final class YamlBounds {

    /** The bound on references ({@code *name}) in one text. */
    public static final int MOST_ALIASES = 10;

    /** What an anchor stands for while its own value is still being read. */
    private static final Extent OPEN = new Extent(0, 0);

    private final int deepest;
    private final int mostValues;
    private final Map<Anchor, Extent> anchors = new HashMap<>();
    private final Deque<Open> path = new ArrayDeque<>();
    private int values;
    private int aliases;

    /** A text that is beyond a bound; its problem begins with "it", which stands for the text. */
    public static final class Exceeded extends ParserException {

        private static final long serialVersionUID = 1;

        private Exceeded(String problem, Optional<Mark> place) {
            super(problem, place);
        }
    }

    /** How many values a value consists of, itself included, and how many levels of them. */
    private record Extent(int values, int levels) {
    }

    /** A list or a map that has begun and not ended. */
    private static final class Open {

        private final Optional<Anchor> anchor;
        private final int valuesBefore;
        private int levels;

        private Open(Optional<Anchor> anchor, int valuesBefore) {
            this.anchor = anchor;
            this.valuesBefore = valuesBefore;
        }
    }

    private YamlBounds(int deepest, int mostValues) {
        this.deepest = deepest;
        this.mostValues = mostValues;
    }

    /**
     * Measures a text.
     *
     * @param deepest the bound on levels of lists and maps
     * @param mostValues the bound on values: texts, lists and maps, aliases counted as what they stand for
     * @return how many values it has
     * @throws Exceeded with the place, if the text is beyond a bound or refers to itself
     * @throws org.snakeyaml.engine.v2.exceptions.YamlEngineException if it is no YAML
     */
    public static int measure(LoadSettings yaml, String text, int deepest, int mostValues) {
        YamlBounds bounds = new YamlBounds(deepest, mostValues);
        new Parse(yaml).parseString(text).forEach(bounds::take);
        return bounds.values;
    }

    private void take(Event event) {
        if (event instanceof CollectionStartEvent start) {
            add(1, event);
            path.push(new Open(start.getAnchor(), values - 1));
            start.getAnchor().ifPresent(anchor -> anchors.put(anchor, OPEN));
            requireShallow(0, event);
        } else if (event instanceof CollectionEndEvent) {
            Open ended = path.pop();
            Extent extent = new Extent(values - ended.valuesBefore, ended.levels + 1);
            ended.anchor.ifPresent(anchor -> anchors.put(anchor, extent));
            deepen(extent.levels);
        } else if (event instanceof ScalarEvent scalar) {
            add(1, event);
            scalar.getAnchor().ifPresent(anchor -> anchors.put(anchor, new Extent(1, 0)));
        } else if (event instanceof AliasEvent alias) {
            follow(alias);
        }
    }

    private void follow(AliasEvent alias) {
        if (++aliases > MOST_ALIASES) {
            throw new Exceeded("it has more than " + MOST_ALIASES + " aliases", alias.getStartMark());
        }
        Extent target = anchors.get(alias.getAlias());
        if (target == OPEN) {
            throw new Exceeded("it refers to itself by the alias " + alias.getAlias().getValue(), alias.getStartMark());
        }
        if (target != null) {
            requireShallow(target.levels, alias);
            add(target.values, alias);
            deepen(target.levels);
        }
    }

    private void deepen(int levels) {
        if (!path.isEmpty()) {
            path.peek().levels = Math.max(path.peek().levels, levels);
        }
    }

    private void requireShallow(int more, Event event) {
        if (path.size() + more > deepest) {
            throw new Exceeded("it is nested more than " + deepest + " levels deep", event.getStartMark());
        }
    }

    private void add(int more, Event event) {
        values += more;
        if (values > mostValues) {
            throw new Exceeded("it has more than " + mostValues + " values", event.getStartMark());
        }
    }
}
