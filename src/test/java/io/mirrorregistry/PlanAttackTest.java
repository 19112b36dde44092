package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.protocol.Digest;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.Manner;
import io.mirrorregistry.testing.TestRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The plan and its loop as somebody would use them who means harm, or an operator whose step is wrong. */
class PlanAttackTest {

    private static final String APP = "/v2/library/app/manifests/1.0";
    private static final Body LARGE = Body.ofSize(3_000_000, 9);
    private static final int MANY = 50;

    @TempDir
    private Path directory;
    private final AskedRegistries registries = new AskedRegistries("hot", "warm", "cold");
    private TestMirror mirror;

    private void start(String... more) {
        mirror = TestMirror.startIn(directory, registries.settings(more));
    }

    @AfterEach
    void stop() {
        registries.close();
        if (mirror != null) {
            mirror.close();
        }
    }

    private void noneIsLeased() {
        mirror.awaitNoneLeased("hot", "warm", "cold");
    }

    private static String digestOf(Reply reply) {
        return reply.status() + " " + (reply.status() == 200 ? reply.header("Docker-Content-Digest") : reply.response().headers().map() + " " + reply.text());
    }

    // Races

    /** While the plan changes all the time, each client gets what one of the plans says, and those of a namespace what its registry has. */
    @Test
    void editsOfThePlanMixNoUpstreams() throws Exception {
        Path plan = TestRoutes.copyTo(directory).resolve("plan.camel.yaml");
        String original = Files.readString(plan);
        start("MIRROR_PLAN", "hot", "COLD_SERVES", "docker.io", "MIRROR_ROUTES_RELOAD_INTERVAL", "5ms", "MIRROR_CACHE_SIZE", "1MB", "MIRROR_CACHE_TAG_TTL", "20ms",
                "MIRROR_CACHE_MISS_TTL", "20ms", "MIRROR_CACHE_BLOB_TTL", "20ms");
        Image hots = registries.get("hot").image("library/app", "1.0");
        Image warms = registries.get("warm").image("library/app", "1.0");
        Image colds = registries.get("cold").image("library/app", "1.0");
        AtomicBoolean over = new AtomicBoolean();
        Map<String, Integer> seen = new ConcurrentHashMap<>();
        ExecutorService clients = Executors.newFixedThreadPool(6);
        try {
            List<Future<?>> running = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                int client = i;
                running.add(clients.submit(() -> {
                    for (int n = 0; !over.get(); n++) {
                        String query = client % 3 == 0 ? "?ns=docker.io" : "";
                        String path = client % 3 == 1 ? "/v2/docker.io/library/app/manifests/1.0" : APP;
                        Reply reply = n % 2 == 0 ? mirror.get(path + query) : mirror.head(path + query);
                        assertEquals(client % 3 == 0 ? "docker.io" : null, reply.header("OCI-Namespace"));
                        if (client % 3 == 2) {
                            seen.merge(digestOf(reply), 1, Integer::sum);
                        } else {
                            assertEquals("200 " + colds.digest(), digestOf(reply));
                        }
                    }
                }));
            }
            List<String> texts = List.of(original, planFile(original, "ask('warm')"), planFile(original, "ask('warm, hot')"), planFile(original, "ask('hot, warm')"));
            for (int i = 0; i < 40 || seen.size() < 2 && i < 400; i++) {
                // As editors save: a file that is moved into its place.
                Path draft = Files.writeString(directory.resolve("draft"), texts.get(i % texts.size()));
                Files.move(draft, plan, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
                Thread.sleep(25);
            }
            over.set(true);
            for (Future<?> one : running) {
                one.get(30, TimeUnit.SECONDS);
            }
        } finally {
            over.set(true);
            clients.shutdownNow();
        }
        assertEquals(List.of("200 " + hots.digest(), "200 " + warms.digest()).stream().sorted().toList(), seen.keySet().stream().sorted().toList());
        assertTrue(registries.get("cold").calls().stream().noneMatch(call -> call.query() != null));
        noneIsLeased();
    }

    private static String planFile(String original, String method) {
        return original.substring(0, original.indexOf("      steps:\n")) + "      steps:\n        - bean: {ref: plan, method: \"" + method + "\"}\n";
    }

    // What requests name

    @ParameterizedTest
    @ValueSource(strings = {"hot", "warm", "cold", "none", "registry", "registry-cold", "direct", "localhost", "127.0.0.1", "169.254.169.254", "0.0.0.0", "a.b"})
    void aClientChoosesNoRegistryAndNoAddress(String name) {
        start("MIRROR_PLAN", "hot", "COLD_SERVES", "docker.io");
        for (String registry : registries.names()) {
            for (String repository : List.of(name + "/app", "app")) {
                registries.get(registry).image(repository, "1.0");
            }
        }
        for (String path : List.of("/v2/app/manifests/1.0?ns=" + name, "/v2/" + name + "/app/manifests/1.0", "/v2/app/tags/list?ns=" + name,
                "/v2/app/manifests/1.0?ns=" + name + ":" + registries.get("cold").port(), "/v2/app/manifests/1.0?registry=cold&plan=cold&next=true&known=true&url=http://" + name)) {
            registries.forget();
            assertEquals(200, mirror.get(path, "registry", "cold", "asked", "blob", "next", "true", "CamelHttpUri", registries.get("cold").url(), "mirror.plan", "cold").status(), path);
            assertEquals(List.of("hot"), registries.asked(), path);
        }
    }

    // Many registries, long names

    /** One server is fifty registries, each under a prefix of its own. */
    @Test
    void fiftyRegistriesAreAskedOneAfterTheOther() throws Exception {
        List<String> names = new ArrayList<>();
        List<String> settings = new ArrayList<>();
        for (int i = 0; i < MANY; i++) {
            names.add("r" + i);
            Collections.addAll(settings, "R" + i + "_URL", registries.get("hot").url(), "R" + i + "_PREFIX", "p" + i + "/", "R" + i + "_RESPONSE_TIMEOUT", "5s");
        }
        Collections.addAll(settings, "MIRROR_PLAN", String.join(",", names), "MIRROR_CACHE_MISS_TTL", "0");
        mirror = TestMirror.startIn(directory, settings.toArray(String[]::new));
        TestRegistry server = registries.get("hot");
        Image image = server.image("p" + (MANY - 1) + "/library/app", "1.0");
        List<String> prefixes = names.stream().map(name -> "p" + name.substring(1) + "/library/app").toList();
        for (String path : List.of("/manifests/1.0", "/manifests/" + image.digest(), "/blobs/" + image.config().digest(), "/tags/list")) {
            server.forget();
            Reply reply = mirror.get("/v2/library/app" + path);
            assertEquals(path.startsWith("/blobs") ? 307 : 200, reply.status(), path);
            // A blob is asked for by HEAD, and a "no" to that is believed after a GET.
            int times = path.startsWith("/blobs") ? 2 : 1;
            assertEquals(prefixes.stream().flatMap(name -> Collections.nCopies(name.equals(image.name()) ? 1 : times, name).stream()).toList(),
                    server.calls().stream().filter(call -> call.kind() != Kind.PING).map(Call::name).toList());
        }
        server.fault(Fault.status(500).where(call -> String.valueOf(call.name()).startsWith("p25/")));
        assertArrayEquals(image.manifest(), mirror.get(APP).body());
        assertEquals(503, mirror.get("/v2/library/none/manifests/1.0").status());
        assertTrue(mirror.get("/v2/library/app/tags/list").header("Warning").startsWith("299 - \"r25 could"));
        server.fault(Fault.status(500));
        Reply all = mirror.get("/v2/library/app/tags/list");
        assertEquals(503, all.status());
        assertTrue(all.text().length() < 1000, all.text());
        mirror.awaitNoneLeased(names.toArray(String[]::new));
    }

    @Test
    void deepPrefixesAreOneNameThere() {
        String prefix = "a/".repeat(100);
        start("HOT_PREFIX", prefix, "WARM_PREFIX", "b-".repeat(60) + "b/", "WARM_LIBRARY", "true", "COLD_LIBRARY", "true");
        Image deep = registries.get("hot").image(prefix + "app", "1.0");
        assertArrayEquals(deep.manifest(), mirror.get("/v2/app/manifests/1.0").body());
        String longest = "n".repeat(128);
        Image warm = registries.get("warm").image("b-".repeat(60) + "b/library/" + "n".repeat(120), "1.0");
        assertArrayEquals(warm.manifest(), mirror.get("/v2/" + "n".repeat(120) + "/manifests/1.0").body());
        registries.forget();
        Image cold = registries.get("cold").image("library/" + longest, "1.0");
        assertArrayEquals(cold.manifest(), mirror.get("/v2/" + longest + "/manifests/1.0").body());
        assertEquals(List.of("cold"), registries.asked());
        registries.forget();
        assertEquals(404, mirror.get("/v2/" + "n".repeat(255) + "/manifests/1.0").status());
        assertEquals(404, mirror.get("/v2/" + "n".repeat(255) + "/tags/list").status());
        assertEquals(List.of(), registries.asked());
    }

    // Bodies

    private static Fault as(int status) {
        return Fault.instead((call, answer) -> new Answer(status, answer.headers(), LARGE, Manner.WHOLE).with("Content-Length", String.valueOf(LARGE.length()))).method("GET");
    }

    @ParameterizedTest
    @ValueSource(strings = {"auto", "proxy"})
    void aBodyThatARegistryLeavesUnreadDoesNotOutliveItsTurn(String blobs) {
        start("HOT_BLOBS", blobs, "WARM_BLOBS", "proxy", "COLD_BLOBS", "proxy", "MIRROR_CACHE_BLOB_TTL", "1h", "MIRROR_SERVER_CALLS_PER_REGISTRY", "2");
        Digest digest = registries.get("cold").blob("library/app", LARGE);
        for (String name : List.of("hot", "warm")) {
            registries.get(name).blob("library/app", LARGE);
        }
        Image image = registries.put(Image.of("same", "library/app", "1.0", 1), "hot", "warm", "cold");
        List<String> paths = List.of("/v2/library/app/blobs/" + digest, image.path(), image.pathByDigest(), "/v2/library/app/tags/list", "/v2/library/app/referrers/" + image.digest());
        for (int status : new int[] {201, 203, 205, 206, 226, 404, 429, 500}) {
            for (String path : paths) {
                registries.heal();
                registries.get("hot").fault(as(status));
                registries.get("warm").fault(as(status));
                for (int i = 0; i < 3; i++) {
                    Reply reply = mirror.get(path);
                    assertTrue(reply.status() == 200 || blobs.equals("auto") && path.contains("/blobs/") && reply.status() == 307, () -> status + " " + path + ": " + reply.status());
                    noneIsLeased();
                }
            }
        }
    }

    @Test
    void aHundredStreamsAtTheThirdRegistryTakeNoConnectionAwayFromTheFirstTwo() throws Exception {
        start("HOT_BLOBS", "proxy", "WARM_BLOBS", "proxy", "COLD_BLOBS", "proxy");
        Digest digest = registries.get("cold").blob("library/app", LARGE);
        registries.get("hot").blob("library/app", LARGE);
        registries.get("warm").blob("library/app", LARGE);
        registries.get("hot").fault(as(206));
        registries.get("warm").fault(Fault.cut(0).method("GET"));
        ExecutorService clients = Executors.newFixedThreadPool(8);
        try {
            List<Future<Integer>> pulls = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                pulls.add(clients.submit(() -> Heard.ask(mirror.url() + "/v2/library/app/blobs/" + digest, false).status()));
            }
            for (Future<Integer> pull : pulls) {
                int status = pull.get(60, TimeUnit.SECONDS);
                assertTrue(status == 200 || status == 503, "status " + status);
            }
        } finally {
            clients.shutdownNow();
        }
        noneIsLeased();
    }

    // Steps that are wrong

    private static final String THROWS = "throwException: {exceptionType: java.io.IOException, message: mistake}";

    /** A step that throws anywhere in the loop ends it: nobody else is asked, and nothing stays open or waits. */
    @ParameterizedTest
    @ValueSource(strings = {"ref: plan", "uri: direct:manifest-at-registry", "uri: direct:blob-at-registry", "uri: direct:tags-at-registry", "uri: direct:referrers-at-registry",
        "method: passOver", "method: remember"})
    void aStepThatThrowsInTheLoopEndsIt(String line) throws Exception {
        Path ask = TestRoutes.copyTo(directory).resolve("ask.camel.yaml");
        List<String> lines = new ArrayList<>(Files.readAllLines(ask));
        int inserted = 0;
        for (int i = lines.size() - 1; i >= 0; i--) {
            if (lines.get(i).strip().equals(line)) {
                int step = i;
                while (!lines.get(step).strip().startsWith("- bean:") && !lines.get(step).strip().startsWith("- to:")) {
                    step--;
                }
                lines.add(step, lines.get(step).replaceAll("-.*", "- " + THROWS));
                inserted++;
            }
        }
        assertTrue(inserted > 0, line);
        Files.write(ask, lines);
        start("HOT_BLOBS", "proxy", "WARM_BLOBS", "proxy", "COLD_BLOBS", "proxy", "MIRROR_CACHE_SIZE", "1MB", "MIRROR_CACHE_BLOB_TTL", "1h", "MIRROR_SERVER_WORKERS", "4");
        Image image = registries.get("cold").image("library/app", "1.0");
        int failed = 0;
        for (String path : List.of(image.path(), image.path(image.config()), "/v2/library/app/tags/list", "/v2/library/app/referrers/" + image.digest())) {
            for (int i = 0; i < 6; i++) {
                registries.forget();
                int status = mirror.get(path).status();
                assertTrue(status == 200 || status == 500, path + " " + status);
                failed += status == 500 ? 1 : 0;
                List<String> asked = registries.asked().stream().distinct().toList();
                assertTrue(status == 200 || asked.isEmpty() || asked.equals(List.of("hot")), asked.toString());
                noneIsLeased();
            }
        }
        assertTrue(failed > 0, "the step is nowhere");
        assertEquals(200, mirror.get("/v2/").status());
    }

    /** Such a failure is no trouble of a registry's, and nothing is known of what was asked for. */
    @Test
    void aStepThatThrowsAfterAnAnswerIsNeverCalledMissing() throws Exception {
        Path ask = TestRoutes.copyTo(directory).resolve("ask.camel.yaml");
        String text = Files.readString(ask);
        String end = "                  doCatch:\n                    - description: The registry has not got it or is in trouble";
        assertTrue(text.contains(end));
        Files.writeString(ask, text.replace(end, "                    - " + THROWS + "\n" + end));
        start("HOT_BLOBS", "proxy", "WARM_BLOBS", "proxy", "COLD_BLOBS", "proxy", "MIRROR_CACHE_SIZE", "1MB", "MIRROR_CACHE_MISS_TTL", "1h", "MIRROR_CACHE_BLOB_TTL", "0");
        Image image = registries.get("warm").image("library/app", "1.0");
        for (int i = 0; i < 3; i++) {
            assertEquals(500, mirror.get(image.path()).status());
            assertEquals(500, mirror.head(image.path()).status());
            // A blob is written already when the step throws: whole, or cut.
            Heard blob = Heard.ask(mirror.url() + image.path(image.config()), false);
            assertTrue(blob.status() == 500 || blob.status() == 200, blob.toString());
            noneIsLeased();
        }
        assertEquals(404, mirror.get("/v2/library/none/manifests/1.0").status());
        assertTrue(mirror.management("/observe/metrics").text().lines().noneMatch(line -> line.startsWith("mirror_fallbacks_total") && line.contains("warm") && line.contains("outage")));
    }
}
