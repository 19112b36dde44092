package io.mirrorregistry.access;

import io.mirrorregistry.files.Printable;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * What {@code access.yaml} and the files that it names say. It does not change; a changed file makes another one. Safe for all threads.
 *
 * @param file the path of {@code access.yaml}, as the setting has it
 * @param users the users' names, and the bcrypt hash of each one's password
 * @param robots by their names
 * @param groups the names of each user's groups, by the user's name
 * @param issuers whose tokens prove who a user is
 * @param refuseUnknown whether the credentials of a user that is not known are refused, rather than treated as none
 * @param rules in the order of the file
 */
record Policy(String file, Map<String, String> users, Map<String, Robot> robots, Map<String, Set<String>> groups, List<Issuer> issuers, boolean refuseUnknown,
        List<Rule> rules) {

    /**
     * What a subject may do in a repository.
     *
     * @param rule the rule that decides; null where none fits, and where a robot's own entry decides
     * @param may what it allows
     */
    record Decision(Rule rule, Set<Action> may) {
    }

    private static final int MOST_NAMES = 10;
    private static final Decision NOTHING = new Decision(null, Set.of());

    /**
     * Returns what a subject may do in a repository.
     *
     * @param address the client's IP address; null for none
     */
    Decision decide(Subject subject, String address, String repository) {
        if (subject.kind() == Subject.Kind.ROBOT) {
            Robot robot = robots.get(subject.name());
            boolean fits = robot != null && robot.repositories().stream().anyMatch(pattern -> pattern.fits(repository, robot.name()));
            Decision without = decide(Subject.NOBODY, address, repository);
            if (!fits) {
                return without;
            }
            // A robot may do at least what it could do without its token.
            Set<Action> may = EnumSet.noneOf(Action.class);
            may.addAll(robot.may());
            may.addAll(without.may());
            return new Decision(null, may);
        }
        Set<String> groupsOfSubject = groups(subject);
        for (Rule rule : rules) {
            if (rule.fits(subject, groupsOfSubject, address, repository)) {
                return new Decision(rule, rule.may());
            }
        }
        return NOTHING;
    }

    /** Returns the names of a subject's groups, in alphabetical order. */
    Set<String> groups(Subject subject) {
        return subject.isNobody() ? Set.of() : groups.getOrDefault(subject.name(), Set.of());
    }

    /** Returns whether the subject is still there: a token proves who somebody was when it was made. */
    boolean knows(Subject subject, Supplier<Instant> clock) {
        return switch (subject.kind()) {
            case NOBODY -> true;
            case USER -> users.containsKey(subject.name());
            case ROBOT -> robots.containsKey(subject.name()) && isValid(robots.get(subject.name()), clock.get());
            case ISSUER -> issuers.stream().anyMatch(issuer -> subject.name().startsWith(issuer.prefix()));
        };
    }

    /** Returns the subject of that name; null for none. */
    Subject subject(String name) {
        for (Subject.Kind kind : List.of(Subject.Kind.USER, Subject.Kind.ROBOT, Subject.Kind.ISSUER)) {
            Subject subject = new Subject(kind, name);
            if (kind == Subject.Kind.ROBOT ? robots.containsKey(name) : knows(subject, () -> Instant.MIN)) {
                return subject;
            }
        }
        return null;
    }

    /** Returns what is not the same in two policies, for the log: which users and robots, and whether other parts. */
    static String difference(Policy before, Policy after) {
        List<String> parts = new ArrayList<>();
        parts.add(difference("users", before.users, after.users));
        parts.add(difference("robots", before.robots, after.robots));
        parts.add(before.groups.equals(after.groups) ? "" : "groups");
        parts.add(before.issuers.equals(after.issuers) ? "" : "issuers");
        parts.add(before.rules.equals(after.rules) && before.refuseUnknown == after.refuseUnknown ? "" : "rules");
        return parts.stream().filter(part -> !part.isEmpty()).collect(Collectors.joining("; "));
    }

    private static String difference(String what, Map<String, ?> before, Map<String, ?> after) {
        Set<String> names = new LinkedHashSet<>(before.keySet());
        names.addAll(after.keySet());
        names.removeIf(name -> before.containsKey(name) && before.get(name).equals(after.get(name)));
        String more = names.size() > MOST_NAMES ? " and " + (names.size() - MOST_NAMES) + " more" : "";
        return names.isEmpty() ? "" : what + " " + names.stream().limit(MOST_NAMES)
                .map(name -> (!before.containsKey(name) ? "+" : !after.containsKey(name) ? "-" : "") + Printable.of(name)).collect(Collectors.joining(", ")) + more;
    }

    static boolean isValid(Robot robot, Instant now) {
        return robot.expires() == null || now.isBefore(robot.expires());
    }
}
