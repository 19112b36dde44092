package io.mirrorregistry.server;

import io.mirrorregistry.access.Access;
import io.mirrorregistry.access.Action;
import io.mirrorregistry.access.LoginException;
import io.mirrorregistry.access.Proof;
import io.mirrorregistry.access.Subject;
import io.mirrorregistry.config.AccessSettings;
import io.mirrorregistry.metrics.Metrics;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.ErrorCode;
import io.mirrorregistry.protocol.ProtocolException;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.pull.Pull;
import io.mirrorregistry.push.UploadSession;
import io.mirrorregistry.push.UploadSessions;
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
     * @param allowed gets whom the request comes from, if it is allowed; null for an upload that goes on
     * @return completes exceptionally with a {@link ProtocolException}
     * @throws ProtocolException if the request is refused
     */
    CompletableFuture<Void> check(Pull pull, HttpServerRequest request, RepositoryName repository, Consumer<Proof> allowed) throws ProtocolException {
        List<String> names = repository == null ? List.of() : access.names().of(pull.namespace(), repository.value());
        CompletableFuture<Proof> proof = access.prove(request.getHeader(HttpHeaderNames.AUTHORIZATION), pull.clientAddress());
        if (proof.isDone()) {
            decide(pull, request, names, proof, allowed);
            return DONE;
        }
        CompletableFuture<Void> later = new CompletableFuture<>();
        proof.whenComplete((found, failure) -> workers.execute(() -> {
            try {
                decide(pull, request, names, proof, allowed);
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

    private void decide(Pull pull, HttpServerRequest request, List<String> names, CompletableFuture<Proof> found, Consumer<Proof> allowed) throws ProtocolException {
        if (pull.upload() instanceof UploadSession upload) {
            goOn(pull, request, names, found, upload);
            allowed.accept(null);
        } else {
            judge(pull, request, names, found, allowed);
        }
    }

    /**
     * Lets an upload go on, which authorizes itself: the credentials of a client may end while it pushes. Credentials that are good have to be those of the
     * user who began it, and a wrong password is refused as ever.
     */
    private void goOn(Pull pull, HttpServerRequest request, List<String> names, CompletableFuture<Proof> found, UploadSession upload) throws ProtocolException {
        pull.user(upload.user());
        try {
            Proof proof = found.getNow(null);
            log.proved(proof);
            if (proof.how() != Proof.How.NOTHING && !proof.subject().name().equals(upload.user())) {
                throw UploadSessions.unknown();
            }
        } catch (RuntimeException e) {
            LoginException login = LoginLog.cause(e);
            if (login == null) {
                throw e;
            } else if (login.reason() == LoginException.Reason.CREDENTIALS || login.reason() == LoginException.Reason.WAIT) {
                throw refused(pull, request, names, login);
            }
        }
    }

    /**
     * Returns whether a question for a blob or a manifest comes from somebody who is about to push it: from anybody who may push there asks for a blob; for
     * a manifest, which those who pull ask for as well, with a token for pushing only.
     *
     * @param repository its name in its namespace
     */
    boolean isPusher(Pull pull, Proof proof, RepositoryName repository) {
        boolean asks = pull.request().path().kind() == ApiPath.Kind.BLOB
                || pull.request().path().kind() == ApiPath.Kind.MANIFEST && proof.how() == Proof.How.TOKEN;
        return asks && access.judge(proof, pull.clientAddress(), access.names().of(pull.namespace(), repository.value()), pull.request().path().repository().value(),
                Action.PUSH) == Access.Verdict.ALLOWED;
    }

    /**
     * Mounts nothing from a repository that the user of the request may not pull: the blob is uploaded then.
     *
     * @throws ProtocolException UNAUTHORIZED if the user may pull it, and the token was not made for that: clients fetch another one
     */
    private void limitMount(Pull pull, HttpServerRequest request, List<String> names, Proof proof) throws ProtocolException {
        PushRequest push = pull.push();
        if (push == null || push.mount() == null) {
            return;
        }
        List<String> from = push.from() == null ? List.of() : mountNames(pull);
        Access.Verdict verdict = from.isEmpty() ? Access.Verdict.DENIED : access.judge(proof, pull.clientAddress(), from, push.from().value(), Action.PULL);
        if (verdict == Access.Verdict.INSUFFICIENT_SCOPE) {
            metrics.refused(verdict.name().toLowerCase(Locale.ROOT));
            throw unauthorized(pull, request, names, INSUFFICIENT_SCOPE, "The token was not made for the repository that the blob is mounted from.");
        } else if (verdict != Access.Verdict.ALLOWED) {
            pull.push(push.withoutMount(), pull.body());
        }
    }

    /** Returns the names by which rules know the repository that a blob is mounted from. */
    private List<String> mountNames(Pull pull) {
        return access.names().of(pull.givenNamespace(), pull.push().from());
    }

    /** Returns what the user of a request has to be allowed. */
    private static Action action(Pull pull) {
        PushRequest push = pull.push();
        return push == null ? Action.PULL : push.method() == PushRequest.Method.DELETE ? Action.DELETE : Action.PUSH;
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
        Action action = action(pull);
        String written = names.isEmpty() ? null : pull.request().path().repository().value();
        Access.Verdict verdict = names.isEmpty() ? access.judge(proof) : access.judge(proof, pull.clientAddress(), names, written, action);
        if (verdict == Access.Verdict.UNAUTHORIZED && proof.unknownUser() != null) {
            throw refused(pull, request, names, proof.unknownUser());
        }
        log.proved(proof);
        if (verdict != Access.Verdict.ALLOWED) {
            metrics.refused(verdict.name().toLowerCase(Locale.ROOT));
            if (action != Action.PULL && verdict == Access.Verdict.DENIED) {
                log.refused(action, proof.subject(), pull);
            }
        }
        switch (verdict) {
            case ALLOWED -> {
                limitMount(pull, request, names, proof);
                allowed.accept(proof);
            }
            case DENIED -> throw new ProtocolException(ErrorCode.DENIED, proof.subject().name() + " may not " + action.word() + (action == Action.PULL ? " this repository." : " in this repository."), written);
            case UNAUTHORIZED -> throw unauthorized(pull, request, names, null, names.isEmpty() ? "Log in first." : "Log in to " + action.word() + (action == Action.PULL ? " this repository." : " in this repository."));
            case INSUFFICIENT_SCOPE -> throw unauthorized(pull, request, names, INSUFFICIENT_SCOPE, "The token was not made for this repository.");
            default -> throw unauthorized(pull, request, names, INVALID_TOKEN, "The token is refused: its user or robot is gone.");
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
            case CREDENTIALS -> unauthorized(pull, request, names, null, login.getMessage());
            case TOKEN, MIRROR_TOKEN -> unauthorized(pull, request, names, INVALID_TOKEN, login.getMessage());
            case WAIT -> later(request, ErrorCode.TOOMANYREQUESTS, login);
            case BUSY, ISSUER -> later(request, ErrorCode.UNAVAILABLE, login);
        };
    }

    private ProtocolException unauthorized(Pull pull, HttpServerRequest request, List<String> names, String error, String message) {
        String scope = names.isEmpty() ? null : "repository:" + names.get(0) + ":" + scope(action(pull));
        if (scope != null && pull.push() != null && pull.push().mount() != null && pull.push().from() != null) {
            scope += " repository:" + mountNames(pull).get(0) + ":" + Action.PULL.word();
        }
        request.response().putHeader(HttpHeaderNames.WWW_AUTHENTICATE, realm.challenge(request, scope, error));
        return new ProtocolException(ErrorCode.UNAUTHORIZED, message, null);
    }

    /** Returns the actions of a scope: who pushes or deletes looks at what is there as well. */
    private static String scope(Action action) {
        return action == Action.PULL ? action.word() : Action.PULL.word() + "," + Action.PUSH.word() + (action == Action.DELETE ? "," + action.word() : "");
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
