package io.mirrorregistry.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Chars;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NamePatternTest {

    @ParameterizedTest
    @CsvSource({"team/app,team/app,true", "team/app,team/apps,false", "team/app,team/ap,false", "team/*,team/app,true", "team/*,team/a/b,false", "team/*,team/,true",
        "team/*,team,false", "team/**,team/a/b,true", "team/**,team/,true", "team/**,team,false", "team/**,teams/a,false", "**,a/b/c,true", "*,a,true", "*,a/b,false",
        "**/app,a/b/app,true", "**/app,app,false", "*/app,a/app,true", "*/app,a/b/app,false", "a*c/**,abc/d,true", "a*c/**,a/c/d,false", "**x**,a/x/b,true",
        "**x**,a/b,false", "a**,abc/d,true", "{user}/**,bob/app,true", "{user}/**,bobby/app,false", "{user}/**,alice/app,false", "{user}-*,bob-x,true", "x/{user},x/bob,true",
        "{use}/a,bob/a,false"})
    void fits(String pattern, String name, boolean fits) {
        assertEquals(fits, NamePattern.of(pattern).fits(name, "bob"));
    }

    @Test
    void aUsersNameStandsForItself() {
        assertFalse(NamePattern.of("{user}/**").fits("team/app", "*"));
        assertFalse(NamePattern.of("{user}/**").fits("team/app", "**"));
        assertFalse(NamePattern.of("{user}/**").fits("/app", ""));
        assertFalse(NamePattern.of("{user}**").fits("app", ""));
    }

    @Test
    void manyWildcardsTakeNoLongTime() {
        NamePattern pattern = NamePattern.of("**a".repeat(50) + "b");
        assertFalse(assertTimeoutPreemptively(Duration.ofSeconds(5), () -> pattern.fits("a".repeat(255), "")));
    }

    @Property
    void fitsAsARegularExpressionDoes(@ForAll @Chars({'a', 'b', '/', '*'}) @StringLength(max = 8) String pattern,
            @ForAll @Chars({'a', 'b', '/'}) @StringLength(max = 8) String name) {
        String expression = pattern.replace("**", "\0").replace("*", "[^/]*").replace("\0", ".*");
        assertEquals(name.matches(expression), NamePattern.of(pattern).fits(name, ""));
    }

    @Property
    void coversOnlyPatternsWhoseNamesItFits(@ForAll @Chars({'a', 'b', '/', '*'}) @StringLength(max = 4) String one,
            @ForAll @Chars({'a', 'b', '/', '*'}) @StringLength(max = 4) String other, @ForAll @Chars({'a', 'b', '/'}) @StringLength(max = 5) String name) {
        if (NamePattern.of(one).covers(NamePattern.of(other)) && NamePattern.of(other).fits(name, "")) {
            assertEquals(true, NamePattern.of(one).fits(name, ""));
        }
    }
}
