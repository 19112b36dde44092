package io.mirrorregistry.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.TestCertificate;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class SettingsReaderTest {

    @TempDir
    private Path directory;
    private final Map<String, String> environment = new HashMap<>();

    private Settings read() throws InvalidSettingException {
        return SettingsReader.read(directory, environment, "9.9");
    }

    private void properties(String... lines) throws IOException {
        Files.write(directory.resolve("application.properties"), List.of(lines));
    }

    private void config(String... lines) throws IOException {
        Files.write(directory.resolve("config.yaml"), List.of(lines));
    }

    @Test
    void hasTheDocumentedDefaultsWithoutAnyFile() throws Exception {
        Settings settings = read();
        RegistrySettings hot = settings.registries().get("hot");
        RegistrySettings cold = settings.registries().get("cold");
        assertEquals(5000, settings.server().port());
        assertEquals(9000, settings.managementPort());
        assertEquals(URI.create("https://registry.cn-hangzhou.aliyuncs.com"), hot.url());
        assertEquals(hot.url(), hot.publicUrl());
        assertEquals(BlobsMode.AUTO, hot.blobs());
        assertEquals(Duration.ofSeconds(2), hot.connectTimeout());
        assertEquals(Duration.ofSeconds(8), hot.responseTimeout());
        assertEquals(Map.of("User-Agent", "mirror-registry/9.9"), hot.headers());
        assertNull(hot.account().current());
        assertEquals(List.of(), hot.serves());
        assertEquals("", hot.prefix());
        assertFalse(hot.library());
        assertNull(hot.folder());
        assertTrue(cold.isFolder());
        assertEquals(directory.resolve("images"), cold.folder());
        assertNull(cold.url());
        assertEquals(Duration.ofSeconds(25), settings.server().answerTime());
        assertEquals(List.of("hot", "cold"), settings.plan());
        assertEquals("ordered", settings.strategy());
        assertEquals(Map.of("weighted", Map.of("shares", ""), "by-client", Map.of("networks", "")), settings.strategySettings());
        assertEquals(directory.resolve("plugins"), settings.pluginsDirectory());
        assertEquals(directory.resolve("images"), settings.imagesDirectory());
        assertEquals(new Settings.LoggingSettings("info", "json"), settings.logging());
        assertEquals(new Settings.CacheSettings(32 * 1024 * 1024, Duration.ofSeconds(10), Duration.ofSeconds(2), Duration.ofMinutes(10),
                Duration.ofHours(1)), settings.cache());
        assertEquals(new Settings.LookaheadSettings(3, Duration.ofMillis(10)), settings.lookahead());
    }

    @Test
    void variableBeatsConfigYamlBeatsApplicationProperties() throws Exception {
        properties("mirror.server.port=1001", "mirror.registry.hot.url=http://properties", "mirror.registry.cold.url=http://properties");
        config("server:", "  port: 1002", "registry:", "  hot:", "    url: http://config");
        environment.put("MIRROR_SERVER_PORT", "1003");
        Settings settings = read();
        assertEquals(1003, settings.server().port());
        assertEquals(URI.create("http://config"), settings.registries().get("hot").url());
        assertEquals(URI.create("http://properties"), settings.registries().get("cold").url());
    }

    /** compose writes an empty variable for {@code ${X:-}}, and Kubernetes for an empty key of a Secret. */
    @Test
    void anEmptyVariableIsAsIfNotGiven() throws Exception {
        properties("mirror.registry.cold.url=http://properties", "mirror.registry.hot.username=reader", "mirror.registry.hot.password=hunter2",
                "mirror.registry.hot.headers.X-Key=key", "mirror.plan=cold, hot", "mirror.strategy.weighted.shares=hot=1", "mirror.server.workers=9");
        config("registry:", "  hot:", "    url: http://config");
        Settings set = read();
        for (String name : set.placeholders().keySet()) {
            environment.put(SettingsSource.variable(name), "");
        }
        for (String variable : List.of("HOT_USERNAME", "HOT_PASSWORD", "HOT_PASSWORD_FILE", "HOT_PROXY", "HOT_HEADERS_X_KEY", "HOT_HEADERS_USER_AGENT", "HOT_CA_CERTIFICATE",
                "THIRD_URL", "THIRD_USERNAME", "THIRD_PASSWORD", "THIRD_SERVES")) {
            environment.put("MIRROR_REGISTRY_" + variable, "");
        }
        environment.putAll(Map.of("MIRROR_CONFIG", "", "MIRROR_STRATEGY_WEIGHTED_SHARES", "", "MIRROR_STRATEGY_MINE_KEY", "", "MIRROR_NO_SETTING", ""));
        assertEquals(set.placeholders(), read().placeholders());
        assertEquals(set.plan(), read().plan());
        assertEquals(set.strategySettings(), read().strategySettings());
        assertEquals(set.registries().keySet(), read().registries().keySet());
        assertEquals(set.registries().get("hot").headers(), read().registries().get("hot").headers());
        assertEquals(new Credentials("reader", "hunter2"), read().registries().get("hot").account().current());
        assertEquals(List.of(), read().warnings());
    }

    @Test
    void aFileOrASpaceInAVariableEmptiesASetting() throws Exception {
        properties("mirror.plan=", "mirror.registry.hot.serves=docker.io", "mirror.registry.cold.url=http://properties");
        assertEquals(List.of(), read().plan());
        environment.put("MIRROR_REGISTRY_COLD_URL", " ");
        assertTrue(read().registries().get("cold") == null && read().leftOut().contains("cold"), read().registries().toString());
        environment.put("MIRROR_PLAN", "hot");
        assertEquals(List.of("hot"), read().plan());
    }

    @Test
    void readsTheGoVersionsConfigUnchanged() throws Exception {
        config("server:", "  port: 5001", "registry:",
                "  hot:", "    url: https://hot.example.com/", "    username: reader", "    password: \"0123\"",
                "    headers:", "      X-Tenant: blue",
                "  cold:", "    url: http://localhost:5001",
                "logging:", "  level: debug", "  format: text");
        Settings settings = read();
        RegistrySettings hot = settings.registries().get("hot");
        assertEquals(5001, settings.server().port());
        assertEquals(URI.create("https://hot.example.com"), hot.url());
        assertEquals(new Credentials("reader", "0123"), hot.account().current());
        assertEquals("blue", hot.headers().get("x-tenant"));
        assertEquals(URI.create("http://localhost:5001"), settings.registries().get("cold").url());
        assertEquals(new Settings.LoggingSettings("debug", "console"), settings.logging());
        assertEquals(List.of(), settings.warnings());
    }

    @Test
    void findsConfigYamlWhereTheVariableSays() throws Exception {
        Files.writeString(directory.resolve("other.yaml"), "server: {port: 1234}");
        environment.put("MIRROR_CONFIG", "other.yaml");
        assertEquals(1234, read().server().port());
        environment.put("MIRROR_CONFIG", "none.yaml");
        assertStops("MIRROR_CONFIG=none.yaml cannot work: there is no such file");
    }

    @Test
    void takesHeadersFromVariablesWithDashesForUnderscores() throws Exception {
        properties("mirror.registry.hot.headers.X-Api-Key=old");
        environment.put("MIRROR_REGISTRY_HOT_HEADERS_X_API_KEY", "new");
        environment.put("MIRROR_REGISTRY_HOT_HEADERS_USER_AGENT", "mine");
        Map<String, String> headers = read().registries().get("hot").headers();
        assertEquals("new", headers.get("X-Api-Key"));
        assertEquals("mine", headers.get("User-Agent"));
        assertEquals(2, headers.size());
    }

    @Test
    void knowsFurtherRegistriesByTheirNames() throws Exception {
        properties("mirror.registry.warm.url=http://warm:5000");
        environment.put("MIRROR_REGISTRY_WARM_BLOBS", "proxy");
        assertEquals(URI.create("http://warm:5000"), read().registries().get("warm").url());
        assertEquals(BlobsMode.PROXY, read().registries().get("warm").blobs());
    }

    @Test
    void givesRoutesWhatTheSettingsCameTo() throws Exception {
        properties("mirror.server.workers=9", "mirror.registry.hot.url=HTTPS://Hot.example.com/base//", "mirror.registry.hot.username=reader",
                "mirror.registry.hot.password=hunter2", "mirror.registry.hot.headers.X-Key=secret", "mirror.registry.hot.proxy=http://me:mine@proxy:3128");
        Map<String, String> placeholders = read().placeholders();
        assertEquals("https://Hot.example.com/base", placeholders.get("mirror.registry.hot.url"));
        assertEquals("", placeholders.get("mirror.registry.cold.url"));
        assertEquals("4", placeholders.get("mirror.server.calls-per-registry"));
        for (String secret : List.of("reader", "hunter2", "secret", "mine")) {
            assertFalse(placeholders.values().stream().anyMatch(value -> value.contains(secret)), secret);
        }
    }

    @ParameterizedTest
    @CsvSource({"20, '', 10", "20, cold, 10", "20, cold a, 6", "20, cold a b, 5", "3, '', 1", "1, '', 1", "2, cold a b, 1"})
    void sharesTheWorkersAmongTheRegistriesThatAreCalled(int workers, String more, int calls) throws Exception {
        environment.put("MIRROR_SERVER_WORKERS", String.valueOf(workers));
        environment.put("MIRROR_REGISTRY_DISK_URL", "oci:disk");
        for (String registry : more.isEmpty() ? new String[0] : more.split(" ")) {
            environment.put("MIRROR_REGISTRY_" + registry.toUpperCase() + "_URL", "http://x");
        }
        assertEquals(calls, read().server().callsPerRegistry());
        assertEquals(String.valueOf(calls), read().placeholders().get("mirror.server.calls-per-registry"));
        environment.put("MIRROR_SERVER_CALLS_PER_REGISTRY", "1");
        assertEquals(1, read().server().callsPerRegistry());
    }

    @Test
    void warnsOfVariablesThatHaveNoMeaning() throws Exception {
        environment.put("MIRROR_REGISTRY_HOT_USRNAME", "reader");
        environment.put("MIRROR_MANAGMENT_PORT", "9001");
        environment.put("MIRROR_REGISTRY_HOT_HEADERS_X_KEY", "a header");
        environment.put("MIRRORS", "none of ours");
        // Of Kubernetes, for a Service that is called mirror-registry.
        environment.put("MIRROR_REGISTRY_SERVICE_HOST", "10.0.0.1");
        environment.put("MIRROR_REGISTRY_SERVICE_PORT_PULL", "5000");
        environment.put("MIRROR_REGISTRY_PORT", "tcp://10.0.0.1:5000");
        environment.put("MIRROR_REGISTRY_PORT_5000_TCP_ADDR", "10.0.0.1");
        assertEquals(List.of("MIRROR_MANAGMENT_PORT is the variable of no setting of this mirror and is ignored; did you mean MIRROR_MANAGEMENT_PORT?",
                "MIRROR_REGISTRY_HOT_USRNAME is the variable of no setting of this mirror and is ignored; did you mean MIRROR_REGISTRY_HOT_USERNAME?"), read().warnings());
    }

    @ParameterizedTest
    @CsvSource({"MIRROR_REGISTRY_COLD_ULR, MIRROR_REGISTRY_COLD_URL", "MIRROR_LOG_LEVEL, MIRROR_LOGGING_LEVEL", "MIRROR_HOT_URL, MIRROR_REGISTRY_HOT_URL",
        "MIRROR_PORT, MIRROR_SERVER_PORT", "MIRROR_CONFIGS, MIRROR_CONFIG", "MIRROR_REGISTRY_GHCR_PASSWORT, MIRROR_REGISTRY_GHCR_PASSWORD",
        "MIRROR_CACHE_TAGS_TTL, MIRROR_CACHE_TAG_TTL", "MIRROR_REGISTRY_hot_URL, MIRROR_REGISTRY_HOT_URL", "MIRROR_SERVER_TLS_CERT, MIRROR_SERVER_TLS_CERTIFICATE"})
    void asksForTheNearestVariable(String variable, String nearest) throws Exception {
        environment.putAll(Map.of("MIRROR_REGISTRY_GHCR_URL", "https://ghcr.io", variable, "x"));
        assertEquals(List.of(variable + " is the variable of no setting of this mirror and is ignored; did you mean " + nearest + "?"), read().warnings());
    }

    @Test
    void asksForNothingWhereNoNameIsNear() throws Exception {
        environment.put("MIRROR_COLOUR_OF_THE_SKY", "blue");
        assertEquals(List.of("MIRROR_COLOUR_OF_THE_SKY is the variable of no setting of this mirror and is ignored"), read().warnings());
    }

    @Test
    void warnsOfWhatHasNoMeaning() throws Exception {
        properties("mirror.registry.hot.ulr=http://x", "mirror.colour=blue");
        config("server:", "  host: 0.0.0.0", "  prot: 1");
        List<String> warnings = read().warnings();
        assertEquals(4, warnings.size(), warnings.toString());
        assertTrue(warnings.toString().contains("mirror.registry.hot.ulr is not a setting of this mirror and is ignored; did you mean mirror.registry.hot.url?"), warnings.toString());
        assertTrue(warnings.get(0).endsWith("config.yaml, line 2: server.host is not a setting of this mirror and is ignored; did you mean server.port?"), warnings.toString());
        assertTrue(warnings.get(1).endsWith("config.yaml, line 3: server.prot is not a setting of this mirror and is ignored; did you mean server.port?"), warnings.toString());
    }

    /** A fault of config.yaml is named by that file's own keys, which are ours without "mirror.", and by the line. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "registry: {hot: {url: 'ftp://x'}} | 1 | registry.hot.url=ftp://x cannot work: it is no URL of a registry; write e.g. https://registry.example.com",
        "registry:;  hot:;    url: '' | 3 | registry.hot.url=(empty) cannot work: only cold may be without a url; write e.g. https://registry.example.com",
        "registry:;  hot:;    url: https://me:hunter2@x | 3 | registry.hot.url=*** cannot work: an account does not belong into a URL; set registry.hot.username and .password",
        "registry:;  hot:;    password: hunter2 | 3 | registry.hot.password=*** cannot work: registry.hot.username is empty",
        "registry:;  cold:;    url: http://x;    username: a:b | 4 | registry.cold.username=a:b cannot work: a user name has no colon",
        "registry:;  hot:;    headers:;      X-Key: a;      Host: b | 5 | registry.hot.headers.Host=*** cannot work: the mirror sets that header itself",
        "registry:;  hot:;    headers:;      'X Key': a | 4 | registry.hot.headers.X Key=*** cannot work: it is no HTTP header",
        "server:;  port: 99999 | 2 | server.port=99999 cannot work: it is to be a number from 1 to 65535",
        "logging: {level: loud} | 1 | logging.level=loud cannot work: it is one of debug, error, info, trace, warn",
        "logging:;;  # how;  format: xml | 4 | logging.format=xml cannot work: it is one of console, json",
        "server: 5000 | 1 | server is to be a map of settings",
        "server: {port: [1]} | 1 | server.port is to be a single value",
        "- a | 1 | the file is to be a map of settings"})
    void namesTheKeyTheLineAndTheFileOfAFaultOfConfigYaml(String text, int line, String expected) throws Exception {
        config(text.split(";"));
        assertStops(directory.resolve("config.yaml") + ", line " + line + ": " + expected);
        Files.move(directory.resolve("config.yaml"), directory.resolve("$else.yaml"));
        environment.put("MIRROR_CONFIG", "$else.yaml");
        assertStops(directory.resolve("$else.yaml") + ", line " + line + ": " + expected);
    }

    /** Two files may be at odds; the other one's setting keeps its name. */
    @Test
    void namesWhatOfConfigYamlIsAtOddsWithAnotherSetting() throws Exception {
        config("server:", "  port: 9000");
        assertStops("mirror.management.port=9000 cannot work: it is the clients' port, server.port (" + directory.resolve("config.yaml") + ", line 2); choose another");
        properties("mirror.registry.hot.username=reader", "mirror.registry.hot.password-file=file");
        config("registry:", "  hot:", "    password: hunter2");
        assertStops("mirror.registry.hot.password-file=file cannot work: registry.hot.password (" + directory.resolve("config.yaml")
                + ", line 3) is set as well; set one of the two");
        environment.put("MIRROR_REGISTRY_HOT_PASSWORD", "variable");
        assertStops("mirror.registry.hot.password-file=file cannot work: mirror.registry.hot.password is set as well; set one of the two");
    }

    @Test
    void warnsOfASettingOfConfigYamlByItsKey() throws Exception {
        config("registry:", "  cold:", "    username: reader", "    headers: {X-Key: a}");
        assertEquals(List.of(directory.resolve("config.yaml") + ", line 4: registry.cold.headers.X-Key has no meaning for a folder of images and is ignored",
                directory.resolve("config.yaml") + ", line 3: registry.cold.username has no meaning for a folder of images and is ignored"), read().warnings());
    }

    /** The Go version, too, keeps its default for a key without a value. */
    @Test
    void aKeyOfConfigYamlWithoutAValueIsAsIfItWereNotThere() throws Exception {
        properties("mirror.registry.cold.url=http://properties", "mirror.server.port=1234");
        config("server:", "  port:", "registry:", "  hot: {url: , username: null, headers: {X-Key: }}", "  cold:", "    url:", "logging:");
        assertEquals(1234, read().server().port());
        assertEquals(URI.create("http://properties"), read().registries().get("cold").url());
        assertEquals(Map.of("User-Agent", "mirror-registry/9.9"), read().registries().get("hot").headers());
        config("registry: {cold: {url: ''}}");
        assertTrue(read().registries().get("cold").isFolder());
    }

    /** A password may look like a number. */
    @Test
    void takesTheValuesOfConfigYamlAsTheyAreWritten() throws Exception {
        config("registry: {hot: {username: 007, password: 1e3}}");
        assertEquals(new Credentials("007", "1e3"), read().registries().get("hot").account().current());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "mirror.server.port | http | number from 1 to 65535",
        "mirror.server.port | 0 | number from 1 to 65535",
        "mirror.server.port | 65536 | number from 1 to 65535",
        "mirror.server.port | 9000 | clients' port",
        "mirror.server.workers | -1 | number from 1",
        "mirror.cache.size | 32 | a number with KB, MB or GB",
        "mirror.cache.size | MB | a number with KB, MB or GB",
        "mirror.cache.size | 999999999GB | more than half of the memory",
        "mirror.cache.size | 9007199254740993KB | more than half of the memory",
        "mirror.cache.size | 9223372036854775807MB | more than half of the memory",
        "mirror.cache.size | 99999999999999999999999999GB | more than half of the memory",
        "mirror.cache.size | 99999999999999999999999999 | a number with KB, MB or GB",
        "mirror.cache.size | -1MB | a number with KB, MB or GB",
        "mirror.cache.size | 1.5MB | a number with KB, MB or GB",
        "mirror.cache.size | \u0661MB | a number with KB, MB or GB",
        "mirror.server.workers | 99999999999999999999 | number from 1 to 10000",
        "mirror.cache.tag-ttl | 10 | a number above 0 with ms, s, m or h",
        "mirror.registry.hot.url | '' | only cold may be without",
        "mirror.registry.hot.url | registry.example.com | no URL of a registry",
        "mirror.registry.hot.url | ftp://example.com | no URL of a registry",
        "mirror.registry.hot.url | https:// | no URL of a registry",
        "mirror.registry.hot.url | https://example.com?x=1 | no URL of a registry",
        "mirror.registry.hot.url | https://exa mple.com | no URL of a registry",
        "mirror.registry.hot.url | https://example.com/{{x}} | no URL of a registry",
        "mirror.registry.manifest.url | https://example.com | a step of the name manifest",
        "mirror.server.calls-per-registry | 201 | number from 1 to 200",
        "mirror.registry.hot.url | http://my_registry:99999 | no URL of a registry",
        "mirror.registry.hot.url | http://my_registry:0 | no URL of a registry",
        "mirror.registry.hot.url | http://my_registry: | no URL of a registry",
        "mirror.registry.hot.url | http://my_registry:x | no URL of a registry",
        "mirror.registry.hot.url | http://my_registry..x:5000 | no URL of a registry",
        "mirror.registry.hot.url | http://-my_registry:5000 | no URL of a registry",
        "mirror.registry.hot.url | http://my_registry?x=1 | no URL of a registry",
        "mirror.registry.hot.url | http://me@my_registry:5000 | an account does not belong into a URL",
        "mirror.registry.hot.public-url | https://my_registry.example.com/v2 | leave out /v2",
        "mirror.registry.hot.proxy | http://my_proxy | no URL of a proxy",
        "mirror.registry.hot.url | https://example.com:99999 | no URL of a registry",
        "mirror.registry.hot.url | https://example.com/v2/ | leave out /v2",
        "mirror.registry.cold.public-url | example | no URL of a registry",
        "mirror.registry.hot.blobs | stream | one of auto, proxy, redirect",
        "mirror.registry.hot.connect-timeout | 2 | a number above 0 with ms, s, m or h",
        "mirror.registry.hot.response-timeout | 0s | a number above 0 with ms, s, m or h",
        "mirror.registry.hot.response-timeout | soon | a number above 0 with ms, s, m or h",
        "mirror.server.answer-time | 0 | a number above 0 with ms, s, m or h, such as 25s",
        "mirror.server.answer-time | 25 | a number above 0 with ms, s, m or h, such as 25s",
        "mirror.registry.hot.token-hosts | https://auth.example.com | list of host names",
        "mirror.server.trusted-proxies | proxy.example.com | proxy.example.com is none",
        "mirror.server.trusted-proxies | 10.0.0.0/8, 10.0.0.0/33 | 10.0.0.0/33 is none",
        "mirror.server.trusted-proxies | 10.0.0/8 | a list of IP addresses and ranges",
        "mirror.server.trusted-proxies | 10.0.0.0/ | a list of IP addresses and ranges",
        "mirror.server.trusted-proxies | 10.0.0.0/-1 | a list of IP addresses and ranges",
        "mirror.server.trusted-proxies | 2001:db8::/129 | a list of IP addresses and ranges",
        "mirror.registry.hot.proxy | proxy.example.com:3128 | no URL of a proxy",
        "mirror.registry.hot.proxy | proxy.example.com | no URL of a proxy",
        "mirror.registry.hot.proxy | http://proxy.example.com | no URL of a proxy",
        "mirror.registry.hot.proxy | socks5://proxy.example.com:1080 | no URL of a proxy",
        "mirror.registry.hot.proxy | http://proxy.example.com:99999 | no URL of a proxy",
        "mirror.registry.hot.proxy | http://proxy.example.com:3128/path | no URL of a proxy",
        "mirror.registry.hot.proxy | http://proxy.example.com:3128?x=1 | no URL of a proxy",
        "mirror.registry.hot.proxy | mailto:me | no URL of a proxy",
        "mirror.registry.hot.proxy | http://me:%zz@proxy.example.com:3128 | ***@proxy.example.com:3128 cannot work",
        "mirror.registry.hot.proxy | http://me:%0D@proxy.example.com:3128 | ***@proxy.example.com:3128 cannot work",
        "mirror.registry.hot.proxy | http://:secret@proxy.example.com:3128 | ***@proxy.example.com:3128 cannot work",
        "mirror.registry.hot.username | a:b | no colon",
        "mirror.logging.level | loud | one of debug, error, info, trace, warn",
        "mirror.logging.format | xml | one of console, json"})
    void stopsAtWhatCannotWorkWithOneLineThatNamesIt(String name, String value, String expected) throws Exception {
        properties(name + "=" + value);
        String message = assertThrows(InvalidSettingException.class, this::read).getMessage();
        assertTrue(message.contains("mirror."), message);
        assertTrue(message.contains(expected), message);
        assertEquals(1, message.lines().count(), message);
    }

    /** All settings that are a time, by their defaults, and those of a registry that the jar does not carry. */
    static Stream<String> times() {
        return Stream.concat(Stream.of("mirror.registry.quay.connect-timeout", "mirror.registry.quay.response-timeout",
                        "mirror.registry.quay.patience"),
                SettingsSource.carried().entrySet().stream().filter(setting -> setting.getKey().startsWith("mirror.")
                        && setting.getValue().matches("[0-9]+(ms|s|m|h)")).map(Map.Entry::getKey));
    }

    @ParameterizedTest
    @MethodSource("times")
    void stopsAtATimeThatOverflows(String name) throws Exception {
        for (String time : List.of("87601h", "5256001m", "315360001s", "315360000001ms", "999999999h", "9223372036854775807ms", "9223372036854775808s", "9".repeat(1000) + "m")) {
            properties("mirror.registry.quay.url=https://quay.io", name + "=" + time);
            String message = assertThrows(InvalidSettingException.class, this::read, time).getMessage();
            assertTrue(message.startsWith(name + "=" + time.substring(0, Math.min(time.length(), 200))), message);
            assertTrue(message.endsWith(" cannot work: a time is at most 87600h, which is ten years"), message);
        }
        List<String> longest = name.equals("mirror.access.token-time") ? List.of("24h", "1440m", "86400s", "86400000ms", "1m", "0000000000001h")
                : List.of("87600h", "5256000m", "315360000s", "315360000000ms", "0000000000001h");
        for (String time : longest) {
            properties("mirror.registry.quay.url=https://quay.io", name + "=" + time);
            read();
        }
        for (String time : List.of("-1s", "+1s", "1.5s", "1e3s", "1 s", "1S", "1d", "\u0661s", "s", "0ms", "00h", "1s1s", "PT1S", "{{x}}", "9".repeat(1000))) {
            properties("mirror.registry.quay.url=https://quay.io", name + "=" + time);
            String message = assertThrows(InvalidSettingException.class, this::read, time).getMessage();
            assertTrue(message.startsWith(name + "="), message);
            assertTrue(message.contains(" cannot work: a time is a number above 0 with ms, s, m or h"), message);
        }
    }

    @Test
    void knowsAllTimes() {
        assertEquals(24, times().count(), () -> times().toList().toString());
    }

    @Test
    void masksSecretsInErrors() throws Exception {
        environment.put("MIRROR_REGISTRY_HOT_PASSWORD", "hunter2");
        assertStops("mirror.registry.hot.password=*** cannot work: mirror.registry.hot.username is empty");
        environment.put("MIRROR_REGISTRY_HOT_URL", "https://me:hunter2@example.com");
        String message = assertThrows(InvalidSettingException.class, this::read).getMessage();
        assertFalse(message.contains("hunter2"), message);
        environment.put("MIRROR_REGISTRY_HOT_URL", "https://me:hun^ter2%zz@example.com");
        assertFalse(assertThrows(InvalidSettingException.class, this::read).getMessage().contains("ter2"));
        environment.remove("MIRROR_REGISTRY_HOT_PASSWORD");
        environment.remove("MIRROR_REGISTRY_HOT_URL");
        environment.put("MIRROR_REGISTRY_HOT_PROXY", "http://me:hun#te@r2@proxy.example.com:3128");
        message = assertThrows(InvalidSettingException.class, this::read).getMessage();
        assertTrue(message.startsWith("mirror.registry.hot.proxy=***@proxy.example.com:3128 cannot work: "), message);
        environment.remove("MIRROR_REGISTRY_HOT_PROXY");
        environment.put("MIRROR_REGISTRY_HOT_HEADERS_AUTHORIZATION", "hunter2");
        assertStops("mirror.registry.hot.headers.AUTHORIZATION=*** cannot work: the mirror sets that header itself");
    }

    @Test
    void keepsSecretsOutOfPlaceholdersAndTexts() throws Exception {
        environment.put("MIRROR_REGISTRY_HOT_USERNAME", "reader");
        environment.put("MIRROR_REGISTRY_HOT_PASSWORD", "hunter2");
        environment.put("MIRROR_REGISTRY_HOT_HEADERS_X_KEY", "hunter2");
        environment.put("MIRROR_REGISTRY_HOT_PROXY", "http://me:hunter2@proxy.example.com:3128");
        assertFalse(read().placeholders().toString().contains("hunter2"));
        assertFalse(read().registries().get("hot").toString().contains("hunter2"));
        assertFalse(read().registries().get("hot").account().current().toString().contains("hunter2"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "server: [ | is not YAML",
        "just text | is to be a map of settings",
        "server: 5000 | server is to be a map of settings",
        "server: {port: [1]} | server.port is to be a single value",
        "a: 1\\na: 2 | is not YAML"})
    void stopsAtAMalformedConfigYamlNamingTheFile(String text, String expected) throws Exception {
        config(text.replace("\\n", "\n"));
        String message = assertThrows(InvalidSettingException.class, this::read).getMessage();
        assertTrue(message.contains("config.yaml"), message);
        assertTrue(message.contains(expected), message);
        assertEquals(1, message.lines().count(), message);
    }

    /** Each would take a start's stack or memory. */
    static Stream<String> bombs() {
        StringBuilder laughs = new StringBuilder("a0: &a0 [lol]\n");
        StringBuilder words = new StringBuilder("a0: &a0 {lol: lol}\n");
        // As many aliases as a file may have.
        for (int i = 1; i < 25; i++) {
            String alias = "*a" + (i - 1);
            laughs.append("a").append(i).append(": &a").append(i).append(" [").append(alias).append(",").append(alias).append("]\n");
            words.append("a").append(i).append(": &a").append(i).append(" {x: ").append(alias).append(", y: ").append(alias).append("}\n");
        }
        return Stream.of(
                "[".repeat(20_000),
                "[".repeat(20_000) + "]".repeat(20_000),
                "server: {port: " + "[".repeat(20_000) + "]".repeat(20_000) + "}",
                "server:\n  port: " + "[{a: ".repeat(20_000),
                "{? ".repeat(20_000),
                "- - ? [".repeat(20_000),
                "? - ".repeat(20_000),
                "!!map ".repeat(20_000) + "x",
                "&a ".repeat(20_000) + "x",
                "*a ".repeat(20_000),
                "--- [\n".repeat(20_000),
                "---\n- a\n".repeat(20_000),
                "[".repeat(20_000) + "*a" + "]".repeat(20_000),
                "a: &" + "b".repeat(500_000) + " [*" + "b".repeat(500_000) + "]",
                "a: *" + "b".repeat(500_000),
                "%TAG ! " + "x".repeat(500_000) + "\n--- !a b",
                "a: !" + "x".repeat(500_000) + " b",
                "b".repeat(500_000) + ": {x",
                blocks(1300),
                "[".repeat(100_000),
                "[".repeat(100_000) + "]".repeat(100_000),
                "server: " + "{a: ".repeat(100_000) + "}".repeat(100_000),
                "server: " + "[".repeat(5000) + "]".repeat(5000),
                "- ".repeat(50_000) + "x",
                "? ".repeat(50_000) + "x",
                laughs + "? *a24\n: x\n",
                words + "? *a24\n: x\n",
                words + "server: {? *a24 : x}\n",
                "? &a [*a]\n: x",
                "? &a [[*a]]\n: x",
                "&a {? {x: *a} : y}",
                "a: " + "x".repeat(4_000_000));
    }

    /** Returns maps in maps, each on a line of its own; the indentation takes most of what a file may have. */
    private static String blocks(int levels) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < levels; i++) {
            text.append(" ".repeat(i)).append("a:\n");
        }
        return text + " ".repeat(levels) + "x";
    }

    @ParameterizedTest
    @MethodSource("bombs")
    void stopsAtAConfigYamlThatIsABomb(String text) throws Exception {
        config(text);
        String message = assertTimeoutPreemptively(Duration.ofSeconds(20), () -> assertThrows(InvalidSettingException.class, this::read)).getMessage();
        assertTrue(message.contains("config.yaml"), message);
        assertTrue(message.length() < 400, () -> message.length() + " characters");
        assertEquals(1, message.lines().count(), message);
    }

    @Test
    void readsAProxyWithAnAccount() throws Exception {
        assertNull(read().registries().get("hot").proxy());
        environment.put("MIRROR_REGISTRY_HOT_PROXY", "HTTP://me:a%40b%3a+@proxy.example.com:3128/");
        assertEquals(new ProxySettings("http", "proxy.example.com", 3128, new Credentials("me", "a@b:+")), read().registries().get("hot").proxy());
        assertNull(read().registries().get("cold").proxy());
    }

    /** docker and compose make such names. */
    @Test
    void takesHostNamesWithUnderscores() throws Exception {
        environment.put("MIRROR_REGISTRY_HOT_URL", "HTTP://My_Registry:5000/base/");
        environment.put("MIRROR_REGISTRY_HOT_PUBLIC_URL", "https://_my_.example.com_/x");
        environment.put("MIRROR_REGISTRY_HOT_TOKEN_HOSTS", "My_Auth, other");
        environment.put("MIRROR_REGISTRY_HOT_PROXY", "http://me:a%40b@my_proxy:3128/");
        environment.put("MIRROR_REGISTRY_COLD_URL", "http://registry_1");
        RegistrySettings hot = read().registries().get("hot");
        assertEquals("http://My_Registry:5000/base", hot.url().toString());
        assertEquals("https://_my_.example.com_/x", hot.publicUrl().toString());
        assertEquals(List.of("my_auth", "other"), hot.tokenHosts());
        assertEquals(new ProxySettings("http", "my_proxy", 3128, new Credentials("me", "a@b")), hot.proxy());
        assertFalse(hot.library());
        assertEquals("http://host-MyuRegistry.invalid:5000/base", read().placeholders().get("mirror.registry.hot.url"));
        assertEquals("http://host-registryu1.invalid", read().placeholders().get("mirror.registry.cold.url"));
    }

    @Test
    void readsCertificatesOfAuthorities() throws Exception {
        assertEquals(List.of(), read().registries().get("hot").caCertificates());
        TestCertificate one = TestCertificate.make();
        Files.writeString(directory.resolve("ca.pem"), "# ours\n" + one.authorityPem() + one.pem());
        environment.put("MIRROR_REGISTRY_HOT_CA_CERTIFICATE", "ca.pem");
        assertEquals(List.of("CN=test authority", "CN=test registry"), read().registries().get("hot").caCertificates().stream()
                .map(certificate -> certificate.getSubjectX500Principal().getName()).toList());
        assertEquals(List.of(), read().warnings());
    }

    @Test
    void stopsAtAFileThatHoldsNoCertificates() throws Exception {
        environment.put("MIRROR_REGISTRY_HOT_CA_CERTIFICATE", "ca.pem");
        assertStops("mirror.registry.hot.ca-certificate=ca.pem cannot work: there is no such file");
        TestCertificate one = TestCertificate.make();
        for (String text : List.of("", "hello", one.keyPem(), one.pem().replaceFirst("\n.*\n", "\n"), "-----BEGIN CERTIFICATE-----\nAAAA\n")) {
            Files.writeString(directory.resolve("ca.pem"), text);
            String message = assertThrows(InvalidSettingException.class, this::read, text).getMessage();
            assertTrue(message.startsWith("mirror.registry.hot.ca-certificate=ca.pem cannot work: the file "), message);
            assertEquals(1, message.lines().count(), message);
        }
    }

    @Test
    void warnsOfACertificateThatHasExpired() throws Exception {
        Files.writeString(directory.resolve("ca.pem"), TestCertificate.make("-startdate", "2024/01/01 12:00:00", "-validity", "30").pem());
        environment.put("MIRROR_REGISTRY_HOT_CA_CERTIFICATE", "ca.pem");
        assertEquals(List.of("mirror.registry.hot.ca-certificate=ca.pem: the certificate of CN=test registry has expired on 2024-01-31"),
                read().warnings());
    }

    @Test
    void stopsAtAMalformedPropertiesFile() throws Exception {
        properties("mirror.server.port=\\u00zz");
        String message = assertThrows(InvalidSettingException.class, this::read).getMessage();
        assertTrue(message.contains("application.properties cannot be read"), message);
    }

    private void assertStops(String expected) {
        assertEquals(expected, assertThrows(InvalidSettingException.class, this::read).getMessage());
    }
}
