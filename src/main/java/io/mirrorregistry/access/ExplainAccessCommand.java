package io.mirrorregistry.access;

import io.mirrorregistry.config.InvalidSettingException;
import io.mirrorregistry.config.Networks;
import io.mirrorregistry.files.Printable;
import io.mirrorregistry.plan.FullNames;
import io.mirrorregistry.protocol.RepositoryName;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Says which rule decides. It reads the files, and asks no mirror. */
@Command(name = "access", mixinStandardHelpOptions = true, description = "Explains access.yaml.")
final class ExplainAccessCommand {

    private static final int NOTHING = 1;
    private static final int NO_ANSWER = 2;

    private final AccessCommands.Files files;
    private final Supplier<Instant> now;
    @Spec
    private CommandSpec spec;

    ExplainAccessCommand(AccessCommands.Files files, Supplier<Instant> now) {
        this.files = files;
        this.now = now;
    }

    @Command(name = "explain", mixinStandardHelpOptions = true, description = "Prints which rule decides what a user may do in a repository.",
            exitCodeListHeading = AccessCommands.EXIT_CODES, exitCodeList = {"0:the user may do something", "1:the user may do nothing", "2:wrong use, or the files have faults"})
    int explain(@Parameters(paramLabel = "USER", description = "the name of a user, a robot or an issuer's user, such as github:acme/app; anyone: a client without a login") String user,
            @Parameters(paramLabel = "REPOSITORY", description = "the repository, such as team/app; with the host name before it if a registry serves that") String repository,
            @Option(names = "--from", paramLabel = "IP", description = "the client's IP address, for rules with from") String address) {
        if (address != null && Networks.address(address) == null) {
            return refuse("--from is an IP address, such as 10.1.2.3; " + Printable.of(address) + " is none");
        }
        int slash = repository.indexOf('/');
        if (!RepositoryName.isValid(slash > 0 && repository.substring(0, slash).indexOf(':') > 0 ? repository.substring(slash + 1) : repository)) {
            return refuse(Printable.of(repository) + " is no repository: write its name without a tag, such as team/app");
        }
        Policy policy;
        FullNames names;
        try {
            names = files.names();
            AccessFile.Result read = AccessFile.read(files.access());
            if (read.policy() == null) {
                throw new InvalidSettingException(read.faults().get(0) + (read.faults().size() == 1 ? "" : " (the command check tells all faults)"));
            }
            policy = read.policy();
        } catch (InvalidSettingException e) {
            return refuse(e.getMessage());
        }
        Subject subject = user.equals(UserName.ANYONE) ? Subject.NOBODY : policy.subject(user);
        if (subject == null) {
            return refuse("There is no user, no robot and no issuer whose user could be " + Printable.of(user) + "; anyone stands for a client without a login");
        }
        if (slash > 0 && repository.substring(0, slash).matches(".*[.:].*") && !names.isServed(repository.substring(0, slash))) {
            spec.commandLine().getErr().println("No registry serves " + repository.substring(0, slash) + ": if it is the mirror's own host name, leave it out");
        }
        PrintWriter out = spec.commandLine().getOut();
        out.println("user        " + Printable.of(user) + kind(policy, subject));
        out.println("groups      " + (policy.groups(subject).isEmpty() ? "none" : String.join(", ", policy.groups(subject))));
        Set<Action> may = EnumSet.allOf(Action.class);
        for (String name : names.of(repository)) {
            Policy.Decision decision = policy.decide(subject, address, name);
            may.retainAll(decision.may());
            out.println("repository  " + name);
            out.println("decided by  " + decider(policy, subject, decision));
        }
        out.println("may         " + (may.isEmpty() ? "nothing" : words(may)));
        out.flush();
        return may.isEmpty() ? NOTHING : 0;
    }

    private String kind(Policy policy, Subject subject) {
        return switch (subject.kind()) {
            case NOBODY -> ", a client without a login";
            case USER -> "";
            case ROBOT -> policy.knows(subject, now) ? ", a robot" : ", a robot whose token has expired";
            case ISSUER -> ", a user of the issuer "
                    + policy.issuers().stream().filter(issuer -> subject.name().startsWith(issuer.prefix())).findFirst().orElseThrow().issuer();
        };
    }

    private static String decider(Policy policy, Subject subject, Policy.Decision decision) {
        if (subject.kind() == Subject.Kind.ROBOT && decision.rule() == null && !decision.may().isEmpty()) {
            return "the robot's own entry";
        }
        return decision.rule() == null ? "no rule fits" : policy.file() + ":" + decision.rule().line() + ": " + decision.rule();
    }

    private static String words(Set<Action> actions) {
        return actions.stream().map(Action::word).collect(Collectors.joining(", "));
    }

    private int refuse(String sentence) {
        spec.commandLine().getErr().println(sentence);
        spec.commandLine().getErr().flush();
        return NO_ANSWER;
    }
}
