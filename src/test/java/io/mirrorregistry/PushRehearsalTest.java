package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Edits of the routes of pushes that cannot work: check and the live reload refuse them, with file, line, column and cause. */
class PushRehearsalTest {

    private static final String TARGET = "            ref: push\n            method: target\n";
    private static final String SEND = "        - bean:\n            ref: push\n            method: send\n";
    private static final String NOWHERE = ": mirror.push.registry=cold cannot work: no step of these routes leads from here to the step push.send; add the file push.camel.yaml, and the choice"
            + " with direct:push in front-door.camel.yaml, that come with this version, or leave the setting empty";

    @TempDir
    private Path directory;
    private Path routes;

    @BeforeEach
    void copyRoutes() throws Exception {
        routes = TestRoutes.copyTo(directory);
        Files.writeString(directory.resolve("access.yaml"), "rules: [{who: anyone, repositories: \"**\", may: [pull, push, delete]}]\n");
    }

    private static Map<String, String> settings(String... more) {
        Map<String, String> all = new HashMap<>(Map.of("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1", "MIRROR_PUSH_REGISTRY", "cold", "MIRROR_PUSH_DELETE", "true",
                "MIRROR_ACCESS_FILE", "access.yaml", "MIRROR_SECRET", "a secret of the tests"));
        for (int i = 0; i < more.length; i += 2) {
            all.put(more[i], more[i + 1]);
        }
        return all;
    }

    private List<String> check(String... more) {
        return Check.run(directory, settings(more)).faults();
    }

    private void edit(String file, String sound, String edited) throws IOException {
        Path route = routes.resolve(file + ".camel.yaml");
        String text = Files.readString(route);
        assertTrue(text.contains(sound), file);
        Files.writeString(route, text.replace(sound, edited));
    }

    /** Steps after the one that sets the target. */
    private static Arguments target(String steps, String fault) {
        return Arguments.of("push", TARGET, TARGET + steps.indent(8), fault);
    }

    /** Steps after the one that sends. */
    private static Arguments sent(String steps, String fault) {
        return Arguments.of("push", SEND, SEND + steps.indent(8), fault);
    }

    private static String when(String condition, String step) {
        return "- choice:\n    when:\n      - expression:\n          simple:\n            expression: " + condition + "\n        steps:\n" + step.indent(10);
    }

    private static String status(int status) {
        return "- setHeader: {name: CamelHttpResponseCode, expression: {constant: {expression: " + status + "}}}\n";
    }

    private static String broken() {
        return "- setVariable: {name: mine, expression: {simple: {expression: \"${random(a)}\"}}}\n";
    }

    private static String keep(String argument) {
        return "- bean:\n    ref: push\n    method: keepTags" + argument + "\n";
    }

    static Stream<Arguments> faults() {
        return Stream.of(
                Arguments.of("push", SEND, "        - choice:\n            when:\n              - expression: {simple: {expression: \"${variable.pushed} == 'upload'\"}}\n                steps:\n"
                        + SEND.indent(8), ": HEAD /v2/library/app/blobs/sha256:bda88d22342f… while each registry has it ends without an answer; the last step was"),
                Arguments.of("front-door", "${variable.asked} == 'push'", "${variable.asked} == 'puhs'",
                        ": the step answer.apiVersion fails: mirror.push.registry is set, and the front door sends pushes (variable asked: push) nowhere (rehearsed: HEAD /v2/library/app/blobs/"),
                Arguments.of("front-door", "uri: direct:push", "uri: direct:manifest", ": "),
                Arguments.of("push", "${variable.begun} == false", "${variable.begun} == true",
                        ": the step push.send fails: the step push.sources has not run: the registries of the plan are those of pulls (rehearsed: HEAD /v2/library/app/blobs/"),
                Arguments.of("push", "${variable.begun} == false", "${variable.begunn} == false", ": no step sets the variable begunn; did you mean begun?"),
                Arguments.of("push", TARGET, "            ref: answer\n            method: finish\n", ": the step push.send fails: no step of the routes has set which registries are asked"),
                Arguments.of("push", "        - bean:\n            description: The registry of mirror.push.registry\n" + TARGET,
                        when("${variable.repository} startsWith 'library/'", "- bean: {ref: push, method: target}\n").indent(8),
                        ": the step push.send fails: no step of the routes has set which registries are asked"),
                sent(status(200), ": POST /v2/library/app/blobs/uploads/ "), sent(when("${variable.method} == 'POST'", status(200)), ": POST /v2/library/app/blobs/uploads/ while each registry has it is answered 200"
                        + " without a body, which is no answer to a push; the last step was the step setHeader 200"),
                sent(when("${variable.method} == 'PUT'", "- removeHeader: {name: Location}\n"), ": PUT /v2/library/app/blobs/uploads/…?digest=sha256%3A"),
                sent(when("${variable.pushed} == 'manifest' && ${variable.method} == 'PUT'", "- removeHeader: {name: Location}\n"),
                        ": PUT /v2/library/app/manifests/1.0 while each registry has it is answered 201 without a Location"),
                sent(when("${variable.method} == 'DELETE'", status(200)), ": DELETE /v2/library/app/manifests/sha256:"),
                sent(when("${variable.method} == 'DELETE' && ${variable.pushed} == 'upload'", status(200)),
                        ": DELETE /v2/library/app/blobs/uploads/… while each registry has it is answered 200 without a body, which is no answer to a push"),
                sent(when("${variable.method} == 'GET'", broken()), ": the step setVariable ${random(a)} fails: For input string: \"a\" (rehearsed: GET /v2/library/app/blobs/uploads/… "),
                sent(when("${variable.method} == 'PATCH'", broken()), ": the step setVariable ${random(a)} fails: For input string: \"a\" (rehearsed: PATCH /v2/library/app/blobs/uploads/… "),
                target(when("${variable.method} == 'HEAD' && ${variable.pushed} == 'manifest'", broken()), ": the step setVariable ${random(a)} fails: For input string: \"a\""
                        + " (rehearsed: HEAD /v2/library/app/manifests/1.0 "),
                target(when("${variable.repository} == 'team/only'", broken()), ": the step setVariable ${random(a)} fails: For input string: \"a\" (rehearsed: POST /v2/team/only/blobs/uploads/ "),
                target(when("${variable.reference} == 'only-v1'", broken()), ": the step setVariable ${random(a)} fails: For input string: \"a\""
                        + " (rehearsed: PUT /v2/library/word/manifests/only-v1 "),
                target(when("${variable.tags} contains 'latest'", broken()), ": the step setVariable ${random(a)} fails: "),
                target(when("${variable.reference} regex '('", status(403) + "- stop: {}\n"), ": the step choice ${variable.reference} regex '(' fails: Unclosed group"),
                // A registry that has not taken it.
                target(when("${variable.pushed} == 'manifest'", status(201) + "- setHeader: {name: Location, expression: {constant: {expression: /x}}}\n- stop: {}\n"),
                        ": PUT /v2/library/app/manifests/1.0 while each registry has it is answered 201, and no registry has taken it"),
                target(keep("('(')"), "61:21: keepTags of the step push has no regular expression: Unclosed group near index 1"),
                target(keep("(v1)"), "61:21: keepTags of the step push needs one regular expression in quotes"),
                target(keep(""), "61:21: keepTags of the step push needs one regular expression in quotes"),
                target(keep("('a b')"), "61:21: keepTags of the step push: a b does not arrive as it stands"),
                target("- bean: {ref: plan, method: \"ask('nobody')\"}\n", ": plan asks the registry nobody, which no setting defines"),
                target("- bean: {ref: push, method: sned}\n", ": Method with name: sned not found"),
                Arguments.of("push", SEND, "        - to: {uri: 'direct:manifest'}\n", "front-door.camel.yaml:6:12" + NOWHERE));
    }

    @ParameterizedTest(name = "{0}: {2}")
    @MethodSource("faults")
    void saysWhereAndWhy(String file, String sound, String edited, String fault) throws Exception {
        edit(file, sound, edited);
        List<String> faults = check();
        assertEquals(1, faults.size(), faults.toString());
        String place = fault.contains(".camel.yaml") && fault.startsWith("front") ? "" : file + ".camel.yaml:";
        assertTrue(fault.startsWith(": ") ? faults.get(0).matches("(?s)routes/[a-z-]+\\.camel\\.yaml:\\d+:\\d+" + Pattern.quote(fault) + ".*") : faults.get(0).startsWith("routes/" + place + fault),
                faults.get(0));
    }

    /** Decisions of an operator: none is refused. */
    static Stream<Arguments> sound() {
        return Stream.of(
                target(when("${variable.repository} startsWith 'team-a/'", "- bean: {ref: plan, method: \"withoutPrefix('team-a/')\"}\n- bean: {ref: plan, method: \"ask('hot')\"}\n"), null),
                target(when("${variable.repository} startsWith 'library/'", "- bean: {ref: answer, method: denied}\n- stop: {}\n"), null),
                target(when("${variable.method} != 'HEAD' && ${variable.reference} == 'latest' && ${variable.user} != 'ci'", "- bean: {ref: answer, method: denied}\n- stop: {}\n"), null),
                target(when("${variable.tags} contains 'latest'", "- bean: {ref: answer, method: denied}\n- stop: {}\n"), null),
                target("- bean: {ref: answer, method: denied}\n- stop: {}\n", null),
                target(status(307) + "- setHeader: {name: Location, expression: {constant: {expression: 'https://example.com/'}}}\n- stop: {}\n", null),
                target(keep("('.*')"), null), target(keep("('v?\\d+([.]\\d+)*')"), null), target(keep("(\"a|b,c\")"), null),
                target("- bean: {ref: plan, method: \"ask('hot')\"}\n", null),
                target("- throttle:\n    timePeriodMillis: 60000\n    rejectExecution: true\n    expression:\n      constant:\n        expression: 3\n"
                        + "    correlationExpression:\n      simple:\n        expression: ${variable.client}\n", null),
                sent("- setHeader: {name: X-Pushed-To, expression: {constant: {expression: cold}}}\n", null),
                sent("- log:\n    message: ${variable.pushed} ${variable.begun} ${variable.tags} ${variable.method}\n", null),
                // Another registry where the first is in trouble.
                Arguments.of("push", SEND, "        - doTry:\n            steps:\n" + SEND.indent(6) + "            doCatch:\n              - exception: [Trouble]\n                steps:\n"
                        + "                  - bean: {ref: plan, method: \"ask('hot')\"}\n                  - bean: {ref: push, method: send}\n", null),
                Arguments.of("front-door", "                      uri: direct:push\n", "                      uri: direct:p\n", "push"),
                Arguments.of("front-door", "                - to:\n                      uri: direct:push\n", "                - toD:\n                      uri: direct:${variable.asked}\n", null));
    }

    @ParameterizedTest(name = "{0}: {2}")
    @MethodSource("sound")
    void refusesNoDecisionOfAnOperator(String file, String sound, String edited, String renamed) throws Exception {
        if ("push".equals(renamed)) {
            edit("push", "uri: direct:push\n", "uri: direct:p\n");
        }
        edit(file, sound, edited);
        assertEquals(List.of(), check());
    }

    @ParameterizedTest
    @ValueSource(strings = {"MIRROR_PUSH_DELETE=false", "MIRROR_PUSH_UPLOADS=1", "MIRROR_PUSH_COMPLETE=0", "MIRROR_CACHE_SIZE=0", "MIRROR_REGISTRY_COLD_PREFIX=mirror/",
        "MIRROR_REGISTRY_COLD_SERVES=docker.io", "MIRROR_REGISTRY_HOT_SERVES=docker.io,ghcr.io", "MIRROR_PUSH_REGISTRY=hot", "MIRROR_STRATEGY=fastest", "MIRROR_PLAN=cold",
        "MIRROR_REGISTRY_SPARE_URL=https://spare.invalid/base/", "MIRROR_PLAN=hot"})
    void theShippedRoutesAreSoundWithAnySettings(String setting) {
        assertEquals(List.of(), check(setting.split("=")[0], setting.substring(setting.indexOf('=') + 1)));
    }

    /** The routes of a version that knew no pushes. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void refusesRoutesThatKnowNoPushes(boolean hasFile) throws Exception {
        String front = Files.readString(routes.resolve("front-door.camel.yaml"));
        int begin = front.indexOf("              - description: A request of a push");
        Files.writeString(routes.resolve("front-door.camel.yaml"), front.substring(0, begin) + front.substring(front.indexOf("            otherwise:")));
        if (!hasFile) {
            Files.delete(routes.resolve("push.camel.yaml"));
        }
        String fault = "routes/front-door.camel.yaml:6:12" + NOWHERE;
        assertEquals(List.of(fault), check());
        // At a start, too.
        List<String> variables = new ArrayList<>();
        settings("MIRROR_ACCESS_FILE", directory.resolve("access.yaml").toString()).forEach((name, value) -> variables.addAll(List.of(name, value)));
        String message = "";
        try (TestMirror mirror = TestMirror.startIn(directory, variables.toArray(String[]::new))) {
            message = "it started";
        } catch (IllegalArgumentException e) {
            message = e.getMessage();
        }
        assertTrue(message.contains(fault), message);
        // Without pushes they serve as ever.
        assertEquals(List.of(), check("MIRROR_PUSH_REGISTRY", ""));
    }

    /** Who does not push pays for no rehearsal of pushes. */
    @Test
    void rehearsesNoPushesWhereNobodyMayPush() throws Exception {
        edit("push", TARGET, TARGET + broken().indent(8));
        assertEquals(1, check().size());
        assertEquals(List.of(), check("MIRROR_PUSH_REGISTRY", ""));
    }

    /** Nothing of a rehearsal is a push. */
    @Test
    @Timeout(60)
    void theLiveReloadRefusesABrokenEditAndLogsNoRehearsal() throws Exception {
        List<String> variables = new ArrayList<>(List.of("MIRROR_LOGGING_LEVEL", "info", "MIRROR_ROUTES_RELOAD_INTERVAL", "10ms"));
        settings("MIRROR_ACCESS_FILE", directory.resolve("access.yaml").toString()).forEach((name, value) -> variables.addAll(List.of(name, value)));
        try (LogLines audit = LogLines.of("audit"); TestMirror mirror = TestMirror.startIn(directory, variables.toArray(String[]::new))) {
            edit("push", TARGET, TARGET + when("${variable.method} == 'DELETE'", broken()).indent(8));
            JsonObject check = health(mirror);
            while (check.getString("status").equals("UP")) {
                Thread.sleep(20);
                check = health(mirror);
            }
            assertTrue(check.encode().contains("push.camel.yaml:") && check.encode().contains("DELETE /v2/library/app/manifests/"), check.encode());
            assertEquals(List.of(), audit.linesWithout("rehearsal"));
            assertFalse(audit.lines().isEmpty(), "no push was rehearsed");
        }
    }

    private static JsonObject health(TestMirror mirror) {
        return new JsonObject(mirror.management("/observe/health?data=true").text()).getJsonArray("checks").stream().map(JsonObject.class::cast)
                .filter(check -> check.getString("name").equals("route-files")).findFirst().orElseThrow();
    }
}
