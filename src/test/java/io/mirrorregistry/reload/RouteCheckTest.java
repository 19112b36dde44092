package io.mirrorregistry.reload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.apache.camel.Exchange;
import org.apache.camel.main.MainConfigurationProperties;
import org.apache.camel.support.SimpleRegistry;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Templates, plans and short names of failures, as the check sees them. */
class RouteCheckTest {

    private static final String TEMPLATE = """
            - routeTemplate:
                id: registry-http
                parameters:
                  - name: name
                from:
                  uri: direct:registry-{{name}}
                  steps:
                    - bean:
                        ref: "{{name}}"
                        method: ask
                    - setBody:
                        expression:
                          constant:
                            expression: "{{mirror.registry.{{name}}.url}}"
            """;

    private static final String ARGUMENT = "%1$s of the step plan needs one argument in quotes, such as %1$s('%2$s')";
    private static final String PREFIX = "%s is no prefix that plan can take away: it is the beginning of a repository's name, in lower case and with / at its end, such as team/";
    private static final String TEMPLATED = """
            - templatedRoute:
                routeTemplateRef: registry-http
                routeId: mine
                parameters:
                  - name: name
                    value: hot
            """;

    /** A bean of routes. */
    public static final class Plan {

        public void ask(Exchange exchange, String names) {
        }

        public void named(Exchange exchange, String name) {
        }

        public void ask(Exchange exchange) {
        }

        public void next(Exchange exchange) {
        }

        public void withoutPrefix(Exchange exchange, String prefix) {
        }
    }

    private final SimpleRegistry beans = new SimpleRegistry();
    private final Map<String, String> placeholders = new HashMap<>(Map.of("mirror.registry.hot.url", "http://hot",
            "mirror.registry.cold.url", "http://cold", "mirror.plan", "hot, warm"));
    private final Map<String, RouteFile> files = new TreeMap<>();
    private final AtomicInteger closed = new AtomicInteger();
    private List<WantedRoute> wanted = List.of();
    private Set<String> registries = Set.of("hot", "cold");
    private Exception failure;

    @BeforeEach
    void bind() {
        List.of("plan", "hot", "cold").forEach(name -> beans.bind(name, new Plan()));
        put("front", route("front", "platform-http:/v2?matchOnUriPrefix=true", "log: {message: x}"));
    }

    private void put(String name, String text) {
        files.put(name + ".camel.yaml", new RouteFile(name + ".camel.yaml", text));
    }

    private static String route(String id, String from, String step) {
        return "- route:\n    id: " + id + "\n    from:\n      uri: " + from + "\n      steps:\n        - " + step + "\n";
    }

    private List<String> check() {
        RouteEnvironment environment = new RouteEnvironment(placeholders, new MainConfigurationProperties(), Map.of("NotHere", IllegalStateException.class),
                registries, Set.of("idle"), () -> {
            if (failure != null) {
                throw failure;
            }
            return new GenerationParts(Map.of("fastest", new Plan()), wanted, List.of(closed::incrementAndGet));
        });
        return new RouteCheck(beans, environment).faults(new RouteFolder.Contents(files, List.of())).stream().map(RouteFault::toString).toList();
    }

    private void wantRegistries(String... names) {
        wanted = new ArrayList<>();
        for (String name : names) {
            wanted.add(new WantedRoute("registry-http", name, "direct:registry-" + name));
        }
    }

    @Test
    void wantedRoutesAreMadeFromTheTemplate() {
        put("template", TEMPLATE);
        put("user", route("user", "direct:user", "toD: {uri: 'direct:registry-${variable.registry}'}") + "        - to: {uri: 'direct:registry-cold'}\n");
        wantRegistries("hot", "cold");
        assertEquals(List.of(), check());
        assertEquals(1, closed.get());
    }

    @Test
    void aWantedRouteThatAFileHasNeedsNoTemplate() {
        put("hot", route("hot", "direct:registry-hot", "bean: {ref: hot, method: ask}"));
        wantRegistries("hot");
        assertEquals(List.of(), check());
        wantRegistries("hot", "cold");
        assertEquals(List.of("routes/: no routeTemplate registry-http for the registry cold, and no route begins with direct:registry-cold"), check());
    }

    @Test
    void aFaultInATemplateIsToldAtTheTemplateOnce() {
        put("template", TEMPLATE.replace("method: ask", "method: aks"));
        wantRegistries("hot", "cold");
        List<String> faults = check();
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("routes/template.camel.yaml:10:21: Method with name: aks not found on bean: "), faults.get(0));
    }

    @Test
    void aFaultForOneNameIsToldAtTheTemplate() {
        put("template", TEMPLATE);
        wantRegistries("hot", "cold", "warm");
        placeholders.put("mirror.registry.warm.url", "http://warm");
        assertEquals(List.of("routes/template.camel.yaml:9:18: No bean could be found in the registry for: warm"), check());
        beans.bind("warm", new Plan());
        placeholders.remove("mirror.registry.warm.url");
        List<String> faults = check();
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("routes/template.camel.yaml:14:29: ") && faults.get(0).contains("mirror.registry.warm.url"), faults.get(0));
    }

    @Test
    void aStepOfATemplateThatLeadsNowhereIsToldAtTheTemplate() {
        put("template", TEMPLATE + "        - to:\n            uri: direct:after-{{name}}\n");
        put("after", route("after", "direct:after-hot", "log: {message: x}"));
        wantRegistries("hot", "cold");
        assertEquals(List.of("routes/template.camel.yaml:16:18: no route begins with direct:after-cold"), check());
    }

    @Test
    void aTemplateThatBeginsElsewhereIsToldAtTheTemplate() {
        put("template", TEMPLATE.replace("direct:registry-", "direct:regisrty-"));
        wantRegistries("hot");
        assertEquals(List.of("routes/template.camel.yaml:5:5: the routeTemplate registry-http makes no route that begins with direct:registry-hot"), check());
    }

    @Test
    void aTemplateThatWantsMoreThanANameIsToldAtTheTemplate() {
        put("template", TEMPLATE.replace("      - name: name\n", "      - name: name\n      - name: colour\n"));
        wantRegistries("hot");
        List<String> faults = check();
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("routes/template.camel.yaml:") && faults.get(0).contains("colour"), faults.get(0));
    }

    @Test
    void anIdIsNotTakenTwice() {
        put("template", TEMPLATE);
        put("other", route("registry-hot", "direct:other", "log: {message: x}"));
        put("again", TEMPLATE);
        wantRegistries("hot");
        assertEquals(List.of("routes/template.camel.yaml:2:9: the id registry-http is that of another routeTemplate already, in again.camel.yaml",
                "routes/other.camel.yaml:2:9: the id registry-hot is that of the route made from the routeTemplate registry-http"), check());
    }

    static Stream<Arguments> templated() {
        return Stream.of(
                Arguments.of("", "", null),
                Arguments.of("Ref: registry-http", "Ref: registry-htp", "2:23: there is no routeTemplate registry-htp"),
                Arguments.of("name: name", "name: nam", "5:9: Route template registry-http the following mandatory parameters must be provided: name"),
                Arguments.of("routeId: mine", "routeId: front", "3:14: the id front is that of another route already, in front.camel.yaml"));
    }

    @ParameterizedTest
    @MethodSource("templated")
    void templatedRoutesAreMadeAsTheyWillBe(String sound, String broken, String fault) {
        put("template", TEMPLATE);
        put("user", route("user", "direct:user", "to: {uri: 'direct:registry-hot'}"));
        put("made", TEMPLATED.replace(sound, broken));
        List<String> faults = check();
        assertEquals(fault == null ? 0 : 1, faults.stream().filter(told -> told.startsWith("routes/made")).count(), faults.toString());
        assertTrue(fault == null ? faults.isEmpty() : faults.get(0).startsWith("routes/made.camel.yaml:" + fault), faults.toString());
    }

    @Test
    void aTemplatedRouteTakesAnAddressOnce() {
        put("template", TEMPLATE);
        put("made", TEMPLATED);
        put("user", route("user", "direct:registry-hot", "log: {message: x}"));
        assertEquals(List.of("routes/template.camel.yaml:6:12: another route begins with direct:registry-hot already, in user.camel.yaml"), check());
    }

    static Stream<Arguments> steps() {
        return Stream.of(
                Arguments.of("bean: {ref: plan, method: \"ask('hot, cold')\"}", null),
                Arguments.of("bean: {ref: plan, method: \"ask('hot, warm')\"}", "6:37: plan asks the registry warm, which no setting defines"),
                Arguments.of("bean: {ref: plan, method: \"ask('warm')\"}", "6:37: plan asks the registry warm, which no setting defines"),
                Arguments.of("bean: {ref: plan, method: \"ask('{{mirror.plan}}')\"}", "6:37: plan asks the registry warm, which no setting defines"),
                Arguments.of("bean: {ref: plan, method: \"ask('${variable.names}')\"}", null),
                Arguments.of("bean: {ref: plan, method: \"ask(${variable.names})\"}", null),
                Arguments.of("bean: {ref: plan, method: \"ask( 'hot' )\"}", null),
                Arguments.of("bean: {ref: plan, method: 'ask(\"hot,cold\")'}", null),
                Arguments.of("bean: {ref: plan, method: \"ask('hot,,cold,')\"}", null),
                // As a request does: at commas only.
                Arguments.of("bean: {ref: plan, method: \"ask('hot cold')\"}", "6:37: plan asks the registry hot cold, which no setting defines"),
                Arguments.of("bean: {ref: plan, method: ask}", "6:37: " + ARGUMENT.formatted("ask", "hot, cold")),
                Arguments.of("bean: {ref: plan, method: 'ask()'}", "6:37: " + ARGUMENT.formatted("ask", "hot, cold")),
                Arguments.of("bean: {ref: plan, method: 'ask(hot)'}", "6:37: " + ARGUMENT.formatted("ask", "hot, cold")),
                Arguments.of("bean: {ref: plan, method: 'ask(hot, cold)'}", "6:37: " + ARGUMENT.formatted("ask", "hot, cold")),
                Arguments.of("bean: {ref: plan, method: \"ask('hot', 'cold')\"}", "6:37: " + ARGUMENT.formatted("ask", "hot, cold")),
                Arguments.of("bean: {ref: plan, method: \"ask('hot, cold)\"}", "6:37: " + ARGUMENT.formatted("ask", "hot, cold")),
                Arguments.of("bean: {ref: plan, method: 'ask(${variable.a}, ${variable.b})'}", "6:37: " + ARGUMENT.formatted("ask", "hot, cold")),
                Arguments.of("bean: {ref: plan, method: \"ask('')\"}", "6:37: plan asks no registry: the list of ask is empty"),
                Arguments.of("bean: {ref: plan, method: \"ask(' , ')\"}", "6:37: plan asks no registry: the list of ask is empty"),
                Arguments.of("bean: {ref: plan, method: \"named('library/app')\"}", null),
                Arguments.of("bean: {ref: plan, method: \"named('library/${variable.repository}')\"}", null),
                Arguments.of("bean: {ref: plan, method: \"named('Library/app')\"}", "6:37: no repository can have the name Library/app that plan sets"),
                Arguments.of("bean: {ref: plan, method: \"named('')\"}", "6:37: no repository can have the name (empty) that plan sets"),
                Arguments.of("bean: {ref: plan, method: 'named(app)'}", "6:37: " + ARGUMENT.formatted("named", "library/app")),
                Arguments.of("bean: {ref: plan, method: \"withoutPrefix('warm/')\"}", null),
                Arguments.of("bean: {ref: plan, method: \"withoutPrefix('a/b/')\"}", null),
                Arguments.of("bean: {ref: plan, method: \"withoutPrefix('${variable.namespace}/')\"}", null),
                Arguments.of("bean: {ref: plan, method: \"withoutPrefix('warm')\"}", "6:37: " + PREFIX.formatted("warm")),
                Arguments.of("bean: {ref: plan, method: \"withoutPrefix('Warm/')\"}", "6:37: " + PREFIX.formatted("Warm/")),
                Arguments.of("bean: {ref: plan, method: \"withoutPrefix('/warm/')\"}", "6:37: " + PREFIX.formatted("/warm/")),
                Arguments.of("bean: {ref: plan, method: \"withoutPrefix('/')\"}", "6:37: " + PREFIX.formatted("/")),
                Arguments.of("bean: {ref: plan, method: \"withoutPrefix('')\"}", "6:37: " + PREFIX.formatted("(empty)")),
                Arguments.of("bean: {ref: plan, method: withoutPrefix}", "6:37: " + ARGUMENT.formatted("withoutPrefix", "team/")),
                Arguments.of("bean: {ref: plan, method: next}", null),
                Arguments.of("bean: {ref: hot, method: \"ask('warm')\"}", null),
                Arguments.of("bean: {ref: fastest, method: ask}", null),
                Arguments.of("toD: {uri: 'direct:nowhere-${variable.x}'}", "6:22: no route begins with direct:nowhere-${variable.x}"),
                Arguments.of("toD: {uri: 'direct:ex${variable.x}'}", null),
                Arguments.of("doTry: {steps: [{log: {message: x}}], doCatch: [{exception: [NotHere, java.lang.Exception], steps: []}]}", null),
                Arguments.of("doTry: {steps: [{log: {message: x}}], doCatch: [{exception: [NotHer], steps: []}]}", "6:72: there is no class NotHer"));
    }

    @ParameterizedTest
    @MethodSource("steps")
    void looksAtTheNamesInSteps(String step, String fault) {
        put("extra", route("extra", "direct:extra", step));
        assertEquals(fault == null ? List.of() : List.of("routes/extra.camel.yaml:" + fault), check());
    }

    /** The fault is that of a setting, and not of five steps. */
    @Test
    void withoutARegistryNoStepToOneIsAFault() {
        put("extra", route("extra", "direct:extra", "toD: {uri: 'direct:registry-${variable.registry}'}"));
        assertEquals(List.of("routes/extra.camel.yaml:6:22: no route begins with direct:registry-${variable.registry}"), check());
        registries = Set.of();
        assertEquals(List.of(), check());
    }

    @Test
    void aWordForAllRoutesThatIsNoneIsTold() {
        put("errors", "- routeConfiguration:\n    onException:\n      - onException:\n          exception:\n            - NotHer\n          steps:\n            - bean:\n                ref: hot\n                method: ask\n");
        put("zother", route("other", "direct:other", "log: {message: x}"));
        assertEquals(List.of("routes/errors.camel.yaml:5:15: there is no class NotHer"), check());
    }

    @Test
    void partsThatCannotBeMadeAreAFault() {
        failure = new IllegalArgumentException("plugins/x.jar is no jar");
        assertEquals(List.of("routes/: plugins/x.jar is no jar"), check());
    }

    @Test
    void aSettingOfAComponentThatDoesNotExistIsAFault() {
        placeholders.put("camel.component.direct.blok", "true");
        List<String> faults = check();
        assertEquals(1, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith("routes/: the settings of Camel cannot work: ") && faults.get(0).contains("blok"), faults.get(0));
    }
}
