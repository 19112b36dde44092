package io.mirrorregistry.reload;

import java.util.Map;
import org.apache.camel.impl.engine.DefaultClassResolver;

/** Resolves the short names of failures that {@code doCatch} and {@code onException} may use, and class names as Camel does. */
final class ExceptionWords extends DefaultClassResolver {

    private final Map<String, Class<?>> words;

    ExceptionWords(Map<String, Class<?>> words) {
        this.words = Map.copyOf(words);
    }

    @Override
    public Class<?> resolveClass(String name) {
        Class<?> word = words.get(name);
        return word != null ? word : super.resolveClass(name);
    }
}
