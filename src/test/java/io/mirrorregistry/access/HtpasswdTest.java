package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HtpasswdTest {

    private static final String END = "ID/KE54/Bjtbx8jnK4AvL.cPfgPE44UjiZMmHc9V5uTcvlnv6LXaC";
    private static final String HASH = "$2y$05$" + END;
    private static final String OTHER = "$2b$10$" + END;

    private static String fault(String line) {
        Htpasswd.Result read = Htpasswd.read(line);
        assertEquals(Map.of(), read.users(), line);
        assertEquals(1, read.faults().size(), line);
        assertEquals(1, read.faults().get(0).line());
        return read.faults().get(0).sentence();
    }

    @Test
    void readsUsersInOrderAndSkipsCommentsAndBlankLines() {
        Htpasswd.Result read = Htpasswd.read("# the team\n\nzoe:" + HASH + "\n   \t\nAlice Ärger:" + OTHER + "  \r\n#bob:" + HASH + "\nbob:$2a$15$" + END);
        assertEquals(List.of("zoe", "Alice Ärger", "bob"), List.copyOf(read.users().keySet()));
        assertEquals(OTHER, read.users().get("Alice Ärger"));
        assertEquals(List.of(), read.faults());
        assertEquals(10, Htpasswd.cost(OTHER));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "\n", "\r\n\r\n", "# nothing", "\uFEFF", "\uFEFF# nothing\r\n"})
    void aFileWithoutUsersIsSound(String text) {
        assertEquals(new Htpasswd.Result(Map.of(), List.of()), Htpasswd.read(text));
    }

    @Test
    void skipsAByteOrderMark() {
        assertEquals(Map.of("alice", HASH), Htpasswd.read("\uFEFFalice:" + HASH).users());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "$apr1$HqJZimcK$x8WRZwGl0ZPRkmNaMEn2P1 | the hash looks like MD5 of Apache;",
        "$1$HqJZimcK$x8WRZwGl0ZPRkmNaMEn2P1 | the hash looks like MD5;",
        "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ= | the hash looks like SHA-1;",
        "{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ= | the hash looks like SHA-1;",
        "$5$SzeHFzjJ$U8MZ0mIHxYyyDxxxuFN7yXKqkdPOmY | the hash looks like SHA-256 of crypt;",
        "$6$SzeHFzjJ$U8MZ0mIHxYyyDxxxuFN7yXKqkdPOmY | the hash looks like SHA-512 of crypt;",
        "$argon2id$v=19$m=65536,t=3,p=4$abc$def | the hash looks like Argon2;",
        "$y$j9T$abc$def | the hash looks like yescrypt;",
        "$2x$05$ID/KE54/Bjtbx8jnK4AvL.cPfgPE44UjiZMmHc9V5uTcvlnv6LXaC | the hash looks like an old variant of bcrypt;",
        "rqXexS6ZhobKA | the hash looks like crypt;",
        "hunter2 | the hash looks like plain text;",
        "$2y$05$ID/KE54/Bjtbx8jnK4AvL.cPfgPE44UjiZMmHc9V5uTcvlnv6LXa | the bcrypt hash is damaged:",
        "$2y$05$ID/KE54/Bjtbx8jnK4AvL.cPfgPE44UjiZMmHc9V5uTcvlnv6LXaCC | the bcrypt hash is damaged:",
        "$2y$05$ID/KE54/Bjtbx8jnK4AvL.cPfgPE44UjiZMmHc9V5uTcvlnv6LXa! | the bcrypt hash is damaged:",
        "$2y$5$ID/KE54/Bjtbx8jnK4AvL.cPfgPE44UjiZMmHc9V5uTcvlnv6LXaC | the bcrypt hash is damaged:",
        "$2y$05$ID/KE54/Bjtbx8jnK4AvL.cPfgPE44UjiZMmHc9V5uTcvlnv6LXaC:comment | the bcrypt hash is damaged:",
        "$2y$03$ID/KE54/Bjtbx8jnK4AvL.cPfgPE44UjiZMmHc9V5uTcvlnv6LXaC | the cost of the hash is 3;",
        "$2y$16$ID/KE54/Bjtbx8jnK4AvL.cPfgPE44UjiZMmHc9V5uTcvlnv6LXaC | the cost of the hash is 16;"})
    void refusesOtherHashesByTheirKindWithoutQuotingThem(String hash, String sentence) {
        String fault = fault("alice:" + hash);
        assertTrue(fault.startsWith(sentence), fault);
        assertFalse(fault.contains(hash) || fault.contains(hash.substring(hash.length() - 5)), fault);
    }

    @Test
    void refusesALineWithoutHash() {
        assertEquals("the hash is missing", fault("alice:"));
        assertEquals("the hash is missing", fault("alice: "));
        assertEquals("the line is not name:hash", fault("alice"));
    }

    @Test
    void refusesNamesThatCannotWork() {
        assertEquals("the name is empty", fault(":" + HASH));
        assertEquals("the name begins or ends with a blank", fault(" alice:" + HASH));
        assertEquals("the name begins or ends with a blank", fault("alice\u00a0:" + HASH));
        assertEquals("the name has a control character", fault("ali\u0007ce:" + HASH));
        assertEquals("the name has a control character", fault("ali\u0085ce:" + HASH));
        assertEquals("the name has a control character", fault("ali\rbob:" + HASH));
        assertEquals("the name is longer than 255 characters", fault("a".repeat(256) + ":" + HASH));
        assertEquals(1, Htpasswd.read("a".repeat(255) + ":" + HASH).users().size());
        assertEquals("has a colon", UserName.fault("a:b"));
        assertEquals("begins with #, as a comment does", UserName.fault("#a"));
        assertEquals("is no text", UserName.fault("a\ud800b"));
        assertNull(UserName.fault("robot$ci+1@example.com"));
    }

    @Test
    void tellsAllFaultsWithTheirLines() {
        Htpasswd.Result read = Htpasswd.read("alice:" + HASH + "\n\nbob:plain\nalice:" + OTHER + "\n#\nnone\r\nzoe:" + HASH);
        assertEquals(List.of(3, 4, 6), read.faults().stream().map(Htpasswd.Fault::line).toList());
        assertEquals("the user has a line already, line 1", read.faults().get(1).sentence());
        assertEquals(Map.of("alice", HASH, "zoe", HASH), read.users());
    }

    @Test
    void replacesOneLineAndKeepsAllOthers() {
        String text = "\uFEFF# first\r\n\r\nalice:" + HASH + "\r\n #odd\nbob:" + HASH + "  \nalice2:" + HASH;
        assertEquals(text.replace("alice:" + HASH, "alice:" + OTHER), Htpasswd.with(text, "alice", OTHER));
        assertEquals(text.replace("bob:" + HASH + "  ", "bob:" + OTHER), Htpasswd.with(text, "bob", OTHER));
        assertEquals(text.replace("alice2:" + HASH, "alice2:" + OTHER), Htpasswd.with(text, "alice2", OTHER));
        assertEquals("\uFEFFa:" + OTHER + "\n", Htpasswd.with("\uFEFFa:" + HASH + "\n", "a", OTHER));
    }

    @Test
    void addsALineWithTheEndOfTheOthers() {
        assertEquals("a:" + HASH + "\n", Htpasswd.with("", "a", HASH));
        assertEquals("#a:x\na:" + HASH + "\n", Htpasswd.with("#a:x", "a", HASH));
        assertEquals("b:x\na:" + HASH + "\n", Htpasswd.with("b:x\n", "a", HASH));
        assertEquals("b:x\r\na:" + HASH + "\r\n", Htpasswd.with("b:x\r\n", "a", HASH));
    }

    @Test
    void removesOneLine() {
        assertEquals("#a\r\n\nb:x", Htpasswd.without("#a\r\na:y\r\n\nb:x", "a"));
        assertEquals("b:x\n", Htpasswd.without("b:x\na:y", "a"));
        assertEquals("b:x\na:y", Htpasswd.without("b:x\na:y", "c"));
        assertEquals("aa", Htpasswd.without("aa", "a"));
    }

    @Test
    void oddTextGivesFaultsAndNoExceptionAndQuotesNothing() {
        String alphabet = "ab:#$2y.\n\r\t\0\uFEFF\u2028 é\ud83d";
        Random random = new Random(16);
        for (int run = 0; run < 3000; run++) {
            StringBuilder text = new StringBuilder();
            for (int i = random.nextInt(60); i > 0; i--) {
                text.append(random.nextInt(20) == 0 ? HASH : String.valueOf(alphabet.charAt(random.nextInt(alphabet.length()))));
            }
            Htpasswd.Result read = Htpasswd.read(text.toString());
            read.users().forEach((name, hash) -> assertNull(UserName.fault(name)));
            read.faults().forEach(fault -> assertFalse(fault.sentence().contains("ID/KE") || fault.sentence().chars().anyMatch(Character::isISOControl)));
            String added = Htpasswd.with(text.toString(), "new", HASH);
            assertEquals(HASH, Htpasswd.read(added).users().get("new"), text.toString());
            String removed = Htpasswd.without(added, "new");
            assertEquals(read.users(), Htpasswd.read(removed).users());
            assertEquals(read.faults(), Htpasswd.read(removed).faults());
        }
    }

    @Test
    void everyHalfOfAFileIsReadUpToTheLineThatIsCut() {
        String text = "alice:" + HASH + "\nbob:" + OTHER + "\n";
        for (int end = 0; end <= text.length(); end++) {
            Htpasswd.Result read = Htpasswd.read(text.substring(0, end));
            int lines = (int) text.substring(0, end).lines().count();
            assertEquals(lines, read.users().size() + read.faults().size(), text.substring(0, end));
        }
    }

    @Test
    void readsTenThousandUsersAndHugeLines() {
        String users = IntStream.range(0, 10_000).mapToObj(i -> "user" + i + ":" + HASH + "\n").collect(Collectors.joining());
        assertEquals(10_000, Htpasswd.read(users).users().size());
        assertEquals("the line is not name:hash", fault("x".repeat(1_000_000)));
        assertEquals("the name is longer than 255 characters", fault("x".repeat(1_000_000) + ":" + HASH));
        assertTrue(fault("x:" + "$2y$".repeat(250_000)).startsWith("the bcrypt hash is damaged"));
        assertEquals(500_000, Htpasswd.read("x\n".repeat(500_000)).faults().size());
    }

    /** Runs {@code htpasswd} of apache2-utils where it is installed. */
    @Test
    void acceptsTheFilesOfHtpasswd(@TempDir Path folder) throws Exception {
        assumeTrue(runs("htpasswd", "-nbB", "a", "b"), "htpasswd is not installed");
        Path file = folder.resolve("users.htpasswd");
        List<String> passwords = List.of("secret", "é€😀", "x".repeat(71), "x".repeat(72), " \" ' \\ ");
        for (int i = 0; i < passwords.size(); i++) {
            List<String> command = new ArrayList<>(List.of("htpasswd", i == 0 ? "-cbB" : "-bB", "-C", "4", file.toString(), "user" + i, passwords.get(i)));
            assertTrue(runs(command.toArray(String[]::new)));
        }
        Htpasswd.Result read = Htpasswd.read(Files.readString(file));
        assertEquals(List.of(), read.faults());
        try (Logins logins = new Logins()) {
            for (int i = 0; i < passwords.size(); i++) {
                String hash = read.users().get("user" + i);
                assertEquals(Logins.Result.RIGHT, logins.check("user" + i, passwords.get(i), hash, "a").get().result());
                assertEquals(Logins.Result.WRONG, logins.check("user" + i, passwords.get(i).substring(1) + "y", hash, "a").get().result());
            }
        }
        Files.writeString(file, "", StandardCharsets.UTF_8);
        for (String kind : List.of("-m", "-s", "-d", "-p")) {
            assertTrue(runs("htpasswd", "-b", kind, file.toString(), "user" + kind, "secret"));
        }
        assertEquals(List.of("MD5 of Apache", "SHA-1", "crypt", "plain text"), Htpasswd.read(Files.readString(file)).faults().stream()
                .map(fault -> fault.sentence().replaceAll("the hash looks like (.*);.*", "$1")).toList());
    }

    private static boolean runs(String... command) throws InterruptedException {
        try {
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD);
            builder.environment().put("LC_ALL", "C.UTF-8");
            return builder.start().waitFor() == 0;
        } catch (IOException e) {
            return false;
        }
    }
}
