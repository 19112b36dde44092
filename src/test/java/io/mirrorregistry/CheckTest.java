package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.InvalidSettingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
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
                          httpClient: "#hot-client"
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
        try (Mirror mirror = new Mirror(directory, settings.length == 0 ? Map.of() : Map.of(settings[0], settings[1]))) {
            return mirror.check();
        }
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
                Arguments.of("method: finish", "method: finnish", "8:21: Method with name: finnish not found on bean: io.mirrorregistry.edge.Answers"),
                Arguments.of("uri: direct:blob", "uri: direct:blub", "16:28: no route begins with direct:blub"),
                Arguments.of("uri: direct:blob", "uri: dierct:blob", "16:28: "),
                Arguments.of("hot.url}}", "hut.url}}", "18:18: "),
                Arguments.of("#hot-client", "#hut-client", "20:27: "),
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
        assertEquals(4, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("mirror.images.directory="), faults.get(0));
        assertTrue(faults.stream().anyMatch(fault -> fault.startsWith("routes/front-door.camel.yaml:")
                && fault.endsWith(": no route begins with direct:tags")), faults.toString());
    }

    @Test
    void looksIntoTheFilesOfCertificates() throws Exception {
        Files.writeString(directory.resolve("ca.pem"), "hello");
        String message = assertThrows(InvalidSettingException.class, () -> check("MIRROR_REGISTRY_HOT_CA_CERTIFICATE", "ca.pem")).getMessage();
        assertEquals("mirror.registry.hot.ca-certificate=ca.pem cannot work: the file is to hold certificates in PEM, "
                + "and cannot be read as such (No certificate data found)", message);
    }

    @Test
    void refusesAFolderWithoutRoutes() throws Exception {
        Path routes = directory.resolve("routes");
        try (Stream<Path> files = Files.list(routes)) {
            for (Path file : files.toList()) {
                Files.move(file, file.resolveSibling(file.getFileName() + ".bak"));
            }
        }
        String message = assertThrows(InvalidSettingException.class, this::check).getMessage();
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
}
