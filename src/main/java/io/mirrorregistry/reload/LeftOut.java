package io.mirrorregistry.reload;

import java.util.Set;
import org.apache.camel.NoSuchBeanException;

/**
 * Explains faults of routes that name a registry which comes with the mirror, and which settings leave out since nothing uses it.
 *
 * @param registries the names of these registries
 */
record LeftOut(Set<String> registries) {

    /** Returns a clause for the end of a fault that is about this registry; empty for any other. */
    String clause(String registry) {
        return registries.contains(registry) ? ": " + registry + " is left out, since mirror.plan does not name it and no setting is its own" : "";
    }

    /** Returns the same where a bean of the registry is missing, such as {@code cold.client}. */
    String clause(Throwable failure) {
        if (FaultCauses.root(failure) instanceof NoSuchBeanException missing && missing.getName() != null) {
            return clause(missing.getName().replaceFirst("^#", "").replaceFirst("\\..*", ""));
        }
        return "";
    }
}
