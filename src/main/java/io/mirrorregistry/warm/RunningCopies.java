package io.mirrorregistry.warm;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.pull.KeptManifest;
import io.mirrorregistry.push.Target;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.warm.CopyFailedException.Reason;
import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The copies that run in this mirror. Thread-safe; {@link #run} blocks for registries and the database. */
final class RunningCopies {

    private static final Logger LOG = LoggerFactory.getLogger(RunningCopies.class);
    /** Maximum time that a registry may take to verify a blob. */
    private static final Duration COMMIT_TIME = Duration.ofMinutes(10);
    private static final Duration AGAIN = Duration.ofSeconds(1);

    private final String owner;
    private final Store store;
    private final Map<String, Registry> registries;
    private final CopyClients clients;
    private final SourceFactory sources;
    private final RegistryPauses pauses;
    private final Throttle throttle;
    private final CopyEvents events;
    private final CopyResults results;
    private final BlobReleases releases;
    private final Map<Long, CopyProgress> running = new ConcurrentHashMap<>();

    /** Makes the sources of items. */
    interface SourceFactory {

        Source of(Registry registry, Plan.Target target);
    }

    /** @param owner identifies this mirror in the database */
    RunningCopies(String owner, Store store, Map<String, Registry> registries, CopyClients clients, SourceFactory sources, RegistryPauses pauses, Throttle throttle,
            CopyEvents events) {
        this.owner = owner;
        this.store = store;
        this.registries = Map.copyOf(registries);
        this.clients = clients;
        this.sources = sources;
        this.pauses = pauses;
        this.throttle = throttle;
        this.events = events;
        this.results = new CopyResults(owner, store, this.registries, clients, pauses, events);
        this.releases = new BlobReleases(store, owner);
    }

    /** Returns how far the copies are, by the ids of their items. */
    Map<Long, Store.Progress> progress() {
        Map<Long, Store.Progress> all = new HashMap<>();
        running.forEach((id, progress) -> all.put(id, progress.now()));
        return all;
    }

    /** Ends the copy of an item at its next bytes, if this mirror copies it. */
    void cancel(long id) {
        CopyProgress progress = running.get(id);
        if (progress != null) {
            progress.cancel();
        }
    }

    /** Ends all copies at their next bytes. */
    void cancelAll() {
        running.values().forEach(CopyProgress::cancel);
    }

    /** Renews the leases, and ends copies of items that are no longer this mirror's. */
    void renew() throws StoreAwayException {
        releases.retry();
        Map<Long, CopyProgress> now = Map.copyOf(running);
        Set<Long> ours = store.renew(owner, now.values().stream().map(CopyProgress::now).toList(), releases.held());
        now.forEach((id, progress) -> {
            if (!ours.contains(id)) {
                progress.cancel();
            }
        });
    }

    /** Makes one attempt to copy an item of this mirror, and stores the result. */
    void run(Item item) throws StoreAwayException {
        CopyProgress before = running.get(item.id());
        if (before != null && !before.isCancelled()) {
            if (before.isEnding()) {
                store.retry(item.id(), owner, AGAIN, false, item.reason(), item.message());
            }
            // Otherwise another thread still copies it: the lease ended while the database was away, and is this mirror's again.
            return;
        }
        CopyProgress progress = new CopyProgress(item.id(), events::bytes);
        running.put(item.id(), progress);
        try {
            ImageCopy.Outcome outcome = copy(item, progress);
            progress.ends();
            results.copied(item, progress, outcome);
        } catch (RegistryTroubleException e) {
            progress.ends();
            if (!progress.isCancelled()) {
                results.trouble(item, progress, e);
            }
        } catch (CopyFailedException e) {
            progress.ends();
            if (!progress.isCancelled()) {
                results.failed(item, progress, e);
            }
        } catch (RuntimeException e) {
            progress.ends();
            if (progress.isCancelled()) {
                // The connections are closed when the mirror stops.
                LOG.debug("The copy of {} ended", item.request().image(), e);
                return;
            }
            LOG.error("The copy of {} failed", item.request().image(), e);
            results.attempted(item, progress, "internal", e.toString());
        } finally {
            // An item that was cancelled and asked for again may run on another thread by now.
            running.remove(item.id(), progress);
        }
    }

    private ImageCopy.Outcome copy(Item item, CopyProgress progress) throws RegistryTroubleException, CopyFailedException, StoreAwayException {
        Plan.Target there = item.request().destination();
        Registry destination = registries.get(there.registry());
        Set<String> paused = pauses.paused();
        List<Plan.Target> defined = item.request().sources().stream().filter(source -> registries.containsKey(source.registry())).toList();
        List<Plan.Target> asked = defined.stream().filter(source -> !paused.contains(source.registry())).toList();
        // A source may have begun to pause since the item was taken.
        List<Source> from = (asked.isEmpty() ? defined : asked).stream().map(source -> sources.of(registries.get(source.registry()), source)).toList();
        int inOrder = (int) defined.stream().takeWhile(source -> asked.isEmpty() || asked.contains(source)).count();
        if (destination == null || destination.client() == null || from.isEmpty()) {
            throw new CopyFailedException(Reason.UNDEFINED, "The settings of this mirror do not define the sources of this item.");
        }
        Target target = new Target(destination, there.name(), clients.of(destination), null, null, COMMIT_TIME);
        Sources all = new Sources(from, from.subList(0, inOrder));
        BlobCopy blobs = new BlobCopy(target, all, store, owner, releases, progress, throttle);
        ImageCopy copy = new ImageCopy(item, target, all, from.size() == defined.size(), sources.of(destination, there), blobs, progress);
        try {
            KeptManifest root = copy.resolve();
            store.resolved(item.id(), owner, root.digest());
            ImageCopy.Outcome outcome = copy.run(root);
            pauses.served(there.registry());
            pauses.served(all.first().registry().name());
            events.copied(new CopyEvents.Copied(there, root.digest(), copy.tags()));
            return outcome;
        } catch (CopyFailedException e) {
            if (e.reason() == Reason.NOT_FOUND && from.size() < defined.size()) {
                throw new CopyFailedException(Reason.SOURCE_AWAY, e.getMessage() + " Other sources are away.");
            }
            throw e;
        }
    }
}
