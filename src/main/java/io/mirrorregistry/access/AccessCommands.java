package io.mirrorregistry.access;

import io.mirrorregistry.config.AccessSettings;
import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.SettingsReader;
import io.mirrorregistry.files.Printable;
import io.mirrorregistry.plan.FullNames;
import java.io.Console;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** The commands that write the files of users and robots. They work while the mirror runs, which reads changed files by itself. */
public final class AccessCommands {

    static final String EXIT_CODES = "%nExit code:%n";
    static final String DONE = "0:done";
    static final String REFUSED = "1:refused, with one sentence on standard error; nothing is changed";
    static final String WRONG_USE = "2:wrong use";

    private final Object[] commands;

    /** The files that the commands read and write. */
    public interface Files {

        /**
         * Returns {@code access.yaml}.
         *
         * @throws InvalidSettingException if the settings name none
         */
        Path access() throws InvalidSettingException;

        /**
         * Returns the names by which rules know repositories.
         *
         * @throws InvalidSettingException if a setting cannot work
         */
        FullNames names() throws InvalidSettingException;

        /**
         * Returns the file of users.
         *
         * @throws InvalidSettingException if the settings, or {@code access.yaml}, name none
         */
        Path users() throws InvalidSettingException;

        /**
         * Returns the file of robots.
         *
         * @throws InvalidSettingException if the settings, or {@code access.yaml}, name none
         */
        Path robots() throws InvalidSettingException;

        /** Returns the files that the {@code access.yaml} of a working directory names. */
        static Files of(Path directory, Map<String, String> environment, String version) {
            return new Files() {
                @Override
                public Path users() throws InvalidSettingException {
                    return AccessFile.named(access(), "users");
                }

                @Override
                public Path robots() throws InvalidSettingException {
                    return AccessFile.named(access(), "robots");
                }

                @Override
                public FullNames names() throws InvalidSettingException {
                    return FullNames.of(SettingsReader.read(directory, environment, version));
                }

                @Override
                public Path access() throws InvalidSettingException {
                    AccessSettings access = SettingsReader.read(directory, environment, version).access();
                    if (access == null) {
                        throw new InvalidSettingException(AccessSettings.FILE + " is not set, so that no file names the files of users and robots");
                    }
                    return access.file();
                }
            };
        }
    }

    /** What a command does. */
    @FunctionalInterface
    interface Step {

        void run() throws IOException, InvalidSettingException, RefusedException;
    }

    public AccessCommands(Files files) {
        this(files, AccessCommands::console, System.in, Instant::now);
    }

    /**
     * @param console returns what asks for passwords; null if there is no console
     * @param in gives the password if there is no console
     * @param now the clock
     */
    AccessCommands(Files files, Supplier<PasswordInput.Prompt> console, InputStream in, Supplier<Instant> now) {
        this.commands = new Object[] {new UserCommands(files, new PasswordInput(console, in)), new RobotCommands(files, now), new ExplainAccessCommand(files, now)};
    }

    private static PasswordInput.Prompt console() {
        // Java 22 and later return a console for a pipe as well, unless they are told to behave as before.
        if (System.getProperty("jdk.console") == null) {
            System.setProperty("jdk.console", "java.base");
        }
        Console console = System.console();
        return console == null ? null : question -> console.readPassword("%s", question);
    }

    /** Adds the commands {@code user}, {@code robot} and {@code access} to a command line, with its version. */
    public void addTo(CommandLine parent) {
        for (Object command : commands) {
            CommandLine added = new CommandLine(command);
            parent.addSubcommand(added);
            added.getCommandSpec().versionProvider(parent.getCommandSpec().versionProvider());
            added.getSubcommands().values().forEach(sub -> sub.getCommandSpec().versionProvider(parent.getCommandSpec().versionProvider()));
        }
    }

    /** Runs a step that changes a file, and warns if the mirror refuses the files as they are then. Returns the exit code. */
    static int change(PrintWriter err, Files files, Step step) {
        return run(err, () -> {
            step.run();
            List<String> faults = AccessFile.read(files.access()).faults();
            if (!faults.isEmpty()) {
                err.println("Warning: the mirror refuses its access files as they are now, and goes on with the last good ones: " + faults.get(0) + more(faults.size()));
                err.flush();
            }
        });
    }

    /** Runs a step. Returns the exit code. */
    static int run(PrintWriter err, Step step) {
        try {
            step.run();
            return 0;
        } catch (IOException | InvalidSettingException | RefusedException e) {
            err.println(String.valueOf(e.getMessage()).replaceAll("\\s+", " ").replaceAll("\\p{Cntrl}", "?"));
            err.flush();
            return 1;
        }
    }

    /** Refuses a name that cannot work as wrong use. */
    static void requireName(CommandSpec command, String subcommand, String name) {
        String wrong = UserName.fault(name);
        if (wrong != null) {
            throw wrongUse(command, subcommand, "The name " + Printable.of(name) + " " + wrong + ".");
        }
    }

    static ParameterException wrongUse(CommandSpec command, String subcommand, String sentence) {
        return new ParameterException(command.subcommands().get(subcommand), sentence);
    }

    /** Returns the end of a sentence that tells how many faults a file has besides the first. */
    static String more(int faults) {
        return faults == 1 ? "" : faults == 2 ? " (and 1 more fault)" : " (and " + (faults - 1) + " more faults)";
    }
}
