package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.metrics.RecentPulls;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestCertificate;
import io.mirrorregistry.testing.TestRegistry;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The page for a person who looks; CI looks at it with a browser. */
class StatusPageTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private final TestMirror mirror = TestMirror.start("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_USERNAME", "somebody", "HOT_PASSWORD", "geheim",
            "MIRROR_HEALTH_INTERVAL", "50ms", "MIRROR_BREAKER_CALLS", "4", "MIRROR_BREAKER_MINIMUM_CALLS", "2", "MIRROR_BREAKER_PROBE_INTERVAL", "50ms",
            "MIRROR_BREAKER_TRIAL_CALLS", "2");

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
        return sum(state.getJsonObject("pulls").getJsonObject("counts"), by);
    }

    private static int ended(JsonObject state, String outcome) {
        return sum(state.getJsonObject("pulls").getJsonObject("outcomes"), outcome);
    }

    private static int sum(JsonObject counts, String name) {
        return counts.getJsonArray(name).stream().mapToInt(count -> (Integer) count).sum();
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
        assertTrue(state.containsKey("access"), state::encodePrettily);
        assertNull(state.getJsonObject("access"));
    }

    @Test
    void showsNothingOfCopyingWhileItIsOff() {
        JsonObject state = new JsonObject(mirror.management("/status.json").text());
        assertTrue(state.containsKey("warm") && state.getValue("warm") == null, state::encode);
        assertTrue(mirror.management("/").text().contains("<section id=\"warm\" aria-labelledby=\"warm-title\" hidden>"));
        assertEquals(404, mirror.management("/warm").status());
        assertTrue(mirror.management("/warm").text().contains("mirror.warm.to is not set"), mirror.management("/warm").text());
        assertEquals(404, mirror.get("/warm").status());
    }

    @Test
    void tellsWhoMayPullWithoutSecrets(@TempDir Path directory) throws Exception {
        String tokenHash = "sha256:" + "ab".repeat(32);
        String passwordHash = "$2y$04$" + "a".repeat(53);
        Path access = Files.writeString(directory.resolve("access.yaml"), """
                users: users.htpasswd
                robots: robots.yaml
                issuers:
                  - {issuer: "https://issuer.example.com", audience: mirror.example.com, keys: keys.json, user: "ci:{sub}"}
                rules:
                  - {who: anyone, from: 192.0.2.0/24, repositories: ["public/**", open], may: [pull]}
                  - {who: "user:alice", repositories: "**", may: []}
                """);
        Files.writeString(directory.resolve("users.htpasswd"), "alice:" + passwordHash + "\n");
        Files.writeString(directory.resolve("keys.json"), new JWKSet(new ECKeyGenerator(Curve.P_256).keyID("1").generate()).toString());
        Files.writeString(directory.resolve("robots.yaml"), """
                robots:
                  - {name: ci, token: "%1$s", repositories: ["team/**"], may: [pull], expires: 2999-01-01T00:00:00Z}
                  - {name: old, token: "%1$s", repositories: ["team/**"], may: [pull, push], expires: 2024-01-01T00:00:00Z}
                """.formatted(tokenHash));
        try (TestMirror guarded = TestMirror.start("HOT_URL", hot.url(), "MIRROR_ACCESS_FILE", access.toString(), "MIRROR_SECRET", "a secret of the tests")) {
            String text = guarded.management("/status.json").text();
            JsonObject shown = new JsonObject(text).getJsonObject("access");
            assertEquals(access.toString(), shown.getString("file"));
            assertNull(shown.getString("refused"));
            assertNull(shown.getString("away"));
            assertEquals(new JsonArray("[{'line':6,'who':'anyone','from':'192.0.2.0/24','repositories':['public/**','open'],'may':['pull']},".replace('\'', '"')
                    + "{'line':7,'who':'user:alice','from':'','repositories':['**'],'may':[]}]".replace('\'', '"')), shown.getJsonArray("rules"));
            assertEquals(new JsonArray().add("alice"), shown.getJsonArray("users"));
            assertEquals(new JsonArray().add(new JsonObject().put("issuer", "https://issuer.example.com").put("audience", "mirror.example.com").put("user", "ci:{sub}")),
                    shown.getJsonArray("issuers"));
            assertEquals(List.of("ci false 2999-01-01T00:00:00Z", "old true 2024-01-01T00:00:00Z"), shown.getJsonArray("robots").stream().map(JsonObject.class::cast)
                    .map(robot -> robot.getString("name") + " " + robot.getBoolean("expired") + " " + robot.getString("expires")).toList());
            for (String secret : List.of(tokenHash.substring(7), passwordHash, "a secret of the tests")) {
                assertFalse(text.contains(secret), secret);
            }
            assertTrue(guarded.management("/observe/metrics").text().contains("mirror_access_file_refused 0.0"));
            Files.writeString(access, "rules: none\n");
            awaitRefused(guarded, access + ":1:8: rules is a list");
            assertTrue(guarded.management("/observe/metrics").text().contains("mirror_access_file_refused 1.0"));
        }
    }

    private static void awaitRefused(TestMirror guarded, String problem) throws InterruptedException {
        String refused = null;
        for (int i = 0; i < 1000 && !problem.equals(refused); i++) {
            Thread.sleep(20);
            refused = new JsonObject(guarded.management("/status.json").text()).getJsonObject("access").getString("refused");
        }
        assertEquals(problem, refused);
    }

    @Test
    void countsPullsThatFailApartFromThoseThatNoRegistryHas() throws Exception {
        Image there = hot.image("library/app", "1.0");
        mirror.get("/v2/");
        mirror.get(there.path());
        mirror.get("/v2/library/nowhere/manifests/1");
        hot.fault(Fault.status(500));
        cold.fault(Fault.status(500));
        assertEquals(503, mirror.get("/v2/library/app/manifests/2").status());
        JsonObject state = await(now -> now.getJsonObject("pulls").getInteger("total") == 3);
        assertEquals(List.of(1, 1, 1, 0), List.of(ended(state, "served"), ended(state, "missing"), ended(state, "unavailable"), ended(state, "failed")));
        JsonObject pulls = state.getJsonObject("pulls");
        assertEquals(1, sum(pulls, "manifests"));
        assertEquals(60, pulls.getJsonArray("times").size());
        assertTrue(pulls.getJsonObject("lastMinute").getDouble("p50") <= pulls.getJsonObject("lastMinute").getDouble("p99"), pulls::encode);
        assertTrue(pulls.getDouble("elapsed") < RecentPulls.SECONDS, pulls::encode);
    }

    @Test
    void groupsFallbacksByRegistryAndReason() throws Exception {
        Image first = cold.image("library/first", "1.0");
        Image second = cold.image("library/second", "1.0");
        mirror.get(first.path());
        mirror.get(first.path());
        mirror.get(second.path());
        hot.fault(Fault.status(500));
        mirror.get(first.path());
        JsonObject state = await(now -> ended(now, "served") == 4 && now.getJsonArray("fallbacks").size() == 2);
        List<String> groups = state.getJsonArray("fallbacks").stream().map(JsonObject.class::cast)
                .map(group -> group.getString("registry") + " " + group.getString("reason") + " " + group.getInteger("count") + " " + group.getString("path")).toList();
        assertTrue(groups.contains("hot not-here 3 " + second.path()) && groups.contains("hot outage 1 " + first.path()), groups::toString);
    }

    @Test
    void namesAnImageThatTheFolderHas() throws Exception {
        assertNull(new JsonObject(mirror.management("/status.json").text()).getString("example"));
        try (TestMirror withFolder = TestMirror.start("HOT_URL", hot.url())) {
            withFolder.get("/v2/library/hello/manifests/latest");
            assertEquals("library/hello:latest", new JsonObject(withFolder.management("/status.json").text()).getString("example"));
        }
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
    void tellsOfACertificateThatEndsSoon(@TempDir Path directory) {
        TestCertificate soon = TestCertificate.make("-validity", "13");
        try (TestMirror secure = TestMirror.start("HOT_URL", hot.url(), "MIRROR_SERVER_TLS_CERTIFICATE", TestCertificate.write(directory, "tls.crt", soon.pem()),
                "MIRROR_SERVER_TLS_KEY", TestCertificate.write(directory, "tls.key", soon.keyPem()))) {
            String certificate = new JsonObject(secure.management("/status.json").text()).getString("certificate");
            assertTrue(certificate.matches(".*/tls\\.crt: CN=test registry, valid until [0-9-]{10}; it ends within 14 days, renew it"), certificate);
        }
    }

    private JsonObject awaitHot(String member, Object value) throws InterruptedException {
        return await(state -> value.equals(hot(state).getValue(member)));
    }

    private static JsonObject hot(JsonObject state) {
        return state.getJsonArray("registries").getJsonObject(0);
    }

    /** Without a pull. */
    @Test
    void tellsWhichSettingsOfARefusedAccountToCheckUntilItIsAccepted() throws Exception {
        JsonObject fine = hot(awaitHot("up", true));
        assertNull(fine.getString("problem"));
        assertNull(fine.getString("account"));
        hot.requireBasic("somebody", "other");
        assertEquals("Registry hot: it does not accept our account: check mirror.registry.hot.username and mirror.registry.hot.password or "
                + "mirror.registry.hot.password-file", hot(awaitHot("account", "refused")).getString("problem"));
        awaitHot("up", false);
        hot.requireBasic("somebody", "geheim");
        assertNull(hot(awaitHot("up", true)).getString("problem"));
    }

    @Test
    void tellsWhyARegistryIsDownAndHowItsBreakerIs() throws Exception {
        awaitHot("up", true);
        hot.stop();
        assertEquals("Registry hot: it is down: " + hot.host() + " connection refused", hot(awaitHot("up", false)).getString("problem"));
        for (int i = 0; i < 3; i++) {
            mirror.get("/v2/library/app" + i + "/manifests/1.0");
        }
        String open = hot(awaitHot("breaker", "open")).getString("problem");
        assertTrue(open.matches("Registry hot: it is down: " + hot.host() + " connection refused; it failed too often \\(since 2[0-9T:-]+Z\\) and is not "
                + "asked for images"), open);
        hot.restart();
        String tried = hot(awaitHot("breaker", "half-open")).getString("problem");
        assertTrue(tried.matches("Registry hot: it failed too often \\(since 2[0-9T:-]+Z\\) and is being tried again"), tried);
        Image image = hot.image("library/back", "1.0");
        for (int i = 0; i < 3; i++) {
            mirror.head(image.path());
            mirror.get(hot.image("library/back" + i, "1.0").path());
        }
        assertNull(hot(awaitHot("breaker", "closed")).getString("problem"));
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

    /** Readers of screens go by the headings and by the sections' names. */
    @Test
    void hasHeadingsInOrderAndNamedSections() {
        String page = mirror.management("/").text();
        int before = 0;
        for (MatchResult heading : Pattern.compile("<h([1-6])").matcher(page).results().toList()) {
            int level = Integer.parseInt(heading.group(1));
            assertTrue(level <= before + 1, "a level is left out before " + page.substring(heading.start(), heading.start() + 80));
            before = level;
        }
        for (MatchResult section : Pattern.compile("<(?:section|table)([^>]*)>").matcher(page).results().toList()) {
            Matcher name = Pattern.compile("aria-labelledby=\"([a-z-]+)\"").matcher(section.group(1));
            assertTrue(name.find() && page.contains("id=\"" + name.group(1) + "\""), section.group());
        }
        assertEquals(1, page.split("<main>", -1).length - 1);
        assertTrue(page.contains(":focus-visible") && !page.matches("(?s).*(transition|animation|@keyframes|scroll-behavior).*"), "nothing moves");
        assertTrue(page.length() < 40_000, page.length() + " bytes");
    }

    /** @see <a href="https://www.w3.org/TR/WCAG22/#contrast-minimum">WCAG 2.2, level AA</a> */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void hasColoursThatCanBeReadInBothSchemes(int scheme) {
        String page = mirror.management("/").text();
        Map<String, String> colours = new HashMap<>(Map.of("white", "#ffffff"));
        String rules = Pattern.compile(":root \\{([^}]*)}").matcher(page).results().skip(scheme).findFirst().orElseThrow().group(1);
        Pattern.compile("--([a-z0-9]+): (#[0-9a-f]+);").matcher(rules).results().forEach(colour -> colours.put(colour.group(1), colour.group(2)));
        for (String text : List.of("ink", "soft", "good", "bad", "warn")) {
            assertTrue(contrast(colours.get(text), colours.get("card")) >= 4.5, text);
            assertTrue(contrast(colours.get(text), colours.get("ground")) >= 4.5, text);
        }
        assertTrue(contrast(colours.get("white"), colours.get("alarm")) >= 4.5, "alarm");
        for (String shape : List.of("focus", "edge", "cache", "both", "none", "failed", "registry0", "registry1", "registry2", "registry3", "registry4", "registry5")) {
            assertTrue(contrast(colours.get(shape), colours.get("card")) >= 3, shape);
        }
    }

    private static double contrast(String one, String other) {
        double first = luminance(one);
        double second = luminance(other);
        return (Math.max(first, second) + 0.05) / (Math.min(first, second) + 0.05);
    }

    private static double luminance(String colour) {
        String digits = colour.length() == 4 ? colour.replaceAll("[0-9a-f]", "$0$0") : colour;
        double[] weights = {0.2126, 0.7152, 0.0722};
        double sum = 0;
        for (int i = 0; i < weights.length; i++) {
            double value = Integer.parseInt(digits.substring(1 + 2 * i, 3 + 2 * i), 16) / 255.0;
            sum += weights[i] * (value <= 0.04045 ? value / 12.92 : Math.pow((value + 0.055) / 1.055, 2.4));
        }
        return sum;
    }
}
