package io.mirrorregistry.registry.http;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mirrorregistry.config.Account;
import io.mirrorregistry.config.Credentials;
import io.mirrorregistry.protocol.ApiPath;
import io.mirrorregistry.protocol.RepositoryName;
import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.auth.AccountStatus;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpHeaders;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds out what 401 and 403 of one registry mean. Registries respond so for repositories that they have not got, and to an account that has
 * ended. If the registry accepts us otherwise, the former is meant: a bearer token was given for the call, or {@code GET /v2/} with what we
 * present succeeds.
 *
 * <p>{@code /v2/} is asked at most once in {@value #BELIEVED_SECONDS} seconds, and calls that need its answer at the same time share one
 * question, each until its own deadline; one that has far more time left than the asker had asks again. One more question is asked for a
 * repository that was served before and is refused now, since the account may have ended after the last question. Thread-safe; {@link #judge}
 * may block.
 */
final class AccountCheck {

    private static final Logger LOG = LoggerFactory.getLogger(AccountCheck.class);
    private static final long BELIEVED_SECONDS = 5;
    private static final int MOST_SERVED = 5000;

    /** Asks {@code GET /v2/} with what we present. */
    @FunctionalInterface
    interface VersionCall {

        /**
         * @param time by the end of which the head of the response has to be there
         * @return the response, which the caller has to close
         */
        ClassicHttpResponse ask(CallTime time) throws IOException;
    }

    /**
     * One question: the account that it is about, when it was asked, for how long, in nanoseconds, and what came of it. The fields are written
     * before the answer completes.
     */
    private static final class Question {

        private final Credentials account;
        private final long asked = System.nanoTime();
        private final long patience;
        private final CompletableFuture<Boolean> answer = new CompletableFuture<>();
        private volatile long answered;
        private volatile boolean late;
        /** Whether the registry's patience ended the question, which shows nothing. */
        private volatile boolean givenUp;

        private Question(Credentials account, CallTime time) {
            this.account = account;
            this.patience = time.left();
        }

        /** @param acceptedNotBefore the earliest time at which a question may have been asked that was answered in our favour; null for any */
        private boolean serves(Credentials now, Long acceptedNotBefore, CallTime time) {
            if (!Objects.equals(account, now)) {
                return false;
            }
            return !answer.isDone() || System.nanoTime() - answered < TimeUnit.SECONDS.toNanos(BELIEVED_SECONDS)
                    && !isTooShortFor(time) && (acceptedNotBefore == null || !answer.join() || asked - acceptedNotBefore >= 0);
        }

        /** Returns whether the asker had no answer in time, and one that has so much time left may get one. */
        private boolean isTooShortFor(CallTime time) {
            return givenUp || late && time.left() > 2 * patience;
        }

        private void answer(boolean accepted, CallTime time) {
            answered = System.nanoTime();
            late = !accepted && time.isOver();
            givenUp = !accepted && time.isPatienceOver();
            answer.complete(accepted);
        }
    }

    private final Account account;
    private final AccountStatus status;
    private final VersionCall version;
    private final VersionCheck anonymous;
    private final AtomicReference<Question> last = new AtomicReference<>();
    /** The repositories that were served without a token, and not refused since. */
    private final Cache<RepositoryName, Boolean> served = Caffeine.newBuilder().maximumSize(MOST_SERVED).executor(Runnable::run).build();

    /**
     * @param status is told what the responses show
     * @param version asks with our account
     * @param anonymous asks without
     */
    AccountCheck(Account account, AccountStatus status, VersionCall version, VersionCheck anonymous) {
        this.account = account;
        this.status = status;
        this.version = version;
        this.anonymous = anonymous;
    }

    /**
     * Sets the header {@link RegistryAnswers#ACCEPTED} of a response 401 or 403.
     *
     * @param response the last response to a call, whose body was read if it is an error
     * @param time the time of the call
     */
    void judge(ClassicHttpResponse response, ApiPath path, CallTime time) {
        if (path.kind() == ApiPath.Kind.API_VERSION) {
            // A refusal of a probe without an account may be a challenge only: a registry may serve images to anybody all the same.
            note(response, account.current() != null);
        } else if (response.containsHeader(RegistryAnswers.ACCEPTED)) {
            LOG.debug("the refusal came from a host to which the registry redirects");
        } else if (response.getCode() == 401 || response.getCode() == 403) {
            response.setHeader(RegistryAnswers.ACCEPTED, String.valueOf(isAccepted(response, path.repository(), time)));
        } else if (response.getCode() < 400 && !isBearer(response)) {
            served.put(path.repository(), true);
            if (RegistryAnswers.BASIC.equals(RegistryAnswers.value(response, RegistryAnswers.AUTHORIZED))) {
                status.accepted();
            }
        }
    }

    private boolean isAccepted(ClassicHttpResponse response, RepositoryName repository, CallTime time) {
        if (isPage(response) || "false".equals(RegistryAnswers.value(response, RegistryAnswers.RECOGNIZED))) {
            return false;
        }
        if (isBearer(response)) {
            return true;
        }
        Credentials now = account.current();
        if (now == null && wantsBasic(response)) {
            status.refused();
            return false;
        }
        boolean wasServed = served.getIfPresent(repository) != null;
        Long notBefore = wasServed ? Long.valueOf(time.began()) : null;
        boolean accepted = now == null ? acceptsAnybody(notBefore, time) : ask(now, notBefore, time);
        if (accepted && wasServed) {
            served.invalidate(repository);
        }
        return accepted;
    }

    /** Without an account, the answer that {@link SilentRefusals} needs as well tells enough, unless it is a redirect. */
    private boolean acceptsAnybody(Long acceptedNotBefore, CallTime time) {
        long notBefore = acceptedNotBefore == null ? System.nanoTime() - TimeUnit.SECONDS.toNanos(BELIEVED_SECONDS) : acceptedNotBefore;
        try {
            VersionCheck.Result result = anonymous.get(notBefore, time);
            if (result.status() / 100 == 3) {
                return ask(null, acceptedNotBefore, time);
            }
            // A static file server refuses what it has not got.
            if ((result.status() == 401 || result.status() == 403 && served.estimatedSize() == 0) && !result.page()) {
                status.refused();
            } else if (result.status() / 100 == 2 && !result.page()) {
                status.accepted();
            }
            return result.status() / 100 == 2 && !result.page();
        } catch (SocketTimeoutException e) {
            LOG.debug("no answer to the question whether anybody is accepted", e);
            return false;
        }
    }

    private boolean ask(Credentials now, Long acceptedNotBefore, CallTime time) {
        while (true) {
            Question own = new Question(now, time);
            Question question = last.updateAndGet(held -> held != null && held.serves(now, acceptedNotBefore, time) ? held : own);
            if (question == own) {
                boolean accepted = false;
                try {
                    accepted = accepts(time);
                } finally {
                    own.answer(accepted, time);
                }
            }
            boolean accepted = await(question, time);
            if (question == own || !question.isTooShortFor(time)) {
                return accepted;
            }
        }
    }

    private static boolean await(Question question, CallTime time) {
        try {
            return question.answer.get(Math.max(0, time.left()), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (ExecutionException | TimeoutException e) {
            return false;
        }
    }

    private boolean accepts(CallTime time) {
        try (ClassicHttpResponse response = version.ask(time)) {
            note(response, true);
            return isBearer(response) || response.getCode() / 100 == 2 && !isPage(response);
        } catch (IOException e) {
            LOG.debug("no answer to the question whether our account is accepted", e);
            return false;
        }
    }

    /**
     * Notes what a response to {@code GET /v2/} says of our account.
     *
     * @param believed whether a refusal counts
     */
    private void note(ClassicHttpResponse response, boolean believed) {
        boolean refuses = (response.getCode() == 401 || response.getCode() == 403) && !isBearer(response) && !isPage(response);
        if (refuses && believed) {
            status.refused();
        } else if (response.getCode() / 100 == 2 && !isPage(response)) {
            String authorized = RegistryAnswers.value(response, RegistryAnswers.AUTHORIZED);
            if (account.current() == null || RegistryAnswers.BASIC.equals(authorized)) {
                status.accepted();
            } else if (authorized == null) {
                status.versionForAnybody();
            }
            // A token may be one that was given before the account was refused: its service says whether the account is accepted.
        }
    }

    private static boolean wantsBasic(ClassicHttpResponse response) {
        return VersionCheck.challenges(response).stream()
                .anyMatch(challenge -> challenge.scheme().equals("basic"));
    }

    private static boolean isBearer(ClassicHttpResponse response) {
        return RegistryAnswers.BEARER.equals(RegistryAnswers.value(response, RegistryAnswers.AUTHORIZED));
    }

    private static boolean isPage(ClassicHttpResponse response) {
        return RegistryAnswers.isWebPage(RegistryAnswers.value(response, HttpHeaders.CONTENT_TYPE));
    }
}
