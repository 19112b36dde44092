package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Call;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestClient;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TestStorage;
import io.mirrorregistry.testing.TokenService;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which refusals of a registry mean "not here", and which mean somebody in between, or our account. */
class RefusalTest {

    private static final String[] ACCOUNT = {"HOT_USERNAME", "reader", "HOT_PASSWORD", "hunter2"};
    private static final String[] MEMORY = {"MIRROR_CACHE_SIZE", "10MB", "MIRROR_CACHE_TAG_TTL", "1ms", "MIRROR_CACHE_MISS_TTL", "10s"};

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TokenService tokens = TokenService.start();
    private final Image image = hot.image("library/app", "1.0");
    private final Image none = Image.of("none", "library/none", "1.0", 1);
    private TestMirror mirror;

    @AfterEach
    void stop() {
        hot.close();
        cold.close();
        tokens.close();
        mirror.close();
    }

    private void start(String[]... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url()));
        for (String[] pairs : more) {
            settings.addAll(List.of(pairs));
        }
        mirror = TestMirror.start(settings.toArray(String[]::new));
        // Until both were probed, the mirror has not seen what shows a registry.
        await(() -> !mirror.management("/observe/health").text().contains("not asked yet"));
    }

    private static void await(BooleanSupplier condition) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < end, "waited for 20 s");
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
    }

    /** Everything that can be asked for of an image. */
    private static List<String> paths(Image image) {
        String repository = image.path().replaceFirst("/manifests/.*", "");
        return List.of(image.path(), image.pathByDigest(), image.path(image.layers().get(0)), repository + "/tags/list", repository + "/referrers/" + image.digest());
    }

    /** GET and HEAD of everything but the referrers, which nobody has, so that they are empty; asserts the status. */
    private void assertAll(Image asked, int status) {
        List<String> paths = paths(asked);
        for (String path : paths.subList(0, status == 404 ? 4 : 5)) {
            for (String method : List.of("GET", "HEAD")) {
                Reply reply = mirror.send(method, path);
                assertEquals(status, reply.status(), method + " " + path + " " + reply.text());
                if (status == 503) {
                    assertNotNull(reply.header("Retry-After"), method + " " + path);
                }
            }
        }
    }

    private void assertColdServes() {
        cold.put(none);
        for (String path : paths(none)) {
            assertTrue(List.of(200, 307).contains(mirror.get(path).status()), path);
            assertEquals(200, mirror.head(path).status(), path);
        }
    }

    // Somebody in between

    @ParameterizedTest
    @CsvSource({"200, text/html", "401, text/html", "403, text/html", "403, TEXT/HTML; charset=utf-8", "403, application/xhtml+xml"})
    void aWebPageIsTrouble(int status, String type) {
        start();
        hot.fault(Fault.html(status, type));
        assertAll(image, 503);
        assertAll(none, 503);
        assertColdServes();
        mirror.awaitNoneLeased("hot");
    }

    @Test
    void aWebPageForAccountsIsTroubleToo() {
        hot.requireBasic("reader", "hunter2");
        start(ACCOUNT);
        assertEquals(200, mirror.get(image.path()).status());
        hot.fault(Fault.html(403, "text/html"));
        assertAll(image, 503);
        hot.heal();
        hot.requireBearer(tokens);
        hot.fault(Fault.html(403, "text/html"));
        assertAll(image, 503);
    }

    @Test
    void aWebPageForReferrersLeadsToTheirTag() {
        hot.noReferrersApi();
        hot.referrer("library/app", image, "application/signature");
        start();
        String referrers = paths(image).get(4);
        hot.fault(Fault.html(200, "text/html").on(Kind.REFERRERS));
        for (int status : new int[] {200, 401, 403, 404}) {
            hot.heal();
            hot.fault(Fault.html(status, "text/html").on(Kind.REFERRERS));
            Reply reply = mirror.get(referrers);
            assertEquals(200, reply.status());
            assertTrue(reply.text().contains("application/signature"), reply.text());
            assertNull(reply.header("Warning"));
        }
        hot.heal();
        hot.fault(Fault.defaultBackend().on(Kind.REFERRERS));
        assertTrue(mirror.get(referrers).text().contains("application/signature"));
        mirror.awaitNoneLeased("hot");
    }

    @Test
    void webPagesOpenTheBreaker() {
        start(new String[] {"MIRROR_BREAKER_CALLS", "6", "MIRROR_BREAKER_MINIMUM_CALLS", "3", "MIRROR_BREAKER_PROBE_INTERVAL", "1h"});
        hot.fault(Fault.html(403, "text/html"));
        for (int i = 0; i < 6; i++) {
            assertEquals(503, mirror.get(image.path()).status());
        }
        assertEquals(3, hot.calls("GET", Kind.MANIFEST).size());
    }

    @Test
    void aBare404OfARegistryIsTrouble() {
        start();
        assertAll(none, 404);
        hot.fault(Fault.defaultBackend());
        assertAll(image, 503);
        assertAll(none, 503);
        assertColdServes();
    }

    @Test
    void aWebPage404OfARegistryIsTrouble() {
        start();
        hot.fault(Fault.html(404, "text/html"));
        assertAll(image, 503);
    }

    @Test
    void aRegistryIsKnownByTheErrorsThatItHasShown() {
        // Whatever their type, and without the header.
        hot.fault(Fault.instead((call, answer) -> answer.without("Docker-Distribution-Api-Version")),
                Fault.instead((call, answer) -> answer.status() < 400 ? answer : answer.with("Content-Type", "text/plain")));
        start();
        List<String> asked = List.of(none.path(), none.pathByDigest(), paths(none).get(3));
        asked.forEach(path -> assertEquals(404, mirror.get(path).status(), path));
        hot.fault(Fault.defaultBackend());
        asked.forEach(path -> assertEquals(503, mirror.get(path).status(), path));
    }

    @Test
    void aStaticFileServerMaySay404AsItLikes() {
        hot.staticFiles();
        start();
        assertEquals(200, mirror.get(image.path()).status());
        assertAll(none, 404);
        hot.fault(Fault.html(404, "text/html"));
        assertAll(none, 404);
    }

    /** What a storage says is not what the registry says, neither of itself nor of what it has. */
    @Test
    void redirectedAnswersShowNoRegistry() {
        try (TestRegistry storage = TestRegistry.start("storage")) {
            hot.staticFiles();
            hot.fault(Fault.redirect(307, storage.url() + "/v2/library/app/manifests/none").path(image.path()));
            start();
            assertEquals(404, mirror.get(image.path()).status());
            assertEquals(404, mirror.get(none.path()).status());
        }
    }

    @Test
    void aRefusalOfAStorageIsTrouble() {
        try (TestStorage storage = TestStorage.start()) {
            storage.fault(Fault.instead((call, answer) -> Answer.of(403, "application/xml", "<Error><Code>AccessDenied</Code></Error>")));
            hot.fault(Fault.redirect(307, storage.url() + "/storage/x").on(Kind.MANIFEST));
            start();
            assertEquals(503, mirror.get(image.path()).status());
        }
    }

    // Our account

    @ParameterizedTest
    @ValueSource(ints = {401, 403})
    void anAccountThatHasEndedIsTrouble(int status) {
        hot.requireBasic("reader", "hunter2");
        start(ACCOUNT, MEMORY);
        assertEquals(200, mirror.get(image.path()).status());
        assertEquals(404, mirror.get("/v2/library/other/manifests/1").status());
        hot.requireBasic("reader", "another").unauthorized(status);

        for (String method : List.of("GET", "HEAD", "GET")) {
            Reply stale = mirror.send(method, image.path());
            assertEquals(200, stale.status());
            assertTrue(stale.header("Warning").startsWith("299"), stale.header("Warning"));
        }
        for (String path : List.of(image.path(image.layers().get(0)), paths(image).get(3), paths(image).get(4))) {
            assertEquals(503, mirror.get(path).status(), path);
            assertEquals(503, mirror.head(path).status(), path);
        }
        assertAll(none, 503);
        assertColdServes();

        hot.requireBasic("reader", "hunter2");
        await(() -> mirror.get(image.path()).header("Warning") == null);
        assertEquals(404, mirror.get("/v2/library/another/manifests/1").status());
    }

    /** Asked anew for each, lest a question before the end of the account counts. */
    @Test
    void anAccountThatEndsRightAfterItWasAcceptedIsTrouble() {
        hot.requireBasic("reader", "hunter2").missing(401);
        start(ACCOUNT, MEMORY);
        assertEquals(200, mirror.get(image.path()).status());
        assertEquals(404, mirror.get(none.path()).status());
        hot.requireBasic("reader", "another");
        Reply stale = mirror.get(image.path());
        assertEquals(200, stale.status());
        assertNotNull(stale.header("Warning"));
        assertEquals(503, mirror.get("/v2/library/app/manifests/unknown").status());
    }

    @Test
    void anAccountThatHasEndedIsNotAskedAboutForEachPull() {
        hot.requireBasic("reader", "hunter2");
        start(ACCOUNT);
        assertEquals(200, mirror.get(image.path()).status());
        hot.requireBasic("reader", "another");
        hot.forget();
        long begin = System.nanoTime();
        for (int i = 0; i < 20; i++) {
            assertEquals(503, mirror.get(image.path()).status());
        }
        long most = 1 + TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begin) / 5;
        assertTrue(hot.calls("GET", Kind.PING).size() <= most, hot.calls("GET", Kind.PING).size() + " questions");
    }

    @ParameterizedTest
    @ValueSource(ints = {401, 403})
    void refusalsOfAGoodAccountAreNotHere(int status) {
        hot.requireBasic("reader", "hunter2").missing(status);
        start(ACCOUNT);
        assertEquals(200, mirror.get(image.path()).status());
        hot.forget();
        assertAll(none, 404);
        assertEquals(1, hot.calls("GET", Kind.PING).size());
        assertEquals(200, mirror.get(paths(none).get(4)).status());
        assertEquals(404, mirror.get("/v2/library/app/manifests/none").status());
        assertColdServes();
    }

    @ParameterizedTest
    @ValueSource(ints = {401, 403})
    void soAreThoseOfAnOpenRegistry(int status) {
        hot.missing(status);
        start();
        assertAll(none, 404);
    }

    @ParameterizedTest
    @ValueSource(ints = {401, 403, 404})
    void soAreThoseAfterAToken(int status) {
        hot.requireBearer(tokens).missing(status);
        // As some registries do, which give tokens for repositories only.
        hot.fault(Fault.status(401).on(Kind.PING));
        start();
        hot.forget();
        assertAll(none, 404);
        assertEquals(0, hot.calls("GET", Kind.PING).size());
        assertEquals(200, mirror.get(image.path()).status());
    }

    @Test
    void aTokenServiceThatRefusesOurAccountIsTrouble() {
        tokens.requireAccount("reader", "another");
        hot.requireBearer(tokens);
        start(ACCOUNT);
        assertAll(image, 503);
        assertAll(none, 503);
    }

    @ParameterizedTest
    @ValueSource(ints = {401, 403})
    void aRegistryThatWantsAnAccountIsTroubleAndOneLineSaysSo(int status) {
        hot.requireBasic("reader", "hunter2").unauthorized(status);
        try (LogLines log = LogLines.of("io.mirrorregistry.registry")) {
            start(new String[] {"MIRROR_LOGGING_LEVEL", "warn"});
            assertAll(image, 503);
            assertAll(none, 503);
            assertColdServes();
            assertEquals(1, log.lines().size(), log.lines().toString());
            String line = log.lines().get(0);
            assertTrue(line.contains("mirror.registry.hot.username") && line.contains("mirror.registry.hot.password")
                    && line.contains("mirror.registry.hot.password-file"), line);
        }
    }

    /** Where everybody may ask for the version, a challenge for the image tells. */
    @Test
    void aRegistryThatWantsAnAccountForImagesOnlyIsTrouble() {
        hot.requireBasic("reader", "hunter2");
        hot.fault(Fault.instead((call, answer) -> Answer.of(200)).on(Kind.PING));
        start();
        assertAll(image, 503);
    }

    @Test
    void eachEndOfAnAccountIsLoggedOnce() {
        hot.requireBasic("reader", "hunter2");
        try (LogLines log = LogLines.of("io.mirrorregistry.registry")) {
            start(ACCOUNT, new String[] {"MIRROR_LOGGING_LEVEL", "warn"});
            for (int i = 1; i <= 2; i++) {
                hot.requireBasic("reader", "hunter2");
                await(() -> mirror.get(image.path()).status() == 200);
                assertEquals(i - 1, log.lines().size(), log.lines().toString());
                hot.requireBasic("reader", "another");
                int ends = i;
                // The second time, what was found the first time is believed for some seconds.
                await(() -> mirror.get(image.path()).status() == 503 && log.lines().size() == ends);
                for (int pull = 0; pull < 5; pull++) {
                    assertEquals(503, mirror.get(image.path()).status());
                }
                assertEquals(i, log.lines().size(), log.lines().toString());
            }
        }
    }

    /** An account that is refused is no outage: the registry is asked as soon as the account is good again. */
    @Test
    void aRefusedAccountDoesNotOpenTheBreaker() {
        hot.requireBasic("reader", "another");
        start(ACCOUNT, new String[] {"MIRROR_BREAKER_CALLS", "6", "MIRROR_BREAKER_MINIMUM_CALLS", "3", "MIRROR_BREAKER_PROBE_INTERVAL", "1h"});
        for (int i = 0; i < 10; i++) {
            assertEquals(503, mirror.get(image.path()).status());
        }
        hot.requireBasic("reader", "hunter2");
        assertEquals(200, mirror.get(image.path()).status());
    }

    @Test
    void manyPullsShareOneQuestionAndWaitNoLongerThanTheirTime() throws Exception {
        hot.missing(403);
        CountDownLatch held = new CountDownLatch(1);
        start(new String[] {"HOT_RESPONSE_TIMEOUT", "2s", "HOT_PATIENCE", "0"});
        hot.awaitCalls(1);
        hot.forget();
        hot.fault(Fault.heldUntil(held).on(Kind.PING));
        HttpClient clients = HttpClient.newHttpClient();
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            pulls.add(clients.sendAsync(TestClient.request("GET", mirror.url() + "/v2/library/none-" + i + "/manifests/1", Duration.ofSeconds(30)),
                    HttpResponse.BodyHandlers.ofByteArray()));
        }
        await(() -> hot.calls("GET", Kind.MANIFEST).size() == 10 && hot.calls("GET", Kind.PING).size() == 1);
        // Those who need no answer do not wait.
        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(503, pull.get(10, TimeUnit.SECONDS).statusCode());
        }
        held.countDown();
        assertEquals(1, hot.calls("GET", Kind.PING).stream().map(Call::path).count());
        hot.heal();
        await(() -> mirror.get("/v2/library/none/manifests/1").status() == 404);
    }

    /** A question that was asked after the last of them began serves all that wait. */
    @Test
    void manyServedRepositoriesThatAreRefusedAtOnceShareQuestions() throws Exception {
        List<Image> images = IntStream.range(0, 40).mapToObj(i -> hot.image("library/app-" + i, "1.0")).toList();
        start(new String[] {"HOT_RESPONSE_TIMEOUT", "10s"});
        images.forEach(served -> assertEquals(200, mirror.get(served.path()).status()));
        // Makes known what /v2/ says to calls that present nothing.
        hot.missing(403);
        assertEquals(404, mirror.get(none.path()).status());
        hot.fault(Fault.status(403).on(Kind.MANIFEST), Fault.delay(Duration.ofMillis(500)).on(Kind.PING));
        hot.forget();
        HttpClient clients = HttpClient.newHttpClient();
        long begin = System.nanoTime();
        List<CompletableFuture<HttpResponse<byte[]>>> pulls = images.stream().map(served -> clients.sendAsync(TestClient.request("GET",
                mirror.url() + served.path(), Duration.ofSeconds(30)), HttpResponse.BodyHandlers.ofByteArray())).toList();
        await(() -> hot.calls("GET", Kind.MANIFEST).size() == images.size());
        long most = 2 + (System.nanoTime() - begin) / TimeUnit.MILLISECONDS.toNanos(500);
        for (CompletableFuture<HttpResponse<byte[]>> pull : pulls) {
            assertEquals(404, pull.get(20, TimeUnit.SECONDS).statusCode());
        }
        int asked = hot.calls("GET", Kind.PING).size();
        assertTrue(asked <= most, asked + " questions, expected at most " + most);
    }
}
