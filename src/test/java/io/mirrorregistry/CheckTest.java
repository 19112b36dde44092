package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.InvalidSettingException;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What the check says of broken configurations, with a copy of the real routes. */
class CheckTest {

    /** A route with something in it of all that can be wrong; its lines are counted below. */
    private static final String ROUTE = """
            - route:
                id: extra
                from:
                  uri: direct:extra
                  steps:
                    - bean:
                        ref: answer
                        method: finish
                    - choice:
                        when:
                          - expression:
                              simple:
                                expression: ${variable.asked} == 'blob'
                            steps:
                              - to:
                                  uri: direct:blob
                    - to:
                        uri: "{{mirror.registry.hot.url}}"
                        parameters:
                          httpClient: "#hot.client"
            """;

    @TempDir
    private Path directory;

    @BeforeEach
    void copyRoutes() throws IOException {
        TestRoutes.copyTo(directory);
    }

    private void write(String name, String text) throws IOException {
        Files.writeString(directory.resolve("routes").resolve(name), text);
    }

    private List<String> check(String... settings) throws Exception {
        return Check.run(directory, settings.length == 0 ? Map.of() : Map.of(settings[0], settings[1])).faults();
    }

    @Test
    void nothingIsWrongWithWhatComesWithTheMirror() throws Exception {
        write("extra.camel.yaml", ROUTE);
        assertEquals(List.of(), check("MIRROR_IMAGES_DIRECTORY", Path.of("images").toAbsolutePath().toString()));
        assertEquals(List.of(), check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1"));
    }

    static Stream<Arguments> faults() {
        return Stream.of(
                Arguments.of("  uri: direct:extra", "  uri: [direct:extra", "5:12: "),
                Arguments.of("    - choice:", "    - chioce:", "9:11: "),
                Arguments.of("method: finish", "metod: finish", "8:13: "),
                Arguments.of("ref: answer", "ref: anser", "7:18: No bean could be found in the registry for: anser"),
                Arguments.of("method: finish", "method: finnish", "8:21: Method with name: finnish not found on bean: io.mirrorregistry.server.AnswerStep"),
                Arguments.of("uri: direct:blob", "uri: direct:blub", "16:28: no route begins with direct:blub"),
                Arguments.of("uri: direct:blob", "uri: dierct:blob", "16:28: "),
                Arguments.of("hot.url}}", "hut.url}}", "18:18: "),
                Arguments.of("#hot.client", "#hut.client", "20:27: "),
                Arguments.of("uri: direct:extra", "uri: direct:extra?blok=true", "4:12: "),
                Arguments.of("${variable.asked} == 'blob'", "${variable.asked == 'blob'", "13:33: "),
                Arguments.of("${variable.asked} == 'blob'", "${varable.asked} == 'blob'", "13:33: "),
                Arguments.of("id: extra", "id: manifest", "2:9: the id manifest is that of another route already, in "),
                Arguments.of("uri: direct:extra", "uri: direct:blob", "4:12: another route begins with direct:blob already, in "),
                Arguments.of("id: extra", "id: extra\n    precondtion: x", "3:5: "));
    }

    @ParameterizedTest(name = "{1}")
    @MethodSource("faults")
    void saysFileLineColumnAndCause(String sound, String broken, String place) throws Exception {
        assertTrue(ROUTE.contains(sound));
        write("zextra.camel.yaml", ROUTE.replace(sound, broken));
        List<String> faults = check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1");
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("routes/zextra.camel.yaml:" + place), faults.get(0));
        assertEquals(1, faults.get(0).lines().count());
    }

    @Test
    void saysAllThatIsWrongAtOnce() throws Exception {
        write("extra.camel.yaml", ROUTE.replace("answer", "anser"));
        write("other.camel.yaml", ROUTE.replace("extra", "other").replace("ref: answer", "ref: "));
        Files.delete(directory.resolve("routes/tags.camel.yaml"));
        List<String> faults = check();
        assertEquals(5, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("mirror.images.directory="), faults.get(0));
        assertTrue(faults.stream().anyMatch(fault -> fault.endsWith(": no route begins with direct:tags-at-registry")), faults.toString());
        assertTrue(faults.stream().anyMatch(fault -> fault.startsWith("routes/front-door.camel.yaml:")
                && fault.endsWith(": no route begins with direct:tags")), faults.toString());
    }

    @Test
    void looksIntoTheFilesOfCertificates() throws Exception {
        Files.writeString(directory.resolve("ca.pem"), "hello");
        String message = check("MIRROR_REGISTRY_HOT_CA_CERTIFICATE", "ca.pem").get(0);
        assertEquals("mirror.registry.hot.ca-certificate=ca.pem cannot work: the file is to hold certificates in PEM, "
                + "and cannot be read as such (No certificate data found)", message);
    }

    @Test
    void namesTheSettingOfAFolderThatHoldsNoImages() throws Exception {
        String begin = "mirror.registry.cold.url=oci:" + directory.resolve("elsewhere") + ": ";
        List<String> faults = check("MIRROR_REGISTRY_COLD_URL", "oci:elsewhere");
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith(begin), faults.get(0));
    }

    /** What shows only after the settings have been read is named as config.yaml names it, too. */
    @Test
    void namesTheKeyOfConfigYamlForAFolderAndForAPort() throws Exception {
        Path config = directory.resolve("config.yaml");
        Files.writeString(config, "registry:\n  cold:\n    url: oci:elsewhere\n");
        String message = check().get(0);
        assertTrue(message.startsWith(config + ", line 3: registry.cold.url=oci:" + directory.resolve("elsewhere") + ": The folder of images "), message);
        try (ServerSocket taken = new ServerSocket(0)) {
            Files.writeString(config, "server:\n  port: " + taken.getLocalPort() + "\n");
            message = assertThrows(InvalidSettingException.class, () -> new Mirror(directory, Map.of())).getMessage();
            assertTrue(message.startsWith(config + ", line 2: server.port=" + taken.getLocalPort() + " cannot work: the port cannot be listened on ("), message);
        }
    }

    static Stream<Arguments> steps() {
        return Stream.of(
                Arguments.of("wireTap: {uri: 'direct:nowhere'}", "6:26: no route begins with direct:nowhere"),
                Arguments.of("toD: {uri: 'direct:nowhere'}", "6:22: no route begins with direct:nowhere"),
                Arguments.of("toD: {uri: 'foo:bar'}", "6:22: No endpoint could be found for: foo"),
                Arguments.of("toD: {uri: 'direct:${header.x}'}", null),
                Arguments.of("enrich: {expression: {constant: {expression: 'direct:nowhere'}}}", "6:56: no route begins with direct:nowhere"),
                Arguments.of("enrich: {expression: {constant: {expression: 'direct:manifest'}}}", null),
                Arguments.of("doTry: {steps: [{to: {uri: 'direct:blob'}}], doCatch: [{exception: [io.mirrorregistry.NoSuchException], steps: []}]}",
                        "6:79: there is no class io.mirrorregistry.NoSuchException"));
    }

    @ParameterizedTest
    @MethodSource("steps")
    void looksAtWhereStepsLead(String step, String fault) throws Exception {
        write("zextra.camel.yaml", "- route:\n    id: extra\n    from:\n      uri: direct:extra\n      steps:\n        - " + step + "\n");
        List<String> faults = check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1");
        assertEquals(fault == null ? 0 : 1, faults.size(), faults.toString());
        assertTrue(fault == null || faults.get(0).startsWith("routes/zextra.camel.yaml:" + fault), faults.toString());
    }

    @Test
    void refusesASecondRouteForTheSamePath() throws Exception {
        write("zextra.camel.yaml", ROUTE.replace("uri: direct:extra", "uri: platform-http:/v2"));
        List<String> faults = check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1");
        assertEquals(List.of("routes/zextra.camel.yaml:4:12: another route begins with platform-http:/v2 already, in front-door.camel.yaml"), faults);
    }

    /** Every pull would be told 404. */
    @Test
    void refusesRoutesOfWhichNoneAnswersPulls() throws Exception {
        Files.delete(directory.resolve("routes/front-door.camel.yaml"));
        assertEquals(List.of("routes/: no route takes what clients pull: the front door is missing"), check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1"));
    }

    static Stream<Arguments> unreadable() {
        return Stream.of(
                Arguments.of("- route:\n    id: \u00ff", "zextra.camel.yaml:1:3: the route has no from"),
                Arguments.of("- route:\n    id: x\n    from: {steps: []}", "zextra.camel.yaml:"),
                Arguments.of("- route:\n", "zextra.camel.yaml:1:3: "),
                Arguments.of("- nothing: {}", "zextra.camel.yaml:1:3: "),
                Arguments.of("- route: " + "[".repeat(50_000) + "]".repeat(50_000), "zextra.camel.yaml:1:"),
                Arguments.of("- route:\n\tid: x\n", "zextra.camel.yaml:2:1: "),
                Arguments.of("a: &a [x, x]\nb: *c\n", "zextra.camel.yaml:2:"));
    }

    @ParameterizedTest
    @MethodSource("unreadable")
    void saysWhichFileIsNoYaml(String text, String place) throws Exception {
        Files.writeString(directory.resolve("routes/zextra.camel.yaml"), text, StandardCharsets.ISO_8859_1);
        List<String> faults = check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1");
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("routes/" + place), faults.get(0));
        assertEquals(1, faults.get(0).lines().count());
    }

    @Test
    void saysWhatInTheFolderIsNoFile() throws Exception {
        Files.createDirectory(directory.resolve("routes/folder.camel.yaml.d"));
        assertEquals(List.of(), check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1"));
        Files.createDirectory(directory.resolve("routes/z.camel.yaml"));
        assertEquals(List.of("routes/: the folder cannot be read: z.camel.yaml (Is a directory)"), check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1"));
        Files.delete(directory.resolve("routes/z.camel.yaml"));
        Files.createSymbolicLink(directory.resolve("routes/z.camel.yaml"), Path.of("nowhere"));
        assertEquals(List.of("routes/: the folder cannot be read: z.camel.yaml (there is no such file)"), check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1"));
    }

    @Test
    void refusesAFolderWithoutRoutes() throws Exception {
        Path routes = directory.resolve("routes");
        try (Stream<Path> files = Files.list(routes)) {
            for (Path file : files.toList()) {
                Files.move(file, file.resolveSibling(file.getFileName() + ".bak"));
            }
        }
        String message = check().get(0);
        assertTrue(message.startsWith("The folder " + routes + " cannot work: it holds no *.camel.yaml"), message);
        assertEquals(1, message.lines().count());
    }

    @Test
    void refusesAFileWithoutRoutes() throws Exception {
        write("empty.camel.yaml", "");
        write("text.camel.yaml", "hello");
        List<String> faults = check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1");
        assertEquals(List.of("routes/empty.camel.yaml:1:1: this is no list of routes", "routes/text.camel.yaml:1:1: this is no list of routes"), faults);
    }

    /** In a thread of its own: opening a pipe cannot be interrupted. */
    @ParameterizedTest
    @EnumSource(OddFile.class)
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void refusesAFileThatIsNotToBeRead(OddFile odd) throws Exception {
        odd.create(directory.resolve("routes/zextra.camel.yaml"));
        List<String> faults = check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1");
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("routes/zextra.camel.yaml:"), faults.get(0));
        assertTrue(faults.get(0).contains(odd.fault()), faults.get(0));
        assertTrue(faults.get(0).length() < 500);
    }

    /** What a start reads is what it has checked: Camel opens no file itself. */
    @ParameterizedTest
    @EnumSource(value = OddFile.class, names = {"PIPE", "LINK_TO_A_DEVICE", "LONG_COMMENTS", "DOUBLED_ALIASES", "MANY_VALUES"})
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void doesNotStartWithAFileThatIsNotToBeRead(OddFile odd) {
        odd.create(directory.resolve("routes/zextra.camel.yaml"));
        String message = assertThrows(IllegalArgumentException.class, () -> TestMirror.startIn(directory).close()).getMessage();
        assertTrue(message.contains("routes/zextra.camel.yaml:") && message.contains(odd.fault()), message);
    }

    @Test
    @Timeout(180)
    void refusesMoreFilesOrBytesThanMemoryIsMeantFor() throws Exception {
        for (int i = 0; i < 6; i++) {
            write("z" + i + ".camel.yaml", "- route: {}\n" + "#".repeat(1_000_000));
        }
        assertTrue(check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1").contains("routes/: the files together are longer than 4194304 bytes"));
        for (int i = 0; i < 600; i++) {
            write("z" + i + ".camel.yaml", "- route: {}\n");
        }
        assertTrue(check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1").contains("routes/: the folder holds more than 500 files *.camel.yaml"));
        for (int i = 0; i < 600; i++) {
            Files.delete(directory.resolve("routes/z" + i + ".camel.yaml"));
        }
        for (int i = 0; i < 6; i++) {
            write("z" + i + ".camel.yaml", "- x\n".repeat(40_000));
        }
        List<String> faults = check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1");
        assertTrue(faults.stream().anyMatch(fault -> fault.matches("routes/(z.\\S+)?: .*more than \\d+ values")), faults.toString());
        for (int i = 0; i < 6; i++) {
            StringBuilder routes = new StringBuilder();
            for (int j = 0; j < 100; j++) {
                routes.append(ROUTE.replace("extra", "z" + i + "-" + j));
            }
            write("z" + i + ".camel.yaml", routes.toString());
        }
        assertEquals(List.of("routes/: the files together have more than 500 routes"), check("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1"));
    }

    @Test
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void refusesSettingsThatAreNotToBeRead() throws Exception {
        for (OddFile odd : List.of(OddFile.PIPE, OddFile.LINK_TO_A_DEVICE, OddFile.SOCKET, OddFile.LONG_COMMENTS)) {
            for (String name : List.of("application.properties", "config.yaml")) {
                Path file = directory.resolve(name);
                odd.create(file);
                String message = check().get(0);
                assertTrue(message.startsWith(file + " cannot be read as ") && message.endsWith(odd.fault()), message);
                Files.delete(file);
            }
            Path elsewhere = directory.resolve("elsewhere");
            odd.create(elsewhere);
            for (String variable : List.of("MIRROR_CONFIG", "MIRROR_REGISTRY_HOT_CA_CERTIFICATE")) {
                String message = check(variable, elsewhere.toString()).get(0);
                assertTrue(message.contains(elsewhere.toString()), message);
            }
            Files.delete(elsewhere);
        }
    }

    /** Two dozen aliases stand for millions of values once a key is written as text. */
    @Test
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void refusesAliasesInConfigYaml() throws Exception {
        StringBuilder text = new StringBuilder("a0: &a0 [x, x]\n");
        for (int i = 1; i <= 24; i++) {
            text.append("a" + i + ": &a" + i + " [*a" + (i - 1) + ", *a" + (i - 1) + "]\n");
        }
        Files.writeString(directory.resolve("config.yaml"), text + "? *a24\n: x\n");
        String message = check().get(0);
        assertEquals(directory.resolve("config.yaml") + " line 7 has more than 10 aliases", message);
    }

    @Test
    void saysInOneLineThatNobodyIsAskedForAnything() throws Exception {
        assertEquals(List.of("mirror.plan is empty and no registry serves anything, so that no image can be pulled: name registries in mirror.plan, "
                + "or the hosts of images in mirror.registry.NAME.serves"), Check.run(directory, Map.of("MIRROR_PLAN", " ", "MIRROR_REGISTRY_COLD_URL", "http://x")).faults());
    }

    /** That nobody serves anything, and the steps that find no registry, come of the fault. */
    @Test
    void saysNothingElseOfARegistryThatCannotBe() throws Exception {
        for (String[] settings : new String[][] {{"mirror.registry.Hub.url=http://x", "mirror.plan=Hub"}, {"mirror.registry.Hub.url=http://x", "mirror.plan="},
            {"mirror.registry.Hub.url=http://x", "mirror.registry.Hub.serves=docker.io", "mirror.plan="}}) {
            Files.write(directory.resolve("application.properties"), List.of(settings));
            List<String> faults = Check.run(directory, Map.of()).faults();
            assertEquals(1, faults.size(), faults.toString());
            assertTrue(faults.get(0).startsWith("mirror.registry.Hub."), faults.toString());
        }
        Files.write(directory.resolve("application.properties"), List.of("mirror.registry.hub.url=http://x", "mirror.registry.hub.serves=a_b", "mirror.plan="));
        List<String> faults = Check.run(directory, Map.of()).faults();
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("mirror.registry.hub.serves=a_b cannot work"), faults.toString());
    }

    @Test
    void saysAllThatIsWrongWithTheWarmFile() throws Exception {
        Path file = directory.resolve("warm.yaml");
        Files.writeString(file, "images: [{name: Nginx, tags: a}, {name: app, tags: [], newest: 1}]\n");
        Map<String, String> settings = Map.of("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1", "MIRROR_WARM_TO", "hot", "MIRROR_WARM_FILE", "warm.yaml");
        assertEquals(List.of(file + ":1:17: Nginx is no name of an image: names are in lower case", file + ":1:52: tags names at least one tag; \"*\" stands for all"),
                Check.run(directory, settings).faults());
        Files.writeString(file, "images: [{name: app, tags: a, newest: 1}]\n");
        Check.Findings found = Check.run(directory, settings);
        assertEquals(List.of(), found.faults());
        assertEquals(List.of(file + ":1:39: newest has no effect, because none of the tags has a wildcard"), found.warnings());
        Files.delete(file);
        assertEquals(List.of(file + ": there is no such file"), Check.run(directory, settings).faults());
    }

    @Test
    void aWarmFileIsNeitherNeededNorReadWhileNothingIsCopied() throws Exception {
        Map<String, String> settings = Map.of("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1", "MIRROR_WARM_TO", "hot");
        assertEquals(new Check.Findings(List.of(), List.of()), Check.run(directory, settings));
        Check.Findings found = Check.run(directory, Map.of("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1", "MIRROR_WARM_FILE", "none.yaml"));
        assertEquals(List.of(), found.faults());
        assertEquals(List.of("mirror.warm.file=none.yaml: the file is ignored, because mirror.warm.to is not set, so nothing is copied"), found.warnings());
        // What is wrong with the destination is the only fault.
        found = Check.run(directory, Map.of("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1", "MIRROR_WARM_TO", "nobody", "MIRROR_WARM_FILE", "none.yaml"));
        assertEquals(1, found.faults().size(), found.faults().toString());
        assertEquals(List.of(), found.warnings());
    }

    static Stream<Arguments> leftOut() {
        return Stream.of(
                Arguments.of("bean: {ref: plan, method: \"ask('hub, cold')\"}", "6:37: plan asks the registry cold: "),
                Arguments.of("to: {uri: 'direct:registry-cold'}", "6:21: no route begins with direct:registry-cold: "),
                Arguments.of("toD: {uri: 'direct:registry-cold'}", "6:22: "),
                Arguments.of("bean: {ref: cold, method: prepare}", "6:23: No bean could be found in the registry for: cold: "),
                Arguments.of("to: {uri: 'http:x', parameters: {httpClient: '#cold.client'}}", "6:56: No bean could be found in the registry for: cold.client "),
                Arguments.of("toD: {uri: 'http:x?httpClient=#cold.client'}", "6:22: No bean could be found in the registry for: cold.client "));
    }

    @ParameterizedTest
    @MethodSource("leftOut")
    void saysWhyARegistryThatRoutesNameIsLeftOut(String step, String fault) throws Exception {
        write("zextra.camel.yaml", "- route:\n    id: extra\n    from:\n      uri: direct:extra\n      steps:\n        - " + step + "\n");
        List<String> faults = Check.run(directory, Map.of("MIRROR_REGISTRY_HUB_URL", "http://127.0.0.1:1", "MIRROR_PLAN", "hub")).faults();
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("routes/zextra.camel.yaml:" + fault), faults.toString());
        assertTrue(faults.get(0).endsWith(": cold is left out, since mirror.plan does not name it and no setting is its own"), faults.toString());
    }

    /** A fault of one registry hides none of another, and no fault is told twice. */
    @Test
    void saysAllThatIsWrongWithSettingsOfSeveralRegistries() throws Exception {
        Files.writeString(directory.resolve("application.properties"), String.join("\n", "mirror.registry.none.url=http://x", "mirror.registry.Hub.url=http://x",
                "mirror.registry.none.serves=a_b", "mirror.registry.odd=http://x",
                "mirror.registry.a.url=ftp://x", "mirror.registry.a.serves=a_b", "mirror.registry.a.library=yes", "mirror.registry.a.username=a:b",
                "mirror.registry.a.password=p", "mirror.registry.b.url=http://b", "mirror.registry.b.serves=b.example", "mirror.registry.b.prefix=B",
                "mirror.registry.b.username=b", "mirror.registry.b.password-file=none.txt", "mirror.registry.c.url=", "mirror.registry.c.prefix=b.example/",
                "mirror.registry.d.url=http://d", "mirror.registry.d.username=\\u0007", "mirror.registry.d.password=\\u0007",
                "mirror.plan=hot, none, warm", "mirror.strategy=Fast", "mirror.server.port=9000", "mirror.server.workers=5000",
                "mirror.breaker.calls=2", "mirror.cache.size=many"));
        List<String> faults = Check.run(directory, Map.of("MIRROR_CONFIG", "none.yaml", "MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1")).faults();
        assertEquals(List.of("MIRROR_CONFIG=none.yaml", "mirror.breaker.minimum-calls=5", "mirror.cache.size=many", "mirror.management.port=9000",
                "mirror.plan=hot, none, warm", "mirror.registry.Hub.url", "mirror.registry.a.library=yes", "mirror.registry.a.serves=a_b",
                "mirror.registry.a.url=ftp://x", "mirror.registry.a.username=a:b", "mirror.registry.b.password-file=none.txt", "mirror.registry.b.prefix=B",
                "mirror.registry.c.prefix=b.example/", "mirror.registry.c.url=(empty)", "mirror.registry.d.password=***", "mirror.registry.d.username=***",
                "mirror.registry.none.serves", "mirror.registry.odd", "mirror.server.requests=2000", "mirror.strategy=Fast"),
                faults.stream().map(fault -> fault.substring(0, fault.indexOf(" cannot work: "))).sorted().toList(), String.join("\n", faults));
        assertTrue(faults.stream().anyMatch(fault -> fault.contains("there is no registry warm")), String.join("\n", faults));
    }
}
