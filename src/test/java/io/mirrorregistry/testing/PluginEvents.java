package io.mirrorregistry.testing;

import java.lang.ref.WeakReference;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** The things that plug-ins of tests say: their class loaders have this class from the test. */
public final class PluginEvents {

    private static final List<String> EVENTS = new CopyOnWriteArrayList<>();
    private static final List<WeakReference<ClassLoader>> LOADERS = new CopyOnWriteArrayList<>();

    private PluginEvents() {
    }

    public static void add(String event) {
        EVENTS.add(event);
    }

    /** Remembers the class loader of an object, and does not keep it. */
    public static void loadedBy(Object object) {
        LOADERS.add(new WeakReference<>(object.getClass().getClassLoader()));
    }

    public static long count(String event) {
        return EVENTS.stream().filter(event::equals).count();
    }

    public static int loaders() {
        return LOADERS.size();
    }

    /** Returns how many of the class loaders are still in memory. */
    public static long loadersInMemory() {
        return LOADERS.stream().filter(loader -> loader.get() != null).count();
    }

    public static void forget() {
        EVENTS.clear();
        LOADERS.clear();
    }
}
