package io.mirrorregistry.registry.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChallengeTest {

    @ParameterizedTest
    @ValueSource(strings = {
        "Bearer realm=\"https://auth.example.com/token\",service=\"registry\",scope=\"repository:a/b:pull\"",
        "bearer REALM=\"https://auth.example.com/token\", Service=\"registry\" , scope=\"repository:a/b:pull\"",
        "BEARER scope=\"repository:a/b:pull\",service=registry,realm=https://auth.example.com/token",
        "Bearer  realm = \"https://auth.example.com/token\" ,, service=\"registry\",scope=\"repository:a/b:pull\"",
        "Bearer realm=\"https://auth.example.com/\\token\",service=\"re\\gistry\",scope=\"repository:a/b:pull\""})
    void readsAChallengeWhateverItsCaseOrderAndQuoting(String line) {
        List<Challenge> challenges = Challenge.parse(List.of(line));
        assertEquals(1, challenges.size());
        assertEquals("bearer", challenges.get(0).scheme());
        assertEquals("https://auth.example.com/token", challenges.get(0).parameter("realm"));
        assertEquals("registry", challenges.get(0).parameter("service"));
        assertEquals("repository:a/b:pull", challenges.get(0).parameter("scope"));
    }

    @Test
    void readsSeveralChallengesInOneLineAndInSeveral() {
        List<Challenge> challenges = Challenge.parse(List.of("Negotiate, Basic realm=\"a, b\", Bearer realm=\"c\"", "Digest nonce=x"));
        assertEquals(List.of("negotiate", "basic", "bearer", "digest"), challenges.stream().map(Challenge::scheme).toList());
        assertEquals("a, b", challenges.get(1).parameter("realm"));
        assertEquals("c", challenges.get(2).parameter("realm"));
    }

    @Test
    void keepsTheFirstOfParametersThatStandTwice() {
        assertEquals("a", Challenge.parse(List.of("Bearer realm=a, realm=b")).get(0).parameter("realm"));
    }

    @Test
    void readsAtMostSixteenChallenges() {
        List<String> lines = List.of("a ".repeat(8000), "Bearer realm=b");
        assertEquals(16, Challenge.parse(lines).size());
        assertEquals(16, Challenge.parse(Collections.nCopies(64, "Bearer realm=x")).size());
        List<Challenge> last = Challenge.parse(List.of("a ".repeat(15) + "Bearer realm=b, service=c, Basic"));
        assertEquals("c", last.get(15).parameter("service"));
    }

    @Test
    void readsAtMostSixteenParametersOfAChallenge() {
        String many = IntStream.range(0, 1000).mapToObj(i -> "p" + i + "=x").collect(Collectors.joining(","));
        List<Challenge> challenges = Challenge.parse(List.of("Bearer " + many + ", Basic realm=\"a\""));
        assertEquals(16, challenges.get(0).parameters().size());
        assertEquals("x", challenges.get(0).parameter("p15"));
        assertEquals("a", challenges.get(1).parameter("realm"));
    }

    @Property
    void readsBackWhatWasWritten(@ForAll("schemes") String scheme, @ForAll("parameters") Map<String, String> parameters) {
        String line = scheme + " " + parameters.entrySet().stream()
                .map(p -> p.getKey() + "=\"" + p.getValue().replace("\\", "\\\\").replace("\"", "\\\"") + "\"")
                .collect(Collectors.joining(", "));
        Challenge read = Challenge.parse(List.of(line)).get(0);
        assertEquals(scheme.toLowerCase(java.util.Locale.ROOT), read.scheme());
        parameters.forEach((name, value) -> assertEquals(value, read.parameter(name), line));
    }

    @Property
    void survivesAnything(@ForAll("noise") String line) {
        for (Challenge challenge : Challenge.parse(List.of(line))) {
            assertNotNull(challenge.scheme());
        }
    }

    @Provide
    Arbitrary<String> schemes() {
        return Arbitraries.of("Bearer", "basic", "BEARER", "Digest");
    }

    @Provide
    Arbitrary<Map<String, String>> parameters() {
        Arbitrary<String> names = Arbitraries.of("realm", "service", "scope", "error", "Realm2");
        Arbitrary<String> values = Arbitraries.strings().withCharRange(' ', '~').ofMaxLength(30);
        return Combinators.combine(names, values, names, values).as((n1, v1, n2, v2) -> {
            Map<String, String> map = new TreeMap<>();
            map.put(n1, v1);
            map.putIfAbsent(n2, v2);
            return map;
        });
    }

    @Provide
    Arbitrary<String> noise() {
        return Arbitraries.strings().withChars("Bearer realm=\"\\,; \t=ab\u0000é").ofMaxLength(60);
    }
}
