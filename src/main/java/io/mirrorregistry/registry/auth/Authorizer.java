package io.mirrorregistry.registry.auth;

import com.github.benmanes.caffeine.cache.AsyncCache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.CallFailures;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Holds what authorizes us at one registry: whether it wants Basic, and the bearer tokens it has given us. */
public final class Authorizer {

    private static final Logger LOG = LoggerFactory.getLogger(Authorizer.class);
    /** The bound for tokens and their scopes. Clients choose the scopes, and a repository need not exist to get a token. */
    private static final int TOKENS_BYTES = 4 * 1024 * 1024;
    /** The objects of an entry without their characters, rounded up. */
    private static final int ENTRY_BYTES = 500;
    /** Stands for no account. */
    private static final Credentials ANONYMOUS = new Credentials("", "");

    private final String registry;
    private final Account account;
    private final TokenService tokenService;
    private final long patienceMillis;
    private final AsyncCache<String, Outcome> tokens = Caffeine.newBuilder()
            // An entry that is still being fetched weighs nothing. Each holds a worker, so there are at most as many as workers.
            .maximumWeight(TOKENS_BYTES)
            .weigher((String scope, Outcome outcome) -> ENTRY_BYTES + scope.length() + outcome.length())
            // Evicts at once; another thread might evict later than new tokens arrive.
            .executor(Runnable::run)
            .expireAfter(Expiry.<String, Outcome>creating((scope, outcome) -> outcome.lifetime()))
            .buildAsync();
    /** The account whose refusal was logged last; null if it was accepted since, or none was refused. */
    private final AtomicReference<Credentials> warned = new AtomicReference<>();
    private volatile boolean wantsBasic;

    /** A token, or why there is none; the latter is told to those who wait for it and then forgotten. */
    private record Outcome(Token token, RegistryTroubleException failure) {

        Duration lifetime() {
            return token == null ? Duration.ZERO : token.lifetime();
        }

        /** Returns the number of characters, each of which takes one byte. */
        int length() {
            return token == null ? failure.getMessage().length() : token.value().length();
        }

        String header() throws RegistryTroubleException {
            if (failure != null) {
                throw failure;
            }
            return token.header();
        }
    }

    /**
     * @param account our account
     * @param patienceMillis how long a call waits for a token that another call is fetching
     */
    public Authorizer(String registry, Account account, TokenService tokenService, long patienceMillis) {
        this.registry = registry;
        this.account = account;
        this.tokenService = tokenService;
        this.patienceMillis = patienceMillis;
    }

    /** Returns the Authorization that the registry is known to want for a repository, or null where it has not asked for any. */
    public String known(RepositoryName repository) {
        if (wantsBasic) {
            return account.current().basic();
        }
        Outcome outcome = settled(tokens.getIfPresent(scope(repository)));
        return outcome == null ? null : outcome.token().header();
    }

    /**
     * Answers a registry's challenges.
     *
     * @param rejected the Authorization that the registry has just refused, or null
     * @return the Authorization to try next, or null where we have nothing more to present
     * @throws RegistryTroubleException when a token service cannot be used
     */
    public String answer(List<Challenge> challenges, RepositoryName repository, String rejected) throws RegistryTroubleException {
        for (Challenge challenge : challenges) {
            if (challenge.scheme().equals("bearer")) {
                wantsBasic = false;
                return token(challenge, scope(repository), rejected);
            }
        }
        Credentials credentials = account.current();
        for (Challenge challenge : challenges) {
            if (challenge.scheme().equals("basic") && credentials != null && !credentials.basic().equals(rejected)) {
                wantsBasic = true;
                return credentials.basic();
            }
        }
        return null;
    }

    /**
     * Logs that the registry does not let us in: with our account, or without one. The line is logged once, not at each pull, and again after
     * the password has changed or the account was accepted in between.
     */
    public void refused() {
        Credentials credentials = account.current();
        Credentials refused = credentials == null ? ANONYMOUS : credentials;
        if (refused.equals(warned.getAndSet(refused))) {
            return;
        }
        if (credentials == null) {
            LOG.warn("Registry {} wants an account and none is set, so its refusals count as trouble: set mirror.registry.{}.username and "
                    + "mirror.registry.{}.password or mirror.registry.{}.password-file", registry, registry, registry, registry);
        } else {
            LOG.warn("Registry {} does not accept our account {}, so its refusals count as trouble: check mirror.registry.{}.username and "
                    + "mirror.registry.{}.password or mirror.registry.{}.password-file", registry, credentials.username(), registry, registry, registry);
        }
    }

    /** Notes that the registry accepts our account, so that a later refusal is logged. */
    public void accepted() {
        if (warned.get() != null) {
            warned.set(null);
        }
    }

    /** Fetches the token, or waits for the one that another call is fetching for the same scope. */
    private String token(Challenge challenge, String scope, String rejected) throws RegistryTroubleException {
        dropRejected(scope, rejected);
        CompletableFuture<Outcome> ours = new CompletableFuture<>();
        CompletableFuture<Outcome> pending = tokens.get(scope, (key, executor) -> ours);
        if (pending == ours) {
            try {
                ours.complete(fetch(challenge, scope));
            } finally {
                // Without effect once it is complete; otherwise an Error would leave all others waiting.
                ours.cancel(false);
            }
        }
        try {
            return pending.get(patienceMillis, TimeUnit.MILLISECONDS).header();
        } catch (ExecutionException | CancellationException | TimeoutException e) {
            throw new RegistryTroubleException(registry, "token service gave no answer in time");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RegistryTroubleException(registry, "interrupted while waiting for a token");
        }
    }

    private Outcome fetch(Challenge challenge, String scope) {
        try {
            return new Outcome(tokenService.fetch(challenge, scope.isEmpty() ? null : scope), null);
        } catch (RegistryTroubleException e) {
            return new Outcome(null, e);
        } catch (RuntimeException e) {
            return new Outcome(null, new RegistryTroubleException(registry, "token service: " + CallFailures.describe(e)));
        }
    }

    private void dropRejected(String scope, String rejected) {
        CompletableFuture<Outcome> held = tokens.getIfPresent(scope);
        Outcome outcome = settled(held);
        if (outcome != null && outcome.token().header().equals(rejected)) {
            tokens.asMap().remove(scope, held);
        }
    }

    /** Returns the outcome if it is a token that is there already; null otherwise. */
    private static Outcome settled(CompletableFuture<Outcome> future) {
        Outcome outcome = future == null || future.isCompletedExceptionally() ? null : future.getNow(null);
        return outcome == null || outcome.token() == null ? null : outcome;
    }

    private static String scope(RepositoryName repository) {
        return repository == null ? "" : "repository:" + repository + ":pull";
    }
}
