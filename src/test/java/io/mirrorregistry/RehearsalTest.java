package io.mirrorregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Edits whose fault shows only when a request comes by: the check refuses them all the same, with file, line, column and cause. */
class RehearsalTest {

    private static final String PLANNED = "uri: \"direct:strategy-{{mirror.strategy}}\"";
    private static final String READ = frontDoorStep("request", "read");
    private static final String FINISH = frontDoorStep("answer", "finish");
    private static final String API_VERSION = "                - bean:\n                    ref: answer\n                    method: apiVersion\n";

    @TempDir
    private Path directory;
    private Path routes;

    @BeforeEach
    void copyRoutes() throws Exception {
        routes = TestRoutes.copyTo(directory);
    }

    /** The step of front-door.camel.yaml as it is written there, whatever its description says. */
    private static String frontDoorStep(String bean, String method) {
        try {
            String text = Files.readString(Path.of("routes/front-door.camel.yaml"));
            String end = "            ref: " + bean + "\n            method: " + method + "\n";
            int found = text.indexOf(end);
            return text.substring(text.lastIndexOf("        - bean:\n", found), found + end.length());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Arguments plan(String step, String fault) {
        return Arguments.of("plan", PLANNED, PLANNED + "\n" + step.indent(8), fault);
    }

    private static String when(String condition, String step) {
        return "- choice:\n    when:\n      - expression:\n          simple:\n            expression: " + condition + "\n        steps:\n" + step.indent(10);
    }

    private static String ask() {
        return "- bean:\n    ref: plan\n    method: ask('cold')\n";
    }

    static Stream<Arguments> faults() {
        return Stream.of(
                plan(when("${variable.repository} regex '^library/(a|b'", ask()),
                        "18:33: the step choice ${variable.repository} regex '^library/(a|b' fails: Unclosed group near index 13 ^library/(a|b (rehearsed: GET /v2/)"),
                plan(log("${exchangeProperties}"), "15:22: the step log ${exchangeProperties} fails: Method with name: Properties not found on bean"),
                plan("- log:\n    loggingLevel: TRACE\n    message: ${exchangeProperties}\n", "16:22: the step log ${exchangeProperties} fails: Method with name: Properties not found on bean"),
                plan(when("${variable.repositry} == 'library/app'", ask()), "18:33: no step sets the variable repositry; did you mean repository?"),
                plan(setVariable("${random(a)}"), "18:29: the step setVariable ${random(a)} fails: For input string: \"a\" (rehearsed: GET /v2/)"),
                plan(setVariable("${date:now:yyyy-bb}"), "18:29: the step setVariable ${date:now:yyyy-bb} fails: Illegal pattern character 'b'"),
                plan(setVariable("${variable.repository.nosuch()}"), "18:29: the step setVariable ${variable.repository.nosuch()} fails: Method with name: nosuch() not found"),
                plan(when("${variable.repository} range 'a..b'", ask()), "18:33: the step choice ${variable.repository} range 'a..b' fails: range operator is not valid."),
                plan(when("${variable.repository} == 'team/only'", setVariable("${random(a)}")), "24:39: the step setVariable ${random(a)} fails: For input string: \"a\" "
                        + "(rehearsed: GET /v2/team/only/manifests/1.0 while each registry has it)"),
                plan("- loop:\n    doWhile: true\n    expression:\n      simple:\n        expression: ${variable.asked} != 'x'\n    steps:\n"
                        + setVariable("a").indent(6), "18:29: GET /v2/ goes through steps without end; the last step was the step loop"),
                plan("- to:\n    uri: direct:plan\n", "15:18: GET /v2/ goes through steps without end; the last step was the step to direct:plan"),
                plan("- stop: {}\n", "14:11: GET /v2/ ends without an answer"),
                plan("- toD:\n    uri: direct:registry-${variable.repository}\n", "15:18: the step toD direct:registry-${variable.repository} fails: No consumers available"),
                plan("- throwException:\n    exceptionType: java.lang.IllegalStateException\n    message: no\n", "14:11: the step throwException fails: no (rehearsed: GET /v2/)"),
                plan("- bean:\n    beanType: io.mirrorregistry.FailingStep\n    method: explode\n", "16:21: the step bean io.mirrorregistry.FailingStep.explode fails: for this test"),
                Arguments.of("front-door", FINISH, "", ": GET /v2/ is answered 200 without the header Docker-Distribution-Api-Version, which the step answer.finish sets"),
                Arguments.of("front-door", READ, "READ", "strategy.camel.yaml:11:21: the step plan.ordered fails: it needs request, and not all of that was set before"),
                Arguments.of("front-door", "${variable.asked} == 'manifest'", "${variable.aksed} == 'manifest'", "27:33: no step sets the variable aksed; did you mean asked?"),
                Arguments.of("front-door", "${variable.asked} == 'manifest'", "${variable.asked} == 'manfest'", ": GET /v2/library/app/manifests/1.0 while each registry has it is answered 200 "
                        + "with {}, which is no manifest"),
                Arguments.of("front-door", API_VERSION, "                - log: {message: nothing}\n", ": GET /v2/ ends without an answer"),
                Arguments.of("front-door", FINISH, "        - setBody: {expression: {constant: {expression: '{}'}}}\n" + FINISH,
                        ": GET /v2/library/app/manifests/1.0 while each registry has it is answered 200 with {}, which is not the manifest of its Docker-Content-Digest"),
                Arguments.of("front-door", FINISH, FINISH + "        - setHeader: {name: X-Mirror, expression: {constant: {expression: \"a\\nb\"}}}\n",
                        ": the step setHeader"),
                Arguments.of("front-door", FINISH, FINISH + "        - setHeader: {name: 'X Mirror', expression: {constant: {expression: b}}}\n", ": the step setHeader"),
                Arguments.of("blob", "method: prepareHead", "method: prepare", ": the step blob.prepare fails: it needs target, and not all of that was set before"),
                Arguments.of("ask", "${variable.next} != false", "${variable.next} == true", ": the step cache.keep fails: there is no manifest to keep"),
                Arguments.of("ask", "${variable.next} != false", "true", ": GET /v2/library/app/manifests/1.0 while each registry has it is answered 404, for a step took this for missing: "),
                Arguments.of("blob", "method: resumeBy('direct:blob-rest')", "method: resumeBy('direct:blob-rset')", ": no route begins with direct:blob-rset"),
                Arguments.of("blob-rest", "${variable.next} != false", "${variable.next} != false && ${variable.registry} regex '('", ": the step loop"),
                Arguments.of("errors", "ref: failures\n                method: judge", "ref: failures\n                method: passOver", ": no step sets the variable outcome: failures.judge would"),
                Arguments.of("errors", "method: unavailable", "method: refuse", ": the step answer.refuse fails: it needs failure"),
                Arguments.of("tags", "method: answer", "method: torn", "14:21: GET /v2/library/app/tags/list while each registry has it is answered 503, for a step took this for trouble: "),
                Arguments.of("health", "        - bean:\n            ref: answer\n            method: healthy\n", "        - log: {message: nothing}\n", "12:26: GET /health ends without an answer"));
    }

    static Stream<Arguments> endless() {
        return Stream.of(
                plan("- delay:\n    expression:\n      constant:\n        expression: 60000\n", "17:29: GET /v2/ has not ended within 5 s"),
                plan("- bean:\n    beanType: io.mirrorregistry.FailingStep\n    method: spin\n", "16:21: GET /v2/ has not ended within 5 s; the last step was the step bean io.mirrorregistry.FailingStep.spin"));
    }

    private static String log(String message) {
        return "- log:\n    message: " + message + "\n";
    }

    private static String setVariable(String expression) {
        return "- setVariable:\n    name: mine\n    expression:\n      simple:\n        expression: " + expression + "\n";
    }

    /** Decisions of an operator, and steps that go outside: none is refused. */
    static Stream<Arguments> sound() {
        return Stream.of(
                plan(when("${variable.repository} startsWith 'old/'", "- bean: {ref: answer, method: denied}\n- stop: {}\n"), null),
                plan(when("${variable.repository} == 'moved'", "- setHeader: {name: CamelHttpResponseCode, expression: {constant: {expression: 307}}}\n"
                        + "- setHeader: {name: Location, expression: {constant: {expression: 'https://example.com/'}}}\n- stop: {}\n"), null),
                plan(setVariable("${variable.repository}") + log("${variable.mine} of ${variable.client}"), null),
                plan(log("${setVariable(team, ${variable.repository})} ${variable.team}"), null),
                plan("- throttle:\n    timePeriodMillis: 60000\n    rejectExecution: true\n    expression:\n      constant:\n        expression: 3\n"
                        + "    correlationExpression:\n      simple:\n        expression: ${variable.client}\n", null),
                plan("- to:\n    uri: http://127.0.0.1:1/licence\n- toD:\n    uri: direct:registry-${header.none}\n", null),
                plan("- to:\n    uri: file:written-by-a-rehearsal\n- delay:\n    expression:\n      constant:\n        expression: 2\n", null),
                plan("- bean:\n    ref: plan\n    method: named('${variable.reference}/UPPER')\n", null),
                Arguments.of("errors", "method: missing", "method: unavailable", null),
                Arguments.of("blob", "direct:blob-from-registry", "direct:blob-from-registry", null),
                Arguments.of("blob", "                            ref: stream\n                            method: resumeBy('direct:blob-rest')",
                        "                            ref: failures\n                            method: judge", null),
                Arguments.of("blob-rest", "ref: stream\n                        method: resume\n", "ref: failures\n                        method: judge\n", null),
                Arguments.of("blob-rest", "method: passOver\n        - loop", "method: remember\n        - loop", null));
    }

    /** Each waits for the whole time that a request may take. */
    @ParameterizedTest(name = "{0}: {2}")
    @MethodSource("endless")
    @Execution(ExecutionMode.CONCURRENT)
    void saysWhichStepDoesNotEnd(String file, String sound, String broken, String fault) throws Exception {
        saysWhereAndWhy(file, sound, broken, fault);
    }

    @ParameterizedTest(name = "{0}: {2}")
    @MethodSource("faults")
    void saysWhereAndWhy(String file, String sound, String broken, String fault) throws Exception {
        Path edited = routes.resolve(file + ".camel.yaml");
        String text = Files.readString(edited);
        assertTrue(text.contains(sound), file);
        if (broken.equals("READ")) {
            text = text.replace(sound, "").replace(FINISH, FINISH + sound);
        } else {
            text = text.replace(sound, broken);
        }
        Files.writeString(edited, text);
        List<String> faults = check();
        assertEquals(1, faults.size(), faults.toString());
        String place = "routes/" + (fault.contains(".camel.yaml") ? "" : file + ".camel.yaml:");
        assertTrue(fault.startsWith(": ") ? faults.get(0).matches("(?s)routes/[a-z-]+\\.camel\\.yaml:\\d+:\\d+" + Pattern.quote(fault) + ".*") : faults.get(0).startsWith(place + fault),
                faults.get(0));
    }

    private List<String> check(String... settings) {
        Map<String, String> all = new HashMap<>(Map.of("MIRROR_REGISTRY_COLD_URL", "http://127.0.0.1:1"));
        for (int i = 0; i < settings.length; i += 2) {
            all.put(settings[i], settings[i + 1]);
        }
        return Check.run(directory, all).faults();
    }

    @ParameterizedTest(name = "{0}: {2}")
    @MethodSource("sound")
    void refusesNoDecisionOfAnOperator(String file, String sound, String edited, String none) throws Exception {
        Path route = routes.resolve(file + ".camel.yaml");
        String text = Files.readString(route);
        assertTrue(text.contains(sound), file);
        Files.writeString(route, text.replace(sound, edited));
        assertEquals(List.of(), check());
        assertFalse(Files.exists(Path.of("written-by-a-rehearsal")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"MIRROR_REGISTRY_HOT_BLOBS=proxy", "MIRROR_REGISTRY_HOT_BLOBS=redirect", "MIRROR_CACHE_SIZE=0", "MIRROR_STRATEGY=fastest",
            "MIRROR_REGISTRY_HOT_PREFIX=mirrored/", "MIRROR_REGISTRY_HOT_SERVES=docker.io", "MIRROR_REGISTRY_SPARE_URL=https://spare.invalid/base/", "MIRROR_PLAN=cold",
            "MIRROR_REGISTRY_HOT_URL=http://under_score:5000"})
    void theShippedRoutesAreSoundWithAnySettings(String setting) {
        assertEquals(List.of(), check(setting.split("=")[0], setting.substring(setting.indexOf('=') + 1)));
    }

    @Test
    void checksRoutesThatAreNotInUse() throws Exception {
        String cold = """
                - route:
                    id: registry-cold
                    precondition: "'{{mirror.registry.cold.url}}' != ''"
                    from:
                      uri: direct:registry-cold
                      steps:
                        - bean:
                            ref: cold
                            method: prepare
                        - to:
                            uri: "{{mirror.registry.cold.url}}"
                            parameters:
                              httpClient: "#cold.client"
                        - bean:
                            ref: cold
                            method: receive
                """;
        String images = Path.of("images").toAbsolutePath().toString();
        Path file = routes.resolve("cold.camel.yaml");
        Files.writeString(file, cold);
        assertEquals(List.of(), check("MIRROR_REGISTRY_COLD_URL", "", "MIRROR_IMAGES_DIRECTORY", images));
        for (String plan : List.of("hot, cold", "hot")) {
            Files.writeString(file, cold.replace("ref: cold\n            method: receive", "ref: clod\n            method: receive"));
            assertEquals(List.of("routes/cold.camel.yaml:15:18: No bean could be found in the registry for: clod"),
                    check("MIRROR_REGISTRY_COLD_URL", "", "MIRROR_IMAGES_DIRECTORY", images, "MIRROR_PLAN", plan));
            Files.writeString(file, cold.replace("direct:registry-cold\n      steps:", "direct:registry-cold\n      steps:\n        - to: direct:nowhere"));
            assertEquals(List.of("routes/cold.camel.yaml:7:15: no route begins with direct:nowhere"),
                    check("MIRROR_REGISTRY_COLD_URL", "", "MIRROR_IMAGES_DIRECTORY", images, "MIRROR_PLAN", plan));
        }
    }
}
