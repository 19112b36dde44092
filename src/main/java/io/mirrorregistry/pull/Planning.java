package io.mirrorregistry.pull;

import io.mirrorregistry.plan.Plan;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.Registry;
import java.util.List;

/** A plan while the steps of the plan file make it: a list of registries, and the name that is asked for. */
final class Planning {

    private final PlanStep by;
    /** The name as the client asked for it; null where none is asked for. */
    private final RepositoryName asked;
    private RepositoryName name;
    /** Null while no step has set them. */
    private List<String> registries;
    private Plan plan;
    /** Whether the registries that are set take a push. */
    private boolean forPush;
    /** The plan of pulls, while {@link #forPush}. */
    private Planning ofPulls;

    /** @param name the repository's name; null where none is asked for */
    Planning(RepositoryName name, PlanStep by) {
        this.asked = name;
        this.name = name;
        this.by = by;
    }

    /** Makes one that has come as far as another, and that later steps of that one do not change. */
    Planning(Planning other) {
        this.by = other.by;
        this.asked = other.asked;
        this.forPush = other.forPush;
        this.name = other.name;
        this.registries = other.registries;
        this.plan = other.plan;
    }

    RepositoryName name() {
        return name;
    }

    void name(RepositoryName other) {
        this.name = other;
        this.plan = null;
    }

    void registries(List<String> names) {
        this.registries = names;
        this.plan = null;
    }

    /** Begins to plan where a push goes: forgets the registries and the name that steps have set for pulls. */
    void anewForPush() {
        this.ofPulls = new Planning(this);
        this.registries = null;
        this.name = asked;
        this.plan = null;
        this.forPush = true;
    }

    /** Returns the plan that steps made for pulls, before {@link #anewForPush}. */
    Planning ofPulls() {
        return ofPulls;
    }

    /** Returns whether the registries that steps set now take a push; false while they are those of pulls, even if the request is one of a push. */
    boolean isForPush() {
        return forPush;
    }

    /** Returns whether a registry may be asked instead of another one that does not respond: it is asked now, and not as slow as the other. */
    boolean isInsteadOf(String registry, Registry silent) {
        return by.isInsteadOf(registry, silent);
    }

    /** Returns whether a step has set the registries. */
    boolean isMade() {
        return registries != null;
    }

    /** @throws IllegalStateException when no step has set the registries: a plan that was forgotten is not one that asks nobody */
    Plan plan() {
        if (plan == null) {
            if (registries == null) {
                throw new IllegalStateException("no step of the routes has set which registries are asked: each way through the plan needs a step"
                        + " plan.ask, plan.ordered or a strategy");
            }
            plan = by.compose(registries, name);
        }
        return plan;
    }
}
