package io.mirrorregistry.registry.auth;

import com.github.benmanes.caffeine.cache.AsyncCache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.registry.CallFailures;
import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.RegistryTroubleException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Holds what authorizes us at one registry: whether it wants Basic, and the bearer tokens it has given us. */
public final class Authorizer {

    /** The bound for tokens and their scopes. Clients choose the scopes, and a repository need not exist to get a token. */
    private static final int TOKENS_BYTES = 4 * 1024 * 1024;
    /** The objects of an entry without their characters, rounded up. */
    private static final int ENTRY_BYTES = 800;
    /** So long the refusal of a fresh token is believed, rather than another token fetched. */
    private static final long REFUSAL_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final String registry;
    private final Account account;
    private final TokenService tokenService;
    private final AsyncCache<String, Outcome> tokens;
    /** Whether a challenge decides on the scope: a repository may have another name at a registry that another one redirects to. */
    private final boolean scopeOfChallenge;
    private volatile boolean wantsBasic;
    /** The last challenge that brought a token, without its scope; null for none. */
    private volatile Challenge lastAnswered;

    /**
     * A token, or why there is none; the latter is told to those who wait for it and then forgotten.
     *
     * @param challenge the answered challenge, by which the token can be renewed
     * @param credentials the account for which the token was given; null for none
     * @param refusal guarded by itself
     * @param time the time of the call that fetched it, in nanoseconds, if that ended first; 0 otherwise
     */
    private record Outcome(Token token, Challenge challenge, Credentials credentials, Refusal refusal, RegistryTroubleException failure, long time) {

        Duration lifetime() {
            return token == null ? Duration.ZERO : token.lifetime();
        }

        /** Returns the number of characters, each of which takes one byte. */
        int length() {
            return token == null ? failure.getMessage().length() : token.value().length() + challenge.length();
        }

        String header() throws RegistryTroubleException {
            if (failure != null) {
                throw failure;
            }
            return token.header();
        }
    }

    /** The status with which the registry refused a token that had just been fetched, and when. */
    private static final class Refusal {

        private int status;
        private long at;

        synchronized void set(int refused) {
            status = refused;
            at = System.nanoTime();
        }

        /** Returns whether another token would be refused alike: one was, not long ago. */
        synchronized boolean isBelieved(int refused) {
            return status == refused && System.nanoTime() - at < REFUSAL_NANOS;
        }
    }

    /**
     * @param account our account
     */
    public Authorizer(String registry, Account account, TokenService tokenService) {
        this(registry, account, tokenService, TOKENS_BYTES, false);
    }

    private Authorizer(String registry, Account account, TokenService tokenService, int bytes, boolean scopeOfChallenge) {
        this.registry = registry;
        this.account = account;
        this.tokenService = tokenService;
        this.scopeOfChallenge = scopeOfChallenge;
        this.tokens = Caffeine.newBuilder()
                // An entry that is still being fetched weighs nothing. Each holds a worker, so there are at most as many as workers.
                .maximumWeight(bytes)
                .weigher((String scope, Outcome outcome) -> ENTRY_BYTES + scope.length() + outcome.length())
                // Evicts at once; another thread might evict later than new tokens arrive.
                .executor(Runnable::run)
                .expireAfter(Expiry.<String, Outcome>creating((scope, outcome) -> outcome.lifetime()))
                .buildAsync();
    }

    /**
     * Returns what authorizes us, without an account, at a host that a registry redirects to.
     *
     * @param registry the one that redirects
     * @param tokenService asks without an account
     * @param bytes the bound for tokens and their scopes
     */
    public static Authorizer anonymous(String registry, TokenService tokenService, int bytes) {
        return new Authorizer(registry, Account.NONE, tokenService, bytes, true);
    }

    /** Returns the Authorization that the registry is known to want for a scope, or null where it has not asked for any. */
    public String known(TokenScope scope) {
        if (wantsBasic) {
            return account.current().basic();
        }
        dropIfOfAnotherAccount(scope.text());
        Outcome outcome = settled(tokens.getIfPresent(scope.text()));
        return outcome == null ? null : outcome.token().header();
    }

    /**
     * Returns whether one of the challenges can be answered.
     *
     * @param refused the Authorization that the registry has just refused, or null. While a token is refused, only a Bearer challenge is
     *     answered: Harbor answers an expired token with a challenge for Basic, although it gives tokens
     */
    public boolean canAnswer(List<Challenge> challenges, String refused) {
        boolean tokenRefused = refused != null && refused.startsWith(Token.SCHEME);
        return challenges.stream().anyMatch(challenge -> challenge.isForToken()
                || !tokenRefused && challenge.scheme().equals("basic") && account.current() != null);
    }

    /**
     * Answers a registry's challenges.
     *
     * @param rejected the Authorization that the registry has just refused, or null
     * @param time the time of the call that is challenged, of which a token takes its part
     * @return the Authorization to try next, or null where we have nothing more to present
     * @throws RegistryTroubleException when a token service cannot be used
     */
    public String answer(List<Challenge> challenges, TokenScope scope, String rejected, CallTime time) throws RegistryTroubleException {
        Challenge bearer = bearer(challenges);
        if (bearer != null) {
            wantsBasic = false;
            return token(bearer, scope, rejected, time);
        }
        String basic = basic(challenges, rejected);
        wantsBasic |= basic != null;
        return basic;
    }

    /**
     * Returns our account as Basic, if a challenge asks for that, and the account is not the one that was rejected; null otherwise. It
     * helps where a registry names a token service that cannot be used, and Basic beside it.
     */
    public String basic(List<Challenge> challenges, String rejected) {
        boolean asked = challenges.stream().anyMatch(challenge -> challenge.scheme().equals("basic"));
        Credentials credentials = asked ? account.current() : null;
        if (credentials != null && credentials.basic().equals(rejected)) {
            credentials = account.renewed();
        }
        return credentials == null || credentials.basic().equals(rejected) ? null : credentials.basic();
    }

    /**
     * Renews an Authorization that {@link #known} returned, and that the registry refused without a challenge that can be answered.
     *
     * @param status the status of the refusal
     * @param time the time of the call that was refused, of which a token takes its part
     * @return the Authorization to try next, or null if the refusal is to be believed
     * @throws RegistryTroubleException when the token service cannot be used
     */
    public String renew(TokenScope scope, String refused, int status, CallTime time) throws RegistryTroubleException {
        if (!refused.startsWith(Token.SCHEME)) {
            Credentials credentials = account.renewed();
            return credentials == null || credentials.basic().equals(refused) ? null : credentials.basic();
        }
        Outcome held = settled(tokens.getIfPresent(scope.text()));
        if (held == null) {
            // It has ended meanwhile, or another call is renewing it.
            return lastAnswered == null ? null : token(lastAnswered, scope, refused, time);
        }
        if (!held.token().header().equals(refused)) {
            return held.token().header();
        }
        return held.refusal().isBelieved(status) ? null : token(held.challenge(), scope, refused, time);
    }

    /**
     * Hears that the registry refused a token that had just been fetched: for some seconds, the same status to the same token is no reason
     * to fetch another one.
     */
    public void refusedFresh(TokenScope scope, String authorization, int status) {
        Outcome held = settled(tokens.getIfPresent(scope.text()));
        if (held != null && held.token().header().equals(authorization)) {
            held.refusal().set(status);
        }
    }

    /** Forgets a token that the registry refused, where the call cannot be made again: the next one gets another. */
    public void drop(TokenScope scope, String refused) {
        dropRejected(scope.text(), refused);
    }

    /** Hears that the registry accepted Basic although it also names a token service, which cannot be used. */
    public void prefersBasic() {
        wantsBasic = true;
    }

    /** Returns the first challenge that names a token service, or else the first for a token; null for none. */
    private static Challenge bearer(List<Challenge> challenges) {
        Challenge first = null;
        for (Challenge challenge : challenges) {
            if (challenge.isForToken()) {
                return challenge;
            }
            first = first == null && challenge.scheme().equals("bearer") ? challenge : first;
        }
        return first;
    }

    /**
     * Fetches the token, or waits for the one that another call is fetching for the same scope. If that call runs out of its own time, one
     * that has at least half as much left fetches the token itself.
     */
    private String token(Challenge challenge, TokenScope wanted, String rejected, CallTime time) throws RegistryTroubleException {
        String scope = wanted.text();
        dropRejected(scope, rejected);
        dropIfOfAnotherAccount(scope);
        while (true) {
            CompletableFuture<Outcome> ours = new CompletableFuture<>();
            CompletableFuture<Outcome> pending = tokens.get(scope, (key, executor) -> ours);
            if (pending == ours) {
                try {
                    ours.complete(fetch(challenge, wanted, time));
                } finally {
                    // Without effect once it is complete; otherwise an Error would leave all others waiting.
                    ours.cancel(false);
                }
            }
            Outcome outcome = await(pending, time);
            if (pending == ours || outcome.time == 0 || time.left() < outcome.time / 2) {
                return outcome.header();
            }
            tokens.asMap().remove(scope, pending);
        }
    }

    private Outcome await(CompletableFuture<Outcome> pending, CallTime time) throws RegistryTroubleException {
        try {
            return pending.get(Math.max(0, time.left()), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            throw new RegistryTroubleException(registry, "token service: the token that another call is fetching " + time.timedOut());
        } catch (ExecutionException | CancellationException e) {
            throw new RegistryTroubleException(registry, "token service: the call that fetched the token failed");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RegistryTroubleException(registry, "interrupted while waiting for a token");
        }
    }

    private Outcome fetch(Challenge challenge, TokenScope scope, CallTime time) {
        Credentials credentials = account.current();
        try {
            try {
                return fetch(challenge, scope, credentials, time);
            } catch (RegistryTroubleException e) {
                if (e.kind() == RegistryTroubleException.Kind.REFUSED && !scope.isNone()) {
                    // The next probe fetches a new token for no repository, which shows whether the account itself is refused.
                    tokens.asMap().remove(TokenScope.NONE.text());
                }
                Credentials renewed = e.kind() == RegistryTroubleException.Kind.REFUSED ? account.renewed() : credentials;
                if (Objects.equals(renewed, credentials)) {
                    throw e;
                }
                return fetch(challenge, scope, renewed, time);
            }
        } catch (RegistryTroubleException e) {
            return failed(e, time.isOver() || time.isPatienceOver() ? time.whole() : 0);
        } catch (RuntimeException e) {
            return failed(new RegistryTroubleException(registry, "token service: " + CallFailures.describe(e)), 0);
        }
    }

    private Outcome fetch(Challenge challenge, TokenScope scope, Credentials credentials, CallTime time) throws RegistryTroubleException {
        String stated = scopeOfChallenge ? challenge.parameter("scope") : null;
        boolean ours = stated == null || stated.isBlank();
        Token token = tokenService.fetch(challenge, ours ? scope : TokenScope.NONE, credentials, time);
        lastAnswered = challenge.with("realm", "service");
        return new Outcome(token, challenge.with("realm", "service", "scope"), credentials, new Refusal(), null, 0);
    }

    private static Outcome failed(RegistryTroubleException failure, long time) {
        return new Outcome(null, null, null, null, failure, time);
    }

    /** A token of an account whose password has changed since may be one that the registry no longer accepts. */
    private void dropIfOfAnotherAccount(String scope) {
        CompletableFuture<Outcome> held = tokens.getIfPresent(scope);
        Outcome outcome = settled(held);
        if (outcome != null && !Objects.equals(outcome.credentials(), account.current())) {
            tokens.asMap().remove(scope, held);
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
}
