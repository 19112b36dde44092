package io.mirrorregistry.access;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.files.FileReplacement;
import io.mirrorregistry.files.Printable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Changes the file of robots. */
@Command(name = "robot", mixinStandardHelpOptions = true, description = "Changes the file of robots, the accounts for programs, that access.yaml names. "
        + "The running mirror reads it by itself.")
final class RobotCommands {

    private static final int MOST_DAYS = 36_500;

    private final AccessCommands.Files files;
    private final Supplier<Instant> now;
    @Spec
    private CommandSpec spec;

    RobotCommands(AccessCommands.Files files, Supplier<Instant> now) {
        this.files = files;
        this.now = now;
    }

    @Command(name = "add", mixinStandardHelpOptions = true, description = "Adds a robot, and prints its token, which is kept nowhere.",
            exitCodeListHeading = AccessCommands.EXIT_CODES, exitCodeList = {AccessCommands.DONE, AccessCommands.REFUSED, AccessCommands.WRONG_USE})
    int add(@Parameters(paramLabel = "NAME", description = "the name that the robot logs in with") String name,
            @Option(names = "--repositories", paramLabel = "PATTERN", required = true, split = ",", description = "the repositories that it may use, such as "
                    + "'team/**'; may be given more than once") List<String> repositories,
            @Option(names = "--may", paramLabel = "ACTION", required = true, split = ",",
                    description = "pull, push or delete, or several with commas") List<String> may,
            @Option(names = "--days", paramLabel = "DAYS", description = "for how many days the token is valid; without it for ever") Integer days) {
        AccessCommands.requireName(spec, "add", name);
        List<NamePattern> patterns = patterns(repositories);
        Set<Action> actions = actions(may);
        if (days != null && (days < 1 || days > MOST_DAYS)) {
            throw AccessCommands.wrongUse(spec, "add", "--days has to be from 1 to " + MOST_DAYS + ".");
        }
        return AccessCommands.change(err(), files, () -> {
            Path file = files.robots();
            requireNoUser(name);
            String token = RobotTokens.make();
            Instant expires = days == null ? null : now.get().plus(Duration.ofDays(days)).truncatedTo(ChronoUnit.SECONDS);
            Robot robot = new Robot(name, RobotTokens.hash(token), patterns, actions, expires);
            FileReplacement.update(file, text -> {
                List<Robot> robots = robots(file, text);
                if (has(robots, name)) {
                    throw new RefusedException("There is a robot " + name + " in " + file + " already; remove it first.");
                }
                return RobotsFile.with(robots, robot);
            });
            out().println(token);
            out().flush();
            err().println("This is the token of robot " + name + ", which is shown only now. It is the password of the user name " + name
                    + ", as in: docker login --username " + name + " --password-stdin MIRROR. It "
                    + (expires == null ? "does not expire." : "expires at " + expires + "."));
        });
    }

    /** The mirror refuses files in which a user and a robot have the same name. */
    private void requireNoUser(String name) throws IOException, RefusedException {
        Path file;
        try {
            file = files.users();
        } catch (InvalidSettingException e) {
            // No file of users is named.
            return;
        }
        if (Htpasswd.read(FileReplacement.read(file)).users().containsKey(name)) {
            throw new RefusedException("There is a user " + name + " in " + file + "; a user and a robot must not have the same name.");
        }
    }

    private List<NamePattern> patterns(List<String> repositories) {
        for (String pattern : repositories) {
            String wrong = NamePattern.fault(pattern);
            if (wrong != null) {
                throw AccessCommands.wrongUse(spec, "add", "--repositories: " + wrong + ".");
            }
        }
        return repositories.stream().map(NamePattern::of).toList();
    }

    private Set<Action> actions(List<String> may) {
        Set<Action> actions = EnumSet.noneOf(Action.class);
        for (String word : may) {
            Action action = Action.of(word);
            if (action == null) {
                throw AccessCommands.wrongUse(spec, "add", "--may: " + Printable.of(word) + " is not an action; the actions are "
                        + RobotsFile.words(EnumSet.allOf(Action.class)) + ".");
            }
            actions.add(action);
        }
        return Collections.unmodifiableSet(actions);
    }

    @Command(name = "remove", mixinStandardHelpOptions = true, description = "Removes a robot, so that its token is refused.",
            exitCodeListHeading = AccessCommands.EXIT_CODES, exitCodeList = {AccessCommands.DONE, AccessCommands.REFUSED, AccessCommands.WRONG_USE})
    int remove(@Parameters(paramLabel = "NAME", description = "the robot's name") String name) {
        AccessCommands.requireName(spec, "remove", name);
        return AccessCommands.change(err(), files, () -> {
            Path file = files.robots();
            requireRobot(file, FileReplacement.read(file), name);
            FileReplacement.update(file, text -> RobotsFile.without(requireRobot(file, text, name), name));
            out().println("Robot " + name + " is removed from " + file + ".");
        });
    }

    @Command(name = "list", mixinStandardHelpOptions = true,
            description = "Prints the robots: name, repositories, what it may do there, and when its token expires.",
            exitCodeListHeading = AccessCommands.EXIT_CODES, exitCodeList = {AccessCommands.DONE, AccessCommands.REFUSED, AccessCommands.WRONG_USE})
    int list() {
        return AccessCommands.run(err(), () -> {
            Path file = files.robots();
            List<Robot> robots = robots(file, FileReplacement.read(file));
            if (robots.isEmpty()) {
                err().println("There are no robots in " + file + ".");
                return;
            }
            List<List<String>> rows = new ArrayList<>(List.of(List.of("NAME", "REPOSITORIES", "MAY", "EXPIRES")));
            robots.forEach(robot -> rows.add(List.of(robot.name(), robot.repositories().stream().map(NamePattern::toString).collect(Collectors.joining(",")),
                    robot.may().stream().map(Action::word).collect(Collectors.joining(",")), expires(robot))));
            aligned(rows).forEach(out()::println);
        });
    }

    private String expires(Robot robot) {
        return robot.expires() == null ? "never" : robot.expires() + (now.get().isBefore(robot.expires()) ? "" : " (expired)");
    }

    /** Returns a line for each row, with columns as wide as their longest text. */
    private static List<String> aligned(List<List<String>> rows) {
        List<String> lines = new ArrayList<>();
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < row.size(); i++) {
                int column = i;
                int width = rows.stream().mapToInt(other -> length(other.get(column))).max().orElse(0);
                line.append(row.get(i)).append(i == row.size() - 1 ? "" : " ".repeat(width - length(row.get(i)) + 2));
            }
            lines.add(line.toString());
        }
        return lines;
    }

    private static int length(String text) {
        return text.codePointCount(0, text.length());
    }

    private static List<Robot> robots(Path file, String text) throws RefusedException {
        RobotsFile.Result read = RobotsFile.read(file.toString(), text);
        if (!read.faults().isEmpty()) {
            throw new RefusedException(read.faults().get(0) + AccessCommands.more(read.faults().size()));
        }
        return read.robots();
    }

    private static boolean has(List<Robot> robots, String name) {
        return robots.stream().anyMatch(robot -> robot.name().equals(name));
    }

    private static List<Robot> requireRobot(Path file, String text, String name) throws RefusedException {
        List<Robot> robots = robots(file, text);
        if (!has(robots, name)) {
            throw new RefusedException("There is no robot " + name + " in " + file + ".");
        }
        return robots;
    }

    private PrintWriter out() {
        return spec.commandLine().getOut();
    }

    private PrintWriter err() {
        return spec.commandLine().getErr();
    }
}
