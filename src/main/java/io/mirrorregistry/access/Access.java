package io.mirrorregistry.access;

import com.nimbusds.jwt.SignedJWT;
import io.mirrorregistry.access.LoginException.Reason;
import io.mirrorregistry.config.AccessSettings;
import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.plan.FullNames;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Who may pull, as {@code mirror.access.file} says: finds out whom a request comes from, and what that one may do. Thread-safe. */
public final class Access implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Access.class);
    private static final String BEARER = "Bearer ";
    private static final String BASIC = "Basic ";
    private static final int LONGEST_NAME = 255;
    private static final Duration SHORTEST_TOKEN_TIME = Duration.ofMinutes(1);
    private static final Duration ISSUER_RETRY = Duration.ofSeconds(5);
    /** The name of the token service where no public URL gives one. */
    private static final String SERVICE = "mirror-registry";

    private final AccessSettings settings;
    private final Supplier<Instant> clock;
    private final String service;
    private final MirrorTokens tokens;
    private final Logins logins = new Logins();
    private final IssuerTokens issuers = new IssuerTokens();
    private final AccessKeeper keeper;
    private final FullNames names;

    /** What comes of a request. */
    public enum Verdict {
        ALLOWED,
        /** The user or the robot of the credentials is gone. */
        INVALID_TOKEN,
        /** The request has no login, and without one it is not allowed. */
        UNAUTHORIZED,
        /** The token was not made for it. */
        INSUFFICIENT_SCOPE,
        /** The user may not do it. */
        DENIED
    }

    /**
     * Reads the files.
     *
     * @param names the names by which rules know repositories
     * @throws InvalidSettingException with the first fault
     */
    public Access(AccessSettings settings, FullNames names) throws InvalidSettingException {
        this(settings, names, Instant::now);
    }

    Access(AccessSettings settings, FullNames names, Supplier<Instant> clock) throws InvalidSettingException {
        this.settings = settings;
        this.names = names;
        this.clock = clock;
        this.service = settings.publicUrl() == null ? SERVICE : settings.publicUrl().getRawAuthority();
        this.tokens = new MirrorTokens(settings.secret(), service, clock);
        this.keeper = new AccessKeeper(settings.file(), this::use);
    }

    private void use(Policy policy) {
        issuers.use(policy.issuers());
        policy.users().values().stream().mapToInt(Htpasswd::cost).max().ifPresent(logins::cost);
    }

    /** Returns the names by which rules know repositories. */
    public FullNames names() {
        return names;
    }

    /** Finds all faults of the files, and what has no effect. */
    public static void check(AccessSettings settings, List<String> faults, List<String> warnings) {
        AccessFile.Result read = AccessFile.read(settings.file());
        faults.addAll(read.faults());
        warnings.addAll(read.warnings());
    }

    /** Begins to look for changed files. */
    public void start() {
        LOG.info("Access is checked by {}: {} users, {} robots, {} issuers, {} rules", settings.file(), keeper.policy().users().size(), keeper.policy().robots().size(),
                keeper.policy().issuers().size(), keeper.policy().rules().size());
        if (settings.secret() == null) {
            LOG.warn("{} is not set: tokens end with this process, and other replicas refuse them", AccessSettings.SECRET);
        }
        keeper.watch();
    }

    /** Returns the name of the token service. */
    public String service() {
        return service;
    }

    /** Returns what a person may see of the files. */
    public AccessSummary summary() {
        return AccessSummary.of(keeper.policy(), keeper.problem().orElse(null), issuers.problem().orElse(null));
    }

    /** Returns why a changed file is refused, or why an issuer's tokens cannot be checked, as a sentence. */
    public Optional<String> problem() {
        return keeper.problem().or(issuers::problem);
    }

    /** Returns whether changed files are refused, so that the last good ones decide. */
    public boolean isFileRefused() {
        return keeper.problem().isPresent();
    }

    /** Returns whether an issuer's keys cannot be fetched, so that its tokens may not be checked. */
    public boolean isIssuerAway() {
        return issuers.problem().isPresent();
    }

    /**
     * Finds out whom a request comes from. What takes long runs on other threads.
     *
     * @param authorization the value of the header {@code Authorization}; null for none
     * @param address the client's IP address; null for none
     * @return completes exceptionally with a {@link LoginException}
     */
    public CompletableFuture<Proof> prove(String authorization, String address) {
        if (authorization == null) {
            return CompletableFuture.completedFuture(Proof.NONE);
        }
        MirrorTokens.Token known = tokens.known(authorization);
        if (known != null) {
            return CompletableFuture.completedFuture(proof(known));
        }
        try {
            if (authorization.regionMatches(true, 0, BEARER, 0, BEARER.length())) {
                return bearer(authorization.substring(BEARER.length()).strip(), authorization);
            } else if (authorization.regionMatches(true, 0, BASIC, 0, BASIC.length())) {
                return basic(authorization.substring(BASIC.length()).strip(), address);
            }
            throw new LoginException(Reason.CREDENTIALS, "", "The header Authorization is neither Bearer nor Basic.", null);
        } catch (LoginException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    private static Proof proof(MirrorTokens.Token token) {
        return new Proof(Proof.How.TOKEN, token.subject(), token.access(), token.expires(), null);
    }

    private CompletableFuture<Proof> bearer(String text, String authorization) throws LoginException {
        SignedJWT token;
        try {
            token = SignedJWT.parse(text);
        } catch (ParseException | RuntimeException e) {
            // The library's parser throws others, too, such as for a header that is the text null.
            throw new LoginException(Reason.TOKEN, "", "The token is refused: it is damaged.", null);
        }
        try {
            if (MirrorTokens.isOwn(token)) {
                return CompletableFuture.completedFuture(proof(tokens.verify(token, authorization)));
            }
        } catch (InvalidTokenException e) {
            throw refused(Reason.MIRROR_TOKEN, e);
        }
        return issued(text);
    }

    private static LoginException refused(Reason reason, InvalidTokenException why) {
        return new LoginException(reason, "", "The token is refused: " + why.getMessage() + ".", null);
    }

    /** Proves who a user is by a token of an issuer. */
    private CompletableFuture<Proof> issued(String token) {
        return issuers.verify(token).handle((verified, failure) -> {
            if (failure == null) {
                return Proof.of(verified.subject(), verified.expires());
            }
            Throwable cause = failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
            throw new CompletionException(cause instanceof InvalidTokenException invalid ? refused(Reason.TOKEN, invalid)
                    : cause instanceof IssuerAwayException away ? new LoginException(Reason.ISSUER, "", away.getMessage(), ISSUER_RETRY) : cause);
        });
    }

    private CompletableFuture<Proof> basic(String encoded, String address) throws LoginException {
        String text;
        try {
            text = new String(Base64.getDecoder().decode(encoded), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw new LoginException(Reason.CREDENTIALS, "", "The header Authorization has no user and password in Base64.", null);
        }
        int colon = text.indexOf(':');
        if (colon < 0) {
            // The text may be a password: the log must not have it as a user's name.
            throw LoginException.wrong("");
        }
        return login(text.substring(0, colon), text.substring(colon + 1), address);
    }

    /**
     * Finds out whether a user's password, a robot's token or an issuer's token is right.
     *
     * @param address the client's IP address; null for none
     * @return completes exceptionally with a {@link LoginException}; with nobody for an unknown user where the access file allows that
     */
    public CompletableFuture<Proof> login(String user, String password, String address) {
        Policy policy = keeper.policy();
        if (user.isEmpty() && password.isEmpty()) {
            return CompletableFuture.completedFuture(Proof.NONE);
        }
        if (!policy.issuers().isEmpty() && IssuerTokens.looksLikeToken(password)) {
            return issued(password);
        }
        Robot robot = policy.robots().get(user);
        if (robot != null) {
            if (RobotTokens.matches(password, robot.tokenHash()) && Policy.isValid(robot, clock.get())) {
                return CompletableFuture.completedFuture(Proof.of(new Subject(Subject.Kind.ROBOT, user), robot.expires()));
            }
        }
        if (user.length() > LONGEST_NAME || user.chars().anyMatch(Character::isISOControl)) {
            return CompletableFuture.failedFuture(LoginException.wrong(user));
        }
        // A robot with a wrong token, and a user that is refused, are treated like a user with a wrong password, waits included: so nobody learns who is known.
        String hash = policy.users().getOrDefault(user, policy.refuseUnknown() || robot != null ? logins.hashOfNobody() : null);
        return logins.check(user, password, hash, address == null ? "" : address).thenCompose(login -> proof(login, user));
    }

    private static CompletableFuture<Proof> proof(Logins.Login login, String user) {
        return switch (login.result()) {
            case RIGHT -> CompletableFuture.completedFuture(Proof.of(new Subject(Subject.Kind.USER, user), null));
            case UNKNOWN -> CompletableFuture.completedFuture(Proof.unknown(user));
            case WRONG -> CompletableFuture.failedFuture(LoginException.wrong(user));
            case WAIT -> CompletableFuture.failedFuture(new LoginException(Reason.WAIT, user, "There were too many wrong passwords; try again later.", login.retryAfter()));
            case BUSY -> CompletableFuture.failedFuture(new LoginException(Reason.BUSY, user, "The mirror checks as many passwords as it can; try again.", login.retryAfter()));
        };
    }

    /**
     * Decides about a request for a repository.
     *
     * @param names the repository's names that rules are about, at least one; each has to be allowed
     * @param written the name as the request has it
     */
    public Verdict judge(Proof proof, String address, List<String> names, String written, Action action) {
        Policy policy = keeper.policy();
        if (!policy.knows(proof.subject(), clock)) {
            return Verdict.INVALID_TOKEN;
        }
        if (!may(policy, proof.subject(), address, names).contains(action)) {
            return proof.subject().isNobody() ? Verdict.UNAUTHORIZED : Verdict.DENIED;
        }
        boolean inScope = proof.allows(action, written) || names.stream().anyMatch(name -> proof.allows(action, name));
        return inScope ? Verdict.ALLOWED : Verdict.INSUFFICIENT_SCOPE;
    }

    private static Set<Action> may(Policy policy, Subject subject, String address, List<String> names) {
        Set<Action> first = policy.decide(subject, address, names.get(0)).may();
        if (names.size() == 1) {
            return first;
        }
        Set<Action> all = EnumSet.noneOf(Action.class);
        all.addAll(first);
        names.forEach(name -> all.retainAll(policy.decide(subject, address, name).may()));
        return all;
    }

    /** Decides about a request for {@code /v2/}, where clients find out whether their credentials are good. */
    public Verdict judge(Proof proof) {
        return !keeper.policy().knows(proof.subject(), clock) ? Verdict.INVALID_TOKEN : proof.subject().isNobody() ? Verdict.UNAUTHORIZED : Verdict.ALLOWED;
    }

    /** Returns the names of a subject's groups, in alphabetical order. */
    public Set<String> groups(Subject subject) {
        return keeper.policy().groups(subject);
    }

    /** Returns what is left of the scopes that a subject wants, by the repositories' names. */
    public Map<String, Set<Action>> grant(Subject subject, String address, List<Scope> scopes) {
        Policy policy = keeper.policy();
        Map<String, Set<Action>> granted = new LinkedHashMap<>();
        for (Scope scope : scopes) {
            Set<Action> may = EnumSet.noneOf(Action.class);
            may.addAll(scope.actions());
            may.retainAll(may(policy, subject, address, names.of(scope.name())));
            if (!may.isEmpty()) {
                granted.merge(scope.name(), may, (one, other) -> {
                    one.addAll(other);
                    return one;
                });
            }
        }
        return granted;
    }

    /** Makes a token of the mirror. */
    public String token(Proof proof, Map<String, Set<Action>> access, Instant now) {
        return tokens.make(proof.subject(), access, now, expires(proof, now));
    }

    /** Returns when a token that is made now ends: not after the credentials, but after a minute at the earliest, because clients expect that. */
    public Instant expires(Proof proof, Instant now) {
        Instant end = now.plus(settings.tokenTime());
        Instant least = now.plus(SHORTEST_TOKEN_TIME);
        return proof.expires() == null || proof.expires().isAfter(end) ? end : proof.expires().isBefore(least) ? least : proof.expires();
    }

    @Override
    public void close() {
        keeper.close();
        logins.close();
        issuers.close();
    }
}
