package io.mirrorregistry.access;

import java.time.Instant;
import java.util.List;
import java.util.Set;

/**
 * What a person may see of who may pull: no password, no token and no hash.
 *
 * @param file the path of {@code access.yaml}
 * @param users the users' names, in the order of their file
 * @param robots in the order of their file
 * @param issuers in the order of the file
 * @param rules in the order of the file
 * @param refused why a changed file is refused, as a sentence; null if none is
 * @param away why tokens of an issuer cannot be checked, as a sentence; null if they can
 */
public record AccessSummary(String file, List<String> users, List<RobotAccount> robots, List<TokenIssuer> issuers, List<RuleLine> rules, String refused,
        String away) {

    /**
     * @param repositories the patterns of repositories' names
     * @param may what it may do there: pull, push, delete
     * @param expires from when on its token is refused; null for never
     */
    public record RobotAccount(String name, List<String> repositories, List<String> may, Instant expires) {
    }

    /** @param user its users' names, with claims in braces */
    public record TokenIssuer(String issuer, String audience, String user) {
    }

    /**
     * @param line from 1
     * @param from addresses and ranges with commas between; empty for all
     */
    public record RuleLine(int line, String who, String from, List<String> repositories, List<String> may) {
    }

    static AccessSummary of(Policy policy, String refused, String away) {
        return new AccessSummary(policy.file(), List.copyOf(policy.users().keySet()),
                policy.robots().values().stream().map(robot -> new RobotAccount(robot.name(), texts(robot.repositories()), words(robot.may()), robot.expires())).toList(),
                policy.issuers().stream().map(issuer -> new TokenIssuer(issuer.issuer(), issuer.audience(), issuer.user())).toList(),
                policy.rules().stream().map(rule -> new RuleLine(rule.line(), rule.who().toString(), rule.from().toString(), texts(rule.repositories()), words(rule.may())))
                        .toList(), refused, away);
    }

    private static List<String> texts(List<NamePattern> patterns) {
        return patterns.stream().map(NamePattern::toString).toList();
    }

    private static List<String> words(Set<Action> actions) {
        return actions.stream().map(Action::word).toList();
    }
}
