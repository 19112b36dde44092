package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.FaultTable.Asked;
import io.mirrorregistry.testing.Body;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * One line of the fault table with one thing asked for: puts images where they belong, asks, and judges the answer.
 *
 * @param repository a name of its own, by which the faults of cases that run at the same time are kept apart
 */
record FaultCase(FaultTable.Row row, Asked asked, boolean head, Situation situation, FaultTableTest.Pair pair,
        String repository) {

    /** Who has what is asked for, and who is in trouble. */
    enum Situation {
        COLD_HAS_IT("hot,cold"), NOBODY_ELSE_HAS_IT("hot,cold"), COLD_IS_IN_TROUBLE_TOO("hot,cold"), ONLY_COLD_IS_LIKE_THIS("hot,cold"),
        /** Hot is like this, the second has not got it, the third has it. */
        THIRD_HAS_IT("hot,warm,cold"),
        /** Hot is like this, the second is in trouble too, the third has it. */
        THIRD_HAS_IT_SECOND_IS_IN_TROUBLE_TOO("hot,warm,cold"),
        /** The first has not got it, hot is like this, the third has it. */
        LIKE_THIS_IN_THE_MIDDLE("warm,hot,cold"),
        /** The first has not got it, hot is like this, nor has the third got it. */
        LIKE_THIS_IN_THE_MIDDLE_AND_NOBODY_ELSE_HAS_IT("warm,hot,cold");

        static final List<Situation> OF_TWO = List.of(COLD_HAS_IT, NOBODY_ELSE_HAS_IT, COLD_IS_IN_TROUBLE_TOO, ONLY_COLD_IS_LIKE_THIS);
        static final List<Situation> OF_THREE = List.of(THIRD_HAS_IT, THIRD_HAS_IT_SECOND_IS_IN_TROUBLE_TOO, LIKE_THIS_IN_THE_MIDDLE,
                LIKE_THIS_IN_THE_MIDDLE_AND_NOBODY_ELSE_HAS_IT);

        private final String plan;

        Situation(String plan) {
            this.plan = plan;
        }

        /** Returns the registries in the order of asking, for {@code mirror.plan}. */
        String plan() {
            return plan;
        }

        boolean coldHasIt() {
            return this != NOBODY_ELSE_HAS_IT && this != LIKE_THIS_IN_THE_MIDDLE_AND_NOBODY_ELSE_HAS_IT;
        }

        /** Returns whether cold answers with it, after whatever hot does. */
        boolean coldServesIt() {
            return coldHasIt() && this != COLD_IS_IN_TROUBLE_TOO;
        }
    }

    private static final String TAG = "1.0";
    private static final List<String> SECRETS = List.of("Exception", "io.mirrorregistry", "java.", "\tat ", "org.apache",
            "test-token", "told by the test registry", "Please sign in", "Basic realm", "127.0.0.1", "localhost", "Bearer");

    @Override
    public String toString() {
        return row.name() + ": " + (head ? "HEAD " : "GET ") + asked.name().toLowerCase().replace('_', ' ') + ", "
                + situation.name().toLowerCase().replace('_', ' ');
    }

    /** Runs the case. */
    void run() {
        TestRegistry troubled = situation == Situation.ONLY_COLD_IS_LIKE_THIS ? pair.cold() : pair.hot();
        Content content = new Content();
        content.fill();
        if (row.registry() != null) {
            troubled.fault(row.registry().get().where(call -> repository.equals(call.name())));
        }
        if (row.tokens() != null) {
            pair.tokens().fault(row.tokens().get().where(call -> String.valueOf(call.query()).contains(encoded(repository))));
        }
        if (situation == Situation.COLD_IS_IN_TROUBLE_TOO) {
            pair.cold().fault(Fault.status(500).where(call -> repository.equals(call.name())));
        }
        if (situation == Situation.THIRD_HAS_IT_SECOND_IS_IN_TROUBLE_TOO) {
            pair.warm().fault(Fault.status(500).where(call -> repository.equals(call.name())));
        }
        Heard heard = Heard.ask(pair.mirror(asked).url() + content.path(), head);
        try {
            judge(heard, content);
        } catch (AssertionError e) {
            throw new AssertionError(this + ": " + e.getMessage() + "\n" + heard, e);
        }
    }

    private static String encoded(String name) {
        return name.replace("/", "%2F");
    }

    /** What registries hold in this case. */
    private final class Content {

        private final Image hots = Image.of(asked == Asked.MANIFEST_BY_TAG ? "hot" : "same", repository, TAG, 1);
        private final Image colds = Image.of(asked == Asked.MANIFEST_BY_TAG ? "cold" : "same", repository, TAG, 1);

        void fill() {
            if (situation != Situation.ONLY_COLD_IS_LIKE_THIS) {
                fill(pair.hot(), hots, "hots-own");
            }
            if (situation.coldHasIt()) {
                fill(pair.cold(), colds, "colds-own");
            }
        }

        private void fill(TestRegistry registry, Image image, String own) {
            registry.put(image);
            registry.put(Image.of(own, repository, own, 1));
            registry.referrer(repository, image, "application/" + own);
        }

        String path() {
            return switch (asked) {
                case MANIFEST_BY_TAG -> hots.path();
                case MANIFEST_BY_DIGEST -> hots.pathByDigest();
                case PROXIED_BLOB, AUTO_BLOB -> hots.path(hots.layers().get(0));
                case TAGS -> "/v2/" + repository + "/tags/list";
                case REFERRERS -> "/v2/" + repository + "/referrers/" + hots.digest();
            };
        }
    }

    private void judge(Heard heard, Content content) {
        assertTellsNothing(heard);
        boolean coldOnly = situation == Situation.ONLY_COLD_IS_LIKE_THIS;
        switch (row.effects().of(asked, head)) {
            case TROUBLE -> troubled(heard, content, false);
            case THROTTLED -> troubled(heard, content, true);
            case HARMLESS -> served(heard, content, coldOnly ? Set.of("cold")
                    : situation.coldServesIt() ? Set.of("hot", "cold") : Set.of("hot"), !coldOnly);
            case PASSED_ON -> {
                assertEquals(307, heard.status());
                assertNotNull(heard.header("Location"));
            }
            case STREAM -> {
                if (heard.status() == 503) {
                    troubled(heard, content, false);
                } else if (heard.whole()) {
                    served(heard, content, Set.of("hot"), true);
                }
            }
            case UNKNOWABLE -> {
                if (heard.status() != 200) {
                    troubled(heard, content, false);
                }
            }
            default -> throw new IllegalStateException();
        }
    }

    private void troubled(Heard heard, Content content, boolean throttled) {
        if (situation.coldServesIt() && situation != Situation.ONLY_COLD_IS_LIKE_THIS) {
            served(heard, content, Set.of("cold"), false);
            return;
        }
        boolean slowDown = throttled && situation != Situation.COLD_IS_IN_TROUBLE_TOO;
        assertEquals(slowDown ? 429 : 503, heard.status());
        if (row.retryAfter() != null) {
            assertEquals(row.retryAfter(), heard.header("Retry-After"));
        } else {
            assertEquals("5", heard.header("Retry-After"));
        }
        assertEquals("application/json", heard.header("Content-Type"));
        if (!head) {
            JsonObject error = new JsonObject(heard.text()).getJsonArray("errors").getJsonObject(0);
            assertEquals(slowDown ? "TOOMANYREQUESTS" : "UNAVAILABLE", error.getString("code"));
            assertFalse(error.getString("message").isEmpty());
        }
    }

    /** Judges an answer to which these registries have contributed; of single things, the first one that has it. */
    private void served(Heard heard, Content content, Set<String> by, boolean hotIsWell) {
        assertTrue(heard.whole(), "cut");
        boolean hot = by.contains("hot");
        Image image = hot ? content.hots : content.colds;
        switch (asked) {
            case MANIFEST_BY_TAG, MANIFEST_BY_DIGEST -> {
                assertEquals(200, heard.status());
                assertEquals(image.digest().value(), heard.header("Docker-Content-Digest"));
                assertEquals(image.mediaType(), heard.header("Content-Type"));
                assertBytes(heard, image.manifest());
            }
            case PROXIED_BLOB, AUTO_BLOB -> blob(heard, image, hot ? pair.hot() : pair.cold());
            case TAGS -> {
                assertEquals(200, heard.status());
                Set<String> tags = new TreeSet<>(Set.of(TAG));
                by.forEach(registry -> tags.add(registry + "s-own"));
                assertList(heard, "{\"name\":\"" + repository + "\",\"tags\":[\"" + String.join("\",\"", tags) + "\"]}",
                        hotIsWell);
            }
            default -> {
                assertEquals(200, heard.status());
                assertEquals("application/vnd.oci.image.index.v1+json", heard.header("Content-Type"));
                for (String registry : List.of("hot", "cold")) {
                    assertEquals(!head && by.contains(registry), heard.text().contains("application/" + registry + "s-own"));
                }
                assertWarning(heard, hotIsWell);
            }
        }
    }

    private void assertList(Heard heard, String json, boolean hotIsWell) {
        assertBytes(heard, json.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        assertWarning(heard, hotIsWell);
    }

    private void assertWarning(Heard heard, boolean hotIsWell) {
        String warning = heard.header("Warning");
        String troubled = !hotIsWell && situation != Situation.ONLY_COLD_IS_LIKE_THIS ? "hot"
                : situation == Situation.COLD_IS_IN_TROUBLE_TOO ? "cold" : null;
        if (situation == Situation.THIRD_HAS_IT_SECOND_IS_IN_TROUBLE_TOO) {
            troubled = troubled == null ? "warm could" : troubled + ", warm could";
        }
        if (troubled == null) {
            assertNull(warning);
        } else {
            assertNotNull(warning);
            assertTrue(warning.startsWith("299 - \"" + troubled), warning);
        }
    }

    private void blob(Heard heard, Image image, TestRegistry registry) {
        Body layer = image.layers().get(0);
        boolean streams = head || asked == Asked.PROXIED_BLOB || registry == pair.hot() && pair.tokens() != null;
        assertEquals(streams ? 200 : 307, heard.status());
        assertEquals(layer.digest().value(), heard.header("Docker-Content-Digest"));
        if (streams) {
            assertBytes(heard, layer.bytes());
        } else {
            assertEquals(registry.url() + image.path(layer), heard.header("Location"));
        }
    }

    private void assertBytes(Heard heard, byte[] bytes) {
        assertEquals(String.valueOf(bytes.length), heard.header("Content-Length"));
        if (!head) {
            assertArrayEquals(bytes, heard.body());
        }
    }

    /** Nothing of the registries' words, addresses and challenges, and nothing of the program's inside. */
    private void assertTellsNothing(Heard heard) {
        assertTrue(heard.status() != 404, "an outage was called missing");
        assertTrue(heard.status() != 500, "the mirror failed");
        assertNull(heard.header("WWW-Authenticate"));
        assertNull(heard.header("X-Y"));
        assertEquals("registry/2.0", heard.header("Docker-Distribution-Api-Version"));
        assertTrue(!head || heard.body().length == 0, "a body after HEAD");
        StringBuilder told = new StringBuilder(heard.body().length > 10_000 || asked.isBlob() && heard.status() == 200 ? ""
                : heard.text());
        for (Map.Entry<String, List<String>> header : heard.headers().entrySet()) {
            if (!header.getKey().equalsIgnoreCase("Location")) {
                told.append('\n').append(header);
            }
        }
        for (String secret : SECRETS) {
            assertFalse(told.toString().contains(secret), "tells " + secret);
        }
    }
}
