package io.mirrorregistry.warm;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.protocol.Tag;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.registry.NotHereException;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.warm.list.Entry;
import io.mirrorregistry.warm.list.TagChoice;
import io.mirrorregistry.warm.queue.CopyRequest;
import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.State;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import io.mirrorregistry.work.MemoryBudget;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The images of an entry of a list: which tags it has, and which of them are copied. Each method blocks for registries, {@link #queue} for the database too.
 */
final class ListedImages {

    private static final Logger LOG = LoggerFactory.getLogger(ListedImages.class);

    private final Store store;
    private final Planned planned;
    private final Registries registries;
    private final MemoryBudget memory;
    private final Runnable queued;

    /** Finds out how an image is copied. */
    interface Planned {

        /**
         * Returns the request to copy an image.
         *
         * @throws WarmQueue.RefusedException if it cannot be copied
         */
        CopyRequest of(String image, List<String> platforms) throws WarmQueue.RefusedException;
    }

    /** The registries of requests. */
    interface Registries {

        /**
         * Returns how a repository is read; null if no setting defines its registry.
         *
         * @throws RegistryTroubleException if copying pauses at the registry
         */
        Source source(Plan.Target target) throws RegistryTroubleException;
    }

    /**
     * @param memory bounds the memory of lists of tags, together with the responses to clients
     * @param queued is run when an image was queued
     */
    ListedImages(Store store, Planned planned, Registries registries, MemoryBudget memory, Runnable queued) {
        this.store = store;
        this.planned = planned;
        this.registries = registries;
        this.memory = memory;
        this.queued = queued;
    }

    /** Chooses the tags of an entry. Globs choose among the tags of the first source that has the repository. */
    void choose(Entry entry, EntryProgress at) throws WarmQueue.RefusedException, NotHereException, RegistryTroubleException {
        TagChoice choice = new TagChoice(entry);
        if (entry.hasGlob()) {
            addTags(entry, choice);
            choice.warning().ifPresent(LOG::warn);
        }
        at.begin(choice.chosen());
    }

    /** Adds all tags of the first source that has the repository. */
    private void addTags(Entry entry, TagChoice choice) throws WarmQueue.RefusedException, NotHereException, RegistryTroubleException {
        NotHereException unknown = null;
        for (Plan.Target target : planned.of(entry.name(), entry.platforms()).sources()) {
            Source source = registries.source(target);
            if (source != null) {
                try {
                    source.tags(memory, choice::add);
                    return;
                } catch (NotHereException e) {
                    unknown = e;
                }
            }
        }
        throw unknown == null ? new NotHereException(Pull.NOBODY, "No registry is asked for " + entry.name()) : unknown;
    }

    /**
     * Queues an image unless the destination has it.
     *
     * @return whether it was queued
     */
    boolean queue(Entry entry, Tag tag, EntryProgress at) throws WarmQueue.RefusedException, RegistryTroubleException, StoreAwayException {
        CopyRequest request = planned.of(entry.name() + ":" + tag, entry.platforms());
        Digest digest = digest(request.sources(), tag);
        if (digest == null) {
            at.missing(tag);
            return false;
        }
        if (digest.equals(digest(List.of(request.destination()), tag))) {
            return false;
        }
        // The request is by tag: an item that a pull has queued by digest moves no tag.
        Item item = store.add(request, false);
        if (item.state().isFinished() && isCopiedAgain(item, digest, request)) {
            item = store.add(request, true);
        }
        if (item.state().isFinished()) {
            return false;
        }
        queued.run();
        return true;
    }

    /**
     * Returns whether a finished item is copied again. The destination would refuse a refused image again, and a cancelled image stays cancelled,
     * until the tag moves or the entry names other platforms.
     */
    private static boolean isCopiedAgain(Item item, Digest digest, CopyRequest request) {
        boolean moved = item.digest() != null && !digest.equals(item.digest());
        return item.state() == State.DONE || moved || !Set.copyOf(request.platforms()).equals(Set.copyOf(item.request().platforms()));
    }

    /** Returns the digest that a tag means at the first of the registries that has the tag; null if none has it. */
    private Digest digest(List<Plan.Target> targets, Tag tag) throws RegistryTroubleException {
        for (Plan.Target target : targets) {
            Source source = registries.source(target);
            try {
                if (source != null) {
                    return source.digest(tag);
                }
            } catch (NotHereException e) {
                // The next registry may have it.
            }
        }
        return null;
    }
}
