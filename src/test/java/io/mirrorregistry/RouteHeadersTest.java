package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.logging.Logs;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestStorage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Headers that a route sets are on every kind of answer, streamed blobs included; those of a registry's response are on none. */
class RouteHeadersTest {

    private static final String SAMPLE = "/v2/library/hello/blobs/sha256:97f3396157c79d49d0be574778127c855ea84119b08dda22ad4e7434a117be05";

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.start("hot").requireBasic("mirror", "secret");
    private TestMirror mirror;

    @BeforeEach
    void start() throws IOException {
        TestRoutes.copyTo(directory);
    }

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
    }

    private void startWith(String stepsAtTheEnd) throws IOException {
        Path file = directory.resolve("routes/front-door.camel.yaml");
        Files.writeString(file, Files.readString(file) + stepsAtTheEnd.indent(8));
        mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "HOT_USERNAME", "mirror", "HOT_PASSWORD", "secret",
                "MIRROR_IMAGES_DIRECTORY", Path.of("images").toAbsolutePath().toString(), "MIRROR_SERVER_WORKERS", "4", "HOT_RESPONSE_TIMEOUT", "10s");
    }

    /** Returns steps that run for one client only, so that the rehearsal of the routes passes. */
    private static String onlyForAgent(String steps) {
        return """
                - choice:
                    when:
                      - expression:
                          simple:
                            expression: "${variable.user-agent} == 'Spoiler'"
                        steps:
                """ + steps.indent(12);
    }

    private TestMirror.Reply getSpoilt(String path) {
        return mirror.get(path, "User-Agent", "Spoiler");
    }

    private static String header(String name, String value) {
        return """
                - setHeader:
                    name: %s
                    expression:
                      simple:
                        expression: "%s"
                """.formatted(name, value);
    }

    @Test
    void everyKindOfAnswerHasThem() throws Exception {
        startWith(header("X-Mirror", "europe-1") + header("X-Registry", "${variable.registry}"));
        Image image = hot.image("library/app", "1.0");
        String layer = image.path(image.layers().get(0));
        byte[] bytes = image.layers().get(0).bytes();
        for (String path : List.of(layer, SAMPLE, image.path(), image.pathByDigest(), "/v2/library/app/tags/list", "/v2/")) {
            assertEquals(200, mirror.get(path).status(), path);
            assertEquals("europe-1", mirror.get(path).header("X-Mirror"), path);
            assertEquals("europe-1", mirror.head(path).header("X-Mirror"), path);
            if (!path.endsWith("list")) {
                assertEquals(names(mirror.get(path)), names(mirror.head(path)), path);
            }
        }
        assertEquals("hot", mirror.get(layer).header("X-Registry"));
        assertEquals("cold", mirror.get(SAMPLE).header("X-Registry"));
        assertArrayEquals(bytes, mirror.get(layer).body());
        for (String path : List.of(layer, SAMPLE)) {
            TestMirror.Reply part = mirror.get(path, "Range", "bytes=2-9");
            assertEquals(206, part.status());
            assertEquals("europe-1", part.header("X-Mirror"));
            assertEquals(8, part.body().length);
        }
        TestMirror.Reply same = mirror.get(image.path(), "If-None-Match", '"' + image.digest().value() + '"');
        assertEquals(304, same.status());
        assertEquals("europe-1", same.header("X-Mirror"));
        try (TestStorage storage = TestStorage.start()) {
            hot.redirectBlobsTo(storage);
            TestMirror.Reply redirect = mirror.get("/v2/library/app/blobs/" + hot.blob("library/app", Body.ofSize(50, 5)));
            assertEquals(307, redirect.status());
            assertEquals("europe-1", redirect.header("X-Mirror"));
            hot.serveBlobs();
        }
        hot.fault(Fault.chunked().on(Kind.BLOB).method("GET"));
        TestMirror.Reply chunked = mirror.get(layer);
        assertEquals("europe-1", chunked.header("X-Mirror"));
        assertArrayEquals(bytes, chunked.body());
    }

    private static Set<String> names(TestMirror.Reply reply) {
        return new TreeSet<>(reply.response().headers().map().keySet());
    }

    @Test
    void noHeaderOfARegistryAndNoneOfTheConnectionGoesOut() throws Exception {
        startWith(header("Content-Length", "5") + header("Transfer-Encoding", "chunked") + header("Connection", "close") + header("Keep-Alive", "timeout=1")
                + header("Upgrade", "h2c") + header("Trailer", "X-Later") + header("TE", "gzip") + header("Proxy-Authenticate", "Basic") + header("CamelFileName", "x"));
        Image image = hot.image("library/app", "1.0");
        String layer = image.path(image.layers().get(0));
        hot.fault(Fault.spoil(answer -> answer.with("Link", "</x>; rel=next").with("Location", "http://elsewhere/").with("Retry-After", "7")
                .with("Set-Cookie", "secret=1").with("X-Registry-Header", "1").with("WWW-Authenticate", "Basic realm=x")));
        for (String path : List.of(layer, SAMPLE, image.path())) {
            for (int i = 0; i < 2; i++) {
                TestMirror.Reply reply = i == 0 ? mirror.get(path) : mirror.head(path);
                assertEquals(200, reply.status());
                assertTrue(reply.body().length == 0 || !reply.header("Content-Length").equals("5"), path);
                for (String name : List.of("Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Trailer", "TE", "Proxy-Authenticate", "CamelFileName", "Link", "Location",
                        "Retry-After", "Set-Cookie", "X-Registry-Header", "WWW-Authenticate", "MirrorAuthorized", "MirrorRedirected")) {
                    assertNull(reply.header(name), path + " " + name);
                }
            }
        }
        assertArrayEquals(image.layers().get(0).bytes(), mirror.get(layer).body());
    }

    @Test
    void aStepThatFailsAfterTheBlobIs500AndTheStreamEnds() throws Exception {
        startWith(onlyForAgent("""
                - throwException:
                    exceptionType: java.lang.IllegalArgumentException
                    message: not today
                """));
        Image image = hot.image("library/app", "1.0");
        String layer = image.path(image.layers().get(0));
        // More than there may be streams at a time.
        for (int i = 0; i < 12; i++) {
            assertEquals(500, getSpoilt(layer).status());
            assertEquals(500, getSpoilt(SAMPLE).status());
        }
        mirror.awaitNoneLeased("hot");
        assertTrue(mirror.management("/observe/metrics").text().contains("mirror_streams_running 0"));
    }

    @Test
    void aHeaderThatCannotBeSentIs500AndTheStreamEnds() throws Exception {
        startWith(onlyForAgent(header("X-Mirror", "a${null}\\nb")));
        Image image = hot.image("library/app", "1.0");
        for (int i = 0; i < 12; i++) {
            assertEquals(500, getSpoilt(image.path(image.layers().get(0))).status());
        }
        mirror.awaitNoneLeased("hot");
    }

    @Test
    void aBodyThatARouteSetsInPlaceOfTheBlobEndsTheStream() throws Exception {
        startWith(onlyForAgent("""
                - setBody:
                    expression:
                      constant:
                        expression: gone
                """));
        Image image = hot.image("library/app", "1.0");
        for (int i = 0; i < 12; i++) {
            assertEquals("gone", getSpoilt(image.path(image.layers().get(0))).text());
        }
        mirror.awaitNoneLeased("hot");
    }

    /** The threads of a delay are few, and wake the requests that it holds back. */
    @Test
    void aBlobAfterADelayIsSentByAWorker() throws Exception {
        startWith("- delay:\n    expression:\n      constant:\n        expression: 20\n");
        Body blob = Body.ofSize(300_000, 5);
        String path = "/v2/library/app/blobs/" + hot.blob("library/app", blob);
        hot.fault(Fault.pauseAfter(200_000, Duration.ofSeconds(3)).on(Kind.BLOB));
        CompletableFuture<TestMirror.Reply> reply = CompletableFuture.supplyAsync(() -> mirror.get(path));
        List<String> threads = sending();
        for (long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10); threads.isEmpty() && System.nanoTime() < end; threads = sending()) {
            Thread.sleep(10);
        }
        assertEquals(List.of("worker-"), threads.stream().map(name -> name.replaceAll("[0-9]+$", "")).toList());
        assertArrayEquals(blob.bytes(), reply.join().body());
    }

    /** Returns the names of the threads that send a blob to a client; a rehearsal of routes may send one to itself at the same time. */
    private static List<String> sending() {
        return Thread.getAllStackTraces().entrySet().stream()
                .filter(thread -> Stream.of(thread.getValue()).anyMatch(frame -> frame.getMethodName().equals("stream") && frame.getClassName().endsWith(".AnswerWriter")))
                .map(thread -> thread.getKey().getName()).filter(name -> !name.startsWith(Logs.REHEARSAL)).toList();
    }
}
