package io.mirrorregistry.health;

import io.mirrorregistry.access.Access;
import java.util.Map;
import org.apache.camel.health.HealthCheckResultBuilder;

/** Tells whether the files of {@code mirror.access.file} decide as they are. The mirror is alive and ready all the same: the last good ones do. */
public final class AccessHealthCheck extends NoticeHealthCheck {

    private final Access access;

    public AccessHealthCheck(Access access) {
        super("access-file");
        this.access = access;
    }

    @Override
    protected void doCall(HealthCheckResultBuilder builder, Map<String, Object> options) {
        String problem = access.problem().orElse(null);
        if (problem == null) {
            builder.message("up").up();
            return;
        }
        builder.message(access.isFileRefused() ? "a change is refused, the last good files decide: " + problem : problem);
        builder.detail("access.problem", problem);
        builder.down();
    }
}
