package io.mirrorregistry.warm;

import io.mirrorregistry.warm.queue.Item;
import io.mirrorregistry.warm.queue.State;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The queue and the pauses, as the status page and {@code GET /warm} show them.
 *
 * @param counts how many items there are, by their state
 * @param oldest when the item was created that has waited longest; null if none waits
 * @param running the items that mirrors copy now
 * @param waiting the items that are next, at most {@value #MOST}
 * @param finished the items that are {@code DONE} or {@code CANCELLED}, the latest first, at most {@value #MOST}
 * @param failed the items that are {@code FAILED} or {@code PARTIAL}, the latest first, at most {@value #MOST}
 * @param pauses the registries at which this mirror pauses
 * @param dropped how many images were not queued since the start, because too many waited for the database
 * @param problem why the database cannot be used, as a sentence; null if it can. With a problem, only {@code pauses} and {@code dropped} are known
 */
public record Overview(Map<State, Long> counts, Instant oldest, List<Item> running, List<Item> waiting, List<Item> finished, List<Item> failed,
        List<Pause> pauses, long dropped, String problem) {

    /** Maximum items of a list. */
    public static final int MOST = 50;

    /** The states of {@link #failed}. */
    public static final Set<State> FAILED = Set.of(State.FAILED, State.PARTIAL);

    /**
     * A registry at which nothing is copied for a while.
     *
     * @param registry its name
     * @param until when the pause ends; null while a circuit breaker is open: the pause ends when the breaker closes
     * @param why a sentence
     */
    public record Pause(String registry, Instant until, String why) {
    }
}
