package io.mirrorregistry.plan;

import io.mirrorregistry.protocol.RepositoryName;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * The registries that a request is asked at, in their order, each with the name of the repository there. Immutable; two plans with the same
 * targets are equal, so that a plan is a part of cache keys.
 */
public final class Plan {

    /** The objects of a plan and of one of its targets in memory, without the characters of names, in bytes; rounded up. */
    private static final int PLAN_BYTES = 80;
    private static final int TARGET_BYTES = 64;

    private final List<Target> targets;
    private final int hash;
    private final int unorderedHash;

    /**
     * A registry, and what a repository is called there.
     *
     * @param registry the registry's name
     * @param name the repository's name at that registry; null if the registry can have no such name, so that it is not asked
     */
    public record Target(String registry, RepositoryName name) {

        /** Written out, as is {@link #hashCode}: the methods that a record gets by default take longer, and each repeated pull calls them. */
        @Override
        public boolean equals(Object other) {
            return this == other || other instanceof Target target && registry.equals(target.registry) && Objects.equals(name, target.name);
        }

        @Override
        public int hashCode() {
            return 31 * registry.hashCode() + Objects.hashCode(name);
        }
    }

    /** @param targets in the order of asking; may be empty */
    public Plan(List<Target> targets) {
        this.targets = List.copyOf(targets);
        int ordered = 1;
        int unordered = 0;
        for (Target target : this.targets) {
            int one = target.hashCode();
            ordered = 31 * ordered + one;
            unordered += one;
        }
        this.hash = ordered;
        this.unorderedHash = unordered;
    }

    public List<Target> targets() {
        return targets;
    }

    /** Returns the target at a registry; null if the registry is not in the plan. */
    public Target at(String registry) {
        for (Target target : targets) {
            if (target.registry.equals(registry)) {
                return target;
            }
        }
        return null;
    }

    /** Returns about how much memory the plan takes, in bytes. */
    public int weight() {
        int bytes = PLAN_BYTES;
        RepositoryName last = null;
        for (Target target : targets) {
            // Targets share a name that is the same at each of them.
            bytes += TARGET_BYTES + (target.name == null || target.name == last ? 0 : target.name.value().length());
            last = target.name;
        }
        return bytes;
    }

    /** Returns whether both plans have the same targets, in whichever order. */
    public boolean hasTargetsOf(Plan other) {
        return targets.size() == other.targets.size() && unorderedHash == other.unorderedHash
                && (targets.equals(other.targets) || targets.containsAll(other.targets));
    }

    /** Returns a hash code that is the same for plans with the same targets, in whichever order. */
    public int unorderedHash() {
        return unorderedHash;
    }

    @Override
    public boolean equals(Object other) {
        return this == other || other instanceof Plan plan && hash == plan.hash && targets.equals(plan.targets);
    }

    @Override
    public int hashCode() {
        return hash;
    }

    /** Returns the plan for logs: "hot as library/nginx, cold as nginx". */
    @Override
    public String toString() {
        return targets.stream().map(target -> target.registry + " as " + target.name).collect(Collectors.joining(", "));
    }
}
