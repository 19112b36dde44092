package io.mirrorregistry.registry.http;

import io.mirrorregistry.registry.CallTime;
import io.mirrorregistry.registry.RegistryAnswers;
import io.mirrorregistry.registry.auth.Challenge;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpHeaders;

/**
 * What a registry answers to {@code GET /v2/} without an account, kept for a time. One call at a time asks; the others wait for its answer. Thread-safe.
 *
 * @see <a href="https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#determining-support">Determining support</a>
 */
final class VersionCheck {

    /** An answer that tells nothing is not asked for again before. */
    private static final long TROUBLE_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final Question question;
    /** Held by the call that asks. */
    private final ReentrantLock asking = new ReentrantLock();
    private volatile Result last;

    /** Calls {@code GET /v2/}. */
    interface Question {

        /**
         * @param time by the end of which the head of the answer has to be there
         * @return the response, which the caller closes
         */
        ClassicHttpResponse ask(CallTime time) throws IOException;
    }

    /**
     * An answer.
     *
     * @param status 0 where there was none
     * @param page whether it is a web page, which no registry sends
     * @param asked when it was asked for, as {@link System#nanoTime}
     * @param nanos when it came
     * @param patience how long its caller waited in vain, in nanoseconds; 0 where it did not run out of time
     */
    record Result(int status, List<Challenge> challenges, boolean page, long asked, long nanos, long patience) {

        /** Returns whether the registry could not say: no answer, or an error that is about the moment. */
        boolean isTrouble() {
            return status == 0 || status == 408 || status == 429 || status >= 500;
        }

        /** Returns whether it is young enough; a call that has far more time than the one that waited in vain may get an answer. */
        private boolean serves(long notBefore, CallTime time) {
            if (!isTrouble()) {
                return asked - notBefore >= 0;
            }
            return nanos - notBefore >= 0 && System.nanoTime() - nanos < TROUBLE_NANOS && (patience == 0 || time.left() <= 2 * patience);
        }
    }

    VersionCheck(Question question) {
        this.question = question;
    }

    /**
     * Returns an answer to a question that was not asked before this moment. An answer that is trouble only has to have come since then, and
     * is kept for at most five seconds, so that the calls that waited for it do not ask one after the other.
     *
     * @param notBefore a {@link System#nanoTime}
     * @param time the time of the call that wants it
     * @throws SocketTimeoutException when there was none by the end of that time
     */
    Result get(long notBefore, CallTime time) throws SocketTimeoutException {
        Result known = last;
        if (known != null && known.serves(notBefore, time)) {
            return known;
        }
        try {
            if (!asking.tryLock(time.left(), TimeUnit.NANOSECONDS)) {
                throw new SocketTimeoutException("GET /v2/ has been asked all the time");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SocketTimeoutException("interrupted while waiting for GET /v2/");
        }
        try {
            known = last;
            if (known == null || !known.serves(notBefore, time)) {
                known = ask(time);
                // That it did not respond within its patience shows nothing to a call that has its full time.
                last = time.isPatienceOver() ? last : known;
                if (known.patience() > 0) {
                    throw new SocketTimeoutException("GET /v2/ has taken all the time");
                }
            }
            return known;
        } finally {
            asking.unlock();
        }
    }

    private Result ask(CallTime time) {
        long asked = System.nanoTime();
        long patience = Math.max(1, time.left());
        try (ClassicHttpResponse response = question.ask(time)) {
            boolean page = RegistryAnswers.isWebPage(RegistryAnswers.value(response, HttpHeaders.CONTENT_TYPE));
            return new Result(response.getCode(), challenges(response), page, asked, System.nanoTime(), 0);
        } catch (IOException e) {
            return new Result(0, List.of(), false, asked, System.nanoTime(), time.isOver() || time.isPatienceOver() ? patience : 0);
        }
    }

    /** Returns the challenges of a response. */
    static List<Challenge> challenges(ClassicHttpResponse response) {
        if (!response.containsHeader(HttpHeaders.WWW_AUTHENTICATE)) {
            return List.of();
        }
        return Challenge.parse(Arrays.stream(response.getHeaders(HttpHeaders.WWW_AUTHENTICATE)).map(Header::getValue).toList());
    }
}
