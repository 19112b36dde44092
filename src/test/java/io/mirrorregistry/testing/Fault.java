package io.mirrorregistry.testing;

import io.mirrorregistry.protocol.Digest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/**
 * One way to misbehave: {@code hot.fault(Fault.status(503).on(Kind.MANIFEST).method("GET").times(2))}.
 *
 * <p>Some faults stand in for the answer, whatever it is; those that say "spoils" touch only what would have been a
 * success or redirect, so that a challenge still comes through.
 */
public final class Fault {

    private static final DateTimeFormatter HTTP_DATE =
            DateTimeFormatter.RFC_1123_DATE_TIME.withZone(ZoneOffset.UTC);

    private final BiFunction<Call, Answer, Answer> change;
    private final Manner onAccept;
    private final boolean successOnly;
    private final Predicate<Call> where;
    private final AtomicInteger left;

    private Fault(BiFunction<Call, Answer, Answer> change, Manner onAccept, boolean successOnly, Predicate<Call> where,
            int times) {
        this.change = change;
        this.onAccept = onAccept;
        this.successOnly = successOnly;
        this.where = where;
        this.left = new AtomicInteger(times);
    }

    /** Answers anything that can be written as an {@link Answer}. */
    public static Fault instead(BiFunction<Call, Answer, Answer> change) {
        return new Fault(change, null, false, call -> true, Integer.MAX_VALUE);
    }

    /** Spoils a success or redirect in any way that can be written as an {@link Answer}. */
    public static Fault spoil(UnaryOperator<Answer> change) {
        return new Fault((call, answer) -> change.apply(answer), null, true, call -> true, Integer.MAX_VALUE);
    }

    private static Fault onAccept(Manner manner) {
        return new Fault((call, answer) -> answer, manner, false, call -> true, Integer.MAX_VALUE);
    }

    // Where it happens

    /** Returns this fault for one kind of thing only. */
    public Fault on(Kind kind) {
        return where(call -> call.kind() == kind);
    }

    /** Returns this fault for one method only. */
    public Fault method(String method) {
        return where(call -> call.method().equals(method));
    }

    /** Returns this fault for exactly this path only. */
    public Fault path(String path) {
        return where(call -> call.path().equals(path));
    }

    /** Returns this fault for some calls only. */
    public Fault where(Predicate<Call> narrower) {
        return new Fault(change, onAccept, successOnly, where.and(narrower), left.get());
    }

    /** Returns this fault for the first so many calls (or connections) that it meets. */
    public Fault times(int times) {
        return new Fault(change, onAccept, successOnly, where, times);
    }

    // Instead of an answer

    /** Answers with this status and an error body. */
    public static Fault status(int status) {
        return instead((call, answer) -> Answer.error(status, "UNKNOWN"));
    }

    /** Answers with this status and {@code Retry-After} in seconds. */
    public static Fault status(int status, Duration retryAfter) {
        return instead((call, answer) ->
                Answer.error(status, "UNKNOWN").with("Retry-After", Long.toString(retryAfter.toSeconds())));
    }

    /** Answers with this status and {@code Retry-After} as a date. */
    public static Fault status(int status, Instant retryAfter) {
        return instead((call, answer) ->
                Answer.error(status, "UNKNOWN").with("Retry-After", HTTP_DATE.format(retryAfter)));
    }

    /** Answers 200 with a page for people, as captive portals and proxies do. */
    public static Fault html() {
        return instead((call, answer) -> Answer.of(200, "text/html", "<!doctype html><title>Sign in</title><p>Hello"));
    }

    /** Answers with this status and a page for people, as firewalls do. */
    public static Fault html(int status, String mediaType) {
        return instead((call, answer) -> Answer.of(status, mediaType, "<!doctype html><title>Blocked</title><p>Request blocked"));
    }

    /** Answers as an ingress that has no backend for the path. */
    public static Fault defaultBackend() {
        return instead((call, answer) -> Answer.of(404, "text/plain; charset=utf-8", "default backend - 404"));
    }

    /** Answers with a redirect to this location, as given. */
    public static Fault redirect(int status, String location) {
        return instead((call, answer) -> Answer.of(status).with("Location", location));
    }

    /** Answers each call for an image with a redirect to the same path at another server, as vanity hosts do. */
    public static Fault redirectTo(int status, TestServer other) {
        return instead((call, answer) -> Answer.of(status).with("Location", other.url() + call.target())).where(call -> call.kind() != Kind.PING && call.kind() != Kind.OTHER);
    }

    /** Answers each call for a blob that would be served with a redirect to the same path with {@code node=2}; that one is served. */
    public static Fault redirectToNode() {
        return instead((call, answer) -> answer.status() == 200 && call.query() == null
                ? Answer.of(307).with("Location", call.path().substring(call.path().lastIndexOf('/') + 1) + "?node=2") : answer).on(Kind.BLOB);
    }

    /** Answers every call with a redirect to the same place. */
    public static Fault redirectLoop() {
        return instead((call, answer) -> Answer.of(307).with("Location", call.target()));
    }

    /** Answers with a redirect to a port where nobody listens. */
    public static Fault redirectToNowhere() {
        try (ServerSocket unused = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return redirect(307, "http://127.0.0.1:" + unused.getLocalPort() + "/nowhere");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Sends these characters, one byte each, as the whole answer, status line and all. */
    public static Fault raw(String characters) {
        return instead((call, answer) -> answer.with(Manner.raw(characters)));
    }

    /** Ends the connection in place of an answer. */
    public static Fault close() {
        return instead((call, answer) -> answer.with(Manner.CLOSE));
    }

    /** Resets the connection in place of an answer. */
    public static Fault reset() {
        return instead((call, answer) -> answer.with(Manner.RESET));
    }

    /** Takes the request and never answers. */
    public static Fault silence() {
        return instead((call, answer) -> answer.with(Manner.SILENCE));
    }

    /**
     * Ends each new connection as soon as it is there, before any request and any TLS handshake. Connections that are
     * there already stay ({@link TestServer#dropConnections}); only {@link #times} narrows it.
     */
    public static Fault closeOnAccept() {
        return onAccept(Manner.CLOSE);
    }

    /** Says nothing on new connections, not even a TLS handshake; otherwise as {@link #closeOnAccept}. */
    public static Fault silenceOnAccept() {
        return onAccept(Manner.SILENCE);
    }

    // In time

    /** Waits before every answer. */
    public static Fault delay(Duration delay) {
        return instead((call, answer) -> answer.with(Manner.after(() -> {
            Thread.sleep(delay.toMillis());
            return null;
        }, answer.manner())));
    }

    /** Holds every answer back until the latch opens: the way to test waiting without waiting. */
    public static Fault heldUntil(CountDownLatch latch) {
        return instead((call, answer) -> answer.with(Manner.after(() -> {
            latch.await();
            return null;
        }, answer.manner())));
    }

    /** Spoils the answer: its body comes one byte at a time, with a pause before each. */
    public static Fault drip(Duration pause) {
        return spoil(answer -> answer.with(Manner.drip(pause, false)));
    }

    /** Spoils the answer: head and body come one byte at a time, with a pause before each. */
    public static Fault dripFromTheStart(Duration pause) {
        return spoil(answer -> answer.with(Manner.drip(pause, true)));
    }

    /** Spoils the answer: after so many bytes of the body comes a pause, and then the rest. */
    public static Fault pauseAfter(int bytes, Duration pause) {
        return spoil(answer -> answer.with(Manner.pauseAfter(bytes, pause)));
    }

    /** Spoils the answer: after so many bytes of the body, the rest waits until the latch opens. */
    public static Fault heldAfter(long bytes, CountDownLatch latch) {
        return spoil(answer -> answer.with(Manner.heldAfter(bytes, latch)));
    }

    // In length

    /** Spoils the answer: after so many bytes of the body the connection ends, although Content-Length says more. */
    public static Fault cut(long bytes) {
        return spoil(answer -> answer.with(Manner.cut(bytes)));
    }

    /** Spoils the answer: after so many bytes of the body the connection is reset. */
    public static Fault resetAfter(long bytes) {
        return spoil(answer -> answer.with(Manner.resetAfter(bytes)));
    }

    /** Spoils the answer: chunked, and after so many bytes of the body the connection ends without the last chunk. */
    public static Fault cutChunks(long bytes) {
        return spoil(answer -> answer.with(Manner.cutChunks(bytes)));
    }

    /** Spoils the answer: chunked, without Content-Length; the bytes are right. */
    public static Fault chunked() {
        return spoil(answer -> answer.with(Manner.CHUNKED));
    }

    /** Spoils the answer: a chunked body that never ends. */
    public static Fault endless() {
        return spoil(answer -> answer.with(Manner.ENDLESS));
    }

    /** Spoils the answer: headers that never end. */
    public static Fault endlessHead() {
        return spoil(answer -> answer.with(Manner.ENDLESS_HEAD));
    }

    /** Spoils the answer: a header that never ends. */
    public static Fault endlessLine() {
        return spoil(answer -> answer.with(Manner.ENDLESS_LINE));
    }

    /** Spoils the answer: Content-Length says this, whole body and end of connection follow. */
    public static Fault contentLength(String length) {
        return header("Content-Length", length);
    }

    /** Spoils the answer: these characters, one byte each, come after its end on the same connection. */
    public static Fault leftover(String characters) {
        return spoil(answer -> answer.with(Manner.withLeftover(characters)));
    }

    // In content

    /** Spoils the answer: other bytes of the same length under unchanged headers. */
    public static Fault otherBytes() {
        return spoil(answer -> answer.with(Body.ofSize(answer.body().length(), 666)));
    }

    /** Spoils the answer: this body, its true length, other headers unchanged. */
    public static Fault body(String text) {
        return spoil(answer -> answer.with(Body.of(text)));
    }

    /** Spoils the answer: a header of this value in place of its own. */
    public static Fault header(String name, String value) {
        return spoil(answer -> answer.with(name, value));
    }

    /** Spoils the answer: a header is missing. Without Content-Length a body ends where the connection ends. */
    public static Fault without(String header) {
        return spoil(answer -> answer.without(header));
    }

    /** Spoils the answer: Docker-Content-Digest is that of something else. */
    public static Fault wrongDigest() {
        return header("Docker-Content-Digest", Digest.ofSha256(new byte[] {6, 6, 6}).value());
    }

    /** Returns what becomes of an answer, wherever and however often this fault happens. */
    public Answer change(Call call, Answer answer) {
        return successOnly && answer.status() >= 400 ? answer : change.apply(call, answer);
    }

    // What servers ask

    Answer apply(Call call, Answer answer) {
        boolean meant = onAccept == null && (!successOnly || answer.status() < 400) && where.test(call);
        return meant && left.getAndUpdate(times -> Math.max(0, times - 1)) > 0 ? change.apply(call, answer) : answer;
    }

    /** Returns whether this fault befalls a connection that has just been accepted; counts it if so. */
    boolean takesConnection() {
        return onAccept != null && left.getAndUpdate(times -> Math.max(0, times - 1)) > 0;
    }

    Manner onAccept() {
        return onAccept;
    }
}
