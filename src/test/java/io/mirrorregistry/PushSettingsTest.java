package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.PushSettings;
import io.mirrorregistry.config.Settings;
import io.mirrorregistry.config.SettingsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The settings of pushes: what they mean, and what the check says of those that cannot work. */
class PushSettingsTest {

    private static final String EVERYBODY = "rules: [{who: anyone, repositories: \"**\", may: [pull, push]}]\n";

    @TempDir
    private Path directory;

    @BeforeEach
    void write() throws IOException {
        TestRoutes.copyTo(directory);
        Files.writeString(directory.resolve("access.yaml"), EVERYBODY);
    }

    private static Map<String, String> variables(String... more) {
        Map<String, String> all = new HashMap<>(Map.of("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1", "MIRROR_PUSH_REGISTRY", "cold", "MIRROR_ACCESS_FILE", "access.yaml",
                "MIRROR_SECRET", "a secret of the tests"));
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
    void nobodyMayPushByDefault() throws Exception {
        assertNull(SettingsReader.read(directory, Map.of(), "test").push());
        assertNull(read("MIRROR_PUSH_REGISTRY", "").push());
    }

    @Test
    void readsEachOfThem() throws Exception {
        assertEquals(new PushSettings("cold", false, 64, Duration.ofMinutes(10), 64L * 1024 * 1024), read().push());
        assertEquals(new PushSettings("hot", true, 1000, Duration.ofHours(2), 0), read("MIRROR_PUSH_REGISTRY", "hot", "MIRROR_PUSH_DELETE", "true", "MIRROR_PUSH_UPLOADS", "1000",
                "MIRROR_PUSH_COMMIT_TIMEOUT", "2h", "MIRROR_PUSH_COMPLETE", "0").push());
        assertEquals(List.of(), faults());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "MIRROR_PUSH_REGISTRY | nobody | mirror.push.registry=nobody cannot work: no setting defines a registry of that name; there are: cold, hot",
        "MIRROR_PUSH_REGISTRY | Cold | mirror.push.registry=Cold cannot work: no setting defines a registry of that name; there are: cold, hot",
        "MIRROR_PUSH_REGISTRY | hot, cold | mirror.push.registry=hot, cold cannot work: no setting defines a registry of that name; there are: cold, hot",
        "MIRROR_PUSH_DELETE | perhaps | mirror.push.delete=perhaps cannot work: it is one of false, true",
        "MIRROR_PUSH_UPLOADS | 0 | mirror.push.uploads=0 cannot work: it is to be a number from 1 to 1000",
        "MIRROR_PUSH_UPLOADS | 1001 | mirror.push.uploads=1001 cannot work: it is to be a number from 1 to 1000",
        "MIRROR_PUSH_UPLOADS | many | mirror.push.uploads=many cannot work: it is to be a number from 1 to 1000",
        "MIRROR_PUSH_COMMIT_TIMEOUT | 0 | mirror.push.commit-timeout=0 cannot work: a time is a number above 0 with ms, s, m or h, such as 10m",
        "MIRROR_PUSH_COMMIT_TIMEOUT | 10 | mirror.push.commit-timeout=10 cannot work: a time is a number above 0 with ms, s, m or h, such as 10m",
        "MIRROR_PUSH_COMPLETE | 64 | mirror.push.complete=64 cannot work: a size is a number with KB, MB or GB, such as 64MB, or 0",
        "MIRROR_PUSH_COMPLETE | -1MB | mirror.push.complete=-1MB cannot work: a size is a number with KB, MB or GB, such as 64MB, or 0"})
    void saysWhatCannotWork(String variable, String value, String fault) {
        assertEquals(fault, assertThrows(InvalidSettingException.class, () -> read(variable, value)).getMessage());
        assertEquals(List.of(fault), faults(variable, value));
    }

    /** Whether or not anybody may push. */
    @Test
    void numbersAreCheckedWherePushesAreOff() {
        assertEquals(1, faults("MIRROR_PUSH_REGISTRY", "", "MIRROR_PUSH_UPLOADS", "0").size());
    }

    @Test
    void aFolderTakesNoPushes() {
        assertEquals(List.of("mirror.push.registry=cold cannot work: that registry is a folder of images, which takes no pushes; set mirror.registry.cold.url"),
                faults("MIRROR_REGISTRY_COLD_URL", "oci:" + Path.of("images").toAbsolutePath()));
    }

    /** The file that the sentence shows lets everybody push. */
    @Test
    void saysThatPushingNeedsAnAccessFile() throws Exception {
        List<String> faults = faults("MIRROR_ACCESS_FILE", "");
        assertEquals(1, faults.size(), faults.toString());
        Matcher line = Pattern.compile("mirror\\.push\\.registry=cold cannot work: pushing needs mirror\\.access\\.file, .*'(.*)' lets everybody push").matcher(faults.get(0));
        assertTrue(line.matches(), faults.get(0));
        Files.writeString(directory.resolve("access.yaml"), line.group(1) + "\n");
        assertEquals(List.of(), faults());
    }

    @Test
    void anAccessFileThatIsMissingIsOneFault() {
        List<String> faults = faults("MIRROR_ACCESS_FILE", "none.yaml");
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("mirror.access.file=none.yaml cannot work: "), faults.toString());
    }

    @Test
    void aSecretThatIsTooShortIsOneFault() {
        List<String> faults = faults("MIRROR_SECRET", "short");
        assertEquals(1, faults.size(), faults.toString());
        assertFalse(faults.get(0).contains("short "), faults.toString());
    }

    @Test
    void theCheckSaysAllOfThemAtOnce() throws Exception {
        Files.writeString(directory.resolve("application.properties"), String.join("\n", "mirror.push.registry=nobody", "mirror.push.delete=maybe", "mirror.push.uploads=0",
                "mirror.push.commit-timeout=soon", "mirror.push.complete=lots", "mirror.push.uplods=3", "mirror.cache.size=many"));
        Check.Findings found = Check.run(directory, Map.of("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1"));
        assertEquals(List.of("mirror.cache.size=many", "mirror.push.commit-timeout=soon", "mirror.push.complete=lots", "mirror.push.delete=maybe", "mirror.push.registry=nobody",
                "mirror.push.uploads=0"), found.faults().stream().map(fault -> fault.replaceFirst(" cannot work: .*", "")).sorted().toList(), found.faults().toString());
        assertEquals(List.of("mirror.push.uplods is not a setting of this mirror and is ignored; did you mean mirror.push.uploads?"),
                found.warnings().stream().filter(warning -> warning.contains("uplods")).toList(), found.warnings().toString());
    }

    /** What is wrong with the registry itself is said once. */
    @Test
    void aRegistryThatCannotBeIsOneFault() throws Exception {
        Files.writeString(directory.resolve("application.properties"), "mirror.registry.Own.url=http://127.0.0.1:1\nmirror.push.registry=Own\n");
        List<String> faults = Check.run(directory, variables("MIRROR_PUSH_REGISTRY", "Own")).faults();
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("mirror.registry.Own."), faults.toString());
        Files.delete(directory.resolve("application.properties"));
        faults = faults("MIRROR_REGISTRY_COLD_URL", "ftp://x");
        assertEquals(1, faults.size(), faults.toString());
    }

    @Test
    void warnsOfARegistryThatNoPullAsks() throws Exception {
        assertEquals(List.of(), read().warnings());
        assertEquals(List.of("mirror.push.registry=cold: mirror.plan does not name that registry, so pulls never ask it"), read("MIRROR_PLAN", "hot").warnings());
        assertEquals(List.of("mirror.push.registry=cold: mirror.plan does not name that registry, so it takes only images of docker.io, ghcr.io"),
                read("MIRROR_PLAN", "hot", "MIRROR_REGISTRY_COLD_SERVES", "docker.io, ghcr.io").warnings());
        assertEquals(read("MIRROR_PLAN", "hot").warnings(), Check.run(directory, variables("MIRROR_PLAN", "hot")).warnings());
        assertEquals(List.of(), Check.run(directory, variables("MIRROR_PLAN", "hot")).faults());
    }

    @ParameterizedTest
    @ValueSource(strings = {"MIRROR_PLAN=hot, nobody", "MIRROR_PLAN=hot, hot"})
    void warnsOfNothingWhereThePlanIsWrong(String setting) {
        Check.Findings found = Check.run(directory, variables(setting.split("=")));
        assertEquals(1, found.faults().size(), found.faults().toString());
        assertEquals(List.of(), found.warnings());
    }
}
