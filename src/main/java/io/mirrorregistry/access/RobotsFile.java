package io.mirrorregistry.access;

import io.mirrorregistry.files.Printable;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.snakeyaml.engine.v2.nodes.Node;

/** Reads and writes {@code robots.yaml}. */
final class RobotsFile {

    private static final String HEADER = "# Written by mirror-registry robot add and remove, which keep no other comments. "
            + "Only SHA-256 of each token is kept.\n";
    private static final String HASH_PREFIX = "sha256:";
    private static final Pattern HASH = Pattern.compile(HASH_PREFIX + "[0-9a-f]{64}");
    private static final Set<String> KEYS = Set.of("name", "token", "repositories", "may", "expires");

    private final List<Robot> robots = new ArrayList<>();
    private final List<String> faults = new ArrayList<>();
    /** The line of each robot by its name. */
    private final Map<String, Integer> lines = new HashMap<>();
    private final AccessYaml yaml;

    private RobotsFile(String fileName, String text) {
        yaml = new AccessYaml(fileName, text, faults);
    }

    /**
     * What a file holds.
     *
     * @param robots the robots that have no fault, in the file's order
     * @param faults all faults in the file's order, each with file name, line and column; only the first if the file is not YAML
     */
    record Result(List<Robot> robots, List<String> faults) {
    }

    /**
     * Reads a file. An empty file has no robots.
     *
     * @param fileName the name for the faults
     */
    static Result read(String fileName, String text) {
        RobotsFile file = new RobotsFile(fileName, text);
        Node list = file.yaml.root() == null ? null : file.yaml.map(file.yaml.root(), "the file", Set.of("robots")).get("robots");
        if (list != null) {
            file.yaml.list(list, "robots").forEach(file::readRobot);
        }
        return new Result(List.copyOf(file.robots), List.copyOf(file.faults));
    }

    private void readRobot(Node node) {
        int before = faults.size();
        Map<String, Node> keys = yaml.map(node, "a robot", KEYS);
        String name = yaml.required(node, keys, "a robot", "name");
        if (name != null) {
            checkName(keys.get("name"), name);
        }
        String token = yaml.required(node, keys, "a robot", "token");
        if (token != null && !HASH.matcher(token).matches()) {
            // The value is not quoted: it could be a token by mistake.
            yaml.fault(keys.get("token"), "token is " + HASH_PREFIX + " and the 64 lower-case hexadecimal digits of the token's SHA-256");
        }
        List<NamePattern> repositories = yaml.patterns(node, keys, "a robot");
        Set<Action> may = yaml.actions(node, keys, "a robot");
        if (keys.containsKey("may") && AccessYaml.isEmptyList(keys.get("may"))) {
            yaml.fault(keys.get("may"), "may names at least one action");
        }
        Instant expires = keys.containsKey("expires") ? expires(keys.get("expires")) : null;
        if (faults.size() == before) {
            robots.add(new Robot(name, token.substring(HASH_PREFIX.length()), repositories, may, expires));
        }
    }

    private void checkName(Node node, String name) {
        String wrong = UserName.fault(name);
        Integer before = wrong == null ? lines.putIfAbsent(name, AccessYaml.line(node)) : null;
        if (wrong != null) {
            yaml.fault(node, "the name " + wrong);
        } else if (before != null) {
            yaml.fault(node, "the robot " + Printable.of(name) + " is in the file already, in line " + before);
        }
    }

    private Instant expires(Node node) {
        String expires = yaml.text(node, "expires");
        try {
            return expires == null ? null : OffsetDateTime.parse(expires).toInstant();
        } catch (DateTimeException e) {
            yaml.fault(node, "expires is a time such as 2027-02-24T00:00:00Z");
            return null;
        }
    }

    /** Returns the words of actions, with commas. */
    static String words(Set<Action> actions) {
        return actions.stream().map(Action::word).collect(Collectors.joining(", "));
    }

    /** Returns the text of a file with one robot more, or with the robot of the same name replaced. Comments are lost. */
    static String with(List<Robot> robots, Robot robot) {
        List<Robot> all = new ArrayList<>(robots);
        all.replaceAll(other -> other.name().equals(robot.name()) ? robot : other);
        if (!all.contains(robot)) {
            all.add(robot);
        }
        return write(all);
    }

    /** Returns the text of a file without a robot. Comments are lost. */
    static String without(List<Robot> robots, String name) {
        return write(robots.stream().filter(robot -> !robot.name().equals(name)).toList());
    }

    private static String write(List<Robot> robots) {
        StringBuilder text = new StringBuilder(HEADER).append(robots.isEmpty() ? "robots: []\n" : "robots:\n");
        for (Robot robot : robots) {
            text.append("  - name: ").append(quoted(robot.name())).append('\n')
                    .append("    token: ").append(quoted(HASH_PREFIX + robot.tokenHash())).append('\n')
                    .append("    repositories: [").append(robot.repositories().stream().map(pattern -> quoted(pattern.toString()))
                            .collect(Collectors.joining(", "))).append("]\n")
                    .append("    may: [").append(words(robot.may())).append("]\n");
            if (robot.expires() != null) {
                text.append("    expires: ").append(robot.expires()).append('\n');
            }
        }
        return text.toString();
    }

    /** Returns a text in double quotes. Only letters, digits and the printable characters of ASCII stand for themselves. */
    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        text.codePoints().forEach(character -> {
            if (character == '"' || character == '\\') {
                quoted.append('\\').appendCodePoint(character);
            } else if (character >= ' ' && character <= '~' || Character.isLetterOrDigit(character)) {
                quoted.appendCodePoint(character);
            } else {
                quoted.append(String.format("\\U%08x", character));
            }
        });
        return quoted.append('"').toString();
    }
}
