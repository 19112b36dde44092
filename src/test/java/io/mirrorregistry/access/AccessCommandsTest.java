package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.plan.FullNames;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class AccessCommandsTest {

    @TempDir
    private Path folder;
    private Instant now = Instant.parse("2026-11-26T20:15:30.5Z");
    private byte[] input = new byte[0];
    /** What a person types on the console; null for no console. */
    private Deque<String> typed;
    private final List<String> questions = new ArrayList<>();
    private String out;
    private String err;
    private AccessCommands.Files files;

    @CommandLine.Command(name = "mirror-registry")
    static final class Root {
    }

    @BeforeEach
    void name() throws IOException {
        Files.writeString(folder.resolve("application.properties"), "mirror.access.file=access.yaml\n");
        Files.writeString(folder.resolve("access.yaml"), """
                users: users.htpasswd
                robots: robots.yaml
                groups: {admins: [alice]}
                rules:
                  - {who: "group:admins", repositories: "**", may: [pull, delete]}
                  - {who: anyone, from: 10.0.0.0/8, repositories: "public/**", may: [pull]}
                """);
    }

    private static AccessCommands.Files filesOf(Path folder) {
        return AccessCommands.Files.of(folder, Map.of(), "test");
    }

    private int run(String... arguments) {
        StringWriter outText = new StringWriter();
        StringWriter errText = new StringWriter();
        CommandLine line = new CommandLine(new Root());
        new AccessCommands(files != null ? files : filesOf(folder), () -> typed == null ? null : question -> {
            questions.add(question);
            String answer = typed.poll();
            return answer == null ? null : answer.toCharArray();
        }, new ByteArrayInputStream(input), () -> now).addTo(line);
        int code = line.setOut(new PrintWriter(outText, true)).setErr(new PrintWriter(errText, true)).execute(arguments);
        out = outText.toString();
        err = errText.toString();
        return code;
    }

    private int addUser(String name, String password) {
        input = password.getBytes(StandardCharsets.UTF_8);
        return run("user", "add", name);
    }

    private Path users() {
        return folder.resolve("users.htpasswd");
    }

    private Path robots() {
        return folder.resolve("robots.yaml");
    }

    private Logins.Result login(String name, String password) throws Exception {
        Htpasswd.Result read = Htpasswd.read(Files.readString(users()));
        assertEquals(List.of(), read.faults());
        try (Logins logins = new Logins()) {
            return logins.check(name, password, read.users().get(name), "10.0.0.1").get().result();
        }
    }

    private List<Robot> readRobots() throws IOException {
        RobotsFile.Result read = RobotsFile.read("robots.yaml", Files.readString(robots()));
        assertEquals(List.of(), read.faults());
        return read.robots();
    }

    /** Requires that the command printed nothing but one sentence on standard error. */
    private void assertRefused(String sentence, int code) {
        assertEquals(sentence + "\n", err);
        assertEquals("", out);
        assertEquals(1, code);
    }

    @Test
    void addsAUserThatCanLogIn() throws Exception {
        Files.writeString(robots(), "robots: []\n");
        assertEquals(0, addUser("alice", "secret\nsecond line\n"));
        assertEquals("User alice is added to " + users() + ".\n", out);
        assertEquals("", err);
        assertEquals(Logins.Result.RIGHT, login("alice", "secret"));
        assertEquals(Logins.Result.WRONG, login("alice", "Secret"));
        assertTrue(Htpasswd.read(Files.readString(users())).users().get("alice").startsWith("$2y$10$"));
        assertFalse(Files.readString(users()).contains("secret"));
    }

    @Test
    void replacesAPasswordAndKeepsAllElse() throws Exception {
        addUser("bob", "b");
        addUser("alice", "old");
        Files.writeString(users(), "# team\n\n" + Files.readString(users()));
        assertEquals(0, addUser("bob", "new\r\n"));
        assertEquals("The password of user bob is replaced in " + users() + ".\n", out);
        assertEquals(Logins.Result.RIGHT, login("bob", "new"));
        assertEquals(Logins.Result.RIGHT, login("alice", "old"));
        assertTrue(Files.readString(users()).startsWith("# team\n\nbob:$2y$10$"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"x", "a'b\"c\\ :d", " blank ", "é€😀"})
    void anyPasswordOf1To72BytesWorks(String password) throws Exception {
        for (String text : List.of(password, password + "x".repeat(72 - password.getBytes(StandardCharsets.UTF_8).length))) {
            assertEquals(0, addUser("alice", text + "\r\n"), () -> err);
            assertEquals(Logins.Result.RIGHT, login("alice", text));
        }
    }

    @Test
    void refusesPasswordsThatCannotWork() {
        assertRefused("The password is empty.", addUser("alice", ""));
        assertRefused("The password is empty.", addUser("alice", "\nsecret"));
        assertRefused("The password is longer than 72 bytes, which bcrypt cannot tell apart.", addUser("alice", "x".repeat(73)));
        assertRefused("The password is longer than 72 bytes, which bcrypt cannot tell apart.", addUser("alice", "é".repeat(1_000_000)));
        assertRefused("The password has a control character.", addUser("alice", "a\0b"));
        assertRefused("The password has a control character.", addUser("alice", "a\tb"));
        input = new byte[] {'a', (byte) 0xff};
        assertRefused("The password is not UTF-8.", run("user", "add", "alice"));
        assertFalse(Files.exists(users()));
    }

    @Test
    void asksTwiceOnAConsole() throws Exception {
        typed = new ArrayDeque<>(List.of("sécret", "sécret"));
        assertEquals(0, run("user", "add", "alice"));
        assertEquals(List.of("Password for alice: ", "The same password again: "), questions);
        assertEquals(Logins.Result.RIGHT, login("alice", "sécret"));
        typed = new ArrayDeque<>(List.of("one", "two"));
        assertRefused("The two passwords differ.", run("user", "add", "alice"));
        typed = new ArrayDeque<>(List.of("one"));
        assertRefused("No password was typed.", run("user", "add", "alice"));
        assertEquals(Logins.Result.RIGHT, login("alice", "sécret"));
    }

    @Test
    void removesAndListsUsers() throws Exception {
        assertEquals(0, run("user", "list"));
        assertEquals("", out);
        assertEquals("There are no users in " + users() + ".\n", err);
        addUser("zoe", "z");
        addUser("alice", "a");
        assertEquals(0, run("user", "list"));
        assertEquals("zoe\nalice\n", out);
        assertEquals(0, run("user", "remove", "zoe"));
        assertEquals("User zoe is removed from " + users() + ".\n", out);
        run("user", "list");
        assertEquals("alice\n", out);
        assertRefused("There is no user zoe in " + users() + ".", run("user", "remove", "zoe"));
    }

    @Test
    void doesNotChangeAFileThatHasFaults() throws Exception {
        String text = "alice:plain\nbob\n";
        Files.writeString(users(), text);
        String fault = users() + ":1: the hash looks like plain text; only bcrypt is accepted, as htpasswd -B and mirror-registry user add write it "
                + "(and 1 more fault)";
        assertRefused(fault, addUser("zoe", "secret"));
        assertRefused(fault, run("user", "remove", "alice"));
        assertRefused(fault, run("user", "list"));
        assertEquals(text, Files.readString(users()));
        Files.writeString(robots(), "robots: [x, y, z]");
        fault = robots() + ":1:10: a robot is a map of keys and values (and 2 more faults)";
        assertRefused(fault, run("robot", "list"));
        assertRefused(fault, run("robot", "remove", "x"));
        assertRefused(fault, run("robot", "add", "ci", "--repositories", "a", "--may", "pull"));
        assertEquals("robots: [x, y, z]", Files.readString(robots()));
    }

    @Test
    void addsARobotAndPrintsItsTokenAlone() throws Exception {
        Files.writeString(users(), "");
        assertEquals(0, run("robot", "add", "ci", "--repositories", "team/**", "--repositories=base/*", "--may", "push,pull", "--days", "90"));
        assertTrue(out.matches("mrr_[A-Za-z0-9_-]{43}\n"), out);
        assertEquals("This is the token of robot ci, which is shown only now. It is the password of the user name ci, as in: docker login --username ci "
                + "--password-stdin MIRROR. It expires at 2027-02-24T20:15:30Z.\n", err);
        Robot robot = readRobots().get(0);
        assertTrue(RobotTokens.matches(out.strip(), robot.tokenHash()));
        assertEquals("[team/**, base/*] [PULL, PUSH]", robot.repositories() + " " + robot.may());
        assertEquals(Instant.parse("2027-02-24T20:15:30Z"), robot.expires());
        assertFalse(Files.readString(robots()).contains("mrr_"));
    }

    @Test
    void refusesARobotThatIsThere() throws Exception {
        Files.writeString(users(), "");
        run("robot", "add", "ci", "--repositories", "a", "--may", "pull");
        assertTrue(err.endsWith("It does not expire.\n"), err);
        String before = Files.readString(robots());
        assertRefused("There is a robot ci in " + robots() + " already; remove it first.", run("robot", "add", "ci", "--repositories", "b", "--may", "push"));
        assertEquals(before, Files.readString(robots()));
    }

    @Test
    void listsRobotsInAlignedColumnsAndRemovesThem() throws Exception {
        assertEquals(0, run("robot", "list"));
        assertEquals("There are no robots in " + robots() + ".\n", err);
        run("robot", "add", "ci", "--repositories", "team/**,base/*", "--may", "pull,push", "--days", "1");
        run("robot", "add", "deployer-日本", "--repositories", "**", "--may", "pull");
        run("robot", "add", "x", "--repositories", "a", "--may", "delete", "--days", "2");
        now = Instant.parse("2026-11-27T20:15:30Z");
        assertEquals(0, run("robot", "list"));
        assertEquals(String.join("\n", "NAME         REPOSITORIES    MAY        EXPIRES",
                "ci           team/**,base/*  pull,push  2026-11-27T20:15:30Z (expired)",
                "deployer-日本  **              pull       never",
                "x            a               delete     2026-11-28T20:15:30Z", ""), out);
        assertEquals(0, run("robot", "remove", "ci"));
        assertEquals("Robot ci is removed from " + robots() + ".\n", out);
        assertEquals(List.of("deployer-日本", "x"), readRobots().stream().map(Robot::name).toList());
        assertRefused("There is no robot ci in " + robots() + ".", run("robot", "remove", "ci"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "user | Missing required subcommand",
        "robot | Missing required subcommand",
        "user frob | frob",
        "user add | NAME",
        "user add a b | 'b'",
        "user add a:b | The name a:b has a colon.",
        "user add #a | The name #a begins with #, as a comment does.",
        "user remove a:b | The name a:b has a colon.",
        "robot add ci | --repositories",
        "robot add ci --repositories a | --may",
        "robot add ci --repositories a --may write | --may: write is not an action; the actions are pull, push, delete.",
        "robot add ci --repositories A --may pull | --repositories: A fits no repository",
        "robot add ci --repositories a --may pull --days 0 | --days has to be from 1 to 36500.",
        "robot add ci --repositories a --may pull --days x | --days",
        "robot add c:i --repositories a --may pull | The name c:i has a colon."})
    void wrongUseEndsWith2(String arguments, String words) throws Exception {
        assertEquals(2, run(arguments.split(" ")));
        assertTrue(err.contains(words), err);
        assertFalse(err.contains("Exception"), err);
        assertEquals("", out);
        assertFalse(Files.exists(users()) || Files.exists(robots()));
    }

    @Test
    void emptyAndHostileNamesAreRefusedWithoutControlCharacters() {
        for (String name : List.of("", " ", "a\nb", "\u001b[31m", "x".repeat(100_000))) {
            assertEquals(2, run("user", "add", name));
            assertFalse(err.contains("\u001b"), err);
            assertTrue(err.lines().findFirst().orElse("").length() < 200, err);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"user", "user add", "user remove", "user list", "robot", "robot add", "robot remove", "robot list"})
    void everyCommandHasHelp(String command) {
        assertEquals(0, run((command + " --help").split(" ")));
        assertTrue(out.startsWith("Usage: mirror-registry " + command), out);
        assertEquals(command.contains(" "), out.contains("Exit code:"), out);
    }

    @Test
    void settingsAndFilesThatCannotWorkAreOneSentence() throws Exception {
        Files.createDirectory(users());
        assertRefused(users() + " cannot be read: Is a directory", run("user", "list"));
        files = new AccessCommands.Files() {
            @Override
            public Path users() throws InvalidSettingException {
                throw new InvalidSettingException("mirror.access.file names no file of users");
            }

            @Override
            public Path robots() {
                return folder.resolve("none/robots.yaml");
            }

            @Override
            public Path access() {
                return folder.resolve("none/access.yaml");
            }

            @Override
            public FullNames names() {
                throw new UnsupportedOperationException();
            }
        };
        for (String command : List.of("list", "add a", "remove a")) {
            assertRefused("mirror.access.file names no file of users", run(("user " + command).split(" ")));
        }
        assertRefused(folder.resolve("none/robots.yaml") + " cannot be changed: there is no folder " + folder.resolve("none"),
                run("robot", "add", "ci", "--repositories", "a", "--may", "pull"));
    }

    @Test
    void usersThatAddAtOnceAreAllKept() throws Exception {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            String name = "user" + i;
            threads.add(new Thread(() -> {
                CommandLine line = new CommandLine(new Root());
                new AccessCommands(filesOf(folder), () -> null, new ByteArrayInputStream("x".getBytes(StandardCharsets.UTF_8)), () -> now)
                        .addTo(line);
                line.setOut(new PrintWriter(new StringWriter())).execute("user", "add", name);
            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        Map<String, String> users = Htpasswd.read(Files.readString(users())).users();
        assertEquals(8, users.size());
    }

    @Test
    void explainsWhichRuleDecides() throws Exception {
        addUser("alice", "a");
        addUser("bob", "b");
        run("robot", "add", "ci", "--repositories", "team/**", "--may", "pull");
        assertEquals(0, run("access", "explain", "alice", "team/app"));
        assertEquals("""
                user        alice
                groups      admins
                repository  team/app
                decided by  %s:5: {who: group:admins, repositories: [**], may: [pull, delete]}
                may         pull, delete
                """.formatted(folder.resolve("access.yaml")), out);
        assertEquals(1, run("access", "explain", "bob", "team/app"));
        assertTrue(out.endsWith("decided by  no rule fits\nmay         nothing\n"), out);
        assertEquals(0, run("access", "explain", "anyone", "public/app", "--from", "10.1.2.3"));
        assertTrue(out.contains("user        anyone, a client without a login\n"), out);
        assertTrue(out.contains(":6: {who: anyone, from: 10.0.0.0/8, repositories: [public/**], may: [pull]}"), out);
        assertEquals(1, run("access", "explain", "anyone", "public/app"));
        assertEquals(0, run("access", "explain", "ci", "team/app"));
        assertTrue(out.contains("user        ci, a robot\n") && out.contains("decided by  the robot's own entry\n"), out);
        assertEquals(2, run("access", "explain", "bob", "team/app", "--from", "10.0.0.0/8"));
        assertEquals("--from is an IP address, such as 10.1.2.3; 10.0.0.0/8 is none\n", err);
        assertEquals(2, run("access", "explain", "bob", "team/app:1"));
        assertEquals("team/app:1 is no repository: write its name without a tag, such as team/app\n", err);
        assertEquals(1, run("access", "explain", "bob", "mirror.example.com:5000/team/app"));
        assertEquals("No registry serves mirror.example.com:5000: if it is the mirror's own host name, leave it out\n", err);
        assertEquals(2, run("access", "explain", "carol", "team/app"));
        assertEquals("There is no user, no robot and no issuer whose user could be carol; anyone stands for a client without a login\n", err);
    }

    @Test
    void warnsOfAChangeThatTheMirrorRefuses() throws Exception {
        addUser("alice", "a");
        Files.writeString(folder.resolve("access.yaml"), "users: users.htpasswd\nrules: x\n");
        assertEquals(0, run("user", "remove", "alice"));
        assertEquals("Warning: the mirror refuses its access files as they are now, and goes on with the last good ones: " + folder.resolve("access.yaml")
                + ":2:8: rules is a list\n", err);
        assertFalse(Files.readString(users()).contains("alice"));
    }

    @Test
    void aPasswordOfAnotherEncodingIsRefused() {
        typed = new ArrayDeque<>(List.of("p\uFFFD", "p\uFFFD"));
        assertRefused("The password has characters that the locale of this terminal does not have; set LC_ALL=C.UTF-8.", run("user", "add", "alice"));
    }

    @Test
    void aUserAndARobotHaveDifferentNames() throws Exception {
        addUser("alice", "a");
        run("robot", "add", "ci", "--repositories", "a", "--may", "pull");
        assertRefused("There is a robot ci in " + robots() + "; a user and a robot must not have the same name.", addUser("ci", "x"));
        assertRefused("There is a user alice in " + users() + "; a user and a robot must not have the same name.",
                run("robot", "add", "alice", "--repositories", "a", "--may", "pull"));
    }

    @Test
    void explainsNothingWhileTheFilesHaveFaults() throws Exception {
        assertEquals(2, run("access", "explain", "alice", "team/app"));
        assertEquals(folder.resolve("access.yaml") + ":1:8: " + users() + ": there is no such file; mirror-registry user add NAME makes it (the command check tells all faults)\n", err);
    }

    @Test
    void aSettingThatNamesNoFileIsOneSentence() throws Exception {
        Files.writeString(folder.resolve("access.yaml"), "rules: []\n");
        assertRefused(folder.resolve("access.yaml") + " names no file of users: add the line \"users: users.htpasswd\"", run("user", "list"));
        Files.writeString(folder.resolve("application.properties"), "");
        assertRefused("mirror.access.file is not set, so that no file names the files of users and robots", run("robot", "list"));
    }
}
