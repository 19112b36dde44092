package io.mirrorregistry.reload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.camel.CamelContext;
import org.apache.camel.Consumer;
import org.apache.camel.Exchange;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.main.MainConfigurationProperties;
import org.apache.camel.support.DefaultExchange;
import org.apache.camel.support.PluginHelper;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Which routes serve, and which run, when files change. */
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
                            expression: %2$s
            """;

    private final LiveRoutes live = new LiveRoutes();
    private final DefaultCamelContext first = new DefaultCamelContext();
    private final List<DefaultCamelContext> later = new ArrayList<>();
    private Map<String, RouteFile> files = new TreeMap<>();

    @BeforeEach
    void start() throws Exception {
        first.disableJMX();
        live.begin(first, () -> {
            DefaultCamelContext camel = RouteContexts.of(first, new MainConfigurationProperties().withJmxEnabled(false), Map.of());
            later.add(camel);
            return camel;
        });
        put("a", "one");
        put("b", "one");
        for (RouteFile file : files.values()) {
            PluginHelper.getRoutesLoader(first).loadRoutes(file.resource());
        }
        first.start();
        live.loaded(Map.copyOf(files));
    }

    @AfterEach
    void stop() {
        later.forEach(CamelContext::stop);
        first.stop();
    }

    private void put(String id, String body) {
        files = new TreeMap<>(files);
        files.put(id + ".camel.yaml", new RouteFile(id + ".camel.yaml", ROUTE.formatted(id, body)));
    }

    private Set<String> change() throws Exception {
        return live.change(files);
    }

    private Consumer beginning(String id) {
        return live.current().beginning("direct:" + id);
    }

    private static String ask(RouteSet set, CamelContext camel, String id) throws Exception {
        Exchange exchange = new DefaultExchange(camel);
        set.on(exchange);
        camel.getEndpoint("direct:" + id).createAsyncProducer().process(exchange);
        return exchange.getException() == null ? exchange.getMessage().getBody(String.class) : exchange.getException().getMessage();
    }

    @Test
    void onlyChangedFilesAreLoaded() throws Exception {
        Consumer unchanged = beginning("b");
        Consumer changed = beginning("a");
        put("a", "two");
        assertEquals(Set.of("a.camel.yaml"), change());
        assertSame(unchanged, beginning("b"));
        assertNotSame(changed, beginning("a"));
        assertEquals("two", ask(live.enter(), first, "a"));
        assertEquals(1, later.get(0).getRoutesSize());
    }

    @Test
    void aRequestKeepsToItsSetAndOldRoutesStopWhenNoneIsInThem() throws Exception {
        RouteSet before = live.enter();
        put("a", "two");
        change();
        put("a", "three");
        change();
        live.release();
        assertEquals("one", ask(before, first, "a"));
        assertEquals("three", ask(live.current(), first, "a"));
        assertTrue(later.get(0).isStopped(), "nobody has ever been in the second set");
        before.leave();
        live.release();
        assertNull(first.getRoute("a"));
        assertEquals(1, first.getRoutesSize());
        assertTrue(later.get(1).isStarted());
    }

    @Test
    void doesNotGrowWithEdits() throws Exception {
        for (int i = 0; i < 30; i++) {
            put(i % 3 == 0 ? "b" : "a", "edit-" + i);
            change();
            live.release();
        }
        assertEquals(2, later.stream().filter(CamelContext::isStarted).count());
        assertEquals(0, first.getRoutesSize());
        assertEquals("edit-29", ask(live.current(), first, "a"));
        assertEquals("edit-27", ask(live.current(), first, "b"));
    }

    @Test
    void whatCannotStartChangesNothing() throws Exception {
        RouteSet before = live.current();
        files.put("c.camel.yaml", new RouteFile("c.camel.yaml", ROUTE.formatted("a", "three").replace("id: a", "id: c")));
        assertThrows(Exception.class, this::change);
        assertSame(before, live.current());
        assertEquals("one", ask(live.current(), first, "a"));
        assertTrue(later.get(0).isStopped());
    }

    @Test
    void aFileThatIsTakenAwayGoesWithItsRoutes() throws Exception {
        files.remove("b.camel.yaml");
        assertEquals(Set.of("b.camel.yaml"), change());
        live.release();
        assertNull(beginning("b"));
        assertNull(first.getRoute("b"));
        assertEquals("No route begins with direct:b", ask(live.current(), first, "b").replaceAll("\\. Exchange.*", ""));
    }

    @Test
    void beansOfAFileBelongToTheRoutesLoadedWithThem() throws Exception {
        files.put("beans.camel.yaml", new RouteFile("beans.camel.yaml", "- beans:\n    - name: text\n      type: java.lang.String\n"));
        assertEquals(files.keySet(), change());
        put("a", "two");
        assertEquals(files.keySet(), change());
    }
}
