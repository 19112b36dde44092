package io.mirrorregistry.reload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class KeptTagsCallTest {

    /** What tags and regular expressions have. */
    private static final String CHARACTERS = "!#$%&()*+,-./0:;<=>?@A[\\]^_`a{|}~nrtd";
    private static final List<String> PATTERNS = List.of(".*", "v?[0-9]+([.][0-9]+)*", "v?\\d+(\\.\\d+)*", "(?i)latest|v\\d{1,3}", "a,b", "(a,b),(c)", "^v1$", "(?!latest$).*", "[^-]+-rc",
            "null", "true", "1", "x.class", "java.lang.String", "\\Q1.0\\E", "a\\|b", "\\\\", "\\w+\\-\\d", "[(]", "[)]", "[a-z&&[^b]]", "a?:b", "a++", "a--", "#hash", "&amp;");

    /** The bean in the place of the step. */
    public static final class Argument {

        /** Keeps it in the body. */
        public void keepTags(String pattern, Exchange exchange) {
            exchange.getMessage().setHeader("pattern", pattern);
        }
    }

    /** Whatever the check accepts is what Camel gives to the step. */
    @Test
    void whatIsAcceptedArrivesAsItStands() throws Exception {
        List<String> patterns = new ArrayList<>(PATTERNS);
        for (char first : CHARACTERS.toCharArray()) {
            for (char second : CHARACTERS.toCharArray()) {
                patterns.add("x" + first + second + "y");
            }
        }
        Map<String, String> accepted = new LinkedHashMap<>();
        for (String pattern : patterns) {
            for (String quote : List.of("'", "\"")) {
                String method = "keepTags(" + quote + pattern + quote + ")";
                boolean placeholder = pattern.contains("{{") || pattern.contains("}}");
                if (!placeholder && !pattern.contains("${") && KeptTagsCall.fault(method) == null) {
                    accepted.put(method, pattern);
                }
            }
        }
        PATTERNS.forEach(pattern -> assertNull(KeptTagsCall.fault("keepTags('" + pattern + "')")));
        assertTrue(accepted.size() > 1000, accepted.size() + " of " + patterns.size());
        try (CamelContext camel = new DefaultCamelContext()) {
            camel.getRegistry().bind("push", new Argument());
            List<String> methods = List.copyOf(accepted.keySet());
            camel.addRoutes(new RouteBuilder() {
                @Override
                public void configure() {
                    for (int i = 0; i < methods.size(); i += 100) {
                        var route = from("direct:" + i);
                        for (String method : methods.subList(i, Math.min(methods.size(), i + 100))) {
                            route = route.bean("push", method).setProperty(method, header("pattern"));
                        }
                    }
                }
            });
            camel.start();
            try (ProducerTemplate client = camel.createProducerTemplate()) {
                for (int i = 0; i < methods.size(); i += 100) {
                    Exchange done = client.request("direct:" + i, exchange -> { });
                    assertNull(done.getException());
                    methods.subList(i, Math.min(methods.size(), i + 100)).forEach(method -> assertEquals(accepted.get(method), done.getProperty(method)));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"keepTags", "keepTags()", "keepTags( )", "keepTags(v1)", "keepTags('')", "keepTags('a', 'b')", "keepTags('it's')", "keepTags('a'", "keepTags 'a'", "keepTags('a\")",
        "keepTags('a') ('b')"})
    void needsOneTextInQuotes(String method) {
        assertEquals("keepTags of the step push needs one regular expression in quotes, and no such quotes in it, such as keepTags('v?[0-9]+([.][0-9]+)*')", KeptTagsCall.fault(method));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {"keepTags('(') | Unclosed group", "keepTags('[a') | Unclosed character class", "keepTags(\"*\") | Dangling meta character",
        "keepTags('a{2') | Unclosed counted closure", "keepTags('\\') | "})
    void saysWhyItIsNoRegularExpression(String method, String why) {
        String fault = KeptTagsCall.fault(method);
        assertNotNull(fault, method);
        assertTrue(fault.startsWith("keepTags of the step push has no regular expression: " + (why == null ? "" : why)), fault);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a b", "a ? b", "v.class x", "a~>b", "a\\nb", "a\\}b", "\\t", "a\nb"})
    void refusesWhatCamelReadsAsItsOwn(String pattern) {
        String fault = KeptTagsCall.fault("keepTags('" + pattern + "')");
        assertTrue(fault.endsWith("leave out white space, ~> and \\n, \\r, \\t, \\}, which no tag has"), fault);
    }

    @ParameterizedTest
    @ValueSource(strings = {"send", "target", "keptTags('(')", "keepTags('${variable.reference}')", " keepTags( 'v.*' ) ", "keepTags(\"it's\")"})
    void leavesOthersAlone(String method) {
        assertNull(KeptTagsCall.fault(method));
    }
}
