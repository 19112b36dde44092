package io.mirrorregistry.health;

import org.apache.camel.impl.health.AbstractHealthCheck;

/** A check that shows a person what to mend. While it is DOWN, the mirror is alive and ready all the same. */
abstract class NoticeHealthCheck extends AbstractHealthCheck {

    /** @param id the name under which people find it */
    NoticeHealthCheck(String id) {
        super("mirror-registry", id);
    }

    @Override
    public final boolean isLiveness() {
        return false;
    }

    @Override
    public final boolean isReadiness() {
        return false;
    }
}
