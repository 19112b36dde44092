package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.TestMirror.Reply;
import io.mirrorregistry.testing.Fault;
import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.Kind;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TokenService;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the one who watches is told in numbers. */
class MetricsTest {

    private final TestRegistry hot = TestRegistry.start("hot");
    private final TestRegistry cold = TestRegistry.start("cold");
    private TestMirror mirror;

    private void start(String... more) {
        List<String> settings = new ArrayList<>(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "MIRROR_CACHE_SIZE", "32MB",
                "MIRROR_CACHE_TAG_TTL", "1h", "MIRROR_CACHE_MISS_TTL", "1h", "MIRROR_CACHE_BLOB_TTL", "1h"));
        settings.addAll(List.of(more));
        mirror = TestMirror.start(settings.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        mirror.close();
        hot.close();
        cold.close();
    }

    private String metrics() {
        return mirror.management("/observe/metrics").text();
    }

    /** The access line, and so the count, comes after the answer. */
    private void counts(String series, double value) throws InterruptedException {
        // The counts of histograms are whole numbers there.
        String wanted = series + " " + (series.contains("_count{") ? String.valueOf((long) value) : String.valueOf(value));
        String found = metrics();
        for (int i = 0; i < 100 && !found.contains(wanted + "\n"); i++) {
            Thread.sleep(20);
            found = metrics();
        }
        assertTrue(found.contains(wanted + "\n"), wanted + " is not in\n" + found);
    }

    @Test
    void pullsAreCountedByWhatTheyWereWhoServedAndWhatCameOfThem() throws Exception {
        start();
        Image there = hot.image("library/app", "1.0");
        Image elsewhere = cold.image("library/other", "1.0");
        mirror.get(there.path());
        mirror.get(there.path());
        mirror.head(there.path());
        mirror.get(elsewhere.path());
        mirror.get(there.path(there.config()));
        mirror.get("/v2/library/none/manifests/1.0");
        mirror.get("/v2/library/app/tags/list");
        mirror.get("/v2/");
        mirror.send("DELETE", there.path());
        mirror.get("/v2/UPPER/manifests/1.0");
        mirror.get("/health");

        counts("mirror_pulls_total{kind=\"manifest\",outcome=\"served\",registry=\"hot\"}", 1);
        counts("mirror_pulls_total{kind=\"manifest\",outcome=\"served\",registry=\"cache\"}", 2);
        counts("mirror_pulls_total{kind=\"manifest\",outcome=\"served\",registry=\"cold\"}", 1);
        counts("mirror_pulls_total{kind=\"manifest\",outcome=\"missing\",registry=\"none\"}", 1);
        counts("mirror_pulls_total{kind=\"blob\",outcome=\"redirected\",registry=\"hot\"}", 1);
        counts("mirror_pulls_total{kind=\"tags\",outcome=\"served\",registry=\"hot\"}", 1);
        counts("mirror_pulls_total{kind=\"api-version\",outcome=\"served\",registry=\"none\"}", 1);
        counts("mirror_pulls_total{kind=\"other\",outcome=\"refused\",registry=\"none\"}", 2);
        counts("mirror_pull_duration_seconds_count{kind=\"manifest\"}", 5);
        counts("mirror_cache_lookups_total{kind=\"manifest\",result=\"hit\"}", 2);
        counts("mirror_cache_lookups_total{kind=\"manifest\",result=\"miss\"}", 3);
        counts("mirror_cache_entries{cache=\"manifests\"}", 2);
        counts("mirror_registry_calls_seconds_count{kind=\"manifest\",registry=\"hot\",result=\"2xx\"}", 1);
        counts("mirror_registry_calls_seconds_count{kind=\"manifest\",registry=\"hot\",result=\"4xx\"}", 2);
        assertTrue(metrics().contains("mirror_build_info{version=\"" + version() + "\"} 1"), this::metrics);
        for (String name : List.of("jvm_memory_used_bytes", "jvm_gc_max_data_size_bytes", "jvm_threads_live_threads", "process_cpu_usage", "process_cpu_seconds_total", "process_open_fds",
                "process_max_fds", "process_start_time_seconds", "process_resident_memory_bytes",
                "process_uptime_seconds", "mirror_requests_running", "mirror_requests_waiting")) {
            assertTrue(metrics().contains(name), name);
        }
    }

    private static String version() throws Exception {
        Properties properties = new Properties();
        properties.load(MetricsTest.class.getResourceAsStream("/version.properties"));
        return properties.getProperty("version");
    }

    @Test
    void fallbacksTellWhoCouldNotServeAndWhy() throws Exception {
        start();
        Image first = cold.image("library/first", "1.0");
        Image second = cold.image("library/second", "1.0");
        mirror.get(first.path());
        hot.fault(Fault.status(500).on(Kind.MANIFEST));
        mirror.get(second.path());
        mirror.get("/v2/library/none/manifests/1.0");
        counts("mirror_fallbacks_total{reason=\"not-here\",registry=\"hot\"}", 1);
        counts("mirror_fallbacks_total{reason=\"outage\",registry=\"hot\"}", 2);
        assertFalse(metrics().contains("mirror_fallbacks_total{reason=\"not-here\",registry=\"cold\"}"));
        counts("mirror_pulls_total{kind=\"manifest\",outcome=\"unavailable\",registry=\"none\"}", 1);
    }

    /** A list asks all registries, a stale manifest comes from none, and after the last registry there is none to fall back to. */
    @Test
    void onlyPullsThatWentOnFellBack() throws Exception {
        start("MIRROR_CACHE_TAG_TTL", "1ms");
        Image both = hot.image("library/app", "1.0");
        assertEquals(200, mirror.get(both.path()).status());
        hot.fault(Fault.status(500));
        cold.fault(Fault.status(500));
        counts("mirror_pulls_total{kind=\"manifest\",outcome=\"served\",registry=\"hot\"}", 1);
        assertEquals(200, mirror.get(both.path()).status());
        counts("mirror_pulls_total{kind=\"manifest\",outcome=\"served\",registry=\"cache\"}", 1);
        counts("mirror_fallbacks_total{reason=\"outage\",registry=\"hot\"}", 1);
        cold.heal();
        assertEquals(200, mirror.get("/v2/" + cold.image("library/app", "1.0").name() + "/tags/list").status());
        counts("mirror_pulls_total{kind=\"tags\",outcome=\"served\",registry=\"cold\"}", 1);
        counts("mirror_fallbacks_total{reason=\"outage\",registry=\"hot\"}", 1);
        assertFalse(metrics().contains("mirror_fallbacks_total{reason=\"outage\",registry=\"cold\"}"), this::metrics);
    }

    @Test
    void aPullOfOneRegistryAloneDoesNotFallBack() throws Exception {
        start("MIRROR_PLAN", "hot");
        hot.fault(Fault.status(500));
        assertEquals(503, mirror.get("/v2/library/app/manifests/1.0").status());
        counts("mirror_pulls_total{kind=\"manifest\",outcome=\"unavailable\",registry=\"none\"}", 1);
        assertFalse(metrics().contains("mirror_fallbacks_total"), this::metrics);
    }

    @Test
    void aRegistryThatIsAwayIsDownAndItsBreakerOpen() throws Exception {
        start("MIRROR_BREAKER_CALLS", "5", "MIRROR_BREAKER_MINIMUM_CALLS", "2", "MIRROR_HEALTH_INTERVAL", "50ms");
        counts("mirror_registry_up{registry=\"hot\"}", 1);
        // What is measured is there as long as the mirror.
        System.gc();
        counts("mirror_registry_up{registry=\"hot\"}", 1);
        assertFalse(metrics().lines().anyMatch(line -> line.startsWith("mirror_") && line.endsWith(" NaN")), this::metrics);
        counts("mirror_breaker_state{registry=\"hot\",state=\"closed\"}", 1);
        hot.stop();
        for (int i = 0; i < 4; i++) {
            mirror.get("/v2/library/app" + i + "/manifests/1.0");
        }
        counts("mirror_registry_up{registry=\"hot\"}", 0);
        counts("mirror_breaker_state{registry=\"hot\",state=\"open\"}", 1);
        counts("mirror_breaker_state{registry=\"hot\",state=\"closed\"}", 0);
        counts("mirror_fallbacks_total{reason=\"not-asked\",registry=\"hot\"}", 2);
    }

    @Test
    void tokensAndStreamedBytesAreCounted() throws Exception {
        try (TokenService tokens = TokenService.start()) {
            hot.requireBearer(tokens);
            start("HOT_BLOBS", "proxy");
            Image image = hot.image("library/app", "1.0");
            assertEquals(200, mirror.get(image.path()).status());
            int length = mirror.get(image.path(image.config())).body().length;
            // The probe has asked for one as well.
            assertTrue(metrics().lines().anyMatch(line -> line.matches("mirror_tokens_total\\{registry=\"hot\",result=\"given\"} [12]\\.0")), this::metrics);
            counts("mirror_tokens_total{registry=\"hot\",result=\"refused\"}", 0);
            counts("mirror_streamed_bytes_total{registry=\"hot\"}", length);
            counts("mirror_streams_running", 0);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/metrics", "/observe/metrics"})
    void areServedInBothFormatsAndToHead(String path) {
        start();
        for (String accept : List.of("application/openmetrics-text", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4")) {
            Reply open = mirror.management(path, "Accept", accept);
            assertEquals(200, open.status(), accept);
            assertEquals("application/openmetrics-text; version=1.0.0; charset=utf-8", open.header("Content-Type"));
            assertTrue(open.text().endsWith("# EOF\n"));
        }
        for (String accept : List.of("text/plain", "*/*", "text/html", "application/json")) {
            Reply text = mirror.management(path, "Accept", accept);
            assertEquals(200, text.status(), accept);
            assertEquals("text/plain; version=0.0.4; charset=utf-8", text.header("Content-Type"));
            assertTrue(text.text().contains("\nmirror_registry_up{registry=\"hot\"} "));
        }
        Reply head = mirror.managementHead(path);
        assertEquals(200, head.status());
        assertEquals("", head.text());
        assertEquals("text/plain; version=0.0.4; charset=utf-8", head.header("Content-Type"));
    }

    @Test
    void namesOfClientsMakeNoSeries() throws Exception {
        start();
        mirror.get("/v2/library/none/manifests/1.0");
        mirror.get("/v2/library/none/blobs/sha256:" + "0".repeat(64));
        counts("mirror_pulls_total{kind=\"blob\",outcome=\"missing\",registry=\"none\"}", 1);
        long before = series();
        IntStream.range(0, 200).forEach(i -> {
            mirror.get("/v2/secret-name-" + i + "/manifests/tag" + i);
            mirror.get("/v2/secret-name-" + i + "/blobs/sha256:" + String.format("%064d", i));
        });
        counts("mirror_pulls_total{kind=\"blob\",outcome=\"missing\",registry=\"none\"}", 201);
        assertFalse(metrics().contains("secret-name"));
        assertTrue(series() - before < 5, () -> "series before: " + before + ", now:\n" + metrics());
        assertTrue(series() < 700, () -> "series: " + series());
    }

    private long series() {
        return metrics().lines().filter(line -> line.startsWith("mirror_")).count();
    }
}
