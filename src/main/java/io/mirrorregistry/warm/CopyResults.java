package io.mirrorregistry.warm;

import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.registry.Call;
import io.mirrorregistry.registry.Registry;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.warm.CopyFailedException.Reason;
import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.State;
import io.mirrorregistry.warm.queue.Store;
import io.mirrorregistry.warm.queue.StoreAwayException;
import java.io.IOException;
import java.time.Duration;
import java.util.Comparator;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stores and logs how the attempts to copy items ended, and decides when the next attempt is due. Thread-safe; calls block for the database, and for
 * the registry that was in trouble.
 */
final class CopyResults {

    private static final Logger LOG = LoggerFactory.getLogger(CopyResults.class);
    private static final int MOST_ATTEMPTS = 8;
    private static final Duration LONGEST_BACKOFF = Duration.ofHours(1);
    /** After this time, attempts count even if no other image was copied. */
    private static final Duration LONGEST_OUTAGE = Duration.ofDays(1);
    /** Maximum items whose throttling is remembered. */
    private static final int MOST_THROTTLED = 10_000;
    /** Another replica may have the settings, or this mirror after its next start. */
    private static final Duration UNDEFINED = Duration.ofMinutes(5);

    private final String owner;
    private final Store store;
    private final Map<String, Registry> registries;
    private final CopyClients clients;
    private final RegistryPauses pauses;
    private final CopyEvents events;
    /** The items at which the destination has failed since an image was copied last. */
    private final Set<Long> failing = ConcurrentHashMap.newKeySet();
    /** How often in a row items were throttled before the destination got a byte. */
    private final Map<Long, Integer> throttled = new ConcurrentHashMap<>();

    /** @param owner identifies this mirror in the database */
    CopyResults(String owner, Store store, Map<String, Registry> registries, CopyClients clients, RegistryPauses pauses, CopyEvents events) {
        this.owner = owner;
        this.store = store;
        this.registries = registries;
        this.clients = clients;
        this.pauses = pauses;
        this.events = events;
    }

    /** Stores that an image was copied. */
    void copied(Item item, CopyProgress progress, ImageCopy.Outcome outcome) throws StoreAwayException {
        failing.clear();
        throttled.remove(item.id());
        store.finish(item.id(), owner, outcome.state(), item.request().tags(), progress.now(), outcome.reason(), outcome.message());
        String to = item.request().destination().registry();
        if (outcome.state() == State.PARTIAL) {
            LOG.atWarn().addKeyValue("registry", to).addKeyValue("item", item.id()).log("Image {} was copied to registry {} in part: {}", item.request().image(), to, outcome.message());
        } else {
            LOG.atInfo().addKeyValue("registry", to).addKeyValue("item", item.id()).log("Image {} was copied to registry {}: {} bytes in {} ms", item.request().image(), to,
                    progress.sent(), progress.millis());
        }
    }

    /** Stores that a registry was in trouble. If it is away or throttles, copying pauses there for all items, and the attempt does not count. */
    void trouble(Item item, CopyProgress progress, RegistryTroubleException trouble) throws StoreAwayException {
        Registry registry = registries.get(trouble.registry());
        String why = trouble.getMessage();
        if (trouble.throttled()) {
            Duration pause = pauses.throttled(trouble.registry(), trouble.retryAfter(), why);
            events.failed("throttled");
            store.retry(item.id(), owner, afterThrottled(item, progress, pause), false, "throttled", why);
        } else if (registry != null && registry.client() != null && (isAway(registry) || isFailing(item, trouble))) {
            Duration pause = pauses.away(trouble.registry(), why);
            events.failed("away");
            // Later than the end of the pause, so that other items are first: this one may itself be the reason.
            store.retry(item.id(), owner, pause.multipliedBy(2), false, "away", why);
        } else {
            attempted(item, progress, "trouble", why);
        }
    }

    /** Returns the delay for a throttled item: longer each time, so that other items are first if the registry throttles this one only. */
    private Duration afterThrottled(Item item, CopyProgress progress, Duration pause) {
        if (progress.sent() > 0) {
            throttled.remove(item.id());
        } else if (throttled.size() >= MOST_THROTTLED) {
            throttled.clear();
        }
        int count = throttled.merge(item.id(), 1, Integer::sum);
        Duration delay = pause.multipliedBy(1L << Math.min(count - 1, 20));
        return delay.compareTo(LONGEST_BACKOFF) > 0 ? LONGEST_BACKOFF : delay;
    }

    /**
     * Returns whether the destination responds and yet stores nothing, as with a full disk: it has failed at several items, and no image was copied in
     * between. One item alone may itself be the reason, and an old one, too.
     */
    private boolean isFailing(Item item, RegistryTroubleException trouble) {
        if (!trouble.registry().equals(item.request().destination().registry()) || trouble.kind() != RegistryTroubleException.Kind.OUTAGE) {
            return false;
        }
        failing.add(item.id());
        return failing.size() > 1 && isYoung(item);
    }

    private static boolean isYoung(Item item) {
        return Duration.between(item.created(), item.started()).compareTo(LONGEST_OUTAGE) < 0;
    }

    /** Returns whether the registry cannot be reached at all, or does not accept the mirror. */
    private boolean isAway(Registry registry) {
        try (ClassicHttpResponse response = clients.ask(registry, Call.get(new ApiPath(ApiPath.Kind.API_VERSION, null, null), null))) {
            int status = response.getCode();
            return status >= 500 || status == 429 || (status == 401 || status == 403) && !"true".equals(RegistryAnswers.value(response, RegistryAnswers.ACCEPTED));
        } catch (IOException e) {
            return true;
        }
    }

    /** Returns the longest pause of the sources. */
    private Duration pause(Item item) {
        return item.request().sources().stream().map(source -> pauses.left(source.registry())).max(Comparator.naturalOrder()).filter(left -> left.compareTo(RegistryPauses.AWAY) > 0).orElse(RegistryPauses.AWAY);
    }

    /** Stores that the image cannot be copied now, or that it cannot be copied at all. */
    void failed(Item item, CopyProgress progress, CopyFailedException failure) throws StoreAwayException {
        if (failure.reason() == Reason.CANCELLED) {
            // If the mirror is stopping, the item is released with all others.
            return;
        }
        if (failure.reason() == Reason.SOURCE_AWAY || failure.reason() == Reason.UNDEFINED) {
            events.failed(failure.reason().label());
            LOG.atInfo().addKeyValue("item", item.id()).log("The copy of {} waits: {}", item.request().image(), failure.getMessage());
            store.retry(item.id(), owner, failure.reason() == Reason.UNDEFINED ? UNDEFINED : pause(item), false, failure.reason().label(), failure.getMessage());
        } else if (failure.reason().isRetried()) {
            attempted(item, progress, failure.reason().label(), failure.getMessage());
        } else {
            end(item, progress, failure.reason().label(), failure.getMessage());
        }
    }

    /** Stores that the attempt failed. Another attempt follows, unless this was the last one. An attempt that has continued an upload does not count. */
    void attempted(Item item, CopyProgress progress, String reason, String message) throws StoreAwayException {
        if (progress.hasAdvanced() && isYoung(item)) {
            events.failed(reason);
            LOG.atInfo().addKeyValue("item", item.id()).log("The copy of {} was interrupted, and continues: {}", item.request().image(), message);
            store.retry(item.id(), owner, RegistryPauses.backoff(1, LONGEST_BACKOFF), false, reason, message);
            return;
        }
        int attempt = item.attempts() + 1;
        if (attempt >= MOST_ATTEMPTS) {
            end(item, progress, reason, message);
            return;
        }
        events.failed(reason);
        Duration delay = RegistryPauses.backoff(attempt, LONGEST_BACKOFF);
        LOG.atInfo().addKeyValue("item", item.id()).log("The copy of {} failed, attempt {} of {} follows in {} s: {}", item.request().image(), attempt + 1, MOST_ATTEMPTS,
                delay.toSeconds(), message);
        store.retry(item.id(), owner, delay, true, reason, message);
    }

    private void end(Item item, CopyProgress progress, String reason, String message) throws StoreAwayException {
        throttled.remove(item.id());
        events.failed(reason);
        LOG.atWarn().addKeyValue("registry", item.request().destination().registry()).addKeyValue("item", item.id()).log("Image {} cannot be copied: {}", item.request().image(),
                message);
        store.finish(item.id(), owner, State.FAILED, item.request().tags(), progress.now(), reason, message);
    }
}
