package io.mirrorregistry.health;

import io.mirrorregistry.server.tls.ClientsTls;
import java.util.Map;
import org.apache.camel.health.HealthCheckResultBuilder;

/** Tells whether the certificate that clients are shown is the one in its file, and valid for 14 days and more. The mirror is alive and ready all the same. */
public final class CertificateHealthCheck extends NoticeHealthCheck {

    private final ClientsTls tls;

    public CertificateHealthCheck(ClientsTls tls) {
        super("server-certificate");
        this.tls = tls;
    }

    @Override
    protected void doCall(HealthCheckResultBuilder builder, Map<String, Object> options) {
        String problem = tls.problem().orElse(null);
        if (problem == null) {
            builder.message("up: " + tls.certificate()).up();
            return;
        }
        builder.message((tls.isRenewalRefused() ? "a change is refused, the last good one serves: " : tls.fault().isEmpty() ? "it ends soon, renew it: " : "")
                + tls.certificate());
        builder.detail("certificate.problem", problem);
        builder.down();
    }
}
