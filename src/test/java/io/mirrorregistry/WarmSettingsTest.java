package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.config.SettingsReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The settings of warming and of its database. */
class WarmSettingsTest {

    @TempDir
    private Path directory;

    @BeforeEach
    void copyRoutes() throws IOException {
        TestRoutes.copyTo(directory);
    }

    private static Map<String, String> variables(String... more) {
        Map<String, String> all = new HashMap<>(Map.of("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1", "MIRROR_WARM_TO", "hot"));
        for (int i = 0; i < more.length; i += 2) {
            all.put(more[i], more[i + 1]);
        }
        return all;
    }

    private Settings read(String... more) throws InvalidSettingException {
        return SettingsReader.read(directory, variables(more), "test");
    }

    private List<String> faults(String... more) {
        return Check.run(directory, variables(more)).faults();
    }

    @Test
    void readsTheDatabaseOnlyIfImagesAreCopied() throws Exception {
        assertNull(read("MIRROR_WARM_TO", "", "MIRROR_STORE_URL", "jdbc:mysql://db/mirror", "MIRROR_STORE_PASSWORD_FILE", "none").warm());
        assertEquals(List.of(), faults("MIRROR_WARM_TO", "", "MIRROR_STORE_URL", "jdbc:mysql://db/mirror"));
        List<String> faults = faults("MIRROR_STORE_URL", "jdbc:mysql://db/mirror");
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).contains("jdbc:mysql://db/mirror"), faults.get(0));
    }

    /** The registry is a fault of its own. */
    @Test
    void theCheckReportsTheDatabaseAndTheRegistry() {
        List<String> faults = faults("MIRROR_WARM_TO", "nobody", "MIRROR_STORE_URL", "jdbc:mysql://db/mirror");
        assertEquals(2, faults.size(), faults.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"jdbc:postgresql://bob:sesame@db.example.com/mirror", "jdbc:postgresql://bob@db.example.com/mirror?x=sesame",
        "jdbc:postgresql://:sesame@db.example.com/mirror", "jdbc:postgresql://bob:ses@me@db.example.com/mirror",
        "jdbc:postgresql://db.example.com/mirror?user=bob&password=sesame", "jdbc:postgresql://db.example.com/mirror?ssl=true&PASSWORD=sesame"})
    void refusesAnAccountInTheAddressOfTheDatabase(String url) {
        List<String> faults = faults("MIRROR_STORE_URL", url);
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).contains("=*** cannot work: set the user and the password by mirror.store.username and mirror.store.password"), faults.get(0));
        assertFalse(faults.get(0).contains("sesame") || faults.get(0).contains("bob"), faults.get(0));
    }

    @Test
    void takesAnAtSignAfterTheHost() throws Exception {
        assertEquals("jdbc:postgresql://db.example.com/mirror?ApplicationName=a@b",
                read("MIRROR_STORE_URL", "jdbc:postgresql://db.example.com/mirror?ApplicationName=a@b").warm().store().url());
    }

    @Test
    void warnsOfADestinationThatPullsAskLast() throws Exception {
        assertEquals(List.of(), read().warnings());
        assertEquals(List.of("mirror.warm.to=hot: mirror.plan names that registry last, so pulls find an image at the others first, and hardly use the copies;"
                + " name it first"), read("MIRROR_PLAN", "cold, hot").warnings());
        assertEquals(List.of(), read("MIRROR_PLAN", "cold, hot", "MIRROR_STRATEGY", "fastest").warnings());
        assertEquals(List.of("mirror.warm.to=hot: mirror.plan does not name that registry, so pulls never ask it, and nothing is copied unless a route plans it"),
                read("MIRROR_PLAN", "cold", "MIRROR_REGISTRY_HOT_URL", "http://127.0.0.1:2").warnings());
    }
}
