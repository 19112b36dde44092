package io.mirrorregistry.warm.list;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mirrorregistry.protocol.Tag;
import java.util.List;
import java.util.regex.Pattern;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class WarmFileFuzzTest {

    private static final Pattern PLACE = Pattern.compile("warm\\.yaml(:[0-9]+:[0-9]+)?: .*");
    private static final String SOUND = "images:\n  - name: library/nginx\n    tags: [\"1.27\", \"stable-*\"]\n    newest: 5\n    platforms: [linux/amd64]\n    every: 6h\n";

    @Property
    void nothingElseThanFaultsComesOfAnyText(@ForAll String text) {
        read(text);
    }

    @Property
    void nothingElseThanFaultsComesOfTextsThatLookLikeYaml(@ForAll("nearlyYaml") String text) {
        read(text);
    }

    @Property
    void nothingElseThanFaultsComesOfADamagedFile(@ForAll("damage") String damage, @ForAll int at, @ForAll byte length) {
        int from = Math.floorMod(at, SOUND.length());
        read(SOUND.substring(0, from) + damage + SOUND.substring(Math.min(SOUND.length(), from + Math.floorMod(length, 5))));
    }

    @Property
    void nothingElseThanFaultsComesOfAnyValue(@ForAll String name, @ForAll String tag, @ForAll String other) {
        read("images: [{name: " + quoted(name) + ", tags: [" + quoted(tag) + "], newest: " + quoted(other) + ", platforms: [" + quoted(other) + "], every: " + quoted(other) + "}]");
    }

    /** A regular expression says the same, at a price that grows with the number of wildcards. */
    @Property
    void aGlobFitsWhatARegularExpressionFits(@ForAll("globs") String glob, @ForAll("tags") String tag) {
        Pattern expression = Pattern.compile(glob.replace(".", "\\.").replace("*", ".*").replace("?", "."));
        assertEquals(expression.matcher(tag).matches(), new TagPattern(glob).fits(tag));
    }

    @Property
    void aGlobWithAFaultFitsNoTag(@ForAll("globs") String glob, @ForAll("tags") String tag) {
        if (TagPattern.fault(glob) != null && Tag.isValid(tag)) {
            assertFalse(new TagPattern(glob).fits(tag));
        }
    }

    @Property
    void versionsHaveATotalOrder(@ForAll("tags") String first, @ForAll("tags") String second, @ForAll("tags") String third) {
        TagVersion a = new TagVersion(first);
        TagVersion b = new TagVersion(second);
        TagVersion c = new TagVersion(third);
        assertEquals(Integer.signum(a.compareTo(b)), -Integer.signum(b.compareTo(a)));
        assertEquals(first.equals(second), a.compareTo(b) == 0);
        assertTrue(!(a.compareTo(b) <= 0 && b.compareTo(c) <= 0) || a.compareTo(c) <= 0);
    }

    @Provide
    Arbitrary<String> nearlyYaml() {
        return Arbitraries.of("images", "name", "tags", "newest", "platforms", "every", ": ", ":", "\n", "\n  ", "- ", "[", "]", "{", "}", ", ", "\"", "'", "*", "?", "&a ", "*a",
                "!!int ", "!!binary ", "<<", "|", ">", "#", "%", "@", "---\n", "null", "~", "nginx", "1.27", "\t", "\u0000", "\ud800").list().ofMaxSize(40).map(parts -> String.join("", parts));
    }

    @Provide
    Arbitrary<String> damage() {
        return Arbitraries.strings().withChars("ab1*?:-[]{}\"'\n\t &!|>#%@,~").ofMaxLength(4);
    }

    @Provide
    Arbitrary<String> globs() {
        return Arbitraries.strings().withChars("a1.-_*?").ofMinLength(1).ofMaxLength(8);
    }

    @Provide
    Arbitrary<String> tags() {
        return Combinators.combine(Arbitraries.of("", "v", "a"), Arbitraries.strings().withChars("a01.-_r").ofMinLength(1).ofMaxLength(9)).as(String::concat);
    }

    private static String quoted(String text) {
        return "'" + text.replace("'", "''") + "'";
    }

    private static void read(String text) {
        WarmFile.Result read = WarmFile.read("warm.yaml", text);
        assertEquals(read.list() == null, !read.faults().isEmpty());
        for (List<String> sentences : List.of(read.faults(), read.warnings())) {
            assertTrue(sentences.stream().allMatch(sentence -> PLACE.matcher(sentence).matches()), sentences.toString());
        }
    }
}
