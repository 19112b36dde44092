package io.mirrorregistry.server;

import io.mirrorregistry.access.Action;
import io.mirrorregistry.access.LoginException;
import io.mirrorregistry.files.Printable;
import io.mirrorregistry.access.Proof;
import io.mirrorregistry.access.Subject;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.pull.Pull;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts logins, and writes a line to the audit log for each that is refused, and for each push that a rule refuses. No line has a password or a token. */
final class LoginLog {

    private static final Logger AUDIT = LoggerFactory.getLogger("audit");

    private final Metrics metrics;

    LoginLog(Metrics metrics) {
        this.metrics = metrics;
    }

    /** Returns the failure of a login behind other exceptions; null for none. */
    static LoginException cause(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof LoginException login) {
                return login;
            }
        }
        return null;
    }

    /** Counts a login that was not refused. A request without credentials, or with a token of the mirror, is none. */
    void proved(Proof proof) {
        if (proof.how() == Proof.How.LOGIN) {
            metrics.loggedIn("accepted");
        } else if (proof.how() == Proof.How.UNKNOWN_USER) {
            metrics.loggedIn("unknown");
        }
    }

    /** Writes a line for a push, or a deletion, that a rule refuses. */
    void refused(Action action, Subject subject, Pull pull) {
        ApiPath path = pull.request().path();
        AUDIT.atInfo().addKeyValue("user", Printable.of(subject.name())).addKeyValue("remote", pull.clientAddress()).addKeyValue("repository", path.repository().value())
                .addKeyValue("reason", "rule").addKeyValue("request_id", pull.requestId()).log(action.word() + " refused: " + path);
    }

    void refused(LoginException login, String address, String requestId) {
        String result = login.reason().name().toLowerCase(Locale.ROOT);
        metrics.loggedIn(switch (login.reason()) {
            case CREDENTIALS, TOKEN -> "refused";
            default -> result;
        });
        AUDIT.atInfo().addKeyValue("user", Printable.of(login.user())).addKeyValue("remote", address).addKeyValue("reason", result)
                .addKeyValue("request_id", requestId).log("login refused: " + login.getMessage());
    }
}
