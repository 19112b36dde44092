package io.mirrorregistry.registry.auth;

import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.registry.AccountState;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Remembers whether one registry accepts our account, from probes and pulls alike, and logs each change once. A refused account stays refused until
 * it is accepted. Thread-safe; the methods that note a refusal may read a password file.
 */
public final class AccountStatus {

    private static final Logger LOG = LoggerFactory.getLogger(AccountStatus.class);
    /** Stands for no account. */
    private static final Credentials ANONYMOUS = new Credentials("", "");

    private final String registry;
    private final Account account;
    /** The account that was refused last, {@link #ANONYMOUS} for a missing one; null if it was accepted since, or none was refused. */
    private final AtomicReference<Credentials> refused = new AtomicReference<>();
    /** The account for which the token service gave the last token for a repository; null for none. */
    private volatile Credentials givenForRepository;
    /** The account for which the token service gave the last token for no repository; null for none, or if it was refused since. */
    private volatile Credentials givenForNone;
    /** Whether the token service has refused a token without an account. */
    private volatile boolean refusedForRepository;
    private volatile boolean refusedForNone;
    /** Whether the refused account was refused for no repository, as the version is asked for. */
    private volatile boolean refusedForVersion;

    public AccountStatus(String registry, Account account) {
        this.registry = registry;
        this.account = account;
    }

    /** Returns the state. Does not block. */
    public AccountState state() {
        Credentials last = refused.get();
        if (last == null) {
            return AccountState.FINE;
        }
        return last == ANONYMOUS ? AccountState.MISSING : AccountState.REFUSED;
    }

    /** Notes that the registry does not let us in: with our account, or without one. */
    public void refused() {
        Credentials now = account.current();
        refused(now == null ? ANONYMOUS : now);
    }

    /** Notes that the registry accepts our account, or wants none. */
    public void accepted() {
        if (refused.get() != null && refused.getAndSet(null) != null) {
            refusedForVersion = false;
            LOG.info("Registry {} lets us in again", registry);
        }
    }

    /** Notes that the registry tells its version to anybody: an account that was refused there is wanted no more. */
    public void versionForAnybody() {
        if (refusedForVersion) {
            accepted();
        }
    }

    private void refused(Credentials now) {
        if (now.equals(refused.getAndSet(now))) {
            return;
        }
        String of = "mirror.registry." + registry;
        if (now == ANONYMOUS) {
            LOG.warn("Registry {} wants an account and none is set, so its refusals count as trouble: set {}.username and {}.password or "
                    + "{}.password-file", registry, of, of, of);
        } else {
            LOG.warn("Registry {} does not accept our account {}, so its refusals count as trouble: check {}.username and {}.password or "
                    + "{}.password-file", registry, now.username(), of, of, of);
        }
    }

    /**
     * Notes that the token service gave a token.
     *
     * @param shown the account that the service was shown; null for none
     */
    void tokenGiven(Credentials shown, boolean forRepository) {
        Credentials given = shown == null ? ANONYMOUS : shown;
        if (forRepository) {
            givenForRepository = given;
        } else {
            givenForNone = given;
        }
        accepted();
    }

    /**
     * Notes that the token service gave no token. A refusal may be about what was asked for: some services refuse a repository that the account may
     * not read, and some give tokens for repositories only. So a refusal for a repository counts only if no token for no repository was given
     * before, and the other way round only if no token for a repository was. Without an account both have to be refused, and none given before.
     *
     * <p>An account that may pull may not be allowed to push: a refusal of a push counts only if no token was given at all.
     *
     * @param shown the account that the service was shown; null for none
     * @param status the status of its response
     */
    void tokenRefused(Credentials shown, TokenScope scope, int status) {
        boolean forRepository = !scope.isNone();
        if (scope.isPush() && (shown == null || shown.equals(givenForRepository) || shown.equals(givenForNone))) {
            return;
        }
        if (shown == null) {
            anonymousRefused(forRepository, status);
            return;
        }
        boolean ofAccount = status == 401 || !forRepository && (status == 400 || status == 403);
        boolean generallyGiven = shown.equals(givenForNone);
        if (!ofAccount || forRepository && generallyGiven) {
            return;
        }
        givenForNone = forRepository ? givenForNone : null;
        boolean repositoriesOnly = !forRepository && !generallyGiven && shown.equals(givenForRepository);
        // The account may have changed since.
        if (!repositoriesOnly && shown.equals(account.renewed())) {
            refusedForVersion |= !forRepository;
            refused(shown);
        }
    }

    private void anonymousRefused(boolean forRepository, int status) {
        if (status != 401) {
            return;
        }
        if (forRepository) {
            refusedForRepository = true;
        } else {
            refusedForNone = true;
        }
        boolean givenBefore = ANONYMOUS.equals(givenForRepository) || ANONYMOUS.equals(givenForNone);
        if (refusedForRepository && refusedForNone && !givenBefore && account.current() == null) {
            refused(ANONYMOUS);
        }
    }
}
