package io.mirrorregistry.reload;

import io.mirrorregistry.registry.Step;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.camel.CamelContext;
import org.apache.camel.model.BeanDefinition;

/** What the annotation {@link Step} says of the methods that routes call. */
final class StepNames {

    private StepNames() {
    }

    private static Stream<Method> steps(Class<?> type) {
        return Arrays.stream(type.getMethods()).filter(method -> method.isAnnotationPresent(Step.class));
    }

    /** Returns what the steps of a class set, with the methods that set it. */
    static Map<String, Set<String>> sets(Class<?> type) {
        Map<String, Set<String>> sets = new TreeMap<>();
        steps(type).forEach(method -> Arrays.stream(method.getAnnotation(Step.class).sets())
                .forEach(name -> sets.computeIfAbsent(name, some -> new TreeSet<>()).add(method.getName())));
        return sets;
    }

    /** Returns whether a class is one of the mirror's steps, which set what their annotations say and nothing else. */
    static boolean isStep(Class<?> type) {
        return steps(type).findAny().isPresent();
    }

    /** Returns what a step needs; nothing for a bean of an operator's own. */
    static List<String> needs(CamelContext camel, BeanDefinition bean) {
        Object found = camel.getRegistry().lookupByName(camel.resolvePropertyPlaceholders(bean.getRef()));
        List<String> needs = new ArrayList<>();
        if (found != null && bean.getMethod() != null) {
            steps(found.getClass()).filter(method -> method.getName().equals(bean.getMethod().replaceFirst("\\(.*", "")))
                    .forEach(method -> needs.addAll(Arrays.asList(method.getAnnotation(Step.class).needs())));
        }
        return needs;
    }
}
