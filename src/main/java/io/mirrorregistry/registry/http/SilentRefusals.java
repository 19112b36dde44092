package io.mirrorregistry.registry.http;

import io.mirrorregistry.config.Account;
import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.auth.Authorizer;
import io.mirrorregistry.registry.auth.Challenge;
import io.mirrorregistry.registry.auth.TokenScope;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.apache.hc.core5.http.ClassicHttpResponse;

/**
 * Finds out what to present where a registry refuses a call without a challenge that can be answered. Such a refusal is no proof that
 * something is missing:
 * <ul>
 * <li>A kept token that has ended or was revoked is refused with 400, 403, 404 or 500 by some registries.
 * <li>Some challenge at {@code /v2/} only, and answer 401, 403 or 404 elsewhere to callers that present nothing.
 * </ul>
 * Thread-safe.
 */
final class SilentRefusals {

    private static final Set<Integer> OF_KEPT = Set.of(400, 401, 403, 404, 500);
    private static final Set<Integer> OF_NOTHING = Set.of(401, 403, 404);
    /** With an account the registry is expected to challenge, and may have changed since it last did not. */
    private static final Duration KEPT_WITH_ACCOUNT = Duration.ofSeconds(10);
    private static final Duration KEPT_WITHOUT_ACCOUNT = Duration.ofMinutes(5);

    private final String registry;
    private final Account account;
    private final Authorizer authorizer;
    private final VersionCheck versionCheck;
    /** The challenges at /v2/ whose answer opened what was refused without a challenge; null for none. */
    private volatile List<Challenge> hidden;

    SilentRefusals(String registry, Account account, Authorizer authorizer, VersionCheck versionCheck) {
        this.registry = registry;
        this.account = account;
        this.authorizer = authorizer;
        this.versionCheck = versionCheck;
    }

    /**
     * Returns a new Authorization if the registry is known to challenge at /v2/ only; null for any other.
     *
     * @param time the time of the call
     * @throws RegistryTroubleException when the token service cannot be used
     */
    String atOnce(TokenScope scope, CallTime time) throws RegistryTroubleException {
        List<Challenge> challenges = hidden;
        if (challenges == null || scope.isNone()) {
            return null;
        }
        try {
            return authorizer.answer(challenges, scope, null, time);
        } catch (RegistryTroubleException e) {
            // The next call asks /v2/ anew: perhaps the registry has moved its token service.
            hidden = null;
            throw e;
        }
    }

    /**
     * Returns the challenges to answer before a call that can be made only once; empty for none.
     *
     * @param needed whether the registry is known to want an authorization
     * @param time the time of the call
     * @throws RegistryTroubleException when one is needed and the registry cannot be asked
     */
    List<Challenge> beforehand(boolean needed, CallTime time) throws IOException {
        List<Challenge> challenges = hidden;
        if (challenges != null) {
            return challenges;
        }
        VersionCheck.Result version;
        try {
            version = versionCheck.get(System.nanoTime() - keptFor().toNanos(), time);
        } catch (SocketTimeoutException e) {
            if (needed) {
                throw e;
            }
            return List.of();
        }
        if (needed && version.isTrouble()) {
            throw new RegistryTroubleException(registry, "GET /v2/ " + (version.status() == 0 ? "failed" : "answered " + version.status())
                    + ", which is asked what authorization an upload needs");
        }
        return own(version.challenges());
    }

    private Duration keptFor() {
        return account.current() != null ? KEPT_WITH_ACCOUNT : KEPT_WITHOUT_ACCOUNT;
    }

    /**
     * What to present instead.
     *
     * @param authorization null if the answer is to be believed, or has a challenge that can be answered
     * @param atVersion the challenges at {@code /v2/} that it answers; null where it answers no such
     */
    record Retry(String authorization, List<Challenge> atVersion) {

        static final Retry NOTHING = new Retry(null, null);
    }

    /**
     * Returns what to present instead.
     *
     * @param response to the first attempt of a call
     * @param scope what the call needs; none for a call of /v2/ itself
     * @param kept what the first attempt presented, as {@link Authorizer#known} returned it; null for nothing
     * @param fresh what the first attempt presented, as {@link #atOnce} returned it; null for nothing
     * @param time the time of the call
     * @throws RegistryTroubleException when the token service or /v2/ cannot be used, so that nothing is known
     */
    Retry other(ClassicHttpResponse response, TokenScope scope, String kept, String fresh, CallTime time) throws IOException {
        int status = response.getCode();
        if (scope.isNone() || fresh != null) {
            return Retry.NOTHING;
        }
        if (kept != null) {
            return new Retry(renewed(authorizer, response, scope, kept, time), null);
        }
        List<Challenge> challenges = VersionCheck.challenges(response);
        boolean challenged = authorizer.canAnswer(challenges, null);
        if (!OF_NOTHING.contains(status) || challenged && status == 401) {
            return Retry.NOTHING;
        }
        if (challenged) {
            return new Retry(authorizer.answer(challenges, scope, null, time), null);
        }
        boolean withAccount = account.current() != null;
        VersionCheck.Result version = version(status, keptFor(), time);
        if (authorizer.canAnswer(version.challenges(), null)) {
            List<Challenge> own = own(version.challenges());
            return new Retry(authorizer.answer(own, scope, null, time), own);
        }
        if (withAccount && version.isTrouble()) {
            throw new RegistryTroubleException(registry, "answered " + status + " to a call without its account, and GET /v2/ "
                    + (version.status() == 0 ? "failed" : "answered " + version.status()), RegistryTroubleException.Kind.REFUSED, null);
        }
        return Retry.NOTHING;
    }

    /** A registry that responds, and not in time at /v2/, is trouble but no outage. A request that left it too little time says nothing of it. */
    private VersionCheck.Result version(int status, Duration age, CallTime time) throws IOException {
        try {
            return versionCheck.get(System.nanoTime() - age.toNanos(), time);
        } catch (SocketTimeoutException e) {
            if (time.outage() != RegistryTroubleException.Kind.OUTAGE) {
                throw e;
            }
            throw new RegistryTroubleException(registry, "answered " + status + " without a challenge, and GET /v2/ " + time.timedOut(),
                    RegistryTroubleException.Kind.REFUSED, null);
        }
    }

    /**
     * Learns from the last answer of a call.
     *
     * @param kept as for {@link #other}
     * @param authorization what the last attempt presented
     * @param other what {@link #other} returned
     */
    void learn(TokenScope scope, String kept, String authorization, Retry other, int status) {
        if (status < 400 && other.atVersion() != null) {
            hidden = other.atVersion();
        }
        noteRefusal(authorizer, scope, kept, authorization, status);
    }

    /**
     * Returns a new token for a kept one that a host refuses without a challenge that can be answered; null for none. For hosts to which a
     * registry redirects: these are not asked for {@code /v2/}.
     */
    static String renewed(Authorizer authorizer, ClassicHttpResponse response, TokenScope scope, String kept, CallTime time) throws IOException {
        int status = response.getCode();
        boolean challenged = status == 401 && authorizer.canAnswer(VersionCheck.challenges(response), kept);
        return kept == null || challenged || !OF_KEPT.contains(status) ? null : authorizer.renew(scope, kept, status, time);
    }

    /** Notes that a token was refused that had just been fetched. */
    static void noteRefusal(Authorizer authorizer, TokenScope scope, String kept, String authorization, int status) {
        if (authorization != null && !authorization.equals(kept) && OF_KEPT.contains(status)) {
            authorizer.refusedFresh(scope, authorization, status);
        }
    }

    /** GHCR names a scope at /v2/ that stands for no repository. */
    private static List<Challenge> own(List<Challenge> challenges) {
        return challenges.stream().map(challenge -> challenge.with("realm", "service")).toList();
    }
}
