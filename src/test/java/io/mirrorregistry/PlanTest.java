package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Any number of registries under any names: who is asked, in which order, and what is counted, logged and shown of it. */
class PlanTest {

    private static final String DIGEST = "sha256:" + "2".repeat(64);
    private static final String HELLO = "/v2/library/hello/manifests/latest";

    @TempDir
    private Path directory;
    private AskedRegistries registries;
    private TestMirror mirror;

    private void start(String[] names, String... more) {
        registries = new AskedRegistries(names);
        mirror = TestMirror.start(registries.settings(more));
    }

    private void startEdited(String[] names, String... more) {
        registries = new AskedRegistries(names);
        mirror = TestMirror.startIn(directory, registries.settings(more));
    }

    @AfterEach
    void stop() {
        if (mirror != null) {
            mirror.close();
        }
        if (registries != null) {
            registries.close();
        }
    }

    private static void served(Image image, Reply reply) {
        assertEquals(200, reply.status(), reply::text);
        assertArrayEquals(image.manifest(), reply.body());
    }

    private static void await(BooleanSupplier condition, String what) throws InterruptedException {
        for (int i = 0; i < 500 && !condition.getAsBoolean(); i++) {
            Thread.sleep(10);
        }
        assertTrue(condition.getAsBoolean(), what);
    }

    private String metrics() {
        return mirror.management("/observe/metrics").text();
    }

    private void counts(String series, int value) throws InterruptedException {
        await(() -> metrics().contains(series + " " + value + ".0\n"), series + " is not " + value);
    }

    private JsonObject status() {
        return new JsonObject(mirror.management("/status.json").text());
    }

    private static List<JsonObject> objects(JsonArray array) {
        return array.stream().map(JsonObject.class::cast).toList();
    }

    private static String[] names(int count) {
        // The alphabetical order is another one than that of the plan.
        return IntStream.range(0, count).mapToObj(i -> "r" + (count - i)).toArray(String[]::new);
    }

    // Order and fallbacks

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 5})
    void registriesAreAskedInTheirOrderAndEachThatIsPassedOverIsCounted(int count) throws Exception {
        start(names(count));
        List<String> all = registries.names();
        String last = all.get(count - 1);
        Image image = registries.get(last).image("library/app", "1.0");
        List<String> paths = List.of(image.path(), image.pathByDigest(), image.path(image.config()));
        for (String path : paths) {
            for (String method : List.of("GET", "HEAD")) {
                registries.forget();
                int status = mirror.send(method, path).status();
                assertEquals(method.equals("GET") && path.contains("/blobs/") ? 307 : 200, status);
                // A "no" to the HEAD of a blob, or of a client, is believed after a GET.
                boolean byHead = method.equals("HEAD") || path.contains("/blobs/");
                assertEquals(all.stream().flatMap(name -> Stream.generate(() -> name).limit(byHead && !name.equals(last) ? 2 : 1)).toList(), registries.asked());
            }
        }
        registries.forget();
        assertEquals(404, mirror.get("/v2/library/none/manifests/1.0").status());
        assertEquals(all, registries.asked());
        // After the last one nobody else is asked, so that it is not passed over.
        for (String name : all.subList(0, count - 1)) {
            counts("mirror_fallbacks_total{reason=\"not-here\",registry=\"" + name + "\"}", 2 * paths.size() + 1);
        }
        assertFalse(metrics().contains("mirror_fallbacks_total{reason=\"not-here\",registry=\"" + last + "\"}"));
        List<JsonObject> latestFirst = objects(status().getJsonArray("fallbacks"));
        assertEquals(IntStream.iterate(count - 2, i -> i >= 0, i -> i - 1).mapToObj(all::get).toList(),
                latestFirst.stream().map(fallback -> fallback.getString("registry")).toList());
        for (JsonObject fallback : latestFirst) {
            assertEquals("not-here", fallback.getString("reason"));
            assertEquals(2 * paths.size() + 1, fallback.getInteger("count"));
            assertEquals("/v2/library/none/manifests/1.0", fallback.getString("path"));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 5})
    void theFirstThatHasItServesAndNoOtherIsAsked(int count) throws Exception {
        start(names(count));
        List<String> all = registries.names();
        for (int i = 0; i < count; i++) {
            String name = all.get(i);
            Image image = registries.put(Image.of(name, "library/from-" + i, "1.0", 1), all.subList(i, count).toArray(String[]::new));
            registries.forget();
            served(image, mirror.get(image.path()));
            assertEquals(all.subList(0, i + 1), registries.asked());
            assertTrue(mirror.get(image.path(image.config())).header("Location").startsWith(registries.get(name).url()));
            counts("mirror_pulls_total{kind=\"manifest\",outcome=\"served\",registry=\"" + name + "\"}", 1);
        }
    }

    @Test
    void eachKindOfFailureIsCountedForItsRegistry() throws Exception {
        start(new String[] {"first", "second", "third", "fourth"});
        Image image = registries.get("fourth").image("library/app", "1.0");
        registries.get("first").fault(Fault.status(500));
        registries.get("second").fault(Fault.status(429));
        registries.get("third").fault(Fault.status(403).on(Kind.MANIFEST));
        served(image, mirror.get(image.path()));
        counts("mirror_fallbacks_total{reason=\"outage\",registry=\"first\"}", 1);
        counts("mirror_fallbacks_total{reason=\"throttled\",registry=\"second\"}", 1);
        counts("mirror_fallbacks_total{reason=\"not-here\",registry=\"third\"}", 1);
        // One outage among them, and the whole is one.
        registries.get("fourth").fault(Fault.status(429));
        assertEquals(503, mirror.get("/v2/library/none/manifests/1.0").status());
        registries.heal();
        registries.get("second").fault(Fault.status(429));
        assertEquals(429, mirror.get("/v2/library/none/manifests/1.0").status());
        registries.heal();
        registries.get("third").fault(Fault.status(502));
        assertEquals(503, mirror.get("/v2/library/none/manifests/1.0").status());
        registries.heal();
        assertEquals(404, mirror.get("/v2/library/none/manifests/1.0").status());
    }

    @Test
    void anEmptyPlanAsksNobody() throws Exception {
        start(new String[] {"hub", "spare"}, "MIRROR_PLAN", " ", "HUB_SERVES", "docker.io");
        registries.get("hub").image("library/app", "1.0");
        registries.get("spare").image("library/app", "1.0");
        for (String path : List.of("/v2/library/app/manifests/1.0", "/v2/library/app/manifests/" + DIGEST, "/v2/library/app/blobs/" + DIGEST,
                "/v2/library/app/tags/list", HELLO, "/v2/library/app/manifests/1.0?ns=ghcr.io")) {
            assertEquals(404, mirror.get(path).status(), path);
            assertEquals(404, mirror.head(path).status(), path);
        }
        // A subject that nobody knows has no referrers.
        Reply referrers = mirror.get("/v2/library/app/referrers/" + DIGEST);
        assertEquals(200, referrers.status());
        assertEquals(0, new JsonObject(referrers.text()).getJsonArray("manifests").size());
        assertEquals(200, mirror.get("/v2/").status());
        assertEquals(List.of(), registries.asked());
        assertEquals(200, mirror.get("/v2/library/app/manifests/1.0?ns=docker.io").status());
        assertEquals(List.of("hub"), registries.asked());
        assertFalse(metrics().contains("mirror_fallbacks_total"));
    }

    // Lists

    @Test
    void listsAreOfAllAndWarningsNameEachRegistryInTrouble() throws Exception {
        start(new String[] {"first", "second", "third"});
        Image subject = Image.of("same", "library/app", "1.0", 1);
        for (String name : registries.names()) {
            registries.get(name).put(subject);
            registries.get(name).image("library/app", name + "s-own");
            registries.get(name).referrer("library/app", subject, "application/" + name);
        }
        String tags = "/v2/library/app/tags/list";
        String referrers = "/v2/library/app/referrers/" + subject.digest();
        for (List<String> down : List.of(List.<String>of(), List.of("first"), List.of("second"), List.of("third"), List.of("first", "third"), List.of("second", "third"))) {
            registries.heal();
            down.forEach(name -> registries.get(name).fault(Fault.status(500)));
            for (String path : List.of(tags, referrers)) {
                registries.forget();
                Reply reply = mirror.get(path);
                assertEquals(200, reply.status());
                assertEquals(registries.names(), registries.asked());
                assertEquals(down.isEmpty() ? null : "299 - \"" + String.join(", ", down) + " could not be asked; the list may lack entries\"", reply.header("Warning"));
                for (String name : registries.names()) {
                    assertEquals(!down.contains(name), reply.text().contains(path.equals(tags) ? name + "s-own" : "application/" + name), reply::text);
                }
            }
        }
        registries.names().forEach(name -> registries.get(name).fault(Fault.status(500)));
        for (String path : List.of(tags, referrers)) {
            registries.forget();
            assertEquals(503, mirror.get(path).status());
            assertEquals(registries.names(), registries.asked());
        }
    }

    /** The pages of one registry are no part of another's list. */
    @Test
    void pagesOfSeveralRegistriesBecomeOneList() {
        start(new String[] {"first", "second", "third"});
        Set<String> all = new TreeSet<>();
        for (String name : registries.names()) {
            registries.get(name).pageSize(2);
            for (int i = 0; i < 5; i++) {
                all.add(name + i);
                registries.get(name).image("library/app", name + i);
            }
        }
        assertEquals(List.copyOf(all), new JsonObject(mirror.get("/v2/library/app/tags/list").text()).getJsonArray("tags").getList());
        assertEquals(9, registries.asked().size());
    }

    // The plan file

    private Path planThatSays(String steps) throws Exception {
        Path plan = TestRoutes.copyTo(directory).resolve("plan.camel.yaml");
        String text = Files.readString(plan);
        Files.writeString(plan, text.substring(0, text.indexOf("      steps:\n")) + "      steps:\n" + steps);
        return plan;
    }

    private static String ask(String registries) {
        return "        - bean: {ref: plan, method: \"ask('" + registries + "')\"}\n";
    }

    @ParameterizedTest
    @ValueSource(strings = {"${variable.reference}", "hot, ${variable.reference}", "${variable.reference}, hot", "registry-${variable.reference}", "hot-${variable.reference}"})
    void aRegistryThatNoSettingDefinesIs503AndNobodyIsAsked(String names) throws Exception {
        planThatSays(ask(names));
        startEdited(new String[] {"hot"});
        registries.get("hot").image("library/app", "unknown");
        try (LogLines log = LogLines.of("io.mirrorregistry.pull.PlanStep")) {
            Reply reply = mirror.get("/v2/library/app/manifests/unknown", "X-Request-ID", "who");
            assertEquals(503, reply.status());
            assertTrue(reply.text().contains("UNAVAILABLE"), reply.text());
            assertEquals(1, log.linesOf("who").size());
            assertTrue(log.linesOf("who").get(0).contains("no setting defines the registry "), log.linesOf("who").toString());
            for (String odd : List.of("Hot", "HOT", "direct", "hot.client", "hot_", "none", "cache", "plan", "registry")) {
                assertEquals(503, mirror.get("/v2/library/app/manifests/" + odd).status(), odd);
            }
        }
        assertEquals(List.of(), registries.asked());
        // The mirror still works for what is computed to something that is there.
        if (names.equals("${variable.reference}")) {
            assertEquals(404, mirror.get("/v2/library/app/manifests/hot").status());
            assertEquals(List.of("hot"), registries.asked());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"'third, first'=third first", "'third,third , third,first'=third first", "',first,'=first", "'second'=second"})
    void thePlanFileNamesWhoIsAsked(String line) throws Exception {
        String[] words = line.split("=", 2);
        planThatSays(ask(words[0].replace("'", "")));
        startEdited(new String[] {"first", "second", "third"});
        assertEquals(404, mirror.get("/v2/library/app/manifests/1.0").status());
        assertEquals(words[1].isEmpty() ? List.of() : List.of(words[1].split(" ")), registries.asked());
        registries.forget();
        assertEquals(404, mirror.get("/v2/library/app/tags/list").status());
        assertEquals(words[1].isEmpty() ? List.of() : List.of(words[1].split(" ")), registries.asked());
    }

    /** Nobody meant that, and a 404 would say that the image is missing. */
    @Test
    void askingNobodyIs503() throws Exception {
        planThatSays(ask("${header.none}"));
        startEdited(new String[] {"first"});
        registries.get("first").image("library/app", "1.0");
        assertEquals(503, mirror.get("/v2/library/app/manifests/1.0").status());
        assertEquals(503, mirror.get("/v2/library/app/tags/list").status());
        assertEquals(List.of(), registries.asked());
    }

    @Test
    void aPlanFileThatSetsNoPlanIs500AndLogged() throws Exception {
        planThatSays("        - setVariable: {name: x, expression: {constant: {expression: y}}}\n");
        startEdited(new String[] {"first", "second"});
        Image image = registries.get("first").image("library/app", "1.0");
        for (String path : List.of(image.path(), image.path(image.config()), "/v2/library/app/tags/list", "/v2/library/app/referrers/" + image.digest())) {
            try (LogLines log = LogLines.of("io.mirrorregistry.server.AnswerStep")) {
                assertEquals(500, mirror.get(path).status());
                assertEquals(List.of("The mirror failed at " + path), log.lines());
            }
            assertEquals(500, mirror.head(path).status());
        }
        assertEquals(200, mirror.get("/v2/").status());
        assertEquals(List.of(), registries.asked());
        assertFalse(metrics().contains("outcome=\"missing\""));
    }

    @Test
    void aRegistryMayHaveARouteFileOfItsOwn() throws Exception {
        Path routes = TestRoutes.copyTo(directory);
        Files.writeString(routes.resolve("second.camel.yaml"), """
                - route:
                    id: my-second
                    errorHandler:
                      noErrorHandler: {}
                    from:
                      uri: direct:registry-second
                      steps:
                        - bean: {ref: second, method: prepare}
                        - setHeader: {name: CamelHttpPath, expression: {simple: {expression: "${header.CamelHttpPath.replace('/v2/library/', '/v2/renamed/')}"}}}
                        - to:
                            uri: "{{mirror.registry.second.url}}"
                            parameters: {bridgeEndpoint: true, throwExceptionOnFailure: false, disableStreamCache: true, httpClient: "#second.client", headerFilterStrategy: "#registry-headers"}
                        - choice:
                            when:
                              - expression: {simple: {expression: "${header.CamelHttpResponseCode} == 404"}}
                                steps:
                                  - bean: {ref: second, method: notHere}
                        - bean: {ref: second, method: receive}
                """);
        startEdited(new String[] {"first", "second", "third"});
        Image there = registries.get("second").image("renamed/app", "1.0");
        registries.get("second").image("library/app", "2.0");
        Image third = registries.get("third").image("library/app", "2.0");
        served(there, mirror.get("/v2/library/app/manifests/1.0"));
        assertEquals(List.of("first", "second"), registries.asked());
        served(third, mirror.get("/v2/library/app/manifests/2.0"));
        assertEquals(List.of("1.0", "2.0"), new JsonObject(mirror.get("/v2/library/app/tags/list").text()).getJsonArray("tags").getList());
        mirror.awaitNoneLeased("first", "second", "third");
    }

    // Folders

    @Test
    void aFolderIsARegistryLikeAnyOther() throws Exception {
        Path sample = Path.of("").toAbsolutePath().resolve("images");
        Path copy = Files.createDirectories(directory.resolve("copy"));
        try (Stream<Path> files = Files.walk(sample)) {
            for (Path file : files.toList()) {
                Path to = copy.resolve(sample.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(to);
                } else {
                    Files.copy(file, to);
                }
            }
        }
        Path index = copy.resolve("index.json");
        Files.writeString(index, Files.readString(index).replace("library/hello:latest", "library/warm:latest"));
        // Warm is a folder beside cold, which is the folder of images; hot is a registry.
        start(new String[] {"hot"}, "MIRROR_PLAN", "hot, warm, cold", "WARM_URL", "oci:" + copy);
        assertEquals(200, mirror.get("/v2/library/warm/manifests/latest").status());
        assertEquals(200, mirror.get(HELLO).status());
        counts("mirror_pulls_total{kind=\"manifest\",outcome=\"served\",registry=\"warm\"}", 1);
        counts("mirror_pulls_total{kind=\"manifest\",outcome=\"served\",registry=\"cold\"}", 1);
        counts("mirror_fallbacks_total{reason=\"not-here\",registry=\"hot\"}", 2);
        counts("mirror_fallbacks_total{reason=\"not-here\",registry=\"warm\"}", 1);
        String digest = mirror.get("/v2/library/warm/manifests/latest").text().replaceAll("(?s).*?\"(sha256:[0-9a-f]{64})\".*", "$1");
        // By digest too, warm has it under its own name only.
        assertEquals(200, mirror.get("/v2/library/warm/manifests/" + digest).status());
        assertEquals(200, mirror.get("/v2/library/hello/manifests/" + digest).status());
        JsonObject manifest = new JsonObject(mirror.get("/v2/library/warm/manifests/" + digest).text());
        String blob = "/v2/library/warm/blobs/" + manifest.getJsonObject("config").getString("digest");
        assertEquals(200, mirror.get(blob).status());
        assertEquals(manifest.getJsonObject("config").getInteger("size").toString(), mirror.head(blob).header("Content-Length"));
        assertEquals(List.of("latest"), new JsonObject(mirror.get("/v2/library/warm/tags/list").text()).getJsonArray("tags").getList());
        assertEquals(404, mirror.get("/v2/library/cold/manifests/latest").status());
        JsonObject warm = objects(status().getJsonArray("registries")).stream().filter(one -> one.getString("name").equals("warm")).findFirst().orElseThrow();
        assertEquals("the folder " + copy, warm.getString("where"));
    }

    @Test
    void hotMayBeAFolder() throws Exception {
        start(new String[] {"cold"}, "HOT_URL", "oci:images", "HOT_SERVES", "", "MIRROR_PLAN", "hot, cold");
        Image image = registries.get("cold").image("library/app", "1.0");
        assertEquals(200, mirror.get(HELLO).status());
        assertEquals(List.of(), registries.asked());
        served(image, mirror.get(image.path()));
        counts("mirror_pulls_total{kind=\"manifest\",outcome=\"served\",registry=\"hot\"}", 1);
        counts("mirror_fallbacks_total{reason=\"not-here\",registry=\"hot\"}", 1);
    }

    @Test
    void aFolderHasPrefixAndLibraryToo() {
        start(new String[] {"hot"}, "WARM_URL", "oci:images", "WARM_SERVES", "docker.io", "WARM_LIBRARY", "true", "SPARE_URL", "oci:images", "SPARE_PREFIX", "library/",
                "SPARE_SERVES", "quay.io");
        assertEquals(200, mirror.get("/v2/hello/manifests/latest?ns=docker.io").status());
        assertEquals(200, mirror.get("/v2/quay.io/hello/manifests/latest").status());
        assertEquals(404, mirror.get("/v2/hello/manifests/latest").status());
        assertEquals(List.of("hot"), registries.asked());
    }

    // Remembered blobs

    @ParameterizedTest
    @ValueSource(strings = {"404 not-here", "500 outage", "429 throttled"})
    void whereARememberedBlobIsNotServedTheOthersAreAskedAndCounted(String line) throws Exception {
        int status = Integer.parseInt(line.split(" ")[0]);
        start(new String[] {"first", "second", "third"}, "MIRROR_CACHE_BLOB_TTL", "1h", "FIRST_BLOBS", "proxy", "SECOND_BLOBS", "proxy", "THIRD_BLOBS", "proxy",
                "MIRROR_LOGGING_LEVEL", "warn");
        Image image = registries.put(Image.of("any", "library/app", "1.0", 1), "second", "third");
        String path = image.path(image.config());
        assertEquals(200, mirror.get(path).status());
        registries.forget();
        assertEquals(200, mirror.get(path).status());
        assertEquals(List.of("second"), registries.asked());
        counts("mirror_fallbacks_total{reason=\"not-here\",registry=\"first\"}", 1);
        registries.get("second").fault(Fault.status(status).on(Kind.BLOB));
        registries.forget();
        try (LogLines log = LogLines.of("io.mirrorregistry.pull.FailuresStep")) {
            assertEquals(200, mirror.get(path, "X-Request-ID", "lost").status());
            // Second is asked as it had it, then the others as if nothing were known; second has said what it has to say.
            // First says "no" to HEAD and GET.
            assertEquals(List.of("second", "first", "first", "third", "third"), registries.asked());
            assertEquals(status == 404 ? 0 : 1, log.linesOf("lost").size());
            assertTrue(log.linesOf("lost").stream().allMatch(message -> message.startsWith("Registry second is in trouble")), log.lines().toString());
        }
        counts("mirror_fallbacks_total{reason=\"" + line.split(" ")[1] + "\",registry=\"second\"}", 1);
        counts("mirror_fallbacks_total{reason=\"not-here\",registry=\"first\"}", 2);
        assertEquals(200, mirror.get(path).status());
        registries.get("third").fault(Fault.status(404));
        registries.get("first").fault(Fault.status(404));
        assertEquals(status == 404 ? 404 : status == 429 ? 429 : 503, mirror.get(path).status());
        mirror.awaitNoneLeased("first", "second", "third");
    }

    // Names

    @Test
    void registriesMayHaveAnyNames() throws Exception {
        String[] names = {"constructor", "a", "docker-hub", "warm", "valueof", "prototype", "name", "url", "simple", "direct", "http", "https", "bean", "log", "camel",
            "health", "metrics", "status", "http-component", "simple-language", "context", "exchange", "variable", "true", "null", "x".repeat(63), "r-1-", "v2", "tostring"};
        start(names, "MIRROR_HEALTH_INTERVAL", "50ms");
        List<String> order = registries.names();
        Image image = registries.get(names[names.length - 1]).image("library/app", "1.0");
        served(image, mirror.get(image.path()));
        assertEquals(order, registries.asked());
        await(() -> objects(status().getJsonArray("registries")).stream().filter(one -> order.contains(one.getString("name"))).allMatch(one -> Boolean.TRUE.equals(one.getBoolean("up"))),
                "all are up");
        List<String> shown = objects(status().getJsonArray("registries")).stream().map(one -> one.getString("name")).toList();
        assertEquals(order, shown.subList(0, order.size()));
        assertTrue(objects(status().getJsonArray("registries")).stream().allMatch(one -> one.getBoolean("planned") == order.contains(one.getString("name"))));
        counts("mirror_pulls_total{kind=\"manifest\",outcome=\"served\",registry=\"tostring\"}", 1);
        JsonObject counts = status().getJsonObject("pulls").getJsonObject("counts");
        assertEquals(1, counts.getJsonArray("tostring").stream().mapToInt(count -> (Integer) count).sum());
        String metrics = metrics();
        String health = mirror.management("/observe/health?data=true").text();
        for (String name : order) {
            assertTrue(counts.containsKey(name), name);
            assertTrue(metrics.contains("mirror_registry_up{registry=\"" + name + "\"} 1.0\n"), name);
            assertTrue(metrics.contains("mirror_breaker_state{registry=\"" + name + "\",state=\"closed\"} 1.0\n"), name);
            assertTrue(metrics.contains("mirror_registry_connections{registry=\"" + name + "\",state=\"leased\"}"), name);
            assertTrue(health.contains("\"registry-" + name + "\""), name);
        }
        mirror.awaitNoneLeased(names);
    }

    @Test
    void aRegistryThatIsAwayIsShownUnderItsName() throws Exception {
        start(new String[] {"docker-hub", "warm"}, "MIRROR_HEALTH_INTERVAL", "50ms", "MIRROR_BREAKER_CALLS", "5", "MIRROR_BREAKER_MINIMUM_CALLS", "2");
        registries.get("warm").stop();
        for (int i = 0; i < 4; i++) {
            assertEquals(503, mirror.get("/v2/library/app" + i + "/manifests/1.0").status());
        }
        counts("mirror_registry_up{registry=\"warm\"}", 0);
        counts("mirror_breaker_state{registry=\"warm\",state=\"open\"}", 1);
        counts("mirror_breaker_state{registry=\"docker-hub\",state=\"closed\"}", 1);
        await(() -> mirror.management("/observe/health").text().contains("down: " + registries.get("warm").host()), "health tells who is down");
        JsonObject warm = objects(status().getJsonArray("registries")).get(1);
        assertEquals("warm", warm.getString("name"));
        assertEquals(false, warm.getBoolean("up"));
        assertEquals("open", warm.getString("breaker"));
    }
}
