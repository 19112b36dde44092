package io.mirrorregistry.routes;

import io.mirrorregistry.metrics.Metrics;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks into the folder of routes from time to time. Once it has changed and rests, what is in it is checked, and serves from then on
 * if all of it is sound; else the last good routes go on serving.
 */
public final class RouteWatcher {

    /** The name of the thread that checks, starts and stops routes. */
    public static final String THREAD = "routes";

    private static final Logger LOG = LoggerFactory.getLogger(RouteWatcher.class);
    /** While a folder is changed over it may be unreadable once; so many times in a row is a fault. */
    private static final int MOST_UNREADABLE = 5;

    private final RouteFolder folder;
    private final RouteCheck check;
    private final LiveRoutes live;
    private final Metrics metrics;
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread named = new Thread(task, THREAD);
        named.setDaemon(true);
        return named;
    });
    private Map<String, RouteFile> first = Map.of();
    /** What the folder was like when it was looked at last, and when it was dealt with last. */
    private Map<String, String> seen = Map.of();
    private Map<String, String> dealtWith = Map.of();
    private int unreadable;
    private volatile List<RouteFault> refused = List.of();

    public RouteWatcher(Path folder, RouteCheck check, LiveRoutes live, Metrics metrics) {
        this.folder = new RouteFolder(folder);
        this.check = check;
        this.live = live;
        this.metrics = metrics;
        metrics.routeFaults(() -> refused.size());
    }

    /**
     * Remembers which files the mirror starts with. To be called before it reads them.
     *
     * @throws IOException when the folder cannot be read
     */
    public void remember() throws IOException {
        dealtWith = folder.stamps();
        seen = dealtWith;
        first = folder.read();
    }

    /** Begins to look, once the first routes run. */
    public void start(Duration interval) {
        live.loaded(first);
        thread.scheduleWithFixedDelay(this::look, interval.toMillis(), interval.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Returns what is wrong with files that do not serve for that reason; nothing while what is in the folder serves. */
    public List<RouteFault> refused() {
        return refused;
    }

    /** Returns the names of the files whose routes serve. */
    public Set<String> serving() {
        return live.names();
    }

    private void look() {
        try {
            live.release();
            Map<String, String> stamps = folder.stamps();
            boolean rests = stamps.equals(seen);
            seen = stamps;
            if (rests && !stamps.equals(dealtWith)) {
                Map<String, RouteFile> files = folder.read();
                if (folder.stamps().equals(stamps)) {
                    dealtWith = stamps;
                    dealWith(files);
                }
            }
            unreadable = 0;
        } catch (IOException e) {
            unreadable++;
            if (unreadable == MOST_UNREADABLE) {
                refuse(List.of(RouteFault.ofFolder("the folder cannot be read: " + e.getMessage())));
                // When it can be read again, it is to be looked at even if it is what it was.
                dealtWith = Map.of();
            }
        } catch (RuntimeException | LinkageError | StackOverflowError e) {
            LOG.debug("Looking after routes failed", e);
            refuse(List.of(RouteFault.ofFolder("the routes cannot be checked: " + e)));
        }
    }

    private void dealWith(Map<String, RouteFile> files) {
        if (live.serves(files)) {
            if (!refused.isEmpty()) {
                LOG.info("Routes are again those that serve");
            }
            refused = List.of();
            return;
        }
        List<RouteFault> faults = files.isEmpty() ? List.of(RouteFault.ofFolder("the folder holds no *.camel.yaml")) : check.faults(files);
        if (faults.isEmpty()) {
            try {
                LOG.info("Routes changed over: {}", String.join(", ", live.change(files)));
                metrics.routesChanged();
            } catch (Exception e) {
                LOG.debug("Routes cannot be started", e);
                faults = List.of(RouteFault.ofFolder("the routes cannot be started: " + Causes.describe(e)));
            }
        }
        refuse(faults);
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
     * Stops looking, and stops the routes that came later than the first, once no request is under way.
     *
     * @param longest how long to wait for requests at most
     */
    public void close(Duration longest) {
        thread.shutdown();
        try {
            thread.awaitTermination(longest.toMillis(), TimeUnit.MILLISECONDS);
            live.close(longest);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
