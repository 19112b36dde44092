package io.mirrorregistry.reload;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.camel.CamelContext;

/**
 * Finds variables that expressions read and that no step of the files sets: Camel takes them for null. Steps are the beans whose methods have
 * the annotation {@code Step}; if routes call other beans, which may set any variable, nothing is found.
 */
final class VariableCheck {

    /** Reads of a variable in Camel's simple language. A name with a colon after it is that of a repository of variables. */
    private static final Pattern READ = Pattern.compile("\\{variable(?:As\\(|[.:]|\\[')([A-Za-z][\\w-]*+)(?!:)");
    /** Keys whose values name a variable that a step of Camel sets. */
    private static final Set<String> SETTING = Set.of("name", "variableReceive", "toName");
    /** Keys of steps that run code of the operator's own. */
    private static final Set<String> OWN_CODE = Set.of("beanType", "script", "process", "beans");
    /** Beyond so many wrong letters it is another name. */
    private static final int FARTHEST = 3;

    private final CamelContext camel;
    private final Collection<RouteText> texts;

    VariableCheck(CamelContext camel, Collection<RouteText> texts) {
        this.camel = camel;
        this.texts = texts;
    }

    List<RouteFault> faults() {
        Set<String> known = new TreeSet<>();
        Set<String> methods = new TreeSet<>();
        for (RouteText text : texts) {
            for (RouteText.Word word : text.words()) {
                if (OWN_CODE.contains(word.value()) && word.key().isEmpty() || word.key().equals("ref") && isOwnCode(word.value())) {
                    return List.of();
                }
                if (SETTING.contains(word.key())) {
                    known.add(word.value());
                } else if (word.key().equals("method")) {
                    methods.add(word.value().strip().replaceFirst("\\(.*", ""));
                }
            }
        }
        Map<String, Set<String>> setters = setters();
        if (setters.isEmpty()) {
            return List.of();
        }
        setters.forEach((variable, steps) -> {
            if (steps.stream().anyMatch(step -> methods.contains(step.substring(step.lastIndexOf('.') + 1)))) {
                known.add(variable);
            }
        });
        Set<String> set = Set.copyOf(known);
        List<RouteFault> faults = new ArrayList<>();
        for (RouteText text : texts) {
            for (RouteText.Word word : text.words()) {
                Matcher read = READ.matcher(word.value());
                while (!word.key().equals("description") && read.find()) {
                    if (known.add(read.group(1))) {
                        faults.add(text.fault(word, "no step sets the variable " + read.group(1) + hint(read.group(1), set, setters)));
                    }
                }
            }
        }
        return faults;
    }

    /** A placeholder is the name of a registry. */
    private boolean isOwnCode(String ref) {
        Object bean = ref.contains("{{") ? null : camel.getRegistry().lookupByName(ref.replaceFirst("^#(bean:)?", ""));
        return bean != null && !StepNames.isStep(bean.getClass());
    }

    /** Returns the steps that set each variable, as {@code failures.judge}. */
    private Map<String, Set<String>> setters() {
        Map<String, Set<String>> setters = new TreeMap<>();
        camel.getRegistry().findByTypeWithName(Object.class).forEach((name, bean) -> StepNames.sets(bean.getClass()).forEach((variable, methods) ->
                methods.forEach(method -> setters.computeIfAbsent(variable, some -> new TreeSet<>()).add(name + "." + method))));
        return setters;
    }

    private static String hint(String name, Set<String> known, Map<String, Set<String>> setters) {
        if (setters.containsKey(name)) {
            return ": " + String.join(", ", setters.get(name)) + " would";
        }
        return known.stream().filter(other -> distance(name, other) <= Math.min(FARTHEST, name.length() - 1))
                .min(Comparator.comparingInt(other -> distance(name, other)))
                .map(nearest -> "; is it " + nearest + "?").orElse("");
    }

    /** Returns how many letters have to be changed, added or taken away to make one name of the other (Levenshtein). */
    private static int distance(String one, String other) {
        int[] row = new int[other.length() + 1];
        for (int j = 0; j < row.length; j++) {
            row[j] = j;
        }
        for (int i = 1; i <= one.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j < row.length; j++) {
                int replaced = diagonal + (one.charAt(i - 1) == other.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[other.length()];
    }
}
