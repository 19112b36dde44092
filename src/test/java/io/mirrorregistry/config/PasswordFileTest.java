package io.mirrorregistry.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

class PasswordFileTest {

    private static final Instant LONG_AGO = Instant.parse("2024-01-01T00:00:00Z");
    private static final String FILE = "mirror.registry.hot.password-file=pw cannot work: ";

    @TempDir
    private Path directory;
    private final Map<String, String> environment = new HashMap<>(Map.of("MIRROR_REGISTRY_HOT_USERNAME", "reader", "MIRROR_REGISTRY_HOT_PASSWORD_FILE", "pw"));
    private final Logger logger = (Logger) LoggerFactory.getLogger(PasswordFile.class);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private Level level;
    private long nanos;

    @BeforeEach
    void listen() {
        level = logger.getLevel();
        logger.setLevel(Level.INFO);
        log.start();
        logger.addAppender(log);
    }

    @AfterEach
    void stop() {
        logger.detachAppender(log);
        logger.setLevel(level);
    }

    private Path file() {
        return directory.resolve("pw");
    }

    /** Writes the file as if it had been long ago, so that the time of its last change tells nothing. */
    private void write(String text) throws IOException {
        Files.writeString(file(), text);
        Files.setLastModifiedTime(file(), FileTime.from(LONG_AGO));
    }

    private PasswordFile account() throws IOException {
        return new PasswordFile("hot", "reader", file(), () -> nanos);
    }

    private String afterASecond(Account account) {
        nanos += TimeUnit.SECONDS.toNanos(1);
        return account.current().password();
    }

    private List<String> logged(Level of) {
        return log.list.stream().filter(event -> event.getLevel() == of).map(ILoggingEvent::getFormattedMessage).toList();
    }

    private Account read() throws InvalidSettingException {
        return SettingsReader.read(directory, environment, "9.9").registries().get("hot").account();
    }

    private void assertRefused(String expected) {
        String message = assertThrows(InvalidSettingException.class, this::read).getMessage();
        assertEquals(expected, message);
        assertFalse(message.contains("hunter2"), message);
    }

    @Test
    void takesThePasswordWithoutOneNewline() throws Exception {
        for (String text : List.of("hunter2", "hunter2\n", "hunter2\r\n")) {
            write(text);
            assertEquals(new Credentials("reader", "hunter2"), read().current());
        }
        write(" p\u00e4ss word: ");
        assertEquals(" p\u00e4ss word: ", read().current().password());
    }

    @Test
    void refusesFilesThatHoldNoPassword() throws Exception {
        assertRefused(FILE + "there is no such file");
        for (String text : List.of("", "\n", "\r\n")) {
            write(text);
            assertRefused(FILE + "it is empty");
        }
        for (String text : List.of("hunter2\n\n", "hunter2\nmore", "hunter2\r", "hun\tter2", "\0")) {
            write(text);
            assertRefused(FILE + "it has a control character, such as the end of a second line");
        }
        Files.write(file(), "hunter2\u00ff".getBytes(StandardCharsets.ISO_8859_1));
        assertRefused(FILE + "it is not UTF-8");
        write("x".repeat(65536));
        assertEquals(65536, read().current().password().length());
        write("x".repeat(65537));
        assertRefused(FILE + "it is longer than 65536 bytes");
        Files.delete(file());
        Files.createDirectory(file());
        assertRefused(FILE + "it is a folder");
        Files.delete(file());
        Files.createSymbolicLink(file(), Path.of("nowhere"));
        assertRefused(FILE + "there is no such file");
    }

    @Test
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void refusesADevice() throws Exception {
        Files.createSymbolicLink(file(), Path.of("/dev/zero"));
        assertRefused(FILE + "it is a pipe, a device or a socket, not a regular file");
    }

    @Test
    void refusesContradictions() throws Exception {
        write("hunter2");
        environment.put("MIRROR_REGISTRY_HOT_PASSWORD", "hunter2");
        assertRefused(FILE + "mirror.registry.hot.password is set as well; set one of the two");
        environment.remove("MIRROR_REGISTRY_HOT_PASSWORD");
        environment.remove("MIRROR_REGISTRY_HOT_USERNAME");
        assertRefused(FILE + "mirror.registry.hot.username is empty");
    }

    @Test
    void takesAChangedPasswordWithinASecond() throws Exception {
        write("one");
        PasswordFile account = account();
        Credentials first = account.current();
        write("three");
        nanos += TimeUnit.MILLISECONDS.toNanos(999);
        assertTrue(account.current() == first);
        nanos += TimeUnit.MILLISECONDS.toNanos(1);
        assertEquals("three", account.current().password());
        assertEquals(List.of("Registry hot uses the new password in " + file()), logged(Level.INFO));
        // Another file of the same length and time.
        Path other = directory.resolve("other");
        Files.writeString(other, "seven");
        Files.setLastModifiedTime(other, FileTime.from(LONG_AGO));
        Files.move(other, file(), StandardCopyOption.REPLACE_EXISTING);
        assertEquals("seven", afterASecond(account));
        assertEquals(List.of(), logged(Level.WARN));
    }

    @Test
    void readsAFreshFileAgainBecauseASecondChangeMayLeaveTheSameStamp() throws Exception {
        Files.writeString(file(), "one");
        // As on a file system that knows a change's time to two seconds only.
        FileTime time = FileTime.from(Instant.now().plusSeconds(60));
        Files.setLastModifiedTime(file(), time);
        PasswordFile account = account();
        Files.writeString(file(), "two");
        Files.setLastModifiedTime(file(), time);
        assertEquals("two", afterASecond(account));
    }

    /** A mounted Secret: the file is a link into ..data, which is a link to the folder of the moment. */
    @Test
    void followsTheLinkThatKubernetesSwaps() throws Exception {
        for (String version : List.of("..1", "..2")) {
            Files.createDirectory(directory.resolve(version));
            Files.writeString(directory.resolve(version).resolve("pw"), "password" + version);
            Files.setLastModifiedTime(directory.resolve(version).resolve("pw"), FileTime.from(LONG_AGO));
        }
        Files.createSymbolicLink(directory.resolve("..data"), Path.of("..1"));
        Files.createSymbolicLink(file(), Path.of("..data/pw"));
        PasswordFile account = account();
        assertEquals("password..1", afterASecond(account));
        Files.createSymbolicLink(directory.resolve("..data_tmp"), Path.of("..2"));
        Files.move(directory.resolve("..data_tmp"), directory.resolve("..data"), StandardCopyOption.ATOMIC_MOVE);
        assertEquals("password..2", afterASecond(account));
        assertEquals(List.of(), logged(Level.WARN));
    }

    @Test
    void keepsTheLastPasswordAndWarnsOnceForEachChange() throws Exception {
        write("hunter2");
        PasswordFile account = account();
        String begin = "Registry hot keeps its last password; the password file " + file() + " cannot be used: ";
        Files.delete(file());
        for (int i = 0; i < 3; i++) {
            assertEquals("hunter2", afterASecond(account));
        }
        assertEquals(List.of(begin + "there is no such file"), logged(Level.WARN));
        // Changed just now, so it is read at each look.
        Files.writeString(file(), "hunter3\nhunter4\n");
        for (int i = 0; i < 3; i++) {
            assertEquals("hunter2", afterASecond(account));
        }
        assertEquals(List.of(begin + "there is no such file", begin + "it has a control character, such as the end of a second line"), logged(Level.WARN));
        write("hunter2");
        assertEquals("hunter2", afterASecond(account));
        assertEquals(List.of("Registry hot uses the same password in " + file()), logged(Level.INFO));
        write("hunter55");
        assertEquals("hunter55", afterASecond(account));
        assertFalse(log.list.toString().contains("hunter"), log.list.toString());
    }
}
