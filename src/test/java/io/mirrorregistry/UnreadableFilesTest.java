package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.testing.TestCertificate;
import io.mirrorregistry.testing.TestTls;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Files that the mirror's user may not read, as a process sees them. Root may read every file; where the tests run as root, {@code setpriv} of
 * util-linux starts the process without that right.
 */
class UnreadableFilesTest {

    @TempDir
    private Path directory;
    private final List<Path> forbidden = new ArrayList<>();

    @BeforeEach
    void fill() throws Exception {
        TestRoutes.copyTo(directory);
        copy(Path.of("images"), directory.resolve("images"));
        TestCertificate certificate = TestTls.certificate();
        for (String folder : List.of("files", "plugins", "elsewhere")) {
            Files.createDirectory(directory.resolve(folder));
        }
        Files.writeString(directory.resolve("files/tls.crt"), certificate.pem());
        Files.writeString(directory.resolve("files/tls.key"), certificate.keyPem());
        Files.writeString(directory.resolve("files/ca.pem"), certificate.authorityPem());
        Files.writeString(directory.resolve("files/password"), "hunter2\n");
        Files.writeString(directory.resolve("plugins/a.jar"), "no jar");
        Files.writeString(directory.resolve("elsewhere/config.yaml"), "server: {port: 5001}\n");
        Files.createSymbolicLink(directory.resolve("config.yaml"), Path.of("elsewhere/config.yaml"));
        Files.writeString(directory.resolve("application.properties"), String.join("\n", "mirror.registry.hot.username=reader",
                "mirror.registry.hot.password-file=files/password", "mirror.registry.hot.ca-certificate=files/ca.pem",
                "mirror.server.tls.certificate=files/tls.crt", "mirror.server.tls.key=files/tls.key"));
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file)));
            }
        }
    }

    @AfterEach
    void allowAgain() throws IOException {
        for (Path path : forbidden) {
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwx------"));
        }
    }

    private void permit(String path, String permissions) throws IOException {
        forbidden.add(0, directory.resolve(path));
        Files.setPosixFilePermissions(directory.resolve(path), PosixFilePermissions.fromString(permissions));
    }

    private List<String> check() throws Exception {
        List<String> command = new ArrayList<>();
        if ("0".equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid").toString())) {
            command.addAll(List.of("setpriv", "--bounding-set=-dac_override,-dac_read_search"));
        }
        String path = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator)).filter(entry -> !entry.contains("test-classes"))
                .map(entry -> Path.of(entry).toAbsolutePath().toString()).collect(Collectors.joining(File.pathSeparator));
        // With the quick compiler only, a process that ends so soon takes half as long.
        command.addAll(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1", "-cp", path,
                "io.mirrorregistry.MirrorRegistry", "check"));
        File error = directory.resolve("err").toFile();
        ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile()).redirectOutput(directory.resolve("out").toFile()).redirectError(error);
        builder.environment().keySet().removeIf(name -> name.startsWith("MIRROR_"));
        Process process = builder.start();
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), "still running");
        List<String> faults = Files.readAllLines(error.toPath()).stream().filter(line -> !line.startsWith("plugins/a.jar: it is no jar")).toList();
        assertEquals(faults.isEmpty() ? 0 : 1, faults.isEmpty() ? 0 : process.exitValue(), faults.toString());
        return faults;
    }

    private static String owner(Path file) throws IOException {
        Map<String, Object> of = Files.readAttributes(file, "unix:owner,group");
        return "owner " + of.get("owner") + ", group " + of.get("group");
    }

    @Test
    void everyFileCanBeReadAtFirst() throws Exception {
        assertEquals(List.of(), check());
    }

    /** DIR is the working directory. */
    @ParameterizedTest(name = "{0} {1}")
    @CsvSource(delimiter = '|', value = {
        "application.properties | -w------- | application.properties cannot be read as a properties file: permission denied for USER: its mode is 0200, OWNER",
        "elsewhere/config.yaml | --------- | config.yaml cannot be read as YAML: permission denied for USER: the mode of DIR/elsewhere/config.yaml is 0000, OWNER",
        "elsewhere | rw------- | config.yaml cannot be read as YAML: permission denied for USER: the mode of the folder DIR/elsewhere is 0600, OWNER",
        "files/password | --------- | mirror.registry.hot.password-file=files/password cannot work: permission denied for USER: its mode is 0000, OWNER",
        "files/ca.pem | --------- | mirror.registry.hot.ca-certificate=files/ca.pem cannot work: the file cannot be read: permission denied for USER: its mode is 0000, OWNER",
        "files/tls.crt | --------- | mirror.server.tls.certificate=files/tls.crt cannot work: the file cannot be read: permission denied for USER: its mode is 0000, OWNER",
        "files/tls.key | --------- | mirror.server.tls.key=files/tls.key cannot work: the file cannot be read: permission denied for USER: its mode is 0000, OWNER",
        "routes | --------- | The folder routes cannot be read: permission denied for USER: its mode is 0000, OWNER",
        "routes/blob.camel.yaml | --------- | routes/: the folder cannot be read: blob.camel.yaml (permission denied for USER: its mode is 0000, OWNER)",
        "plugins | --------- | plugins/: the folder cannot be read: permission denied for USER: its mode is 0000, OWNER",
        "plugins | rw------- | plugins/a.jar: permission denied for USER: the mode of the folder DIR/plugins is 0600, OWNER",
        "plugins/a.jar | --------- | plugins/a.jar: permission denied for USER: its mode is 0000, OWNER",
        "images | rw------- | mirror.images.directory=images: The file images/oci-layout cannot be read (permission denied for USER: the mode of the folder DIR/images is 0600, OWNER).",
        "images/oci-layout | --------- | mirror.images.directory=images: The file images/oci-layout cannot be read (permission denied for USER: its mode is 0000, OWNER).",
        "images/index.json | --------- | mirror.images.directory=images: The file images/index.json cannot be read (permission denied for USER: its mode is 0000, OWNER)."})
    void namesTheUserTheModeAndTheOwner(String path, String permissions, String expected) throws Exception {
        permit(path, permissions);
        Object user = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
        assertEquals(List.of(expected.replace("USER", "user " + System.getProperty("user.name") + " (" + user + ")").replace("DIR", directory.toString())
                .replace("OWNER", owner(directory.resolve(path)))), check());
    }

    @Test
    void namesTheFolderOfSeveralFilesThatMayNotBeEntered() throws Exception {
        permit("files", "rw-------");
        List<String> faults = check();
        assertEquals(3, faults.size(), faults.toString());
        for (String fault : faults) {
            assertTrue(fault.matches("mirror\\.\\S+=files/\\S+ cannot work: .*permission denied for user .*: the mode of the folder " + directory + "/files is 0600, owner .*"), fault);
        }
    }

    @Test
    void namesTheFolderOfAnImage() throws Exception {
        permit("images/blobs", "---------");
        List<String> faults = check();
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).matches("mirror.images.directory=images: library/hello:latest is left out: blob sha256:\\S+ cannot be read "
                + "\\(permission denied for user .*: the mode of the folder " + directory + "/images/blobs is 0000, owner .*\\)\\."), faults.get(0));
    }
}
