package io.mirrorregistry.reload;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.apache.camel.CamelContext;
import org.apache.camel.support.LifecycleStrategySupport;

/**
 * The generations of routes: one that takes new requests, and earlier ones that still have some. A change of files starts all of them
 * anew in a {@link Generation} of their own; from one moment on it takes every new request. An earlier generation is closed after its
 * last request.
 *
 * <p>{@link #enter()} and {@link #closing()} are for any thread, the other methods for one thread at a time.
 */
public final class LiveRoutes {

    /** The generations that are not closed yet, the oldest first; the last one takes new requests. */
    private final List<Generation> running = new ArrayList<>();
    private RouteContexts contexts;
    private volatile Generation current;
    private volatile boolean closing;

    /**
     * Makes a context the one of the first generation.
     *
     * @param camel not initialized yet
     * @param environment the names that the routes of all generations may use
     * @throws IllegalStateException when the routes cannot be built
     */
    public void begin(CamelContext camel, RouteEnvironment environment) {
        try {
            contexts = new RouteContexts(camel, environment);
        } catch (RoutesFailedException e) {
            throw new IllegalStateException(e.getMessage(), e);
        }
        current = contexts.first();
        running.add(current);
        camel.addLifecycleStrategy(new LifecycleStrategySupport() {
            @Override
            public void onContextStopped(CamelContext stopped) {
                running.forEach(generation -> generation.parts().close());
                running.clear();
            }
        });
    }

    /** Says which files the first routes are from, once they run. */
    void loaded(Map<String, RouteFile> files) {
        current.files(files);
    }

    /** Counts a new request in. Returns its generation, which it has to {@link Generation#leave() leave}. */
    public Generation enter() {
        while (true) {
            Generation generation = current;
            generation.enter();
            if (generation == current) {
                return generation;
            }
            // It has just been replaced, and may be closed before it saw this request.
            generation.leave();
        }
    }

    /** Returns the generation that takes new requests. */
    Generation current() {
        return current;
    }

    /** Returns whether these are the files whose routes serve. */
    boolean serves(Map<String, RouteFile> files) {
        return files.equals(current.files());
    }

    /** Returns the names of the files whose routes serve; none where they are not from files of a folder. For any thread. */
    Set<String> names() {
        return new TreeSet<>(current.files().keySet());
    }

    /**
     * Changes over to these files, which have been checked.
     *
     * @return the names of those that differ, are new or are gone
     * @throws Exception when they cannot be started; nothing has changed then
     */
    Set<String> change(Map<String, RouteFile> files) throws Exception {
        Map<String, RouteFile> before = current.files();
        Generation next = contexts.start(files);
        running.add(next);
        current = next;
        Set<String> changed = new TreeSet<>(before.keySet());
        changed.addAll(files.keySet());
        changed.removeIf(name -> Objects.equals(before.get(name), files.get(name)));
        return changed;
    }

    /** Closes the earlier generations that have no request any more. */
    void release() {
        for (Generation generation : List.copyOf(running)) {
            if (generation != current && generation.requests() == 0) {
                running.remove(generation);
                generation.close();
            }
        }
    }

    /** Returns whether no more requests are to come, since some routes are about to stop. */
    public boolean closing() {
        return closing;
    }

    /**
     * Stops all generations after the first, once no request is under way. Where there is none, nothing is waited for: the first
     * context waits for its requests itself.
     *
     * @param longest how long to wait at most
     */
    void close(Duration longest) throws InterruptedException {
        List<Generation> later = running.stream().filter(generation -> !generation.isFirst()).toList();
        if (later.isEmpty()) {
            return;
        }
        closing = true;
        long until = System.nanoTime() + longest.toNanos();
        while (running.stream().anyMatch(generation -> generation.requests() > 0) && System.nanoTime() < until) {
            TimeUnit.MILLISECONDS.sleep(20);
        }
        for (Generation generation : later) {
            // Its requests have had their time.
            generation.camel().getShutdownStrategy().setTimeUnit(TimeUnit.MILLISECONDS);
            generation.camel().getShutdownStrategy().setTimeout(1);
            running.remove(generation);
            generation.close();
        }
    }
}
