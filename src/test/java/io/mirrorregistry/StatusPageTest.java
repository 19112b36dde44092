package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestCertificate;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page for a person who looks; CI looks at it with a browser. */
class StatusPageTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "somebody", "HOT_PASSWORD", "geheim");

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
    }

    private JsonObject await(Predicate<JsonObject> condition) throws InterruptedException {
        JsonObject state = new JsonObject(mirror.management("/status.json").text());
        for (int i = 0; i < 200 && !condition.test(state); i++) {
            Thread.sleep(20);
            state = new JsonObject(mirror.management("/status.json").text());
        }
        assertTrue(condition.test(state), state::encodePrettily);
        return state;
    }

    private static int served(JsonObject state, String by) {
        return state.getJsonObject("pulls").getJsonObject("counts").getJsonArray(by).stream().mapToInt(count -> (Integer) count).sum();
    }

    @Test
    void tellsWhoServedAndWhatFellBack() throws Exception {
        Image there = hot.image("library/app", "1.0");
        Image elsewhere = cold.image("library/other", "1.0");
        mirror.get(there.path());
        mirror.get(there.path());
        mirror.get(elsewhere.path());
        JsonObject state = await(now -> served(now, "hot") == 2 && served(now, "cold") == 1 && now.getJsonArray("registries").getJsonObject(0).getValue("up") != null);
        JsonObject fallback = state.getJsonArray("fallbacks").getJsonObject(0);
        assertEquals(1, state.getJsonArray("fallbacks").size());
        assertEquals(elsewhere.path(), fallback.getString("path"));
        assertEquals("hot", fallback.getString("registry"));
        assertEquals("not-here", fallback.getString("reason"));
        JsonObject registry = state.getJsonArray("registries").getJsonObject(0);
        assertEquals("hot", registry.getString("name"));
        assertEquals(hot.host(), registry.getString("where"));
        assertEquals("closed", registry.getString("breaker"));
        assertTrue(state.getJsonObject("routes").getJsonArray("files").size() > 5, state::encodePrettily);
        assertFalse(state.encode().contains("geheim"));
        assertFalse(state.encode().contains("somebody"));
        assertNull(state.getString("certificate"));
    }

    @Test
    void tellsOfACertificateThatClientsRefuse(@TempDir Path directory) {
        TestCertificate over = TestCertificate.make("-startdate", "2024/01/01 12:00:00", "-validity", "30");
        try (TestMirror secure = TestMirror.start("HOT_URL", hot.url(), "MIRROR_SERVER_TLS_CERTIFICATE", TestCertificate.write(directory, "tls.crt", over.pem()),
                "MIRROR_SERVER_TLS_KEY", TestCertificate.write(directory, "tls.key", over.keyPem()))) {
            String certificate = new JsonObject(secure.management("/status.json").text()).getString("certificate");
            assertTrue(certificate.contains("expired on 2024-01-31"), certificate);
        }
    }

    @Test
    void isOneFileThatAsksNobodyElse() {
        Reply page = mirror.management("/");
        assertEquals(200, page.status());
        assertEquals("text/html; charset=utf-8", page.header("Content-Type"));
        assertTrue(page.header("Content-Security-Policy").startsWith("default-src 'none';"));
        assertFalse(page.text().contains("src=\"") || page.text().contains("@import") || page.text().contains("innerHTML"));
        assertEquals(404, mirror.get("/status.json").status());
    }

    /** The page's policy allows no handler in an attribute, and no form that the browser sends by itself. */
    @Test
    void hasAFieldThatAsksForAnExplanation() {
        String page = mirror.management("/").text();
        assertTrue(page.contains("<form id=\"question\">") && page.contains("at('question').addEventListener('submit'"));
        assertTrue(page.contains("fetch(`explain?${parameters}`"));
        assertEquals(2, page.split("explain\\(\\)", -1).length - 1, "explain() is defined, and called by the button only: a link does not ask");
        assertFalse(page.matches("(?s).*<[^>]* on[a-z]+=.*") || page.contains("javascript:"), "a handler in an attribute");
        Reply asked = mirror.management("/explain?format=json&image=library%2Fapp");
        JsonObject found = new JsonObject(asked.text());
        assertEquals(mirror.management("/").header("Content-Security-Policy"), asked.header("Content-Security-Policy"));
        // The members that the page reads.
        assertTrue(found.getJsonObject("request").fieldNames().containsAll(List.of("path", "notes")), asked.text());
        assertTrue(found.getJsonObject("client").fieldNames().containsAll(List.of("why", "served")), asked.text());
        assertTrue(found.getJsonObject("memory").fieldNames().containsAll(List.of("state", "leftSeconds", "digest", "registry")), asked.text());
        assertTrue(found.getJsonArray("registries").getJsonObject(0).fieldNames().containsAll(List.of("name", "repository", "notAskedBecause", "breaker",
                "milliseconds", "status", "digest", "failure", "outcome")), asked.text());
    }
}
