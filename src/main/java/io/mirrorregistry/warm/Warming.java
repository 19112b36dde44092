package io.mirrorregistry.warm;

import io.mirrorregistry.cache.CacheStep;
import io.mirrorregistry.config.WarmSettings;
import io.mirrorregistry.explain.ImagePlanner;
import io.mirrorregistry.explain.ImagePlanner.ImagePlan;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Reference;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.KeptManifest;
import io.mirrorregistry.pull.OutsideCall;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.MirrorIdentity;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.folder.FolderRegistry;
import io.mirrorregistry.reload.LiveRoutes;
import io.mirrorregistry.warm.list.Platform;
import io.mirrorregistry.warm.list.WarmFileKeeper;
import io.mirrorregistry.warm.queue.CopyRequest;
import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.Origin;
import io.mirrorregistry.warm.queue.State;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import io.mirrorregistry.work.Guarded;
import io.mirrorregistry.work.MemoryBudget;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies images in the background to the registry {@code mirror.warm.to}: images that clients have pulled, that lists name, and that people ask for. Copying has threads,
 * connections and tokens of its own, so that no pull waits for it. {@link #close} ends it; the queue is in the database.
 */
public final class Warming implements WarmQueue, Metrics.WarmFigures, AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Warming.class);
    private static final long MOST_CLOSE_SECONDS = 5;
    private static final long RENEW_SECONDS = 10;
    private static final long READ_SECONDS = 5;

    private final WarmSettings settings;
    private final Store store;
    private final ImagePlanner planner;
    private final CopyClients clients;
    private final RegistryPauses pauses;
    private final ClientLoad load;
    private final RunningCopies copies;
    private final Copier copier;
    private final Inbox inbox;
    private final Demand demand;
    private final Thread writer;
    private final ScheduledExecutorService timer;
    /** Null without lists. */
    private final WarmFileKeeper lists;
    private final ListReader reader;
    /** Reading a list may take minutes, so that it has a thread of its own. */
    private final ScheduledExecutorService readers;
    private volatile boolean started;
    /** Figures of the database, at most some seconds old; null while it is away. */
    private volatile Figures figures;

    private record Figures(Map<State, Long> counts, Instant oldest) {
    }

    /**
     * Does nothing before {@link #start}.
     *
     * @param store the queue
     * @param owner identifies this mirror in the database; each start has another value
     * @param registries all registries of the settings, by name
     * @param folders the registries among them that are folders
     * @param planner finds out which registries a pull asks
     * @param live has the routes of pulls
     * @param cache forgets the entries of an image that was copied
     * @param lists the lists of images that are copied without a pull; null for none
     * @param memory bounds the memory of lists of tags, together with the responses to clients
     */
    public Warming(WarmSettings settings, Store store, String owner, Map<String, Registry> registries, Map<String, FolderRegistry> folders, ImagePlanner planner,
            MirrorIdentity self, LiveRoutes live, CacheStep cache, Metrics metrics, WarmFileKeeper lists,
            MemoryBudget memory) {
        this.settings = settings;
        this.store = store;
        this.planner = planner;
        this.pauses = new RegistryPauses(registries.values());
        this.clients = new CopyClients(settings.parallel(), metrics, self, pauses);
        this.load = new ClientLoad(metrics::requests);
        OutsideCall calls = new OutsideCall(folders, clients::ask);
        this.copies = new RunningCopies(owner, store, registries, clients, (registry, target) -> new Source(registry, target, calls, live), pauses,
                new Throttle(settings.bandwidth(), load::limit), events(cache, metrics));
        this.copier = new Copier(owner, settings.to(), store, copies, clients, pauses, load::isHigh);
        this.lists = lists;
        this.reader = lists == null ? null : new ListReader(owner, store, lists::list, new ListedImages(store, this::listed,
                target -> source(registries.get(target.registry()), target, calls, live), memory, copier::wake));
        this.inbox = new Inbox(store, copier::wake, load::isHigh);
        this.demand = new Demand(settings.to(), settings.after(), inbox);
        this.writer = thread(inbox, "warm-queue");
        this.readers = Executors.newSingleThreadScheduledExecutor(task -> thread(task, "warm-lists"));
        this.timer = Executors.newScheduledThreadPool(2, task -> thread(task, "warm-timer"));
    }

    private Source source(Registry registry, Plan.Target target, OutsideCall calls, LiveRoutes live) throws RegistryTroubleException {
        if (registry != null && pauses.paused().contains(registry.name())) {
            throw new RegistryTroubleException(registry.name(), "copying pauses at registry " + registry.name(), RegistryTroubleException.Kind.NOT_ASKED, null);
        }
        return registry == null ? null : new Source(registry, target, calls, live);
    }

    private static Thread thread(Runnable task, String name) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    private static CopyEvents events(CacheStep cache, Metrics metrics) {
        return new CopyEvents() {

            /** The next pull asks the destination. */
            @Override
            public void copied(Copied image) {
                List<Reference> changed = new ArrayList<>(image.tags());
                changed.add(image.digest());
                cache.forget(image.there(), changed, false);
            }

            @Override
            public void bytes(String registry, int count) {
                metrics.copied(registry, count);
            }

            @Override
            public void failed(String reason) {
                metrics.copyFailed(reason);
            }
        };
    }

    /** Returns the step of routes. */
    public WarmStep step() {
        return new WarmStep(demand);
    }

    /** Counts the pull of a manifest that the mirror had in memory. For any thread; does not block. */
    public void recalled(Pull pull, KeptManifest manifest) {
        demand.recalled(pull, manifest);
    }

    /** Begins to copy. */
    public void start() {
        started = true;
        writer.start();
        copier.start(settings.parallel());
        timer.scheduleWithFixedDelay(new Guarded("measure the load of clients", load::measure), 0, ClientLoad.MEASURE_MILLIS, TimeUnit.MILLISECONDS);
        if (lists != null) {
            lists.watch();
            readers.scheduleWithFixedDelay(new Guarded("read the lists of images to copy", reader::readDueEntries), 1, READ_SECONDS, TimeUnit.SECONDS);
        }
        timer.scheduleWithFixedDelay(new Guarded("renew the leases of copies", this::renew), 0, RENEW_SECONDS, TimeUnit.SECONDS);
    }

    private void renew() {
        try {
            copies.renew();
            figures = new Figures(store.counts(), store.oldestWaiting(settings.to()));
        } catch (StoreAwayException e) {
            // The copies continue. If the database stays away, other mirrors may copy the same, which does no harm.
            figures = null;
        }
    }

    @Override
    public double items(State state) {
        Figures known = figures;
        return known == null ? Double.NaN : known.counts.get(state);
    }

    @Override
    public double oldestSeconds() {
        Figures known = figures;
        return known == null ? Double.NaN : known.oldest == null ? 0 : Math.max(0, Duration.between(known.oldest, Instant.now()).toMillis() / 1000.0);
    }

    @Override
    public long dropped() {
        return inbox.dropped();
    }

    @Override
    public boolean isStoreUp() {
        return store.lastProblem() == null;
    }

    /** Returns why the database cannot be used, as a sentence; null if it can. Does not block. */
    public String problem() {
        return store.lastProblem();
    }

    @Override
    public Item ask(String image, List<String> platforms) throws RefusedException, StoreAwayException {
        if (platforms.size() > CopyRequest.MOST_PLATFORMS) {
            throw new RefusedException("An image is copied for at most " + CopyRequest.MOST_PLATFORMS + " platforms.");
        }
        for (String platform : platforms) {
            String fault = Platform.fault(platform);
            if (fault != null) {
                throw new RefusedException(fault + ".");
            }
        }
        ImagePlan planned;
        try {
            planned = planner.plan(image);
        } catch (ImagePlanner.InvalidImageException e) {
            throw new RefusedException(e.getMessage());
        }
        Item item = store.add(request(planned, platforms, Origin.ASKED), true);
        copier.wake();
        return item;
    }

    private CopyRequest listed(String image, List<String> platforms) throws RefusedException {
        try {
            return request(planner.plan(image), platforms, Origin.LIST);
        } catch (ImagePlanner.InvalidImageException e) {
            throw new RefusedException(e.getMessage());
        }
    }

    private CopyRequest request(ImagePlan planned, List<String> platforms, Origin origin) throws RefusedException {
        String to = settings.to();
        if (planned.plan() == null) {
            throw new RefusedException("The image " + planned.name() + " cannot be copied: " + planned.failure() + ".");
        }
        Plan.Target there = planned.plan().at(to);
        if (there == null || there.name() == null) {
            throw new RefusedException("Pulls of " + planned.name() + " do not ask registry " + to + ", so that a copy there would be of no use.");
        }
        List<Plan.Target> sources = planned.plan().targets().stream().filter(target -> !target.registry().equals(to) && target.name() != null).toList();
        if (sources.isEmpty()) {
            throw new RefusedException("Pulls of " + planned.name() + " ask no other registry than " + to + ", so that there is none to copy from.");
        }
        String shown = planned.name() + (planned.reference() instanceof Tag ? ":" : "@") + planned.reference();
        return new CopyRequest(there, planned.reference(), Set.of(), shown, sources, platforms, origin);
    }

    @Override
    public Item find(long id) throws StoreAwayException {
        return current(store.find(id), copies.progress());
    }

    /** Returns the item with the bytes of this moment, if this mirror copies it. */
    private static Item current(Item item, Map<Long, Store.Progress> running) {
        Store.Progress progress = item == null || item.state() != State.RUNNING ? null : running.get(item.id());
        return progress == null ? item : item.at(progress.bytesDone(), progress.bytesTotal());
    }

    @Override
    public Item cancel(long id) throws StoreAwayException {
        Item item = store.cancel(id);
        copies.cancel(id);
        return item;
    }

    @Override
    public Overview overview() {
        try {
            Map<Long, Store.Progress> running = copies.progress();
            return new Overview(store.counts(), store.oldestWaiting(settings.to()), store.running(Overview.MOST).stream().map(item -> current(item, running)).toList(),
                    store.waiting(Overview.MOST), store.finished(EnumSet.of(State.DONE, State.CANCELLED), Overview.MOST), store.finished(Overview.FAILED, Overview.MOST),
                    pauses.overview(), inbox.dropped(), null);
        } catch (StoreAwayException e) {
            return withoutDatabase(e.getMessage());
        }
    }

    @Override
    public Overview withoutDatabase(String problem) {
        return new Overview(Map.of(), null, List.of(), List.of(), List.of(), List.of(), pauses.overview(), inbox.dropped(), problem);
    }

    /**
     * Ends all copies, in at most {@value #MOST_CLOSE_SECONDS} seconds. Copies that are not finished continue after the next start, or in another mirror. If
     * the database does not respond in that time, this method returns without closing it.
     */
    @Override
    public void close() {
        Thread closing = thread(this::end, "warm-close");
        closing.start();
        try {
            closing.join(TimeUnit.SECONDS.toMillis(MOST_CLOSE_SECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (closing.isAlive()) {
            LOG.warn("The mirror stops without the end of its copies, which took more than {} s. They are continued after its next start, or by another mirror with the same database", MOST_CLOSE_SECONDS);
        }
    }

    private void end() {
        timer.shutdownNow();
        readers.shutdownNow();
        if (lists != null) {
            lists.close();
        }
        if (started) {
            writer.interrupt();
            copier.close();
            try {
                writer.join(TimeUnit.SECONDS.toMillis(1));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            inbox.drain();
        }
        clients.close();
        planner.close();
        // A connection that is in use while the database is closed may keep its file open.
        awaitEnd(timer);
        awaitEnd(readers);
        store.close();
    }

    private static void awaitEnd(ScheduledExecutorService service) {
        try {
            service.awaitTermination(1, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
