package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Answer;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Copying pauses at a registry that throttles, that says that few requests are left, or that is away. */
@Timeout(60)
class WarmPauseTest {

    private final WarmSetup setup = new WarmSetup();
    private final TestRegistry far = TestRegistry.start("far");

    @AfterEach
    void stop() {
        setup.close();
        far.close();
    }

    /** Two registries to copy from, each for names of its own; one copy at a time. */
    private void start(String... more) {
        String[] all = new String[more.length + 6];
        System.arraycopy(new String[] {"FAR_URL", far.url(), "MIRROR_PLAN", "hot,cold,far", "MIRROR_WARM_PARALLEL", "1"}, 0, all, 0, 6);
        System.arraycopy(more, 0, all, 6, more.length);
        setup.start(all);
    }

    private JsonObject pause(String registry) {
        return setup.overview().getJsonArray("pauses").stream().map(JsonObject.class::cast).filter(pause -> pause.getString("registry").equals(registry)).findFirst().orElse(null);
    }

    private static Duration until(JsonObject pause) {
        return Duration.between(Instant.now(), Instant.parse(pause.getString("until")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"a blob", "a manifest"})
    void pausesAtASourceThatThrottles(String what) {
        Image first = setup.cold.image("team/first", "1");
        setup.cold.image("team/second", "1");
        Image other = far.image("team/other", "1");
        setup.cold.fault(Fault.status(429, Duration.ofSeconds(600)).path(what.equals("a blob") ? first.path(first.layers().get(0)) : first.path()));
        start();

        long throttled = setup.ask("team/first:1");
        JsonObject item = setup.awaitReason(throttled, "throttled");
        long waits = setup.ask("team/second:1");
        long served = setup.ask("team/other@" + other.digest());

        setup.awaitState(served, "done");
        assertNotNull(setup.hot.manifest("team/other", other.digest().value()));
        assertEquals("waiting", setup.item(waits).getString("state"));
        assertEquals(0, setup.item(waits).getInteger("attempts"));
        assertEquals(0, item.getInteger("attempts"));
        JsonObject pause = pause("cold");
        assertTrue(until(pause).toSeconds() > 500 && until(pause).toSeconds() <= 600, pause::encode);
        assertEquals(0, setup.cold.calls("GET", "/v2/team/second/manifests/1").size());
    }

    /** As with a limit for each repository. */
    @Test
    void anImageThatIsAlwaysThrottledKeepsNoOtherBack() {
        Image first = setup.cold.image("team/first", "1");
        Image second = setup.cold.image("team/second", "1");
        setup.cold.fault(Fault.status(429).path(first.path()));
        start("MIRROR_PLAN", "hot,cold");

        long throttled = setup.ask("team/first:1");
        setup.awaitReason(throttled, "throttled");
        setup.awaitState(setup.ask("team/second:1"), "done");
        setup.assertCopied(second);
        assertEquals(0, setup.item(throttled).getInteger("attempts"));
    }

    @Test
    void anImageThatTheDestinationFailsAtKeepsNoOtherBack() {
        setup.cold.image("team/bad", "1");
        setup.hot.refuse("PUT", "team/bad/manifests", 99, 500, Map.of(), "");
        start();
        long bad = setup.ask("team/bad:1");
        setup.awaitReason(bad, "trouble");

        for (int i = 0; i < 3; i++) {
            setup.cold.image("team/good-" + i, "1");
            setup.awaitState(setup.ask("team/good-" + i + ":1"), "done");
        }

        JsonObject item = WarmSetup.await("two attempts", () -> setup.item(bad), found -> found.getInteger("attempts") > 1);
        assertEquals("trouble", item.getString("reason"));
        assertNull(pause("hot"));
    }

    @Test
    void pausesAtADestinationThatFailsAtSeveralImages() {
        Image first = setup.cold.image("team/first", "1");
        Image second = setup.cold.image("team/second", "1");
        setup.hot.refuse("PUT", "/manifests/", 99, 500, Map.of(), "");
        start();
        setup.ask("team/first:1");
        JsonObject item = setup.awaitReason(setup.ask("team/second:1"), "away");
        assertNotNull(pause("hot"));
        assertEquals(0, item.getInteger("attempts"));

        setup.hot.heal();

        setup.assertCopied(first);
        setup.assertCopied(second);
    }

    @Test
    void copiesTheSignaturesOfTheSourceThatHasTheImageThoughItsBlobsComeFromAnother() {
        Image image = setup.cold.image("team/app", "1");
        Image signature = setup.cold.referrer("team/app", image, "application/vnd.example.signature");
        far.put(image);
        setup.cold.remove("team/app", image.layers().get(1).digest().value());
        start();

        setup.awaitState(setup.ask("team/app:1"), "done");

        setup.assertCopied(image);
        assertNotNull(setup.hot.manifest("team/app", signature.digest().value()));
    }

    @Test
    void continuesAfterThePause() {
        Image image = setup.cold.image("team/app", "1");
        setup.cold.fault(Fault.status(429, Duration.ofSeconds(1)).on(Kind.BLOB).times(1));
        start();

        assertEquals(0, setup.awaitState(setup.ask("team/app:1"), "done").getInteger("attempts"));

        setup.assertCopied(image);
        assertNull(pause("cold"));
    }

    @ParameterizedTest
    @CsvSource({"POST, uploads/$", "PUT, manifests", "HEAD, blobs", "PUT, uploads/"})
    void pausesAtADestinationThatThrottles(String method, String path) {
        setup.cold.image("team/app", "1");
        start();
        setup.hot.refuse(method, path, 1, 429, Map.of("Retry-After", "300"), "");

        JsonObject item = setup.awaitReason(setup.ask("team/app:1"), "throttled");
        setup.cold.forget();
        long next = setup.ask("team/app:1");

        assertEquals(0, item.getInteger("attempts"));
        assertTrue(until(pause("hot")).toSeconds() > 250);
        assertEquals("waiting", setup.item(next).getString("state"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"none", "0"})
    void pausesLongerEachTimeWithoutAUsefulRetryAfter(String retryAfter) {
        setup.cold.image("team/app", "1");
        setup.cold.fault((retryAfter.equals("0") ? Fault.status(429, Duration.ZERO) : Fault.status(429)).on(Kind.MANIFEST));
        start();

        JsonObject item = setup.awaitReason(setup.ask("team/app:1"), "throttled");

        Instant before = Instant.parse(item.getString("notBefore"));
        Duration first = Duration.between(Instant.parse(item.getString("started")), before);
        assertTrue(first.toMillis() >= 1900 && Duration.between(Instant.now(), before).toMillis() <= 2000, item::encode);
        JsonObject later = WarmSetup.await("the second attempt", () -> setup.item(item.getLong("id")), again -> again.getString("notBefore") != null
                && Instant.parse(again.getString("notBefore")).isAfter(before.plusSeconds(1)));
        Duration second = Duration.between(before, Instant.parse(later.getString("notBefore")));
        assertTrue(second.toMillis() >= 3900, second::toString);
        assertEquals(0, later.getInteger("attempts"));
        assertTrue(setup.cold.calls("GET", "/v2/team/app/manifests/1").size() <= 3);
    }

    @Test
    void leavesASourceAloneThatThrottlesWhileAnotherServes() {
        Image first = far.image("team/first", "1");
        Image second = far.image("team/second", "1");
        setup.cold.fault(Fault.status(429, Duration.ofSeconds(600)).where(call -> call.kind() != Kind.PING));
        start();
        setup.awaitState(setup.ask("team/first@" + first.digest()), "done");
        setup.cold.forget();

        setup.awaitState(setup.ask("team/second@" + second.digest()), "done");

        assertEquals(0, setup.cold.calls().stream().filter(call -> call.kind() != Kind.PING).count());
        assertNotNull(pause("cold"));
    }

    @ParameterizedTest
    @CsvSource({"100;w=21600, 20;w=21600, , 2000, 2160", "100, 29, , 300, 360", "100, 10, 77, 60, 77", "60, 1, epoch, 80, 100"})
    void pausesAfterTheItemIfFewRequestsAreLeft(String limit, String remaining, String reset, int least, int most) {
        Image image = setup.cold.image("team/app", "1");
        setup.cold.image("team/next", "1");
        setup.cold.fault(Fault.spoil(answer -> {
            Answer limited = answer.with("RateLimit-Limit", limit).with("RateLimit-Remaining", remaining);
            return reset == null ? limited : limited.with("RateLimit-Reset", reset.equals("epoch") ? String.valueOf(Instant.now().getEpochSecond() + 100) : reset);
        }).on(Kind.MANIFEST));
        start("MIRROR_PLAN", "hot,cold");

        setup.awaitState(setup.ask("team/app:1"), "done");
        long next = setup.ask("team/next:1");

        setup.assertCopied(image);
        JsonObject pause = pause("cold");
        assertNotNull(pause);
        assertTrue(until(pause).toSeconds() >= least && until(pause).toSeconds() <= most, pause::encode);
        assertEquals("waiting", setup.item(next).getString("state"));
    }

    @ParameterizedTest
    @CsvSource({"100;w=21600, 30;w=21600", "100, many", "0, 0", "many, 1"})
    void doesNotPauseWhileEnoughRequestsAreLeft(String limit, String remaining) {
        setup.cold.image("team/app", "1");
        setup.cold.fault(Fault.spoil(answer -> answer.with("RateLimit-Limit", limit).with("RateLimit-Remaining", remaining)).on(Kind.MANIFEST));
        start();

        setup.awaitState(setup.ask("team/app:1"), "done");

        assertNull(pause("cold"));
    }

    @Test
    void pausesWhileACircuitBreakerIsOpen() {
        Image image = setup.cold.image("team/app", "1");
        start("MIRROR_BREAKER_CALLS", "4", "MIRROR_BREAKER_MINIMUM_CALLS", "4", "MIRROR_PLAN", "hot,cold");
        // Also for probes: one that found it up would have the breaker let calls through.
        setup.cold.fault(Fault.status(500));
        for (int i = 0; i < 6; i++) {
            setup.mirror().get("/v2/team/none-" + i + "/manifests/1");
        }
        WarmSetup.await("the pause", () -> pause("cold") != null);
        setup.cold.forget();

        long id = setup.ask("team/app:1");

        JsonObject pause = pause("cold");
        assertTrue(pause.getString("why").contains("circuit breaker"), pause::encode);
        assertTrue(pause.containsKey("until") && pause.getValue("until") == null, pause::encode);
        setup.cold.heal();
        setup.awaitState(id, "done");
        setup.assertCopied(image);
    }

    /** The attempts of an item are not used up by an outage. */
    @Test
    void waitsForASourceThatIsAway() {
        Image image = setup.cold.image("team/app", "1");
        setup.cold.fault(Fault.reset());
        start();

        long id = setup.ask("team/app:1");

        assertEquals(0, setup.awaitReason(id, "away").getInteger("attempts"));
        assertNotNull(pause("cold"));
        setup.cold.heal();
        assertEquals(0, setup.awaitState(id, "done").getInteger("attempts"));
        setup.assertCopied(image);
    }

    @Test
    void waitsForASourceThatPausesIfTheOthersDoNotHaveABlob() {
        Image image = setup.cold.image("team/app", "1");
        far.put(image);
        far.remove("team/app", image.layers().get(0).digest().value());
        setup.cold.image("team/other", "1");
        setup.cold.fault(Fault.status(429, Duration.ofSeconds(600)).on(Kind.MANIFEST).times(1));
        start();
        setup.awaitReason(setup.ask("team/other:1"), "throttled");

        long id = setup.ask("team/app:1");

        JsonObject item = setup.awaitReason(id, "away");
        assertEquals("waiting", item.getString("state"));
        assertEquals(0, item.getInteger("attempts"));
    }

    @Test
    void aCancelledItemCanBeAskedForWhileItsOldCopyEnds() {
        Image image = setup.cold.image("team/app", "1");
        CountDownLatch latch = new CountDownLatch(1);
        setup.cold.fault(Fault.heldUntil(latch).path(image.path(image.layers().get(0))).times(1));
        start("MIRROR_WARM_PARALLEL", "2", "COLD_RESPONSE_TIMEOUT", "20s");
        long id = setup.ask("team/app:1");
        WarmSetup.await("the copy waits", () -> !setup.cold.calls("GET", image.path(image.layers().get(0))).isEmpty());

        assertEquals("cancelled", new JsonObject(setup.manage("DELETE", "/warm/" + id, null).body()).getString("state"));
        assertEquals(id, setup.ask("team/app:1"));
        setup.awaitState(id, "running");
        latch.countDown();

        JsonObject item = setup.awaitState(id, "done");
        setup.assertCopied(image);
        assertFalse(item.containsKey("error"));
    }
}
