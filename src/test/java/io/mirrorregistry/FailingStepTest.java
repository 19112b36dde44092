package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Requests that fail with an Error, anywhere on their way: each is answered, and gives back its flight, worker, memory and permits. */
class FailingStepTest {

    private static final String STEP = "bean:\n%1$s    beanType: io.mirrorregistry.FailingStep\n%1$s    method: %2$s\n%1$s- ";

    @TempDir
    private Path directory;

    @AfterEach
    void heal() {
        FailingStep.failure = null;
    }

    static Stream<Arguments> places() {
        return Stream.of("front-door.camel.yaml ref: request", "front-door.camel.yaml ref: answer", "manifest.camel.yaml ref: cache",
                "manifest.camel.yaml uri: direct:ask-until-found", "manifest.camel.yaml ref: manifest", "registry.camel.yaml ref: \"{{name}}\"",
                "registry.camel.yaml circuitBreaker:", "plan.camel.yaml uri: \"direct:strategy-{{mirror.strategy}}\"", "ask.camel.yaml ref: plan",
                "ask.camel.yaml uri: direct:manifest-at-registry", "ask.camel.yaml uri: direct:blob-at-registry", "ask.camel.yaml uri: direct:tags-at-registry",
                "ask.camel.yaml ref: failures", "blob.camel.yaml ref: stream", "blob.camel.yaml ref: blob", "errors.camel.yaml ref: failures",
                "front-door.camel.yaml method: finish poisoned", "manifest.camel.yaml ref: manifest poisoned")
                .flatMap(place -> Stream.<Supplier<Error>>of(LinkageError::new, StackOverflowError::new)
                        .map(failure -> Arguments.of(place, failure.get().getClass().getSimpleName(), failure)));
    }

    /** Puts the step before each step that has such a line. */
    private void insert(String file, String line, String method) throws Exception {
        Path route = TestRoutes.copyTo(directory).resolve(file);
        List<String> lines = Files.readAllLines(route);
        int inserted = 0;
        for (int i = lines.size() - 1; i >= 0; i--) {
            if (!lines.get(i).strip().equals(line) && !lines.get(i).strip().equals("- " + line)) {
                continue;
            }
            int step = i;
            while (!lines.get(step).strip().startsWith("- bean:") && !lines.get(step).strip().startsWith("- to:")
                    && !lines.get(step).strip().startsWith("- circuitBreaker:") && !lines.get(step).strip().startsWith("- loop:")) {
                step--;
            }
            String indent = lines.get(step).replaceAll("-.*", "");
            lines.set(step, indent + "- " + String.format(STEP, indent, method) + lines.get(step).strip().substring(2));
            inserted++;
        }
        assertTrue(inserted > 0, "there is no " + line + " in " + file);
        Files.write(route, lines);
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("places")
    void everyRequestIsAnsweredAndLeavesNothingBehind(String place, String name, Supplier<Error> failure) throws Exception {
        String[] fileAndLine = place.split(" ", 2);
        insert(fileAndLine[0], fileAndLine[1].replace(" poisoned", ""), place.endsWith(" poisoned") ? "poison" : "run");
        try (TestRegistry hot = TestRegistry.start("hot").requireBasic("reader", "hunter2"); TestRegistry cold = TestRegistry.start("cold");
                TestMirror mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "reader",
                        "HOT_PASSWORD", "hunter2", "MIRROR_CACHE_SIZE", "1MB", "MIRROR_SERVER_WORKERS", "4")) {
            Image image = hot.image("library/app", "1.0");
            List<String> paths = List.of(image.path(), image.path(image.layers().get(0)), "/v2/library/none/manifests/1", "/v2/library/app/tags/list");
            FailingStep.failure = failure;
            for (String path : paths) {
                List<CompletableFuture<Integer>> all = IntStream.range(0, 12).mapToObj(i -> CompletableFuture.supplyAsync(() ->
                        (i % 2 == 0 ? mirror.get(path) : mirror.head(path)).status())).toList();
                for (CompletableFuture<Integer> one : all) {
                    assertTrue(one.get(20, TimeUnit.SECONDS) > 0);
                }
            }
            FailingStep.failure = null;
            assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
            assertEquals(200, mirror.get(paths.get(1)).status());
            assertEquals(404, mirror.get(paths.get(2)).status());
            String metrics = "";
            for (int i = 0; i < 100 && !(metrics.contains("mirror_requests_running 0.0") && metrics.contains("mirror_requests_waiting 0.0")); i++) {
                metrics = mirror.management("/observe/metrics").text();
            }
            assertTrue(metrics.contains("mirror_requests_running 0.0") && metrics.contains("mirror_requests_waiting 0.0"),
                    metrics.lines().filter(line -> line.startsWith("mirror_requests")).toList().toString());
        }
    }

    @Test
    void anExceptionOfTheMirrorItselfIsNoTroubleOfTheRegistry() throws Exception {
        insert("registry.camel.yaml", "method: examine", "explode");
        try (TestRegistry hot = TestRegistry.start("hot"); TestRegistry cold = TestRegistry.start("cold");
                LogLines log = LogLines.of("io.mirrorregistry");
                TestMirror mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_LOGGING_LEVEL", "warn")) {
            Image image = hot.image("library/app", "1.0");
            assertEquals(500, mirror.get(image.path()).status());
            assertEquals(500, mirror.head(image.path(image.layers().get(0))).status());
            List<String> lines = log.lines();
            assertEquals(2, lines.stream().filter(line -> line.startsWith("The mirror failed at /v2/library/app/")).count(), lines.toString());
            assertTrue(lines.stream().noneMatch(line -> line.contains("was not asked")), lines.toString());
        }
    }

    /** As the route files of earlier versions had one, of which operators may have copies. */
    @Test
    void aRouteFileWithABulkheadStillSaysThatTooManyCallsAreUnderWay() throws Exception {
        Path route = TestRoutes.copyTo(directory).resolve("registry.camel.yaml");
        Files.writeString(route, Files.readString(route).replace("throwExceptionWhenHalfOpenOrOpenState: true",
                "throwExceptionWhenHalfOpenOrOpenState: true\n                bulkheadEnabled: true\n                bulkheadMaxConcurrentCalls: 1\n"
                        + "                bulkheadMaxWaitDuration: 0"));
        CountDownLatch held = new CountDownLatch(1);
        try (TestRegistry hot = TestRegistry.start("hot"); TestRegistry cold = TestRegistry.start("cold");
                LogLines log = LogLines.of("io.mirrorregistry");
                TestMirror mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_RESPONSE_TIMEOUT", "20s",
                        "MIRROR_LOGGING_LEVEL", "warn")) {
            Image image = hot.image("library/app", "1.0");
            hot.fault(Fault.heldUntil(held).on(Kind.MANIFEST));
            CompletableFuture<Integer> first = CompletableFuture.supplyAsync(() -> mirror.get(image.path()).status());
            hot.awaitCalls(2);
            assertEquals(503, mirror.get(image.pathByDigest()).status());
            held.countDown();
            assertEquals(200, first.get(20, TimeUnit.SECONDS));
            assertTrue(log.lines().toString().contains("was not asked: too many calls are under way"), log.lines().toString());
        }
    }
}
