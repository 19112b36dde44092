package io.mirrorregistry;

import static io.mirrorregistry.FaultTable.Asked.AUTO_BLOB;
import static io.mirrorregistry.FaultTable.Asked.MANIFEST_BY_DIGEST;
import static io.mirrorregistry.FaultTable.Asked.MANIFEST_BY_TAG;
import static io.mirrorregistry.FaultTable.Asked.PROXIED_BLOB;
import static io.mirrorregistry.FaultTable.Effect.HARMLESS;
import static io.mirrorregistry.FaultTable.Effect.PASSED_ON;
import static io.mirrorregistry.FaultTable.Effect.STREAM;
import static io.mirrorregistry.FaultTable.Effect.THROTTLED;
import static io.mirrorregistry.FaultTable.Effect.TROUBLE;
import static io.mirrorregistry.FaultTable.Effect.UNKNOWABLE;

import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Manner;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** The ways in which a registry or its token service misbehaves, and what each of them means for what is asked for. */
final class FaultTable {

    /** What a client asks for. */
    enum Asked {
        MANIFEST_BY_TAG, MANIFEST_BY_DIGEST, PROXIED_BLOB, AUTO_BLOB, TAGS, REFERRERS;

        boolean isManifest() {
            return this == MANIFEST_BY_TAG || this == MANIFEST_BY_DIGEST;
        }

        boolean isBlob() {
            return this == PROXIED_BLOB || this == AUTO_BLOB;
        }
    }

    /** What a fault comes to. */
    enum Effect {
        /** The other registry is asked; without one that has it, 503. */
        TROUBLE,
        /** The same, but 429 where the other has it not. */
        THROTTLED,
        /** The registry's right answer, as if nothing were. */
        HARMLESS,
        /** The registry's Location is the client's, wherever it leads. */
        PASSED_ON,
        /** A stream: the right bytes, whosever, or one that is cut. */
        STREAM,
        /** A HEAD from which nobody could tell: 200. */
        UNKNOWABLE
    }

    /** Says what a fault comes to. */
    interface Effects {
        Effect of(Asked asked, boolean head);
    }

    /**
     * One way to misbehave.
     *
     * @param registry the fault of the registry; null where it behaves
     * @param tokens the fault of its token service; null where it behaves
     * @param retryAfter what the registry says about when to come back; null for nothing
     */
    record Row(String name, Supplier<Fault> registry, Supplier<Fault> tokens, Effects effects, String retryAfter) {

        boolean ofTokens() {
            return tokens != null;
        }
    }

    private static final String DATE = "Wed, 21 Oct 2037 07:28:00 GMT";
    private static final int TOO_LARGE = 4 * 1024 * 1024 + 1;

    private static final Effects ALWAYS_TROUBLE = (asked, head) -> TROUBLE;
    private static final Effects ALWAYS_THROTTLED = (asked, head) -> THROTTLED;
    private static final Effects ALWAYS_HARMLESS = (asked, head) -> HARMLESS;
    /** A client that is sent on may find out itself. */
    private static final Effects REDIRECT = (asked, head) -> asked == AUTO_BLOB && !head ? PASSED_ON : TROUBLE;
    /** Only who reads the body can tell; HEAD and redirects do not. Lists are fetched also for a HEAD. */
    private static final Effects BODY = (asked, head) -> asked.isManifest() && head || asked.isBlob() && head
            || asked == AUTO_BLOB
            ? HARMLESS : asked == PROXIED_BLOB ? STREAM : TROUBLE;
    /** The same, and the head is no longer to be relied on. */
    private static final Effects HEAD_AND_BODY = (asked, head) -> asked.isBlob() && head ? UNKNOWABLE
            : asked.isManifest() ? TROUBLE : BODY.of(asked, head);
    private static final Effects LENGTH = (asked, head) -> asked.isManifest() && head ? UNKNOWABLE
            : HEAD_AND_BODY.of(asked, head);
    /** Only GET meets it, and a blob's only where it is streamed. */
    private static final Effects GET = (asked, head) -> asked == AUTO_BLOB || head && (asked.isManifest() || asked.isBlob())
            ? HARMLESS : TROUBLE;
    private static final Effects DIGEST = (asked, head) -> asked == MANIFEST_BY_TAG && head ? UNKNOWABLE
            : asked == MANIFEST_BY_TAG || asked == MANIFEST_BY_DIGEST ? TROUBLE : HARMLESS;

    private final List<Row> rows = new ArrayList<>();

    /** Returns all rows. */
    static List<Row> rows() {
        FaultTable table = new FaultTable();
        table.statuses();
        table.connections();
        table.redirects();
        table.bodies();
        table.heads();
        table.tokenServices();
        return List.copyOf(table.rows);
    }

    private void registry(String name, Effects effects, Supplier<Fault> fault) {
        rows.add(new Row(name, fault, null, effects, null));
    }

    private void tokens(String name, Effects effects, Supplier<Fault> fault) {
        rows.add(new Row("token service " + name, null, fault, effects, null));
    }

    private void statuses() {
        for (int status : new int[] {405, 408, 416, 451, 500, 501, 502, 503, 504, 505, 507, 511, 522, 599, 999}) {
            registry(String.valueOf(status), ALWAYS_TROUBLE, () -> Fault.status(status));
        }
        for (int status : new int[] {400, 401, 403, 404, 405, 501}) {
            registry(status + " to HEAD", ALWAYS_HARMLESS, () -> Fault.status(status).method("HEAD"));
        }
        registry("416 to who wants the whole", GET, () -> Fault.status(416).method("GET"));
        for (int status : new int[] {201, 202, 203, 205, 207, 226, 299}) {
            registry(status + " with the right bytes", GET, () -> Fault.instead((call, answer) -> call.method().equals("GET")
                    && answer.status() == 200 ? new Answer(status, answer.headers(), answer.body(), answer.manner()) : answer));
        }
        registry("206 to who wants the whole", GET, () -> Fault.instead((call, answer) -> call.method().equals("GET")
                ? new Answer(206, answer.headers(), answer.body(), answer.manner()).with("Content-Range", "bytes 0-9/10") : answer));
        rows.add(new Row("503 with Retry-After", () -> Fault.status(503, Duration.ofSeconds(31)), null, ALWAYS_TROUBLE, "31"));
        rows.add(new Row("429", () -> Fault.status(429), null, ALWAYS_THROTTLED, null));
        rows.add(new Row("429 with Retry-After", () -> Fault.status(429, Duration.ofSeconds(77)), null, ALWAYS_THROTTLED,
                "77"));
        rows.add(new Row("429 with a senseless Retry-After", () -> Fault.instead((call, answer) ->
                Answer.of(429).with("Retry-After", "later today")), null, ALWAYS_THROTTLED, "5"));
        rows.add(new Row("503 with a Retry-After of too many digits", () -> Fault.status(503, Duration.ofSeconds(9_999_999_999L)), null, ALWAYS_TROUBLE, "5"));
        rows.add(new Row("429 with Retry-After as a date that is over", () -> Fault.status(429, Instant.parse("2015-10-21T07:28:00Z")), null,
                ALWAYS_THROTTLED, "5"));
        rows.add(new Row("429 with Retry-After as a date", () -> Fault.status(429, Instant.parse("2037-10-21T07:28:00Z")), null,
                ALWAYS_THROTTLED, DATE));
    }

    private void connections() {
        registry("silence", ALWAYS_TROUBLE, Fault::silence);
        registry("closed connection", ALWAYS_TROUBLE, Fault::close);
        registry("reset connection", ALWAYS_TROUBLE, Fault::reset);
        registry("no HTTP", ALWAYS_TROUBLE, () -> Fault.raw("hello\r\n\r\n"));
        registry("head without end", ALWAYS_TROUBLE, () -> Fault.raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"));
        registry("another protocol", ALWAYS_TROUBLE, () -> Fault.raw("HTTP/1.1 101 Switching Protocols\r\n"
                + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"));
        registry("interim answers without end", ALWAYS_TROUBLE, () -> Fault.instead((call, answer) -> answer.with(Manner.INTERIM)));
        registry("status 0", ALWAYS_TROUBLE, () -> Fault.raw("HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n"));
        registry("drips from the start", ALWAYS_TROUBLE, () -> Fault.dripFromTheStart(Duration.ofMillis(50)));
    }

    private void redirects() {
        // A place of the registry's own is looked at before a client is sent there.
        registry("redirect loop", ALWAYS_TROUBLE, Fault::redirectLoop);
        registry("redirect of blobs to another path of its own", (asked, head) -> asked == AUTO_BLOB && !head ? PASSED_ON : HARMLESS, Fault::redirectToNode);
        registry("redirect to nowhere", REDIRECT, Fault::redirectToNowhere);
        registry("redirect to an unknown host", REDIRECT, () -> Fault.redirect(302, "http://no-such-host.invalid/x"));
        registry("redirect without a place", ALWAYS_TROUBLE, () -> Fault.redirect(307, ""));
        registry("redirect to a URL without a host", ALWAYS_TROUBLE, () -> Fault.redirect(307, "https:///x"));
        registry("redirect to a port that is none", ALWAYS_TROUBLE, () -> Fault.redirect(307, "http://127.0.0.1:99999/x"));
        registry("redirect to several places", ALWAYS_TROUBLE, () -> Fault.instead((call, answer) ->
                Answer.of(307).and("Location", "http://127.0.0.1:1/x").and("Location", "http://127.0.0.1:1/y")));
        for (int status : new int[] {300, 304, 306}) {
            registry(String.valueOf(status), ALWAYS_TROUBLE, () -> Fault.instead((call, answer) -> Answer.of(status)));
        }
        registry("redirect to no URL", ALWAYS_TROUBLE, () -> Fault.redirect(307, "ftp://[x"));
    }

    private void bodies() {
        registry("a body that stops after 10 bytes", BODY, () -> Fault.pauseAfter(10, Duration.ofSeconds(20)).method("GET"));
        registry("drips its body", BODY, () -> Fault.drip(Duration.ofMillis(50)));
        registry("drips its body with long pauses", BODY, () -> Fault.drip(Duration.ofSeconds(3)));
        registry("cut body", BODY, () -> Fault.cut(10));
        registry("cut before the body", BODY, () -> Fault.cut(0));
        registry("other bytes", BODY, Fault::otherBytes);
        registry("body without end", (asked, head) -> asked.isBlob() && head ? UNKNOWABLE : HEAD_AND_BODY.of(asked, head),
                Fault::endless);
        registry("more than 4 MiB", HEAD_AND_BODY, () -> Fault.spoil(answer -> answer.with(Body.ofSize(TOO_LARGE, 7))));
        registry("more than 4 MiB in chunks", HEAD_AND_BODY, () -> Fault.spoil(answer ->
                answer.with(Body.ofSize(TOO_LARGE, 7)).with(Manner.CHUNKED)));
        registry("HTML", (asked, head) -> TROUBLE, Fault::html);
        for (int status : new int[] {401, 403, 404}) {
            registry("HTML with " + status, ALWAYS_TROUBLE, () -> Fault.html(status, "Text/HTML; charset=utf-8"));
        }
        registry("XHTML", ALWAYS_TROUBLE, () -> Fault.html(200, "application/xhtml+xml"));
        registry("the 404 of an ingress", ALWAYS_TROUBLE, Fault::defaultBackend);
        registry("404 of nobody", ALWAYS_TROUBLE, () -> Fault.instead((call, answer) -> Answer.of(404)));
        registry("404 with JSON that is no error", ALWAYS_TROUBLE, () -> Fault.instead((call, answer) ->
                Answer.of(404, "application/problem+json", "{\"message\":\"no Route matched with those values\"}")));
        registry("JSON that is something else", HEAD_AND_BODY, () -> Fault.instead((call, answer) ->
                Answer.of(200, "application/json", "{\"message\":\"Please sign in.\"}")));
        registry("JSON that is nested 100,000 levels deep", HEAD_AND_BODY, () -> Fault.instead((call, answer) ->
                Answer.of(200, "application/json", "[".repeat(100_000) + "]".repeat(100_000))));
        registry("an empty body", HEAD_AND_BODY, () -> Fault.instead((call, answer) -> Answer.of(200)));
        registry("204", (asked, head) -> TROUBLE,
                () -> Fault.instead((call, answer) -> Answer.of(204)));
    }

    private void heads() {
        registry("Content-Length too long", LENGTH, () -> Fault.contentLength("100000"));
        registry("Content-Length too short", LENGTH, () -> Fault.contentLength("5"));
        for (String lie : List.of("-5", "+1001", "many", "0x10", "1, 1", "5 5", "1_001", "1001.0", "1e3", "0".repeat(16) + "1001", "")) {
            registry("Content-Length '" + lie + "'", ALWAYS_TROUBLE, () -> Fault.contentLength(lie));
        }
        registry("no Content-Length to HEAD", ALWAYS_HARMLESS, () -> Fault.without("Content-Length").method("HEAD"));
        registry("two Content-Lengths", ALWAYS_TROUBLE, () -> Fault.spoil(answer -> answer.and("Content-Length", "5")));
        // Without a length the answer's bytes are as they should be, and its headers are not.
        registry("Content-Length beside chunks", (asked, head) -> asked == PROXIED_BLOB && !head ? UNKNOWABLE : HARMLESS, () -> Fault.spoil(answer -> answer.with(Manner.CHUNKED_WITH_LENGTH)));
        registry("Content-Encoding of nothing", ALWAYS_HARMLESS, () -> Fault.header("Content-Encoding", "gzip"));
        for (String type : List.of("application/json; charset=utf-8", "application/octet-stream", "text/plain", "x")) {
            registry("Content-Type " + type, ALWAYS_HARMLESS, () -> Fault.header("Content-Type", type));
        }
        registry("no Content-Type", ALWAYS_HARMLESS, () -> Fault.without("Content-Type"));
        registry("two Docker-Content-Digests", ALWAYS_HARMLESS, () -> Fault.spoil(answer ->
                answer.and("Docker-Content-Digest", "sha256:" + "6".repeat(64))));
        registry("false Docker-Content-Digest", DIGEST, Fault::wrongDigest);
        registry("senseless Docker-Content-Digest", ALWAYS_HARMLESS, () -> Fault.header("Docker-Content-Digest",
                "sha256:../../x"));
    }

    private void tokenServices() {
        tokens("silent", ALWAYS_TROUBLE, Fault::silence);
        tokens("slow", ALWAYS_TROUBLE, () -> Fault.delay(Duration.ofSeconds(3)));
        tokens("dripping", ALWAYS_TROUBLE, () -> Fault.drip(Duration.ofMillis(100)));
        for (int status : new int[] {400, 401, 403, 404, 408, 500, 503}) {
            tokens(String.valueOf(status), ALWAYS_TROUBLE, () -> Fault.status(status));
        }
        rows.add(new Row("token service 429", null, () -> Fault.status(429, Duration.ofSeconds(44)), ALWAYS_THROTTLED, "44"));
        tokens("closing", ALWAYS_TROUBLE, Fault::close);
        tokens("cut", ALWAYS_TROUBLE, () -> Fault.cut(5));
        tokens("without end", ALWAYS_TROUBLE, Fault::endless);
        tokens("HTML", ALWAYS_TROUBLE, Fault::html);
        tokens("no token", ALWAYS_TROUBLE, () -> Fault.body("{}"));
        tokens("token of several lines", ALWAYS_TROUBLE, () -> Fault.body("{\"token\":\"a\\r\\nX-Y: z\"}"));
        tokens("JSON that is nested 16,000 levels deep", ALWAYS_TROUBLE, () -> Fault.body("[".repeat(16_000)));
        rows.add(new Row("token service 429 with a senseless Retry-After", null, () -> Fault.instead((call, answer) ->
                Answer.of(429).with("Retry-After", "soon")), ALWAYS_THROTTLED, "5"));
        tokens("redirecting", ALWAYS_TROUBLE, Fault::redirectLoop);
        tokens("moved", ALWAYS_HARMLESS, () -> Fault.instead((call, answer) -> call.query().contains("moved") ? answer
                : Answer.of(301).with("Location", call.target() + "&moved")));
        tokens("201", ALWAYS_HARMLESS, () -> Fault.spoil(answer -> new Answer(201, answer.headers(), answer.body(), answer.manner())));
        tokens("204", ALWAYS_TROUBLE, () -> Fault.instead((call, answer) -> Answer.of(204)));
        tokens("access_token beside an empty token", ALWAYS_HARMLESS, () -> Fault.spoil(answer -> answer.with(
                Body.of(text(answer).replace("\"token\":", "\"token\":\"\",\"access_token\":")))));
        for (String lie : List.of("0", "-1", "1e400", "99999999999999999999999", "\"soon\"", "null", "{}")) {
            tokens("expires_in " + lie, ALWAYS_HARMLESS, () -> Fault.spoil(answer -> answer.with(
                    Body.of(text(answer).replace("\"expires_in\":300", "\"expires_in\":" + lie)))));
        }
    }

    private static String text(Answer answer) {
        return new String(answer.body().pattern(), StandardCharsets.UTF_8);
    }
}
