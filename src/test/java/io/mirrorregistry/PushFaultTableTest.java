package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.PushFaultTable.Asked;
import io.mirrorregistry.PushFaultTable.Outcome;
import io.mirrorregistry.PushFaultTable.Row;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * The table of answers to pushes (faults of the target x requests), generated, over real HTTP. The cases share mirrors and registries and run side by side,
 * since many of them wait.
 */
@Tag("table")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PushFaultTableTest {

    static final byte[] BLOB = "a blob of the table of faults".getBytes(StandardCharsets.UTF_8);
    static final Digest DIGEST = Digest.ofSha256(BLOB);
    private static final byte[] MANIFEST = ("{\"schemaVersion\":2,\"layers\":[{\"digest\":\"" + DIGEST + "\",\"size\":" + BLOB.length + "}]}")
            .getBytes(StandardCharsets.UTF_8);
    static final Digest MANIFEST_DIGEST = Digest.ofSha256(MANIFEST);
    private static final List<String> SECRETS = List.of("Exception", "io.mirrorregistry", "java.", "\tat ", "org.apache", "state=secret", "secret", "127.0.0.1", "localhost", "Bearer",
            "Please sign in", "doctype");
    private static final int SIDE_BY_SIDE = 16;

    private final TestRegistry target = TestRegistry.start("cold");
    private final TestRegistry guarded = TestRegistry.start("cold").requireBasic("mirror", "password of the mirror");
    private final List<AutoCloseable> toClose = new ArrayList<>(List.of(target, guarded));
    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final ExecutorService clients = Executors.newFixedThreadPool(SIDE_BY_SIDE);
    private final List<TestMirror> mirrors = new ArrayList<>();

    private Path folder;
    private TestMirror open;
    private TestMirror withAccount;

    @BeforeAll
    void start(@TempDir Path directory) throws Exception {
        folder = directory;
        Files.writeString(folder.resolve("access.yaml"), "rules: [{who: anyone, repositories: \"**\", may: [pull, push, delete]}]\n");
        target.fault(Fault.instead(PushFaultTable::taken));
        guarded.fault(Fault.instead((call, answer) -> answer.status() == 401 ? answer : PushFaultTable.taken(call, answer)));
        open = mirror(target.url());
        withAccount = mirror(guarded.url(), "COLD_USERNAME", "mirror", "COLD_PASSWORD", "password of the mirror");
    }

    private TestMirror mirror(String cold, String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", "http://127.0.0.1:1", "COLD_URL", cold, "COLD_CONNECT_TIMEOUT", "500ms", "COLD_RESPONSE_TIMEOUT", "1s",
                "MIRROR_PLAN", "cold", "MIRROR_PUSH_REGISTRY", "cold", "MIRROR_PUSH_DELETE", "true", "MIRROR_PUSH_COMMIT_TIMEOUT", "1s", "MIRROR_PUSH_UPLOADS", "1000",
                "MIRROR_ACCESS_FILE", folder.resolve("access.yaml").toString(), "MIRROR_SECRET", "a secret of the tests"));
        Collections.addAll(settings, more);
        TestMirror mirror = TestMirror.start(settings.toArray(String[]::new));
        toClose.add(mirror);
        mirrors.add(mirror);
        return mirror;
    }

    @AfterAll
    void stop() throws Exception {
        clients.shutdownNow();
        for (AutoCloseable closeable : toClose) {
            closeable.close();
        }
    }

    /**
     * One line of the table with one request.
     *
     * @param registry null where the fault is that of each connection
     * @param repository a name of its own, by which the faults of cases that run at the same time are kept apart
     */
    private final class Case {

        private final Row row;
        private final Asked asked;
        private final TestRegistry registry;
        private final TestMirror beginning;
        private final TestMirror mirror;
        private final String repository;

        private Case(Row row, Asked asked, TestRegistry registry, TestMirror beginning, TestMirror mirror, String repository) {
            this.row = row;
            this.asked = asked;
            this.registry = registry;
            this.beginning = beginning;
            this.mirror = mirror;
            this.repository = repository;
        }

        @Override
        public String toString() {
            return row.name() + ": " + asked.name().toLowerCase().replace('_', ' ') + (mirror == withAccount ? " with an account" : "");
        }

        private String path(String rest) {
            return "/v2/" + repository + rest;
        }

        private void run() throws Exception {
            String upload = asked.isBegun() ? begin() : null;
            if (registry != null) {
                registry.fault(row.fault().get().where(call -> call.path().contains("/" + repository + "/")));
            }
            HttpResponse<String> response = send(mirror, upload);
            try {
                judge(response, row.effects().of(asked, mirror == withAccount), upload);
            } catch (AssertionError e) {
                throw new AssertionError(this + ": " + e.getMessage() + "\n" + response.statusCode() + " " + response.headers().map() + " " + response.body(), e);
            }
        }

        private String begin() throws Exception {
            HttpResponse<String> begun = http.send(request(beginning, path("/blobs/uploads/")).POST(BodyPublishers.noBody()).build(), HttpResponse.BodyHandlers.ofString());
            assertEquals(202, begun.statusCode(), begun.body());
            return begun.headers().firstValue("Location").orElseThrow();
        }

        private HttpRequest.Builder request(TestMirror to, String path) {
            return HttpRequest.newBuilder(URI.create(to.url() + path)).timeout(Duration.ofSeconds(40));
        }

        private HttpResponse<String> send(TestMirror to, String upload) throws Exception {
            HttpRequest.BodyPublisher blob = BodyPublishers.ofByteArray(BLOB);
            HttpRequest.Builder request = switch (asked) {
                case HEAD_BLOB -> request(to, path("/blobs/" + DIGEST)).method("HEAD", BodyPublishers.noBody());
                case BEGIN -> request(to, path("/blobs/uploads/")).POST(BodyPublishers.noBody());
                case BEGIN_WITH_BLOB -> request(to, path("/blobs/uploads/?digest=" + DIGEST)).POST(blob);
                case MOUNT -> request(to, path("/blobs/uploads/?from=library/other&mount=" + DIGEST)).POST(BodyPublishers.noBody());
                case CHUNK -> request(to, upload).method("PATCH", blob).header("Content-Range", "0-" + (BLOB.length - 1));
                case STREAM -> request(to, upload).method("PATCH", BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(BLOB)));
                case STATUS -> request(to, upload).GET();
                case COMMIT -> request(to, upload + "?digest=" + DIGEST).PUT(BodyPublishers.noBody());
                case COMMIT_WITH_BYTES -> request(to, upload + "?digest=" + DIGEST).PUT(blob);
                case CANCEL -> request(to, upload).DELETE();
                case MANIFEST_BY_TAG -> request(to, path("/manifests/1.0")).PUT(BodyPublishers.ofByteArray(MANIFEST));
                case MANIFEST_BY_DIGEST -> request(to, path("/manifests/" + MANIFEST_DIGEST)).PUT(BodyPublishers.ofByteArray(MANIFEST));
                case DELETE_MANIFEST -> request(to, path("/manifests/" + MANIFEST_DIGEST)).DELETE();
                case DELETE_BLOB -> request(to, path("/blobs/" + DIGEST)).DELETE();
            };
            return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
        }

        private void judge(HttpResponse<String> response, Outcome outcome, String upload) {
            assertTellsNothing(response, outcome);
            if (outcome.code() == null) {
                taken(response, upload);
                return;
            }
            assertEquals(outcome.status(), response.statusCode());
            assertEquals(outcome.retryAfter(), header(response, "Retry-After"));
            if (asked == Asked.HEAD_BLOB) {
                assertEquals("", response.body());
                return;
            }
            assertEquals("application/json", header(response, "Content-Type"));
            JsonObject error = new JsonObject(response.body()).getJsonArray("errors").getJsonObject(0);
            assertEquals(outcome.code(), error.getString("code"));
            String message = error.getString("message");
            assertTrue(outcome.message() != null ? outcome.message().equals(message) : message.endsWith(".") && !message.contains("told by"), message);
            if (outcome.status() == 416 && asked.isBegun()) {
                assertNotNull(header(response, "Range"));
                assertTrue(header(response, "Location").startsWith(path("/blobs/uploads/")), header(response, "Location"));
            } else {
                assertNull(header(response, "Location"));
            }
        }

        private void taken(HttpResponse<String> response, String upload) {
            boolean uploads = response.statusCode() == 202 && (asked == Asked.BEGIN_WITH_BLOB || asked == Asked.MOUNT);
            if (!uploads) {
                assertEquals(asked.taken(), response.statusCode());
            }
            assertEquals("", response.body());
            String location = header(response, "Location");
            if (uploads || asked == Asked.BEGIN || asked == Asked.CHUNK || asked == Asked.STREAM || asked == Asked.STATUS) {
                assertTrue(location.startsWith(path("/blobs/uploads/")), location);
                assertFalse(location.equals(upload));
                assertTrue(header(response, "Range").matches("0-[0-9]+"), header(response, "Range"));
                assertNotNull(header(response, "Docker-Upload-UUID"));
            } else if (asked.stores()) {
                String digest = (asked.isManifest() ? MANIFEST_DIGEST : DIGEST).value();
                assertEquals(path((asked.isManifest() ? "/manifests/" : "/blobs/") + digest), location);
                assertEquals(digest, header(response, "Docker-Content-Digest"));
            } else {
                assertNull(location);
            }
        }

        /** Nothing of the registry's addresses and challenges, nothing of the program's inside, and no success that the target did not give. */
        private void assertTellsNothing(HttpResponse<String> response, Outcome outcome) {
            assertTrue(response.statusCode() != 500, "the mirror failed");
            assertEquals("registry/2.0", header(response, "Docker-Distribution-Api-Version"));
            for (String name : List.of("WWW-Authenticate", "Set-Cookie", "X-Y")) {
                assertNull(header(response, name), name);
            }
            String told = response.body() + "\n" + response.headers().map();
            SECRETS.forEach(secret -> assertFalse(told.contains(secret), "tells " + secret));
            assertTrue(outcome.code() == null || response.statusCode() >= 400, "a success that the target did not give");
        }
    }

    private static String header(HttpResponse<?> response, String name) {
        return response.headers().firstValue(name).orElse(null);
    }

    @TestFactory
    Stream<DynamicTest> everyFaultHasItsAnswer() {
        List<Case> cases = new ArrayList<>();
        for (Row row : PushFaultTable.rows()) {
            for (Asked asked : Asked.values()) {
                add(cases, row, asked, target, open, open);
                add(cases, row, asked, guarded, withAccount, withAccount);
            }
        }
        connections().forEach((name, mirror) -> {
            for (Asked asked : Asked.values()) {
                add(cases, new Row(name, null, some -> Outcome.TROUBLE), asked, null, open, mirror);
            }
        });
        System.out.println("PushFaultTableTest: " + cases.size() + " cases of " + cases.stream().map(one -> one.row).distinct().count() + " faults");
        List<Case> mixed = new ArrayList<>(cases);
        Collections.shuffle(mixed, new Random(17));
        Map<Case, Future<?>> results = new LinkedHashMap<>();
        mixed.forEach(one -> results.put(one, clients.submit(() -> {
            one.run();
            return null;
        })));
        return Stream.concat(cases.stream().map(one -> DynamicTest.dynamicTest(one.toString(), () -> get(results.get(one)))),
                Stream.of(DynamicTest.dynamicTest("no fault has left an upload running", this::requireNoneRunning)));
    }

    private void add(List<Case> cases, Row row, Asked asked, TestRegistry registry, TestMirror beginning, TestMirror mirror) {
        cases.add(new Case(row, asked, registry, beginning, mirror, "library/case-" + cases.size() + "-x"));
    }

    /** Mirrors whose target nobody can connect to. An upload that has begun at another one goes on there. */
    private Map<String, TestMirror> connections() {
        TestRegistry refusing = TestRegistry.start("cold");
        refusing.stop();
        TestRegistry silent = TestRegistry.start("cold");
        silent.fault(Fault.silenceOnAccept());
        TestRegistry closing = TestRegistry.start("cold");
        closing.fault(Fault.closeOnAccept());
        TestRegistry untrusted = TestRegistry.startTls("cold");
        Collections.addAll(toClose, refusing, silent, closing, untrusted);
        Map<String, TestMirror> all = new LinkedHashMap<>();
        all.put("refused connection", mirror(refusing.url()));
        all.put("unknown host", mirror("http://no-such-host.invalid"));
        all.put("silence after connect", mirror(silent.url()));
        all.put("connection closed after connect", mirror(closing.url()));
        all.put("untrusted certificate", mirror(untrusted.url()));
        return all;
    }

    /** A place of an upload that is not given back is lost until the mirror ends. */
    private void requireNoneRunning() throws Exception {
        for (TestMirror mirror : mirrors) {
            for (int i = 0; i < 500 && mirror.metric("mirror_uploads_running") > 0; i++) {
                Thread.sleep(20);
            }
            assertEquals(0, mirror.metric("mirror_uploads_running"));
        }
    }

    private static void get(Future<?> result) throws Throwable {
        try {
            result.get();
        } catch (ExecutionException e) {
            throw e.getCause();
        }
    }
}
