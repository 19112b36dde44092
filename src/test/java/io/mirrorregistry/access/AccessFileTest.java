package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AccessFileTest {

    private static final String HASH = "$2y$04$BcQkZE0ldlYSWQ8JW0pVn.fKk4mOC4iqWZ8dHTxqKJ.2rJ0lCCGD2";
    private static final String WHOLE = """
            users: users.htpasswd
            robots: robots.yaml
            groups:
              admins: [alice, "github:acme/tool"]
            issuers:
              - issuer: https://issuer.example.com
                audience: mirror.example.com
                keys: https://issuer.example.com/keys
                user: "github:{repository}"
            unknown-credentials: refuse
            rules:
              - {who: anyone, repositories: "public/**", may: [pull]}
              - {who: "group:admins", repositories: "**", may: [pull, push, delete]}
              - {who: "user:github:acme/*", repositories: "acme/**", may: [pull, push]}
              - {who: users, repositories: ["{user}/**", "team/{user}"], may: [pull, push]}
              - {who: "user:bob", repositories: "secret/**", may: []}
              - {who: anyone, from: [10.0.0.0/8, "2001:db8::/32"], repositories: "**", may: [pull]}
            """;

    @TempDir
    private Path folder;

    private AccessFile.Result read(String text) throws IOException {
        Files.writeString(folder.resolve("users.htpasswd"), "alice:" + HASH + "\nbob:" + HASH + "\n");
        Files.writeString(folder.resolve("robots.yaml"), "robots:\n  - {name: ci, token: \"sha256:" + "0".repeat(64) + "\", repositories: [\"team/**\"], may: [pull]}\n");
        Files.writeString(folder.resolve("access.yaml"), text);
        return AccessFile.read(folder.resolve("access.yaml"));
    }

    private Policy policy(String text) throws IOException {
        AccessFile.Result result = read(text);
        assertEquals(List.of(), result.faults());
        return result.policy();
    }

    private static Set<Action> may(Policy policy, String user, String address, String repository) {
        return policy.decide(user.isEmpty() ? Subject.NOBODY : policy.subject(user), address, repository).may();
    }

    @Test
    void theFirstRuleThatFitsDecides() throws Exception {
        Policy policy = policy(WHOLE);
        assertEquals(Set.of(Action.PULL), may(policy, "", null, "public/a/b"));
        assertEquals(Set.of(Action.PULL), may(policy, "alice", null, "public/a"));
        assertEquals(Set.of(Action.PULL, Action.PUSH, Action.DELETE), may(policy, "alice", null, "any/thing"));
        assertEquals(Set.of(Action.PULL, Action.PUSH, Action.DELETE), may(policy, "github:acme/tool", null, "any/thing"));
        assertEquals(Set.of(Action.PULL, Action.PUSH), may(policy, "github:acme/other", null, "acme/app"));
        assertEquals(Set.of(), may(policy, "github:else/other", null, "acme/app"));
        assertEquals(Set.of(), may(policy, "github:acme/other/more", null, "acme/app"));
        assertEquals(Set.of(Action.PULL, Action.PUSH), may(policy, "bob", null, "bob/app"));
        assertEquals(Set.of(Action.PULL, Action.PUSH), may(policy, "bob", null, "team/bob"));
        assertEquals(Set.of(), may(policy, "bob", "10.1.2.3", "secret/app"));
        assertEquals(Set.of(Action.PULL), may(policy, "bob", "10.1.2.3", "other/app"));
        assertEquals(Set.of(Action.PULL), may(policy, "", "2001:db8::1", "other/app"));
        assertEquals(Set.of(), may(policy, "", "192.0.2.1", "other/app"));
        assertEquals(Set.of(), may(policy, "", null, "other/app"));
        assertTrue(policy.refuseUnknown());
        assertEquals(Set.of("admins"), policy.groups(policy.subject("alice")));
    }

    @Test
    void aRobotsOwnEntryDecidesAndElseWhatAnyoneMay() throws Exception {
        Policy policy = policy(WHOLE);
        assertEquals(Set.of(Action.PULL), may(policy, "ci", null, "team/app"));
        assertEquals(Set.of(Action.PULL), may(policy, "ci", null, "public/app"));
        assertEquals(Set.of(), may(policy, "ci", null, "ci/app"));
        Policy pushes = new Policy("", Map.of(), Map.of("ci", new Robot("ci", "", List.of(NamePattern.of("public/**")), Set.of(Action.PUSH), null)), Map.of(), List.of(), false,
                policy.rules());
        assertEquals(Set.of(Action.PULL, Action.PUSH), may(pushes, "ci", null, "public/app"));
        assertEquals(Set.of(), may(policy, "", null, "team/app"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "rules: []\\nrule: [] | 2:1: rule is no key of | did you mean rules?",
        "rules: {} | 1:8: rules is a list |",
        "rules: [x] | 1:9: a rule is a map of keys and values |",
        "rules:\\n  - {repositories: x, may: [pull]} | 2:5: a rule has the key who |",
        "rules:\\n  - {who: anyone, may: [pull]} | 2:5: a rule has the key repositories |",
        "rules:\\n  - {who: anyone, repositories: x} | 2:5: a rule has the key may: a list |",
        "rules:\\n  - {who: everybody, repositories: x, may: [pull]} | 2:11: who is anyone, users, user:NAME or group:NAME |",
        "rules:\\n  - {who: 'user:', repositories: x, may: [pull]} | 2:11: who is anyone |",
        "rules:\\n  - {who: anyone, repositories: Team/x, may: [pull]} | 2:33: Team/x fits no repository |",
        "rules:\\n  - {who: anyone, repositories: /x, may: [pull]} | 2:33: /x fits no repository |",
        "rules:\\n  - {who: anyone, repositories: x, may: [read]} | 2:42: read is none of pull, push and delete |",
        "rules:\\n  - {who: anyone, repositories: x, may: pull} | 2:41: may is a list |",
        "rules:\\n  - {who: anyone, from: 10.0.0.0/99, repositories: x, may: []} | 2:25: from is a list of IP addresses |",
        "rules:\\n  - {who: anyone, from: example.com, repositories: x, may: []} | 2:25: from is a list of IP addresses |",
        "rules:\\n  - {who: anyone, from: [], repositories: x, may: [pull]} | 2:25: from names at least one address |",
        "rules:\\n  - {who: anyone, from: , repositories: x, may: [pull]} | 2:19: from has no value |",
        "rules:\\n  - who: anyone\\n    from:\\n    repositories: x\\n    may: [pull] | 3:5: from has no value |",
        "rules:\\n  - {who: anyone, repositories: [], may: [pull]} | 2:33: repositories names at least one repository |",
        "unknown-credentials: maybe | 1:22: unknown-credentials is anonymous or refuse |",
        "groups: [x] | 1:9: groups is a map |",
        "groups: {a: ['x*']} | 1:14: a group names its users one by one |",
        "users: missing.htpasswd | 1:8: | missing.htpasswd: there is no such file; mirror-registry user add NAME makes it",
        "users: [x] | 1:8: users is a text |",
        "issuers: [{issuer: 'https://a.example.com'}] | 1:11: an issuer has the key audience |",
        "rules: [ | it is not YAML |",
        "rules: []\\n? [who]\\n: x | 2:3: a key of | is a word",
        "rules: []\\nusers: !!int x | 2:8: the value is none of the type tag:yaml.org,2002:int; leave out the type |",
        "rules: []\\nrules: [] | it is not YAML |",
        "- x | 1:1: | is a map of keys and values"})
    void aFaultHasItsPlace(String text, String one, String other) throws Exception {
        AccessFile.Result result = read(text.replace("\\n", "\n"));
        assertNull(result.policy());
        String all = String.join("\n", result.faults());
        assertTrue(all.contains(one.strip()) && all.contains(other == null ? "" : other.strip()), all);
        assertTrue(result.faults().stream().allMatch(fault -> fault.startsWith(folder.toString())), all);
    }

    @ParameterizedTest
    @CsvSource({"'\u0001',1:1", "'users: x\u0001',1:9", "'\n\n  a: \u0007',3:6"})
    void aControlCharacterHasItsPlace(String text, String place) throws Exception {
        assertEquals(List.of(folder.resolve("access.yaml") + ":" + place + ": it is not YAML: it has a control character"), read(text).faults());
    }

    @Test
    void allFaultsAreFound() throws Exception {
        AccessFile.Result result = read(WHOLE.replace("may: [pull]}", "may: [read]}").replace("group:admins", "grup:admins").replace("issuer:", "isuer:"));
        assertTrue(result.faults().size() >= 5, result.faults().toString());
    }

    @Test
    void emptyFilesAreRefused() throws Exception {
        for (String text : List.of("", "\n", "# nothing\n", "---\n")) {
            assertEquals(List.of(folder.resolve("access.yaml") + ": it is empty; without a rule nobody may pull"), read(text).faults());
        }
    }

    @Test
    void twoIssuersHaveDifferentUsers() throws Exception {
        String issuer = "  - {issuer: 'https://%s.example.com', audience: x, keys: 'https://a.example.com/keys', user: '%s{sub}'}\n";
        assertEquals(List.of(), read("issuers:\n" + String.format(issuer, "a", "a:") + String.format(issuer, "b", "b:") + "rules: []").faults());
        assertEquals(1, read("issuers:\n" + String.format(issuer, "a", "a:") + String.format(issuer, "b", "a:") + "rules: []").faults().size());
        assertEquals(1, read("issuers:\n" + String.format(issuer, "a", "a:") + String.format(issuer, "a", "b:") + "rules: []").faults().size());
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "{who: \"group:nobody\", repositories: \"**\", may: [pull]}",
        "{who: \"user:carol\", repositories: \"**\", may: [pull]}",
        "{who: \"user:ci\", repositories: \"**\", may: [pull]}",
        "{who: \"user:gitlab:x\", repositories: \"**\", may: [pull]}"})
    void aRuleForNobodyIsAWarning(String rule) throws Exception {
        AccessFile.Result result = read(WHOLE.replace("rules:\n", "rules:\n  - " + rule + "\n"));
        assertNotNull(result.policy());
        assertEquals(1, result.warnings().size(), result.warnings().toString());
        assertTrue(result.warnings().get(0).startsWith(folder.resolve("access.yaml") + ":12:5: the rule fits nobody"), result.warnings().get(0));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{who: anyone, repositories: 'a/**', may: [pull]} | {who: users, repositories: 'a/b/**', may: [pull]} | 1",
        "{who: anyone, repositories: '**', may: []} | {who: 'user:alice', repositories: 'a', may: [pull]} | 1",
        "{who: users, repositories: 'a/*', may: []} | {who: 'user:alice', repositories: 'a/*', may: [pull]} | 1",
        "{who: users, repositories: 'a/**', may: []} | {who: anyone, repositories: 'a/**', may: [pull]} | 0",
        "{who: anyone, repositories: 'a/*', may: []} | {who: anyone, repositories: 'a/**', may: [pull]} | 0",
        "{who: anyone, from: 10.0.0.0/8, repositories: '**', may: []} | {who: anyone, repositories: 'a/**', may: [pull]} | 0",
        "{who: 'user:bob', repositories: '**', may: []} | {who: 'user:alice', repositories: 'a/**', may: [pull]} | 0"})
    void aRuleThatNeverDecidesIsAWarning(String one, String other, int warnings) throws Exception {
        AccessFile.Result result = read("users: users.htpasswd\nrules:\n  - " + one + "\n  - " + other + "\n");
        assertEquals(List.of(), result.faults());
        assertEquals(warnings, result.warnings().size(), result.warnings().toString());
        if (warnings > 0) {
            assertTrue(result.warnings().get(0).endsWith(":4:5: the rule never decides, because the one in line 3 fits whenever this one does"), result.warnings().get(0));
        }
    }

    /** A file that is being written: it is sound, or it has a fault; it never fails otherwise. */
    @Property(tries = 200)
    void theBeginningOfAFileIsReadOrRefused(@ForAll @IntRange(min = 0, max = 900) int length) throws IOException {
        Path place = Files.createTempDirectory("access");
        try {
            folder = place;
            AccessFile.Result result = read(WHOLE.substring(0, Math.min(length, WHOLE.length())));
            assertEquals(result.policy() == null, !result.faults().isEmpty());
        } finally {
            try (var files = Files.list(place)) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(place);
        }
    }
}
