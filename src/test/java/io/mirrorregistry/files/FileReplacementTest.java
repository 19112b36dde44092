package io.mirrorregistry.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class FileReplacementTest {

    @TempDir
    private Path folder;

    /** Appends lines, each by a change of its own. Runs in a process of its own as well. */
    static final class Appender {

        private Appender() {
        }

        /** Takes the file, the beginning of the lines, and their number. */
        public static void main(String[] arguments) {
            try {
                for (int i = 0; i < Integer.parseInt(arguments[2]); i++) {
                    String line = arguments[1] + i + "\n";
                    FileReplacement.update(Path.of(arguments[0]), text -> text + line);
                }
            } catch (IOException e) {
                System.out.println(e.getMessage());
                System.exit(1);
            }
        }
    }

    private Path file() {
        return folder.resolve("users.htpasswd");
    }

    private static String permissions(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    private Process process(List<String> before, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(before);
        command.addAll(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp", System.getProperty("java.class.path"),
                Appender.class.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(folder.resolve("out").toFile()).start();
    }

    private static String message(Path file) {
        return assertThrows(IOException.class, () -> FileReplacement.update(file, text -> text + "more")).getMessage();
    }

    @Test
    void makesAFileThatOnlyItsOwnerReads() throws Exception {
        FileReplacement.update(file(), text -> text + "é\n");
        assertEquals("é\n", Files.readString(file()));
        assertEquals("rw-------", permissions(file()));
        assertEquals(List.of(".users.htpasswd.lock", "users.htpasswd"), names());
    }

    @Test
    void keepsThePermissionsOfTheOldFile() throws Exception {
        Files.writeString(file(), "old");
        for (String permissions : List.of("rw-r-----", "r--r--r--", "rw-rw-rw-")) {
            Files.setPosixFilePermissions(file(), PosixFilePermissions.fromString(permissions));
            FileReplacement.update(file(), text -> text + "+");
            assertEquals(permissions, permissions(file()));
        }
        assertEquals("old+++", Files.readString(file()));
    }

    @Test
    void rootKeepsTheOwnerOfTheOldFile() throws Exception {
        Files.writeString(file(), "old");
        assumeTrue("0".equals(Files.getAttribute(file(), "unix:uid").toString()), "only root may give files away");
        Files.setAttribute(file(), "unix:uid", 12_345);
        Files.setAttribute(file(), "unix:gid", 12_346);
        FileReplacement.update(file(), text -> "new");
        assertEquals(12_345, Files.getAttribute(file(), "unix:uid"));
        assertEquals(12_346, Files.getAttribute(file(), "unix:gid"));
    }

    @Test
    void changesTheFileThatLinksLeadTo() throws Exception {
        Path other = Files.createDirectory(folder.resolve("other"));
        Files.writeString(other.resolve("real"), "old");
        Files.createSymbolicLink(folder.resolve("middle"), Path.of("other/real"));
        Files.createSymbolicLink(file(), folder.resolve("middle"));
        FileReplacement.update(file(), text -> text + " new");
        assertTrue(Files.isSymbolicLink(file()));
        assertEquals("old new", Files.readString(other.resolve("real")));
        Files.delete(other.resolve("real"));
        FileReplacement.update(file(), text -> text + "made");
        assertEquals("made", Files.readString(other.resolve("real")));
    }

    @Test
    void refusesALinkThatLeadsToItself() throws Exception {
        Files.createSymbolicLink(file(), file().getFileName());
        assertEquals(file() + " cannot be changed: it is a link that leads to no file", message(file()));
    }

    @Test
    void aChangeThatThrowsLeavesTheFileAsItIs() throws Exception {
        Files.writeString(file(), "old");
        assertThrows(InterruptedException.class, () -> FileReplacement.update(file(), text -> {
            throw new InterruptedException();
        }));
        assertEquals("old", Files.readString(file()));
        FileReplacement.update(file(), text -> text + " new");
        assertEquals("old new", Files.readString(file()));
        assertEquals(List.of(".users.htpasswd.lock", "users.htpasswd"), names());
    }

    @Test
    void aTextThatDoesNotChangeIsNotWritten() throws Exception {
        Files.writeString(file(), "old");
        Object before = Files.getAttribute(file(), "unix:ino");
        FileReplacement.update(file(), text -> text);
        assertEquals(before, Files.getAttribute(file(), "unix:ino"));
    }

    @Test
    void refusesWhatCannotBeWrittenOrRead() throws Exception {
        Files.writeString(file(), "old");
        assertEquals(file() + " cannot be changed: it would be longer than 1048576 bytes",
                assertThrows(IOException.class, () -> FileReplacement.update(file(), text -> "é".repeat(524_289))).getMessage());
        assertEquals(file() + " cannot be changed: the new text cannot be written as UTF-8",
                assertThrows(IOException.class, () -> FileReplacement.update(file(), text -> "\ud800")).getMessage());
        assertEquals("old", Files.readString(file()));
        assertEquals(List.of(".users.htpasswd.lock", "users.htpasswd"), names());
        Files.write(file(), new byte[] {'a', (byte) 0xff});
        assertEquals(file() + " cannot be read: it is not UTF-8", message(file()));
        Path missing = folder.resolve("missing/users");
        assertEquals(missing + " cannot be changed: there is no folder " + missing.getParent(), message(missing));
        assertTrue(message(Files.createDirectory(folder.resolve("folder"))).endsWith("folder cannot be read: Is a directory"));
    }

    @Test
    void tellsThatTheFolderIsReadOnly() throws Exception {
        Files.writeString(file(), "old");
        boolean root = "0".equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid").toString());
        Path locked = Files.createDirectory(folder.resolve("locked"));
        Path file = locked.resolve("users");
        Files.writeString(file, "old");
        Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("r-xr-xr-x"));
        try {
            // Root may write to every folder, unless it gives that right away.
            Process process = process(root ? List.of("setpriv", "--bounding-set=-dac_override,-dac_read_search") : List.of(), file.toString(), "a", "1");
            assertTrue(process.waitFor(60, TimeUnit.SECONDS));
            String said = Files.readString(folder.resolve("out"));
            assertEquals(1, process.exitValue(), said);
            assertTrue(said.startsWith(file + " cannot be changed: no file can be written in the folder " + locked + " (permission denied for user "), said);
            assertEquals("old", Files.readString(file));
        } finally {
            Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
    }

    @Test
    void waitsForAnotherCommandAndThenGivesUp() throws Exception {
        Files.writeString(file(), "old");
        try (FileChannel other = FileChannel.open(folder.resolve(".users.htpasswd.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            other.lock();
            IOException failure = assertThrows(IOException.class, () -> FileReplacement.update(file(), text -> "new", Duration.ofMillis(100)));
            assertEquals(file() + " cannot be changed: another command has been changing it for 0 s", failure.getMessage());
            assertEquals("old", Files.readString(file()));
        }
        FileReplacement.update(file(), text -> "new", Duration.ofMillis(100));
        assertEquals("new", Files.readString(file()));
    }

    @Test
    void changesOfManyThreadsAreAllKeptAndReadersSeeWholeTexts() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(5);
        try {
            List<Future<?>> writers = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                String name = "t" + i + "-";
                writers.add(threads.submit(() -> Appender.main(new String[] {file().toString(), name, "25"})));
            }
            int seen = 0;
            while (writers.stream().anyMatch(writer -> !writer.isDone())) {
                String text = FileReplacement.read(file());
                assertTrue(text.isEmpty() || text.endsWith("\n"), text);
                assertTrue(text.lines().count() >= seen);
                seen = (int) text.lines().count();
            }
            for (Future<?> writer : writers) {
                writer.get();
            }
            assertEquals(100, Files.readAllLines(file()).stream().distinct().count());
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void changesOfTwoProcessesAreAllKept() throws Exception {
        Process first = process(List.of(), file().toString(), "a", "40");
        Process second = process(List.of(), file().toString(), "b", "40");
        assertTrue(first.waitFor(60, TimeUnit.SECONDS) && second.waitFor(60, TimeUnit.SECONDS));
        assertEquals(0, first.exitValue() + second.exitValue(), () -> folder.resolve("out").toString());
        List<String> lines = Files.readAllLines(file());
        assertEquals(80, lines.stream().distinct().count());
        assertEquals(80, lines.size());
        assertFalse(names().stream().anyMatch(name -> name.endsWith(".tmp")), names().toString());
    }
}
