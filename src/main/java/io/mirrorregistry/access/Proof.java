package io.mirrorregistry.access;

import java.time.Instant;
import java.util.Map;
import java.util.Set;

/**
 * What the credentials of a request have proved.
 *
 * @param how by which credentials
 * @param subject whom the request comes from
 * @param limits what a token of the mirror allows at most, by the repositories' names; null for other credentials, which limit nothing
 * @param expires when the credentials end; null where they do not, or that is not known
 * @param given the name of a user that is not known, as the client gave it; null for other credentials
 */
public record Proof(How how, Subject subject, Map<String, Set<Action>> limits, Instant expires, String given) {

    /** A request without credentials. */
    static final Proof NONE = new Proof(How.NOTHING, Subject.NOBODY, null, null, null);

    /** By which credentials a request proves whom it comes from. */
    public enum How {
        NOTHING,
        /** A password of nobody that is known. */
        UNKNOWN_USER,
        /** A password, a robot's token, or an issuer's token. */
        LOGIN,
        /** A token of the mirror. */
        TOKEN
    }

    static Proof of(Subject subject, Instant expires) {
        return new Proof(How.LOGIN, subject, null, expires, null);
    }

    /** Returns the proof of a request with the password of a user that is not known, which counts as one without. */
    static Proof unknown(String given) {
        return new Proof(How.UNKNOWN_USER, Subject.NOBODY, null, null, given);
    }

    /** Returns why the password of a user that is not known is refused where only a login counts; null for other credentials. */
    public LoginException unknownUser() {
        return how == How.UNKNOWN_USER ? LoginException.wrong(given) : null;
    }

    /** Returns whether the credentials allow the action in a repository as far as they limit it. */
    boolean allows(Action action, String repository) {
        return limits == null || limits.getOrDefault(repository, Set.of()).contains(action);
    }
}
