package io.mirrorregistry.warm;

import static io.mirrorregistry.warm.WarmServer.error;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.warm.queue.CopyRequest;
import io.mirrorregistry.warm.queue.State;
import io.vertx.core.json.JsonObject;
import java.net.http.HttpResponse;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code /warm} over real HTTP. */
class WarmPageTest {

    private final FakeQueue queue = new FakeQueue();
    private final WarmServer server = new WarmServer(queue);

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void takesAnImage() {
        HttpResponse<String> response = server.ask("{\"image\":\"team/app:1\",\"platforms\":[\"linux/amd64\",\"linux/arm/v7\"]}");
        assertEquals(202, response.statusCode(), response.body());
        assertEquals("/warm/1", response.headers().firstValue("Location").orElse(null));
        assertEquals("application/json", response.headers().firstValue("Content-Type").orElse(null));
        assertEquals("no-store", response.headers().firstValue("Cache-Control").orElse(null));
        assertEquals(new JsonObject("""
                {"id": 1, "image": "team/app:1", "destination": {"registry": "hot", "repository": "team/app"}, "reference": "1", "digest": null, "tags": [],
                 "sources": [{"registry": "cold", "repository": "team/app"}], "platforms": ["linux/amd64", "linux/arm/v7"], "origin": "asked", "state": "waiting",
                 "attempts": 0, "notBefore": "2026-03-01T10:00:00Z", "created": "2026-03-01T10:00:00Z", "started": null, "finished": null,
                 "bytesDone": 0, "bytesTotal": 0, "reason": null, "message": null}"""), new JsonObject(response.body()));
        assertEquals(202, server.send("POST", "/warm", "{\"image\":\"team/app\"}", "Content-Type", "Application/JSON; charset=utf-8").statusCode());
    }

    @Test
    void showsTheQueue() {
        server.ask("{\"image\":\"team/app:1\"}");
        server.ask("{\"image\":\"team/app:2\"}");
        server.ask("{\"image\":\"team/app:3\"}");
        queue.run(1, 12, 100);
        queue.end(2, State.FAILED, "throttled", "GET /v2/ 429");
        server.ask("{\"image\":\"team/app:4\"}");
        server.ask("{\"image\":\"team/app:5\"}");
        queue.end(4, State.PARTIAL, "refused", "PUT 400");
        queue.end(5, State.DONE, null, null);
        queue.pause(new Overview.Pause("hot", Instant.parse("2026-03-01T10:05:00Z"), "it responded 429"));
        JsonObject found = new JsonObject(server.get("/warm").body());
        assertEquals(new JsonObject("{'waiting':1,'running':1,'done':1,'partial':1,'failed':1,'cancelled':0}".replace('\'', '"')), found.getJsonObject("counts"));
        assertEquals("team/app:3", found.getJsonArray("waiting").getJsonObject(0).getString("image"));
        assertEquals(12, found.getJsonArray("running").getJsonObject(0).getInteger("bytesDone"));
        assertNotNull(found.getJsonArray("running").getJsonObject(0).getString("digest"));
        assertEquals(List.of(2, 4), found.getJsonArray("failed").stream().map(item -> ((JsonObject) item).getInteger("id")).toList());
        assertEquals(List.of(5), found.getJsonArray("finished").stream().map(item -> ((JsonObject) item).getInteger("id")).toList());
        JsonObject failed = found.getJsonArray("failed").getJsonObject(0);
        assertEquals("throttled: GET /v2/ 429", failed.getString("reason") + ": " + failed.getString("message"));
        assertEquals(new JsonObject("{'registry':'hot','until':'2026-03-01T10:05:00Z','why':'it responded 429'}".replace('\'', '"')),
                found.getJsonArray("pauses").getJsonObject(0));
        long oldest = Instant.parse(found.getString("time")).getEpochSecond() - FakeQueue.CREATED.getEpochSecond();
        assertEquals(oldest, found.getLong("oldestSeconds"));
        assertNull(found.getString("problem"));
        HttpResponse<String> head = server.send("HEAD", "/warm", "");
        assertEquals(200, head.statusCode());
        assertEquals("", head.body());
    }

    @Test
    void showsAndCancelsAnItem() {
        server.ask("{\"image\":\"team/app:1\"}");
        assertEquals("waiting", new JsonObject(server.get("/warm/1").body()).getString("state"));
        HttpResponse<String> cancelled = server.send("DELETE", "/warm/1", "");
        assertEquals(200, cancelled.statusCode());
        assertEquals("cancelled", new JsonObject(cancelled.body()).getString("state"));
        assertEquals("cancelled", new JsonObject(server.get("/warm/1").body()).getString("state"));
        assertEquals("There is no item 2.", error(404, server.get("/warm/2")));
        assertEquals("There is no item 2.", error(404, server.send("DELETE", "/warm/2", "")));
        for (String id : List.of("x", "-1", "1234567890123456789", "1%2F2")) {
            assertEquals("The path of an item ends with its number, such as /warm/17.", error(404, server.get("/warm/" + id)), id);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "'' | The body is no JSON object",
        "{ | The body is no JSON object",
        "[\"team/app\"] | The body is no JSON object",
        "{\"image\":\"a\"} x | The body is no JSON object",
        "{} | The member image is a name",
        "{\"image\":null} | The member image is a name",
        "{\"image\":7} | The member image is a name",
        "{\"image\":\" \"} | The member image is a name",
        "{\"image\":\"a\",\"wait\":true} | The member wait is unknown: there are image and platforms.",
        "{\"image\":\"a\",\"platforms\":\"linux/amd64\"} | The member platforms is a list",
        "{\"image\":\"a\",\"platforms\":null} | The member platforms is a list",
        "{\"image\":\"a\",\"platforms\":[7]} | 7 is no platform: a platform is OS/ARCHITECTURE",
        "{\"image\":\"a\",\"platforms\":[\"linux\"]} | linux is no platform: a platform is OS/ARCHITECTURE",
        "{\"image\":\"a\",\"platforms\":[\"linux/x86_64\"]} | linux/x86_64 is no platform: images say linux/amd64.",
        "{\"image\":\"UPPER\"} | UPPER is no name of an image."})
    void refusesBadInputWithOneSentence(String body, String sentence) {
        String error = error(400, server.ask(body));
        assertTrue(error.startsWith(sentence), error);
        assertEquals(404, server.get("/warm/1").statusCode());
    }

    @Test
    void refusesABodyThatIsTooLong() {
        String name = "{\"image\":\"" + "a".repeat(WarmPage.MOST_BYTES - 12) + "\"}";
        assertEquals(WarmPage.MOST_BYTES, name.length());
        assertFalse(error(400, server.ask("{\"image\":\"A" + "a".repeat(WarmPage.MOST_BYTES - 13) + "\"}")).startsWith("The body has more"));
        assertEquals("The body has more than 65536 bytes.", error(400, server.ask(name + " ")));
        assertEquals("The body has more than 65536 bytes.", error(400, server.ask(name + " ".repeat(500_000))));
        String platforms = "\"linux/amd64\",".repeat(CopyRequest.MOST_PLATFORMS) + "\"linux/amd64\"";
        assertTrue(error(400, server.ask("{\"image\":\"a\",\"platforms\":[" + platforms + "]}")).startsWith("The member platforms is a list of at most 50"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"application/x-www-form-urlencoded", "text/plain", "application/jsonp"})
    void refusesContentTypesOfForms(String type) {
        assertEquals("The body is JSON, with Content-Type: application/json.", error(415, server.send("POST", "/warm", "{\"image\":\"a\"}", "Content-Type", type)));
        error(415, server.send("POST", "/warm", "{\"image\":\"a\"}"));
        assertEquals(404, server.get("/warm/1").statusCode());
    }

    @Test
    void refusesRequestsOfPagesOfOtherSites() {
        server.ask("{\"image\":\"a\"}");
        error(403, server.send("POST", "/warm", "{\"image\":\"b\"}", "Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"));
        error(403, server.send("GET", "/warm", "", "Sec-Fetch-Site", "cross-site"));
        error(403, server.send("DELETE", "/warm/1", "", "Sec-Fetch-Site", "cross-site"));
        assertEquals("waiting", new JsonObject(server.send("GET", "/warm/1", "", "Sec-Fetch-Site", "same-origin").body()).getString("state"));
        assertEquals(404, server.get("/warm/2").statusCode());
    }

    @Test
    void refusesOtherMethods() {
        for (String method : List.of("PUT", "DELETE", "PATCH")) {
            HttpResponse<String> response = server.send(method, "/warm", "");
            error(405, response);
            assertEquals("GET, HEAD, POST", response.headers().firstValue("Allow").orElse(null));
        }
        HttpResponse<String> response = server.send("POST", "/warm/1", "{}", "Content-Type", "application/json");
        error(405, response);
        assertEquals("GET, HEAD, DELETE", response.headers().firstValue("Allow").orElse(null));
    }

    @Test
    void saysThatTheDatabaseIsAway() {
        queue.away("The database at db:5432 refuses connections.");
        for (HttpResponse<String> response : List.of(server.ask("{\"image\":\"a\"}"), server.get("/warm/1"), server.send("DELETE", "/warm/1", ""))) {
            assertEquals("The database at db:5432 refuses connections.", error(503, response));
            assertEquals("5", response.headers().firstValue("Retry-After").orElse(null));
        }
        JsonObject overview = new JsonObject(server.get("/warm").body());
        assertEquals("The database at db:5432 refuses connections.", overview.getString("problem"));
        assertNull(overview.getJsonObject("counts"));
        assertEquals(3, overview.getInteger("dropped"));
        queue.away(null);
        queue.fail(new IllegalStateException("secret"));
        assertEquals("The request failed; see the log.", error(500, server.get("/warm")));
    }

    /** While calls wait for the database, the event loop still responds. */
    @Test
    @Timeout(30)
    void refusesCallsWhenTooManyWait() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        queue.hold(held);
        List<CompletableFuture<HttpResponse<String>>> waiting = new ArrayList<>();
        try {
            HttpResponse<String> refused = null;
            while (refused == null) {
                waiting.add(server.sendAsync("GET", "/warm/1"));
                refused = waiting.stream().filter(CompletableFuture::isDone).findFirst().map(CompletableFuture::join).orElse(null);
                TimeUnit.MILLISECONDS.sleep(5);
            }
            assertEquals("Too many requests wait for the queue of copies; try again in some seconds.", error(503, refused));
            assertTrue(waiting.size() > WarmPage.MOST_CALLS, () -> waiting.size() + " requests");
            assertEquals(405, server.send("PUT", "/warm", "").statusCode());
        } finally {
            held.countDown();
        }
        for (CompletableFuture<HttpResponse<String>> one : waiting) {
            assertTrue(List.of(404, 503).contains(one.get().statusCode()));
        }
        assertEquals("There is no item 1.", error(404, server.get("/warm/1")));
    }

    @Test
    void namesTheSettingWhileNothingIsCopied() {
        try (WarmServer off = new WarmServer(null)) {
            for (HttpResponse<String> response : List.of(off.ask("{\"image\":\"a\"}"), off.get("/warm"), off.get("/warm/1"))) {
                assertEquals("Nothing is copied: mirror.warm.to is not set. It names the registry to which images are copied.", error(404, response));
            }
        }
    }
}
