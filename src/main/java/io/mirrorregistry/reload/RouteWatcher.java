package io.mirrorregistry.reload;

import io.mirrorregistry.logging.Logs;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.work.FatalErrors;
import io.mirrorregistry.work.Guarded;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks into the folder of routes, and at the files that parts of generations are made from, from time to time. Once it has changed and rests, what is in it is checked, and serves from then on
 * if all of it is sound; else the last good routes go on serving.
 */
public final class RouteWatcher {

    private static final Logger LOG = LoggerFactory.getLogger(RouteWatcher.class);
    /** While a folder is changed over it may be unreadable once; so many times in a row is a fault. */
    private static final int MOST_UNREADABLE = 5;
    /** A folder that changes at every look, such as by a log that is written into it, is never read; so many looks in a row are a fault. */
    private static final int MOST_CHANGING = 20;
    /** A look that takes longer is told of: it may hang on a network file system that does not answer. */
    private static final Duration LONGEST_LOOK = Duration.ofSeconds(30);
    /** A stop waits no longer for a look that hangs. */
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);

    private final RouteFolder folder;
    private final RouteCheck check;
    private final LiveRoutes live;
    private final Metrics metrics;
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread named = new Thread(task, Logs.ROUTES_THREAD);
        named.setDaemon(true);
        return named;
    });
    private Map<String, RouteFile> first = Map.of();
    /** What the folder was like when it was looked at last, and when it was dealt with last: null where it is to be dealt with anyway. */
    private Map<String, String> seen = Map.of();
    private Map<String, String> dealtWith = Map.of();
    /** The files that the parts of the generation are made from that serves. */
    private Map<String, String> servingParts = Map.of();
    private int unreadable;
    private int changing;
    private volatile List<RouteFault> refused = List.of();
    private volatile List<RouteFault> failing = List.of();
    /** When the look that is under way began, in nanoseconds; null while there is none. */
    private volatile Long lookBegan;

    public RouteWatcher(Path folder, RouteCheck check, LiveRoutes live, Metrics metrics) {
        this.folder = new RouteFolder(folder);
        this.check = check;
        this.live = live;
        this.metrics = metrics;
        metrics.routeFaults(() -> refused().size() + failing.size());
    }

    /** Remembers which files the mirror starts with. */
    public void remember(StartRoutes start) {
        dealtWith = start.stamps();
        seen = dealtWith;
        first = start.files();
        servingParts = start.parts();
    }

    /** Begins to look, once the first routes run. */
    public void start(Duration interval) {
        live.loaded(first);
        thread.execute(new Guarded("rehearse the first routes", this::rehearseFirst));
        thread.scheduleWithFixedDelay(new Guarded("look into the folder of routes", this::look), interval.toMillis(), interval.toMillis(),
                TimeUnit.MILLISECONDS);
    }

    /** Returns what is wrong with files that do not serve for that reason; nothing while what is in the folder serves. */
    public List<RouteFault> refused() {
        Long began = lookBegan;
        long seconds = began == null ? 0 : TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - began);
        return seconds < LONGEST_LOOK.toSeconds() ? refused
                : List.of(RouteFault.ofFolder("the folder has been read for " + seconds + " s and is not read to its end yet"));
    }

    /** Returns what is wrong with the routes that serve since the start, and would be refused as an edit; nothing for routes that were edited since. */
    public List<RouteFault> failing() {
        return failing;
    }

    /** Returns the names of the files whose routes serve. */
    public Set<String> serving() {
        return live.names();
    }

    /** A start does not wait for a rehearsal. Those that the program carries were rehearsed when it was built. */
    private void rehearseFirst() {
        try {
            if (first.equals(RouteFolder.shipped())) {
                return;
            }
        } catch (IOException e) {
            LOG.debug("The routes that the program carries cannot be read", e);
        }
        List<RouteFault> faults = check.faults(new RouteFolder.Contents(first, List.of()));
        if (!faults.isEmpty()) {
            LOG.error("The routes serve, and fail: {}", faults.get(0));
        }
        failing = List.copyOf(faults);
    }

    private void look() {
        lookBegan = System.nanoTime();
        try {
            read();
        } catch (IOException e) {
            unreadable++;
            if (unreadable == MOST_UNREADABLE) {
                refuse(List.of(RouteFolder.unreadable(e.getMessage())));
                // When it can be read again, it is to be looked at even if it is what it was.
                dealtWith = null;
            }
        } catch (Throwable e) {
            FatalErrors.check(e);
            LOG.debug("Looking after routes failed", e);
            List<RouteFault> faults = List.of(RouteFault.ofFolder("the routes cannot be checked: " + e));
            if (!faults.equals(refused)) {
                refuse(faults);
            }
        } finally {
            lookBegan = null;
        }
        // Last, so that routes that cannot be stopped do not keep new ones from being read.
        live.release();
    }

    private void read() throws IOException {
        Map<String, String> stamps = stamps(folder, check.parts());
        boolean rests = stamps.equals(seen);
        Set<String> changed = rests ? Set.of() : differences(stamps, seen);
        seen = stamps;
        changing = rests ? 0 : changing + 1;
        if (changing == MOST_CHANGING) {
            refuse(List.of(RouteFault.ofFolder("the folder is not read because it never rests; these files change all the time: "
                    + String.join(", ", changed))));
            dealtWith = null;
        }
        if (rests && !stamps.equals(dealtWith)) {
            RouteFolder.Contents contents = folder.read();
            Map<String, String> parts = check.parts().read();
            if (stamps(folder, check.parts()).equals(stamps)) {
                dealtWith = stamps;
                dealWith(contents, parts);
            }
        }
        unreadable = 0;
    }

    static Map<String, String> stamps(RouteFolder folder, GenerationParts.Source parts) throws IOException {
        Map<String, String> stamps = new TreeMap<>(folder.stamps());
        stamps.putAll(parts.stamps());
        return stamps;
    }

    private static Set<String> differences(Map<String, String> now, Map<String, String> before) {
        Set<String> names = new TreeSet<>(now.keySet());
        names.addAll(before.keySet());
        names.removeIf(name -> Objects.equals(now.get(name), before.get(name)));
        return names;
    }

    private void dealWith(RouteFolder.Contents contents, Map<String, String> parts) {
        Map<String, RouteFile> files = contents.files();
        if (contents.faults().isEmpty() && live.serves(files) && parts.equals(servingParts)) {
            if (!refused.isEmpty()) {
                LOG.info("Routes are again those that serve");
            }
            refused = List.of();
            return;
        }
        List<RouteFault> faults = files.isEmpty() && contents.faults().isEmpty() ? List.of(RouteFault.ofFolder("the folder holds no *.camel.yaml"))
                : check.faults(contents);
        if (faults.isEmpty()) {
            try {
                Set<String> changed = live.change(files);
                changed.addAll(differences(parts, servingParts));
                servingParts = parts;
                tell(changed, check.notInUse());
                metrics.routesChanged();
                failing = List.of();
            } catch (Exception | LinkageError | StackOverflowError e) {
                FatalErrors.check(e);
                LOG.debug("Routes cannot be started", e);
                faults = List.of(RouteFault.ofFolder("the routes cannot be started: " + FaultCauses.describe(e)));
            }
        }
        refuse(faults);
    }

    private static void tell(Set<String> changed, Map<String, String> notInUse) {
        Set<String> used = new TreeSet<>(changed);
        used.removeAll(notInUse.keySet());
        if (!used.isEmpty()) {
            LOG.info("Routes changed over: {}", String.join(", ", used));
        }
        changed.stream().filter(notInUse::containsKey).forEach(file -> LOG.info("Routes changed: {}; not in use: {}", file, notInUse.get(file)));
    }

    private void refuse(List<RouteFault> faults) {
        if (!faults.isEmpty()) {
            metrics.routesRefused();
            LOG.error("Routes refused, the last good ones go on serving: {}{}", faults.get(0),
                    faults.size() == 1 ? "" : " (and " + (faults.size() - 1) + " more; the command check tells them all)");
        }
        refused = List.copyOf(faults);
    }

    /**
     * Stops looking, and stops the routes that came later than the first, once no request is under way. A look that hangs is not waited
     * for.
     *
     * @param longest how long to wait for both at most
     */
    public void close(Duration longest) {
        long end = System.nanoTime() + longest.toNanos();
        thread.shutdown();
        try {
            thread.awaitTermination(Math.min(longest.toMillis(), LONGEST_WAIT.toMillis()), TimeUnit.MILLISECONDS);
            live.close(Duration.ofNanos(Math.max(0, end - System.nanoTime())));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
