package io.mirrorregistry.access;

import java.time.Duration;

/** Credentials that prove nothing, or cannot be checked now. Its message is a sentence for the client and tells no secret. */
public final class LoginException extends Exception {

    private static final long serialVersionUID = 1;

    private final Reason reason;
    private final transient Duration retryAfter;
    private final String user;

    /** Why the credentials do not count. */
    public enum Reason {
        /** The password is wrong, or nobody has this name. */
        CREDENTIALS,
        /** An issuer's token is damaged, of somebody else, or over. */
        TOKEN,
        /** A token of the mirror is over, or was made with another secret. Clients get another one by themselves. */
        MIRROR_TOKEN,
        /** There were too many wrong passwords; the next is checked later. */
        WAIT,
        /** The mirror checks as many passwords as it can. */
        BUSY,
        /** The issuer's keys cannot be fetched. */
        ISSUER
    }

    /**
     * @param user the name that was given; empty for none
     * @param retryAfter after which time another try is worth it; null where no time helps
     */
    LoginException(Reason reason, String user, String message, Duration retryAfter) {
        super(message, null, false, false);
        this.reason = reason;
        this.user = user;
        this.retryAfter = retryAfter;
    }

    static LoginException wrong(String user) {
        return new LoginException(Reason.CREDENTIALS, user, "The user or the password is wrong.", null);
    }

    public Reason reason() {
        return reason;
    }

    /** Returns the user's name as the client gave it, with any characters; empty for none. */
    public String user() {
        return user;
    }

    /** Returns after which time another try is worth it; null where no time helps. */
    public Duration retryAfter() {
        return retryAfter;
    }
}
