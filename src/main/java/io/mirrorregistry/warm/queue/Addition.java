package io.mirrorregistry.warm.queue;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.Tag;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The changes that a request makes to an item that exists already.
 *
 * @param request the request of the item after the change
 * @param waitsAgain whether the item, which is finished, waits again
 * @param copyAgain whether the item, which is running, waits again when it is finished, as the copy that runs has not all of the request
 * @param now whether the next attempt, which would be due later, is due now
 * @param isNothing whether the item has all of the request
 */
record Addition(CopyRequest request, boolean waitsAgain, boolean copyAgain, boolean now, boolean isNothing) {

    /** The reasons of failures that another attempt would repeat. */
    private static final Set<String> LASTING = Set.of("refused", "unsupported");

    /**
     * @param again whether an item that is finished waits again, one that waits for its next attempt waits no longer, and one that is running waits again when
     *     it is finished: its tag may mean another image since the copy began
     */
    static Addition of(ItemRow row, CopyRequest added, boolean again) {
        CopyRequest there = row.item().request();
        State state = row.item().state();
        Set<Tag> tags = new HashSet<>(there.tags());
        boolean moreTags = tags.addAll(added.tags());
        boolean waitsAgain = state.isFinished() && (again || moreTags && isCopied(state) || isTriedAgain(row.item()));
        // An item that stays finished keeps the platforms that were copied.
        List<String> platforms = waitsAgain ? added.platforms() : state.isFinished() ? there.platforms() : platforms(there, added);
        Origin origin = added.origin().compareTo(there.origin()) > 0 ? added.origin() : there.origin();
        CopyRequest both = new CopyRequest(there.destination(), there.reference(), tags, waitsAgain ? added.image() : there.image(), sources(there, added), platforms, origin);
        boolean otherPlatforms = !Set.copyOf(platforms).equals(Set.copyOf(there.platforms()));
        boolean copyAgain = state == State.RUNNING && (otherPlatforms || again) && !row.copyAgain();
        boolean now = again && state == State.WAITING && row.item().reason() != null;
        return new Addition(both, waitsAgain, copyAgain, now, !waitsAgain && !copyAgain && !now && both.equals(there));
    }

    /**
     * Returns whether a finished item waits again though no person asks for it. The destination would refuse a refused image again, and
     * a cancelled item stays cancelled.
     */
    private static boolean isTriedAgain(Item item) {
        return item.state() == State.FAILED && !LASTING.contains(String.valueOf(item.reason()));
    }

    /** Returns whether the destination has the image, so that it can have a further tag. */
    private static boolean isCopied(State state) {
        return state == State.DONE || state == State.PARTIAL;
    }

    /** Returns the platforms of both; empty for all, also if both together are too many. */
    private static List<String> platforms(CopyRequest there, CopyRequest added) {
        if (there.platforms().isEmpty() || added.platforms().isEmpty()) {
            return List.of();
        }
        Set<String> both = new LinkedHashSet<>(there.platforms());
        if (!both.addAll(added.platforms())) {
            return there.platforms();
        }
        return both.size() > CopyRequest.MOST_PLATFORMS ? List.of() : List.copyOf(both);
    }

    /** Returns the sources of both, in the order of the newer request. The order alone is no reason to change the item: plans may change it with each pull. */
    private static List<Plan.Target> sources(CopyRequest there, CopyRequest added) {
        if (there.sources().containsAll(added.sources())) {
            return there.sources();
        }
        Set<Plan.Target> both = new LinkedHashSet<>(added.sources());
        both.addAll(there.sources());
        return new ArrayList<>(both);
    }
}
