package io.mirrorregistry.reload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.component.direct.DirectComponent;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.main.MainConfigurationProperties;
import org.apache.camel.support.DefaultExchange;
import org.apache.camel.support.PluginHelper;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Generations of routes: which one serves, which ones run, and the things that each owns. */
class LiveRoutesTest {

    private static final String ROUTE = """
            - route:
                id: %1$s
                from:
                  uri: direct:%1$s
                  steps:
                    - setBody:
                        expression:
                          constant:
                            expression: "%2$s"
            """;

    private static final String TEMPLATE = """
            - routeTemplate:
                id: registry-http
                parameters:
                  - name: name
                from:
                  uri: direct:registry-{{name}}
                  steps:
                    - setBody:
                        expression:
                          constant:
                            expression: "{{mirror.registry.{{name}}.url}} from %s"
            """;

    /** A thing that a generation owns. */
    private static final class Owned implements AutoCloseable {

        private boolean closed;

        @Override
        public void close() {
            closed = true;
        }
    }

    private final LiveRoutes live = new LiveRoutes();
    private final DefaultCamelContext first = new DefaultCamelContext();
    private final Map<String, String> placeholders = new HashMap<>(Map.of("camel.component.direct.block", "false",
            "mirror.registry.hot.url", "http://hot", "mirror.registry.cold.url", "http://cold"));
    private final List<Owned> owned = new ArrayList<>();
    private List<WantedRoute> wanted = List.of();
    private Exception failure;
    private Map<String, RouteFile> files = new TreeMap<>();

    /** Starts with the files that have been put. */
    private void start() throws Exception {
        first.disableJMX();
        live.begin(first, new RouteEnvironment(placeholders, new MainConfigurationProperties().withJmxEnabled(false),
                Map.of("NotHere", IllegalStateException.class), Set.of("hot", "cold"), Set.of(), this::parts));
        PluginHelper.getRoutesLoader(first).loadRoutes(files.values().stream().map(RouteFile::resource).toList());
        first.start();
        live.loaded(files);
    }

    private void startWithTwoFiles() throws Exception {
        put("a", "one");
        put("b", "one");
        start();
    }

    private GenerationParts parts() throws Exception {
        if (failure != null) {
            throw failure;
        }
        Owned thing = new Owned();
        owned.add(thing);
        return new GenerationParts(Map.of("number", owned.size(), "only-" + owned.size(), "bean"), wanted, List.of(thing));
    }

    @AfterEach
    void stop() throws Exception {
        live.close(Duration.ZERO);
        first.stop();
    }

    private void put(String id, String body) {
        putFile(id, ROUTE.formatted(id, body));
    }

    private void putFile(String name, String text) {
        files = new TreeMap<>(files);
        files.put(name + ".camel.yaml", new RouteFile(name + ".camel.yaml", text));
    }

    private Set<String> change() throws Exception {
        return live.change(files);
    }

    private static String ask(Generation generation, String id) throws Exception {
        CamelContext camel = generation.camel();
        Exchange exchange = new DefaultExchange(camel);
        camel.getEndpoint("direct:" + id).createAsyncProducer().process(exchange, done -> { });
        return exchange.getException() == null ? exchange.getMessage().getBody(String.class) : exchange.getException().getMessage();
    }

    private String ask(String id) throws Exception {
        return ask(live.current(), id);
    }

    @Test
    void aChangeBuildsAllFilesInOneContext() throws Exception {
        startWithTwoFiles();
        put("a", "two");
        assertEquals(Set.of("a.camel.yaml"), change());
        assertEquals("two", ask("a"));
        assertEquals("one", ask("b"));
        assertNotSame(first, live.current().camel());
        assertEquals(2, live.current().camel().getRoutesSize());
        assertTrue(live.serves(files));
        assertEquals(files.keySet(), live.names());
    }

    @Test
    void aRequestKeepsToItsGenerationAndOldOnesCloseAfterTheirLastRequest() throws Exception {
        startWithTwoFiles();
        Generation before = live.enter();
        put("a", "two");
        change();
        CamelContext second = live.current().camel();
        put("a", "three");
        change();
        live.release();
        assertEquals("one", ask(before, "a"));
        assertEquals("three", ask("a"));
        assertTrue(second.isStopped(), "no request has ever been in the second one");
        before.leave();
        live.release();
        assertEquals(0, first.getRoutesSize());
        assertTrue(first.isStarted(), "it has the servers");
        assertTrue(live.current().camel().isStarted());
    }

    @Test
    void doesNotGrowWithEdits() throws Exception {
        startWithTwoFiles();
        List<CamelContext> all = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            put(i % 3 == 0 ? "b" : "a", "edit-" + i);
            change();
            all.add(live.current().camel());
            live.release();
        }
        assertEquals(1, all.stream().filter(CamelContext::isStarted).count());
        assertEquals(1, owned.stream().filter(thing -> !thing.closed).count());
        assertEquals(0, first.getRoutesSize());
        assertEquals("edit-29", ask("a"));
        assertEquals("edit-27", ask("b"));
    }

    @Test
    void filesThatCannotStartChangeNothing() throws Exception {
        startWithTwoFiles();
        Generation before = live.current();
        putFile("c", ROUTE.formatted("a", "three").replace("id: a", "id: c"));
        assertThrows(Exception.class, this::change);
        assertSame(before, live.current());
        assertEquals("one", ask("a"));
        assertEquals(List.of(false, true), owned.stream().map(thing -> thing.closed).toList());
    }

    @Test
    void aFileThatIsTakenAwayGoesWithItsRoutes() throws Exception {
        startWithTwoFiles();
        files = new TreeMap<>(Map.of("a.camel.yaml", files.get("a.camel.yaml")));
        assertEquals(Set.of("b.camel.yaml"), change());
        assertTrue(ask("b").startsWith("No consumers available on endpoint: direct://b"), ask("b"));
    }

    @Test
    void eachGenerationHasBeansOfItsOwnUntilItsLastRequestEnds() throws Exception {
        put("a", "one");
        start();
        Generation before = live.enter();
        put("a", "two");
        change();
        assertEquals(1, before.camel().getRegistry().lookupByName("number"));
        assertEquals(2, live.current().camel().getRegistry().lookupByName("number"));
        assertNull(live.current().camel().getRegistry().lookupByName("only-1"));
        assertNull(live.current().camel().getRegistry().findByTypeWithName(String.class).get("only-1"));
        live.release();
        assertFalse(owned.get(0).closed);
        before.leave();
        live.release();
        assertTrue(owned.get(0).closed);
        assertNull(first.getRegistry().lookupByName("only-1"));
        assertFalse(owned.get(1).closed);
    }

    @Test
    void aStopClosesAllThatGenerationsOwn() throws Exception {
        startWithTwoFiles();
        put("a", "two");
        change();
        live.close(Duration.ZERO);
        first.stop();
        assertEquals(List.of(true, true), owned.stream().map(thing -> thing.closed).toList());
    }

    @Test
    void partsThatCannotBeMadeChangeNothing() throws Exception {
        startWithTwoFiles();
        failure = new IllegalArgumentException("plugins/x.jar is no jar");
        put("a", "two");
        assertEquals("plugins/x.jar is no jar", assertThrows(RoutesFailedException.class, this::change).getMessage());
        assertEquals("one", ask("a"));
    }

    @Test
    void aWantedRouteIsMadeFromATemplateUnlessAFileHasIt() throws Exception {
        wanted = List.of(new WantedRoute("registry-http", "hot", "direct:registry-hot"), new WantedRoute("registry-http", "cold", "direct:registry-cold"));
        putFile("template", TEMPLATE.formatted("template"));
        putFile("cold", ROUTE.formatted("registry-cold", "own").replace("id: registry-cold", "id: cold\n    precondition: \"'{{mirror.registry.cold.url}}' != ''\""));
        putFile("other", ROUTE.formatted("registry-hot", "own").replace("id: registry-hot", "id: other\n    precondition: \"'{{mirror.registry.hot.url}}' == ''\""));
        start();
        assertEquals("http://hot from template", ask("registry-hot"));
        assertEquals("own", ask("registry-cold"));
        assertEquals(2, first.getRoutesSize());
        assertEquals("direct://registry-hot", first.getRoute("registry-hot").getEndpoint().getEndpointUri());
        files.remove("cold.camel.yaml");
        putFile("template", TEMPLATE.formatted("edited"));
        change();
        assertEquals("http://hot from edited", ask("registry-hot"));
        assertEquals("http://cold from edited", ask("registry-cold"));
    }

    @Test
    void aWantedRouteWithoutATemplateDoesNotStart() throws Exception {
        startWithTwoFiles();
        wanted = List.of(new WantedRoute("strategy", "fastest", "direct:strategy-fastest"));
        assertEquals("Cannot find RouteTemplate with id strategy", assertThrows(IllegalArgumentException.class, this::change).getMessage());
    }

    @Test
    void filesMakeRoutesFromTemplatesOfOtherFiles() throws Exception {
        String templated = """
                - templatedRoute:
                    routeTemplateRef: registry-http
                    routeId: mine
                    parameters:
                      - name: name
                        value: %s
                """;
        putFile("a", templated.formatted("hot"));
        putFile("template", TEMPLATE.formatted("template"));
        startWithTwoFiles();
        putFile("a", templated.formatted("cold"));
        change();
        assertEquals("http://cold from template", ask("registry-cold"));
        assertTrue(ask("registry-hot").startsWith("No consumers available"));
    }

    @Test
    void failuresHaveShortNames() throws Exception {
        String text = """
                - route:
                    id: %1$s
                    from:
                      uri: direct:%1$s
                      steps:
                        - doTry:
                            steps:
                              - throwException:
                                  exceptionType: java.lang.IllegalStateException
                                  message: for this test
                            doCatch:
                              - exception:
                                  - %2$s
                                steps:
                                  - setBody:
                                      expression:
                                        constant:
                                          expression: caught
                """;
        putFile("a", text.formatted("a", "NotHere"));
        start();
        assertEquals("caught", ask("a"));
        putFile("a", text.formatted("a", "java.lang.IllegalStateException"));
        putFile("b", text.formatted("b", "NotHere"));
        change();
        assertEquals("caught", ask("a"));
        assertEquals("caught", ask("b"));
    }

    @Test
    void settingsOfComponentsHoldAfterAChange() throws Exception {
        placeholders.put("camel.component.direct.timeout", "1234");
        placeholders.put("camel.component.d*.bridge-error-handler", "true");
        startWithTwoFiles();
        put("a", "two");
        change();
        DirectComponent direct = live.current().camel().getComponent("direct", DirectComponent.class);
        assertFalse(direct.isBlock());
        assertEquals(1234, direct.getTimeout());
        assertTrue(direct.isBridgeErrorHandler());
    }
}
