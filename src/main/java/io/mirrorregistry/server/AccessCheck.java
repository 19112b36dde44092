package io.mirrorregistry.server;

import io.mirrorregistry.access.Access;
import io.mirrorregistry.access.Action;
import io.mirrorregistry.access.LoginException;
import io.mirrorregistry.access.Proof;
import io.mirrorregistry.access.Subject;
import io.mirrorregistry.config.AccessSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.work.FatalErrors;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.vertx.core.http.HttpServerRequest;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Checks each request under {@code /v2/} before anything is looked up for it. */
public final class AccessCheck {

    private static final String INVALID_TOKEN = "invalid_token";
    private static final String INSUFFICIENT_SCOPE = "insufficient_scope";
    private static final CompletableFuture<Void> DONE = CompletableFuture.completedFuture(null);

    private final Access access;
    private final TokenRealm realm;
    private final LoginLog log;
    private final Metrics metrics;
    private final Executor workers;

    /** @param workers run what follows a check that took long */
    public AccessCheck(Access access, AccessSettings settings, Metrics metrics, Executor workers) {
        this.access = access;
        this.realm = new TokenRealm(settings, access.service());
        this.log = new LoginLog(metrics);
        this.metrics = metrics;
        this.workers = workers;
    }

    /**
     * Finds out whom a request comes from and whether that one may have what is asked for.
     *
     * @param repository its name in its namespace; null where none is asked for
     * @param allowed gets whom the request comes from, if it is allowed
     * @return completes exceptionally with a {@link ProtocolException}
     * @throws ProtocolException if the request is refused
     */
    CompletableFuture<Void> check(Pull pull, HttpServerRequest request, RepositoryName repository, Consumer<Proof> allowed) throws ProtocolException {
        List<String> names = repository == null ? List.of() : access.names().of(pull.namespace(), repository.value());
        CompletableFuture<Proof> proof = access.prove(request.getHeader(HttpHeaderNames.AUTHORIZATION), pull.clientAddress());
        if (proof.isDone()) {
            judge(pull, request, names, proof, allowed);
            return DONE;
        }
        CompletableFuture<Void> later = new CompletableFuture<>();
        proof.whenComplete((found, failure) -> workers.execute(() -> {
            try {
                judge(pull, request, names, proof, allowed);
                later.complete(null);
            } catch (Throwable e) {
                FatalErrors.check(e);
                later.completeExceptionally(e);
            }
        }));
        return later;
    }

    /** Returns the names of a subject's groups, in alphabetical order. */
    Set<String> groups(Subject subject) {
        return access.groups(subject);
    }

    /** @param found is done */
    private void judge(Pull pull, HttpServerRequest request, List<String> names, CompletableFuture<Proof> found, Consumer<Proof> allowed) throws ProtocolException {
        Proof proof;
        try {
            proof = found.getNow(null);
        } catch (RuntimeException e) {
            LoginException login = LoginLog.cause(e);
            if (login == null) {
                throw e;
            }
            throw refused(pull, request, names, login);
        }
        pull.user(proof.subject().name());
        String written = names.isEmpty() ? null : pull.request().path().repository().value();
        Access.Verdict verdict = names.isEmpty() ? access.judge(proof) : access.judge(proof, pull.clientAddress(), names, written, Action.PULL);
        if (verdict == Access.Verdict.UNAUTHORIZED && proof.unknownUser() != null) {
            throw refused(pull, request, names, proof.unknownUser());
        }
        log.proved(proof);
        if (verdict != Access.Verdict.ALLOWED) {
            metrics.refused(verdict.name().toLowerCase(Locale.ROOT));
        }
        switch (verdict) {
            case ALLOWED -> allowed.accept(proof);
            case DENIED -> throw new ProtocolException(ErrorCode.DENIED, proof.subject().name() + " may not pull this repository.", written);
            case UNAUTHORIZED -> throw unauthorized(request, names, null, names.isEmpty() ? "Log in first." : "Log in to pull this repository.");
            case INSUFFICIENT_SCOPE -> throw unauthorized(request, names, INSUFFICIENT_SCOPE, "The token was not made for this repository.");
            default -> throw unauthorized(request, names, INVALID_TOKEN, "The token is refused: its user or robot is gone.");
        }
    }

    private ProtocolException refused(Pull pull, HttpServerRequest request, List<String> names, LoginException login) {
        if (login.reason() == LoginException.Reason.MIRROR_TOKEN) {
            metrics.refused(INVALID_TOKEN);
        } else {
            log.refused(login, pull.clientAddress(), pull.requestId());
        }
        pull.loginRefused(login.reason() == LoginException.Reason.WAIT);
        return switch (login.reason()) {
            case CREDENTIALS -> unauthorized(request, names, null, login.getMessage());
            case TOKEN, MIRROR_TOKEN -> unauthorized(request, names, INVALID_TOKEN, login.getMessage());
            case WAIT -> later(request, ErrorCode.TOOMANYREQUESTS, login);
            case BUSY, ISSUER -> later(request, ErrorCode.UNAVAILABLE, login);
        };
    }

    private ProtocolException unauthorized(HttpServerRequest request, List<String> names, String error, String message) {
        String scope = names.isEmpty() ? null : "repository:" + names.get(0) + ":" + Action.PULL.word();
        request.response().putHeader(HttpHeaderNames.WWW_AUTHENTICATE, realm.challenge(request, scope, error));
        return new ProtocolException(ErrorCode.UNAUTHORIZED, message, null);
    }

    private static ProtocolException later(HttpServerRequest request, ErrorCode code, LoginException login) {
        request.response().putHeader(HttpHeaderNames.RETRY_AFTER, seconds(login.retryAfter()));
        return new ProtocolException(code, login.getMessage(), null);
    }

    /** Returns whole seconds, at least one. */
    static String seconds(Duration time) {
        return String.valueOf(Math.max(1, TimeUnit.MILLISECONDS.toSeconds(time.toMillis() + 999)));
    }
}
