package io.mirrorregistry;

import io.mirrorregistry.access.AccessCommands;
import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.SettingsReader;
import io.mirrorregistry.explain.ExplainClient;
import io.mirrorregistry.logging.Logs;
import io.mirrorregistry.warm.WarmCommand;
import io.mirrorregistry.work.FatalErrors;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The commands of the jar. The mirror itself starts without this class and its library. */
@Command(name = "mirror-registry", mixinStandardHelpOptions = true, versionProvider = Commands.VersionText.class,
        subcommands = {Commands.CheckCommand.class, Commands.ExplainCommand.class},
        description = "Serves container images from several registries. Without a command the mirror starts; its settings are in application.properties "
                + "and MIRROR_* variables.")
final class Commands implements Callable<Integer> {

    /** The exit code for arguments that are no command, and for wrong arguments of the command check. */
    private static final int NO_COMMAND = 1;
    /** The exit code for wrong arguments of the other commands. */
    private static final int WRONG_USE = 2;

    static final class VersionText implements IVersionProvider {

        @Override
        public String[] getVersion() {
            return new String[] {"mirror-registry " + Version.current()};
        }
    }

    @Command(name = "check", mixinStandardHelpOptions = true, versionProvider = VersionText.class,
            description = "Finds all faults of the settings, certificates, access files, the warm file, folders of images and routes of the working directory. Serves nothing.",
            exitCodeListHeading = "%nExit code:%n", exitCodeList = {"0:sound", "1:a line is printed for each fault; with --strict, a warning is a fault"})
    static final class CheckCommand implements Callable<Integer> {

        @Option(names = "--strict", description = "a warning is a fault: settings and MIRROR_* variables that the mirror does not know, and what else it ignores")
        private boolean strict;

        @Override
        public Integer call() {
            Logs.silence();
            Check.Findings found = Check.run(Path.of(""), System.getenv());
            found.warnings().forEach(warning -> MirrorRegistry.say("warning: " + warning));
            found.faults().forEach(MirrorRegistry::say);
            boolean sound = found.faults().isEmpty() && !(strict && !found.warnings().isEmpty());
            if (sound) {
                System.out.println("The settings, the certificates, the access file, the warm file, the folder of images and the routes are sound.");
            }
            return sound ? 0 : 1;
        }
    }

    @Command(name = "explain", mixinStandardHelpOptions = true, versionProvider = VersionText.class,
            description = "Asks the running mirror which registries it asks for an image, what they respond, and what a client gets.",
            exitCodeListHeading = "%nExit code:%n",
            exitCodeList = {"0:a client gets the image", "1:no registry can serve it now", "2:wrong use, or no mirror answers"})
    static final class ExplainCommand implements Callable<Integer> {

        private static final int NOT_SERVED = 1;
        private static final int NO_ANSWER = 2;

        @Parameters(paramLabel = "NAME", description = "the image, as a client writes it: NAME[:TAG] or NAME@DIGEST, or the path of a manifest; no tag means latest")
        private String name;

        @Option(names = "--namespace", paramLabel = "HOST", description = "the host name that a client sends as ns, such as docker.io")
        private String namespace;

        @Option(names = "--client", paramLabel = "IP", description = "the client's IP address, for strategies that decide by it")
        private String client;

        @Override
        public Integer call() {
            Logs.silence();
            try {
                ExplainClient.Answer answer = new ExplainClient(managementPort()).ask(name, namespace, client);
                System.out.print(answer.text());
                return answer.served() ? 0 : NOT_SERVED;
            } catch (InvalidSettingException | ExplainClient.NoAnswerException e) {
                MirrorRegistry.say(e.getMessage());
                return NO_ANSWER;
            }
        }
    }

    /**
     * Runs a command.
     *
     * @param arguments at least one
     * @return the exit code
     */
    static int run(String... arguments) {
        CommandLine line = new CommandLine(new Commands());
        new AccessCommands(AccessCommands.Files.of(Path.of(""), System.getenv(), Version.current())).addTo(line);
        new WarmCommand(() -> {
            Logs.silence();
            return managementPort();
        }).addTo(line);
        return line.setExpandAtFiles(false).setParameterExceptionHandler(Commands::refuse)
                .setExecutionExceptionHandler(Commands::fail).execute(arguments);
    }

    private static int managementPort() throws InvalidSettingException {
        return SettingsReader.read(Path.of(""), System.getenv(), Version.current()).managementPort();
    }

    private static int fail(Exception failure, CommandLine command, CommandLine.ParseResult parsed) {
        FatalErrors.check(failure);
        MirrorRegistry.say("The command " + command.getCommandName() + " failed: " + failure);
        return command.getCommand() instanceof ExplainCommand ? ExplainCommand.NO_ANSWER : command.getCommand() instanceof WarmCommand ? WarmCommand.REFUSED : 1;
    }

    /** Prints one sentence. Returns the exit code. */
    private static int refuse(CommandLine.ParameterException wrong, String[] arguments) {
        CommandLine command = wrong.getCommandLine();
        if (command.getCommand() instanceof Commands) {
            return refuse(arguments[0]);
        }
        String why = wrong.getMessage();
        MirrorRegistry.say(why + (why.endsWith(".") ? "" : ".") + " See " + command.getCommandSpec().qualifiedName() + " --help.");
        return command.getCommand() instanceof CheckCommand ? NO_COMMAND : WRONG_USE;
    }

    private static int refuse(String argument) {
        MirrorRegistry.say("mirror-registry has the commands check, explain, user, robot, access and warm and was given \"" + argument
                + "\": its settings are in application.properties and MIRROR_* variables.");
        return NO_COMMAND;
    }

    /** Runs for arguments without a command. */
    @Override
    public Integer call() {
        return refuse("--");
    }
}
