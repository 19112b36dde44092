package io.mirrorregistry.registry.http;

import io.mirrorregistry.config.RegistrySettings;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.PushRequest;
import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.PushBodyException;
import io.mirrorregistry.registry.PushCall;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.RegistryTroubleException;
import io.mirrorregistry.registry.auth.Authorizer;
import io.mirrorregistry.registry.auth.Challenge;
import io.mirrorregistry.registry.auth.TokenScope;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/**
 * The authorization of one call of a push: challenges, tokens that have ended, and passwords that have changed.
 *
 * <p>A body that can be written once only is sent with what is known to authorize us, or else with what a request without a body finds out. It is sent
 * a second time only if nothing of it was written. Used once, by one thread.
 */
final class PushExchange {

    private final RegistrySettings registry;
    private final PushSender sender;
    private final PushCall call;
    private final Authorizer authorizer;
    private final SilentRefusals silent;
    private final TokenScope scope;

    /** The Authorization of the last request; null for none. */
    private String authorization;
    /** The Authorization that was obtained during the call: a registry that refuses it means it. Null for none. */
    private String fresh;
    /** Why there is no token, although a challenge asks for one; null for no such trouble. */
    private RegistryTroubleException noToken;

    /** @param sender sends the requests of the call */
    PushExchange(RegistrySettings registry, PushClients clients, PushSender sender, PushCall call) {
        this.registry = registry;
        this.sender = sender;
        this.call = call;
        this.authorizer = clients.authorizer();
        this.silent = clients.silentRefusals();
        this.scope = TokenScope.push(call.repository(), call.from(), call.method() == PushRequest.Method.DELETE);
    }

    /** A token service does not give a token for what is asked; the account may be fine. */
    static final class NoTokenException extends IOException {

        private final RegistryTroubleException trouble;

        private NoTokenException(RegistryTroubleException trouble) {
            super(trouble.getMessage(), trouble);
            this.trouble = trouble;
        }

        /** Returns the trouble that it is where the account is not fine. */
        RegistryTroubleException trouble() {
            return trouble;
        }
    }

    /** Returns the Authorization of the last request; null for none. */
    String authorization() {
        return authorization;
    }

    /**
     * Makes the call.
     *
     * @throws PushBodyException when the source of the body failed
     * @throws NoTokenException when the token service refuses
     */
    PushSender.Reply run() throws IOException {
        PushSender.Reply reply = call.body() == null || call.body().isRepeatable() ? asked() : once();
        if (noToken != null) {
            if (reply.status() == 401 || reply.status() == 403) {
                throw noToken;
            }
            authorizer.prefersBasic();
        }
        return reply;
    }

    private PushSender.Reply send(String next) throws IOException {
        authorization = next;
        return sender.send(next);
    }

    // Requests that can be sent again

    private PushSender.Reply asked() throws IOException {
        String kept = authorizer.known(scope);
        String atOnce = kept != null ? null : orRefused(() -> silent.atOnce(scope, time()));
        fresh = atOnce;
        PushSender.Reply first = send(kept == null ? atOnce : kept);
        SilentRefusals.Retry other = isBelieved(first, kept) ? SilentRefusals.Retry.NOTHING
                : orRefused(() -> silent.other(first.head(), scope, kept, atOnce, time()));
        PushSender.Reply reply = first;
        if (other.authorization() != null) {
            fresh = other.authorization();
            reply = send(fresh);
        }
        if (reply.status() == 401 && (authorization == null || !authorization.equals(fresh))) {
            String next = answer(VersionCheck.challenges(reply.head()), authorization);
            if (next != null) {
                fresh = next;
                reply = send(next);
            }
        }
        silent.learn(scope, kept, authorization, other, reply.status());
        return reply;
    }

    /**
     * Returns whether a refusal without a challenge is about the request rather than about a token that has ended. Made again, a request that changes
     * something could be refused for another reason.
     */
    private boolean isBelieved(PushSender.Reply reply, String kept) {
        boolean reads = call.method() == PushRequest.Method.HEAD || call.method() == PushRequest.Method.GET;
        return kept != null && !reads && reply.status() != 401 && reply.status() != 403;
    }

    // Requests with a body that is written once

    private PushSender.Reply once() throws IOException {
        String kept = authorizer.known(scope);
        if (kept == null) {
            fresh = beforehand();
        }
        PushSender.Reply reply = send(kept == null ? fresh : kept);
        boolean refused = reply.status() == 401 && (authorization == null || !authorization.equals(fresh));
        if (refused && !reply.begun() && call.body().written() == 0) {
            String next = answer(VersionCheck.challenges(reply.head()), authorization);
            if (next == null) {
                return reply;
            }
            fresh = next;
            return send(next);
        }
        if (refused && isOtherNext(reply)) {
            throw new RegistryTroubleException(registry.name(), call + " answered 401 after the body had begun, which is not sent twice",
                    RegistryTroubleException.Kind.REFUSED, null, 401);
        }
        if (reply.status() == 403 && isToken(kept)) {
            // It may have ended, which some registries call forbidden.
            authorizer.drop(scope, kept);
        }
        return reply;
    }

    /** Returns an Authorization where the registry is found to want one; null for none. */
    private String beforehand() throws IOException {
        List<Challenge> challenges = silent.beforehand(call.authorized(), time());
        if (call.authorized() && call.located() && !authorizer.canAnswer(challenges, null)) {
            // Some registries tell anybody their version, and challenge where something is pushed.
            challenges = VersionCheck.challenges(sender.sendUnauthorized().head());
        }
        return answer(challenges, null);
    }

    /** Returns whether the next call has something else to present than the one that was refused. */
    private boolean isOtherNext(PushSender.Reply reply) throws IOException {
        if (isToken(authorization)) {
            authorizer.drop(scope, authorization);
            return true;
        }
        return answer(VersionCheck.challenges(reply.head()), authorization) != null;
    }

    private static boolean isToken(String authorization) {
        return authorization != null && authorization.startsWith("Bearer ");
    }

    // Tokens

    /** Finds an Authorization. */
    private interface Search<T> {

        T run() throws IOException;
    }

    private <T> T orRefused(Search<T> search) throws IOException {
        try {
            return search.run();
        } catch (RegistryTroubleException e) {
            throw e.kind() == RegistryTroubleException.Kind.REFUSED ? new NoTokenException(e) : e;
        }
    }

    /** Answers challenges; with our account as Basic where the token service cannot be used and Basic is asked for beside it. */
    private String answer(List<Challenge> challenges, String rejected) throws IOException {
        return orRefused(() -> {
            try {
                return authorizer.answer(challenges, scope, rejected, time());
            } catch (RegistryTroubleException e) {
                String basic = authorizer.basic(challenges, rejected);
                if (basic == null) {
                    throw e;
                }
                noToken = e;
                return basic;
            }
        });
    }

    /** Begins the time for finding an Authorization. */
    private CallTime time() {
        return new CallTime(headTime(registry), null);
    }

    /** Returns the longest time for an ordinary call. */
    static Duration headTime(RegistrySettings registry) {
        return registry.connectTimeout().plus(registry.responseTimeout());
    }

    /** Returns which scheme the last request was authorized by, as {@link RegistryAnswers} names it; null for none. */
    String scheme() {
        return authorization == null ? null : isToken(authorization) ? RegistryAnswers.BEARER : RegistryAnswers.BASIC;
    }

    /** Returns what the call is about. */
    static ApiPath.Kind kind(Location place) {
        ApiPath path = place.api();
        return path == null ? ApiPath.Kind.UPLOAD : path.kind();
    }
}
