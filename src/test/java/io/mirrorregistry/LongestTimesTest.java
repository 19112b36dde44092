package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.Image;
import io.mirrorregistry.testing.TestRegistry;
import io.mirrorregistry.testing.TokenService;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Nothing that is added to a time, or multiplied with it, overflows where every time is as long as it may be. */
class LongestTimesTest {

    private static final String LONGEST = "87600h";
    private static final String LONGEST_TOKEN_TIME = "24h";

    @Test
    void pullsWithEveryTimeAsLongAsItMayBe() throws Exception {
        List<String> settings = new ArrayList<>();
        Properties carried = new Properties();
        try (InputStream in = TestMirror.class.getResourceAsStream("/application.properties")) {
            carried.load(in);
        }
        carried.forEach((name, value) -> {
            if (name.toString().startsWith("mirror.") && value.toString().matches("[0-9]+(ms|s|m|h)")) {
                settings.addAll(List.of(name.toString().toUpperCase(Locale.ROOT).replace('.', '_').replace('-', '_'),
                        name.equals("mirror.access.token-time") ? LONGEST_TOKEN_TIME : LONGEST));
            }
        });
        assertTrue(settings.size() >= 28, settings.toString());
        try (TestRegistry hot = TestRegistry.start("hot"); TestRegistry cold = TestRegistry.start("cold"); TokenService tokens = TokenService.start()) {
            hot.requireBearer(tokens);
            Image first = hot.image("library/app", "1.0");
            Image second = cold.image("library/other", "1.0");
            settings.addAll(List.of("HOT_URL", hot.url(), "COLD_URL", cold.url(), "HOT_BLOBS", "proxy", "MIRROR_CACHE_SIZE", "1MB"));
            long closing;
            try (TestMirror mirror = TestMirror.start(settings.toArray(String[]::new))) {
                for (int i = 0; i < 2; i++) {
                    for (Image image : List.of(first, second)) {
                        assertArrayEquals(image.manifest(), mirror.get(image.path()).body());
                        assertArrayEquals(image.manifest(), mirror.get(image.pathByDigest()).body());
                        assertEquals(200, mirror.head(image.path(image.layers().get(0))).status());
                        assertEquals(200, mirror.get("/v2/" + image.name() + "/tags/list").status());
                        assertEquals(200, mirror.get("/v2/" + image.name() + "/referrers/" + image.digest()).status());
                    }
                    assertEquals(200, mirror.get(first.path(first.layers().get(0))).status());
                    assertEquals(404, mirror.get("/v2/library/none/manifests/1.0").status());
                }
                // Kept for ten years.
                hot.stop();
                cold.stop();
                assertArrayEquals(first.manifest(), mirror.get(first.path()).body());
                assertEquals(404, mirror.get("/v2/library/none/manifests/1.0").status());
                closing = System.nanoTime();
            }
            assertTrue(System.nanoTime() - closing < TimeUnit.SECONDS.toNanos(10), "the end took too long");
        }
    }
}
