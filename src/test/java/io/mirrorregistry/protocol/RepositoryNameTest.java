package io.mirrorregistry.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
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
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class RepositoryNameTest {

    /** As it stands in the spec; possessive only where that changes nothing, so that near misses end soon. */
    private static final Pattern SPEC = Pattern.compile(
            "[a-z0-9]++((\\.|_|__|-++)[a-z0-9]++)*+(/[a-z0-9]++((\\.|_|__|-++)[a-z0-9]++)*+)*+");

    private static final Pattern SPEC_LITERALLY = Pattern.compile(
            "[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*");

    @ParameterizedTest
    @ValueSource(strings = {"a", "0", "library/alpine", "a/b/c/d/e/f", "a.b", "a_b", "a__b", "a-b", "a--b", "a-----b",
            "a.b_c__d---e/f.g", "127.0.0.1/x", "v2/manifests/blobs/tags/list", "manifests", "xn--bcher-kva"})
    void acceptsNamesOfTheSpec(String name) {
        assertTrue(RepositoryName.isValid(name));
        assertEquals(name, new RepositoryName(name).value());
        assertEquals(name, new RepositoryName(name).toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "/", "//", "/a", "a/", "a//b", "a/b/", "A", "aB", "a/B", "a___b", "a..b", "a._b", "a_.b",
            "a-_b", "a_-b", "a-.b", "a.-b", "a___", ".a", "a.", "_a", "a_", "__a", "a__", "-a", "a-", "a--", "a/.b", "a./b",
            "a/_b", "a_/b", "a/-b", "a-/b", "..", "../a", "a/../b", "a/./b", ".", "a b", " a", "a ", "a\t", "a\n", "a\r\nb",
            "a\u0000", "\u0000", "a\u0000b", "a%2fb", "a%2Fb", "a%00", "a%", "{{x}}", "a{{x}}", "${x}", "a:b", "a@b", "a?b",
            "a#b", "a;b", "a\\b", "a+b", "a~b", "a*b", "a,b", "localhost:5000/a"})
    void refusesNamesOutsideTheSpec(String name) {
        assertRefused(name);
    }

    @ParameterizedTest
    @ValueSource(strings = {"\u0430", "\u0430lpine", "caf\u00e9", "a\u2024b", "a\uff0eb", "a\u2044b", "a\u2215b", "a\uff0fb",
            "a\u2010b", "a\u2011b", "a\uff3fb", "\u0661", "\uff11", "\u0131", "\u017f", "\u212a", "a\u200bb", "a\ufeff",
            "a\u0301", "\ud835\udc1a", "\ud835", "a\u2028", "a\u0085"})
    void refusesLookAlikes(String name) {
        assertRefused(name);
    }

    @ParameterizedTest
    @MethodSource
    void acceptsUpTo255Characters(String name) {
        assertEquals(255, name.length());
        assertTrue(RepositoryName.isValid(name));
        assertRefused(name + "a");
        assertRefused("a" + name);
    }

    static Stream<String> acceptsUpTo255Characters() {
        return Stream.of("a".repeat(255), "a/".repeat(127) + "a", "a".repeat(127) + "/" + "b".repeat(127),
                "a" + "-".repeat(253) + "b", "a__".repeat(84) + "aaa");
    }

    @Test
    void comparesByValue() {
        assertEquals(new RepositoryName("a/b"), new RepositoryName("a/b"));
        assertEquals(new RepositoryName("a/b").hashCode(), new RepositoryName("a/b").hashCode());
    }

    @Property(tries = 5000)
    @StatisticsReport(StatisticsReport.StatisticsReportMode.OFF)
    void agreesWithTheSpecOnNearMisses(@ForAll("nearMisses") String name) {
        boolean right = name.length() <= 255 && SPEC.matcher(name).matches();
        Statistics.collect(right);
        Statistics.coverage(coverage -> {
            coverage.check(true).percentage(percent -> percent > 10);
            coverage.check(false).percentage(percent -> percent > 10);
        });
        assertEquals(right, RepositoryName.isValid(name));
    }

    @Property(tries = 5000)
    void agreesWithTheSpecOnAnyCharacters(@ForAll String name) {
        assertEquals(SPEC.matcher(name).matches(), RepositoryName.isValid(name));
    }

    /** Short, so that the literal pattern's backtracking stays cheap. */
    @Property(tries = 2000)
    void isJudgedByThePatternOfTheSpec(@ForAll("shortNearMisses") String name) {
        assertEquals(SPEC_LITERALLY.matcher(name).matches(), SPEC.matcher(name).matches());
    }

    @Provide
    Arbitrary<String> nearMisses() {
        return pieces().list().ofMaxSize(150).map(list -> String.join("", list));
    }

    @Provide
    Arbitrary<String> shortNearMisses() {
        return pieces().list().ofMaxSize(9).map(list -> String.join("", list));
    }

    /** Words far more often than separators, and those far more often than what is never right. */
    private static Arbitrary<String> pieces() {
        return Arbitraries.frequencyOf(
                Tuple.of(40, Arbitraries.of(List.of("a", "z", "0", "9", "b1"))),
                Tuple.of(12, Arbitraries.of(List.of(".a", "_a", "__a", "-a", "--a", "/a"))),
                Tuple.of(1, Arbitraries.of(List.of(".", "_", "__", "___", "-", "---", "/", "//", "..", "A", "%2f",
                        "{{x}}", "\u0000", "\u0430", "`", "{", ":", "@"))));
    }

    private static void assertRefused(String name) {
        assertFalse(RepositoryName.isValid(name));
        assertThrows(IllegalArgumentException.class, () -> new RepositoryName(name));
    }
}
