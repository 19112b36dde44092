package io.mirrorregistry.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.regex.Pattern;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.statistics.Statistics;
import net.jqwik.api.statistics.StatisticsReport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TagTest {

    private static final Pattern SPEC = Pattern.compile("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}");

    @ParameterizedTest
    @ValueSource(strings = {"a", "Z", "0", "_", "__", "latest", "3.20", "v1.0.0-rc.1", "LATEST", "a..b", "a--b", "a__b", "a.",
            "a-", "a_", "_.", "_-", "1.", "sha256-0123", "list"})
    void acceptsTagsOfTheSpec(String tag) {
        assertTrue(Tag.isValid(tag));
        assertEquals(tag, new Tag(tag).value());
        assertEquals(tag, new Tag(tag).toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "..", "-", "--", ".a", "-a", "..a", "a/b", "/", "a/", "/a", "a:b", ":", "a@b", "a b", " a",
            "a ", "a\t", "a\n", "\na", "a\r\n", "a\u0000", "\u0000", "a%2e", "%61", "a%00", "{{x}}", "a{{x}}", "${x}", "a?b",
            "a#b", "a;b", "a\\b", "a+b", "a~b", "a*", "a,b", "a[", "a`", "a{", "a@", "1+build"})
    void refusesTagsOutsideTheSpec(String tag) {
        assertRefused(tag);
    }

    @ParameterizedTest
    @ValueSource(strings = {"l\u0430test", "\u0410", "caf\u00e9", "a\u2024b", "a\uff0eb", "a\u2010b", "a\u2011b", "a\uff3fb",
            "\u0661", "\uff11", "\u0131", "\u017f", "\u212a", "a\u200b", "\ufeffa", "a\u0301", "\ud835\udc1a", "a\ud835",
            "a\u2028", "a\u0085", "\uff21"})
    void refusesLookAlikes(String tag) {
        assertRefused(tag);
    }

    @Test
    void acceptsUpTo128Characters() {
        for (String start : new String[] {"a", "_", "9"}) {
            for (String rest : new String[] {"a", ".", "-", "_"}) {
                assertTrue(Tag.isValid(start + rest.repeat(127)));
                assertRefused(start + rest.repeat(128));
            }
        }
    }

    @Test
    void theTagOfReferrersHasAtMost64Digits() {
        String hex = "0123456789abcdef".repeat(4);
        assertEquals(new Tag("sha256-" + hex), Tag.ofReferrers(new Digest("sha256:" + hex)));
        assertEquals(new Tag("sha512-" + hex), Tag.ofReferrers(new Digest("sha512:" + hex + "f".repeat(64))));
    }

    @Property(tries = 5000)
    @StatisticsReport(StatisticsReport.StatisticsReportMode.OFF)
    void agreesWithTheSpecOnNearMisses(@ForAll("nearMisses") String tag) {
        boolean right = SPEC.matcher(tag).matches();
        Statistics.collect(right);
        Statistics.coverage(coverage -> {
            coverage.check(true).percentage(percent -> percent > 10);
            coverage.check(false).percentage(percent -> percent > 10);
        });
        assertEquals(right, Tag.isValid(tag));
    }

    @Property(tries = 5000)
    void agreesWithTheSpecOnAnyCharacters(@ForAll String tag) {
        assertEquals(SPEC.matcher(tag).matches(), Tag.isValid(tag));
    }

    @Provide
    Arbitrary<String> nearMisses() {
        Arbitrary<Character> right = Arbitraries.of("azAZ09._-".chars().mapToObj(c -> (char) c).toList());
        Arbitrary<Character> beside = Arbitraries.of("`{@[/:^,+ %\u0000\u0430\uff11\n".chars().mapToObj(c -> (char) c).toList());
        return Arbitraries.frequencyOf(Tuple.of(99, right), Tuple.of(1, beside))
                .list().ofMaxSize(132)
                .map(list -> list.stream().map(String::valueOf).reduce("", String::concat));
    }

    private static void assertRefused(String tag) {
        assertFalse(Tag.isValid(tag));
        assertThrows(IllegalArgumentException.class, () -> new Tag(tag));
    }
}
