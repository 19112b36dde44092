package io.mirrorregistry.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Registries of any name, in files and by variables, and the order in which they are asked. */
class RegistrySettingsTest {

    @TempDir
    private Path directory;
    private final Map<String, String> environment = new HashMap<>();

    private Settings read() throws InvalidSettingException {
        return SettingsReader.read(directory, environment, "9.9");
    }

    private RegistrySettings read(String registry) throws InvalidSettingException {
        return read().registries().get(registry);
    }

    private void properties(String... lines) throws IOException {
        Files.write(directory.resolve("application.properties"), List.of(lines));
    }

    private void assertRefused(String expected) {
        assertEquals(expected, assertThrows(InvalidSettingException.class, this::read).getMessage());
    }

    @Test
    void leavesOutTheRegistriesThatComeWithTheMirrorAndNobodyUses() throws Exception {
        environment.putAll(Map.of("MIRROR_REGISTRY_HUB_URL", "https://registry-1.docker.io", "MIRROR_PLAN", "hub"));
        assertEquals(Set.of("hub"), read().registries().keySet());
        environment.put("MIRROR_REGISTRY_COLD_BLOBS", "proxy");
        assertEquals(Set.of("cold", "hub"), read().registries().keySet());
        environment.put("MIRROR_PLAN", "hub, hot");
        assertEquals(Set.of("cold", "hot", "hub"), read().registries().keySet());
    }

    @Test
    void anotherFolderOfImagesIsAUseOfCold() throws Exception {
        environment.putAll(Map.of("MIRROR_REGISTRY_HUB_URL", "https://registry-1.docker.io", "MIRROR_PLAN", "hub"));
        assertEquals(Set.of("cold", "hot"), read().leftOut());
        environment.put("MIRROR_IMAGES_DIRECTORY", "images");
        assertEquals(Set.of("cold", "hot"), read().leftOut());
        environment.put("MIRROR_IMAGES_DIRECTORY", "elsewhere");
        assertEquals(Set.of("hot"), read().leftOut());
        assertEquals(directory.resolve("elsewhere"), read("cold").folder());
    }

    @Test
    void refusesAPlanOfNobodyWhereNobodyServesAnything() throws Exception {
        String refusal = "mirror.plan is empty and no registry serves anything, so that no image can be pulled: name registries in mirror.plan, "
                + "or the hosts of images in mirror.registry.NAME.serves";
        environment.put("MIRROR_PLAN", " ");
        assertRefused(refusal);
        environment.put("MIRROR_REGISTRY_HUB_URL", "https://registry-1.docker.io");
        assertRefused(refusal);
        environment.put("MIRROR_REGISTRY_HUB_SERVES", "docker.io");
        assertEquals(Set.of("hub"), read().registries().keySet());
    }

    @Test
    void aRegistryIsDefinedByVariablesAlone() throws Exception {
        environment.putAll(Map.of("MIRROR_REGISTRY_DOCKER_HUB_URL", "https://registry-1.docker.io", "MIRROR_REGISTRY_DOCKER_HUB_USERNAME", "reader",
                "MIRROR_REGISTRY_DOCKER_HUB_PASSWORD", "hunter2", "MIRROR_REGISTRY_DOCKER_HUB_HEADERS_X_KEY", "key",
                "MIRROR_REGISTRY_DOCKER_HUB_SERVES", "Docker.io, localhost:5000, [::1]:5000", "MIRROR_REGISTRY_DOCKER_HUB_PREFIX", "hub-proxy/",
                "MIRROR_REGISTRY_DOCKER_HUB_BLOBS", "proxy", "MIRROR_REGISTRY_DOCKER_HUB_CONNECT_TIMEOUT", "3s",
                "MIRROR_REGISTRY_DOCKER_HUB_PUBLIC_URL", "https://hub.example.com", "MIRROR_REGISTRY_DOCKER_HUB_TOKEN_HOSTS", "auth.docker.io"));
        Settings settings = read();
        assertEquals(Set.of("cold", "docker-hub", "hot"), settings.registries().keySet());
        RegistrySettings hub = settings.registries().get("docker-hub");
        assertEquals("docker-hub", hub.name());
        assertEquals(URI.create("https://registry-1.docker.io"), hub.url());
        assertEquals(URI.create("https://hub.example.com"), hub.publicUrl());
        assertEquals(new Credentials("reader", "hunter2"), hub.account().current());
        assertEquals("key", hub.headers().get("X-Key"));
        assertEquals(List.of("docker.io", "localhost:5000", "[::1]:5000"), hub.serves());
        assertEquals("hub-proxy/", hub.prefix());
        assertEquals(BlobsMode.PROXY, hub.blobs());
        assertEquals(3, hub.connectTimeout().toSeconds());
        assertEquals(8, hub.responseTimeout().toSeconds());
        assertEquals(List.of("auth.docker.io"), hub.tokenHosts());
        assertTrue(hub.library());
        assertFalse(hub.isFolder());
        assertEquals(List.of(), settings.warnings());
        assertEquals("https://registry-1.docker.io", settings.placeholders().get("mirror.registry.docker-hub.url"));
        assertFalse(settings.placeholders().toString().matches(".*(hunter2|reader|X-Key).*"));
    }

    @Test
    void aVariableBelongsToTheShortestNameThatHasAUrl() throws Exception {
        environment.put("MIRROR_REGISTRY_X_PUBLIC_URL", "http://public");
        environment.put("MIRROR_REGISTRY_X_PUBLIC_HEADERS_KEY", "of x-public");
        assertEquals(URI.create("http://public"), read("x-public").url());
        assertEquals("of x-public", read("x-public").headers().get("key"));
        assertNull(read("x"));
        environment.put("MIRROR_REGISTRY_X_URL", "http://x");
        environment.remove("MIRROR_REGISTRY_X_PUBLIC_HEADERS_KEY");
        assertEquals(URI.create("http://public"), read("x").publicUrl());
        assertNull(read("x-public"));
        environment.put("MIRROR_REGISTRY_X_PUBLIC_USERNAME", "reader");
        assertEquals(List.of("MIRROR_REGISTRY_X_PUBLIC_USERNAME is the variable of no setting of this mirror and is ignored; did you mean MIRROR_REGISTRY_X_PUBLIC_URL?"),
                read().warnings());
        environment.remove("MIRROR_REGISTRY_X_PUBLIC_USERNAME");
        environment.remove("MIRROR_REGISTRY_X_URL");
        properties("mirror.registry.x.url=http://x-of-the-file");
        assertEquals(URI.create("http://public"), read("x").publicUrl());
        assertNull(read("x-public"));
        environment.put("MIRROR_REGISTRY_X_PUBLIC_PUBLIC_URL", "http://longer");
        assertEquals(URI.create("http://longer"), read("x-public-public").url());
        assertEquals(List.of(), read().warnings());
    }

    @Test
    void aHeaderMayBeCalledLikeASetting() throws Exception {
        environment.put("MIRROR_REGISTRY_X_HEADERS_URL", "value");
        assertRefused("mirror.registry.x-headers.url=value cannot work: it is no URL of a registry; write e.g. https://registry.example.com");
        environment.put("MIRROR_REGISTRY_X_URL", "http://x");
        assertEquals("value", read("x").headers().get("URL"));
        assertNull(read("x-headers"));
    }

    @Test
    void variablesOverrideARegistryOfAFile() throws Exception {
        properties("mirror.registry.docker-hub.url=http://file", "mirror.registry.docker-hub.prefix=file/", "mirror.registry.docker-hub.headers.X-Key=file");
        environment.putAll(Map.of("MIRROR_REGISTRY_DOCKER_HUB_PREFIX", "variable/", "MIRROR_REGISTRY_DOCKER_HUB_HEADERS_X_KEY", "variable",
                "MIRROR_REGISTRY_DOCKER_HUB_SERVES", "docker.io"));
        RegistrySettings hub = read("docker-hub");
        assertEquals(URI.create("http://file"), hub.url());
        assertEquals("variable/", hub.prefix());
        assertEquals(Map.of("User-Agent", "mirror-registry/9.9", "X-Key", "variable"), hub.headers());
        assertEquals(List.of("docker.io"), hub.serves());
        environment.put("MIRROR_REGISTRY_DOCKER_HUB_URL", "http://variable");
        assertEquals(URI.create("http://variable"), read("docker-hub").url());
    }

    @Test
    void warnsOfVariablesOfARegistryThatHasNoUrl() throws Exception {
        environment.putAll(Map.of("MIRROR_REGISTRY_X_USERNAME", "reader", "MIRROR_REGISTRY_X_HEADERS_KEY", "key", "MIRROR_REGISTRY_URL", "http://x",
                "MIRROR_REGISTRY__URL", "http://x", "MIRROR_REGISTRY_hot_URL", "http://x", "MIRROR_REGISTRY_y_URL", "http://x"));
        Settings settings = read();
        assertEquals(Set.of("cold", "hot"), settings.registries().keySet());
        assertEquals(List.of("MIRROR_REGISTRY_URL; did you mean MIRROR_REGISTRY_HOT_URL?", "MIRROR_REGISTRY_X_HEADERS_KEY; MIRROR_REGISTRY_X_URL is not set",
                "MIRROR_REGISTRY_X_USERNAME; MIRROR_REGISTRY_X_URL is not set", "MIRROR_REGISTRY__URL; did you mean MIRROR_REGISTRY_HOT_URL?",
                "MIRROR_REGISTRY_hot_URL; did you mean MIRROR_REGISTRY_HOT_URL?", "MIRROR_REGISTRY_y_URL; did you mean MIRROR_REGISTRY_HOT_URL?"),
                settings.warnings().stream().map(warning -> warning.replace(" is the variable of no setting of this mirror and is ignored", "")).toList());
    }

    /** Kubernetes sets them for services that are called mirror-registry-x and mirror-strategy. */
    @Test
    void serviceLinksDefineNothing() throws Exception {
        Settings before = read();
        environment.putAll(Map.of("MIRROR_REGISTRY_X_SERVICE_HOST", "10.0.0.1", "MIRROR_REGISTRY_X_SERVICE_PORT", "5000",
                "MIRROR_REGISTRY_X_SERVICE_PORT_URL", "5000", "MIRROR_REGISTRY_X_SERVICE_PORT_PUBLIC_URL", "5000", "MIRROR_REGISTRY_X_PORT", "tcp://10.0.0.1:5000",
                "MIRROR_REGISTRY_X_PORT_5000_TCP", "tcp://10.0.0.1:5000", "MIRROR_REGISTRY_X_PORT_5000_TCP_ADDR", "10.0.0.1",
                "MIRROR_STRATEGY_SERVICE_HOST", "10.0.0.1", "MIRROR_STRATEGY_PORT", "tcp://10.0.0.1:5000"));
        Settings settings = read();
        assertEquals(before.registries().keySet(), settings.registries().keySet());
        assertEquals(before.strategySettings(), settings.strategySettings());
        assertEquals(List.of(), settings.warnings());
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "docker-hub", "x1--2-", "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-012345678"})
    void takesNamesOfTheGrammar(String name) throws Exception {
        properties("mirror.registry." + name + ".url=http://x");
        assertEquals(URI.create("http://x"), read(name).url());
        assertEquals("http://x", read().placeholders().get("mirror.registry." + name + ".url"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"Hub", "1a", "-a", "a_b", "h\\u00fcb", "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-0123456789", ""})
    void refusesOtherNames(String name) throws Exception {
        properties("mirror.registry." + name + ".url=http://x");
        assertRefused("mirror.registry." + name.replace("\\u00fc", "\u00fc") + ".url cannot work: a registry's name is a lower-case letter, "
                + "then lower-case letters, digits and hyphens, at most 63 characters");
    }

    @ParameterizedTest
    @ValueSource(strings = {"none", "both", "several", "other", "all", "registry", "registries", "plan", "strategy", "strategies", "ask", "cache"})
    void refusesReservedWords(String name) {
        environment.put("MIRROR_REGISTRY_" + name.toUpperCase() + "_URL", "http://x");
        assertRefused("mirror.registry." + name + ".url cannot work: " + name + " is a reserved word; give the registry another name");
    }

    @ParameterizedTest
    @ValueSource(strings = {"request", "answer", "manifest", "blob", "stream", "tags", "referrers", "failures", "folder", "vertx", "route-files",
        "server-certificate", "client-headers", "registry-headers", "headers", "event-loop", "platform-http-engine"})
    void refusesNamesOfSteps(String name) throws Exception {
        properties("mirror.registry." + name + ".url=http://x");
        assertRefused("mirror.registry." + name + ".url cannot work: routes have a step of the name " + name);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "mirror.registry.x.serves | docker.io,https://ghcr.io | list of host names with commas between, such as docker.io, localhost:5000; https://ghcr.io is none",
        "mirror.registry.x.serves | docker.io/library | list of host names with commas between, such as docker.io, localhost:5000; docker.io/library is none",
        "mirror.registry.x.serves | my_host | list of host names with commas between, such as docker.io, localhost:5000; my_host is none",
        "mirror.registry.x.serves | a.b,,b.b | list of host names with commas between, such as docker.io, localhost:5000; one is empty",
        "mirror.registry.x.serves | a.b, | list of host names with commas between, such as docker.io, localhost:5000; one is empty",
        "mirror.registry.x.serves | a:65536 | list of host names with commas between, such as docker.io, localhost:5000; a:65536 is none",
        "mirror.registry.x.serves | a:0 | list of host names with commas between, such as docker.io, localhost:5000; a:0 is none",
        "mirror.registry.x.serves | ::1 | list of host names with commas between, such as docker.io, localhost:5000; ::1 is none",
        "mirror.registry.x.prefix | proxy | the beginning of a repository's name, in lower case and with / at its end, such as dockerhub-proxy/",
        "mirror.registry.x.prefix | / | the beginning of a repository's name, in lower case and with / at its end, such as dockerhub-proxy/",
        "mirror.registry.x.prefix | /proxy/ | the beginning of a repository's name, in lower case and with / at its end, such as dockerhub-proxy/",
        "mirror.registry.x.prefix | Proxy/ | the beginning of a repository's name, in lower case and with / at its end, such as dockerhub-proxy/",
        "mirror.registry.x.prefix | a//b/ | the beginning of a repository's name, in lower case and with / at its end, such as dockerhub-proxy/",
        "mirror.registry.x.prefix | ../ | the beginning of a repository's name, in lower case and with / at its end, such as dockerhub-proxy/",
        "mirror.registry.x.library | yes | one of false, true",
        "mirror.plan | hot, warm | list of registries with commas between; there is no registry warm, only cold, hot, x",
        "mirror.plan | hot,,cold | list of registries with commas between; one is empty",
        "mirror.plan | hot cold | list of registries with commas between; there is no registry hot cold, only cold, hot, x"})
    void refusesBadValues(String name, String value, String expected) throws Exception {
        properties("mirror.registry.x.url=http://x", name + "=" + value);
        assertRefused(name + "=" + value + " cannot work: it is " + (expected.startsWith("list") ? "a " : "") + expected);
    }

    /** A word without a dot is the first part of names such as library/alpine. */
    @ParameterizedTest
    @ValueSource(strings = {"library", "docker", "registry", "a-b", "localhosts"})
    void refusesToServeWhatIsNoHostOfAnImage(String word) throws Exception {
        properties("mirror.registry.x.url=http://x", "mirror.registry.x.serves=docker.io, " + word);
        assertRefused("mirror.registry.x.serves=docker.io, " + word + " cannot work: " + word + " is not the host of an image; "
                + "such a host has a dot or a port, or is localhost");
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "library:5000", "a.b", "10.0.0.1", "[::1]", "[::1]:5000"})
    void servesHostsOfImages(String host) throws Exception {
        properties("mirror.registry.x.url=http://x", "mirror.registry.x.serves=" + host);
        assertEquals(List.of(host), read("x").serves());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "mirror.registry.x.url | '' | mirror.registry.x.url=(empty) cannot work: only cold may be without a url; write e.g. https://registry.example.com",
        "mirror.registry.x.url | oci: | mirror.registry.x.url=oci: cannot work: the path of a folder follows oci:, such as oci:images; write https://… for a registry",
        "mirror.registry.x.url | oci://example.com | mirror.registry.x.url=oci://example.com cannot work: the path of a folder follows oci:, such as oci:images; write https://… for a registry",
        "mirror.registry.x.public-url | oci:images | mirror.registry.x.public-url=oci:images cannot work: it is no URL of a registry; write e.g. https://registry.example.com",
        "mirror.registry.x | http://x | mirror.registry.x cannot work: a registry's settings are mirror.registry.NAME.SETTING",
        "mirror.plan | hot, cold, hot | mirror.plan=hot, cold, hot cannot work: hot is there twice",
        "mirror.strategy | Fast | mirror.strategy=Fast cannot work: a strategy's name is a lower-case letter, then lower-case letters, digits and hyphens",
        "mirror.strategy | '' | mirror.strategy=(empty) cannot work: a strategy's name is a lower-case letter, then lower-case letters, digits and hyphens",
        "mirror.plugins.directory | a\\u0000b | mirror.plugins.directory=a\u0000b cannot work: it is no path"})
    void refusesWithThisSentence(String name, String value, String expected) throws Exception {
        properties("mirror.registry.x.url=http://x", name + "=" + value);
        assertRefused(expected);
    }

    @Test
    void anyRegistryMayBeAFolder() throws Exception {
        properties("mirror.registry.hot.url=oci:some/images", "mirror.registry.warm.url=OCI:/var/images", "mirror.images.directory=old",
                "mirror.registry.warm.prefix=x/", "mirror.registry.warm.library=true");
        Settings settings = read();
        RegistrySettings hot = settings.registries().get("hot");
        assertTrue(hot.isFolder());
        assertEquals(directory.resolve("some/images"), hot.folder());
        assertNull(hot.url());
        assertNull(hot.publicUrl());
        assertFalse(hot.library());
        assertEquals(Path.of("/var/images"), settings.registries().get("warm").folder());
        assertTrue(settings.registries().get("warm").library());
        assertEquals(directory.resolve("old"), settings.registries().get("cold").folder());
        assertEquals("", settings.placeholders().get("mirror.registry.hot.url"));
        assertEquals("", settings.placeholders().get("mirror.registry.warm.url"));
        assertEquals(List.of(), settings.warnings());
    }

    @Test
    void warnsOfSettingsThatMeanNothingForAFolder() throws Exception {
        environment.putAll(Map.of("MIRROR_REGISTRY_COLD_USERNAME", "reader", "MIRROR_REGISTRY_COLD_PROXY", "http://proxy:3128",
                "MIRROR_REGISTRY_COLD_HEADERS_KEY", "key", "MIRROR_REGISTRY_COLD_RESPONSE_TIMEOUT", "1s"));
        assertEquals(List.of("mirror.registry.cold.headers.KEY", "mirror.registry.cold.proxy", "mirror.registry.cold.username").stream()
                .map(name -> name + " has no meaning for a folder of images and is ignored").toList(), read().warnings());
    }

    @ParameterizedTest
    @CsvSource({"https://docker.io, '', true", "https://index.docker.io, '', true", "https://Registry-1.docker.io, '', true", "https://registry.hub.docker.com/x, '', true",
        "https://registry-1.docker.io, false, false", "https://ghcr.io, '', false", "https://ghcr.io, True, true", "https://mirror.docker.io, '', false",
        "https://docker.io.example.com, '', false"})
    void libraryIsTheDefaultAtDockerHubOnly(String url, String library, boolean expected) throws Exception {
        properties("mirror.registry.x.url=" + url, "mirror.registry.x.library=" + library);
        assertEquals(expected, read("x").library());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "hub:docker.io:docker.io/ | ''",
        "hub:docker.io:proxy/; ghcr:ghcr.io:proxy/ | ''",
        "hub:docker.io:; two:docker.io: | ''",
        "hub::docker.io/ | ''",
        "hub:docker.io:; ghcr:ghcr.io:ghcr.io.x/ | ''",
        "hub:docker.io:; quay:quay.io:docker.io/ | mirror.registry.quay.prefix=docker.io/ cannot work: docker.io is a namespace that the registry hub serves; "
            + "only a registry that serves it, and nothing else, may have that prefix",
        "hub:docker.io:; quay::docker.io/x/ | mirror.registry.quay.prefix=docker.io/x/ cannot work: docker.io is a namespace that the registry hub serves; "
            + "only a registry that serves it, and nothing else, may have that prefix",
        "hub:docker.io,quay.io:docker.io/ | mirror.registry.hub.prefix=docker.io/ cannot work: a registry whose prefix begins with the namespace docker.io "
            + "serves that namespace only"})
    void refusesAPrefixThatIsTheNamespaceOfAnother(String registries, String expected) throws Exception {
        StringBuilder text = new StringBuilder();
        for (String registry : registries.split("; ")) {
            String[] parts = registry.split(":", -1);
            String prefix = "mirror.registry." + parts[0] + ".";
            text.append(prefix + "url=http://x\n" + prefix + "serves=" + parts[1] + "\n" + prefix + "prefix=" + parts[2] + "\n");
        }
        properties(text.toString());
        if (expected.isEmpty()) {
            read();
        } else {
            assertRefused(expected);
        }
    }

    @Test
    void orderIsThePlanAndThenTheOthersByName() throws Exception {
        environment.putAll(Map.of("MIRROR_REGISTRY_WARM_URL", "http://x", "MIRROR_REGISTRY_ARCHIVE_URL", "http://x", "MIRROR_PLAN", "warm, hot"));
        assertEquals(List.of("warm", "hot"), read().plan());
        assertEquals(List.of("warm", "hot", "archive"), read().order());
        environment.putAll(Map.of("MIRROR_PLAN", " ", "MIRROR_REGISTRY_WARM_SERVES", "docker.io"));
        assertEquals(List.of(), read().plan());
        assertEquals(List.of("archive", "warm"), read().order());
        assertEquals(List.of(), read().warnings());
    }

    @Test
    void strategiesHaveSettingsOfAnyName() throws Exception {
        properties("mirror.strategy.mine.a.B=1", "mirror.strategy.two.a=1", "mirror.strategy.by-night.hours=22-6");
        environment.putAll(Map.of("MIRROR_STRATEGY", "two-words", "MIRROR_STRATEGY_WEIGHTED_SHARES", "hot=90, cold=10", "MIRROR_STRATEGY_BY_CLIENT_NETWORKS", "x",
                "MIRROR_STRATEGY_BY_NIGHT_DAYS", "7", "MIRROR_STRATEGY_TWO_WORDS_SOME_KEY", "2", "MIRROR_STRATEGY_NEW_SOME_KEY", "3",
                "MIRROR_STRATEGY_MINE_A_B", "4", "MIRROR_STRATEGY_NEW", "5"));
        environment.put("MIRROR_PLUGINS_DIRECTORY", "/opt/plugins");
        Settings settings = read();
        assertEquals("two-words", settings.strategy());
        assertEquals(Map.of("weighted", Map.of("shares", "hot=90, cold=10"), "by-client", Map.of("networks", "x"), "by-night", Map.of("hours", "22-6", "days", "7"),
                "two-words", Map.of("some-key", "2"), "two", Map.of("a", "1"), "new", Map.of("some-key", "3"), "mine", Map.of("a.B", "4")), settings.strategySettings());
        assertEquals(Path.of("/opt/plugins"), settings.pluginsDirectory());
        assertEquals(List.of("MIRROR_STRATEGY_NEW is the variable of no setting of this mirror and is ignored"), settings.warnings());
    }

    /** A key of a strategy may be a secret, also under a name that no strategy can have. */
    @Test
    void routesReadTheNameOfTheStrategyAndNoneOfItsSettings() throws Exception {
        properties("mirror.strategy.mine.api-key=hunter2", "mirror.strategy.Mine.api-key=hunter2");
        environment.put("MIRROR_STRATEGY_OTHER_TOKEN", "hunter2");
        Map<String, String> placeholders = read().placeholders();
        assertFalse(placeholders.containsValue("hunter2"), placeholders.toString());
        assertEquals(List.of("mirror.strategy"), placeholders.keySet().stream().filter(name -> name.startsWith("mirror.strategy")).toList());
    }

    @Test
    void keepsEachSecretOfEachRegistryOutOfPlaceholders() throws Exception {
        properties("mirror.registry.x.url=http://x", "mirror.registry.x.username=reader1", "mirror.registry.x.password=hunter2",
                "mirror.registry.x.pasword=hunter2", "mirror.registry.x.headers.Key=hunter2", "mirror.registry.x.proxy=http://me:hunter2@proxy:3128",
                "mirror.registry.y.url=http://y", "mirror.registry.y.username=reader1", "mirror.registry.y.password-file=secret.txt");
        Files.writeString(directory.resolve("secret.txt"), "hunter2\n");
        Settings settings = read();
        assertFalse(settings.placeholders().toString().contains("hunter2"), settings.placeholders().toString());
        assertFalse(settings.placeholders().toString().contains("reader1"), settings.placeholders().toString());
        assertEquals("secret.txt", settings.placeholders().get("mirror.registry.y.password-file"));
        assertFalse(settings.registries().toString().contains("hunter2"));
        assertFalse(settings.registries().get("y").account().toString().contains("hunter2"));
        assertEquals(List.of("mirror.registry.x.pasword is not a setting of this mirror and is ignored; did you mean mirror.registry.x.password?"), settings.warnings());
    }
}
