package io.mirrorregistry.registry.folder;

import java.util.ArrayList;
import java.util.List;

/** Sentences about what is left out: the first few, and how many there are. A folder may have a hundred thousand. */
final class Problems {

    /** How many are kept. */
    static final int SHOWN = 5;

    private final List<String> first = new ArrayList<>();
    private int count;

    void add(String problem) {
        if (first.size() < SHOWN) {
            first.add(problem);
        }
        count++;
    }

    /** Adds those of another, each made longer. */
    void addAll(Problems others, String before, String after) {
        others.first.forEach(problem -> add(before + problem + after));
        count += others.count - others.first.size();
    }

    boolean isEmpty() {
        return count == 0;
    }

    String first() {
        return first.get(0);
    }

    /** Returns them in one line. */
    @Override
    public String toString() {
        String shown = String.join(" ", first);
        return count > first.size() ? shown + " And " + (count - first.size()) + " more." : shown;
    }
}
