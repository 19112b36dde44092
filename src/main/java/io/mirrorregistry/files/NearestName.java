package io.mirrorregistry.files;

import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;
import java.util.TreeSet;

/** Finds the name that was probably meant: a longer one where words are missing or cut short, otherwise one that differs by a few letters. */
public final class NearestName {

    private static final String SEPARATORS = "[._-]";

    private NearestName() {
    }

    /** Returns the end of a sentence that asks whether the nearest name was meant; empty where none is near. */
    public static String question(String name, Collection<String> known) {
        return of(name, known).map(nearest -> "; did you mean " + nearest + "?").orElse("");
    }

    private static Optional<String> of(String name, Collection<String> known) {
        // A tree: of equally near names always the same.
        Collection<String> sorted = new TreeSet<>(known);
        Comparator<String> byDistance = Comparator.comparingInt(other -> distance(name, other));
        Optional<String> misspelt = sorted.stream().min(byDistance).filter(other -> distance(name, other) <= 2);
        if (misspelt.isPresent()) {
            return misspelt;
        }
        Optional<String> longer = sorted.stream().filter(other -> hasWords(other, name)).min(Comparator.comparingInt(String::length));
        return longer.isPresent() ? longer : sorted.stream().min(byDistance).filter(other -> distance(name, other) <= name.length() / 5);
    }

    /** Returns whether the words of a name begin words of another, in the same order. */
    private static boolean hasWords(String longer, String shorter) {
        String[] words = shorter.split(SEPARATORS);
        int found = 0;
        for (String word : longer.split(SEPARATORS)) {
            if (found < words.length && !words[found].isEmpty() && word.startsWith(words[found])) {
                found++;
            }
        }
        return found == words.length;
    }

    /** Returns how many characters have to be changed, added or removed. */
    private static int distance(String one, String other) {
        int[] before = new int[other.length() + 1];
        Arrays.setAll(before, i -> i);
        for (int i = 1; i <= one.length(); i++) {
            int[] now = new int[before.length];
            now[0] = i;
            for (int j = 1; j < now.length; j++) {
                int changed = before[j - 1] + (one.charAt(i - 1) == other.charAt(j - 1) ? 0 : 1);
                now[j] = Math.min(changed, Math.min(before[j], now[j - 1]) + 1);
            }
            before = now;
        }
        return before[other.length()];
    }
}
