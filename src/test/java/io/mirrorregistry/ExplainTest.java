package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code /explain} over real HTTP, and that a client gets what it says. */
class ExplainTest {

    @TempDir
    private Path directory;
    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private TestMirror mirror;

    private void start(String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url()));
        settings.addAll(List.of(more));
        mirror = TestMirror.start(settings.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        if (mirror != null) {
            mirror.close();
        }
        hot.close();
        cold.close();
    }

    private JsonObject explain(String image, String... parameters) {
        Reply reply = mirror.management(query(image, parameters));
        assertEquals(200, reply.status(), reply.text());
        assertEquals("application/json", reply.header("Content-Type"));
        return new JsonObject(reply.text());
    }

    private static String query(String image, String... parameters) {
        StringBuilder query = new StringBuilder("/explain?image=" + encoded(image));
        for (int i = 0; i < parameters.length; i += 2) {
            query.append('&').append(parameters[i]).append('=').append(encoded(parameters[i + 1]));
        }
        return query.toString();
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private static JsonObject registry(JsonObject explanation, int index) {
        return explanation.getJsonArray("registries").getJsonObject(index);
    }

    private static String why(JsonObject explanation) {
        return explanation.getJsonObject("client").getString("why");
    }

    private static List<?> plan(JsonObject explanation) {
        return explanation.getJsonObject("plan").getJsonArray("registries").getList();
    }

    @Test
    void tellsWhatEachRegistryRespondsAndWhoServes() {
        start();
        Image image = hot.image("library/app", "1.0");
        JsonObject found = explain("library/app:1.0");
        assertEquals(List.of("hot", "cold"), plan(found));
        assertEquals("library/app", found.getJsonObject("request").getString("repository"));
        assertEquals("/v2/library/app/manifests/1.0", found.getJsonObject("request").getString("path"));
        assertEquals(200, registry(found, 0).getInteger("status"));
        assertEquals(image.digest().value(), registry(found, 0).getString("digest"));
        assertEquals("has-it", registry(found, 0).getString("outcome"));
        assertEquals("closed", registry(found, 0).getString("breaker"));
        assertTrue(registry(found, 0).getLong("milliseconds") >= 0);
        assertEquals(404, registry(found, 1).getInteger("status"));
        assertEquals("not-here", registry(found, 1).getString("outcome"));
        assertNull(registry(found, 1).getString("digest"));
        assertEquals("200 from hot", why(found));
        assertEquals("nothing", found.getJsonObject("memory").getString("state"));
        assertEquals(0, hot.calls("GET", Kind.MANIFEST).size());
        assertTrue(hot.calls("HEAD", Kind.MANIFEST).get(0).header("Accept").contains("application/vnd.oci.image.index.v1+json"));
    }

    @Test
    void noTagMeansLatestAndADigestCounts() {
        start();
        hot.image("library/app", "latest");
        Image cool = cold.image("library/app", "1.0");
        assertEquals("200 from hot", why(explain("library/app")));
        JsonObject byDigest = explain("library/app:1.0@" + cool.digest());
        assertEquals("200 from cold, since hot has not got it", why(byDigest));
        assertEquals(cool.digest().value(), byDigest.getJsonObject("request").getString("reference"));
        assertEquals("The tag 1.0 has no effect: a client asks by the digest.", byDigest.getJsonObject("request").getJsonArray("notes").getString(0));
        assertEquals("404: hot has not got it and cold has not got it", why(explain("library/none")));
        assertFalse(explain("library/none").getJsonObject("client").getBoolean("served"));
    }

    @Test
    void asksWithGetWhereHeadIsRefusedOrTellsTooLittle() {
        start();
        Image image = hot.image("library/app", "1.0");
        hot.fault(Fault.status(405).method("HEAD"));
        assertEquals("200 from hot", why(explain("library/app:1.0")));
        hot.heal();
        hot.fault(Fault.without("Docker-Content-Digest"));
        JsonObject found = explain("library/app:1.0");
        assertEquals("200 from hot", why(found));
        assertEquals(image.digest().value(), registry(found, 0).getString("digest"));
    }

    /** The same faults, seen by a client and by the explanation. */
    @ParameterizedTest
    @CsvSource({"500, 404, 503", "429, 404, 429", "429, 500, 503", "403, 401, 503", "404, 404, 404", "400, 200, 200", "508, 404, 503"})
    void saysTheStatusThatAClientGets(int first, int second, int status) {
        start();
        hot.image("library/app", "1.0");
        cold.image("library/app", "1.0");
        hot.fault(Fault.status(first));
        if (second != 200) {
            cold.fault(Fault.status(second));
        }
        assertEquals(status, explain("library/app:1.0").getJsonObject("client").getInteger("status"));
        assertEquals(status, mirror.get("/v2/library/app/manifests/1.0").status());
    }

    /** The registries accept us for {@code /v2/}, so that the refusals mean the image. */
    @Test
    void saysSoOfRefusalsToo() {
        start();
        hot.fault(Fault.status(403).on(Kind.MANIFEST));
        cold.fault(Fault.status(401).on(Kind.MANIFEST));
        assertEquals(404, explain("library/app:1.0").getJsonObject("client").getInteger("status"));
        assertEquals(404, mirror.get("/v2/library/app/manifests/1.0").status());
        hot.fault(Fault.html(403, "text/html"));
        assertEquals(503, explain("library/app:1.0").getJsonObject("client").getInteger("status"));
        assertEquals(503, mirror.get("/v2/library/app/manifests/1.0").status());
        hot.heal();
        hot.fault(Fault.defaultBackend());
        assertEquals(503, explain("library/app:1.0").getJsonObject("client").getInteger("status"));
        assertEquals(503, mirror.get("/v2/library/app/manifests/1.0").status());
    }

    @Test
    void tellsAnOutage() {
        start();
        hot.fault(Fault.silence());
        JsonObject found = explain("library/app:1.0");
        assertTrue(why(found).matches("503: hot is in trouble \\(timed out after [0-9.]+ s\\) and cold has not got it"), why(found));
        assertNull(registry(found, 0).getValue("status"));
        assertEquals("outage", registry(found, 0).getString("outcome"));
        assertTrue(registry(found, 0).getString("failure").matches("timed out after [0-9.]+ s"), registry(found, 0).getString("failure"));
        hot.close();
        assertEquals("503: hot is in trouble (connection refused) and cold has not got it", why(explain("library/app:1.0")));
    }

    @Test
    void refusesAManifestOfAnotherDigest() {
        start();
        Image image = hot.image("library/app", "1.0");
        hot.fault(Fault.header("Docker-Content-Digest", "sha256:" + "0".repeat(64)));
        assertEquals("503: hot is in trouble (was answered with the digest of another manifest) and cold has not got it", why(explain("library/app@" + image.digest())));
    }

    @Test
    void anOpenBreakerKeepsClientsAwayButNotTheExplanation() throws Exception {
        start("MIRROR_BREAKER_CALLS", "2", "MIRROR_BREAKER_MINIMUM_CALLS", "2", "MIRROR_BREAKER_PROBE_INTERVAL", "1h");
        hot.image("library/app", "1.0");
        cold.image("library/app", "1.0");
        hot.fault(Fault.status(500));
        for (int i = 0; i < 4; i++) {
            explain("library/app:1.0");
        }
        assertEquals("closed", registry(explain("library/app:1.0"), 0).getString("breaker"), "an explanation counts for nothing");
        mirror.get("/v2/library/app/manifests/1.0");
        mirror.get("/v2/library/app/manifests/1.0");
        hot.heal();
        JsonObject found = explain("library/app:1.0");
        assertEquals("open", registry(found, 0).getString("breaker"));
        assertFalse(registry(found, 0).getBoolean("asked"));
        assertEquals("its circuit breaker is open", registry(found, 0).getString("notAskedBecause"));
        assertEquals(200, registry(found, 0).getInteger("status"));
        assertEquals("200 from cold, since hot is not asked (its circuit breaker is open)", why(found));
        assertEquals(503, explain("library/none").getJsonObject("client").getInteger("status"));
        String fallbacks = mirror.management("/observe/metrics").text().lines().filter(line -> line.startsWith("mirror_fallbacks") && line.contains("hot"))
                .toList().toString();
        explain("library/app:1.0");
        assertEquals(fallbacks, mirror.management("/observe/metrics").text().lines().filter(line -> line.startsWith("mirror_fallbacks") && line.contains("hot"))
                .toList().toString());
    }

    @Test
    void threeRegistriesWithPrefixesAndLibrary() {
        try (TestRegistry third = TestRegistry.start("third")) {
            third.image("proxy/library/app", "1.0");
            start("THIRD_URL", third.url(), "THIRD_PREFIX", "proxy/", "THIRD_LIBRARY", "true", "MIRROR_PLAN", "cold, third, hot");
            JsonObject found = explain("app:1.0");
            assertEquals(List.of("cold", "third", "hot"), plan(found));
            assertEquals("app", registry(found, 0).getString("repository"));
            assertEquals("proxy/library/app", registry(found, 1).getString("repository"));
            assertEquals("200 from third, since cold has not got it", why(found));
            JsonObject long250 = explain("a".repeat(250) + ":1.0");
            assertNull(registry(long250, 1).getValue("repository"));
            assertFalse(registry(long250, 1).getBoolean("asked"));
            assertEquals("404: cold has not got it, third can have no repository of that name and hot has not got it", why(long250));
        }
    }

    @Test
    void namespacesAreThoseThatAClientWouldMean() {
        start("COLD_SERVES", "docker.io, quay.example:8443");
        cold.image("library/app", "1.0");
        hot.image("library/app", "1.0");
        JsonObject found = explain("docker.io/library/app:1.0");
        assertEquals(List.of("cold"), plan(found));
        assertEquals("docker.io", found.getJsonObject("request").getString("namespace"));
        assertEquals("/v2/docker.io/library/app/manifests/1.0", found.getJsonObject("request").getString("path"));
        assertEquals("200 from cold", why(found));
        JsonObject given = explain("library/app:1.0", "namespace", "Docker.IO");
        assertEquals(List.of("cold"), plan(given));
        assertEquals("/v2/library/app/manifests/1.0?ns=docker.io", given.getJsonObject("request").getString("path"));
        assertEquals("library/app", explain("docker.io/library/app", "namespace", "docker.io").getJsonObject("request").getString("repository"));
        JsonObject port = explain("quay.example:8443/library/app:1.0");
        assertEquals("/v2/library/app/manifests/1.0?ns=quay.example:8443", port.getJsonObject("request").getString("path"));
        assertEquals(List.of("cold"), plan(port));
        assertEquals(List.of("hot", "cold"), plan(explain("library/app:1.0")));
        JsonObject other = explain("quay.io/library/app:1.0", "namespace", "docker.io");
        assertEquals("quay.io/library/app", other.getJsonObject("request").getString("repository"));
        assertEquals("quay.io is a part of the name, since the namespace is docker.io.", other.getJsonObject("request").getJsonArray("notes").getString(0));
    }

    /** The mirror's address is left out; another host name is the namespace, as for containerd. */
    @ParameterizedTest
    @CsvSource({"localhost:5000/library/app:1.0, library/app, true", "127.0.0.1/library/app:1.0, library/app, true", "localhost/library/app:1.0, library/app, true",
        "'[::1]:5000/library/app:1.0', library/app, true", "mirror.example:443/quay.io/library/app:1.0, quay.io/library/app, true",
        "quay.io/library/app:1.0, library/app?ns=quay.io, true", "/v2/quay.io/library/app/manifests/1.0, quay.io/library/app, false",
        "library/app:1.0, library/app, false", "my.dotted.app:1.0, my.dotted.app, false"})
    void understandsAHostNameAsTheMirrorDoes(String image, String repository, boolean noted) {
        start();
        JsonObject request = explain(image).getJsonObject("request");
        String[] parts = repository.split("\\?");
        assertEquals("/v2/" + parts[0] + "/manifests/1.0" + (parts.length == 1 ? "" : "?" + parts[1]), request.getString("path"));
        assertEquals(noted, !request.getJsonArray("notes").isEmpty(), request.encode());
    }

    @Test
    void aFolderIsAskedAlways() {
        mirror = TestMirror.start("HOT_URL", hot.url());
        JsonObject found = explain("library/hello");
        assertEquals("200 from cold, since hot has not got it", why(found));
        assertTrue(registry(found, 1).getBoolean("asked"));
        assertNull(registry(found, 1).getValue("breaker"));
        assertTrue(registry(found, 1).getString("digest").startsWith("sha256:"));
        assertEquals("404: hot has not got it and cold has not got it", why(explain("library/hello:none")));
    }

    @Test
    void tellsWhatIsInMemory() {
        start("MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_TAG_TTL", "1h", "MIRROR_CACHE_MISS_TTL", "1h", "MIRROR_CACHE_STALE_IF_ERROR", "1h");
        Image image = hot.image("library/app", "1.0");
        assertEquals("nothing", explain("library/app:1.0").getJsonObject("memory").getString("state"));
        mirror.get(image.path(), "Accept", "application/vnd.oci.image.manifest.v1+json");
        mirror.get("/v2/library/none/manifests/1.0");
        hot.close();
        String kept = mirror.management("/status.json").text().replaceAll(".*\"cache\":(\\[.*?]).*", "$1");
        JsonObject found = explain("library/app:1.0");
        JsonObject memory = found.getJsonObject("memory");
        assertEquals("fresh", memory.getString("state"));
        assertEquals(image.digest().value(), memory.getString("digest"));
        assertEquals("hot", memory.getString("registry"));
        assertEquals("application/vnd.oci.image.manifest.v1+json", memory.getString("accept"));
        assertTrue(memory.getDouble("leftSeconds") > 3500 && memory.getDouble("leftSeconds") <= 3600, memory.encode());
        assertEquals("memory", found.getJsonObject("client").getString("from"));
        assertTrue(why(found).endsWith("503: hot is in trouble (connection refused) and cold has not got it"), why(found));
        JsonObject byDigest = explain("library/app@" + image.digest());
        assertEquals("200 from memory, as hot told it", why(byDigest));
        assertNull(byDigest.getJsonObject("memory").getValue("leftSeconds"));
        JsonObject miss = explain("library/none:1.0");
        assertEquals("miss", miss.getJsonObject("memory").getString("state"));
        assertEquals(404, miss.getJsonObject("client").getInteger("status"));
        assertEquals(503, miss.getJsonObject("client").getJsonObject("next").getInteger("status"));
        assertEquals(kept, mirror.management("/status.json").text().replaceAll(".*\"cache\":(\\[.*?]).*", "$1"));
    }

    @Test
    void aStaleTagIsServedInTroubleOnly() {
        start("MIRROR_CACHE_SIZE", "32MB", "MIRROR_CACHE_TAG_TTL", "0", "MIRROR_CACHE_STALE_IF_ERROR", "1h");
        Image image = hot.image("library/app", "1.0");
        mirror.get(image.path());
        JsonObject well = explain("library/app:1.0");
        assertEquals("stale", well.getJsonObject("memory").getString("state"));
        assertEquals("200 from hot", why(well));
        hot.fault(Fault.status(404));
        assertEquals(404, explain("library/app:1.0").getJsonObject("client").getInteger("status"));
        hot.heal();
        hot.fault(Fault.status(500));
        JsonObject found = explain("library/app:1.0");
        assertEquals("memory", found.getJsonObject("client").getString("from"));
        assertTrue(why(found).endsWith("instead of 503: hot is in trouble (answered 500) and cold has not got it"), why(found));
        assertEquals(200, mirror.get(image.path()).status());
    }

    @Test
    void anEditOfThePlanCountsAtOnce() throws Exception {
        Path plan = TestRoutes.copyTo(directory).resolve("plan.camel.yaml");
        mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms");
        cold.image("app", "1.0");
        assertEquals(List.of("hot", "cold"), plan(explain("old/app:1.0")));
        String sound = Files.readString(plan);
        Files.writeString(plan, sound + """
                    - choice:
                        when:
                          - expression: {simple: {expression: "${variable.repository} startsWith 'old/'"}}
                            steps:
                              - bean: {ref: plan, method: "withoutPrefix('old/')"}
                              - bean: {ref: plan, method: "ask('cold')"}
                          - expression: {simple: {expression: "${variable.client} == '10.1.2.3'"}}
                            steps:
                              - bean: {ref: plan, method: "ask('${variable.repository}')"}
                          - expression: {simple: {expression: "${variable.reference} == 'blocked'"}}
                            steps:
                              - bean: {ref: answer, method: denied}
                              - stop: {}
                          - expression: {simple: {expression: "${variable.reference} regex 'fails?'"}}
                            steps:
                              - throwException: {exceptionType: java.lang.IllegalStateException, message: no plan today}
            """);
        JsonObject found = explain("old/app:1.0");
        for (int i = 0; i < 1000 && plan(found).size() > 1; i++) {
            Thread.sleep(10);
            found = explain("old/app:1.0");
        }
        assertEquals(List.of("cold"), plan(found));
        assertEquals("app", registry(found, 0).getString("repository"));
        assertEquals("200 from cold", why(found));
        assertEquals(200, mirror.get("/v2/old/app/manifests/1.0").status());
        assertEquals("403: the route plan responds by itself, and no registry is asked", why(explain("app:blocked")));
        assertEquals(403, mirror.get("/v2/app/manifests/blocked").status());
        JsonObject unknown = explain("warm", "client", "10.1.2.3");
        assertEquals("503: the plan failed: /v2/warm/manifests/latest was not asked: no setting defines the registry warm", why(unknown));
        assertEquals(List.of(), plan(unknown));
        JsonObject failed = explain("app:fails");
        assertEquals("no plan today", failed.getJsonObject("plan").getString("failure"));
        assertEquals(500, failed.getJsonObject("client").getInteger("status"));
        assertEquals(500, mirror.get("/v2/app/manifests/fails").status());
    }

    /** Such a route may do anything; the registry itself is asked, and that is told. */
    @Test
    void tellsOfARouteThatItDoesNotRun() throws Exception {
        Path routes = TestRoutes.copyTo(directory);
        Files.writeString(routes.resolve("cold.camel.yaml"), """
                - route:
                    id: cold-is-away
                    from:
                      uri: direct:registry-cold
                      steps:
                        - bean: {ref: cold, method: prepare}
                        - setHeader: {name: CamelHttpResponseCode, expression: {constant: {expression: 503}}}
                        - bean: {ref: cold, method: trouble}
                """);
        mirror = TestMirror.startIn(directory, "HOT_URL", hot.url(), "COLD_URL", cold.url());
        assertEquals(List.of("Clients reach cold by a route of a file, direct:registry-cold, which an explanation does not run: it asks the registry itself."),
                explain("app").getJsonObject("request").getJsonArray("notes").getList());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "/explain | The parameter image is missing: name an image, such as image=library/nginx:1.27.",
        "/explain?image=+ | The parameter image is missing: name an image, such as image=library/nginx:1.27.",
        "/explain?image=Library/App | image=Library/App cannot be read: Library/App is no name of a repository, which has at most 255 characters, in parts of lower-case letters and digits joined by single periods, underscores, hyphens and slashes.",
        "/explain?image=app:-1 | image=app:-1 cannot be read: A tag has 1 to 128 letters, digits, underscores, periods and hyphens and starts with none of the last two.",
        "/explain?image=app@sha256:12 | image=app@sha256:12 cannot be read: ",
        "/explain?image=/v2/app/tags/list | image=/v2/app/tags/list cannot be read: of all paths, only those of manifests are, /v2/NAME/manifests/REFERENCE.",
        "/explain?image=app&namespace=no_host | namespace=no_host cannot be read: it is no host name such as docker.io.",
        "/explain?image=app&client=localhost | client=localhost cannot be read: it is no IP address.",
        "/explain?image=app&image=b | The parameter image is given more than once.",
        "/explain?image=app&ns=docker.io | The parameter ns is unknown: there are image, namespace, client and format.",
        "/explain?image=app&format=xml | The parameter format is text or json.",
        "/explain?image=%25zz%zz | The query cannot be read: a % is followed by two hexadecimal digits.",
        "/explain?image=a%0Ab | image=a b cannot be read: a b is no name of a repository, which"})
    void refusesBadInputWithOneSentence(String path, String sentence) throws Exception {
        start();
        String error;
        try (Wire wire = new Wire(mirror.managementPort())) {
            Wire.Answer answer = wire.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").answer();
            assertEquals(400, answer.status(), answer.body());
            error = new JsonObject(answer.body()).getString("error");
        }
        assertTrue(error.startsWith(sentence), error);
        assertEquals(List.of(), hot.calls("HEAD", Kind.MANIFEST));
    }

    @Test
    void textIsATableAndHasTheHeadersOfThePage() {
        start("MIRROR_CACHE_SIZE", "0");
        hot.image("library/app", "1.0");
        Reply page = mirror.management("/");
        for (Reply text : List.of(mirror.management("/explain?image=localhost:5000/library/app:1.0&format=text"), send("GET", "/explain?image=localhost:5000/library/app:1.0", "Accept", "text/plain"))) {
            assertEquals("text/plain; charset=utf-8", text.header("Content-Type"));
            for (String name : List.of("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control")) {
                assertEquals(page.header(name), text.header(name));
            }
            List<String> lines = text.text().lines().toList();
            assertEquals("image     library/app:1.0", lines.get(0));
            assertEquals("request   GET /v2/library/app/manifests/1.0", lines.get(1));
            assertEquals("note      localhost:5000 is taken for the address of this mirror and is left out of the name.", lines.get(2));
            assertEquals("REGISTRY  NAME THERE   ASKED  RESPONDS NOW", lines.get(4));
            assertTrue(lines.get(5).matches("hot       library/app  yes    200 sha256:[0-9a-f]{12}… \\(\\d+ ms\\)"), lines.get(5));
            assertTrue(lines.get(6).matches("cold      library/app  yes    404 \\(\\d+ ms\\)"), lines.get(6));
            assertEquals("memory    nothing", lines.get(8));
            assertEquals("client    gets 200 from hot", lines.get(9));
        }
        Reply bad = mirror.management("/explain?format=text&image=A");
        assertEquals(400, bad.status());
        assertEquals(1, bad.text().lines().count());
        Reply head = send("HEAD", "/explain?image=library/app:1.0");
        assertEquals(200, head.status());
        assertEquals(0, head.body().length);
        Reply post = send("POST", "/explain?image=library/app:1.0");
        assertEquals(405, post.status());
        assertEquals("GET, HEAD", post.header("Allow"));
        assertEquals(404, mirror.get("/explain?image=library/app:1.0").status());
    }

    /** A page of another site must not make the browser of an operator call the registries. */
    @Test
    void refusesARequestThatAnotherSiteMakesABrowserSend() {
        start("MIRROR_HEALTH_INTERVAL", "1h");
        hot.image("library/app", "1.0");
        Reply refused = send("GET", "/explain?image=library/app:1.0", "Sec-Fetch-Site", "cross-site");
        assertEquals(403, refused.status());
        assertEquals("A page of another site cannot ask for an explanation: use the field on the status page.", new JsonObject(refused.text()).getString("error"));
        assertEquals(List.of(), hot.calls("HEAD", Kind.MANIFEST));
        for (String site : List.of("same-origin", "none")) {
            assertEquals(200, send("GET", "/explain?image=library/app:1.0", "Sec-Fetch-Site", site).status());
        }
    }

    private Reply send(String method, String path, String... headers) {
        return new Reply(new TestClient().send(method, "http://127.0.0.1:" + mirror.managementPort() + path, headers));
    }

    @Test
    void atMostTwoAtATime() throws Exception {
        start("HOT_RESPONSE_TIMEOUT", "20s");
        CountDownLatch held = new CountDownLatch(1);
        hot.fault(Fault.heldUntil(held));
        List<CompletableFuture<HttpResponse<byte[]>>> two = IntStream.range(0, 2)
                .mapToObj(i -> CompletableFuture.supplyAsync(() -> send("GET", "/explain?image=library/app:1.0").response())).toList();
        for (int i = 0; i < 1000 && hot.calls("HEAD", Kind.MANIFEST).size() < 2; i++) {
            Thread.sleep(10);
        }
        Reply third = mirror.management("/explain?image=library/app:1.0");
        assertEquals(503, third.status());
        assertEquals("The mirror is making 2 other explanations; try again in some seconds.", new JsonObject(third.text()).getString("error"));
        held.countDown();
        for (CompletableFuture<HttpResponse<byte[]>> one : two) {
            assertEquals(200, one.get().statusCode());
        }
        assertEquals(200, mirror.management("/explain?image=library/app:1.0").status());
    }
}
