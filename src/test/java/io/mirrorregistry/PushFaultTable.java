package io.mirrorregistry;

import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Manner;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** The ways in which the target of a push misbehaves, and what the client gets for each request. */
final class PushFaultTable {

    /** A request of a push. */
    enum Asked {
        HEAD_BLOB(200), BEGIN(202), BEGIN_WITH_BLOB(201), MOUNT(201), CHUNK(202), STREAM(202), STATUS(204), COMMIT(201), COMMIT_WITH_BYTES(201), CANCEL(204),
        MANIFEST_BY_TAG(201), MANIFEST_BY_DIGEST(201), DELETE_MANIFEST(202), DELETE_BLOB(202);

        private final int taken;

        Asked(int taken) {
            this.taken = taken;
        }

        /** Returns the status of a request that the target takes. */
        int taken() {
            return taken;
        }

        /** Returns whether the request goes on with an upload. */
        boolean isBegun() {
            return this == CHUNK || this == STREAM || this == STATUS || this == COMMIT || this == COMMIT_WITH_BYTES || this == CANCEL;
        }

        /** Returns whether it ends with something stored under a digest. */
        boolean stores() {
            return taken == 201;
        }

        boolean isManifest() {
            return this == MANIFEST_BY_TAG || this == MANIFEST_BY_DIGEST;
        }
    }

    /**
     * What the client gets.
     *
     * @param status 0 for the one of success
     * @param code null for success
     * @param message null for any of the mirror's own
     */
    record Outcome(int status, String code, String message, String retryAfter) {

        static final Outcome TAKEN = new Outcome(0, null, null, null);
        static final Outcome TROUBLE = new Outcome(503, "UNAVAILABLE", null, "5");
        static final Outcome THROTTLED = new Outcome(429, "TOOMANYREQUESTS", null, "5");

        /** In the words of the registry. */
        static Outcome told(int status) {
            return new Outcome(status, "UNKNOWN", "told by the test registry", null);
        }

        static Outcome own(int status, String code) {
            return new Outcome(status, code, null, null);
        }

        Outcome after(String seconds) {
            return new Outcome(status, code, message, seconds);
        }
    }

    /** Says what a fault comes to. */
    interface Effects {

        Outcome of(Asked asked);

        /** @param account whether the mirror has an account there */
        default Outcome of(Asked asked, boolean account) {
            return of(asked);
        }
    }

    /** One way to misbehave. */
    record Row(String name, Supplier<Fault> fault, Effects effects) {
    }

    private static final Effects TROUBLE = asked -> Outcome.TROUBLE;
    private static final Effects TAKEN = asked -> Outcome.TAKEN;
    /** The registry says nothing in words. */
    private static final Effects INVALID = asked -> Outcome.own(400, asked.isManifest() || asked == Asked.DELETE_MANIFEST ? "MANIFEST_INVALID" : "BLOB_UPLOAD_INVALID");

    /** An upload goes on where the Location says. */
    private static final Effects LOCATION = asked -> asked.taken == 202 && !asked.name().startsWith("DELETE") || asked == Asked.STATUS ? Outcome.TROUBLE : Outcome.TAKEN;

    private final List<Row> rows = new ArrayList<>();

    /** Returns all rows. */
    static List<Row> rows() {
        PushFaultTable table = new PushFaultTable();
        table.refusals();
        table.statuses();
        table.connections();
        table.pages();
        table.successes();
        return List.copyOf(table.rows);
    }

    private void add(String name, Effects effects, Supplier<Fault> fault) {
        rows.add(new Row(name, fault, effects));
    }

    /** Answers that are about the request: the registry's status and words. */
    private void refusals() {
        for (int status : new int[] {400, 402, 403, 404, 405, 406, 409, 411, 412, 413, 414, 415, 416, 417, 422, 423, 428, 431, 451}) {
            add(String.valueOf(status), asked -> Outcome.told(status), () -> Fault.status(status));
        }
        // The account is accepted elsewhere.
        add("401", asked -> new Outcome(403, "UNKNOWN", "told by the test registry", null), () -> Fault.status(401));
        add("401 with a challenge", new Effects() {
            @Override
            public Outcome of(Asked asked) {
                return new Outcome(403, "UNKNOWN", "told by the test registry", null);
            }

            @Override
            public Outcome of(Asked asked, boolean account) {
                // Without an account, the registry wants a login that the mirror has not got.
                return account ? of(asked) : Outcome.TROUBLE;
            }
        }, () -> Fault.instead((call, answer) -> error(401).with("WWW-Authenticate", "Basic realm=\"secret of the registry\"")));
        add("400 without a body", INVALID, () -> Fault.instead((call, answer) -> Answer.of(400)));
        add("404 of nobody", TROUBLE, () -> Fault.instead((call, answer) -> Answer.of(404)));
        add("404 of an ingress", TROUBLE, Fault::defaultBackend);
        add("400 without errors", INVALID,
                () -> Fault.instead((call, answer) -> named(Answer.of(400, "application/json", "{\"errors\":[]}"))));
        add("400 with JSON that is something else", INVALID,
                () -> Fault.instead((call, answer) -> named(Answer.of(400, "application/json", "{\"message\":\"Please sign in.\"}"))));
        add("403 without a body", asked -> Outcome.own(403, "DENIED"), () -> Fault.instead((call, answer) -> named(Answer.of(403))));
        add("413 without a body", asked -> Outcome.own(413, "SIZE_INVALID"), () -> Fault.instead((call, answer) -> named(Answer.of(413))));
        add("405 without a body", asked -> Outcome.own(405, "UNSUPPORTED"), () -> Fault.instead((call, answer) -> named(Answer.of(405))));
        add("416 without a body", asked -> Outcome.own(416, "RANGE_INVALID"), () -> Fault.instead((call, answer) -> named(Answer.of(416))));
        add("404 without a body", asked -> Outcome.own(404, asked.isManifest() || asked == Asked.DELETE_MANIFEST ? "MANIFEST_UNKNOWN"
                : asked.isBegun() ? "BLOB_UPLOAD_UNKNOWN" : "BLOB_UNKNOWN"), () -> Fault.instead((call, answer) -> named(Answer.of(404))));
        add("an error body that breaks off", INVALID,
                () -> Fault.instead((call, answer) -> error(400).with(Manner.cut(10))));
        add("an error body with control characters", asked -> new Outcome(400, "DENIED", "a  b", null),
                () -> Fault.instead((call, answer) -> named(Answer.of(400, "application/json", "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"a\\r\\nb\"}]}"))));
    }

    private void statuses() {
        for (int status : new int[] {407, 408, 500, 501, 502, 503, 504, 505, 507, 511, 522, 599}) {
            add(String.valueOf(status), TROUBLE, () -> Fault.status(status));
        }
        add("503 with Retry-After", asked -> Outcome.TROUBLE.after("31"), () -> Fault.status(503, Duration.ofSeconds(31)));
        add("429", asked -> Outcome.THROTTLED, () -> Fault.status(429));
        add("429 with Retry-After", asked -> Outcome.THROTTLED.after("77"), () -> Fault.status(429, Duration.ofSeconds(77)));
        for (int status : new int[] {300, 304, 306}) {
            add(String.valueOf(status), TROUBLE, () -> Fault.instead((call, answer) -> named(Answer.of(status))));
        }
        for (int status : new int[] {301, 302, 303, 307, 308}) {
            add(status + " to nowhere", TROUBLE, () -> Fault.redirect(status, "http://127.0.0.1:1/elsewhere"));
        }
        add("redirect loop", TROUBLE, Fault::redirectLoop);
    }

    private void connections() {
        add("silence", TROUBLE, Fault::silence);
        add("closed connection", TROUBLE, Fault::close);
        add("reset connection", TROUBLE, Fault::reset);
        add("no HTTP", TROUBLE, () -> Fault.raw("hello\r\n\r\n"));
        add("head without end", TROUBLE, () -> Fault.raw("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n"));
        add("a head that never ends", TROUBLE, () -> Fault.instead((call, answer) -> answer.with(Manner.ENDLESS_HEAD)));
        add("another protocol", TROUBLE, () -> Fault.raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"));
        add("interim answers without end", TROUBLE, () -> Fault.instead((call, answer) -> answer.with(Manner.INTERIM)));
        // A manifest has all the time for an answer.
        add("drips from the start", asked -> asked.isManifest() ? Outcome.TAKEN : Outcome.TROUBLE, () -> Fault.dripFromTheStart(Duration.ofMillis(50)));
        add("leftovers after the response", TAKEN, () -> Fault.leftover("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n"
                + "Docker-Content-Digest: sha256:" + "0".repeat(64) + "\r\n\r\n"));
    }

    private void pages() {
        for (int status : new int[] {200, 201, 202, 400, 401, 403, 404, 429, 500, 503}) {
            add("HTML with " + status, status == 429 ? asked -> Outcome.THROTTLED : TROUBLE, () -> Fault.html(status, "Text/HTML; charset=utf-8"));
        }
        // A proxy before the registry says so.
        add("HTML with 413", asked -> Outcome.own(413, "SIZE_INVALID"), () -> Fault.html(413, "text/html"));
    }

    /** Answers of success that are none for this request. */
    private void successes() {
        for (int status : new int[] {200, 203, 205, 206, 226, 299}) {
            add(String.valueOf(status), asked -> asked.stores() || asked == Asked.BEGIN ? Outcome.TROUBLE : Outcome.TAKEN, () -> Fault.spoil(answer ->
                            new Answer(status, answer.headers(), answer.body(), answer.manner())));
        }
        add("201 for everything", asked -> asked == Asked.BEGIN ? Outcome.TROUBLE : Outcome.TAKEN, () -> Fault.spoil(answer ->
                new Answer(201, answer.headers(), answer.body(), answer.manner())));
        // A blob that is not stored at once, or not mounted, is uploaded.
        add("202 for everything", asked -> asked == Asked.BEGIN_WITH_BLOB || asked == Asked.MOUNT || !asked.stores() ? Outcome.TAKEN : Outcome.TROUBLE,
                () -> Fault.spoil(answer -> new Answer(202, answer.headers(), answer.body(), answer.manner())));
        add("no Location", asked -> asked == Asked.BEGIN ? Outcome.TROUBLE : Outcome.TAKEN, () -> Fault.without("Location"));
        for (String location : List.of("ftp://[x", "http://", "http://127.0.0.1:99999/x", "", "http://user:secret@127.0.0.1:1/x", "//")) {
            add("Location '" + location + "'", LOCATION,
                    () -> Fault.header("Location", location));
        }
        add("several Locations", LOCATION,
                () -> Fault.spoil(answer -> answer.and("Location", "/v2/other/blobs/uploads/1")));
        add("senseless Range", TAKEN, () -> Fault.header("Range", "many"));
        add("false Docker-Content-Digest", asked -> asked.stores() ? Outcome.TROUBLE : Outcome.TAKEN, Fault::wrongDigest);
        add("senseless Docker-Content-Digest", TAKEN, () -> Fault.header("Docker-Content-Digest", "sha256:../../x"));
        add("no Docker-Content-Digest", TAKEN, () -> Fault.without("Docker-Content-Digest"));
        add("senseless headers of its own", TAKEN, () -> Fault.spoil(answer -> answer.with("Set-Cookie", "secret=1").with("X-Y", "z")
                .with("WWW-Authenticate", "Basic realm=\"Bearer\"")));
    }

    private static Answer error(int status) {
        return named(Answer.of(status, "application/json", "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"told by the test registry\"}]}"));
    }

    private static Answer named(Answer answer) {
        return answer.with("Docker-Distribution-Api-Version", "registry/2.0");
    }

    /** Returns the answer of a registry that takes every push. */
    static Answer taken(Call call, Answer otherwise) {
        String path = call.path();
        boolean upload = path.contains("/blobs/uploads/");
        if (!path.contains("/v2/library/") || call.method().equals("GET") && !upload) {
            return otherwise;
        }
        String repository = path.replaceFirst("/(blobs|manifests)/.*", "");
        Answer location = Answer.of(202).with("Location", repository + "/blobs/uploads/1?state=secret").with("Range", "0-" + (PushFaultTableTest.BLOB.length - 1));
        Answer stored = Answer.of(201).with("Location", repository + "/blobs/x");
        return named(switch (call.method()) {
            case "HEAD" -> Answer.of(200).with("Docker-Content-Digest", PushFaultTableTest.DIGEST.value())
                    .with("Content-Length", String.valueOf(PushFaultTableTest.BLOB.length));
            case "POST" -> call.query() == null ? location : stored.with("Docker-Content-Digest", PushFaultTableTest.DIGEST.value());
            case "PATCH" -> location;
            case "GET" -> new Answer(204, location.without("Content-Length").headers(), location.body(), location.manner());
            case "DELETE" -> upload ? Answer.of(204).without("Content-Length") : Answer.of(202);
            default -> stored.with("Docker-Content-Digest", (upload ? PushFaultTableTest.DIGEST : PushFaultTableTest.MANIFEST_DIGEST).value());
        });
    }
}
