package io.mirrorregistry.reload;

import java.util.Collection;
import java.util.function.Supplier;
import org.apache.camel.CamelContext;

/**
 * The beans of the context that serves while its routes change. Camel's registry is for one thread: a search by type throws
 * {@link java.util.ConcurrentModificationException} while a bean is removed. For any thread.
 */
public final class SharedBeans {

    private SharedBeans() {
    }

    /** Returns the result of an action that may search for beans. No bean is removed meanwhile, so that it must not block. */
    public static <T> T search(CamelContext camel, Supplier<T> action) {
        synchronized (camel.getRegistry()) {
            return action.get();
        }
    }

    /** Removes the beans of these names. */
    static void remove(CamelContext camel, Collection<String> names) {
        synchronized (camel.getRegistry()) {
            names.forEach(camel.getRegistry()::unbind);
        }
    }
}
