package io.mirrorregistry.cache;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.ApiPath;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * The plans that requests had lately, so that the event loop can guess a request's plan before a route has made it. A guess may be wrong or
 * missing: then the request gets a worker, or its route finds no answer in memory and goes on on a worker. Thread-safe.
 */
final class PlanHints {

    private static final int SLOTS = 4096;

    /** @param request a hash of what was asked for */
    private record Hint(long request, Plan plan) {
    }

    private final AtomicReferenceArray<Hint> hints = new AtomicReferenceArray<>(SLOTS);

    /**
     * Returns a hash of what a client asks for.
     *
     * @param path a manifest or a blob
     * @param namespace the parameter ns; empty for none
     */
    static long hash(ApiPath path, String namespace) {
        long hash = mixed(31L * namespace.hashCode() + path.kind().ordinal(), path.repository().value());
        // Spreads the differences, which are in the last characters, over all bits.
        return mixed(hash, path.reference().value()) * 0x9E3779B97F4A7C15L;
    }

    private static long mixed(long start, String text) {
        long hash = start;
        for (int i = 0; i < text.length(); i++) {
            hash = 31 * hash + text.charAt(i);
        }
        return hash;
    }

    private static int slot(long request) {
        return (int) (request >>> 52);
    }

    /** Returns the plan that such a request had last; null if that is not known. */
    Plan find(long request) {
        Hint hint = hints.get(slot(request));
        return hint != null && hint.request == request ? hint.plan : null;
    }

    void keep(long request, Plan plan) {
        int slot = slot(request);
        Hint hint = hints.get(slot);
        if (hint == null || hint.request != request || !hint.plan.equals(plan)) {
            hints.set(slot, new Hint(request, plan));
        }
    }
}
