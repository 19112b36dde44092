package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestServer;
import io.mirrorregistry.testing.TokenService;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Namespaces over HTTP: a registry that serves the host name of an image is asked for that image, and no other registry is. There are a
 * registry for docker.io, one with a prefix for ghcr.io, two for quay.io, and one for everything else.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class NamespaceTest {

    private static final String NS = "OCI-Namespace";
    private static final String SOME_DIGEST = "sha256:" + "1".repeat(64);
    private static final String PLAN_STEP = "        - to:\n            description: \"The order is the strategy's";

    private final TestRegistry hub = TestRegistry.start("hub");
    private final TestRegistry ghcr = TestRegistry.start("ghcr");
    private final TestRegistry quay = TestRegistry.start("quay");
    private final TestRegistry able = TestRegistry.start("able");
    private final TestRegistry hot = TestRegistry.start("hot");
    private final List<TestRegistry> all = List.of(hub, ghcr, quay, able, hot);
    private final TestMirror mirror = TestMirror.start(settings());
    private final List<AutoCloseable> toClose = new ArrayList<>(List.of(mirror));

    /** Settings of all registries. Quay comes before able for quay.io, as mirror.plan names it. */
    private String[] settings(String... more) {
        List<String> settings = new ArrayList<>(List.of(
                "HUB_URL", hub.url(), "HUB_SERVES", "docker.io, registry-1.docker.io", "HUB_LIBRARY", "true",
                "GHCR_URL", ghcr.url(), "GHCR_SERVES", "ghcr.io", "GHCR_PREFIX", "mirrors/github/",
                "QUAY_URL", quay.url(), "QUAY_SERVES", "quay.io,localhost:5000", "QUAY_PREFIX", "q/", "QUAY_LIBRARY", "true",
                "ABLE_URL", able.url(), "ABLE_SERVES", "quay.io,[::1]:5000",
                "HOT_URL", hot.url(), "MIRROR_PLAN", "hot, quay"));
        settings.addAll(List.of(more));
        return settings.toArray(String[]::new);
    }

    private TestMirror with(String... more) {
        TestMirror other = TestMirror.start(settings(more));
        toClose.add(other);
        return other;
    }

    private TestMirror in(Path directory, String... more) {
        TestMirror other = TestMirror.startIn(directory, settings(more));
        toClose.add(other);
        return other;
    }

    private TestRegistry registry(String name) {
        return switch (name) {
            case "hub" -> hub;
            case "ghcr" -> ghcr;
            case "quay" -> quay;
            case "able" -> able;
            default -> hot;
        };
    }

    @BeforeEach
    void forget() {
        all.forEach(TestRegistry::heal);
        all.forEach(TestServer::forget);
    }

    @AfterAll
    void stop() throws Exception {
        for (TestRegistry registry : all) {
            registry.close();
        }
        for (AutoCloseable closeable : toClose) {
            closeable.close();
        }
    }

    /** Returns what registries were asked for since the last {@link #forget()}: "hub library/app", in no order of registries. */
    private List<String> asked() {
        List<String> asked = new ArrayList<>();
        for (String name : List.of("hub", "ghcr", "quay", "able", "hot")) {
            registry(name).calls().stream().filter(call -> call.kind() != Kind.PING).map(Call::name).distinct().forEach(path -> asked.add(name + " " + path));
        }
        return asked;
    }

    private static String code(Reply reply) {
        return new JsonObject(reply.text()).getJsonArray("errors").getJsonObject(0).getString("code");
    }

    private static void served(Image image, Reply reply) {
        assertEquals(200, reply.status(), reply::text);
        assertArrayEquals(image.manifest(), reply.body());
    }

    private static List<String> everything(String name) {
        return List.of("/v2/" + name + "/manifests/1.0", "/v2/" + name + "/manifests/" + SOME_DIGEST, "/v2/" + name + "/blobs/" + SOME_DIGEST,
                "/v2/" + name + "/tags/list", "/v2/" + name + "/referrers/" + SOME_DIGEST);
    }

    // Who is asked, and under which name

    @ParameterizedTest
    @ValueSource(strings = {"docker.io app hub library/app", "docker.io org/app hub org/app", "registry-1.docker.io app hub library/app",
        "ghcr.io org/app ghcr mirrors/github/org/app", "ghcr.io app ghcr mirrors/github/app", "quay.io app quay q/library/app",
        "quay.io org/app quay q/org/app", "localhost:5000 org/app quay q/org/app", "[::1]:5000 org/app able org/app"})
    void aNamespaceIsAskedForAtItsRegistryUnderTheNameThere(String line) {
        String[] words = line.split(" ");
        Image image = registry(words[2]).image(words[3], "1.0");
        String query = "?ns=" + words[0].replace("[", "%5B").replace("]", "%5D").replace(":", "%3A");
        List<String> askedThere = List.of(words[2] + " " + words[3]);
        for (boolean head : new boolean[] {false, true}) {
            for (String path : List.of("/manifests/1.0", "/manifests/" + image.digest(), "/blobs/" + image.config().digest(), "/tags/list",
                    "/referrers/" + image.digest())) {
                if (words[0].equals("quay.io") && (path.startsWith("/tags") || path.startsWith("/ref"))) {
                    continue;
                }
                forget();
                Reply reply = mirror.send(head ? "HEAD" : "GET", "/v2/" + words[1] + path + query);
                assertEquals(path.startsWith("/blobs") && !head ? 307 : 200, reply.status(), () -> path + ": " + reply.text());
                assertEquals(words[0], reply.header(NS));
                assertEquals(askedThere, asked());
                if (reply.status() == 307) {
                    assertEquals(registry(words[2]).url() + "/v2/" + words[3] + path, reply.header("Location"));
                }
            }
        }
    }

    @Test
    void theFirstPartOfANameIsANamespaceWhereARegistryServesIt() {
        Image image = ghcr.image("mirrors/github/org/part", "1.0");
        Reply reply = mirror.get("/v2/ghcr.io/org/part/manifests/1.0");
        served(image, reply);
        assertNull(reply.header(NS));
        assertEquals(List.of("ghcr mirrors/github/org/part"), asked());
        Image official = hub.image("library/part", "1.0");
        served(official, mirror.get("/v2/docker.io/part/manifests/1.0"));
        assertEquals(ghcr.url() + "/v2/mirrors/github/org/part/blobs/" + image.config().digest(),
                mirror.get("/v2/ghcr.io/org/part/blobs/" + image.config().digest()).header("Location"));
    }

    @Test
    void aFirstPartThatNobodyServesIsAPartOfTheName() {
        Image image = hot.image("gcr.io/org/app", "1.0");
        served(image, mirror.get("/v2/gcr.io/org/app/manifests/1.0"));
        served(image, mirror.get("/v2/gcr.io/org/app/manifests/1.0?ns=registry.k8s.io"));
        assertEquals(List.of("hot gcr.io/org/app"), asked());
        // The namespace alone is a name of one part, and no namespace.
        assertEquals(404, mirror.get("/v2/ghcr.io/manifests/1.0").status());
        assertEquals(List.of("quay q/library/ghcr.io", "hot gcr.io/org/app", "hot ghcr.io"), asked());
    }

    @Test
    void theParameterWinsAgainstTheFirstPart() {
        Image image = hub.image("ghcr.io/app", "1.0");
        Reply reply = mirror.get("/v2/ghcr.io/app/manifests/1.0?ns=docker.io");
        served(image, reply);
        assertEquals("docker.io", reply.header(NS));
        assertEquals(List.of("hub ghcr.io/app"), asked());
    }

    @Test
    void aNamespaceThatNobodyServesIsAskedForInMirrorPlan() {
        Image image = quay.image("q/library/other", "1.0");
        Reply reply = mirror.get("/v2/other/manifests/1.0?ns=registry.k8s.io");
        served(image, reply);
        assertEquals("registry.k8s.io", reply.header(NS));
        assertEquals(List.of("quay q/library/other", "hot other"), asked());
    }

    /** containerd sends the host of the image's name, such as the mirror's own that it reaches by another address. */
    @Test
    void aServedFirstPartIsAuthoritativeBesideAParameterThatNobodyServes() {
        Image image = ghcr.image("mirrors/github/org/beside", "1.0");
        hot.put(Image.of("other", "ghcr.io/org/beside", "1.0", 1));
        for (int i = 0; i < 2; i++) {
            Reply reply = mirror.get("/v2/ghcr.io/org/beside/manifests/1.0?ns=mirror.example:5000");
            served(image, reply);
            assertEquals("mirror.example:5000", reply.header(NS));
        }
        assertEquals(404, mirror.get("/v2/ghcr.io/org/none/manifests/1.0?ns=mirror.example:5000").status());
        assertEquals(List.of("ghcr mirrors/github/org/beside", "ghcr mirrors/github/org/none"), asked());
        assertTrue(mirror.get("/v2/ghcr.io/org/beside/tags/list?n=0&ns=mirror.example:5000").text().contains("ghcr.io/org/beside"));
    }

    @Test
    void registriesOfOneNamespaceAreAskedInTheOrderOfMirrorPlanThenByName() {
        Image image = able.image("org/second", "1.0");
        served(image, mirror.get("/v2/org/second/manifests/1.0?ns=quay.io"));
        assertEquals(List.of("quay q/org/second", "able org/second"), asked());
        Image both = quay.image("q/org/both", "1.0");
        able.image("org/both", "1.0");
        forget();
        served(both, mirror.get("/v2/quay.io/org/both/manifests/1.0"));
        assertEquals(List.of("quay q/org/both"), asked());
        try (TestMirror byName = TestMirror.start(settings("MIRROR_PLAN", "hot"))) {
            forget();
            assertEquals(200, byName.get("/v2/org/both/manifests/1.0?ns=quay.io").status());
            assertEquals(List.of("able org/both"), asked());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"DOCKER.IO", "Docker.io", "docker%2Eio", "docker.io&n=1", "docker.io&other=a%20b"})
    void theParameterIsReadAsHostNamesAre(String query) {
        Image image = hub.image("library/read", "1.0");
        Reply reply = mirror.get("/v2/read/manifests/1.0?ns=" + query);
        served(image, reply);
        assertEquals("docker.io", reply.header(NS));
        assertEquals(List.of("hub library/read"), asked());
    }

    @Test
    void aPortIsAPartOfTheNamespace() {
        // Nobody serves docker.io:443, and so it is asked for where everything else is.
        assertEquals(404, mirror.get("/v2/org/port/manifests/1.0?ns=docker.io:443").status());
        assertEquals(List.of("quay q/org/port", "hot org/port"), asked());
        assertEquals("docker.io:443", mirror.get("/v2/?ns=DOCKER.io:443").header(NS));
    }

    // What is no host name

    static Stream<String> odd() {
        return Stream.of("", "%20", "%20docker.io", "docker.io%20", "docker.io+", "a%20b", "https://docker.io", "http:%2F%2Fdocker.io", "docker.io/", "docker.io%2Flibrary",
                "/docker.io", "..%2F..", "user@docker.io", "user:pw@docker.io", "docker_io", "my_registry:5000", ".", "..", ".docker.io", "docker.io.", "docker..io",
                "-docker.io", "docker-.io", "docker.io:", "docker.io:0", "docker.io:65536", "docker.io:99999999999", "docker.io:-1", "docker.io:%2B1", "docker.io:80:80", ":5000",
                "docker.io%3Fx", "docker.io%23x", "docker.io%26ns=x", "docker.io,ghcr.io", "docker.io%2Cghcr.io", "docker%252eio", "%2564ocker.io", "a".repeat(64), "a.".repeat(127) + "a",
                "a".repeat(2000), "d%C3%B6cker.io", "doc%E2%84%AAer.io", "docker.%C4%B1o", "docker.i%C4%B0", "%EF%BD%84ocker.io", "docker%E3%80%82io", "docker.io:%D9%A1",
                "docker.io%E2%80%8B", "%F0%9F%90%B3.io", "%FF%FE", "::1", "[::1", "%5B%5D", "%5B%5D:1", "%5B1.2.3.4%5D", "%5B::g%5D", "%5B%5B::1%5D%5D", "%5B::1%25eth0%5D",
                "%5B::1%5Dx", "%5B::1%5D:", "%5Bdocker.io%5D", "%5Bab%5D", "%5B:::%5D", "%5B1:2:3:4:5:6:7:8:9%5D",
                "%00", "docker.io%00", "docker%0Aio", "docker.io%0D%0AX-Evil:%201", "docker.io%09", "%7F", "%1B%5B31m",
                "%22", "%3Cscript%3E", "$%7Bjndi:x%7D", "$%7Bvariable.registry%7D", "{{mirror.plan}}".replace("{", "%7B").replace("}", "%7D"), "*", "docker.*", "docker.io;x", "%5C",
                "docker.io&ns=docker.io", "docker.io&ns=ghcr.io", "docker.io&ns=", "docker.io&NS=ghcr.io", "docker.io&n%73=ghcr.io", "%", "%2", "%zz", "docker.io%");
    }

    /** The exact bytes go to the mirror: a client of the JDK would refuse to send some of them. */
    @ParameterizedTest
    @MethodSource("odd")
    void aParameterThatIsNoHostNameIsRefusedAndNobodyIsAsked(String odd) throws Exception {
        List<String> paths = new ArrayList<>(everything("app"));
        paths.addAll(List.of("/v2/", "/v2/docker.io/app/manifests/1.0"));
        try (Wire wire = new Wire(mirror.port())) {
            for (String path : paths) {
                for (String method : List.of("GET", "HEAD")) {
                    boolean head = method.equals("HEAD");
                    Wire.Answer answer = wire.send(method + " " + path + "?ns=" + odd + " HTTP/1.1\r\nHost: x\r\n\r\n").answer(head);
                    assertEquals(400, answer.status(), method + " " + path);
                    assertNull(answer.header(NS));
                    assertNull(answer.header("X-Evil"));
                    assertEquals("registry/2.0", answer.header("Docker-Distribution-Api-Version"));
                    if (!head) {
                        // A query with a percent sign that encodes nothing is no query at all.
                        assertEquals(odd.matches(".*%(.?|zz)") ? "UNSUPPORTED" : "NAME_INVALID",
                                new JsonObject(answer.body()).getJsonArray("errors").getJsonObject(0).getString("code"));
                        assertTrue(answer.body().length() < 1000, "an error repeats all that was sent");
                    }
                }
            }
        }
        assertEquals(List.of(), asked());
    }

    @ParameterizedTest
    @ValueSource(strings = {"doc\u00e9er.io", "docker\u0001.io", "docker.io\"", "docker.io|x", "[ab]", "{docker.io}", "\u00ff\u00fe"})
    void bytesThatShouldBeEncodedAreRefusedToo(String raw) throws Exception {
        for (String path : everything("app")) {
            try (Wire wire = new Wire(mirror.port())) {
                Wire.Answer answer = wire.send("GET " + path + "?ns=" + raw + " HTTP/1.1\r\nHost: x\r\n\r\n").answer();
                assertEquals(400, answer.status(), answer.toString());
            }
        }
        assertEquals(List.of(), asked());
    }

    @ParameterizedTest
    @ValueSource(strings = {"POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
    void otherMethodsAskNobodyWhateverTheNamespace(String method) {
        for (String path : everything("app")) {
            for (String query : List.of("?ns=docker.io", "?ns=%20", "?ns=")) {
                assertEquals(405, mirror.send(method, path + query).status(), path + query);
            }
        }
        assertEquals(List.of(), asked());
    }

    // The header of answers

    @Test
    void everyAnswerToAValidNamespaceNamesIt() throws Exception {
        TestMirror streams = with("HUB_BLOBS", "proxy", "MIRROR_CACHE_SIZE", "1MB", "MIRROR_CACHE_TAG_TTL", "1h", "MIRROR_CACHE_MISS_TTL", "1h",
                "MIRROR_CACHE_BLOB_TTL", "1h");
        Image image = hub.image("library/header", "1.0");
        hub.image("library/header", "2.0");
        String blob = "/v2/header/blobs/" + image.layers().get(0).digest();
        for (int i = 0; i < 2; i++) {
            for (String path : List.of("/v2/", "/v2/header/manifests/1.0", "/v2/header/manifests/" + image.digest(), blob, "/v2/header/tags/list?n=1",
                    "/v2/header/referrers/" + image.digest(), "/v2/none/manifests/1.0", "/v2/none/tags/list", "/v2/header/blobs/" + SOME_DIGEST, blob + "?x")) {
                for (String method : List.of("GET", "HEAD")) {
                    Reply reply = streams.send(method, path + (path.contains("?") ? "&" : "?") + "ns=Docker.IO", "Range", "bytes=0-1");
                    assertTrue(List.of(200, 206, 404).contains(reply.status()), () -> path + " " + reply.status());
                    assertEquals(List.of("docker.io"), reply.response().headers().allValues(NS), path);
                    assertEquals(List.of(), streams.send(method, path).response().headers().allValues(NS), path);
                }
            }
        }
        hub.fault(Fault.status(500));
        assertEquals("docker.io", streams.get("/v2/header/manifests/3.0?ns=docker.io").header(NS));
        hub.heal();
        hub.fault(Fault.status(429));
        Reply throttled = streams.get("/v2/header/manifests/3.0?ns=docker.io");
        assertEquals(429, throttled.status());
        assertEquals("docker.io", throttled.header(NS));
        Reply last = streams.get("/v2/header/tags/list?n=x&ns=docker.io");
        assertEquals(400, last.status());
    }

    @Test
    void aRegistrysOwnHeaderOfThatNameDoesNotComeThrough() {
        hub.image("library/own", "1.0");
        hot.image("own", "1.0");
        for (TestRegistry registry : List.of(hub, hot)) {
            registry.fault(Fault.spoil(answer -> answer.with(NS, "evil.example")));
        }
        assertEquals(List.of("docker.io"), mirror.get("/v2/own/manifests/1.0?ns=docker.io").response().headers().allValues(NS));
        assertNull(mirror.get("/v2/own/manifests/1.0").header(NS));
        assertTrue(all.stream().flatMap(registry -> registry.calls().stream()).allMatch(call -> call.query() == null), "ns went to a registry");
    }

    // Authority

    private void away(TestRegistry registry, Fault fault) {
        registry.fault(fault);
    }

    @Test
    void whileItsRegistryIsAwayNoOtherIsAsked() {
        for (TestRegistry other : List.of(hot, quay, able, ghcr)) {
            for (String name : List.of("app", "library/app", "mirrors/github/app", "q/library/app", "docker.io/app")) {
                other.image(name, "1.0");
            }
        }
        for (Fault fault : List.of(Fault.status(500), Fault.close(), Fault.html(), Fault.status(302))) {
            for (String path : everything("app")) {
                for (String asked : List.of(path + "?ns=docker.io", path.replace("/v2/", "/v2/docker.io/"))) {
                    for (String method : List.of("GET", "HEAD")) {
                        forget();
                        away(hub, fault);
                        Reply reply = mirror.send(method, asked);
                        assertEquals(503, reply.status(), asked);
                        assertEquals(List.of("hub library/app"), asked());
                    }
                }
            }
        }
    }

    @Test
    void whatItsRegistryHasNotGotNobodyHas() {
        hot.image("lacking", "1.0");
        hot.image("library/lacking", "1.0");
        quay.image("q/library/lacking", "1.0");
        for (String asked : List.of("/v2/lacking/manifests/1.0?ns=docker.io", "/v2/docker.io/lacking/manifests/1.0", "/v2/lacking/tags/list?ns=docker.io")) {
            forget();
            assertEquals(404, mirror.get(asked).status());
            assertEquals(List.of("hub library/lacking"), asked());
        }
    }

    private static void edit(Path directory, String steps) throws Exception {
        Path plan = TestRoutes.copyTo(directory).resolve("plan.camel.yaml");
        String text = Files.readString(plan);
        assertTrue(text.contains(PLAN_STEP));
        Files.writeString(plan, text.substring(0, text.indexOf(PLAN_STEP)) + steps);
    }

    private static String ask(String registries) {
        return "        - bean: {ref: plan, method: \"ask('" + registries + "')\"}\n";
    }

    @Test
    void aPlanFileThatNamesOthersDoesNotBreakTheAuthority(@TempDir Path directory) throws Exception {
        edit(directory, ask("hot, able, quay, ghcr"));
        TestMirror edited = in(directory);
        hot.image("library/plan", "1.0");
        hot.image("plan", "1.0");
        for (String asked : List.of("/v2/plan/manifests/1.0?ns=docker.io", "/v2/docker.io/plan/manifests/1.0")) {
            forget();
            away(hub, Fault.status(503));
            assertEquals(503, edited.get(asked).status());
            assertEquals(List.of("hub library/plan"), asked());
        }
        forget();
        // Of a namespace's registries the file may leave some out, and order them.
        Image image = quay.image("q/org/plan", "1.0");
        served(image, edited.get("/v2/org/plan/manifests/1.0?ns=quay.io"));
        assertEquals(List.of("quay q/org/plan", "able org/plan"), asked());
        forget();
        edited.get("/v2/org/none/manifests/1.0");
        assertEquals(List.of("ghcr mirrors/github/org/none", "quay q/org/none", "able org/none", "hot org/none"), asked());
    }

    @Test
    void memoryDoesNotBreakTheAuthority() throws Exception {
        TestMirror keeps = with("MIRROR_CACHE_SIZE", "1MB", "MIRROR_CACHE_TAG_TTL", "1ms", "MIRROR_CACHE_STALE_IF_ERROR", "1h", "MIRROR_CACHE_BLOB_TTL", "1h");
        Image others = hot.image("library/memory", "1.0");
        hub.put(others);
        served(others, keeps.get("/v2/library/memory/manifests/1.0"));
        served(others, keeps.get(others.pathByDigest()));
        assertEquals(307, keeps.get(others.path(others.config())).status());
        Thread.sleep(5);
        away(hub, Fault.status(500));
        hot.fault(Fault.status(500));
        // Stale for the plan that it came from, and for no other, though name, tag and bytes are the same.
        Reply stale = keeps.get("/v2/library/memory/manifests/1.0");
        served(others, stale);
        assertTrue(stale.header("Warning").startsWith("299"));
        for (String path : List.of("/v2/library/memory/manifests/1.0", others.pathByDigest(), others.path(others.config()))) {
            assertEquals(503, keeps.get(path + "?ns=docker.io").status(), path);
        }
        hub.heal();
        Reply fresh = keeps.get("/v2/library/memory/manifests/1.0?ns=docker.io");
        served(others, fresh);
        Thread.sleep(5);
        away(hub, Fault.status(500));
        Reply own = keeps.get("/v2/memory/manifests/1.0?ns=docker.io");
        served(others, own);
        assertTrue(own.header("Warning").startsWith("299"));
        assertEquals("docker.io", own.header(NS));
    }

    // What clients are told

    @Test
    void listsAndLinksSpeakOfTheNameAsTheClientWroteIt() {
        for (String tag : List.of("1", "2", "3")) {
            ghcr.image("mirrors/github/org/list", tag);
            hub.image("library/list", tag);
        }
        for (String asked : List.of("/v2/org/list/tags/list?ns=ghcr.io&n=2", "/v2/ghcr.io/org/list/tags/list?n=2", "/v2/list/tags/list?n=2&ns=Docker.io",
                "/v2/docker.io/list/tags/list?n=2", "/v2/docker.io/library/list/tags/list?n=2")) {
            JsonArray tags = new JsonArray();
            String next = asked;
            int pages = 0;
            while (next != null) {
                Reply page = mirror.get(next);
                assertEquals(200, page.status(), next);
                JsonObject list = new JsonObject(page.text());
                assertEquals(asked.substring(4, asked.indexOf("/tags")), list.getString("name"));
                tags.addAll(list.getJsonArray("tags"));
                String link = page.header("Link");
                assertTrue(link == null || link.endsWith(">; rel=\"next\""), link);
                next = link == null ? null : link.substring(1, link.indexOf('>'));
                assertTrue(next == null || next.startsWith(asked.substring(0, asked.indexOf('?'))), next);
                pages++;
            }
            assertEquals(2, pages, asked);
            assertEquals(new JsonArray(List.of("1", "2", "3")), tags, asked);
        }
    }

    @Test
    void linksOfNamespacesWithAPortCanBeFollowed() {
        for (String tag : List.of("1", "2")) {
            able.image("org/list", tag);
        }
        Reply page = mirror.get("/v2/org/list/tags/list?n=1&ns=%5B::1%5D:5000");
        assertEquals(List.of("1"), new JsonObject(page.text()).getJsonArray("tags").getList());
        String next = page.header("Link").substring(1, page.header("Link").indexOf('>'));
        assertEquals(List.of("2"), new JsonObject(mirror.get(next).text()).getJsonArray("tags").getList());
    }

    @Test
    void errorsNameWhatTheClientWrote() {
        for (String asked : List.of("/v2/errors/tags/list?ns=docker.io", "/v2/docker.io/errors/tags/list")) {
            Reply missing = mirror.get(asked);
            assertEquals(404, missing.status());
            assertTrue(missing.text().contains("\"" + asked.substring(4, asked.indexOf("/tags")) + "\""), missing.text());
            assertFalse(missing.text().contains("library/"), missing.text());
        }
        away(ghcr, Fault.status(500));
        Reply away = mirror.get("/v2/org/errors/manifests/1.0?ns=ghcr.io");
        assertEquals("UNAVAILABLE", code(away));
        assertFalse(away.text().contains("mirrors/github"), away.text());
    }

    @Test
    void tokensAreForTheNameThere() {
        try (TokenService tokens = TokenService.start(); TestRegistry closed = TestRegistry.start("closed").requireBearer(tokens);
                TestMirror signed = TestMirror.start("CLOSED_URL", closed.url(), "CLOSED_SERVES", "docker.io", "CLOSED_PREFIX", "hub/", "CLOSED_LIBRARY", "true",
                        "CLOSED_CONNECT_TIMEOUT", "5s", "CLOSED_RESPONSE_TIMEOUT", "5s")) {
            Image image = closed.image("hub/library/app", "1.0");
            served(image, signed.get("/v2/app/manifests/1.0?ns=docker.io"));
            assertTrue(tokens.calls().stream().anyMatch(call -> "repository:hub/library/app:pull".equals(call.parameter("scope"))));
            tokens.forget();
            served(image, signed.get("/v2/library/app/manifests/" + image.digest() + "?ns=docker.io"));
            assertTrue(tokens.calls().stream().allMatch(call -> "repository:hub/library/app:pull".equals(call.parameter("scope"))));
            assertEquals(200, signed.get("/v2/app/tags/list?ns=docker.io").status());
            assertEquals(200, signed.head("/v2/docker.io/app/blobs/" + image.config().digest()).status());
            assertTrue(closed.calls().stream().filter(call -> call.kind() != Kind.PING).allMatch(call -> call.name().equals("hub/library/app")));
        }
    }

    @Test
    void redirectsOfPublicAddressesUseTheNameThere() {
        TestMirror known = with("GHCR_PUBLIC_URL", "https://public.example.com/base");
        Image image = ghcr.image("mirrors/github/org/public", "1.0");
        assertEquals("https://public.example.com/base/v2/mirrors/github/org/public/blobs/" + image.config().digest(),
                known.get("/v2/org/public/blobs/" + image.config().digest() + "?ns=ghcr.io").header("Location"));
    }

    // Names that grow

    @Test
    void aNameThatIsTooLongWithThePrefixIsNowhere() {
        String longest = "a".repeat(255 - "mirrors/github/".length());
        Image image = ghcr.image("mirrors/github/" + longest, "1.0");
        served(image, mirror.get("/v2/" + longest + "/manifests/1.0?ns=ghcr.io"));
        forget();
        for (String name : List.of(longest + "a", "a".repeat(255))) {
            for (String path : everything(name)) {
                for (String method : List.of("GET", "HEAD")) {
                    Reply reply = mirror.send(method, path + "?ns=ghcr.io");
                    // There is no error for referrers that nobody has.
                    assertEquals(path.contains("/referrers/") ? 200 : 404, reply.status(), path);
                    assertEquals("ghcr.io", reply.header(NS));
                }
            }
        }
        assertEquals(400, mirror.get("/v2/" + "a".repeat(256) + "/manifests/1.0?ns=ghcr.io").status());
        assertEquals(List.of(), asked());
    }

    /** The registry whose name would be too long is passed over, and the others are asked: for single things and for lists. */
    @Test
    void whereANameIsTooLongForOneTheOthersAreAsked() {
        String name = "a".repeat(254);
        Image image = able.image(name, "1.0");
        able.referrer(name, image, "application/own");
        for (String path : List.of("/manifests/1.0", "/manifests/" + image.digest(), "/blobs/" + image.config().digest(), "/tags/list", "/referrers/" + image.digest())) {
            forget();
            Reply reply = mirror.get("/v2/" + name + path + "?ns=quay.io");
            assertEquals(path.startsWith("/blobs") ? 307 : 200, reply.status(), () -> path + " " + reply.text());
            assertEquals(List.of("able " + name), asked(), path);
            assertTrue(!path.startsWith("/referrers") || reply.text().contains("application/own"), path);
        }
    }

    @Test
    void libraryIsForNamesOfOnePartOnly() {
        for (String name : List.of("one", "one/two", "library/one", "one/two/three")) {
            forget();
            mirror.get("/v2/" + name + "/manifests/1.0?ns=docker.io");
            mirror.get("/v2/docker.io/" + name + "/manifests/1.0");
            assertEquals(List.of("hub " + (name.equals("one") ? "library/one" : name)), asked());
        }
    }
}
