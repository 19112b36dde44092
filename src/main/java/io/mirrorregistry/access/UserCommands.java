package io.mirrorregistry.access;

import at.favre.lib.crypto.bcrypt.BCrypt;
import at.favre.lib.crypto.bcrypt.LongPasswordStrategies;
import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.files.FileReplacement;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Changes the file of users. */
@Command(name = "user", mixinStandardHelpOptions = true,
        description = "Changes the file of users that access.yaml names. The running mirror reads it by itself.")
final class UserCommands {

    private static final int COST = 10;

    private final AccessCommands.Files files;
    private final PasswordInput input;
    @Spec
    private CommandSpec spec;

    UserCommands(AccessCommands.Files files, PasswordInput input) {
        this.files = files;
        this.input = input;
    }

    @Command(name = "add", mixinStandardHelpOptions = true,
            description = "Adds a user, or replaces a user's password. Asks for the password, or reads it from standard input as one line. "
                    + "It has 1 to 72 bytes.",
            exitCodeListHeading = AccessCommands.EXIT_CODES, exitCodeList = {AccessCommands.DONE, AccessCommands.REFUSED, AccessCommands.WRONG_USE})
    int add(@Parameters(paramLabel = "NAME", description = "the name that the user logs in with") String name) {
        AccessCommands.requireName(spec, "add", name);
        return AccessCommands.change(err(), files, () -> {
            Path file = files.users();
            users(file, FileReplacement.read(file));
            requireNoRobot(name);
            String hash = hash(input.read(name));
            AtomicBoolean replaces = new AtomicBoolean();
            FileReplacement.update(file, text -> {
                replaces.set(users(file, text).containsKey(name));
                return Htpasswd.with(text, name, hash);
            });
            out().println(replaces.get() ? "The password of user " + name + " is replaced in " + file + "." : "User " + name + " is added to " + file + ".");
        });
    }

    @Command(name = "remove", mixinStandardHelpOptions = true, description = "Removes a user.",
            exitCodeListHeading = AccessCommands.EXIT_CODES, exitCodeList = {AccessCommands.DONE, AccessCommands.REFUSED, AccessCommands.WRONG_USE})
    int remove(@Parameters(paramLabel = "NAME", description = "the user's name") String name) {
        AccessCommands.requireName(spec, "remove", name);
        return AccessCommands.change(err(), files, () -> {
            Path file = files.users();
            requireUser(file, FileReplacement.read(file), name);
            FileReplacement.update(file, text -> {
                requireUser(file, text, name);
                return Htpasswd.without(text, name);
            });
            out().println("User " + name + " is removed from " + file + ".");
        });
    }

    @Command(name = "list", mixinStandardHelpOptions = true, description = "Prints the users' names, one a line.",
            exitCodeListHeading = AccessCommands.EXIT_CODES, exitCodeList = {AccessCommands.DONE, AccessCommands.REFUSED, AccessCommands.WRONG_USE})
    int list() {
        return AccessCommands.run(err(), () -> {
            Path file = files.users();
            Map<String, String> users = users(file, FileReplacement.read(file));
            users.keySet().forEach(out()::println);
            if (users.isEmpty()) {
                err().println("There are no users in " + file + ".");
            }
        });
    }

    /** The mirror refuses files in which a user and a robot have the same name. */
    private void requireNoRobot(String name) throws IOException, RefusedException {
        Path file;
        try {
            file = files.robots();
        } catch (InvalidSettingException e) {
            // No file of robots is named.
            return;
        }
        if (RobotsFile.read(file.toString(), FileReplacement.read(file)).robots().stream().anyMatch(robot -> robot.name().equals(name))) {
            throw new RefusedException("There is a robot " + name + " in " + file + "; a user and a robot must not have the same name.");
        }
    }

    private static Map<String, String> users(Path file, String text) throws RefusedException {
        Htpasswd.Result read = Htpasswd.read(text);
        if (!read.faults().isEmpty()) {
            Htpasswd.Fault first = read.faults().get(0);
            throw new RefusedException(file + ":" + first.line() + ": " + first.sentence() + AccessCommands.more(read.faults().size()));
        }
        return read.users();
    }

    private static void requireUser(Path file, String text, String name) throws RefusedException {
        if (!users(file, text).containsKey(name)) {
            throw new RefusedException("There is no user " + name + " in " + file + ".");
        }
    }

    private static String hash(byte[] password) {
        return new String(BCrypt.with(BCrypt.Version.VERSION_2Y, LongPasswordStrategies.none()).hash(COST, password), StandardCharsets.US_ASCII);
    }

    private PrintWriter out() {
        return spec.commandLine().getOut();
    }

    private PrintWriter err() {
        return spec.commandLine().getErr();
    }
}
