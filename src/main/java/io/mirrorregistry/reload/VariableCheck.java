package io.mirrorregistry.reload;

import io.mirrorregistry.files.NearestName;
import java.util.ArrayList;
import java.util.Collection;
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
    /** The function of the simple language that sets a variable. */
    private static final Pattern SET = Pattern.compile("\\{setVariable\\(([A-Za-z][\\w-]*+)\\s*,");
    /** Keys whose values name a variable that a step of Camel sets. */
    private static final Set<String> SETTING = Set.of("name", "variableReceive", "toName");
    /** Keys of steps that run code of the operator's own. */
    private static final Set<String> OWN_CODE = Set.of("beanType", "script", "process", "beans");

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
                SET.matcher(word.value()).results().forEach(set -> known.add(set.group(1)));
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
        return NearestName.question(name, known);
    }
}
