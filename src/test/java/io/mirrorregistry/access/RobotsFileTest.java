package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RobotsFileTest {

    private static final String HASH = "0123456789abcdef".repeat(4);
    private static final String SOUND = String.join("\n", "# a comment", "robots:", "  - name: ci", "    token: \"sha256:" + HASH + "\"",
            "    repositories: [\"team/**\", base/*]", "    may: [pull, push]", "    expires: 2027-02-24T00:00:00Z", "  - name: 123",
            "    token: sha256:" + HASH, "    repositories:", "      - '**'", "    may: [delete]", "");

    private static RobotsFile.Result read(String text) {
        return RobotsFile.read("robots.yaml", text);
    }

    /** Returns a comparable text: patterns are equal only to themselves. */
    private static List<String> texts(List<Robot> robots) {
        return robots.stream().map(Robot::toString).toList();
    }

    private static Robot robot(String name, Instant expires, String... patterns) {
        return new Robot(name, HASH, List.of(patterns).stream().map(NamePattern::of).toList(), EnumSet.of(Action.PULL), expires);
    }

    @Test
    void readsRobots() {
        RobotsFile.Result read = read(SOUND);
        assertEquals(List.of(), read.faults());
        Robot first = read.robots().get(0);
        assertEquals("ci", first.name());
        assertEquals(HASH, first.tokenHash());
        assertEquals("[team/**, base/*]", first.repositories().toString());
        assertEquals(Set.of(Action.PULL, Action.PUSH), first.may());
        assertEquals(Instant.parse("2027-02-24T00:00:00Z"), first.expires());
        assertEquals(new Robot("123", HASH, read.robots().get(1).repositories(), Set.of(Action.DELETE), null), read.robots().get(1));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "\n", "# nothing\n", "robots: []\n", "---\n", "{}"})
    void aFileWithoutRobotsIsSound(String text) {
        assertEquals(new RobotsFile.Result(List.of(), List.of()), read(text));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "[] | 1:1: the file is a map of keys and values",
        "text | 1:1: the file is a map of keys and values",
        "users: [] | 1:1: users is no key of the file",
        "robots: x | 1:9: robots is a list",
        "robots: {a: b} | 1:9: robots is a list",
        "robots: [x] | 1:10: a robot is a map of keys and values",
        "{robots: [], robots: []} | 1:14: it is not YAML: found duplicate key robots",
        "robots: | 1:1: robots has no value; give it one, or remove the line"})
    void tellsWhatIsWrongWithTheFile(String text, String fault) {
        assertEquals(List.of("robots.yaml:" + fault), read(text).faults());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "name: ci | name: [ci] | 3:11: name is a text",
        "name: ci | name: | 3:5: name has no value; give it one, or remove the line",
        "name: ci | name: '' | 3:11: name is empty",
        "name: ci | name: 'a:b' | 3:11: the name has a colon",
        "name: ci | name: \"a\\tb\" | 3:11: the name has a control character",
        "name: ci | name: \" ci\" | 3:11: the name begins or ends with a blank",
        "name: 123 | name: ci | 8:11: the robot ci is in the file already, in line 3",
        "name: ci | user: ci | 3:5: user is no key of a robot",
        "may: [pull, push] | may: [pull, write] | 6:17: write is none of pull, push and delete",
        "may: [pull, push] | may: [PULL] | 6:11: PULL is none of pull, push and delete",
        "may: [pull, push] | may: [] | 6:10: may names at least one action",
        "may: [pull, push] | may: pull | 6:10: may is a list",
        "may: [pull, push] | may: [[pull]] | 6:11: may is a text",
        "base/* | '' | 5:31: repositories is empty",
        "base/* | {a: b} | 5:31: repositories is a text",
        "base/* | Base/* | 5:31: Base/* fits no repository: a name has lower-case letters, digits and . _ - between slashes, and a host with its port may stand before it",
        "2027-02-24T00:00:00Z | 2027-02-24 | 7:14: expires is a time such as 2027-02-24T00:00:00Z",
        "2027-02-24T00:00:00Z | [] | 7:14: expires is a text"})
    void tellsWhatIsWrongWithARobot(String before, String after, String fault) {
        List<String> faults = read(SOUND.replace(before, after == null ? "" : after)).faults();
        assertEquals("robots.yaml:" + fault, faults.get(0));
        // A key under another name is missing as well.
        assertEquals(after.startsWith("user") || after.equals("name:") ? 2 : 1, faults.size(), faults.toString());
        assertEquals(1, read(SOUND.replace(before, after)).robots().size());
    }

    @Test
    void tellsEveryMissingKeyAndAllFaults() {
        assertEquals(List.of("robots.yaml:2:3: a robot has the key name", "robots.yaml:2:3: a robot has the key token",
                "robots.yaml:2:3: a robot has the key repositories, such as \"team/**\", or \"**\" for all", "robots.yaml:2:3: a robot has the key may: a list of pull, push and delete",
                "robots.yaml:3:3: a robot is a map of keys and values"), read("robots:\n- {}\n- x\n").faults());
    }

    @ParameterizedTest
    @ValueSource(strings = {"mrr_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "sha256:ABCDEF", "sha512:abc"})
    void doesNotQuoteAWrongToken(String token) {
        List<String> faults = read(SOUND.replace("\"sha256:" + HASH + "\"", token)).faults();
        assertEquals(1, faults.size());
        assertTrue(faults.get(0).startsWith("robots.yaml:4:12: token is sha256: and "), faults.get(0));
        assertFalse(faults.get(0).contains("abc") || faults.get(0).contains("ABC"), faults.get(0));
    }

    @Test
    void unknownKeysAreQuotedWithoutControlCharactersAndWithABound() {
        String fault = read("\"\\u001b[31m" + "x".repeat(1000) + "\": 1").faults().get(0);
        assertTrue(fault.contains("?[31mxxx") && fault.length() < 200, fault);
    }

    @Test
    void refusesWhatIsNoYamlOrBeyondABound() {
        assertTrue(read("robots: [").faults().get(0).startsWith("robots.yaml:1:10: it is not YAML: "));
        assertTrue(read("a: 1\n--- \nb: 2").faults().get(0).contains("it is not YAML"));
        assertTrue(read("robots: \0").faults().get(0).startsWith("robots.yaml:1:9: it is not YAML: "), read("robots: \0").faults().toString());
        assertEquals(List.of("robots.yaml:1:28: it is nested more than 20 levels deep"), read("robots: " + "[".repeat(100_000)).faults());
        assertTrue(read("robots: " + "*a ".repeat(5)).faults().get(0).contains("it is not YAML"));
        assertTrue(read("robots:\n" + "- x\n".repeat(250_000)).faults().get(0).endsWith("it has more than 200000 values"));
    }

    @Test
    void whatIsWrittenIsReadAgain() {
        List<Robot> robots = List.of(robot("ci", Instant.parse("2027-02-24T00:00:00Z"), "team/**"), robot("null", null, "**", "a/*"), robot("yes", null, "a"),
                robot("\"quoted\\ x} #y, - z", null, "{user}/**"), robot("Ärger 日本 😀\u200b", null, "a"), robot("123", null, "a"));
        String text = "";
        for (Robot robot : robots) {
            text = RobotsFile.with(read(text).robots(), robot);
            assertEquals(List.of(), read(text).faults(), text);
        }
        assertEquals(texts(robots), texts(read(text).robots()));
        assertTrue(text.startsWith("# Written by mirror-registry robot add and remove, which keep no other comments. "), text);
        for (Robot robot : robots) {
            text = RobotsFile.without(read(text).robots(), robot.name());
        }
        assertTrue(text.endsWith("\nrobots: []\n"), text);
    }

    @Test
    void writesWhatADocumentShows() {
        Robot robot = new Robot("ci", HASH, List.of(NamePattern.of("team/**")), EnumSet.of(Action.PUSH, Action.PULL), Instant.parse("2027-02-24T00:00:00Z"));
        assertEquals("robots:\n  - name: \"ci\"\n    token: \"sha256:" + HASH + "\"\n    repositories: [\"team/**\"]\n    may: [pull, push]\n"
                + "    expires: 2027-02-24T00:00:00Z\n", RobotsFile.with(List.of(), robot).replaceFirst("#.*\n", ""));
    }

    @Test
    void invisibleCharactersOfANameAreVisibleInTheFile() {
        String text = RobotsFile.with(List.of(), robot("a\u200b\u202eé", null, "a"));
        assertTrue(text.contains("name: \"a\\U0000200b\\U0000202eé\"\n"), text);
    }

    @Test
    void aRobotOfTheSameNameIsReplacedInItsPlace() {
        List<Robot> before = List.of(robot("a", null, "x"), robot("b", null, "x"));
        List<Robot> after = read(RobotsFile.with(before, robot("a", null, "y"))).robots();
        assertEquals(List.of("a", "b"), after.stream().map(Robot::name).toList());
        assertEquals("[y]", after.get(0).repositories().toString());
    }

    @Test
    void anyNameThatIsAllowedSurvives() {
        Random random = new Random(16);
        for (int run = 0; run < 2000; run++) {
            String name = random.ints(1 + random.nextInt(20), 0, random.nextBoolean() ? 0x250 : 0x11000).filter(Character::isDefined)
                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
            if (UserName.fault(name) == null) {
                RobotsFile.Result read = read(RobotsFile.with(List.of(), robot(name, null, "a")));
                assertEquals(List.of(), read.faults());
                assertEquals(name, read.robots().get(0).name());
            }
        }
    }

    @Test
    void halfWrittenAndDamagedFilesGiveFaultsAndNoException() {
        Random random = new Random(16);
        String odd = "\0\t\n\r:{}[]#&*!|>'\"%@`é\u2028\ufeff\ud83d-, ";
        for (int end = 0; end < SOUND.length(); end++) {
            read(SOUND.substring(0, end));
            for (int run = 0; run < 5; run++) {
                StringBuilder damaged = new StringBuilder(SOUND);
                damaged.setCharAt(end, odd.charAt(random.nextInt(odd.length())));
                RobotsFile.Result read = read(damaged.toString());
                assertTrue(!read.faults().isEmpty() || read.robots().size() <= 2);
                read.faults().forEach(fault -> assertFalse(fault.contains(HASH.substring(0, 20)) || fault.chars().anyMatch(Character::isISOControl), fault));
            }
        }
    }

    @Test
    void readsThousandsOfRobots() {
        List<Robot> robots = IntStream.range(0, 5_000).mapToObj(i -> robot("robot" + i, null, "a/**")).toList();
        String text = RobotsFile.with(robots, robot("last", null, "a"));
        assertEquals(5_001, read(text).robots().size());
        assertTrue(text.length() < 1_000_000);
        assertTrue(read("robots: [" + robots.stream().map(robot -> "x").collect(Collectors.joining(",")) + "]").faults().size() >= 5_000);
    }

    @Test
    void tokensAreRandomAndMatchTheirHashOnly() {
        String token = RobotTokens.make();
        assertTrue(token.matches("mrr_[A-Za-z0-9_-]{43}"), token);
        assertNotEquals(token, RobotTokens.make());
        String hash = RobotTokens.hash(token);
        assertTrue(RobotTokens.matches(token, hash));
        assertFalse(RobotTokens.matches(token + "x", hash));
        assertFalse(RobotTokens.matches(token, hash.substring(1)));
        assertFalse(RobotTokens.matches("", hash));
        // printf abc | sha256sum
        assertEquals("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", RobotTokens.hash("abc"));
    }
}
